// Every wrong column is reported, at the column.

#[path = "../support/mod.rs"]
mod support;

use deltaview_derive::Indexable;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(crate = "crate::support")]
#[index(name = "unknown", columns(colour, name desc, price))]
#[index(name = "twice", columns(name, name desc))]
#[index(name = "nothing", columns())]
#[index(name = "neither", columns(name asc))]
#[index(name = "without_columns")]
#[index(columns(name))]
#[index]
struct Product {
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(crate = "crate::support")]
#[index(name = "long", columns(a, b, c, d, e, f, g, h, i))]
struct Wide {
    a: u8,
    b: u8,
    c: u8,
    d: u8,
    e: u8,
    f: u8,
    g: u8,
    h: u8,
    i: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(crate = "crate::support")]
#[index(name = "of_nothing", columns(2, name))]
struct Position(u8);

fn main() {}
