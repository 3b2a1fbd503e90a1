//! The versions of a view's rows by one of its indexes: those that are there, and those that are over, filed as
//! [`interval`](crate::interval) says. It shares the rows with the other indexes, and never computes a key.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;

use deltaview_schema::{IndexKey, Row};
use deltaview_zset::Weight;
use foldhash::quality::RandomState;

use super::Version;
use super::run::{Ended, Run};
use super::there::There;
use crate::interval::{Path, fork_node};
use crate::state::scan::{Order, Page};

/// The bounds of a range of keys.
type Range<'a, K> = (Bound<&'a K>, Bound<&'a K>);

/// A timeline without the types of its maps: its code is compiled where a view is given history, and not where it is
/// read.
pub(crate) trait Past<K, T>: Send + Sync {
    /// Adds to the weights of some rows of one key at a time, behind all times before. Appends them, to be shared with the
    /// other indexes.
    fn record(&mut self, rows: &[(K, T, Weight)], time: i64, shared: &mut Vec<(Arc<T>, Weight)>);
    /// The same in another index, with the rows as they were appended.
    fn record_shared(&mut self, key: &K, rows: &[(Arc<T>, Weight)], time: i64);
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

/// See the module.
pub(crate) struct Timeline<K, T> {
    there: BTreeMap<K, There<T>>,
    /// The versions that are over, by their node and their key.
    nodes: BTreeMap<i64, BTreeMap<K, Run<T>>>,
    /// The same versions by their key alone.
    ended: HashMap<K, Run<T>, RandomState>,
    /// The key of each, in the order of their ends.
    keys: VecDeque<K>,
}

impl<K, T> Default for Timeline<K, T> {
    fn default() -> Self {
        Self {
            there: BTreeMap::new(),
            nodes: BTreeMap::new(),
            ended: HashMap::default(),
            keys: VecDeque::new(),
        }
    }
}

impl<K: IndexKey, T: Row> Timeline<K, T> {
    /// Changes the rows of a key that are there, and files the versions that this ends.
    fn change(&mut self, key: &K, change: impl FnOnce(&mut There<T>, &mut dyn FnMut(Ended<T>))) {
        let Self {
            there,
            nodes,
            ended,
            keys,
        } = self;
        let mut end = |version: Ended<T>| {
            let node = fork_node(version.since, version.until);
            keys.push_back(key.clone());
            let at_node = nodes.entry(node).or_default();
            match at_node.get_mut(key) {
                Some(run) => run.push(version.clone()),
                None => drop(at_node.insert(key.clone(), Run::One(version.clone()))),
            }
            match ended.get_mut(key) {
                Some(run) => run.push(version),
                None => drop(ended.insert(key.clone(), Run::One(version))),
            }
        };
        let Some(rows) = there.get_mut(key) else {
            let mut rows = There::default();
            change(&mut rows, &mut end);
            if !rows.is_empty() {
                there.insert(key.clone(), rows);
            }
            return;
        };
        change(rows, &mut end);
        if rows.is_empty() {
            there.remove(key);
        }
    }

    /// The path to a time: no node behind all that have versions.
    fn path(&self, time: i64) -> Path {
        let last = self.nodes.last_key_value().map_or(0, |(node, _)| *node);
        Path::of(time, last.saturating_add(1))
    }

    /// The rows by key that are valid at a time, from each place where some may be.
    fn sources<'a>(&'a self, bounds: Range<'a, K>, time: i64) -> Vec<Source<'a, K, T>> {
        let there = self.there.range::<K, _>(bounds).map(move |(key, rows)| {
            let valid = rows.iter().filter(move |(_, since)| since.time <= time);
            let rows = valid.map(|(row, since)| Valid {
                row,
                weight: since.weight,
                since: since.time,
            });
            (key, rows.collect())
        });
        let mut sources: Vec<Source<'a, K, T>> = vec![Box::new(there)];
        let path = self.path(time);
        for node in path.up_to().chain(path.behind()) {
            let Some(at_node) = self.nodes.get(&node) else {
                continue;
            };
            let runs = at_node.range::<K, _>(bounds).map(move |(key, run)| {
                let valid = run.ended(time, i64::MAX).filter(move |it| it.since <= time);
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
    fn record(&mut self, rows: &[(K, T, Weight)], time: i64, shared: &mut Vec<(Arc<T>, Weight)>) {
        let Some((key, ..)) = rows.first() else {
            return;
        };
        self.change(key, |there, end| {
            for (_, row, weight) in rows {
                let (row, ended) = there.add((row, *weight), time, || Arc::new(row.clone()));
                shared.push((row, *weight));
                if let Some(version) = ended {
                    end(version);
                }
            }
        });
    }

    fn record_shared(&mut self, key: &K, rows: &[(Arc<T>, Weight)], time: i64) {
        self.change(key, |there, end| {
            for (row, weight) in rows {
                let (_, ended) = there.add((row, *weight), time, || Arc::clone(row));
                if let Some(version) = ended {
                    end(version);
                }
            }
        });
    }

    fn sweep(&mut self, horizon: i64, versions: usize) -> usize {
        const FILED: &str = "it was filed there";
        let mut swept = 0;
        while swept < versions
            && let Some(key) = self.keys.front()
        {
            // The first of its key, and of its node and key: they all end in the same order.
            let ended = self.ended.get_mut(key).expect(FILED);
            let first = ended.first();
            if first.until > horizon {
                break;
            }
            let node = fork_node(first.since, first.until);
            if ended.pop() {
                self.ended.remove(key);
            }
            let at_node = self.nodes.get_mut(&node).expect(FILED);
            if at_node.get_mut(key).expect(FILED).pop() {
                at_node.remove(key);
                if at_node.is_empty() {
                    self.nodes.remove(&node);
                }
            }
            self.keys.pop_front();
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
        for version in run.ended(behind, before.saturating_sub(1)).rev() {
            let is_of_last = page.last().and_then(|last| last.until) == Some(version.until);
            if page.len() >= versions && !is_of_last {
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
