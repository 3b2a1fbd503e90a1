// Names: taken ones, also where only the case differs, and ones that no constructor can have.

#[path = "../support/mod.rs"]
mod support;

use deltaview_derive::Indexable;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(crate = "crate::support")]
#[index(name = "by_name_and_price", columns(name, price))]
#[index(name = "name_and_price", columns(price, name))]
#[index(name = "by_", columns(price))]
struct Product {
    #[index]
    name: String,
    #[index]
    #[index(desc)]
    price: i64,
    #[index(name = "Price")]
    tax: i64,
    #[index(name = "not a name")]
    colour: String,
}

fn main() {}
