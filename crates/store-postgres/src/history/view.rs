//! What a view and a store can be asked about the past: [`AsOf`], [`Pages`], and the methods beside them.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::SystemTime;

use deltaview_graph::ViewHandle;
use deltaview_schema::{IndexKey, Row};
use deltaview_store::history::{check_graph, not_yet, table_with_history};
use deltaview_store::{Delta, Error, Forgotten, Moment, Version};
use deltaview_zset::ZSet;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt, TryStreamExt};

use crate::PostgresStore;
use crate::store::Inner;
use crate::subscription::Subscription;
use crate::view::{Source, View};

/// So many rows are read at a time.
const PAGE: usize = 1000;

/// So many rows are swept in a transaction.
const STEP: usize = 1000;

/// A store as it was at one time: made by [`PostgresStore::as_of`]. All views that are read by it are of that time. It
/// holds nothing open.
#[derive(Clone)]
pub struct AsOf {
    inner: Arc<Inner>,
    time: i64,
}

impl std::fmt::Debug for AsOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AsOf")
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

impl AsOf {
    /// The time.
    pub fn time(&self) -> i64 {
        self.time
    }

    /// Reads a view as it was then. Whether it has history, and whether the time is forgotten, is said by what is read.
    pub fn view<T: Row, K: IndexKey>(&self, view: ViewHandle<T, K>) -> View<T, K> {
        View::of_store(Arc::clone(&self.inner), view).at(self.time)
    }
}

/// Items of the past: a [`Stream`], read lazily in pages. After an error there are no more. It holds no connection of the
/// pool between two pages, unless it is of a [snapshot](crate::Snapshot).
pub struct Pages<I> {
    items: BoxStream<'static, Result<I, Error>>,
}

impl<I> std::fmt::Debug for Pages<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages").finish_non_exhaustive()
    }
}

impl<I: Send + 'static> Pages<I> {
    /// Pages that are read from a place on: with the items comes the place behind them. An empty page is the end.
    fn new<P, F, Page>(first: P, read: F) -> Self
    where
        P: Send + 'static,
        F: Fn(P) -> Page + Send + 'static,
        Page: Future<Output = Result<(Vec<I>, P), Error>> + Send,
    {
        let pages = stream::try_unfold((first, read), |(place, read)| async {
            let (items, next) = read(place).await?;
            Ok::<_, Error>((!items.is_empty()).then_some((items, (next, read))))
        });
        let items = pages.map_ok(|items| stream::iter(items.into_iter().map(Ok)));
        Self {
            items: items.try_flatten().boxed(),
        }
    }

    /// The next item.
    pub async fn next(&mut self) -> Option<Result<I, Error>> {
        poll_fn(|cx| self.poll_next_unpin(cx)).await
    }
}

impl<I> Stream for Pages<I> {
    type Item = Result<I, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.items.poll_next_unpin(cx)
    }
}

impl<T: Row, K: IndexKey> View<T, K> {
    /// The same view as it was at a time, or at an instant: everything that is read of it is of that time. It must have
    /// [history](deltaview_graph::Builder::with_history).
    ///
    /// Nothing is held open: the past stays as it is, and others commit meanwhile. Where it is forgotten while it is
    /// read, that is an error. Cost: one round trip here, and one more for what is read page by page; then as reading the
    /// present, in about log2 of the last time places in the place of one.
    ///
    /// ```no_run
    /// # use deltaview_graph::{Edit, Graph, Retention};
    /// # use deltaview_store_postgres::{PostgresStore, deadpool_postgres::Pool};
    /// # async fn read(pool: Pool) -> Result<(), Box<dyn std::error::Error>> {
    /// # let (graph, (words, seen)) = Graph::build("words", |g| {
    /// #     let words = g.input::<String>("words");
    /// #     (words.handle(), g.with_history(words.view("seen"), Retention::Forever))
    /// # })?;
    /// let store = PostgresStore::connect(pool, &graph).await?;
    /// let first = store.change().insert(words, ["one".to_string()]).commit().await?.time();
    /// store.change().insert(words, ["two".to_string()]).commit().await?;
    /// let then = store.view(seen).as_of(first).await?;
    /// assert_eq!(then.iter().await?.into_zset().await?.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`NoHistory`](deltaview_store::ErrorKind::NoHistory), [`Forgotten`](deltaview_store::ErrorKind::Forgotten),
    /// [`NotYet`](deltaview_store::ErrorKind::NotYet); the handle belongs to another graph, or the database can't be read.
    pub async fn as_of(self, moment: impl Into<Moment>) -> Result<Self, Error> {
        let time = self.source.readable(self.handle, moment.into()).await?;
        Ok(self.at(time))
    }

