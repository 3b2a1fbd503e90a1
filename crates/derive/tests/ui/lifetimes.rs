// A row borrows nothing.

#[path = "../support/mod.rs"]
mod support;

use deltaview_derive::Indexable;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(crate = "crate::support")]
struct Word<'a, 'b> {
    #[index]
    text: &'a str,
    other: &'b str,
}

fn main() {}
