//! Versions in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deltaview_graph::Order;

use super::{
    Batch, Changed, KeyRange, MapSpec, Page, Place, RangePage, Swept, TimeState, Version, Versions,
    VersionsError, Written,
};

/// A table of versions in memory. Its clones are handles of the same one, for as many threads as there are.
#[derive(Clone)]
pub struct MemoryVersions {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    table: Mutex<Table>,
    changed: Condvar,
}

type Bytes = Arc<[u8]>;

#[derive(Debug)]
struct Table {
    rows: BTreeMap<Bytes, BTreeMap<i64, Option<Bytes>>>,
    by_time: BTreeSet<(i64, Bytes)>,
    state: TimeState,
}

impl fmt::Debug for MemoryVersions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryVersions")
            .field("name", &self.shared.name)
            .finish_non_exhaustive()
    }
}

impl MemoryVersions {
    /// An empty table. There is nothing that it could be compared with, so the shapes are of no interest.
    pub fn new(spec: &MapSpec) -> Self {
        let table = Table {
            rows: BTreeMap::new(),
            by_time: BTreeSet::new(),
            state: TimeState::NEW,
        };
        Self {
            shared: Arc::new(Shared {
                name: spec.name.clone(),
                table: Mutex::new(table),
                changed: Condvar::new(),
            }),
        }
    }

    /// No call leaves the table half-changed, so a thread that died elsewhere spoils nothing.
    fn table(&self) -> MutexGuard<'_, Table> {
        let table = self.shared.table.lock();
        table.unwrap_or_else(PoisonError::into_inner)
    }

    fn checked(&self, time: i64) -> Result<MutexGuard<'_, Table>, VersionsError> {
        let table = self.table();
        table.state.check(self.name(), time)?;
        Ok(table)
    }
}

impl Table {
    fn newest(&self, key: &[u8], at: i64) -> Option<Version> {
        let (time, data) = self.rows.get(key)?.range(..=at).next_back()?;
        Some(version(*time, data.as_ref()))
    }

    fn put(&mut self, key: &[u8], time: i64, data: Option<&[u8]>) {
        let key: Bytes = match self.rows.get_key_value(key) {
            Some((key, _)) => Arc::clone(key),
            None => key.into(),
        };
        self.by_time.insert((time, Arc::clone(&key)));
        let versions = self.rows.entry(key).or_default();
        versions.insert(time, data.map(Bytes::from));
    }

    /// Whether a version before the horizon is of no use to anybody.
    fn is_forgotten(&self, time: i64, key: &[u8]) -> bool {
        let versions = &self.rows[key];
        let later = (Bound::Excluded(time), Bound::Included(self.state.horizon));
        versions[&time].is_none() || versions.range(later).next().is_some()
    }

    fn delete(&mut self, time: i64, key: &Bytes) {
        self.by_time.remove(&(time, Arc::clone(key)));
        if let Some(versions) = self.rows.get_mut(key) {
            versions.remove(&time);
            if versions.is_empty() {
                self.rows.remove(key);
            }
        }
    }
}

fn version(time: i64, data: Option<&Bytes>) -> Version {
    Version {
        time,
        data: data.map(|data| data.to_vec()),
    }
}

fn place(place: &Place) -> (i64, Bytes) {
    (place.time, Bytes::from(place.key.as_slice()))
}

impl Versions for MemoryVersions {
    fn name(&self) -> &str {
        &self.shared.name
    }

    fn state(&self) -> Result<TimeState, VersionsError> {
        Ok(self.table().state)
    }

    fn write(&self, now: i64, batch: &Batch) -> Result<Written, VersionsError> {
        let mut table = self.table();
        let time = table.state.draw(self.name(), now)?;
        if let Some(expected) = &batch.expected {
            let newest = table.newest(&expected.key, i64::MAX);
            expected.check(self.name(), newest.as_ref())?;
        }
        let mut old = Vec::new();
        for (key, data) in &batch.writes {
            if batch.with_old {
                old.push(table.newest(key, i64::MAX).and_then(|newest| newest.data));
            }
            table.put(key, time, data.as_deref());
        }
        table.state.last = time;
        drop(table);
        self.shared.changed.notify_all();
        Ok(Written { time, old })
    }

    fn settle(&self, time: i64) -> Result<(), VersionsError> {
        let mut table = self.table();
        table.state.last = table.state.last.max(time);
        Ok(())
    }

    fn newest(
        &self,
        keys: &[Vec<u8>],
        at: Option<i64>,
    ) -> Result<Vec<Option<Version>>, VersionsError> {
        let table = match at {
            Some(time) => self.checked(time)?,
            None => self.table(),
        };
        let at = at.unwrap_or(i64::MAX);
        Ok(keys.iter().map(|key| table.newest(key, at)).collect())
    }

