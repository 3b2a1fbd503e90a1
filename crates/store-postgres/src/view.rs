//! Reading a view: [`View`] says which rows and in which order, [`Rows`] are they, [`Snapshot`] is the state that they
//! are of.

use std::future::poll_fn;
use std::ops::RangeBounds;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use deltaview_graph::{Bounds, Fetch, Order, ViewHandle};
use deltaview_schema::{IndexKey, Row};
use deltaview_store::feed::not_reached;
use deltaview_store::{Error, ErrorKind};
use deltaview_zset::{Weight, ZSet};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};

use crate::cursor::Page;
use crate::engine::Engine;
use crate::history::At;
use crate::reader::Reader;
use crate::retry::Pauses;
use crate::scan::{self, Decode};
use crate::store::Inner;
use crate::subscription::Subscription;
use crate::workers::{Deadline, hints};

/// A view, to be read: made by [`PostgresStore::view`](crate::PostgresStore::view) and [`Snapshot::view`].
pub struct View<T, K> {
    pub(crate) source: Source,
    pub(crate) handle: ViewHandle<T, K>,
    order: Order,
    /// The time that it is read as of; nothing: the present.
    pub(crate) at: Option<i64>,
}

/// What a view is read from.
#[derive(Clone)]
pub(crate) enum Source {
    /// Each read by a connection and a transaction of its own.
    Store(Arc<Inner>),
    Snapshot(Arc<Reader>),
}

impl Source {
    pub(crate) fn engine(&self) -> &Engine {
        match self {
            Self::Store(inner) => &inner.engine,
            Self::Snapshot(reader) => &reader.inner().engine,
        }
    }

    pub(crate) fn inner(self) -> Arc<Inner> {
        match self {
            Self::Store(inner) => inner,
            Self::Snapshot(reader) => Arc::clone(reader.inner()),
        }
    }

    /// What reads, which may be still to begin.
    pub(crate) async fn reader(&self) -> Result<Arc<Reader>, Error> {
        match self {
            Self::Store(inner) => Ok(Arc::new(Reader::connect(Arc::clone(inner)).await?)),
            Self::Snapshot(reader) => Ok(Arc::clone(reader)),
        }
    }

    /// The pauses between the attempts to begin. The state of a snapshot is gone with its connection.
    pub(crate) fn pauses(&self) -> Pauses {
        match self {
            Self::Store(inner) => inner.pauses(),
            Self::Snapshot(_) => Pauses::lasting(Duration::ZERO),
        }
    }
}

impl<T, K> Clone for View<T, K> {
    fn clone(&self) -> Self {
        Self {
            source: self.source.clone(),
            handle: self.handle,
            order: self.order,
            at: self.at,
        }
    }
}

