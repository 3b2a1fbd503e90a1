//! [`TimeMap`]: a typed map over a table of versions. It owns what the bytes mean and when a time is over; how they are
//! kept is the store's business.

use std::borrow::Borrow;
use std::fmt;
use std::ops::RangeBounds;
use std::sync::Arc;

use deltaview_store::versions::{Batch, MemoryVersions, Place, Versions, VersionsError};
use deltaview_zset::ZSet;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bytes::{self, Translation};
use crate::history::{History, Times};
use crate::snapshot::{Rows, Snapshot};
use crate::watch::Watch;
use crate::{Clock, Delta, Error, SystemClock, Time, Version};

/// So many versions are looked at in one transaction while the past is forgotten.
pub(crate) const SWEEP: usize = 1_000;

/// So many changes are read at a time.
pub(crate) const PAGE: usize = 1_000;

/// A map from keys to values that remembers: each write has a [`Time`], and the map can be read as of any of them.
///
/// In memory ([`Self::in_memory`]), in a SQLite file ([`SqliteTimeMap`](crate::SqliteTimeMap)), or in a Postgres database
/// ([`PostgresTimeMap`](crate::PostgresTimeMap), with the same methods, asynchronous). Keys and values are any types that
/// serde knows; see [`key`](crate::key) for what can be a key, and how keys are ordered.
///
/// ```
/// use deltaview_ttkv::TimeMap;
///
/// let prices: TimeMap<String, i64> = TimeMap::in_memory("prices")?;
/// let (tea, rice) = ("tea".to_string(), "rice".to_string());
/// let first = prices.put(&tea, &3)?;
/// let second = prices.put(&tea, &4)?;
/// prices.put(&rice, &2)?;
/// prices.remove(&tea)?;
///
/// assert_eq!(prices.get(&tea)?, None);
/// assert_eq!(prices.get_at(&tea, first)?, Some(3));
/// assert_eq!(prices.get_at(&tea, second)?, Some(4));
/// let then: Vec<_> = prices.iter_at(second)?.collect::<Result<_, _>>()?;
/// assert_eq!(then, [(tea, 4)]);
/// # Ok::<(), deltaview_ttkv::Error>(())
/// ```
///
/// # Times
///
/// A missing key is `None`: one that was not there at the time, also at a time before the first write. A time before the
/// horizon of [`Self::forget_before`] is an [`Error::Forgotten`]. A time that is not over yet is an [`Error::Future`], as
/// the answer could still change. A time that is over, but after the last write, is *settled* by whoever first reads it:
/// that writes one row, so that no later write gets a time before it, whatever its clock says. So an answer, once given,
/// never changes.
///
/// # Cost
///
/// With n versions in the map: a read of a key, of now or of then, is one search, O(log n), and a range one or two searches
/// a key that is in it or was. A write costs two insertions a key, however deep the history is.
pub struct TimeMap<K, V, S = MemoryVersions> {
    pub(crate) versions: S,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) translation: Translation<K, V>,
}

impl<K, V, S: fmt::Debug> fmt::Debug for TimeMap<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TimeMap").field(&self.versions).finish()
    }
}

/// Another handle of the same map.
impl<K, V> Clone for TimeMap<K, V> {
    fn clone(&self) -> Self {
        Self {
            versions: self.versions.clone(),
            clock: Arc::clone(&self.clock),
            translation: self.translation.clone(),
        }
    }
}

impl<K, V> TimeMap<K, V>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
{
    /// A new map in memory. Its clones are the same map.
    ///
    /// # Errors
    ///
    /// The name is empty or has a NUL.
    pub fn in_memory(name: &str) -> Result<Self, Error> {
        let spec = bytes::spec::<K, V>(name)?;
        Ok(Self::over(MemoryVersions::new(&spec)))
    }
}

