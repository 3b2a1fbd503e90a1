//! A shop: baskets of products with prices, and their totals. What a store has of it is compared with the memory store,
//! to which the same changes are made.

use deltaview::prelude::*;
use deltaview_graph::Change;
use deltaview_store_postgres::PostgresStore;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Product {
    #[index]
    pub(crate) name: String,
    pub(crate) price: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Line {
    pub(crate) basket: u32,
    #[index]
    pub(crate) product: String,
    pub(crate) quantity: i64,
    pub(crate) note: Option<String>,
}

pub(crate) struct Shop {
    pub(crate) graph: Graph,
    pub(crate) products: TableHandle<Product, String>,
    pub(crate) lines: InputHandle<Line>,
    pub(crate) totals: ViewHandle<Keyed<u32, i64>, u32>,
    pub(crate) joined: ViewHandle<Pair<Line, Product>, u32>,
    pub(crate) by_note: ViewHandle<Line, Option<String>>,
    pub(crate) oracle: MemoryStore,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let (graph, (products, lines, totals, joined, by_note)) = Graph::build("shop", |g| {
            let products = g.table("products", Product::by_name());
            let lines = g.input::<Line>("lines");
            let joined = lines.join(products, Line::by_product(), Product::by_name());
            let basket = || Index::new("basket", |p: &Pair<Line, Product>| p.left.basket);
            let totals = joined
                .group_by(basket())
                .sum(|p| p.left.quantity * p.right.price);
            let by_note = Index::new("note", |line: &Line| line.note.clone());
            (
                products.handle(),
                lines.handle(),
                totals.view("totals"),
                joined.view_by("joined", basket()),
                lines.view_by("by_note", by_note),
            )
        })
        .unwrap();
        Self {
            oracle: MemoryStore::new(&graph),
            graph,
            products,
            lines,
            totals,
            joined,
            by_note,
        }
    }

    /// A change that touches all that there is: it can be made once for each number.
    pub(crate) fn change(&self, number: u32) -> Change {
        let name = format!("product {number}");
        let lines = (0..4).map(|i| Line {
            basket: number % 3,
            product: format!("product {}", number.saturating_sub(i)),
            quantity: i64::from(i) + 1,
            note: (i > 1).then(|| format!("a note that is longer than an identity {i}")),
        });
        let change = self
            .graph
            .change()
            .insert(
                self.products,
                [Product {
                    name,
                    price: i64::from(number) + 1,
                }],
            )
            .insert(self.lines, lines);
        if number > 0 {
            change.update(
                self.products,
                format!("product {}", number - 1),
                |product| {
                    product.price += 10;
                },
            )
        } else {
            change
        }
    }

    /// Makes the change to the oracle.
    pub(crate) fn expect(&mut self, change: &Change) {
        self.oracle.commit(change).unwrap();
    }

    /// Compares all that a store has with the oracle.
    pub(crate) async fn assert_same(&self, store: &PostgresStore) {
        let now = store.snapshot().await.unwrap();
        assert_eq!(now.time(), self.oracle.time().unwrap());
        macro_rules! compare {
            ($($view:ident),*) => {$(
                let rows = now.view(self.$view).iter().await.unwrap().into_zset().await.unwrap();
                let expected = self.oracle.view(self.$view).iter().unwrap().into_zset().unwrap();
                assert_eq!(rows, expected);
            )*};
        }
        compare!(totals, joined, by_note);
    }
}
