//! A map as of a time: [`Snapshot`], and its [`Rows`].

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::fmt;
use std::ops::RangeBounds;

use deltaview_store::versions::{KeyRange, Order, Version, Versions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Time, TimeMap};

/// A map as of a time: made by [`TimeMap::snapshot`]. It stays as it is, whoever writes. It holds nothing open: only where
/// the past is forgotten meanwhile, it ends with an [`Error::Forgotten`].
pub struct Snapshot<'m, K, V, S> {
    map: &'m TimeMap<K, V, S>,
    time: Time,
}

impl<K, V, S> Clone for Snapshot<'_, K, V, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V, S> Copy for Snapshot<'_, K, V, S> {}

impl<K, V, S> fmt::Debug for Snapshot<'_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

impl<'m, K, V, S> Snapshot<'m, K, V, S>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
    S: Versions,
{
    pub(crate) fn new(map: &'m TimeMap<K, V, S>, time: Time) -> Self {
        Self { map, time }
    }

    /// The time.
    pub fn time(&self) -> Time {
        self.time
    }

    /// The value of a key.
    ///
    /// # Errors
    ///
    /// As [`TimeMap::get_at`].
    pub fn get(&self, key: &K) -> Result<Option<V>, Error> {
        self.map.get_at(key, self.time)
    }

    /// The values of some keys, in the order of the keys.
    ///
    /// # Errors
    ///
    /// As [`TimeMap::get_at`].
    pub fn get_many<Q: Borrow<K>>(
        &self,
        keys: impl IntoIterator<Item = Q>,
    ) -> Result<Vec<Option<V>>, Error> {
        self.map.get_many_at(keys, self.time)
    }

    /// The rows whose keys are in a range, in the order of the keys, lazily.
    ///
    /// # Errors
    ///
    /// As [`TimeMap::get_at`].
    pub fn range(&self, keys: impl RangeBounds<K>) -> Result<Rows<'m, K, V, S>, Error> {
        self.map.range_at(keys, self.time)
    }

    /// All rows, in the order of the keys, lazily.
    ///
    /// # Errors
    ///
    /// As [`TimeMap::get_at`].
    pub fn iter(&self) -> Result<Rows<'m, K, V, S>, Error> {
        self.map.iter_at(self.time)
    }
}

/// Rows of a map as of a time, in the order of their keys, read lazily, from either end. After an error there are no more.
pub struct Rows<'m, K, V, S> {
    map: &'m TimeMap<K, V, S>,
    time: Time,
    /// What is read from the front, and what from the back, the backmost first.
    front: VecDeque<(Vec<u8>, Version)>,
    back: VecDeque<(Vec<u8>, Version)>,
    /// What is between the two.
    rest: Option<KeyRange>,
    page: usize,
}

impl<K, V, S> fmt::Debug for Rows<'_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

/// Pages grow, so that a few rows cost little, and many few transactions.
const PAGES: (usize, usize) = (16, 1_024);

impl<'m, K, V, S> Rows<'m, K, V, S>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
    S: Versions,
{
    pub(crate) fn new(map: &'m TimeMap<K, V, S>, keys: KeyRange, time: Time) -> Self {
        Self {
            map,
            time,
            front: VecDeque::new(),
            back: VecDeque::new(),
            rest: Some(keys).filter(|keys| !keys.is_empty()),
            page: PAGES.0,
        }
    }

    /// Reads until there is a row at this end, or nothing is left between the ends.
    fn fill(&mut self, order: Order) -> Result<(), Error> {
        loop {
            let end = match order {
                Order::Forward => &mut self.front,
                Order::Backward => &mut self.back,
            };
            if !end.is_empty() {
                return Ok(());
            }
            // Taken: after an error there are no more.
            let Some(keys) = self.rest.take() else {
                return Ok(());
            };
            let versions = &self.map.versions;
            let page = versions.range(&keys, self.time.nanos(), order, self.page)?;
            end.extend(page.rows);
            self.rest = page.rest.filter(|keys| !keys.is_empty());
            self.page = (self.page * 2).min(PAGES.1);
        }
    }

    fn row(&mut self, order: Order) -> Option<Result<(K, V), Error>> {
        if let Err(error) = self.fill(order) {
            self.front.clear();
            self.back.clear();
            return Some(Err(error));
        }
        let row = match order {
            Order::Forward => self.front.pop_front().or_else(|| self.back.pop_back()),
            Order::Backward => self.back.pop_front().or_else(|| self.front.pop_back()),
        };
        let row = self.map.translation.row(row?);
        if row.is_err() {
            self.rest = None;
            self.front.clear();
            self.back.clear();
        }
        Some(row)
    }
}

impl<K, V, S> Iterator for Rows<'_, K, V, S>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
    S: Versions,
{
    type Item = Result<(K, V), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.row(Order::Forward)
    }
}

impl<K, V, S> DoubleEndedIterator for Rows<'_, K, V, S>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
    S: Versions,
{
    fn next_back(&mut self) -> Option<Self::Item> {
        self.row(Order::Backward)
    }
}
