//! The Postgres store: a graph's state as tables of a Postgres database, which may be the application's own.
mod catalog;
mod ddl;
mod engine;
mod error;
mod fetch;
mod names;
#[cfg(test)]
mod on_postgres;
mod options;
mod pipeline;
mod ranges;
mod retry;
mod scan;
mod scope;
mod statements;
mod store;
mod values;
mod view;
mod write;

pub use ddl::{PostgresDialect, schema_sql};
pub use options::PostgresOptions;
pub use store::{Pending, PostgresStore};
pub use view::{Rows, Snapshot, View};

pub use {deadpool_postgres, tokio_postgres};
