//! What the benchmarks measure: the query of the README, with as many products and baskets as wanted; [`meters`], what
//! is measured beside peers; [`operators`], one at a time; and further [`workloads`], of which one is of real flights.

#[cfg(feature = "workloads")]
pub mod flights;
pub mod meters;
#[cfg(feature = "operators")]
pub mod operators;
#[cfg(feature = "workloads")]
pub mod workloads;

use deltaview::prelude::*;

/// What is sold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub struct Product {
    /// Its number.
    #[index]
    pub id: u32,
    /// What one costs.
    pub price: i64,
}

/// So many of a product in a basket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub struct LineItem {
    /// The basket.
    pub basket: u32,
    /// The product.
    #[index]
    pub product: u32,
    /// How many.
    pub qty: i64,
}

/// The handles of [`receipts`].
#[derive(Clone, Copy, Debug)]
pub struct Receipts {
    /// What is sold.
    pub products: InputHandle<Product>,
    /// What is in the baskets.
    pub line_items: InputHandle<LineItem>,
    /// The total of each basket.
    pub totals: ViewHandle<Keyed<u32, i64>, u32>,
}

/// A join, a sum by basket, and a view of it.
pub fn receipts() -> (Graph, Receipts) {
    Graph::build("receipts", |g| {
        let products = g.input::<Product>("products");
        let line_items = g.input::<LineItem>("line_items");
        let totals = products
            .join(line_items, Product::by_id(), LineItem::by_product())
            .group_by(Index::new("basket", |pair: &Pair<Product, LineItem>| {
                pair.right.basket
            }))
            .sum(|pair| pair.left.price * pair.right.qty);
        Receipts {
            products: products.handle(),
            line_items: line_items.handle(),
            totals: totals.view("totals"),
        }
    })
    .expect("the graph is right")
}

/// Products with the numbers from 0.
pub fn products(count: u32) -> impl Iterator<Item = Product> {
    (0..count).map(|id| Product {
        id,
        price: i64::from(id % 100) + 1,
    })
}

/// Line items with the numbers of a range, spread over baskets of five, and over so many products.
pub fn line_items(numbers: std::ops::Range<u32>, products: u32) -> impl Iterator<Item = LineItem> {
    numbers.map(move |number| LineItem {
        basket: number / 5,
        // An odd multiplier spreads consecutive numbers over all products.
        product: number.wrapping_mul(2_654_435_761) % products,
        qty: i64::from(number % 7) + 1,
    })
}
