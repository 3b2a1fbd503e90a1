//! The store behind the contract of stores that block.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deltaview_graph::{Bounds, Change, Explanation, Fetch, Graph, Order, ViewHandle};
use deltaview_schema::{IndexKey, Row};
use deltaview_store::feed::Follow;
use deltaview_store::protocol::Status;
use deltaview_store::{
    CommitOptions, Committed, Delta, Error, Reading, Rows, Store, Subscription, Verified,
};
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

    pub(crate) fn wait<R>(&self, future: impl Future<Output = R>) -> R {
        wait(&self.runtime, future)
    }

    fn following<T: Row>(
        &self,
        begun: Result<deltaview_store_postgres::Subscription<T>, Error>,
    ) -> Result<Subscription<T>, Error> {
        let subscription = begun?;
        let time = subscription.time();
        let following = Following {
            runtime: Arc::clone(&self.runtime),
            subscription: Some(subscription),
        };
        Ok(Subscription::new(following, time))
    }
}

/// What waits knows no types: so it is compiled once, and not once for each sort of row.
fn wait<R>(runtime: &Runtime, future: impl Future<Output = R>) -> R {
    let mut result = None;
    {
        let mut waiting = std::pin::pin!(async { result = Some(future.await) });
        let waiting: Pin<&mut dyn Future<Output = ()>> = waiting.as_mut();
        runtime.block_on(waiting);
    }
    result.expect("the future has come to its end")
}

/// A subscription that blocks.
struct Following<T> {
    runtime: Arc<Runtime>,
    /// Nothing, once its cursor is removed.
    subscription: Option<deltaview_store_postgres::Subscription<T>>,
}

impl<T: Row> Follow<T> for Following<T> {
    fn next_within(&mut self, within: Duration) -> Result<Option<Delta<T>>, Error> {
        let subscription = self.subscription.as_mut().expect("it is not removed");
        // One that looks only takes what is in the log by now: that is asked for, and waited for.
        let within = within.max(Duration::from_millis(150));
        wait(&self.runtime, async {
            match tokio::time::timeout(within, subscription.next()).await {
                Ok(next) => next.transpose(),
                Err(_) => Ok(None),
            }
        })
    }

    fn commit(&mut self, _: i64) -> Result<(), Error> {
        let subscription = self.subscription.as_mut().expect("it is not removed");
        wait(&self.runtime, subscription.commit())
    }

    fn remove(&mut self) -> Result<(), Error> {
        let subscription = self.subscription.take().expect("it is removed once");
        wait(&self.runtime, subscription.remove())
    }
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
        self.wait(self.store.commit_with(change, options))
    }

    fn status(&self) -> Result<Status, Error> {
        self.wait(self.store.status())
    }

    fn resume(&mut self) -> Result<i64, Error> {
        self.wait(self.store.resume())
    }

    fn abandon(&mut self, time: i64) -> Result<(), Error> {
        self.wait(self.store.abandon(time))
    }

    fn time(&self) -> Result<i64, Error> {
        self.wait(self.store.time())
    }

    fn subscribe<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
    ) -> Result<Subscription<T>, Error> {
        self.following(self.wait(self.store.view(view).subscribe()))
    }

    fn since<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        cursor: &str,
    ) -> Result<Subscription<T>, Error> {
        self.following(self.wait(self.store.view(view).since(cursor)))
    }

    fn wait_for(&self, time: i64, within: Duration) -> Result<(), Error> {
        self.wait(self.store.wait_for(time, within))
    }

    fn reading(&self) -> Result<Box<dyn Reading + '_>, Error> {
        let snapshot = self.wait(self.store.snapshot_at_rest())?;
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
