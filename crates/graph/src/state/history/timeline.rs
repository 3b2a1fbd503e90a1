//! The versions of a view's rows by one of its indexes: those that are there, and those that are over, filed as
//! [`interval`](crate::interval) says. It shares the rows with the other indexes, and never computes a key.

use std::collections::{BTreeMap, VecDeque};
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;

use deltaview_schema::{IndexKey, Row};
use deltaview_zset::Weight;

use super::Version;
use crate::interval::{Path, fork_node};
use crate::state::scan::{Order, Page};

/// The bounds of a range of keys.
type Range<'a, K> = (Bound<&'a K>, Bound<&'a K>);

/// A timeline without the types of its maps: its code is compiled where a view is given history, and not where it is
/// read.
pub(crate) trait Past<K, T>: Send + Sync {
    /// Adds to the weight of a row at a time, behind all times before.
    fn record(&mut self, key: &K, row: &Arc<T>, weight: Weight, time: i64);
    /// Drops versions that were over by a time, the ones that ended first before others, so many at most. Returns how
    /// many.
    fn sweep(&mut self, horizon: i64, versions: usize) -> usize;
    /// The rows as of a time: all of each key, until there are as many as are asked for.
    fn page(&self, bounds: Range<'_, K>, order: Order, time: i64, rows: usize) -> Page<K, T>;
    /// The versions of a key that are valid at a time, as they were known then.
    fn valid_at(&self, key: &K, time: i64) -> Vec<Version<T>>;
    /// The versions of a key that ended behind a time and before another, the last one first: all that ended at one time,
    /// until there are as many as are asked for.
    fn ended(&self, key: &K, behind: i64, before: i64, versions: usize) -> Vec<Version<T>>;
}

/// A row that is there.
struct Present {
    weight: Weight,
    since: i64,
}

/// A version that is over.
struct Ended<T> {
    row: Arc<T>,
    weight: Weight,
    since: i64,
    until: i64,
}

impl<T> Clone for Ended<T> {
    fn clone(&self) -> Self {
        Self {
            row: Arc::clone(&self.row),
            ..*self
        }
    }
}

/// Versions that are over, in the order of their ends. A commit adds behind the others, a sweep takes from the front.
type Run<T> = VecDeque<Ended<T>>;

/// See the module.
pub(crate) struct Timeline<K, T> {
    present: BTreeMap<K, BTreeMap<Arc<T>, Present>>,
    /// The versions that are over, by their node and their key.
    nodes: BTreeMap<i64, BTreeMap<K, Run<T>>>,
    /// The same versions by their key alone.
    ended: BTreeMap<K, Run<T>>,
    /// The end, the node and the key of each, in the order of the ends.
    sweeps: VecDeque<(i64, i64, K)>,
}

impl<K, T> Default for Timeline<K, T> {
    fn default() -> Self {
        Self {
            present: BTreeMap::new(),
            nodes: BTreeMap::new(),
            ended: BTreeMap::new(),
            sweeps: VecDeque::new(),
        }
    }
}

impl<K: IndexKey, T: Row> Timeline<K, T> {
    fn end(&mut self, key: &K, version: Ended<T>) {
        let node = fork_node(version.since, version.until);
        self.sweeps.push_back((version.until, node, key.clone()));
        let at_node = self.nodes.entry(node).or_default();
        at_node
            .entry(key.clone())
            .or_default()
            .push_back(version.clone());
        self.ended
            .entry(key.clone())
            .or_default()
            .push_back(version);
    }

    /// The path to a time: no node behind all that have versions.
    fn path(&self, time: i64) -> Path {
        let last = self.nodes.last_key_value().map_or(0, |(node, _)| *node);
        Path::of(time, last.saturating_add(1))
    }

    /// The rows by key that are valid at a time, from each place where some may be.
    fn sources<'a>(&'a self, bounds: Range<'a, K>, time: i64) -> Vec<Source<'a, K, T>> {
        let present = self.present.range::<K, _>(bounds).map(move |(key, rows)| {
            let valid = rows
                .iter()
                .filter(move |(_, present)| present.since <= time);
            let rows = valid.map(|(row, present)| Valid {
                row,
                weight: present.weight,
                since: present.since,
            });
            (key, rows.collect())
        });
        let mut sources: Vec<Source<'a, K, T>> = vec![Box::new(present)];
        let path = self.path(time);
        for node in path.up_to().chain(path.behind()) {
            let Some(at_node) = self.nodes.get(&node) else {
                continue;
            };
            let runs = at_node.range::<K, _>(bounds).map(move |(key, run)| {
                let first = run.partition_point(|version| version.until <= time);
                let valid = run.range(first..).filter(move |it| it.since <= time);
                let rows = valid.map(|version| Valid {
                    row: &version.row,
                    weight: version.weight,
                    since: version.since,
                });
                (key, rows.collect())
            });
            sources.push(Box::new(runs));
        }
        sources
    }
}

/// A version that is valid at the time that is read.
struct Valid<'a, T> {
    row: &'a Arc<T>,
    weight: Weight,
    since: i64,
}

type Source<'a, K, T> = Box<dyn DoubleEndedIterator<Item = (&'a K, Vec<Valid<'a, T>>)> + 'a>;