    /// Follows the view from a past time on: the deltas of all iterations behind it, those that are stored and then
    /// those that come, each once and none missing. Otherwise as [`Self::subscribe`].
    ///
    /// # Errors
    ///
    /// As [`Self::subscribe`] and [`Self::as_of`]; the subscription says
    /// [`Forgotten`](deltaview_store::ErrorKind::Forgotten) where a stored delta is forgotten before it was read.
    pub async fn since_time(self, moment: impl Into<Moment>) -> Result<Subscription<T>, Error> {
        let time = self.source.readable(self.handle, moment.into()).await?;
        Subscription::begin(self.source.inner(), self.handle, None, Some(time)).await
    }

    /// Follows the view from a cursor with a name, which is made at a past time where there is none of that name. One
    /// that is there goes on behind its last [commit](Subscription::commit), whatever the time that is given. Otherwise
    /// as [`Self::since`].
    ///
    /// What is committed after the cursor was made stays for it. What was stored before is a part of the history, and
    /// can be forgotten: then the subscription says so.
    ///
    /// # Errors
    ///
    /// As [`Self::since`] and [`Self::since_time`].
    pub async fn since_from(
        self,
        cursor: &str,
        moment: impl Into<Moment>,
    ) -> Result<Subscription<T>, Error> {
        let time = self.source.time_of(moment.into()).await?;
        Subscription::begin(self.source.inner(), self.handle, Some(cursor), Some(time)).await
    }

    /// What changed between two times, net: what is added to the state at the first to make that at the second. The
    /// other way round where the first is later. The server adds up what was logged between the two.
    ///
    /// # Errors
    ///
    /// As [`Self::as_of`]; a weight that does not fit 64 bits is a [`Tick`](deltaview_store::ErrorKind::Tick).
    pub async fn between(
        self,
        from: impl Into<Moment>,
        to: impl Into<Moment>,
    ) -> Result<ZSet<T>, Error> {
        let Self { source, handle, .. } = self;
        let from = source.readable(handle, from.into()).await?;
        let to = source.readable(handle, to.into()).await?;
        source.net(handle, from, to).await
    }

    /// The deltas of the iterations behind one time and up to another, in the order of their times, lazily.
    ///
    /// # Errors
    ///
    /// As [`Self::as_of`].
    pub async fn deltas(
        self,
        after: impl Into<Moment>,
        up_to: impl Into<Moment>,
    ) -> Result<Pages<Delta<T>>, Error> {
        let Self { source, handle, .. } = self;
        let after = source.readable(handle, after.into()).await?;
        let up_to = source.readable(handle, up_to.into()).await?;
        Ok(Pages::new(after, move |after| {
            let source = source.clone();
            async move {
                if after >= up_to {
                    return Ok((Vec::new(), after));
                }
                let page = source.deltas_page(handle, after, up_to, PAGE).await?;
                let last = page.last().map_or(up_to, Delta::time);
                Ok((page, last))
            }
        }))
    }

    /// The versions of the rows of a key, back to the horizon: those that are there first, then the others, the one that
    /// ended last before those that ended earlier. Lazily. Of a view [as of](Self::as_of) a time those that were known
    /// then.
    ///
    /// # Errors
    ///
    /// As [`Self::as_of`].
    pub async fn versions(self, key: &K) -> Result<Pages<Version<T>>, Error> {
        let at = self.time_read().await?;
        let Self { source, handle, .. } = self;
        let key = key.clone();
        Ok(Pages::new(None, move |before| {
            let (source, key) = (source.clone(), key.clone());
            async move {
                let page = source.versions_page(handle, &key, at, before, PAGE).await?;
                let last = page.last().map(|last| last.until.unwrap_or(i64::MAX));
                Ok((page, last))
            }
        }))
    }

    /// The times at which the view changed, back to the horizon, the newest first, lazily. Of a view
    /// [as of](Self::as_of) a time those up to it.
    ///
    /// # Errors
    ///
    /// As [`Self::as_of`].
    pub async fn times(self) -> Result<Pages<i64>, Error> {
        let up_to = self.time_read().await?;
        let Self { source, handle, .. } = self;
        Ok(Pages::new(up_to.saturating_add(1), move |before| {
            let source = source.clone();
            async move {
                let page = source.times_page(handle, before, PAGE).await?;
                let last = page.last().copied().unwrap_or(before);
                Ok((page, last))
            }
        }))
    }

