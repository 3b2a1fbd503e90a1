//! Views that keep themselves up to date, inside the database an application already has.
//!
//! You write a query once, as ordinary typed Rust over your own structs. deltaview compiles it to a graph, keeps the
//! graph's state in memory, in SQLite or in Postgres, and on every change does only the work that the change needs. Every commit
//! returns what changed, and any process can read the maintained views later.
//!
//! ```
//! use deltaview::prelude::*;
//!
//! #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
//! struct Product {
//!     #[index]
//!     name: String,
//!     price: i64,
//! }
//!
//! #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
//! struct LineItem {
//!     basket_id: u32,
//!     #[index]
//!     product_name: String,
//!     qty: i64,
//! }
//!
//! let (graph, (products, line_items, joined, totals)) = Graph::build("receipts", |g| {
//!     let products = g.input::<Product>("products");
//!     let line_items = g.input::<LineItem>("line_items");
//!     let joined = products.join(line_items, Product::by_name(), LineItem::by_product_name());
//!     let totals = joined
//!         .group_by(Index::new("basket_id", |p: &Pair<Product, LineItem>| p.right.basket_id))
//!         .sum(|p| p.left.price * p.right.qty);
//!     (products.handle(), line_items.handle(), joined.output("joined"), totals.view("totals"))
//! })?;
//!
//! let mut store = MemoryStore::new(&graph); // or SqliteStore::open("shop.db", &graph)?
//! let changed = store
//!     .change()
//!     .insert(products, [Product { name: "tv".into(), price: 3 }])
//!     .insert(line_items, [LineItem { basket_id: 1, product_name: "tv".into(), qty: 2 }])
//!     .commit()?;
//! for (pair, count) in changed.get(joined)? {
//!     assert_eq!((pair.right.qty, count), (2, 1));
//! }
//! assert_eq!(store.view(totals).get(&1)?.map(|total| total.value), Some(6));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The operators are the methods of [`Stream`], [`Grouped`] and [`Window`]. Two pages of the repository go with them:
//! `docs/coming-from-sql.md` has twenty queries in SQL and in Rust, `docs/operators.md` what each operator means, keeps
//! and costs.
//!
//! # Features
//!
//! - `sqlite`: [`SqliteStore`](https://docs.rs/deltaview-store-sqlite), with SQLite compiled in; `sqlite-system` links
//!   the system's.
//! - `postgres`: [`PostgresStore`](https://docs.rs/deltaview-store-postgres), over tokio-postgres and deadpool-postgres.
//! - `ttkv`: [`TimeMap`](https://docs.rs/deltaview-ttkv), a key-value map that remembers, on the stores that are chosen.
//! - `schema-command`: a ready command that prints the tables of your graphs, for an xtask of your own.
//! - `metrics`: numbers of the work that stores do, by the crate of that name: see [`observe`]. Spans and events of
//!   `tracing` are there without a feature.
//! - `svg`: pictures of a graph as SVG.
//! - `uuid`, `rust_decimal`, `chrono`, `jiff`: their types as keys; the last two also as moments of the [`history`].
//!
//! With none of them there is the memory store, and no database driver is compiled.

pub use deltaview_derive::{IndexKey, Indexable};
pub use deltaview_graph::{
    Bounds, BuildError, Builder, Change, Edit, Explanation, Fetch, Graph, Grouped, HandleError, In,
    InputHandle, KeyedTableStream, Looped, Order, OutputHandle, Problem, ProblemKind, Retention,
    Root, Scope, Sink, Source, Stream, Table, TableHandle, TableId, TickError, TickErrorKind,
    Vertex, VertexId, ViewHandle, Window, WindowFunction, agg, over,
};
pub use deltaview_schema::{
    ColumnType, Difference, Field, Identity, Index, IndexKey, IndexSchema, Indexable, KeyColumn,
    KeyValue, NotNan, OrderedFloat, Row, Shape, TableSchema, TimeKey, codec,
};
pub use deltaview_store::{
    AsOf, ChangeId, CommitOptions, Committed, Delta, Error, ErrorKind, Flush, Forgotten,
    MemoryStore, Moment, Pages, Pending, Reading, RowDifference, Rows, Store, Subscription, Time,
    Verified, Version, View, catalog, history, observe, protocol,
};
pub use deltaview_zset::{AbelianGroup, Keyed, Pair, Weight, WeightOverflow, ZSet, render_table};

#[cfg(feature = "schema-command")]
pub use deltaview_store::schema_command;
#[cfg(feature = "postgres")]
pub use deltaview_store_postgres as postgres;
#[cfg(feature = "postgres")]
pub use deltaview_store_postgres::{PostgresOptions, PostgresStore};
#[cfg(feature = "sqlite-system")]
pub use deltaview_store_sqlite as sqlite;
#[cfg(feature = "sqlite-system")]
pub use deltaview_store_sqlite::{SqliteOptions, SqliteStore, Synchronous};
#[cfg(feature = "ttkv")]
pub use deltaview_ttkv as ttkv;

/// All that a query and its use need: `use deltaview::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Edit, Graph, Index, IndexKey, Indexable, InputHandle, Keyed, MemoryStore, OrderedFloat,
        OutputHandle, Pair, Store, Stream, TableHandle, ViewHandle, Weight, ZSet,
    };
    #[cfg(feature = "postgres")]
    pub use crate::{PostgresOptions, PostgresStore};
    #[cfg(feature = "sqlite-system")]
    pub use crate::{SqliteOptions, SqliteStore};
    pub use serde::{Deserialize, Serialize};
    pub use std::cmp::Reverse;
}

/// What the derive macros' code refers to. Not public API.
#[doc(hidden)]
pub mod __private {
    pub use deltaview_schema::{
        ColumnType, Index, IndexKey, IndexSchema, Indexable, KeyColumn, KeyValue, Row, Shape, probe,
    };
}

/// The README's example, as a test.
#[cfg(all(doctest, feature = "sqlite-system"))]
#[doc = include_str!("../../../README.md")]
mod readme {}

/// The examples of the pages in `docs`, as tests.
#[cfg(doctest)]
mod docs {
    #[doc = include_str!("../../../docs/operators.md")]
    mod operators {}

    #[doc = include_str!("../../../docs/coming-from-sql.md")]
    mod coming_from_sql {}

    #[cfg(feature = "sqlite-system")]
    #[doc = include_str!("../../../docs/many-workers.md")]
    mod many_workers {}

    #[cfg(all(feature = "ttkv", feature = "sqlite-system"))]
    #[doc = include_str!("../../../docs/time-travel.md")]
    mod time_travel {}
}
