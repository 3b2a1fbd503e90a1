//! What reads an asynchronous map: snapshots, rows, versions, times, and what waits for changes.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::fmt;
use std::ops::RangeBounds;
use std::time::{Duration, Instant};

use deltaview_store::versions::{Changed, KeyRange, Order, Place, Version as StoredVersion};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::PostgresTimeMap;
use crate::history::Pages;
use crate::map::{PAGE, SWEEP};
use crate::watch::Seen;
use crate::{Change, Error, Time, Version};

/// A map as of a time: made by [`PostgresTimeMap::snapshot`]. As [`Snapshot`](crate::Snapshot).
#[derive(Clone, Debug)]
pub struct PostgresSnapshot<K, V> {
    pub(super) map: PostgresTimeMap<K, V>,
    pub(super) time: Time,
}

impl<K, V> PostgresSnapshot<K, V>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
{
    /// The time.
    pub fn time(&self) -> Time {
        self.time
    }

    /// The value of a key.
    ///
    /// # Errors
    ///
    /// As [`TimeMap::get_at`](crate::TimeMap::get_at).
    pub async fn get(&self, key: &K) -> Result<Option<V>, Error> {
        self.map.get_at(key, self.time).await
    }

    /// The values of some keys, in the order of the keys.
    ///
    /// # Errors
    ///
    /// As [`TimeMap::get_at`](crate::TimeMap::get_at).
    pub async fn get_many<Q: Borrow<K>>(
        &self,
        keys: impl IntoIterator<Item = Q>,
    ) -> Result<Vec<Option<V>>, Error> {
        self.map.get_many_at(keys, self.time).await
    }

    /// The rows whose keys are in a range, in the order of the keys, lazily.
    ///
    /// # Errors
    ///
    /// As [`TimeMap::get_at`](crate::TimeMap::get_at).
    pub async fn range(&self, keys: impl RangeBounds<K>) -> Result<PostgresRows<K, V>, Error> {
        self.map.range_at(keys, self.time).await
    }
}

/// Rows of a map as of a time, in the order of their keys, read lazily, from either end. After an error there are no more.
pub struct PostgresRows<K, V> {
    pub(super) map: PostgresTimeMap<K, V>,
    pub(super) time: Time,
    front: VecDeque<(Vec<u8>, StoredVersion)>,
    back: VecDeque<(Vec<u8>, StoredVersion)>,
    rest: Option<KeyRange>,
}

impl<K, V> fmt::Debug for PostgresRows<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresRows")
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

impl<K, V> PostgresRows<K, V>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
{
    pub(super) fn new(map: &PostgresTimeMap<K, V>, keys: KeyRange, time: Time) -> Self {
        Self {
            map: map.clone(),
            time,
            front: VecDeque::new(),
            back: VecDeque::new(),
            rest: Some(keys).filter(|keys| !keys.is_empty()),
        }
    }

    /// The next row from the front.
    pub async fn next(&mut self) -> Option<Result<(K, V), Error>> {
        self.row(Order::Forward).await
    }

    /// The next row from the back.
    pub async fn next_back(&mut self) -> Option<Result<(K, V), Error>> {
        self.row(Order::Backward).await
    }

    async fn row(&mut self, order: Order) -> Option<Result<(K, V), Error>> {
        let row = self.read(order).await.transpose()?;
        if row.is_err() {
            self.rest = None;
            self.front.clear();
            self.back.clear();
        }
        Some(row)
    }

    async fn read(&mut self, order: Order) -> Result<Option<(K, V)>, Error> {
        let is_empty = |rows: &Self| match order {
            Order::Forward => rows.front.is_empty(),
            Order::Backward => rows.back.is_empty(),
        };
        while is_empty(self)
            && let Some(keys) = &self.rest
        {
            let versions = &self.map.versions;
            let page = versions.range(keys, self.time.nanos(), order, PAGE).await?;
            match order {
                Order::Forward => self.front.extend(page.rows),
                Order::Backward => self.back.extend(page.rows),
            }
            self.rest = page.rest.filter(|keys| !keys.is_empty());
        }
        let row = match order {
            Order::Forward => self.front.pop_front().or_else(|| self.back.pop_back()),
            Order::Backward => self.back.pop_front().or_else(|| self.front.pop_back()),
        };
        row.map(|row| self.map.translation.row(row)).transpose()
    }
}

/// The versions of a key, the newest first, read lazily: made by [`PostgresTimeMap::history`]. After an error there are no
/// more. Where the past is forgotten while it is read, that is an [`Error::Forgotten`].
pub struct PostgresHistory<K, V> {
    pub(super) map: PostgresTimeMap<K, V>,
    pub(super) key: Vec<u8>,
    pub(super) pages: Pages<StoredVersion>,
}

impl<K, V> fmt::Debug for PostgresHistory<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresHistory").finish_non_exhaustive()
    }
}

