//! The contract of a versioned table: keys, each with its versions by time. It is what the time-travelling map stands
//! on, and knows of keys and values only that they are bytes.
//!
//! A *version* is what a key was set to at a time: bytes, or a tombstone where the key was removed. Keys are ordered byte
//! by byte. Times are drawn by the table itself, inside of the transaction that writes: greater than every time before
//! it, so that whoever has seen a time has seen all that was written up to it.
//!
//! This module owns the contract ([`Versions`]), its errors, the entry of a table in the catalog, and the table in memory
//! ([`MemoryVersions`]). It never knows what a key means, reads no clock, and names no driver.
//!
//! # Settled times and the horizon
//!
//! Each table has two times beside its rows. *Last* is the greatest time that was drawn or [settled](Versions::settle):
//! the state at any time up to it can't change any more. The *horizon* is the time before which the past is forgotten.
//! A read of a time beyond either is an error, never a guess.
//!
//! # What is forgotten
//!
//! With the horizon at `h`, a version before `h` is still there if it is what its key had at `h`: the newest one up to
//! `h`, and no tombstone. All others before `h` are as good as gone from the moment that the horizon moves, and their
//! space is reclaimed step by step by [`Versions::sweep`].

mod catalog;
mod error;
mod memory;

pub use catalog::{FORMAT_VERSION, MapEntry, MapSpec, compare, table_name};
pub use error::VersionsError;
pub use memory::MemoryVersions;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

pub use deltaview_graph::Order;

/// The least time: nothing was written at it or before it.
pub const BEGINNING: i64 = i64::MIN;

/// A table of versions. Every call is one transaction, and leaves none open.
pub trait Versions {
    /// The name of the map that the table belongs to.
    fn name(&self) -> &str;

    /// The last time and the horizon.
    ///
    /// # Errors
    ///
    /// The database can't be read.
    fn state(&self) -> Result<TimeState, VersionsError>;

    /// Draws a time and writes the batch at it: all of it, or nothing. The time is `now`, or one more than the last one
    /// if that is greater.
    ///
    /// # Errors
    ///
    /// [`VersionsError::Changed`] where the batch expects another version; [`VersionsError::OutOfTime`]; the database
    /// can't be written.
    fn write(&self, now: i64, batch: &Batch) -> Result<Written, VersionsError>;

    /// Makes a time a settled one: what is written later has a greater time. Does nothing where it is settled already.
    ///
    /// # Errors
    ///
    /// The database can't be written.
    fn settle(&self, time: i64) -> Result<(), VersionsError>;

    /// The newest version of each key, in the order of the keys: as of now (`None`, O(log n) whatever the depth), or as
    /// of a settled time (O(log n) each). A tombstone is a version too.
    ///
    /// # Errors
    ///
    /// [`VersionsError::Forgotten`], [`VersionsError::Unsettled`], or the database can't be read.
    fn newest(
        &self,
        keys: &[Vec<u8>],
        at: Option<i64>,
    ) -> Result<Vec<Option<Version>>, VersionsError>;

    /// The rows of a range as of a settled time, in the order of their keys. Looks at so many keys at most, those that
    /// have no row at that time among them; each costs O(log n).
    ///
    /// # Errors
    ///
    /// [`VersionsError::Forgotten`], [`VersionsError::Unsettled`], or the database can't be read.
    fn range(
        &self,
        keys: &KeyRange,
        at: i64,
        order: Order,
        limit: usize,
    ) -> Result<RangePage, VersionsError>;

    /// The versions of a key, the newest first, from before a time on; so many at most.
    ///
    /// # Errors
    ///
    /// The database can't be read.
    fn versions(
        &self,
        key: &[u8],
        before: Option<i64>,
        limit: usize,
    ) -> Result<Page<Version>, VersionsError>;

    /// The times from the horizon on at which anything was written, the newest first, from before a time on; so many at
    /// most. Each costs O(log n), however many keys were written at it.
    ///
    /// # Errors
    ///
    /// The database can't be read.
    fn times(&self, before: Option<i64>, limit: usize) -> Result<Page<i64>, VersionsError>;

    /// What was written after a time and up to a settled one, in the order of time and key; so many at most. `from` goes
    /// on behind the last one of the page before.
    ///
    /// # Errors
    ///
    /// [`VersionsError::Forgotten`] where `after` is before the horizon; [`VersionsError::Unsettled`] where `upto` is not
    /// settled; or the database can't be read.
    fn changes(
        &self,
        after: i64,
        upto: i64,
        from: Option<&Place>,
        limit: usize,
    ) -> Result<Page<Changed>, VersionsError>;

    /// Moves the horizon to a settled time. Does nothing where it is there or beyond already. Costs one row, whatever is
    /// forgotten: [`Self::sweep`] gives the space back.
    ///
    /// # Errors
    ///
    /// [`VersionsError::Unsettled`], or the database can't be written.
    fn forget(&self, before: i64) -> Result<(), VersionsError>;

    /// Looks at so many versions at most that are before the horizon, the oldest first, and deletes what is forgotten.
    /// `from` goes on behind where the step before stopped.
    ///
    /// # Errors
    ///
    /// The database can't be written.
    fn sweep(&self, from: Option<&Place>, limit: usize) -> Result<Swept, VersionsError>;

    /// Waits until a time after this one is settled, and returns the last time, or that at the end of the time-out.
    ///
    /// # Errors
    ///
    /// The database can't be read.
    fn wait(&self, after: i64, timeout: Duration) -> Result<i64, VersionsError>;

    /// Another handle of the same table, to be used beside this one.
    ///
    /// # Errors
    ///
    /// The database can't be opened again.
    fn another(&self) -> Result<Self, VersionsError>
    where
        Self: Sized;
}

