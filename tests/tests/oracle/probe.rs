//! What a graph shows of itself, held against the naive evaluator: outputs, views by each index, and stored tables.

use std::fmt::Debug;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use deltaview::codec::{self, CodecError};
use deltaview::{
    Committed, Error, IndexKey, Keyed, MemoryStore, OutputHandle, Row, Rows, Sink, SqliteStore,
    Store, View, ViewHandle, ZSet,
};
use deltaview_graph::Changes;
use deltaview_tests::item::{Item, Key};
use deltaview_tests::naive::{Bag, Naive, bag};
use deltaview_tests::total::Total;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::lower::Indexed;
use crate::on_postgres::OnPostgres;

/// Whatever a table holds: a row; or a group as its key, its aggregate, and in the state its total weight.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shown {
    pub(crate) item: Item,
    pub(crate) total: Option<Total>,
    pub(crate) weight: Option<i64>,
}

impl Shown {
    pub(crate) fn item(item: Item) -> Self {
        Self {
            item,
            total: None,
            weight: None,
        }
    }

    pub(crate) fn group(key: Item, total: Total) -> Self {
        Self {
            item: key,
            total: Some(total),
            weight: None,
        }
    }
}

/// What is expected of what is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expects {
    /// The contents of a node.
    Contents(usize),
    /// The last delta of a node.
    Last(usize),
    /// The groups of an aggregate that are there.
    Groups(usize),
    /// The stored groups of an aggregate, also where the total weight is zero.
    GroupStates(usize),
    /// How many rows there are of each key.
    KeyCounts {
        node: usize,
        key: Key,
        twisted: bool,
    },
    /// How many rows there are of each key in each group.
    KeysOfGroups { node: usize, by: Key, key: Key },
    /// Rows of its type, whatever they are.
    Anything,
}

impl Expects {
    /// What is there at a time.
    pub(crate) fn at(self, naive: &Naive, time: usize) -> Bag<Shown> {
        let items = |bag: &Bag| -> Bag<Shown> {
            bag.iter()
                .map(|(item, weight)| (Shown::item(item.clone()), *weight))
                .collect()
        };
        match self {
            Self::Contents(node) => items(&naive.at(node, time)),
            Self::Last(node) => items(&naive.delta(node, time)),
            Self::Groups(node) => {
                let there = naive
                    .groups(node, time)
                    .into_iter()
                    .filter(|(_, (weight, _))| *weight != 0);
                there
                    .map(|(key, (_, total))| (Shown::group(key, total), 1))
                    .collect()
            }
            Self::GroupStates(node) => {
                let states = naive.states(node, time).into_iter();
                let states = states.map(|(key, (weight, total))| Shown {
                    item: key,
                    total: Some(total),
                    weight: Some(weight),
                });
                let left = states.filter(|state| {
                    state.weight != Some(0) || !state.total.as_ref().is_some_and(Total::is_zero)
                });
                left.map(|state| (state, 1)).collect()
            }
            Self::KeyCounts { node, key, twisted } => {
                let counts = naive.key_counts(node, key, twisted, time).into_iter();
                let states = counts.map(|(key, weight)| Shown {
                    item: key,
                    total: Some(Total::Int(0)),
                    weight: Some(weight),
                });
                states.map(|state| (state, 1)).collect()
            }
            Self::KeysOfGroups { node, by, key } => {
                let counts = naive.pair_counts(node, by, key, time).into_iter();
                let states = counts.map(|((by, key), weight)| Shown {
                    item: by,
                    total: Some(Total::Row(key)),
                    weight: Some(weight),
                });
                states.map(|state| (state, 1)).collect()
            }
            Self::Anything => Bag::new(),
        }
    }
}