    fn range(
        &self,
        keys: &KeyRange,
        at: i64,
        order: Order,
        limit: usize,
    ) -> Result<RangePage, VersionsError> {
        let table = self.checked(at)?;
        let mut page = RangePage {
            rows: Vec::new(),
            rest: None,
        };
        if keys.is_empty() {
            return Ok(page);
        }
        let to = keys.to.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = table
            .rows
            .range::<[u8], _>((Bound::Included(keys.from.as_slice()), to));
        for _ in 0..limit {
            let next = match order {
                Order::Forward => found.next(),
                Order::Backward => found.next_back(),
            };
            let Some((key, versions)) = next else {
                return Ok(page);
            };
            if let Some((time, Some(data))) = versions.range(..=at).next_back() {
                page.rows.push((key.to_vec(), version(*time, Some(data))));
            }
            page.rest = Some(keys.behind(key.to_vec(), order));
        }
        Ok(page)
    }

    fn versions(
        &self,
        key: &[u8],
        before: Option<i64>,
        limit: usize,
    ) -> Result<Page<Version>, VersionsError> {
        let table = self.table();
        let state = table.state;
        let mut items = Vec::new();
        if let Some(versions) = table.rows.get(key)
            && before.is_none_or(|before| before > state.horizon)
        {
            let before = before.map_or(Bound::Unbounded, Bound::Excluded);
            let older = versions.range((Bound::Unbounded, before)).rev();
            let older = older.map(|(time, data)| version(*time, data.as_ref()));
            items.extend(state.remembered(older).take(limit));
        }
        Ok(Page {
            more: items.len() == limit,
            items,
            state,
        })
    }

    fn times(&self, before: Option<i64>, limit: usize) -> Result<Page<i64>, VersionsError> {
        let table = self.table();
        let state = table.state;
        let mut items = Vec::new();
        let mut end = before.map_or(Bound::Unbounded, |before| {
            Bound::Excluded((before, Bytes::from([])))
        });
        while items.len() < limit {
            let Some((time, _)) = table.by_time.range((Bound::Unbounded, end)).next_back() else {
                break;
            };
            if *time < state.horizon {
                break;
            }
            items.push(*time);
            end = Bound::Excluded((*time, Bytes::from([])));
        }
        Ok(Page {
            more: items.len() == limit,
            items,
            state,
        })
    }

    fn changes(
        &self,
        after: i64,
        upto: i64,
        from: Option<&Place>,
        limit: usize,
    ) -> Result<Page<Changed>, VersionsError> {
        let table = self.checked(upto)?;
        let state = table.state;
        if after < upto {
            state.check(self.name(), after)?;
        }
        let start = match (from, after.checked_add(1)) {
            (Some(from), _) => Bound::Excluded(place(from)),
            (None, Some(first)) => Bound::Included((first, Bytes::from([]))),
            (None, None) => {
                return Ok(Page {
                    items: Vec::new(),
                    more: false,
                    state,
                });
            }
        };
        let items: Vec<Changed> = table
            .by_time
            .range((start, Bound::Unbounded))
            .take_while(|(time, _)| *time <= upto)
            .take(limit)
            .map(|(time, key)| Changed {
                key: key.to_vec(),
                version: version(*time, table.rows[key][time].as_ref()),
            })
            .collect();
        Ok(Page {
            more: items.len() == limit,
            items,
            state,
        })
    }

    fn forget(&self, before: i64) -> Result<(), VersionsError> {
        let mut table = self.table();
        if before > table.state.horizon {
            table.state.check(self.shared.name.as_str(), before)?;
            table.state.horizon = before;
        }
        Ok(())
    }

    fn sweep(&self, from: Option<&Place>, limit: usize) -> Result<Swept, VersionsError> {
        let mut table = self.table();
        let start = from.map_or(Bound::Unbounded, |from| Bound::Excluded(place(from)));
        let horizon = table.state.horizon;
        let old: Vec<(i64, Bytes)> = table
            .by_time
            .range((start, Bound::Unbounded))
            .take_while(|(time, _)| *time < horizon)
            .take(limit)
            .cloned()
            .collect();
        let mut deleted = 0;
        for (time, key) in &old {
            if table.is_forgotten(*time, key) {
                table.delete(*time, key);
                deleted += 1;
            }
        }
        let rest = old
            .last()
            .filter(|_| old.len() == limit)
            .map(|(time, key)| Place {
                time: *time,
                key: key.to_vec(),
            });
        Ok(Swept { deleted, rest })
    }

    fn wait(&self, after: i64, timeout: Duration) -> Result<i64, VersionsError> {
        let deadline = Instant::now().checked_add(timeout);
        let mut table = self.table();
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if table.state.last > after || left.is_some_and(|left| left.is_zero()) {
                return Ok(table.state.last);
            }
            let changed = &self.shared.changed;
            table = match left {
                Some(left) => {
                    let waited = changed.wait_timeout(table, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => changed.wait(table).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn another(&self) -> Result<Self, VersionsError> {
        Ok(self.clone())
    }
}
