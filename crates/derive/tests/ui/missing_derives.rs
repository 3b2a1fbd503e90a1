// A struct that lacks derives of a row is reported at its name.

#[path = "../support/mod.rs"]
mod support;

use deltaview_derive::Indexable;
use serde::Serialize;

#[derive(Debug, PartialEq, Eq, Hash, Serialize, Indexable)]
#[index(crate = "crate::support")]
struct Product {
    #[index]
    name: String,
}

fn main() {}
