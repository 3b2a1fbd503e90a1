//! [`Subscription`]: the deltas of a view as a stream. It owns when the log is looked into, when its cursor moves, and what
//! becomes of both at the end.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context as TaskContext, Poll, ready};
use std::time::{Duration, Instant};

use deltaview_graph::ViewHandle;
use deltaview_schema::{IndexKey, Row};
use deltaview_store::feed::check_cursor_name;
use deltaview_store::feed::log::Logged;
use deltaview_store::history::table_with_history;
use deltaview_store::{Delta, Error};
use futures::future::select;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::follow::{Cursor, passes};
use crate::history::Stored;
use crate::listen::Hints;
use crate::retry::Pauses;
use crate::store::Inner;

/// The longest pause of one who can't listen.
const LONGEST: Duration = Duration::from_millis(500);

/// How long it is waited for the log to be read, before it is looked whether it was.
const LEAST: Duration = Duration::from_millis(2);

/// How often an anonymous cursor moves at most.
const BETWEEN_MOVES: Duration = Duration::from_secs(1);

/// The deltas of a view, one for each iteration that changes it, from a time on: a [`Stream`], made by
/// [`View::subscribe`](crate::View::subscribe) and [`View::since`](crate::View::since).
///
/// Times grow strictly; no delta is missed, and none comes twice, whatever becomes of connections meanwhile: a lost one is
/// made again for [a while](crate::PostgresOptions::retry_for) before that is an error. It holds no connection of the pool
/// while it waits.
///
/// An anonymous one that is dropped removes its cursor, by a task of the runtime that it was made in. If that can't be
/// done, the lease will be over. A named one stays in the database, and the log grows for it.
pub struct Subscription<T> {
    cursor: Arc<Cursor>,
    /// Nothing, once it has ended.
    logged: Option<BoxStream<'static, Result<Logged, Error>>>,
    runtime: Handle,
    decode: fn(Logged, &str) -> Result<Delta<T>, Error>,
    start: i64,
    place: i64,
    committed: i64,
    skip: i64,
    is_removed: bool,
    look: Arc<Look>,
}

/// Somebody wants to know what is in the log by now.
#[derive(Default)]
struct Look {
    wanted: Notify,
    /// How often somebody has wanted to.
    asked: AtomicU64,
    /// What that was when the log was last begun to be read, and was then read to its end.
    answered: AtomicU64,
}

impl<T> std::fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription")
            .field("time", &self.start)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl<T: Row> Subscription<T> {
    pub(crate) async fn begin<K: IndexKey>(
        inner: Arc<Inner>,
        view: ViewHandle<T, K>,
        name: Option<&str>,
        from: Option<i64>,
    ) -> Result<Self, Error> {
        let graph = inner.engine.graph.clone();
        let table = match from {
            Some(_) => table_with_history(&graph, view)?,
            None => graph.view_table(view)?,
        };
        if let Some(name) = name {
            check_cursor_name(name)?;
        }
        let listener = inner.listening.started();
        let (cursor, time, past) = Cursor::open(inner, table, name, from).await?;
        let read = past.map_or(time, Stored::end);
        let cursor = Arc::new(cursor);
        let look = Arc::<Look>::default();
        let reading = Reading {
            look: Arc::clone(&look),
            hints: Hints::new(listener, LONGEST),
            cursor: Arc::clone(&cursor),
            past,
            read,
            stored: time,
            stored_at: Instant::now(),
            ready: VecDeque::new(),
            is_over: false,
        };
        let logged = stream::unfold(reading, |mut reading| async {
            if reading.is_over {
                return None;
            }
            let next = reading.next().await;
            reading.is_over = next.as_ref().is_err_and(|error| !error.is_retryable());
            Some((next, reading))
        });
        Ok(Self {
            cursor,
            logged: Some(logged.boxed()),
            runtime: Handle::current(),
            decode: Logged::decode::<T>,
            start: time,
            place: time,
            committed: time,
            skip: time,
            is_removed: false,
            look,
        })
    }
}

impl<T> Subscription<T> {
    /// The time of the state that the first delta is a change of: the time at which the view was subscribed to, or up to
    /// which the named cursor was committed when it was opened.
    pub fn time(&self) -> i64 {
        self.start
    }

    /// The time of the last delta that was handed out; [`Self::time`] before the first. What is skipped counts.
    pub fn place(&self) -> i64 {
        self.place
    }

    /// Leaves out the deltas up to a time, because a state that was read has them already.
    pub fn skip_to(&mut self, time: i64) {
        self.skip = self.skip.max(time);
    }

    /// The next delta. It ends behind an error that does not [pass](Error::is_retryable). Dropping the future loses
    /// nothing.
    pub async fn next(&mut self) -> Option<Result<Delta<T>, Error>> {
        poll_fn(|cx| self.poll_next_unpin(cx)).await
    }

