//! The query: products and line items in, receipts out.

use deltaview::prelude::*;
use deltaview::{BuildError, Retention};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Product {
    #[index]
    pub(crate) name: String,
    /// In whole dollars.
    pub(crate) price: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct LineItem {
    pub(crate) basket_id: u32,
    #[index]
    pub(crate) product_name: String,
    pub(crate) qty: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Receipt {
    #[index]
    pub(crate) basket_id: u32,
    pub(crate) text: String,
}

/// What a change is made with, and what is read.
#[derive(Clone, Copy)]
pub(crate) struct Shop {
    pub(crate) products: InputHandle<Product>,
    pub(crate) line_items: InputHandle<LineItem>,
    pub(crate) receipts: ViewHandle<Receipt, u32>,
}

/// The query: what SQL would write as
///
/// ```sql
/// SELECT basket_id, 'Basket id: ' || basket_id || ' total: $' || sum(price * qty)
/// FROM products JOIN line_items ON name = product_name
/// GROUP BY basket_id
/// ```
///
/// The view has history: what it was at each time can be read later.
pub(crate) fn graph() -> Result<(Graph, Shop), BuildError> {
    Graph::build("receipts", |g| {
        let products = g.input::<Product>("products");
        let line_items = g.input::<LineItem>("line_items");
        let by_basket = Index::new("basket_id", |sold: &Pair<Product, LineItem>| {
            sold.right.basket_id
        });
        let receipts = products
            .join(line_items, Product::by_name(), LineItem::by_product_name())
            .group_by(by_basket)
            .sum(|sold| sold.left.price * sold.right.qty)
            .map(|total| Receipt {
                basket_id: total.key,
                text: format!("Basket id: {} total: ${}", total.key, total.value),
            });
        Shop {
            products: products.handle(),
            line_items: line_items.handle(),
            receipts: g.with_history(
                receipts.view_by("receipts", Receipt::by_basket_id()),
                Retention::Forever,
            ),
        }
    })
}
