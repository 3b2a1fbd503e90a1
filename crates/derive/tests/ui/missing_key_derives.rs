// An enum that lacks derives of a key is reported at its name.

#[path = "../support/mod.rs"]
mod support;

use deltaview_derive::IndexKey;

#[derive(Clone, Debug, PartialEq, Eq, IndexKey)]
#[index(crate = "crate::support")]
enum Status {
    Open,
    Paid,
}

fn main() {}