impl<K, V> PostgresHistory<K, V>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
{
    /// The next version.
    pub async fn next(&mut self) -> Option<Result<Version<V>, Error>> {
        if let Some((before, size)) = self.pages.wanted() {
            let page = self.map.versions.versions(&self.key, before, size).await;
            let page = page.map_err(Error::from);
            if let Err(error) = page.and_then(|page| self.pages.take(self.map.name(), page)) {
                self.pages.stop();
                return Some(Err(error));
            }
        }
        let version = self.pages.pop(|version| version.time)?;
        Some(self.map.translation.version(version))
    }
}

/// The times at which a key was set or removed, the newest first, read lazily: made by [`PostgresTimeMap::times`]. After an
/// error there are no more.
pub struct PostgresKeyTimes<K, V>(pub(super) PostgresHistory<K, V>);

impl<K, V> fmt::Debug for PostgresKeyTimes<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresKeyTimes").finish_non_exhaustive()
    }
}

impl<K, V> PostgresKeyTimes<K, V>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
{
    /// The next time.
    pub async fn next(&mut self) -> Option<Result<Time, Error>> {
        let version = self.0.next().await?;
        Some(version.map(|version| version.time))
    }
}

/// Forgetting, step by step: made by [`PostgresTimeMap::forget_in_steps`]. After an error there are no more steps.
pub struct PostgresForgetting<K, V> {
    pub(super) map: PostgresTimeMap<K, V>,
    /// Behind which place the next step begins, if there is one.
    pub(super) rest: Option<Option<Place>>,
}

impl<K, V> fmt::Debug for PostgresForgetting<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresForgetting").finish_non_exhaustive()
    }
}

impl<K, V> PostgresForgetting<K, V>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
{
    /// Makes the next step, a short transaction, and says how many versions are gone by it. Nothing: all is done.
    pub async fn next(&mut self) -> Option<Result<usize, Error>> {
        let from = self.rest.take()?;
        match self.map.versions.sweep(from.as_ref(), SWEEP).await {
            Ok(swept) => {
                self.rest = swept.rest.map(Some);
                Some(Ok(swept.deleted))
            }
            Err(error) => Some(Err(error.into())),
        }
    }
}

/// The times at which anything was written, the newest first, read lazily: made by [`PostgresTimeMap::times_all`]. After an
/// error there are no more. Where the past is forgotten while it is read, that is an [`Error::Forgotten`].
pub struct PostgresTimes<K, V> {
    pub(super) map: PostgresTimeMap<K, V>,
    pub(super) pages: Pages<i64>,
}

impl<K, V> fmt::Debug for PostgresTimes<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresTimes").finish_non_exhaustive()
    }
}

impl<K, V> PostgresTimes<K, V>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
{
    /// The next time.
    pub async fn next(&mut self) -> Option<Result<Time, Error>> {
        if let Some((before, size)) = self.pages.wanted() {
            let page = self.map.versions.times(before, size).await;
            let page = page.map_err(Error::from);
            if let Err(error) = page.and_then(|page| self.pages.take(self.map.name(), page)) {
                self.pages.stop();
                return Some(Err(error));
            }
        }
        self.pages.pop(|time| *time).map(Time::from_nanos).map(Ok)
    }
}

/// Waits for changes of keys in a range: made by [`PostgresTimeMap::watch`]. Each is told once, in the order of time and
/// key, and none is left out.
pub struct PostgresWatch<K, V> {
    pub(super) map: PostgresTimeMap<K, V>,
    pub(super) keys: KeyRange,
    pub(super) seen: Seen,
    pub(super) waiting: VecDeque<Changed>,
}

impl<K, V> fmt::Debug for PostgresWatch<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresWatch")
            .field("map", &self.map)
            .field("seen", &self.seen.upto)
            .finish_non_exhaustive()
    }
}

impl<K, V> PostgresWatch<K, V>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
{
    /// The next change, or nothing if there is none within a time.
    ///
    /// # Errors
    ///
    /// As [`Watch::next_within`](crate::Watch::next_within).
    pub async fn next_within(&mut self, timeout: Duration) -> Result<Option<Change<K, V>>, Error> {
        let deadline = Instant::now().checked_add(timeout);
        loop {
            if let Some(changed) = self.waiting.pop_front() {
                return Ok(Some(self.map.translation.change(changed)?));
            }
            let versions = &self.map.versions;
            if self.seen.reading == self.seen.upto {
                let left = deadline.map_or(timeout, |deadline| {
                    deadline.saturating_duration_since(Instant::now())
                });
                let last = versions.wait(self.seen.upto, left).await?;
                if last <= self.seen.upto {
                    return Ok(None);
                }
                self.seen.reading = last;
            }
            let (upto, reading) = (self.seen.upto, self.seen.reading);
            let page = versions
                .changes(upto, reading, self.seen.place.as_ref(), PAGE)
                .await?;
            let last = page.items.last().map(Changed::place);
            self.seen.page(last, page.more);
            let changes = page.items.into_iter();
            self.waiting
                .extend(changes.filter(|changed| self.keys.contains(&changed.key)));
        }
    }
}
