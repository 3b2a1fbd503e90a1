//! Compares the code that the derives write with `tests/expand`: the expansion of each `<case>.in.rs` is in
//! `<case>.rs` beside it. After a change that is meant, run the test with `UPDATE_EXPANSIONS=1` and read the diff.

use std::path::PathBuf;
use std::{env, fs};

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::expand;

#[test]
fn product() {
    compare("product", expand::indexable);
}

#[test]
fn composite() {
    compare("composite", expand::indexable);
}

#[test]
fn generic() {
    compare("generic", expand::indexable);
}

#[test]
fn tuple() {
    compare("tuple", expand::indexable);
}

#[test]
fn unit() {
    compare("unit", expand::indexable);
}

#[test]
fn with_errors() {
    compare("with_errors", expand::indexable);
}

#[test]
fn status() {
    compare("status", expand::index_key);
}

#[test]
fn discriminants() {
    compare("discriminants", expand::index_key);
}

fn compare(case: &str, derive: fn(&DeriveInput) -> TokenStream) {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/expand");
    let input =
        fs::read_to_string(directory.join(format!("{case}.in.rs"))).expect("the input of the case");
    let input: DeriveInput = syn::parse_str(&input).expect("one item");
    let expansion = syn::parse2(derive(&input)).expect("items");
    let expansion = prettyplease::unparse(&expansion);

    let file = directory.join(format!("{case}.rs"));
    if env::var_os("UPDATE_EXPANSIONS").is_some() {
        fs::write(&file, &expansion).expect("a snapshot that can be written");
    }
    let snapshot = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(
        expansion,
        snapshot,
        "{} is not the expansion: see the module's documentation",
        file.display()
    );
}
