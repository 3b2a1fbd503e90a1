//! What the tests share: a temporary database, a small shop, and the whole of a database as text.

use std::path::PathBuf;

use deltaview_graph::{Edit, Graph, InputHandle, TableHandle, ViewHandle};
use deltaview_schema::{Index, IndexKey, Row};
use deltaview_store::{Error, ErrorKind, Store};
use deltaview_store_sqlite::SqliteStore;
use deltaview_store_sqlite::rusqlite::{Connection, types::Value};
use deltaview_zset::{Keyed, Pair, Weight};

/// A struct that is a row without indexes of its own.
macro_rules! row {
    ($name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        #[derive(
            Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        pub(crate) struct $name { $(pub(crate) $field: $type),* }

        impl deltaview_schema::Indexable for $name {
            type Key = ();
            fn default_index() -> deltaview_schema::Index<Self, ()> {
                deltaview_schema::Index::unkeyed()
            }
            fn shape() -> deltaview_schema::Shape {
                let fields = [$((stringify!($field), deltaview_schema::Shape::of::<$type>())),*];
                deltaview_schema::Shape::structure(stringify!($name), fields)
            }
        }
    };
}
pub(crate) use row;

/// A folder that is removed in the end, with the path of a database in it.
pub(crate) struct Temp {
    pub(crate) folder: tempfile::TempDir,
}

impl Temp {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn db(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }

    /// A plain connection to the database.
    pub(crate) fn connection(&self) -> Connection {
        Connection::open(self.db()).unwrap()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.db()).unwrap()
    }

    /// The names of the files in the folder.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// The whole database: its schema, and every row of every table.
pub(crate) fn dump(conn: &Connection) -> Vec<String> {
    let mut lines = Vec::new();
    let mut tables = Vec::new();
    let sql = "SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY type, name";
    let mut statement = conn.prepare(sql).unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (kind, name, sql): (String, String, String) = (
            row.get(0).unwrap(),
            row.get(1).unwrap(),
            row.get(2).unwrap(),
        );
        lines.push(format!("{kind} {name}: {sql}"));
        if kind == "table" {
            tables.push(name);
        }
    }
    for table in tables {
        let mut statement = conn
            .prepare(&format!("SELECT * FROM \"{}\"", table.replace('"', "\"\"")))
            .unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<Value> = (0..columns)
                .map(|column| row.get(column).unwrap())
                .collect();
            lines.push(format!("{table}: {values:?}"));
        }
    }
    lines
}

/// Checks an error's kind, and that its whole text has these words.
#[track_caller]
pub(crate) fn assert_error(error: &Error, kind: ErrorKind, words: &[&str]) {
    assert_eq!(error.kind(), kind, "{error}");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "no {word:?} in: {text}");
    }
}

/// The rows of a view by its handle's index, in order.
pub(crate) fn rows<T: Row, K: IndexKey>(
    store: &SqliteStore,
    view: ViewHandle<T, K>,
) -> Vec<(T, Weight)> {
    store
        .view(view)
        .iter()
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

row!(Product {
    id: u32,
    name: String,
    price: i64
});
row!(Item {
    number: u64,
    product: u32,
    qty: i64
});

pub(crate) type Sold = Pair<Item, Product>;
pub(crate) type Total = Keyed<u32, i64>;

/// A keyed table, a raw input, a join of them, a sum by group: each kind of table that a store writes.
pub(crate) struct Shop {
    pub(crate) graph: Graph,
    pub(crate) products: TableHandle<Product, u32>,
    pub(crate) items: InputHandle<Item>,
    pub(crate) sold: ViewHandle<Sold, u64>,
    pub(crate) sold_by_qty: ViewHandle<Sold, i64>,
    pub(crate) totals: ViewHandle<Total, u32>,
}

pub(crate) fn shop() -> Shop {
    shop_named("shop")
}

pub(crate) fn shop_named(name: &str) -> Shop {
    let built = Graph::build(name, |g| {
        let by_id = || Index::new("id", |product: &Product| product.id);
        let products = g.table("products", by_id());
        let items = g.input::<Item>("items");
        let by_product = Index::new("product", |item: &Item| item.product);
        let joined = items.join(products, by_product, by_id());
        let sold = joined.view_by("sold", Index::new("number", |sold: &Sold| sold.left.number));
        let sold_by_qty = g.also_by(sold, Index::new("qty", |sold: &Sold| sold.left.qty));
        let totals = joined
            .group_by(Index::new("product", |sold: &Sold| sold.left.product))
            .sum(|sold| sold.left.qty * sold.right.price)
            .view("totals");
        (products.handle(), items.handle(), sold, sold_by_qty, totals)
    });
    let (graph, (products, items, sold, sold_by_qty, totals)) = built.unwrap();
    Shop {
        graph,
        products,
        items,
        sold,
        sold_by_qty,
        totals,
    }
}

pub(crate) fn product(id: u32, price: i64) -> Product {
    Product {
        id,
        name: format!("product number {id}"),
        price,
    }
}

pub(crate) fn item(number: u64, product: u32, qty: i64) -> Item {
    Item {
        number,
        product,
        qty,
    }
}

impl Shop {
    /// Two products, and three items of them: totals of 21 and 20.
    pub(crate) fn fill(&self, store: &mut SqliteStore) {
        store
            .change()
            .insert(self.products, [product(1, 3), product(2, 5)])
            .insert(self.items, [item(1, 1, 2), item(2, 1, 5), item(3, 2, 4)])
            .commit()
            .unwrap();
    }

    pub(crate) fn totals_of(&self, store: &SqliteStore) -> Vec<(u32, i64)> {
        rows(store, self.totals)
            .into_iter()
            .map(|(total, _)| (total.key, total.value))
            .collect()
    }
}