impl<K, V, S> TimeMap<K, V, S>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
    S: Versions,
{
    /// A map over a table of versions.
    pub fn over(versions: S) -> Self {
        Self {
            translation: Translation::of(versions.name()),
            versions,
            clock: Arc::new(SystemClock),
        }
    }

    /// The same map with another clock: for tests, or where times come from elsewhere.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The name of the map.
    pub fn name(&self) -> &str {
        self.versions.name()
    }

    /// The table of versions.
    pub fn versions(&self) -> &S {
        &self.versions
    }

    /// The last time of the map: that of the last write, or a later one that was read. Nothing before the first.
    ///
    /// # Errors
    ///
    /// The database can't be read.
    pub fn last(&self) -> Result<Option<Time>, Error> {
        let last = Time::from_nanos(self.versions.state()?.last);
        Ok(Some(last).filter(|last| *last > Time::MIN))
    }

    /// The time before which the past is forgotten, if any of it is.
    ///
    /// # Errors
    ///
    /// The database can't be read.
    pub fn horizon(&self) -> Result<Option<Time>, Error> {
        let horizon = Time::from_nanos(self.versions.state()?.horizon);
        Ok(Some(horizon).filter(|horizon| *horizon > Time::MIN))
    }

    /// Sets a key to a value, and returns when.
    ///
    /// # Errors
    ///
    /// The key can't be one, or the database can't be written. Nothing has changed.
    pub fn put(&self, key: &K, value: &V) -> Result<Time, Error> {
        self.put_many([(key, value)])
    }

    /// Sets keys to values, all at one time, in one transaction. Where a key is given twice, the last one counts.
    ///
    /// # Errors
    ///
    /// As [`Self::put`].
    pub fn put_many<Q: Borrow<K>, W: Borrow<V>>(
        &self,
        entries: impl IntoIterator<Item = (Q, W)>,
    ) -> Result<Time, Error> {
        let entries = entries.into_iter();
        self.write(
            &self
                .translation
                .batch(entries.map(|(key, value)| (key, Some(value))))?,
        )
    }

    /// Removes a key, so that its past stays, and returns when. It may be missing already.
    ///
    /// # Errors
    ///
    /// As [`Self::put`].
    pub fn remove(&self, key: &K) -> Result<Time, Error> {
        self.write(&self.translation.batch([(key, None::<V>)])?)
    }

    fn write(&self, batch: &Batch) -> Result<Time, Error> {
        let now = self.clock.now().nanos();
        Ok(Time::from_nanos(self.versions.write(now, batch)?.time))
    }

    /// Sets a key to a value if its last change was at the expected time; `None`: if it has no value. Returns when.
    ///
    /// # Errors
    ///
    /// [`Error::Changed`] where that is not so; and as [`Self::put`].
    pub fn compare_and_put(
        &self,
        key: &K,
        expected: Option<Time>,
        value: &V,
    ) -> Result<Time, Error> {
        self.write(&self.translation.expecting(key, expected, Some(value))?)
    }

    /// Removes a key if its last change was at the expected time. Returns when.
    ///
    /// # Errors
    ///
    /// As [`Self::compare_and_put`].
    pub fn compare_and_remove(&self, key: &K, expected: Time) -> Result<Time, Error> {
        self.write(&self.translation.expecting(key, Some(expected), None)?)
    }

    /// The value of a key now.
    ///
    /// # Errors
    ///
    /// The key can't be one, or the database can't be read.
    pub fn get(&self, key: &K) -> Result<Option<V>, Error> {
        Ok(self.get_version(key)?.and_then(|version| version.value))
    }

    /// The newest version of a key: its value, or that it was removed, with the time, as [`Self::compare_and_put`] wants
    /// it.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn get_version(&self, key: &K) -> Result<Option<Version<V>>, Error> {
        let key = self.translation.key(key)?;
        let newest = self.versions.newest(&[key], None)?.pop().flatten();
        newest
            .map(|version| self.translation.version(version))
            .transpose()
    }

    /// The value of a key at a time.
    ///
    /// # Errors
    ///
    /// [`Error::Forgotten`], [`Error::Future`], and as [`Self::get`].
    pub fn get_at(&self, key: &K, time: Time) -> Result<Option<V>, Error> {
        Ok(self.get_many_at([key], time)?.pop().flatten())
    }

    /// The values of some keys at a time, in the order of the keys, all from one state.
    ///
    /// # Errors
    ///
    /// As [`Self::get_at`].
    pub fn get_many_at<Q: Borrow<K>>(
        &self,
        keys: impl IntoIterator<Item = Q>,
        time: Time,
    ) -> Result<Vec<Option<V>>, Error> {
        let keys = self.translation.keys(keys)?;
        let found = self.at(time, || self.versions.newest(&keys, Some(time.nanos())))?;
        self.translation.values(found)
    }

    /// The rows whose keys are in a range, as of a time, in the order of the keys, lazily. They can be read from both ends.
    /// An empty or upside-down range has no rows.
    ///
    /// # Errors
    ///
    /// As [`Self::get_at`].
    pub fn range_at(
        &self,
        keys: impl RangeBounds<K>,
        time: Time,
    ) -> Result<Rows<'_, K, V, S>, Error> {
        let keys = self.translation.range(&keys)?;
        self.settled(time)?;
        Ok(Rows::new(self, keys, time))
    }

    /// All rows as of a time, in the order of the keys, lazily. They can be read from both ends.
    ///
    /// # Errors
    ///
    /// As [`Self::get_at`].
    pub fn iter_at(&self, time: Time) -> Result<Rows<'_, K, V, S>, Error> {
        self.range_at(.., time)
    }

    /// The rows whose keys are in a range now, as they are when reading begins, whoever writes meanwhile.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn range(&self, keys: impl RangeBounds<K>) -> Result<Rows<'_, K, V, S>, Error> {
        let last = Time::from_nanos(self.versions.state()?.last);
        Ok(Rows::new(self, self.translation.range(&keys)?, last))
    }

    /// All rows now, as they are when reading begins, whoever writes meanwhile.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn iter(&self) -> Result<Rows<'_, K, V, S>, Error> {
        self.range(..)
    }

    /// The map as of a time, to be read as often as you like, while writers go on. It holds nothing open.
    ///
    /// # Errors
    ///
    /// As [`Self::get_at`].
    pub fn snapshot(&self, time: Time) -> Result<Snapshot<'_, K, V, S>, Error> {
        self.settled(time)?;
        Ok(Snapshot::new(self, time))
    }

    /// The times at which a key was set or removed, the newest first, lazily: from the horizon on, and the one before it
    /// whose value was still there at the horizon.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn times(&self, key: &K) -> Result<impl Iterator<Item = Result<Time, Error>>, Error> {
        let history = self.history(key)?;
        Ok(history.map(|version| version.map(|version| version.time)))
    }

    /// The times at which anything was written, the newest first, lazily, from the horizon on.
    pub fn times_all(&self) -> Times<'_, K, V, S> {
        Times::new(self)
    }

    /// The versions of a key, the newest first, lazily: from the horizon on, and the one before it whose value was still
    /// there at the horizon.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn history(&self, key: &K) -> Result<History<'_, K, V, S>, Error> {
        Ok(History::new(self, self.translation.key(key)?))
    }

    /// Forgets what was before a time, and returns how many versions are gone. What is true at the time stays, and all
    /// that came later; reading an earlier time is an [`Error::Forgotten`] from now on, also for iterators that are under
    /// way.
    ///
    /// The space comes back in steps, each a short transaction, so that writers go on in between: see
    /// [`Self::forget_in_steps`]. The database uses it for what is written later. Where it is cut short, forgetting the
    /// same time again goes on with it.
    ///
    /// # Errors
    ///
    /// [`Error::Future`], or the database can't be written.
    pub fn forget_before(&self, time: Time) -> Result<usize, Error> {
        self.forget_in_steps(time)?.sum()
    }

    /// As [`Self::forget_before`], but each step is made when it is asked for, and says how many versions are gone by it.
    /// A step looks at a thousand versions at most.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn forget_in_steps(
        &self,
        time: Time,
    ) -> Result<impl Iterator<Item = Result<usize, Error>>, Error> {
        self.at(time, || self.versions.forget(time.nanos()))?;
        let mut rest: Option<Option<Place>> = Some(None);
        Ok(std::iter::from_fn(move || {
            let from = rest.take()?;
            match self.versions.sweep(from.as_ref(), SWEEP) {
                Ok(swept) => {
                    rest = swept.rest.map(Some);
                    Some(Ok(swept.deleted))
                }
                Err(error) => Some(Err(error.into())),
            }
        }))
    }

    /// Waits for changes of keys in a range, from now on.
    ///
    /// # Errors
    ///
    /// The database can't be opened once more: a watch has a handle of its own, so that it can be given to another thread.
    pub fn watch(&self, keys: impl RangeBounds<K>) -> Result<Watch<K, V, S>, Error> {
        let last = Time::from_nanos(self.versions.state()?.last);
        Watch::new(self, self.translation.range(&keys)?, last)
    }

    /// As [`Self::watch`], with the changes after a time first.
    ///
    /// # Errors
    ///
    /// As there, and as [`Self::get_at`].
    pub fn watch_since(
        &self,
        keys: impl RangeBounds<K>,
        time: Time,
    ) -> Result<Watch<K, V, S>, Error> {
        self.settled(time)?;
        Watch::new(self, self.translation.range(&keys)?, time)
    }

    /// Makes sure that a time is over and remembered.
    fn settled(&self, time: Time) -> Result<(), Error> {
        self.at(time, || {
            let state = self.versions.state()?;
            state.check(self.name(), time.nanos())
        })
    }

    /// Reads a time. Where it is over, and after the last one of the map, it is settled first.
    fn at<T>(&self, time: Time, read: impl Fn() -> Result<T, VersionsError>) -> Result<T, Error> {
        match read() {
            Err(VersionsError::Unsettled { .. }) => {
                over(&*self.clock, self.name(), time)?;
                self.versions.settle(time.nanos())?;
                Ok(read()?)
            }
            other => Ok(other?),
        }
    }
}

