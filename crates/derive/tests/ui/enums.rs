// `Indexable` is for structs.

#[path = "../support/mod.rs"]
mod support;

use deltaview_derive::Indexable;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(crate = "crate::support")]
enum Status {
    Open,
    Paid(u8),
}

#[derive(Clone, Copy, Indexable)]
#[index(crate = "crate::support")]
union Bits {
    float: f32,
    integer: u32,
}

fn is_indexable<T: deltaview_schema::Indexable>() {}

fn both() {
    is_indexable::<Status>();
    is_indexable::<Bits>();
}

fn main() {}
