//! The store behind the contract of stores that block.

use std::pin::Pin;
use std::sync::Arc;

use deltaview_graph::{Bounds, Change, Explanation, Fetch, Graph, Order, ViewHandle};
use deltaview_schema::{IndexKey, Row};
use deltaview_store::{Committed, Error, Reading, Rows, Store, Verified};
use deltaview_store_postgres::{PostgresStore, Snapshot};
use tokio::runtime::Runtime;

use crate::common::Place;

/// The store, with each call blocking until it is done: for tests that know the contract of stores.
pub(crate) struct Blocking {
    store: PostgresStore,
    runtime: Arc<Runtime>,
}

impl Blocking {
    pub(crate) fn connect(
        runtime: &Arc<Runtime>,
        place: &Place,
        graph: &Graph,
    ) -> Result<Self, Error> {
        let store = runtime.block_on(place.try_connect(graph))?;
        Ok(Self::new(runtime, store))
    }

    pub(crate) fn new(runtime: &Arc<Runtime>, store: PostgresStore) -> Self {
        Self {
            store,
            runtime: Arc::clone(runtime),
        }
    }

    /// The store that does not block.
    #[allow(dead_code, reason = "not all tests that share this file use it")]
    pub(crate) fn inner(&self) -> &PostgresStore {
        &self.store
    }

    /// What waits knows no types: so it is compiled once, and not once for each sort of row.
    pub(crate) fn wait<R>(&self, future: impl Future<Output = R>) -> R {
        let mut result = None;
        {
            let mut waiting = std::pin::pin!(async { result = Some(future.await) });
            let waiting: Pin<&mut dyn Future<Output = ()>> = waiting.as_mut();
            self.runtime.block_on(waiting);
        }
        result.expect("the future has come to its end")
    }
}

impl Store for Blocking {
    fn graph(&self) -> &Graph {
        self.store.graph()
    }

    fn commit(&mut self, change: &Change) -> Result<Committed, Error> {
        self.wait(self.store.commit(change))
    }

    fn time(&self) -> Result<i64, Error> {
        self.wait(self.store.time())
    }

    fn reading(&self) -> Result<Box<dyn Reading + '_>, Error> {
        let snapshot = self.wait(self.store.snapshot())?;
        Ok(Box::new(Read {
            blocking: self,
            snapshot,
        }))
    }

    fn verify_up_to<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        most: usize,
    ) -> Result<Verified<T>, Error> {
        self.wait(self.store.verify_up_to(view, most))
    }

    fn explain<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        row: &T,
    ) -> Result<Explanation, Error> {
        self.wait(self.store.explain(view, row))
    }

    fn scan<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        bounds: Bounds<K>,
        order: Order,
    ) -> Result<Rows<'_, T>, Error> {
        let view = self.store.view(view);
        let view = match order {
            Order::Forward => view,
            Order::Backward => view.rev(),
        };
        let mut rows = self.wait(view.scan(bounds))?;
        Ok(Rows::new(std::iter::from_fn(move || {
            self.wait(rows.next())
        })))
    }
}

/// A snapshot that blocks.
struct Read<'s> {
    blocking: &'s Blocking,
    snapshot: Snapshot,
}

impl Reading for Read<'_> {
    fn answer(&mut self, fetches: &mut [Fetch]) -> Result<(), Error> {
        self.blocking.wait(self.snapshot.answer(fetches))
    }
}
