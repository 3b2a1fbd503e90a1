//! A small shop whose views have history: a keyed table's, with one row a key; a join's, with many; a sum's; and one of
//! rows that are their own identity.

use std::num::NonZeroU64;
use std::path::PathBuf;

use deltaview_graph::{Change, Edit, Graph, InputHandle, Retention, TableHandle, ViewHandle};
use deltaview_schema::Index;
use deltaview_store::Error;
use deltaview_store_sqlite::rusqlite::Connection;
use deltaview_store_sqlite::{SqliteOptions, SqliteStore, Synchronous};
use deltaview_zset::{Keyed, Pair};

/// An id, a name, a price.
pub(crate) type Product = (u32, String, i64);
/// A number, a product, a quantity.
pub(crate) type Item = (u64, u32, i64);
pub(crate) type Sold = Pair<Item, Product>;
pub(crate) type Total = Keyed<u32, i64>;

pub(crate) struct Shop {
    pub(crate) graph: Graph,
    pub(crate) products: TableHandle<Product, u32>,
    pub(crate) items: InputHandle<Item>,
    pub(crate) words: InputHandle<String>,
    pub(crate) all: ViewHandle<Product, u32>,
    pub(crate) all_by_price: ViewHandle<Product, (i64, Option<String>)>,
    pub(crate) sold: ViewHandle<Sold, u32>,
    pub(crate) sold_by_qty: ViewHandle<Sold, std::cmp::Reverse<i64>>,
    pub(crate) totals: ViewHandle<Total, u32>,
    pub(crate) seen: ViewHandle<String, Option<i64>>,
    pub(crate) count: ViewHandle<i64, ()>,
}

pub(crate) fn shop() -> Shop {
    shop_that_keeps(Retention::Forever)
}

pub(crate) fn last(times: u64) -> Retention {
    Retention::Times(NonZeroU64::new(times).unwrap())
}

pub(crate) fn shop_that_keeps(retention: Retention) -> Shop {
    let built = Graph::build("shop", |g| {
        let by_id = || Index::new("id", |product: &Product| product.0);
        let products = g.table("products", by_id());
        let items = g.input::<Item>("items");
        let words = g.input::<String>("words");
        let all = g.with_history(products.view_by("all", by_id()), retention);
        let by_price = Index::new("price", |product: &Product| {
            (product.2, (product.2 > 3).then(|| product.1.clone()))
        });
        let all_by_price = g.also_by(all, by_price);
        let by_product = Index::new("product", |item: &Item| item.1);
        let joined = items.join(products, by_product, by_id());
        let sold = joined.view_by("sold", Index::new("product", |sold: &Sold| sold.left.1));
        let by_qty = Index::new("qty", |sold: &Sold| std::cmp::Reverse(sold.left.2));
        let sold_by_qty = g.also_by(sold, by_qty);
        let sold = g.with_history(sold, retention);
        let totals = joined
            .group_by(Index::new("product", |sold: &Sold| sold.left.1))
            .sum(|sold| sold.left.2 * sold.right.2)
            .view("totals");
        let totals = g.with_history(totals, retention);
        let by_length = Index::new("length", |word: &String| {
            (word.len() > 1).then_some(word.len() as i64)
        });
        let seen = g.with_history(words.view_by("seen", by_length), retention);
        let count = items.count().view_by("count", Index::unkeyed());
        let count = g.with_history(count, retention);
        (
            (products.handle(), items.handle(), words.handle()),
            (all, all_by_price, sold, sold_by_qty, totals, seen, count),
        )
    });
    let (graph, (inputs, views)) = built.unwrap();
    let (products, items, words) = inputs;
    let (all, all_by_price, sold, sold_by_qty, totals, seen, count) = views;
    Shop {
        graph,
        products,
        items,
        words,
        all,
        all_by_price,
        sold,
        sold_by_qty,
        totals,
        seen,
        count,
    }
}

/// A folder that is removed in the end, with the path of a database in it.
pub(crate) struct Temp(tempfile::TempDir);

impl Temp {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn db(&self) -> PathBuf {
        self.0.path().join("test.db")
    }

    pub(crate) fn connection(&self) -> Connection {
        Connection::open(self.db()).unwrap()
    }

    pub(crate) fn open(&self, graph: &Graph) -> Result<SqliteStore, Error> {
        // No power is lost here.
        SqliteOptions::new()
            .synchronous(Synchronous::Off)
            .open(self.db(), graph)
    }
}

pub(crate) fn product(id: u32, price: i64) -> Product {
    // Too long to be its own identity.
    let name =
        format!("a product with the number {id}, and with a name that is longer than most are");
    (id, name, price)
}

/// A change of all inputs, the same for the same number: products come, change and go, items come and go, words too.
pub(crate) fn change(shop: &Shop, n: i64) -> Change {
    let id = |n: i64| (n.unsigned_abs() % 5) as u32;
    let item = |n: i64| (n.unsigned_abs() / 2, id(n * n), n % 3 + 1);
    let mut change = shop
        .graph
        .change()
        .insert(shop.items, [item(n)])
        .insert(shop.words, ["x".repeat(usize::try_from(n % 4).unwrap())])
        .insert(shop.words, [format!("the word of number {}", n % 3)]);
    change = if n % 4 == 3 {
        change.delete(shop.products, id(n - 1))
    } else {
        change.upsert(shop.products, [product(id(n), n % 6)])
    };
    if n > 6 {
        change = change.remove(shop.items, [item(n - 6)]);
    }
    if n > 3 && n % 2 == 0 {
        change = change.remove(shop.words, [format!("the word of number {}", (n - 1) % 3)]);
    }
    change
}