/// The last time and the horizon of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeState {
    /// The greatest time that is settled; [`BEGINNING`] before the first.
    pub last: i64,
    /// The time before which the past is forgotten; [`BEGINNING`] where nothing is.
    pub horizon: i64,
}

impl TimeState {
    /// The state of a new table.
    pub const NEW: Self = Self {
        last: BEGINNING,
        horizon: BEGINNING,
    };

    /// Refuses to read a time that is forgotten or not settled. For stores.
    ///
    /// # Errors
    ///
    /// [`VersionsError::Forgotten`] or [`VersionsError::Unsettled`].
    pub fn check(&self, map: &str, time: i64) -> Result<(), VersionsError> {
        let map = || map.to_string();
        let Self { last, horizon } = *self;
        if time < horizon {
            return Err(VersionsError::Forgotten {
                map: map(),
                time,
                horizon,
            });
        }
        if time > last {
            return Err(VersionsError::Unsettled {
                map: map(),
                time,
                last,
            });
        }
        Ok(())
    }

    /// The time that a write draws. For stores.
    ///
    /// # Errors
    ///
    /// [`VersionsError::OutOfTime`].
    pub fn draw(&self, map: &str, now: i64) -> Result<i64, VersionsError> {
        match self.last.checked_add(1) {
            Some(next) => Ok(next.max(now)),
            None => Err(VersionsError::OutOfTime {
                map: map.to_string(),
            }),
        }
    }

    /// Takes from the versions of one key, the newest first, those that are not forgotten. For stores.
    pub fn remembered(
        self,
        versions: impl IntoIterator<Item = Version>,
    ) -> impl Iterator<Item = Version> {
        let mut is_over = false;
        versions
            .into_iter()
            .take_while(move |version| {
                !std::mem::replace(&mut is_over, version.time <= self.horizon)
            })
            .filter(move |version| version.time >= self.horizon || version.data.is_some())
    }
}

/// What a key was set to at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// When.
    pub time: i64,
    /// The value, or a tombstone.
    pub data: Option<Vec<u8>>,
}

/// What is written at one time.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// What each key is set to; nothing: a tombstone.
    pub writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// What must be there for anything to be written.
    pub expected: Option<Expected>,
    /// Whether [`Written::old`] is wanted.
    pub with_old: bool,
}

/// What a write expects of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The key.
    pub key: Vec<u8>,
    /// The time of its newest version; nothing: the key has no value.
    pub time: Option<i64>,
}

impl Expected {
    /// Compares with the newest version that there is. For stores.
    ///
    /// # Errors
    ///
    /// [`VersionsError::Changed`].
    pub fn check(&self, map: &str, newest: Option<&Version>) -> Result<(), VersionsError> {
        let is_so = match (self.time, newest) {
            (None, None) => true,
            (None, Some(version)) => version.data.is_none(),
            (Some(time), newest) => newest.is_some_and(|version| version.time == time),
        };
        if is_so {
            return Ok(());
        }
        Err(VersionsError::Changed {
            map: map.to_string(),
            found: newest.map(|version| version.time),
        })
    }
}

/// A batch that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The time that it was written at.
    pub time: i64,
    /// What each key had before, in the order of the keys, if it was asked for: nothing where it had no value.
    pub old: Vec<Option<Vec<u8>>>,
}

/// A range of keys, from one on, and up to but without another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key that is in it.
    pub from: Vec<u8>,
    /// The first key behind it; nothing: there is none.
    pub to: Option<Vec<u8>>,
}

impl KeyRange {
    /// The range between two bounds.
    pub fn between(from: Bound<Vec<u8>>, to: Bound<Vec<u8>>) -> Self {
        Self {
            from: match from {
                Bound::Unbounded => Vec::new(),
                Bound::Included(key) => key,
                Bound::Excluded(key) => successor(key),
            },
            to: match to {
                Bound::Unbounded => None,
                Bound::Included(key) => Some(successor(key)),
                Bound::Excluded(key) => Some(key),
            },
        }
    }

    /// Whether a key is in it.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.from.as_slice() <= key && self.to.as_deref().is_none_or(|to| key < to)
    }

    /// Whether no key is in it.
    pub fn is_empty(&self) -> bool {
        self.to.as_ref().is_some_and(|to| *to <= self.from)
    }

    /// What is left of it once all keys up to this one are read.
    #[must_use]
    pub fn behind(&self, key: Vec<u8>, order: Order) -> Self {
        match order {
            Order::Forward => Self {
                from: successor(key),
                to: self.to.clone(),
            },
            Order::Backward => Self {
                from: self.from.clone(),
                to: Some(key),
            },
        }
    }
}

/// The least byte string after this one.
fn successor(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

/// A part of what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Whether there may be more.
    pub more: bool,
    /// The times of the state that it was read from.
    pub state: TimeState,
}

/// A part of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangePage {
    /// The keys that have a value, each with the version that says so.
    pub rows: Vec<(Vec<u8>, Version)>,
    /// What is still to be read; nothing: that was all.
    pub rest: Option<KeyRange>,
}

/// Where a version is in the order of time and key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The time.
    pub time: i64,
    /// The key.
    pub key: Vec<u8>,
}

/// A version with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The key.
    pub key: Vec<u8>,
    /// What it was set to.
    pub version: Version,
}

impl Changed {
    /// Where it is in the order of time and key.
    pub fn place(&self) -> Place {
        Place {
            time: self.version.time,
            key: self.key.clone(),
        }
    }
}

/// What a step of a sweep did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swept {
    /// How many versions were deleted.
    pub deleted: usize,
    /// Where to go on; nothing: all is swept.
    pub rest: Option<Place>,
}
