// A key type that has no order is reported at the field, once.

#[path = "../support/mod.rs"]
mod support;

use deltaview_derive::Indexable;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Indexable)]
#[index(crate = "crate::support")]
#[index(name = "name_and_price", columns(name, price desc))]
struct Product {
    #[index]
    name: String,
    #[index]
    price: Option<f64>,
}

fn main() {}
