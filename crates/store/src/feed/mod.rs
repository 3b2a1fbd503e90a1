//! Change feeds: the deltas of a view, one iteration after the other, as they are committed. [`Subscription`] is what
//! every blocking store hands out, [`Delta`] is an item of it.
//!
//! It owns what a subscriber sees, and [how a delta is logged](log). It never says how a store notices that there is
//! something new.

pub mod log;
pub(crate) mod queue;

use std::fmt;
use std::time::{Duration, Instant};

use deltaview_zset::ZSet;

use crate::{Error, ErrorKind};

/// What one iteration changed of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta<T> {
    time: i64,
    rows: ZSet<T>,
}

impl<T> Delta<T> {
    /// A delta. For stores.
    pub fn new(time: i64, rows: ZSet<T>) -> Self {
        Self { time, rows }
    }

    /// The time of the iteration.
    pub fn time(&self) -> i64 {
        self.time
    }

    /// The rows, with what was added to their weights. Never empty.
    pub fn rows(&self) -> &ZSet<T> {
        &self.rows
    }

    /// The rows, owned.
    pub fn into_rows(self) -> ZSet<T> {
        self.rows
    }
}

/// Where the deltas of a view come from. For stores: it is behind every [`Subscription`].
pub trait Follow<T>: Send {
    /// The next delta, in the order of their times, or nothing where there is none within a time. A duration of zero
    /// looks, and does not wait.
    ///
    /// # Errors
    ///
    /// The store can't be read; or [`ErrorKind::Lagged`], [`ErrorKind::Closed`].
    fn next_within(&mut self, within: Duration) -> Result<Option<Delta<T>>, Error>;

    /// Moves a named cursor: all up to a time is consumed. The time is of a delta that was handed out. An anonymous
    /// cursor moves by itself, and this does nothing.
    ///
    /// # Errors
    ///
    /// The store can't be written; or [`ErrorKind::Lagged`].
    fn commit(&mut self, time: i64) -> Result<(), Error>;

    /// Removes the cursor from the store.
    ///
    /// # Errors
    ///
    /// The store can't be written.
    fn remove(&mut self) -> Result<(), Error>;
}

/// The deltas of a view, one for each iteration that changes it, from a time on: made by [`View::subscribe`] and
/// [`View::since`](crate::View::since).
///
/// Times grow strictly; no delta is missed, and none comes twice. It is an iterator that waits for the next delta;
/// [`Self::next_within`] waits for so long at most. It can be sent to another thread.
///
/// To keep a copy of the view: subscribe first, then read the view and its time from one state, let the subscription
/// [skip](Self::skip_to) what that state has already, and add up what comes.
///
/// ```
/// # use deltaview_graph::{Edit, Graph};
/// # use deltaview_store::{MemoryStore, Store};
/// # let (graph, (words, seen)) = Graph::build("words", |g| {
/// #     let words = g.input::<String>("words");
/// #     (words.handle(), words.view("seen"))
/// # })?;
/// let mut store = MemoryStore::new(&graph);
/// let mut subscription = store.view(seen).subscribe()?;
/// let mut copy = {
///     let _one_state = store.reading()?;
///     subscription.skip_to(store.time()?);
///     store.view(seen).iter()?.into_zset()?
/// };
/// store.change().insert(words, ["one".to_string()]).commit()?;
/// store.change().insert(words, ["two".to_string()]).commit()?;
/// for delta in subscription.by_ref().take(2) {
///     copy = copy.try_add(delta?.rows())?;
/// }
/// assert_eq!(copy, store.view(seen).iter()?.into_zset()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`View::subscribe`]: crate::View::subscribe
pub struct Subscription<T> {
    follow: Box<dyn Follow<T>>,
    start: i64,
    place: i64,
    skip: i64,
    is_over: bool,
}

impl<T> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("time", &self.start)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl<T> Subscription<T> {
    /// A subscription whose first delta is the first one behind a time. For stores.
    pub fn new(follow: impl Follow<T> + 'static, time: i64) -> Self {
        Self {
            follow: Box::new(follow),
            start: time,
            place: time,
            skip: time,
            is_over: false,
        }
    }

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

    /// The next delta, or nothing where there is none within a time. A duration of zero looks, and does not wait.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Lagged`]: the subscription can't go on, see there. [`ErrorKind::Closed`]: the memory store was
    /// dropped, and all its deltas were handed out. Besides, the database can't be read; after an error that
    /// [passes](Error::is_retryable) it can be asked again, and nothing is missed.
    pub fn next_within(&mut self, within: Duration) -> Result<Option<Delta<T>>, Error> {
        let deadline = Instant::now().checked_add(within);
        loop {
            let left = deadline.map_or(within, |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            let Some(delta) = self.follow.next_within(left)? else {
                return Ok(None);
            };
            self.place = delta.time();
            if delta.time() > self.skip {
                return Ok(Some(delta));
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
    /// [`ErrorKind::Lagged`]: somebody else has moved or removed the cursor since it was opened here. Besides, the
    /// database can't be written.
    pub fn commit(&mut self) -> Result<(), Error> {
        self.follow.commit(self.place)
    }

    /// Ends it, and removes its cursor from the store, also a named one. An anonymous one that is dropped does the same,
    /// but says nothing of errors; a named one that is dropped stays in the store, and the log grows for it.
    ///
    /// # Errors
    ///
    /// The database can't be written.
    pub fn remove(mut self) -> Result<(), Error> {
        self.follow.remove()
    }
}

impl<T> Iterator for Subscription<T> {
    type Item = Result<Delta<T>, Error>;

    /// Waits for the next delta. It ends when the memory store that it follows is dropped, and behind an error that does
    /// not pass.
    fn next(&mut self) -> Option<Self::Item> {
        /// Any: how often one wakes up to see that nothing came.
        const LONG: Duration = Duration::from_secs(3600);
        if self.is_over {
            return None;
        }
        loop {
            match self.next_within(LONG) {
                Ok(None) => {}
                Ok(Some(delta)) => return Some(Ok(delta)),
                Err(error) => {
                    self.is_over = !error.is_retryable();
                    return (error.kind() != ErrorKind::Closed).then_some(Err(error));
                }
            }
        }
    }
}

/// The error of a subscription that can't go on. For stores.
pub fn lagged(vertex: &str, why: &str) -> Error {
    let message = format!(
        "the subscription to view `{vertex}` can't go on: {why}. Follow the view anew, and read it, for what has changed \
         since is not known"
    );
    Error::new(ErrorKind::Lagged, message)
}

/// The error of a time that was waited for in vain. For stores.
pub fn not_reached(graph: &str, wanted: i64, reached: i64, waited: Duration) -> Error {
    let message = format!(
        "graph `{graph}` has not reached time {wanted} within {waited:?}: it is at {reached}. Wait longer, or look \
         whether that time was committed to this database"
    );
    Error::new(ErrorKind::Timeout, message)
}

/// Checks the name of a cursor. For stores.
///
/// # Errors
///
/// [`ErrorKind::UnsupportedKey`]: it is empty, has more than 200 bytes, or has a NUL.
pub fn check_cursor_name(name: &str) -> Result<(), Error> {
    if !name.is_empty() && name.len() <= 200 && !name.contains('\0') {
        return Ok(());
    }
    let message = format!(
        "{name:?} can't be the name of a cursor: give it one of 1 to 200 bytes, without a NUL"
    );
    Err(Error::new(ErrorKind::UnsupportedKey, message))
}