/// What an iteration returned.
#[derive(Clone, Copy)]
pub(crate) enum Returned<'a> {
    Committed(&'a Committed),
    Changes(&'a Changes),
}

impl Returned<'_> {
    pub(crate) fn get<S: Sink<Row: Row>>(self, sink: S) -> ZSet<S::Row> {
        let delta = match self {
            Self::Committed(committed) => committed.get(sink),
            Self::Changes(changes) => changes.get(sink).map_err(Into::into),
        };
        delta.expect("the handle is of this graph")
    }
}

/// An output or a view by one of its indexes.
pub(crate) trait Probe {
    fn expects(&self) -> Expects;
    /// The delta that an iteration returned.
    fn delta(&self, returned: Returned<'_>) -> Bag<Shown>;
    fn read_memory(
        &self,
        _: &MemoryStore,
        _: &Bag<Shown>,
        _: &[Item],
    ) -> Result<(), TestCaseError> {
        Ok(())
    }
    fn read_sqlite(
        &self,
        _: &SqliteStore,
        _: &Bag<Shown>,
        _: &[Item],
    ) -> Result<(), TestCaseError> {
        Ok(())
    }
    fn read_postgres(
        &self,
        _: &OnPostgres,
        _: &Bag<Shown>,
        _: &[Item],
    ) -> Result<(), TestCaseError> {
        Ok(())
    }
}

/// A view of a store, with all the ways to read it. What reads and compares does not know the store, so that it is
/// compiled once for all stores.
pub(crate) trait Viewed<T, K> {
    fn iter(&self, backwards: bool) -> Result<Rows<'_, T>, Error>;
    fn key(&self, key: &K) -> Result<Rows<'_, T>, Error>;
    fn get(&self, key: &K) -> Result<Option<T>, Error>;
    fn keys(&self, keys: Vec<K>) -> Result<Rows<'_, T>, Error>;
    fn range(&self, range: (Bound<K>, Bound<K>), backwards: bool) -> Result<Rows<'_, T>, Error>;
}

impl<S: Store, T: Row, K: IndexKey> Viewed<T, K> for View<'_, S, T, K> {
    fn iter(&self, backwards: bool) -> Result<Rows<'_, T>, Error> {
        let view = if backwards { self.rev() } else { *self };
        view.iter()
    }

    fn key(&self, key: &K) -> Result<Rows<'_, T>, Error> {
        (*self).key(key)
    }

    fn get(&self, key: &K) -> Result<Option<T>, Error> {
        (*self).get(key)
    }

    fn keys(&self, keys: Vec<K>) -> Result<Rows<'_, T>, Error> {
        Ok((*self).keys(keys))
    }

    fn range(&self, range: (Bound<K>, Bound<K>), backwards: bool) -> Result<Rows<'_, T>, Error> {
        let view = if backwards { self.rev() } else { *self };
        view.range(range)
    }
}

pub(crate) struct OutputProbe {
    pub(crate) handle: OutputHandle<Item>,
    pub(crate) expects: Expects,
}

impl Probe for OutputProbe {
    fn expects(&self) -> Expects {
        self.expects
    }

    fn delta(&self, returned: Returned<'_>) -> Bag<Shown> {
        shown(returned.get(self.handle), &Shown::item)
    }
}

pub(crate) struct ViewProbe<T, K> {
    pub(crate) handle: ViewHandle<T, K>,
    pub(crate) show: Arc<dyn Fn(T) -> Shown>,
    pub(crate) key: Arc<dyn Fn(&Shown) -> K>,
    pub(crate) expects: Expects,
}

impl<T: Row, K: IndexKey> Probe for ViewProbe<T, K> {
    fn expects(&self) -> Expects {
        self.expects
    }

    fn delta(&self, returned: Returned<'_>) -> Bag<Shown> {
        shown(returned.get(self.handle), self.show.as_ref())
    }

    fn read_memory(
        &self,
        store: &MemoryStore,
        expected: &Bag<Shown>,
        seeds: &[Item],
    ) -> Result<(), TestCaseError> {
        self.read(&store.view(self.handle), expected, seeds)
    }