    /// The next delta, if there is one by now or it comes within a time. The log is read to its end once at least, however
    /// short the time is. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// As of [`Self::next`].
    pub async fn next_within(&mut self, within: Duration) -> Result<Option<Delta<T>>, Error> {
        let deadline = Instant::now() + within;
        let look = Arc::clone(&self.look);
        let asked = look.asked.fetch_add(1, Ordering::SeqCst) + 1;
        look.wanted.notify_one();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left.max(LEAST), self.next()).await {
                Ok(next) => return next.transpose(),
                Err(_) if Instant::now() < deadline => {}
                Err(_) if look.answered.load(Ordering::SeqCst) >= asked => return Ok(None),
                Err(_) => {}
            }
        }
    }

    /// Says that all that was handed out is consumed. A named cursor is stored with that place: whoever opens it next,
    /// in any process, goes on behind it. What was handed out and not committed comes again.
    ///
    /// An anonymous subscription moves by itself, and this does nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Lagged`](deltaview_store::ErrorKind::Lagged): somebody else has moved or removed the cursor since it
    /// was opened here. Besides, the database can't be written.
    pub async fn commit(&mut self) -> Result<(), Error> {
        if self.cursor.is_named {
            self.cursor.commit(self.committed, self.place).await?;
            self.committed = self.place;
        }
        Ok(())
    }

    /// Ends it, and removes its cursor from the database, also a named one.
    ///
    /// # Errors
    ///
    /// The database can't be written.
    pub async fn remove(mut self) -> Result<(), Error> {
        self.logged = None;
        self.cursor.remove().await?;
        self.is_removed = true;
        Ok(())
    }
}

impl<T> Stream for Subscription<T> {
    type Item = Result<Delta<T>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(logged) = &mut self.logged else {
                return Poll::Ready(None);
            };
            match ready!(logged.poll_next_unpin(cx)) {
                None => {
                    self.logged = None;
                    return Poll::Ready(None);
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(logged)) => {
                    self.place = logged.time;
                    if logged.time > self.skip {
                        let delta = (self.decode)(logged, &self.cursor.vertex);
                        return Poll::Ready(Some(delta));
                    }
                }
            }
        }
    }
}

impl<T> Drop for Subscription<T> {
    fn drop(&mut self) {
        if !self.cursor.is_named && !self.is_removed {
            let cursor = Arc::clone(&self.cursor);
            self.runtime.spawn(async move {
                // If it can't be done now, its lease will be over.
                let _ = cursor.remove().await;
            });
        }
    }
}

/// What reads the log.
struct Reading {
    look: Arc<Look>,
    cursor: Arc<Cursor>,
    /// What is handed out before the log is.
    past: Option<Stored>,
    hints: Hints,
    /// Up to here the log was read.
    read: i64,
    /// Where the cursor is in the database, if it is anonymous.
    stored: i64,
    stored_at: Instant,
    /// What was read and not handed out.
    ready: VecDeque<Logged>,
    is_over: bool,
}

impl Reading {
    async fn next(&mut self) -> Result<Logged, Error> {
        let mut pauses = Pauses::lasting(self.cursor.inner.retry_for);
        loop {
            if !self.ready.is_empty() {
                // Should the lease be over, that is told when all that was read is handed out.
                let _ = self.keep_up().await;
            }
            if let Some(next) = self.ready.pop_front() {
                return Ok(next);
            }
            self.hints.mark();
            let asked = self.look.asked.load(Ordering::SeqCst);
            match self.look().await {
                Ok(true) => self.hints.found(),
                Ok(false) => {
                    pauses = Pauses::lasting(self.cursor.inner.retry_for);
                    self.look.answered.store(asked, Ordering::SeqCst);
                    let wanted = pin!(self.look.wanted.notified());
                    let hinted = pin!(self.hints.wait(self.cursor.inner.lease / 3));
                    select(wanted, hinted).await;
                }
                Err(error) if passes(&error) && pauses.wait().await => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads on in the log; says whether something was there.
    async fn look(&mut self) -> Result<bool, Error> {
        if let Some(past) = &mut self.past {
            let found = past.read(&self.cursor.inner).await?;
            if !found.is_empty() {
                self.ready = found.into();
                return Ok(true);
            }
            self.past = None;
        }
        let found = self.cursor.read(self.read).await?;
        if let Some(last) = found.last() {
            self.read = last.time;
            self.ready = found.into();
            return Ok(true);
        }
        self.keep_up().await?;
        Ok(false)
    }

    /// Moves an anonymous cursor to where the log was read, and renews its lease, if it is time to.
    async fn keep_up(&mut self) -> Result<(), Error> {
        let since = self.stored_at.elapsed();
        let is_due = since >= self.cursor.inner.lease / 3
            || self.read > self.stored && since >= BETWEEN_MOVES;
        if self.cursor.is_named || !is_due {
            return Ok(());
        }
        self.cursor.renew(self.read).await?;
        self.stored = self.read;
        self.stored_at = Instant::now();
        Ok(())
    }
}
