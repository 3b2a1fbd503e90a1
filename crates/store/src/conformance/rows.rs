//! The rows that the cases work on, with their indexes. What the derive would write is written by hand here, because
//! the derive is not below this crate.

use std::cmp::Reverse;

use deltaview_schema::{Index, Indexable, Shape};
use serde::{Deserialize, Serialize};

/// A product, by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Product {
    pub(super) name: String,
    pub(super) price: i64,
}

impl Product {
    pub(super) fn new(name: &str, price: i64) -> Self {
        let name = name.to_string();
        Self { name, price }
    }

    pub(super) fn by_name() -> Index<Self, String> {
        Index::declared("name", ["name"], |row: &Self| row.name.clone())
    }

    pub(super) fn by_price() -> Index<Self, i64> {
        Index::declared("price", ["price"], |row: &Self| row.price)
    }
}

/// A line of a receipt: so many of a product in a basket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) basket: u32,
    pub(super) product: String,
    pub(super) quantity: i64,
}

impl Line {
    pub(super) fn new(basket: u32, product: &str, quantity: i64) -> Self {
        let product = product.to_string();
        Self {
            basket,
            product,
            quantity,
        }
    }

    pub(super) fn by_basket() -> Index<Self, u32> {
        Index::declared("basket", ["basket"], |row: &Self| row.basket)
    }

    pub(super) fn by_product() -> Index<Self, String> {
        Index::declared("product", ["product"], |row: &Self| row.product.clone())
    }

    pub(super) fn by_basket_and_quantity() -> Index<Self, (u32, Reverse<i64>)> {
        Index::declared(
            "basket_and_quantity",
            ["basket", "quantity"],
            |row: &Self| (row.basket, Reverse(row.quantity)),
        )
    }
}

/// An account, by its number: the row of the keyed tables.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) id: i64,
    pub(super) owner: Option<String>,
    pub(super) balance: i64,
}

impl Account {
    pub(super) fn new(id: i64, owner: Option<&str>, balance: i64) -> Self {
        let owner = owner.map(str::to_string);
        Self { id, owner, balance }
    }

    pub(super) fn by_id() -> Index<Self, i64> {
        Index::declared("id", ["id"], |row: &Self| row.id)
    }

    pub(super) fn by_owner() -> Index<Self, Option<String>> {
        Index::declared("owner", ["owner"], |row: &Self| row.owner.clone())
    }
}

macro_rules! indexable {
    ($($row:ident { $($field:ident: $type:ty),* } by $($index:ident),*;)*) => { $(
        impl Indexable for $row {
            type Key = ();

            fn default_index() -> Index<Self, ()> {
                Index::unkeyed()
            }

            fn shape() -> Shape {
                Shape::structure(
                    stringify!($row),
                    [$((stringify!($field), Shape::of::<$type>())),*],
                )
            }

            fn indexes() -> Vec<deltaview_schema::IndexSchema> {
                vec![$(Self::$index().schema()),*]
            }
        }
    )* };
}

indexable! {
    Product { name: String, price: i64 } by by_name, by_price;
    Line { basket: u32, product: String, quantity: i64 } by by_basket, by_product, by_basket_and_quantity;
    Account { id: i64, owner: Option<String>, balance: i64 } by by_id, by_owner;
}
