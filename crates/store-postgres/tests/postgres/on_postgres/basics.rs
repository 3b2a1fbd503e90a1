//! What everybody does first: connect, commit, read.

use deltaview::prelude::*;
use futures::TryStreamExt;

use crate::common::Place;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
struct Product {
    #[index]
    name: String,
    price: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
struct Line {
    basket: u32,
    #[index]
    product: String,
    quantity: i64,
}

#[tokio::test]
async fn totals_of_baskets_are_kept() {
    let (graph, (products, lines, joined, totals)) = Graph::build("receipts", |g| {
        let products = g.input::<Product>("products");
        let lines = g.input::<Line>("lines");
        let joined = products.join(lines, Product::by_name(), Line::by_product());
        let totals = joined
            .group_by(Index::new("basket", |p: &Pair<Product, Line>| {
                p.right.basket
            }))
            .sum(|p| p.left.price * p.right.quantity);
        (
            products.handle(),
            lines.handle(),
            joined.output("joined"),
            totals.view("totals"),
        )
    })
    .unwrap();
    let place = Place::new();
    let store = place.connect(&graph).await;
    let product = |name: &str, price| Product {
        name: name.to_string(),
        price,
    };
    let line = |basket, product: &str, quantity| Line {
        basket,
        product: product.to_string(),
        quantity,
    };
    store
        .change()
        .insert(products, [product("tv", 3), product("radio", 5)])
        .commit()
        .await
        .unwrap();
    let changed = store
        .change()
        .insert(
            lines,
            [line(1, "tv", 2), line(1, "radio", 1), line(2, "tv", 1)],
        )
        .commit()
        .await
        .unwrap();
    assert_eq!(changed.time(), 2);
    assert_eq!(changed.get(joined).unwrap().len(), 3);
    let again = place.connect(&graph).await;
    let rows: Vec<_> = again
        .view(totals)
        .iter()
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(rows, [(Keyed::new(1, 11), 1), (Keyed::new(2, 3), 1)]);
    assert_eq!(
        store.view(totals).get(&2).await.unwrap(),
        Some(Keyed::new(2, 3))
    );
    assert_eq!(store.time().await.unwrap(), 2);
}
