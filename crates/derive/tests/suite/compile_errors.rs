//! Each file of `tests/ui` fails to compile, with exactly the errors that are beside it. After a change that is meant,
//! run with `TRYBUILD=overwrite` and read the diff.

#[test]
fn errors_are_at_the_token_to_change_and_in_the_users_words() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
