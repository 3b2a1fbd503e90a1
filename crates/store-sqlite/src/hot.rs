//! The hot set: what of the stored state a store keeps in memory from one change to the next, within a budget. It owns the
//! proof that this is still what is stored, and the count of its bytes. It holds no rows itself.
//!
//! Nobody else has committed if SQLite's `data_version` is the same as in our own last commit, looked at while the write
//! lock is held. Nobody has written by our own connection if its count of changed rows is the same, be it that they were
//! taken back again.
//!
//! Where the budget is used up and a change looks as much up as one did when nothing was kept, the state is too large for it
//! to help: nothing is kept for a while then, longer each time.

use std::cell::Cell;

use deltaview_store::Error;
use rusqlite::Connection;

use crate::error::Context;

/// What a connection says of the database at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    version: i64,
    changed: u64,
}

/// The bytes of the working set, and the moment that it is of.
#[derive(Debug)]
pub(crate) struct HotSet {
    budget: usize,
    used: Cell<usize>,
    seen: Option<Seen>,
    /// The bytes that there were when the change began.
    before: usize,
    /// The bytes that came with the first change since nothing was kept.
    first: Option<usize>,
    /// For so many changes nothing is kept.
    rests: u32,
    /// For how many that was said last.
    rested: u32,
}

/// For how many changes nothing is kept, at least and at most.
const RESTS: (u32, u32) = (4, 1024);

impl HotSet {
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            budget,
            used: Cell::new(0),
            seen: None,
            before: 0,
            first: None,
            rests: 0,
            rested: 0,
        }
    }

    /// One that keeps nothing.
    pub(crate) fn none() -> Self {
        Self::new(0)
    }

    /// The bytes that are counted.
    pub(crate) fn used(&self) -> usize {
        self.used.get()
    }

    /// Counts what comes in. It is rather counted twice than not.
    pub(crate) fn count(&self, bytes: usize) {
        self.used.set(self.used.get().saturating_add(bytes));
    }

    /// The working set was forgotten.
    pub(crate) fn clear(&mut self) {
        self.used.set(0);
        self.seen = None;
    }

    /// Begins a change, within a transaction that holds the write lock: whether the working set is what is stored. If it
    /// is not, the caller forgets it. Until [`Self::keep`] it is of no moment.
    pub(crate) fn begin(&mut self, conn: &Connection) -> Result<Begun, Error> {
        let before = self.seen.take();
        if self.budget == 0 || self.rests > 0 {
            self.rests = self.rests.saturating_sub(1);
            self.used.set(0);
            return Ok(Begun {
                version: None,
                is_current: false,
            });
        }
        let version = conn
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .context(|| "asking whether somebody else has written".to_string())?;
        let now = Seen {
            version,
            changed: conn.total_changes(),
        };
        let is_current = before == Some(now);
        if !is_current {
            self.used.set(0);
            self.first = None;
        }
        self.before = self.used.get();
        Ok(Begun {
            version: Some(version),
            is_current,
        })
    }

    /// Ends a change that is committed and absorbed: whether the working set is kept. If it is not, the caller forgets
    /// it.
    pub(crate) fn keep(&mut self, conn: &Connection, begun: &Begun) -> bool {
        let came = self.used.get().saturating_sub(self.before);
        match begun.version {
            Some(version) if self.used.get() <= self.budget => {
                self.first.get_or_insert(came);
                self.seen = Some(Seen {
                    version,
                    changed: conn.total_changes(),
                });
                true
            }
            None => {
                self.used.set(0);
                false
            }
            Some(_) => {
                let first = self.first.take();
                let is_of_use = first.is_some_and(|first| came < first - first / 4);
                self.rested = if is_of_use {
                    0
                } else {
                    (2 * self.rested).clamp(RESTS.0, RESTS.1)
                };
                self.rests = self.rested;
                self.used.set(0);
                false
            }
        }
    }
}

/// A change that has begun.
pub(crate) struct Begun {
    version: Option<i64>,
    pub(crate) is_current: bool,
}
