// Unknown and misplaced options, and others that are right beside them.

#[path = "../support/mod.rs"]
mod support;

use deltaview_derive::Indexable;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(crate = "crate::support")]
#[index(unique, name = "a", columns(name), desc)]
#[index = "name"]
#[index(name = "b", name = "c", columns(name))]
#[index(crate = "not a path")]
#[index(crate = "crate::support")]
struct Product {
    #[index(columns(name), unique, name = "d")]
    name: String,
    #[index(crate = "x", desc, desc)]
    price: i64,
    #[index(name = 5)]
    tax: i64,
}

fn main() {}
