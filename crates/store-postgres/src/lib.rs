//! deltaview's tables as Postgres writes them.
//!
//! It owns the Postgres dialect of a graph's tables, from Postgres 13 up, for the `schema` command. There is no store
//! over a connection yet, and no driver is compiled. It never knows SQLite.
//!
//! # Tables
//!
//! As in every store, a state table has the columns of its index, then `identity`, `data` and `c`. Columns are native
//! types: `bigint`, `boolean`, `uuid`, `bytea`, and `text COLLATE "C"`, which is ordered by bytes whatever the locale of
//! the database. `None` is NULL.
//!
//! A unique index takes NULLs as distinct, so a row with a `None` could be there twice. The index is therefore not on
//! such a column itself, but on whether it is there (`IS NOT NULL`, which puts `None` first) and on its value or, for
//! `None`, a value of the same type in its place (`COALESCE`).
//!
//! ```
//! use deltaview_graph::Graph;
//! use deltaview_store_postgres::schema_sql;
//!
//! let (graph, _) = Graph::build("words", |g| g.input::<String>("words").view("seen"))?;
//! assert!(schema_sql(&graph).contains("CREATE TABLE \"deltaview\".\"words__seen__view\""));
//! # Ok::<(), deltaview_graph::BuildError>(())
//! ```

mod ddl;

pub use ddl::{PostgresDialect, schema_sql};
