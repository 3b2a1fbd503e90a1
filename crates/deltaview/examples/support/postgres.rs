//! The Postgres store for a program that is not asynchronous: each call waits until it is done.
//!
//! An asynchronous program uses [`PostgresStore`] itself, which has the same methods with `.await`.

use std::fmt;

use anyhow::Context;
use deltaview::postgres::Snapshot;
use deltaview::postgres::deadpool_postgres::{Manager, Pool};
use deltaview::postgres::tokio_postgres::{Config, NoTls};
use deltaview::prelude::*;
use deltaview::{Bounds, Change, Committed, Error, Fetch, Order, Reading, Row, Rows, ViewHandle};
use tokio::runtime::{Builder, Runtime};

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
    pub(crate) fn connect(&self, graph: &Graph) -> anyhow::Result<Blocking> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let pool = Pool::builder(Manager::new(Config::clone(&self.config), NoTls)).build()?;
        let options = PostgresOptions::new().schema(&self.schema);
        let store = runtime.block_on(options.connect(pool, graph))?;
        Ok(Blocking { store, runtime })
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

/// A Postgres store behind the interface of the others.
pub(crate) struct Blocking {
    store: PostgresStore,
    runtime: Runtime,
}

impl Store for Blocking {
    fn graph(&self) -> &Graph {
        self.store.graph()
    }

    fn commit_with(
        &mut self,
        change: &Change,
        options: &CommitOptions,
    ) -> Result<Committed, Error> {
        self.runtime
            .block_on(self.store.commit_with(change, options))
    }

    fn status(&self) -> Result<Status, Error> {
        self.runtime.block_on(self.store.status())
    }

    fn resume(&mut self) -> Result<i64, Error> {
        self.runtime.block_on(self.store.resume())
    }

    fn abandon(&mut self, time: i64) -> Result<(), Error> {
        self.runtime.block_on(self.store.abandon(time))
    }

    fn time(&self) -> Result<i64, Error> {
        self.runtime.block_on(self.store.time())
    }

    fn scan<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        bounds: Bounds<K>,
        order: Order,
    ) -> Result<Rows<'_, T>, Error> {
        let view = match order {
            Order::Forward => self.store.view(view),
            Order::Backward => self.store.view(view).rev(),
        };
        let mut rows = self.runtime.block_on(view.scan(bounds))?;
        Ok(Rows::new(std::iter::from_fn(move || {
            self.runtime.block_on(rows.next())
        })))
    }

    fn reading(&self) -> Result<Box<dyn Reading + '_>, Error> {
        let snapshot = self.runtime.block_on(self.store.snapshot_at_rest())?;
        Ok(Box::new(BlockingSnapshot {
            snapshot,
            runtime: &self.runtime,
        }))
    }
}

struct BlockingSnapshot<'s> {
    snapshot: Snapshot,
    runtime: &'s Runtime,
}

impl Reading for BlockingSnapshot<'_> {
    fn answer(&mut self, fetches: &mut [Fetch]) -> Result<(), Error> {
        self.runtime.block_on(self.snapshot.answer(fetches))
    }
}
