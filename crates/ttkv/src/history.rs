//! Reading back through the versions of a key ([`History`]) and the times of a map ([`Times`]), page by page.

use std::collections::VecDeque;
use std::fmt;

use deltaview_store::versions::{Page, TimeState, Versions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Time, TimeMap, Version};

/// Pages grow, so that the newest few cost little, and many few transactions.
const PAGES: (usize, usize) = (16, 1_024);

/// What is read page by page, the newest first.
pub(crate) struct Pages<T> {
    page: VecDeque<T>,
    size: usize,
    /// The horizon when reading began.
    horizon: Option<i64>,
    is_over: bool,
    /// The time of the last one that was given out.
    before: Option<i64>,
}

impl<T> Pages<T> {
    pub(crate) fn new() -> Self {
        Self {
            page: VecDeque::new(),
            size: PAGES.0,
            horizon: None,
            is_over: false,
            before: None,
        }
    }

    /// What is to be read next, if that is needed: from before which time on, and how many.
    pub(crate) fn wanted(&mut self) -> Option<(Option<i64>, usize)> {
        if self.is_over || !self.page.is_empty() {
            return None;
        }
        let wanted = (self.before, self.size);
        self.size = (self.size * 2).min(PAGES.1);
        Some(wanted)
    }

    /// Takes a page in. Where the horizon has moved since, something of the past is missing.
    pub(crate) fn take(&mut self, map: &str, page: Page<T>) -> Result<(), Error> {
        let TimeState { horizon, .. } = page.state;
        let begun = *self.horizon.get_or_insert(horizon);
        if begun != horizon {
            self.is_over = true;
            return Err(Error::Forgotten {
                map: map.to_string(),
                time: Time::from_nanos(begun),
                horizon: Time::from_nanos(horizon),
            });
        }
        self.is_over = !page.more;
        self.page = page.items.into();
        Ok(())
    }

    pub(crate) fn pop(&mut self, time_of: impl FnOnce(&T) -> i64) -> Option<T> {
        let item = self.page.pop_front()?;
        self.before = Some(time_of(&item));
        Some(item)
    }

    pub(crate) fn stop(&mut self) {
        self.is_over = true;
        self.page.clear();
    }
}

/// The versions of a key, the newest first, read lazily: made by [`TimeMap::history`]. After an error there are no more.
/// Where the past is forgotten while it is read, that is an [`Error::Forgotten`].
pub struct History<'m, K, V, S> {
    map: &'m TimeMap<K, V, S>,
    key: Vec<u8>,
    pages: Pages<deltaview_store::versions::Version>,
}

impl<K, V, S> fmt::Debug for History<'_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").finish_non_exhaustive()
    }
}

impl<'m, K, V, S> History<'m, K, V, S> {
    pub(crate) fn new(map: &'m TimeMap<K, V, S>, key: Vec<u8>) -> Self {
        Self {
            map,
            key,
            pages: Pages::new(),
        }
    }
}

impl<K, V, S> Iterator for History<'_, K, V, S>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
    S: Versions,
{
    type Item = Result<Version<V>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some((before, size)) = self.pages.wanted() {
            let page = self.map.versions.versions(&self.key, before, size);
            let taken = page
                .map_err(Error::from)
                .and_then(|page| self.pages.take(self.map.name(), page));
            if let Err(error) = taken {
                self.pages.stop();
                return Some(Err(error));
            }
        }
        let version = self.pages.pop(|version| version.time)?;
        let version = self.map.translation.version(version);
        if version.is_err() {
            self.pages.stop();
        }
        Some(version)
    }
}

/// The times at which anything was written, the newest first, read lazily: made by [`TimeMap::times_all`]. After an error
/// there are no more. Where the past is forgotten while it is read, that is an [`Error::Forgotten`].
pub struct Times<'m, K, V, S> {
    map: &'m TimeMap<K, V, S>,
    pages: Pages<i64>,
}

impl<K, V, S> fmt::Debug for Times<'_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Times").finish_non_exhaustive()
    }
}

impl<'m, K, V, S> Times<'m, K, V, S> {
    pub(crate) fn new(map: &'m TimeMap<K, V, S>) -> Self {
        Self {
            map,
            pages: Pages::new(),
        }
    }
}

impl<K, V, S> Iterator for Times<'_, K, V, S>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
    S: Versions,
{
    type Item = Result<Time, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some((before, size)) = self.pages.wanted() {
            let page = self.map.versions.times(before, size);
            let taken = page
                .map_err(Error::from)
                .and_then(|page| self.pages.take(self.map.name(), page));
            if let Err(error) = taken {
                self.pages.stop();
                return Some(Err(error));
            }
        }
        self.pages.pop(|time| *time).map(Time::from_nanos).map(Ok)
    }
}