    fn read_sqlite(
        &self,
        store: &SqliteStore,
        expected: &Bag<Shown>,
        seeds: &[Item],
    ) -> Result<(), TestCaseError> {
        self.read(&store.view(self.handle), expected, seeds)
    }

    fn read_postgres(
        &self,
        store: &OnPostgres,
        expected: &Bag<Shown>,
        seeds: &[Item],
    ) -> Result<(), TestCaseError> {
        self.read(&store.view(self.handle), expected, seeds)
    }
}

/// The delta of a sink, each row once.
fn shown<T: Row>(delta: ZSet<T>, show: &dyn Fn(T) -> Shown) -> Bag<Shown> {
    let rows = delta.len();
    let shown = bag(delta.into_iter().map(|(row, weight)| (show(row), weight)));
    assert_eq!(
        shown.len(),
        rows,
        "a delta has each row once, with a weight that is not zero"
    );
    shown
}

impl<T: Row, K: IndexKey> ViewProbe<T, K> {
    fn read(
        &self,
        view: &dyn Viewed<T, K>,
        expected: &Bag<Shown>,
        seeds: &[Item],
    ) -> Result<(), TestCaseError> {
        self.compare(view.iter(false), expected, false, "whole")?;
        self.compare(view.iter(true), expected, true, "backwards")?;
        let seeds = seeds
            .iter()
            .map(|seed| (self.key)(&Shown::item(seed.clone())));
        let there = expected
            .keys()
            .step_by(expected.len() / 2 + 1)
            .map(|shown| (self.key)(shown));
        let keys: Vec<K> = seeds.chain(there).collect();
        for key in &keys {
            let of_key = self.within(expected, key..=key);
            self.compare(view.key(key), &of_key, false, "by key")?;
            let got = view.get(key).map_err(failed)?.map(|row| (self.show)(row));
            prop_assert_eq!(got.is_some(), !of_key.is_empty());
            prop_assert!(
                got.is_none_or(|row| of_key.contains_key(&row)),
                "get of {:?}",
                key
            );
        }
        let several: usize = keys
            .iter()
            .map(|key| self.within(expected, key..=key).len())
            .sum();
        let by_keys = view.keys(keys.clone()).map_err(failed)?;
        prop_assert_eq!(by_keys.count(), several, "by keys {:?}", keys);
        for (from, to) in keys.iter().zip(keys.iter().skip(1)) {
            let ranges = [
                (Bound::Included(from), Bound::Included(to)),
                (Bound::Included(from), Bound::Excluded(to)),
                (Bound::Excluded(from), Bound::Included(to)),
                (Bound::Excluded(from), Bound::Excluded(to)),
                (Bound::Unbounded, Bound::Included(to)),
                (Bound::Excluded(from), Bound::Unbounded),
            ];
            for range in ranges {
                let expected = self.within(expected, range);
                let owned = (range.0.cloned(), range.1.cloned());
                let forwards = view.range(owned.clone(), false);
                self.compare(forwards, &expected, false, "by range")?;
                let backwards = view.range(owned, true);
                self.compare(backwards, &expected, true, "by range backwards")?;
            }
        }
        Ok(())
    }

