// An error is all that is reported: what the derive makes is there all the same.

#[path = "../support/mod.rs"]
mod support;

use deltaview_derive::Indexable;
use deltaview_schema::Index;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(crate = "crate::support")]
#[index(name = "by_name_and_colour", columns(name, colour))]
struct Product {
    #[index]
    name: String,
    #[index(unique)]
    price: i64,
}

fn indexes() -> (Index<Product, String>, Index<Product, i64>, Index<Product, (String, u8)>) {
    (Product::by_name(), Product::by_price(), Product::by_name_and_colour())
}

fn is_row<T: deltaview_schema::Row>() {}

fn rows() {
    indexes();
    is_row::<Product>();
}

fn main() {}
