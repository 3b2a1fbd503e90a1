//! The feeds of a store in memory: a queue for each follower, which a commit fills.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use deltaview_graph::{Changes, TableId, ViewHandle};
use deltaview_schema::{IndexKey, Row};

use super::{Delta, Follow, Subscription, lagged};
use crate::{Error, ErrorKind};

/// All followers of a store.
#[derive(Default)]
pub(crate) struct Feeds {
    followers: Mutex<Vec<Follower>>,
}

impl fmt::Debug for Feeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feeds").finish_non_exhaustive()
    }
}

enum Follower {
    /// It is gone with its subscription.
    Anonymous(Weak<dyn Push>),
    Named {
        view: TableId,
        name: String,
        queue: Arc<dyn Push>,
    },
}

impl Follower {
    fn queue(&self) -> Option<Arc<dyn Push>> {
        match self {
            Self::Anonymous(queue) => queue.upgrade(),
            Self::Named { queue, .. } => Some(Arc::clone(queue)),
        }
    }
}

impl Feeds {
    /// Hands out what an iteration changed. Nothing that has no followers is looked at.
    pub(crate) fn push(&self, time: i64, changes: &Changes) {
        self.followers().retain(|follower| {
            let Some(queue) = follower.queue() else {
                return false;
            };
            queue.push(time, changes)
        });
    }

    pub(crate) fn subscribe<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        vertex: &str,
        time: i64,
    ) -> Subscription<T> {
        self.subscribe_from(view, vertex, time, VecDeque::new())
    }

    /// A subscription from a past time on: with the deltas that were stored since.
    pub(crate) fn subscribe_from<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        vertex: &str,
        time: i64,
        stored: VecDeque<Delta<T>>,
    ) -> Subscription<T> {
        let queue = Arc::new(Queue::new(view, vertex, time, stored));
        let pushed: Arc<dyn Push> = queue.clone();
        self.followers()
            .push(Follower::Anonymous(Arc::downgrade(&pushed)));
        Subscription::new(QueueReader::new(queue, time, false), time)
    }

    /// Opens a named cursor, which is made at this time where there is none.
    pub(crate) fn since<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        place: (TableId, &str),
        wanted: &str,
        time: i64,
    ) -> Subscription<T> {
        let none = || Ok(VecDeque::new());
        let opened = self.since_from(view, place, wanted, (time, &none));
        opened.expect("nothing stored is read")
    }

    /// Opens a named cursor, which is made at a past time where there is none: with the deltas that were stored since.
    pub(crate) fn since_from<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        (table, vertex): (TableId, &str),
        wanted: &str,
        (time, stored): (i64, &ReadStored<'_, T>),
    ) -> Result<Subscription<T>, Error> {
        let mut followers = self.followers();
        let found = followers.iter().find_map(|follower| match follower {
            Follower::Named { view, name, queue } if *view == table && name == wanted => {
                let queue = Arc::clone(queue).into_any().downcast::<Queue<T>>();
                queue.ok().filter(|queue| !queue.log().is_removed)
            }
            _ => None,
        });
        let queue = match found {
            Some(queue) => queue,
            None => {
                let queue = Arc::new(Queue::new(view, vertex, time, stored()?));
                followers.push(Follower::Named {
                    view: table,
                    name: wanted.to_string(),
                    queue: queue.clone(),
                });
                queue
            }
        };
        let start = queue.log().consumed;
        Ok(Subscription::new(
            QueueReader::new(queue, start, true),
            start,
        ))
    }

    fn followers(&self) -> MutexGuard<'_, Vec<Follower>> {
        self.followers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Feeds {
    fn drop(&mut self) {
        let followers = std::mem::take(&mut *self.followers());
        for queue in followers.iter().filter_map(Follower::queue) {
            queue.close();
        }
    }
}