    /// The first time that the view can be read as of; 0 where nothing is forgotten.
    ///
    /// # Errors
    ///
    /// [`NoHistory`](deltaview_store::ErrorKind::NoHistory); the handle belongs to another graph, or the database can't be
    /// read.
    pub async fn horizon(self) -> Result<i64, Error> {
        let engine = self.source.engine();
        let table = table_with_history(&engine.graph, self.handle)?;
        Ok(self.source.limits(table).await?.horizon)
    }

    /// The time that is read: that of the view, or the last one.
    async fn time_read(&self) -> Result<i64, Error> {
        let engine = self.source.engine();
        let table = table_with_history(&engine.graph, self.handle)?;
        let limits = self.source.limits(table).await?;
        let time = self.at.unwrap_or(limits.last);
        limits.check(table, time)?;
        Ok(time)
    }
}

impl PostgresStore {
    /// Everything as it was at a time, or at an instant: several views that are read by it are of one time.
    /// [`View::as_of`] says more.
    ///
    /// # Errors
    ///
    /// [`NoHistory`](deltaview_store::ErrorKind::NoHistory) where no view of the graph has history,
    /// [`NotYet`](deltaview_store::ErrorKind::NotYet); an instant that is
    /// [`Forgotten`](deltaview_store::ErrorKind::Forgotten). The database can't be read.
    pub async fn as_of(&self, moment: impl Into<Moment>) -> Result<AsOf, Error> {
        check_graph(self.graph())?;
        let time = self.source().time_of(moment.into()).await?;
        let last = self.time().await?;
        if time > last {
            return Err(not_yet(self.graph().name(), time, last));
        }
        Ok(AsOf {
            inner: self.inner(),
            time,
        })
    }

    /// The newest time whose commit instant is not after an instant; 0 where that was before the first commit. Instants
    /// are those of the server's clock, in whole microseconds, at which the iterations were written.
    ///
    /// # Errors
    ///
    /// [`NoHistory`](deltaview_store::ErrorKind::NoHistory) where no view of the graph has history, for no instants are
    /// recorded then; [`Forgotten`](deltaview_store::ErrorKind::Forgotten). The database can't be read.
    pub async fn time_at(&self, instant: SystemTime) -> Result<i64, Error> {
        self.source().time_at(instant).await
    }

    /// The commit instant of a time: of the last iteration up to it. Nothing before the first.
    ///
    /// # Errors
    ///
    /// As [`Self::time_at`]; [`NotYet`](deltaview_store::ErrorKind::NotYet).
    pub async fn instant_of(&self, time: i64) -> Result<Option<SystemTime>, Error> {
        self.source().instant_of(time).await
    }

    /// Forgets what a view was before a time: a time that was [readable](View::horizon) becomes the first one that is.
    /// What was true at it stays readable, and all that came later. Returns once the space of the rest is free for other
    /// use: for new rows of the same tables, once the server has vacuumed them.
    ///
    /// It goes in [steps](Self::forget_step) of a thousand rows, each a transaction of its own, so that others commit in
    /// between. A time before the horizon changes nothing, but sweeps what is left behind it.
    ///
    /// # Errors
    ///
    /// As [`Self::forget_step`].
    pub async fn forget_before<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        moment: impl Into<Moment>,
    ) -> Result<Forgotten, Error> {
        let time = self.source().time_of(moment.into()).await?;
        let mut forgotten = self.forget_step(view, time, STEP).await?;
        while !forgotten.is_done {
            let step = self.forget_step(view, time, STEP).await?;
            forgotten = Forgotten {
                rows: forgotten.rows + step.rows,
                ..step
            };
        }
        Ok(forgotten)
    }

    /// A step of [`Self::forget_before`], one short transaction that changes of the graph wait for: moves the horizon to a
    /// time if it is before it, and sweeps what so many changes of rows have left behind that nobody can read any more.
    ///
    /// # Errors
    ///
    /// [`NoHistory`](deltaview_store::ErrorKind::NoHistory), [`NotYet`](deltaview_store::ErrorKind::NotYet); the handle
    /// belongs to another graph, or the database can't be written.
    pub async fn forget_step<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        time: i64,
        rows: usize,
    ) -> Result<Forgotten, Error> {
        let table = table_with_history(self.graph(), view)?;
        self.inner().forget_step(table, time, rows).await
    }

    pub(crate) fn source(&self) -> Source {
        Source::Store(self.inner())
    }
}