/// Refuses a time that is not over.
pub(crate) fn over(clock: &dyn Clock, map: &str, time: Time) -> Result<(), Error> {
    let now = clock.now();
    if time < now {
        return Ok(());
    }
    Err(Error::Future {
        map: map.to_string(),
        time,
        now,
    })
}

impl<K, V, S> TimeMap<K, V, S>
where
    K: Serialize + DeserializeOwned + Ord,
    V: Serialize + DeserializeOwned + Ord,
    S: Versions,
{
    /// Sets keys to values, and removes those with `None`, all at one time, in one transaction. Returns what that changed:
    /// the old rows with the weight -1, the new ones with 1. Such a delta is what an input of a graph takes.
    ///
    /// Besides what [`Self::put_many`] costs, each key is looked up.
    ///
    /// # Errors
    ///
    /// As [`Self::put`].
    pub fn change<Q: Borrow<K>, W: Borrow<V>>(
        &self,
        entries: impl IntoIterator<Item = (Q, Option<W>)>,
    ) -> Result<Delta<K, V>, Error> {
        let mut batch = self.translation.batch(entries)?;
        batch.with_old = true;
        let written = self.versions.write(self.clock.now().nanos(), &batch)?;
        self.translation.delta(&batch, written)
    }

    /// What changed after one time and up to another, net: the rows that were there at the first only with the weight -1,
    /// those at the second only with 1. With the times the other way round, all weights are the other way round too.
    ///
    /// Reads all that was written between the two, and each key of it once more. Holds the result in memory.
    ///
    /// # Errors
    ///
    /// As [`Self::get_at`], for both times.
    pub fn between(&self, from: Time, to: Time) -> Result<ZSet<(K, V)>, Error> {
        let (after, upto) = (from.min(to), from.max(to));
        self.settled(upto)?;
        let mut newest = std::collections::BTreeMap::new();
        let mut place = None;
        loop {
            let page = self
                .versions
                .changes(after.nanos(), upto.nanos(), place.as_ref(), PAGE)?;
            place = page.items.last().map(|changed| changed.place());
            newest.extend(
                page.items
                    .into_iter()
                    .map(|changed| (changed.key, changed.version.data)),
            );
            if !page.more {
                break;
            }
        }
        let keys: Vec<Vec<u8>> = newest.keys().cloned().collect();
        let mut old = Vec::new();
        for keys in keys.chunks(PAGE) {
            old.extend(self.versions.newest(keys, Some(after.nanos()))?);
        }
        let rows = bytes::net(&newest, old, from <= to);
        self.translation.difference(rows)
    }
}