    /// The rows whose keys are in a range. An upside-down range has none.
    fn within<'k>(&self, rows: &Bag<Shown>, range: impl RangeBounds<&'k K>) -> Bag<Shown>
    where
        K: 'k,
    {
        let after_start = |key: &K| match range.start_bound() {
            Bound::Included(start) => key >= *start,
            Bound::Excluded(start) => key > *start,
            Bound::Unbounded => true,
        };
        let before_end = |key: &K| match range.end_bound() {
            Bound::Included(end) => key <= *end,
            Bound::Excluded(end) => key < *end,
            Bound::Unbounded => true,
        };
        let inside = rows.iter().filter(|(row, _)| {
            let key = (self.key)(row);
            after_start(&key) && before_end(&key)
        });
        inside.map(|(row, weight)| (row.clone(), *weight)).collect()
    }

    fn compare(
        &self,
        rows: Result<Rows<'_, T>, Error>,
        expected: &Bag<Shown>,
        backwards: bool,
        how: &str,
    ) -> Result<(), TestCaseError> {
        let rows: Vec<(Shown, i64)> = rows
            .map_err(failed)?
            .map(|row| row.map(|(row, weight)| ((self.show)(row), weight)))
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        let in_order = rows.is_sorted_by(|(one, _), (next, _)| {
            let (one, next) = ((self.key)(one), (self.key)(next));
            if backwards { one >= next } else { one <= next }
        });
        prop_assert!(
            in_order,
            "{} read {:?} is out of order: {:?}",
            self.place(),
            how,
            rows
        );
        let count = rows.len();
        prop_assert_eq!(&bag(rows), expected, "{} read {}", self.place(), how);
        prop_assert_eq!(
            count,
            expected.len(),
            "{} read {}: a row twice",
            self.place(),
            how
        );
        Ok(())
    }

    fn place(&self) -> String {
        format!("{:?} ({:?})", self.handle, self.expects)
    }
}

/// An error that should not have been.
pub(crate) fn failed(error: impl Debug) -> TestCaseError {
    TestCaseError::fail(format!("{error:?}"))
}

/// What a stored row shows, and the row encoded again.
type Decode = Box<dyn Fn(&[u8]) -> Result<(Shown, Vec<u8>), CodecError>>;

/// A stored table, told by its vertex and the beginning of its role.
pub(crate) struct TableCheck {
    pub(crate) vertex: String,
    pub(crate) role: &'static str,
    pub(crate) decode: Decode,
    pub(crate) expects: Expects,
}

impl TableCheck {
    fn new<T: Row>(
        vertex: String,
        role: &'static str,
        expects: Expects,
        show: impl Fn(T) -> Shown + 'static,
    ) -> Self {
        let decode = move |data: &[u8]| {
            let row: T = codec::decode(data)?;
            let again = codec::encode(&row)?;
            Ok((show(row), again))
        };
        Self {
            vertex,
            role,
            decode: Box::new(decode),
            expects,
        }
    }

    pub(crate) fn items(vertex: String, role: &'static str, expects: Expects) -> Self {
        Self::new(vertex, role, expects, Shown::item)
    }

    /// Rows of a type: only that they are such rows is checked.
    pub(crate) fn decodes<T: Row>(vertex: String, role: &'static str) -> Self {
        let show = |_: T| Shown::item(Item::default());
        Self::new(vertex, role, Expects::Anything, show)
    }

    pub(crate) fn group_states<K: Indexed + Row, State: Row>(
        vertex: String,
        expects: Expects,
        total: fn(State) -> Total,
    ) -> Self {
        let show = move |group: Keyed<K, (i64, State)>| {
            let (weight, state) = group.value;
            Shown {
                item: group.key.project(),
                total: Some(total(state)),
                weight: Some(weight),
            }
        };
        Self::new(vertex, "groups", expects, show)
    }

    /// The counts of the keys of groups.
    pub(crate) fn keys_of_groups<K: Indexed + Row, V: Indexed + Row>(
        vertex: String,
        node: usize,
    ) -> Self {
        let show = |count: Keyed<(K, V), (i64, ())>| Shown {
            item: count.key.0.project(),
            total: Some(Total::Row(count.key.1.project())),
            weight: Some(count.value.0),
        };
        let (by, key) = (K::KEY, V::KEY);
        Self::new(
            vertex,
            "groups",
            Expects::KeysOfGroups { node, by, key },
            show,
        )
    }

    pub(crate) fn groups<K: Indexed + Row, V: Row>(
        vertex: String,
        node: usize,
        total: fn(V) -> Total,
    ) -> Self {
        let show = move |group: Keyed<K, V>| Shown::group(group.key.project(), total(group.value));
        Self::new(vertex, "view", Expects::Groups(node), show)
    }
}
