//! What is wrong with a graph is told with the line of the user's code.

use deltaview_graph::{BuildError, Graph, ProblemKind};
use deltaview_schema::Index;

use super::{by_length, by_word};

/// Each problem's kind, and its line relative to the first line of the closure.
fn problems(error: &BuildError, first_line: u32) -> Vec<(ProblemKind, u32)> {
    error
        .problems()
        .iter()
        .map(|problem| (problem.kind(), problem.location().line() - first_line))
        .collect()
}

#[test]
fn duplicate_names_are_told_with_both_lines() {
    let line = line!();
    let built = Graph::build("g", |g| {
        let words = g.input::<String>("words");
        let again = g.input::<String>("Words");
        words.plus(again).output("out")
    });
    let error = built.expect_err("SQL would not tell the names apart");
    assert_eq!(problems(&error, line), [(ProblemKind::DuplicateName, 3)]);
    assert!(
        error
            .to_string()
            .contains(&format!("problems.rs:{}", line + 2)),
        "{error}"
    );
}

#[test]
fn two_aggregates_of_one_grouping_ask_for_a_name() {
    let built = Graph::build("g", |g| {
        let lengths = g.input::<String>("words").group_by(by_length());
        let first = lengths.clone().sum(|word| word.len() as i64);
        let second = lengths.sum(|word| -(word.len() as i64));
        (first.output("first"), second.output("second"))
    });
    let error = built
        .expect_err("two tables would have one name")
        .to_string();
    assert!(
        error.contains("`words_sum_by_length`") && error.contains(".named("),
        "{error}"
    );
}

#[test]
fn named_makes_room_for_both() {
    let built = Graph::build("g", |g| {
        let lengths = g.input::<String>("words").group_by(by_length());
        let first = lengths.clone().sum(|word| word.len() as i64).named("plus");
        let second = lengths.sum(|word| -(word.len() as i64)).named("minus");
        (first.output("first"), second.output("second"))
    });
    built.expect("both have a name");
}

#[test]
fn every_problem_is_told_at_once() {
    let line = line!();
    let built = Graph::build("", |g| {
        let words = g.input::<String>("");
        let nul = g.input::<String>("a\0b");
        words.filter(|_| true).handle();
        words.plus(nul).output("out")
    });
    let error = built.expect_err("three names are wrong, and a handle");
    assert_eq!(
        problems(&error, line),
        [
            (ProblemKind::BadName, 1),
            (ProblemKind::BadName, 2),
            (ProblemKind::BadName, 3),
            (ProblemKind::ForeignHandle, 4),
        ]
    );
}

#[test]
fn streams_of_two_graphs_do_not_mix() {
    let outer = Graph::build("outer", |outer| {
        let words = outer.input::<String>("words");
        let inner = Graph::build("inner", |inner| {
            let names = inner.input::<String>("names");
            (
                names.plus(words).output("sum"),
                names.join(words, by_length(), by_length()).output("joined"),
            )
        });
        let error = inner.expect_err("the streams are of two graphs");
        let kinds: Vec<ProblemKind> = error
            .problems()
            .iter()
            .map(|problem| problem.kind())
            .collect();
        assert_eq!(
            kinds,
            [ProblemKind::ForeignStream, ProblemKind::ForeignStream]
        );
        words.output("words_out")
    });
    outer.expect("the outer graph is right");
}

#[test]
fn columns_of_one_name_are_refused() {
    let built = Graph::build("g", |g| {
        let view = g.input::<String>("words").view_by("seen", by_word());
        let _same_name = g.also_by(view, Index::new("WORD", |word: &String| word.len() as i64));
    });
    let error = built.expect_err("two columns would have one name");
    assert_eq!(error.problems()[0].kind(), ProblemKind::DuplicateColumn);
}

#[test]
fn the_same_view_twice_is_refused() {
    let built = Graph::build("g", |g| {
        let words = g.input::<String>("words");
        (
            words.view_by("one", by_word()),
            words.view_by("two", by_word()),
        )
    });
    let error = built
        .expect_err("the first view's handle reads the same")
        .to_string();
    assert!(
        error.contains("`two`") && error.contains("`one`"),
        "{error}"
    );
}

#[test]
fn tables_of_one_name_are_refused_though_their_vertices_have_two() {
    let built = Graph::build("g", |g| {
        let words = g.input::<String>("x");
        let index = Index::new("y__view", |word: &String| word.len() as i64);
        let joined = words.join(words, index.clone(), index);
        (joined.output("joined"), words.view_by("x__by_y", by_word()))
    });
    let error = built
        .expect_err("both tables would be `g__x__by_y__view`")
        .to_string();
    assert!(error.contains("`g__x__by_y__view`"), "{error}");
}

#[test]
fn names_of_indexes_are_checked_too() {
    let built = Graph::build("g", |g| {
        let words = g.input::<String>("words");
        let nul = Index::new("a\0b", |word: &String| word.len() as i64);
        let empty = Index::new("", |word: &String| word.len() as i64);
        (
            words.view_by("seen", nul),
            words.group_by(empty).count().output("counts"),
        )
    });
    let error = built.expect_err("no database can hold the names");
    assert!(
        error
            .problems()
            .iter()
            .all(|problem| problem.kind() == ProblemKind::BadName),
        "{error}"
    );
    assert_eq!(error.problems().len(), 2);
}

#[test]
fn a_history_is_kept_in_one_way() {
    use std::num::NonZeroU64;
    use std::time::Duration;

    use deltaview_graph::Retention;

    let line = line!();
    let built = Graph::build("g", |g| {
        let words = g.input::<String>("words");
        let view = words.view_by("view", by_word());
        let by_length = g.also_by(view, by_length());
        g.with_history(view, Retention::Forever);
        g.with_history(view, Retention::Forever); // the same again is nothing new
        g.with_history(view, Retention::Times(NonZeroU64::MIN));
        g.with_history(by_length, Retention::Forever);
        let other = words.view("other");
        g.with_history(other, Retention::Span(Duration::ZERO));
    });
    let error = built.expect_err("three things are wrong");
    let expected = [7, 8, 10].map(|line| (ProblemKind::Retention, line));
    assert_eq!(problems(&error, line), expected);
    assert!(error.to_string().contains("for ever"), "{error}");
    let (_, foreign) = Graph::build("other", |g| g.input::<String>("words").view("view")).unwrap();
    let built = Graph::build("g", |g| {
        g.input::<String>("words").view("view");
        g.with_history(foreign, Retention::Forever);
    });
    let problems = built.expect_err("a view of another graph");
    assert_eq!(problems.problems()[0].kind(), ProblemKind::ForeignHandle);
}
