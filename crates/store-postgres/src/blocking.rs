//! [`BlockingPostgresStore`]: the store for a program that is not asynchronous. Each call waits until it is done.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use deadpool_postgres::Pool;
use deltaview_graph::{Bounds, Change, Explanation, Fetch, Graph, Order, ViewHandle};
use deltaview_schema::{IndexKey, Row};
use deltaview_store::feed::Follow;
use deltaview_store::protocol::Status;
use deltaview_store::{
    CommitOptions, Committed, Delta, Error, ErrorKind, Forgotten, Reading, Rows, Store,
    Subscription, Verified, Version,
};
use tokio::runtime::{Builder, Runtime};

use crate::{PostgresOptions, PostgresStore, Snapshot, View};

/// A [`PostgresStore`] behind the contract of the stores that block, for programs and threads without a runtime: it has
/// one of its own, or shares one.
///
/// It must not be used by a task of a runtime: that is what [`PostgresStore`] is for.
///
/// ```no_run
/// # use deltaview_graph::Graph;
/// # use deltaview_store::Store;
/// # use deltaview_store_postgres::BlockingPostgresStore;
/// # use deltaview_store_postgres::{deadpool_postgres::{Manager, Pool}, tokio_postgres::NoTls};
/// # fn read() -> Result<(), Box<dyn std::error::Error>> {
/// # let (graph, seen) = Graph::build("words", |g| g.input::<String>("words").view("seen"))?;
/// let manager = Manager::new("postgres://app@localhost/app".parse()?, NoTls);
/// let store = BlockingPostgresStore::connect(Pool::builder(manager).build()?, &graph)?;
/// for row in store.view(seen).iter()? {
///     println!("{}", row?.0);
/// }
/// # Ok(())
/// # }
/// ```
pub struct BlockingPostgresStore {
    store: PostgresStore,
    runtime: Arc<Runtime>,
}

impl fmt::Debug for BlockingPostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BlockingPostgresStore")
            .field(&self.store)
            .finish()
    }
}

impl BlockingPostgresStore {
    /// As [`PostgresStore::connect`], with a runtime of its own.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn connect(pool: Pool, graph: &Graph) -> Result<Self, Error> {
        Self::connect_with(PostgresOptions::new(), pool, graph)
    }

    /// As [`PostgresOptions::connect`], with a runtime of its own.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn connect_with(
        options: PostgresOptions,
        pool: Pool,
        graph: &Graph,
    ) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            let message = "starting a runtime for a blocking store".to_string();
            Error::new(ErrorKind::Database, message).caused_by(error)
        })?;
        let store = wait(&runtime, options.connect(pool, graph))?;
        Ok(Self::new(store, Arc::new(runtime)))
    }

    /// A store that was connected, by a runtime that may have others.
    pub fn new(store: PostgresStore, runtime: Arc<Runtime>) -> Self {
        Self { store, runtime }
    }

    /// The store that does not block.
    pub fn inner(&self) -> &PostgresStore {
        &self.store
    }

    /// Waits for a future of the store's, as for those that have no place in [`Store`].
    pub fn block_on<R>(&self, future: impl Future<Output = R>) -> R {
        wait(&self.runtime, future)
    }

    fn scan_view<T: Row, K: IndexKey>(
        &self,
        view: View<T, K>,
        bounds: Bounds<K>,
        order: Order,
    ) -> Result<Rows<'_, T>, Error> {
        let view = match order {
            Order::Forward => view,
            Order::Backward => view.rev(),
        };
        let mut rows = self.block_on(view.scan(bounds))?;
        Ok(Rows::new(std::iter::from_fn(move || {
            // Only a page is waited for.
            rows.next_read().or_else(|| self.block_on(rows.next()))
        })))
    }

    fn following<T: Row>(
        &self,
        begun: Result<crate::Subscription<T>, Error>,
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
    subscription: Option<crate::Subscription<T>>,
}