impl<K: IndexKey, T: Row> Past<K, T> for Timeline<K, T> {
    fn record(&mut self, key: &K, row: &Arc<T>, weight: Weight, time: i64) {
        if !self.present.contains_key(key) {
            self.present.insert(key.clone(), BTreeMap::new());
        }
        let rows = self.present.get_mut(key).expect("it was inserted");
        let Some(present) = rows.get_mut(row) else {
            let since = time;
            rows.insert(Arc::clone(row), Present { weight, since });
            return;
        };
        let version = Ended {
            row: Arc::clone(row),
            weight: present.weight,
            since: present.since,
            until: time,
        };
        let sum = present.weight.checked_add(weight);
        present.weight = sum.expect("the sum was checked before the commit was absorbed");
        present.since = time;
        if present.weight == 0 {
            rows.remove(row);
            if rows.is_empty() {
                self.present.remove(key);
            }
        }
        self.end(key, version);
    }

    fn sweep(&mut self, horizon: i64, versions: usize) -> usize {
        let mut swept = 0;
        while swept < versions
            && let Some((until, ..)) = self.sweeps.front()
            && *until <= horizon
        {
            let (_, node, key) = self.sweeps.pop_front().expect("there is a first one");
            // It is the first of its key, and of its node and key: they end in the same order.
            let at_node = self.nodes.get_mut(&node).expect("it was filed there");
            if pop_front(at_node, &key) && at_node.is_empty() {
                self.nodes.remove(&node);
            }
            pop_front(&mut self.ended, &key);
            swept += 1;
        }
        swept
    }

    fn page(&self, bounds: Range<'_, K>, order: Order, time: i64, rows: usize) -> Page<K, T> {
        let mut page = Vec::new();
        let mut last = None;
        merge(self.sources(bounds, time), order, &mut |key, valid| {
            if page.len() >= rows && last != Some(key) {
                return false;
            }
            page.extend(valid.iter().map(|it| (it.row.as_ref().clone(), it.weight)));
            last = Some(key);
            true
        });
        let more = page.len() >= rows;
        (page, last.filter(|_| more).cloned())
    }

    fn valid_at(&self, key: &K, time: i64) -> Vec<Version<T>> {
        let mut versions = Vec::new();
        let bounds = (Bound::Included(key), Bound::Included(key));
        merge(
            self.sources(bounds, time),
            Order::Forward,
            &mut |_, valid| {
                versions.extend(valid.iter().map(|it| Version {
                    row: it.row.as_ref().clone(),
                    weight: it.weight,
                    from: it.since,
                    until: None,
                }));
                true
            },
        );
        versions
    }

    fn ended(&self, key: &K, behind: i64, before: i64, versions: usize) -> Vec<Version<T>> {
        let mut page: Vec<Version<T>> = Vec::new();
        let Some(run) = self.ended.get(key) else {
            return page;
        };
        let end = run.partition_point(|version| version.until < before);
        for version in run.range(..end).rev() {
            let is_of_last = page.last().and_then(|last| last.until) == Some(version.until);
            if version.until <= behind || (page.len() >= versions && !is_of_last) {
                break;
            }
            page.push(Version {
                row: version.row.as_ref().clone(),
                weight: version.weight,
                from: version.since,
                until: Some(version.until),
            });
        }
        page
    }
}

/// Drops the first version of a key; says whether it was the last one.
fn pop_front<K: Ord, T>(runs: &mut BTreeMap<K, Run<T>>, key: &K) -> bool {
    let run = runs.get_mut(key).expect("the version is filed there");
    run.pop_front();
    let is_empty = run.is_empty();
    if is_empty {
        runs.remove(key);
    }
    is_empty
}

/// Hands rows to `take` key by key, in an order, until it wants no more. What comes from several places with one key comes
/// one after the other.
fn merge<'a, K: Ord, T>(
    sources: Vec<Source<'a, K, T>>,
    order: Order,
    take: &mut dyn FnMut(&'a K, &[Valid<'a, T>]) -> bool,
) {
    let ordered = |source: Source<'a, K, T>| -> Box<dyn Iterator<Item = _> + 'a> {
        match order {
            Order::Forward => source,
            Order::Backward => Box::new(source.rev()),
        }
    };
    let mut sources: Vec<Peekable<_>> = sources
        .into_iter()
        .map(|source| {
            ordered(source)
                .filter(|(_, valid)| !valid.is_empty())
                .peekable()
        })
        .collect();
    loop {
        // There are few places, and most have nothing.
        sources.retain_mut(|source| source.peek().is_some());
        let mut next: Option<(usize, &'a K)> = None;
        for (place, source) in sources.iter_mut().enumerate() {
            let (key, _) = source.peek().expect("those that are at their end are gone");
            let is_before = next.is_none_or(|(_, first)| match order {
                Order::Forward => *key < first,
                Order::Backward => *key > first,
            });
            if is_before {
                next = Some((place, key));
            }
        }
        let Some((place, _)) = next else { return };
        let (key, valid) = sources[place].next().expect("it was looked at");
        if !take(key, &valid) {
            return;
        }
    }
}
