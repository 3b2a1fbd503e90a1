//! The Postgres store for a program that is not asynchronous: each call waits until it is done.
//!
//! An asynchronous program uses [`PostgresStore`] itself, which has the same methods with `.await`.

use std::fmt;

use anyhow::Context;
use deltaview::postgres::BlockingPostgresStore;
use deltaview::postgres::deadpool_postgres::{Manager, Pool};
use deltaview::postgres::tokio_postgres::{Config, NoTls};
use deltaview::prelude::*;

/// A database, and the schema in it that the views are kept in.
pub(crate) struct Database {
    config: Box<Config>,
    schema: String,
}

impl Database {
    pub(crate) fn new(url: &str, schema: &str) -> anyhow::Result<Self> {
        Ok(Self {
            config: Box::new(
                url.parse()
                    .context("--store is no URL of a Postgres database")?,
            ),
            schema: schema.to_string(),
        })
    }

    /// Connects, and makes the tables where there are none.
    pub(crate) fn connect(&self, graph: &Graph) -> anyhow::Result<BlockingPostgresStore> {
        let pool = Pool::builder(Manager::new(Config::clone(&self.config), NoTls)).build()?;
        let options = PostgresOptions::new().schema(&self.schema);
        Ok(BlockingPostgresStore::connect_with(options, pool, graph)?)
    }
}

/// Without the password.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "schema {:?}", self.schema)?;
        match self.config.get_dbname() {
            Some(name) => write!(f, " of the Postgres database {name:?}"),
            None => f.write_str(" of a Postgres database"),
        }
    }
}