impl<T: Row> Follow<T> for Following<T> {
    fn next_within(&mut self, within: Duration) -> Result<Option<Delta<T>>, Error> {
        let subscription = self.subscription.as_mut().expect("it is not removed");
        wait(&self.runtime, subscription.next_within(within))
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

impl Store for BlockingPostgresStore {
    fn graph(&self) -> &Graph {
        self.store.graph()
    }

    fn commit_with(
        &mut self,
        change: &Change,
        options: &CommitOptions,
    ) -> Result<Committed, Error> {
        self.block_on(self.store.commit_with(change, options))
    }

    fn status(&self) -> Result<Status, Error> {
        self.block_on(self.store.status())
    }

    fn resume(&mut self) -> Result<i64, Error> {
        self.block_on(self.store.resume())
    }

    fn abandon(&mut self, time: i64) -> Result<(), Error> {
        self.block_on(self.store.abandon(time))
    }

    fn time(&self) -> Result<i64, Error> {
        self.block_on(self.store.time())
    }

    fn subscribe<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
    ) -> Result<Subscription<T>, Error> {
        self.following(self.block_on(self.store.view(view).subscribe()))
    }

    fn since<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        cursor: &str,
    ) -> Result<Subscription<T>, Error> {
        self.following(self.block_on(self.store.view(view).since(cursor)))
    }

    fn wait_for(&self, time: i64, within: Duration) -> Result<(), Error> {
        self.block_on(self.store.wait_for(time, within))
    }

    fn reading(&self) -> Result<Box<dyn Reading + '_>, Error> {
        let snapshot = self.block_on(self.store.snapshot_at_rest())?;
        Ok(Box::new(Read {
            blocking: self,
            snapshot,
        }))
    }

    fn time_at(&self, instant: SystemTime) -> Result<i64, Error> {
        self.block_on(self.store.time_at(instant))
    }

    fn instant_of(&self, time: i64) -> Result<Option<SystemTime>, Error> {
        self.block_on(self.store.instant_of(time))
    }

    fn horizon<T: Row, K: IndexKey>(&self, view: ViewHandle<T, K>) -> Result<i64, Error> {
        self.block_on(self.store.view(view).horizon())
    }

    fn scan_as_of<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        bounds: Bounds<K>,
        order: Order,
        time: i64,
    ) -> Result<Rows<'_, T>, Error> {
        self.scan_view(self.store.view(view).at(time), bounds, order)
    }

    fn deltas_page<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        after: i64,
        up_to: i64,
        rows: usize,
    ) -> Result<Vec<Delta<T>>, Error> {
        let source = self.store.source();
        self.block_on(source.deltas_page(view, after, up_to, rows))
    }

    fn times_page<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        before: i64,
        times: usize,
    ) -> Result<Vec<i64>, Error> {
        self.block_on(self.store.source().times_page(view, before, times))
    }

    fn versions_page<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        key: &K,
        at: i64,
        ended_before: Option<i64>,
        rows: usize,
    ) -> Result<Vec<Version<T>>, Error> {
        let source = self.store.source();
        self.block_on(source.versions_page(view, key, at, ended_before, rows))
    }

    fn follow_from<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        cursor: Option<&str>,
        time: i64,
    ) -> Result<Subscription<T>, Error> {
        let view = self.store.view(view).at(time);
        self.following(match cursor {
            Some(cursor) => self.block_on(view.since(cursor)),
            None => self.block_on(view.subscribe()),
        })
    }

    fn forget_step<T: Row, K: IndexKey>(
        &mut self,
        view: ViewHandle<T, K>,
        time: i64,
        rows: usize,
    ) -> Result<Forgotten, Error> {
        self.block_on(self.store.forget_step(view, time, rows))
    }

    fn verify_up_to<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        most: usize,
    ) -> Result<Verified<T>, Error> {
        self.block_on(self.store.verify_up_to(view, most))
    }

    fn explain<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        row: &T,
    ) -> Result<Explanation, Error> {
        self.block_on(self.store.explain(view, row))
    }

    fn look_up<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        key: &K,
    ) -> Result<Option<T>, Error> {
        self.block_on(self.store.view(view).get(key))
    }

    fn scan<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        bounds: Bounds<K>,
        order: Order,
    ) -> Result<Rows<'_, T>, Error> {
        self.scan_view(self.store.view(view), bounds, order)
    }
}

/// A snapshot that blocks.
struct Read<'s> {
    blocking: &'s BlockingPostgresStore,
    snapshot: Snapshot,
}

impl Reading for Read<'_> {
    fn answer(&mut self, fetches: &mut [Fetch]) -> Result<(), Error> {
        self.blocking.block_on(self.snapshot.answer(fetches))
    }
}
