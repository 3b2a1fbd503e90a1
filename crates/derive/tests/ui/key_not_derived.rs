// An enum without `IndexKey` is no key: reported at the field, once.

#[path = "../support/mod.rs"]
mod support;

use deltaview_derive::Indexable;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Status {
    Open,
    Paid,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(crate = "crate::support")]
#[index(name = "price_and_status", columns(price, status desc))]
struct Product {
    #[index]
    status: Status,
    price: i64,
}

fn main() {}