impl<T, K> std::fmt::Debug for View<T, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View")
            .field("handle", &self.handle)
            .field("order", &self.order)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl<T: Row, K: IndexKey> View<T, K> {
    pub(crate) fn of_store(inner: Arc<Inner>, handle: ViewHandle<T, K>) -> Self {
        Self {
            source: Source::Store(inner),
            handle,
            order: Order::Forward,
            at: None,
        }
    }

    /// As of a time that is looked at when it is read.
    pub(crate) fn at(self, time: i64) -> Self {
        let at = Some(time);
        Self { at, ..self }
    }

    /// What it is read from. Of the past: from one state, in which the time can be read.
    async fn begin(&self) -> Result<(Source, Option<At>), Error> {
        match self.at {
            None => Ok((self.source.clone(), None)),
            Some(time) => {
                let (source, at) = self.source.begin_as_of(self.handle, time).await?;
                Ok((source, Some(at)))
            }
        }
    }

    /// The same view, read from the greatest key to the least.
    #[must_use]
    pub fn rev(self) -> Self {
        let order = match self.order {
            Order::Forward => Order::Backward,
            Order::Backward => Order::Forward,
        };
        Self { order, ..self }
    }

    /// All rows, in the order of the index, lazily.
    ///
    /// # Errors
    ///
    /// The handle belongs to another graph, or the database can't be read.
    pub async fn iter(self) -> Result<Rows<T>, Error> {
        self.scan(Bounds::all()).await
    }

    /// The rows of one key.
    ///
    /// # Errors
    ///
    /// As [`Self::iter`].
    pub async fn key(self, key: &K) -> Result<Rows<T>, Error> {
        self.scan(Bounds::one(key.clone())).await
    }

    /// The row of a key, in a view that has one row a key, as `group_by` makes them. Where there are more, any of them.
    /// One round trip.
    ///
    /// # Errors
    ///
    /// As [`Self::iter`].
    pub async fn get(self, key: &K) -> Result<Option<T>, Error> {
        let (source, at) = self.begin().await?;
        let Some((viewed, query)) = scan::get(source.engine(), self.handle, at, key)? else {
            return Ok(None);
        };
        match query.first(&source, viewed.doing()).await? {
            Some(row) => viewed.decode(&row).map(|(_, row, _)| Some(row)),
            None => Ok(None),
        }
    }

    /// The rows of some keys, in the order in which the keys are given; those of a key that is given twice come twice.
    ///
    /// # Errors
    ///
    /// As [`Self::iter`].
    pub async fn keys(self, keys: impl IntoIterator<Item = K>) -> Result<Rows<T>, Error> {
        let keys: Vec<K> = keys.into_iter().collect();
        let (source, at) = self.begin().await?;
        let plan = scan::keys(source.engine(), self.handle, at, &keys)?;
        if keys.is_empty() {
            return Ok(Rows::none());
        }
        plan.rows(&source).await
    }

    /// The rows whose keys are in a range, in the order of the index, lazily. An empty or upside-down range has no
    /// rows.
    ///
    /// # Errors
    ///
    /// As [`Self::iter`].
    pub async fn range(self, keys: impl RangeBounds<K>) -> Result<Rows<T>, Error> {
        self.scan(Bounds::range(keys)).await
    }

    /// The rows whose keys are within bounds, in the order of the index, lazily. Rows of one key come in no particular
    /// order.
    ///
    /// # Errors
    ///
    /// As [`Self::iter`].
    pub async fn scan(self, bounds: Bounds<K>) -> Result<Rows<T>, Error> {
        let is_empty = bounds.is_empty();
        let (source, at) = self.begin().await?;
        let plan = scan::range(source.engine(), self.handle, at, bounds, self.order)?;
        if is_empty {
            return Ok(Rows::none());
        }
        plan.rows(&source).await
    }

    /// Follows the view: the deltas of all iterations behind the one that is the last now, as they are committed, by
    /// whatever process. The order of the index has no part in it, and neither has the snapshot that the view is of.
    ///
    /// A commit logs what changes of a view while somebody follows it, in its own transaction; it costs nothing more for a
    /// view that nobody follows. The subscription has a cursor in the database, with a
    /// [lease](crate::PostgresOptions::lease) that it renews while it is polled; who does not poll for longer gets
    /// [`Lagged`](deltaview_store::ErrorKind::Lagged). The log is deleted as it is consumed.
    ///
    /// To keep a copy of the view: subscribe first, then read the view in a
    /// [snapshot](crate::PostgresStore::snapshot), let the subscription [skip](Subscription::skip_to) to the snapshot's
    /// time, and add up what comes.
    ///
    /// # Errors
    ///
    /// The handle belongs to another graph; the database can't be written
    /// ([`ReadOnly`](deltaview_store::ErrorKind::ReadOnly), [`Denied`](deltaview_store::ErrorKind::Denied)) or reached.
    pub async fn subscribe(self) -> Result<Subscription<T>, Error> {
        Subscription::begin(self.source.inner(), self.handle, None, self.at).await
    }

    /// Follows the view from a cursor with a name, which is kept in the database until it is
    /// [removed](Subscription::remove): where there is none of that name it is made, at the iteration that is the last
    /// now. All that is behind the cursor is logged, whether anybody reads it or not.
    ///
    /// It goes on behind the last [commit](Subscription::commit), however long ago and whatever process made it. So each
    /// delta comes once for each time that it is committed: what was handed out and not committed comes again.
    ///
    /// # Errors
    ///
    /// As [`Self::subscribe`]; a name that is empty, has more than 200 bytes or has a NUL is an
    /// [`UnsupportedKey`](deltaview_store::ErrorKind::UnsupportedKey).
    pub async fn since(self, cursor: &str) -> Result<Subscription<T>, Error> {
        Subscription::begin(self.source.inner(), self.handle, Some(cursor), self.at).await
    }
}

/// The state of one iteration: made by [`PostgresStore::snapshot`](crate::PostgresStore::snapshot).
#[derive(Clone)]
pub struct Snapshot {
    reader: Arc<Reader>,
    time: i64,
    is_at_rest: bool,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    pub(crate) async fn take(inner: Arc<Inner>) -> Result<Self, Error> {
        let mut pauses = inner.pauses();
        loop {
            match Self::take_once(Arc::clone(&inner)).await {
                Ok(snapshot) => return Ok(snapshot),
                Err(error) => pauses.after(error).await?,
            }
        }
    }

