//! Waiting for changes: [`Watch`].

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use deltaview_store::versions::{Changed, KeyRange, Place, Versions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bytes::Translation;
use crate::map::PAGE;
use crate::{Change, Error, Time, TimeMap};

/// Waits for changes of keys in a range: made by [`TimeMap::watch`]. Each is told once, in the order of time and key, and
/// none is left out.
///
/// It has a handle of its own, and may be given to another thread. In memory it is woken; in a SQLite file it asks every
/// few milliseconds whether anybody has committed, which reads one number that SQLite keeps in memory; in Postgres it asks
/// the server, at pauses that grow to a quarter of a second.
///
/// ```
/// use std::time::Duration;
/// use deltaview_ttkv::TimeMap;
///
/// let prices: TimeMap<String, i64> = TimeMap::in_memory("prices")?;
/// let tea = "tea".to_string();
/// let mut watch = prices.watch(tea.clone()..=tea.clone())?;
/// prices.put(&"rice".to_string(), &2)?;
/// let time = prices.put(&tea, &3)?;
/// let change = watch.next_within(Duration::from_secs(60))?.expect("tea has changed");
/// assert_eq!((change.time, change.key, change.value), (time, tea, Some(3)));
/// assert!(watch.next_within(Duration::ZERO)?.is_none());
/// # Ok::<(), deltaview_ttkv::Error>(())
/// ```
pub struct Watch<K, V, S> {
    versions: S,
    translation: Translation<K, V>,
    keys: KeyRange,
    seen: Seen,
    waiting: VecDeque<Changed>,
}

/// How far it has read.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Up to this time all.
    pub(crate) upto: i64,
    /// After it up to this one.
    pub(crate) reading: i64,
    pub(crate) place: Option<Place>,
}

impl Seen {
    pub(crate) fn upto(time: i64) -> Self {
        Self {
            upto: time,
            reading: time,
            place: None,
        }
    }

    /// Notes a page of what is read.
    pub(crate) fn page(&mut self, last: Option<Place>, more: bool) {
        if more {
            self.place = last;
        } else {
            *self = Self::upto(self.reading);
        }
    }
}

impl<K, V, S: fmt::Debug> fmt::Debug for Watch<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("versions", &self.versions)
            .field("seen", &self.seen.upto)
            .finish_non_exhaustive()
    }
}

impl<K, V, S> Watch<K, V, S>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
    S: Versions,
{
    pub(crate) fn new(map: &TimeMap<K, V, S>, keys: KeyRange, after: Time) -> Result<Self, Error> {
        Ok(Self {
            versions: map.versions.another()?,
            translation: map.translation.clone(),
            keys,
            seen: Seen::upto(after.nanos()),
            waiting: VecDeque::new(),
        })
    }

    /// The next change, or nothing if there is none within a time.
    ///
    /// # Errors
    ///
    /// The database can't be read; [`Error::Forgotten`] where what comes next was forgotten before it was told. Asking
    /// again goes on where it was.
    pub fn next_within(&mut self, timeout: Duration) -> Result<Option<Change<K, V>>, Error> {
        let deadline = Instant::now().checked_add(timeout);
        loop {
            if let Some(changed) = self.waiting.pop_front() {
                return Ok(Some(self.translation.change(changed)?));
            }
            if self.seen.reading == self.seen.upto {
                let left = deadline.map_or(timeout, |deadline| {
                    deadline.saturating_duration_since(Instant::now())
                });
                let last = self.versions.wait(self.seen.upto, left)?;
                if last <= self.seen.upto {
                    return Ok(None);
                }
                self.seen.reading = last;
            }
            self.read()?;
        }
    }

    /// Reads a page of what has changed.
    fn read(&mut self) -> Result<(), Error> {
        let Seen {
            upto,
            reading,
            place,
        } = &self.seen;
        let page = self
            .versions
            .changes(*upto, *reading, place.as_ref(), PAGE)?;
        let last = page.items.last().map(Changed::place);
        self.seen.page(last, page.more);
        let keys = &self.keys;
        let changes = page.items.into_iter();
        self.waiting
            .extend(changes.filter(|changed| keys.contains(&changed.key)));
        Ok(())
    }
}
