//! The oracle on a real Postgres server, which `DELTAVIEW_TEST_POSTGRES` names: `cargo xtask test` knows the tests by the
//! name of this module. Each graph has a schema of its own. It owns the store as the rig drives it, and holds nothing
//! against anything itself.

mod graphs;
mod sql;

use std::cell::RefCell;
use std::ops::Bound;
use std::sync::Arc;

use deltaview::{Error, Graph, IndexKey, Row, Rows, Store, TableId, ViewHandle};
use deltaview_store_postgres::{Rows as Arriving, Snapshot, View};
use tokio::runtime::Runtime;

use crate::blocking::Blocking;
use crate::common::{Place, blocking};
use crate::probe::Viewed;
use crate::rig::StoredRow;

/// What Postgres cuts names to.
const NAME_LIMIT: usize = 63;

/// A Postgres store and the schema that it is in.
pub(crate) struct OnPostgres {
    pub(crate) store: Blocking,
    /// What views are read from, while all of them are.
    snapshot: RefCell<Option<Snapshot>>,
    place: Arc<Place>,
    runtime: Arc<Runtime>,
}

impl OnPostgres {
    pub(crate) fn new(graph: &Graph) -> Self {
        // A pool of its own: what is left of a schema's transactions is terminated when the schema is dropped.
        let place = Arc::new(Place::new());
        let runtime = Arc::new(blocking());
        let store = crate::blocking::connect(&runtime, &place, graph);
        Self {
            store: store.expect("a new schema takes the graph"),
            snapshot: RefCell::default(),
            place,
            runtime,
        }
    }

    /// Forgets all that is not in the database.
    pub(crate) fn reopen(&mut self, graph: &Graph) -> Result<(), Error> {
        self.store = crate::blocking::connect(&self.runtime, &self.place, graph)?;
        Ok(())
    }

    /// Another store of the same tables, which may only read.
    pub(crate) fn reader(&self, graph: &Graph) -> Result<Self, Error> {
        let options = self.place.options();
        let store = options.connect_read_only(self.place.pool.clone(), graph);
        let store = self.runtime.block_on(store)?;
        Ok(Self {
            store: Blocking::new(store, Arc::clone(&self.runtime)),
            snapshot: RefCell::default(),
            place: Arc::clone(&self.place),
            runtime: Arc::clone(&self.runtime),
        })
    }

    /// Has views read from one snapshot until the end is told: fewer round trips. Otherwise each read is by the store.
    pub(crate) fn begin_snapshot(&self) -> Result<(), Error> {
        let snapshot = self.runtime.block_on(self.store.inner().snapshot())?;
        self.snapshot.replace(Some(snapshot));
        Ok(())
    }

    pub(crate) fn end_snapshot(&self) {
        self.snapshot.take();
    }

    /// A view, with the ways to read it that are Postgres's own.
    pub(crate) fn view<T: Row, K: IndexKey>(
        &self,
        handle: ViewHandle<T, K>,
    ) -> impl Viewed<T, K> + '_ {
        Asynchronous {
            on: self,
            view: match &*self.snapshot.borrow() {
                Some(snapshot) => snapshot.view(handle),
                None => self.store.inner().view(handle),
            },
        }
    }

    /// The rows of a table, as they are stored: groups may be in the table of the view that shows them.
    pub(crate) fn rows(&self, table: TableId) -> Vec<StoredRow> {
        let graph = self.store.graph();
        let shown_in = graph.view_of_groups(table);
        let schema = graph.table(shown_in.unwrap_or(table)).schema();
        let part = if shown_in.is_some() { "state" } else { "data" };
        let place = format!(
            "\"{}\".\"{}\"",
            self.place.schema,
            schema.name(Some(NAME_LIMIT))
        );
        let sql = if schema.unique {
            let columns = format!("''::bytea, {part}, 1::bigint");
            format!("SELECT {columns} FROM {place} WHERE {part} IS NOT NULL")
        } else {
            format!("SELECT identity, data, c FROM {place}")
        };
        let rows = self.store.block_on(async {
            let client = self.place.pool.get().await.expect("a connection");
            client.query_typed(&sql, &[]).await
        });
        let rows = rows.expect("the table is there");
        let row = |row: &deltaview_store_postgres::tokio_postgres::Row| {
            (row.get(0), row.get(1), row.get(2))
        };
        rows.iter().map(row).collect()
    }
}

/// A view that is waited for.
struct Asynchronous<'s, T, K> {
    on: &'s OnPostgres,
    view: View<T, K>,
}

impl<T: Row, K: IndexKey> Asynchronous<'_, T, K> {
    fn directed(&self, backwards: bool) -> View<T, K> {
        let view = self.view.clone();
        if backwards { view.rev() } else { view }
    }

    fn rows(
        &self,
        rows: impl Future<Output = Result<Arriving<T>, Error>>,
    ) -> Result<Rows<'_, T>, Error> {
        let mut rows = self.on.store.block_on(rows)?;
        let next = move || self.on.store.block_on(rows.next());
        Ok(Rows::new(std::iter::from_fn(next)))
    }
}

impl<T: Row, K: IndexKey> Viewed<T, K> for Asynchronous<'_, T, K> {
    fn iter(&self, backwards: bool) -> Result<Rows<'_, T>, Error> {
        self.rows(self.directed(backwards).iter())
    }

    fn key(&self, key: &K) -> Result<Rows<'_, T>, Error> {
        self.rows(self.view.clone().key(key))
    }

    fn get(&self, key: &K) -> Result<Option<T>, Error> {
        self.on.store.block_on(self.view.clone().get(key))
    }

    fn keys(&self, keys: Vec<K>) -> Result<Rows<'_, T>, Error> {
        self.rows(self.view.clone().keys(keys))
    }

    fn range(&self, range: (Bound<K>, Bound<K>), backwards: bool) -> Result<Rows<'_, T>, Error> {
        self.rows(self.directed(backwards).range(range))
    }
}