/// A queue without the type of its rows.
trait Push: Send + Sync {
    /// Takes what an iteration changed of its view; says whether anybody wants more.
    fn push(&self, time: i64, changes: &Changes) -> bool;
    fn close(&self);
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// What an iteration at a time changed of a view.
type DeltaOf<T> = Box<dyn Fn(i64, &Changes) -> Delta<T> + Send + Sync>;

/// Reads the deltas that are stored behind a past time.
type ReadStored<'s, T> = dyn Fn() -> Result<VecDeque<Delta<T>>, Error> + 's;

/// The deltas that one follower has not consumed.
struct Queue<T> {
    vertex: String,
    delta: DeltaOf<T>,
    log: Mutex<Log<T>>,
    changed: Condvar,
}

struct Log<T> {
    /// All up to here is consumed.
    consumed: i64,
    deltas: VecDeque<Delta<T>>,
    is_removed: bool,
    is_closed: bool,
}

impl<T: Row> Queue<T> {
    /// What is stored is what changed from the time on up to now.
    fn new<K: IndexKey>(
        view: ViewHandle<T, K>,
        vertex: &str,
        time: i64,
        stored: VecDeque<Delta<T>>,
    ) -> Self {
        let delta = move |time, changes: &Changes| {
            let rows = changes.get(view);
            Delta::new(time, rows.expect("the view was looked up in the graph"))
        };
        Self {
            vertex: vertex.to_string(),
            delta: Box::new(delta),
            log: Mutex::new(Log {
                consumed: time,
                deltas: stored,
                is_removed: false,
                is_closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    fn log(&self) -> MutexGuard<'_, Log<T>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Row> Push for Queue<T> {
    fn push(&self, time: i64, changes: &Changes) -> bool {
        let mut log = self.log();
        if log.is_removed {
            return false;
        }
        let delta = (self.delta)(time, changes);
        if !delta.rows().is_empty() {
            log.deltas.push_back(delta);
            self.changed.notify_all();
        }
        true
    }

    fn close(&self) {
        self.log().is_closed = true;
        self.changed.notify_all();
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

/// One who reads a queue.
struct QueueReader<T> {
    queue: Arc<Queue<T>>,
    /// The time of the last delta that was handed out.
    place: i64,
    /// Where the cursor is, as far as this reader knows.
    consumed: i64,
    is_named: bool,
}

impl<T> QueueReader<T> {
    fn new(queue: Arc<Queue<T>>, time: i64, is_named: bool) -> Self {
        Self {
            queue,
            place: time,
            consumed: time,
            is_named,
        }
    }
}

impl<T: Row> Follow<T> for QueueReader<T> {
    fn next_within(&mut self, within: Duration) -> Result<Option<Delta<T>>, Error> {
        let deadline = Instant::now().checked_add(within);
        let mut log = self.queue.log();
        loop {
            if log.is_removed {
                return Err(lagged(&self.queue.vertex, "its cursor was removed"));
            }
            if log.consumed > self.place {
                let why = "somebody else has moved its cursor on";
                return Err(lagged(&self.queue.vertex, why));
            }
            let next = if self.is_named {
                let next = log
                    .deltas
                    .partition_point(|delta| delta.time() <= self.place);
                log.deltas.get(next).cloned()
            } else {
                log.deltas.pop_front()
            };
            if let Some(delta) = next {
                self.place = delta.time();
                if !self.is_named {
                    log.consumed = self.place;
                }
                return Ok(Some(delta));
            }
            if log.is_closed {
                let message = format!(
                    "the store with view `{}` was dropped, and no more deltas will come",
                    self.queue.vertex
                );
                return Err(Error::new(ErrorKind::Closed, message));
            }
            let left = deadline.map_or(within, |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                return Ok(None);
            }
            let waited = self.queue.changed.wait_timeout(log, left);
            log = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn commit(&mut self, time: i64) -> Result<(), Error> {
        if !self.is_named {
            return Ok(());
        }
        let mut log = self.queue.log();
        if log.is_removed || log.consumed != self.consumed {
            let why = "somebody else has moved or removed its cursor";
            return Err(lagged(&self.queue.vertex, why));
        }
        while log.deltas.front().is_some_and(|delta| delta.time() <= time) {
            log.deltas.pop_front();
        }
        log.consumed = time;
        self.consumed = time;
        Ok(())
    }

    fn remove(&mut self) -> Result<(), Error> {
        let mut log = self.queue.log();
        log.is_removed = true;
        log.deltas.clear();
        Ok(())
    }
}