    /// One in which all tables are of one time. It is waited for.
    pub(crate) async fn take_at_rest(inner: &Arc<Inner>) -> Result<Self, Error> {
        let deadline = Deadline::within(inner.deadline);
        let mut hints = hints(inner);
        loop {
            hints.mark();
            let snapshot = Self::take(Arc::clone(inner)).await?;
            if snapshot.is_at_rest {
                return Ok(snapshot);
            }
            let complete = snapshot.time;
            drop(snapshot);
            let left = deadline.left();
            if left.is_zero() {
                let last = inner.status().await?.last;
                let graph = inner.engine.graph.name();
                return Err(not_reached(graph, last, complete, inner.deadline));
            }
            hints.wait(left).await;
        }
    }

    async fn take_once(inner: Arc<Inner>) -> Result<Self, Error> {
        let reader = Reader::connect(inner).await?;
        // The first statement behind the beginning takes the snapshot.
        let (time, is_at_rest) = reader.begin_with_time().await?;
        Ok(Self {
            reader: Arc::new(reader),
            time,
            is_at_rest,
        })
    }

    /// The time of the iteration; 0 before the first.
    pub fn time(&self) -> i64 {
        self.time
    }

    /// Answers fetches that a graph asks for outside of an iteration, in one round trip.
    ///
    /// # Errors
    ///
    /// [`Busy`](ErrorKind::Busy): in this state an iteration is between its stages
    /// ([`Flush::EachTable`](deltaview_store::Flush::EachTable)), so that tables which are no views are of several times. A
    /// snapshot [at rest](crate::PostgresStore::snapshot_at_rest) is of none such. The database can't be read, or a row
    /// does not decode.
    pub async fn answer(&self, fetches: &mut [Fetch]) -> Result<(), Error> {
        let engine = &self.reader.inner().engine;
        if !self.is_at_rest {
            let message = format!(
                "graph `{}`: an iteration was between its stages when this snapshot was taken: take one with \
                 `snapshot_at_rest`, which waits for it",
                engine.graph.name()
            );
            return Err(Error::new(ErrorKind::Busy, message));
        }
        engine.answer(self.reader.client(), fetches).await
    }

    /// Reads a view.
    pub fn view<T: Row, K: IndexKey>(&self, view: ViewHandle<T, K>) -> View<T, K> {
        View {
            source: Source::Snapshot(Arc::clone(&self.reader)),
            handle: view,
            order: Order::Forward,
            at: None,
        }
    }
}

/// Rows of a view with their weights: a [`Stream`], read lazily. After an error there are no more.
///
/// It holds a connection of the pool until it ends or is dropped.
pub struct Rows<T> {
    /// What is left of the page that was read last.
    page: Page,
    /// Nothing, once it has ended.
    pages: Option<BoxStream<'static, Result<Page, Error>>>,
    decode: Decode<T>,
}

impl<T> std::fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}

impl<T> Rows<T> {
    pub(crate) fn new(pages: BoxStream<'static, Result<Page, Error>>, decode: Decode<T>) -> Self {
        Self {
            page: Page::new(),
            pages: Some(pages),
            decode,
        }
    }

    fn none() -> Self {
        Self {
            page: Page::new(),
            pages: None,
            decode: Box::new(|_| Ok(None)),
        }
    }

    /// The next row, where it has been read already; the end is none.
    pub(crate) fn next_read(&mut self) -> Option<Result<(T, Weight), Error>> {
        let row = self.page.pop_front()?;
        let row = (self.decode)(&row).transpose();
        if !matches!(row, Some(Ok(_))) {
            // The connection goes back.
            self.pages = None;
            self.page.clear();
        }
        row
    }

    /// The next row.
    pub async fn next(&mut self) -> Option<Result<(T, Weight), Error>> {
        poll_fn(|cx| self.poll_next_unpin(cx)).await
    }
}

impl<T: Row> Rows<T> {
    /// All of them as a Z-set, which forgets their order.
    ///
    /// # Errors
    ///
    /// The first that reading meets.
    pub async fn into_zset(self) -> Result<ZSet<T>, Error> {
        let rows: Vec<(T, Weight)> = self.try_collect().await?;
        Ok(ZSet::from_pairs(rows).expect("a view has each row once"))
    }
}

impl<T> Stream for Rows<T> {
    type Item = Result<(T, Weight), Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(row) = self.next_read() {
                return Poll::Ready(Some(row));
            }
            let Some(pages) = &mut self.pages else {
                return Poll::Ready(None);
            };
            match ready!(pages.poll_next_unpin(cx)) {
                Some(Ok(page)) => self.page = page,
                Some(Err(error)) => {
                    self.pages = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => self.pages = None,
            }
        }
    }
}
