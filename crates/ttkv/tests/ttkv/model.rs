//! Random histories, against a map of maps that is searched from end to end.

use std::collections::{BTreeMap, BTreeSet};

use deltaview_store::versions::Versions;
use deltaview_ttkv::{Error, Time, TimeMap};
use deltaview_zset::ZSet;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::common::{Hand, Temp, time};

pub(crate) type Key = (u8, Option<bool>);
pub(crate) type Value = Vec<u8>;
pub(crate) type Map<S> = TimeMap<Key, Value, S>;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Put(Key, Value),
    PutMany(Vec<(Key, Value)>),
    Change(Vec<(Key, Option<Value>)>),
    Remove(Key),
    /// The expected time is right, or not.
    Compare(Key, bool, Value),
    Reopen,
    /// Up to one of the times, and that much later.
    Forget(Index, i64),
    /// The clock is set, forwards or backwards.
    Clock(i64),
    /// A time is read that is over.
    Settle(i64),
}

fn key() -> impl Strategy<Value = Key> {
    (0..3_u8, of(any::<bool>()))
}

fn value() -> impl Strategy<Value = Value> {
    vec(any::<u8>(), 0..3)
}

pub(crate) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (key(), value()).prop_map(|(key, value)| Step::Put(key, value)),
        2 => vec((key(), value()), 0..5).prop_map(Step::PutMany),
        2 => vec((key(), of(value())), 0..5).prop_map(Step::Change),
        3 => key().prop_map(Step::Remove),
        2 => (key(), any::<bool>(), value()).prop_map(|(key, right, value)| Step::Compare(key, right, value)),
        1 => Just(Step::Reopen),
        1 => (any::<Index>(), 0..2_i64).prop_map(|(place, later)| Step::Forget(place, later)),
        2 => (-20..40_i64).prop_map(Step::Clock),
        1 => (0..20_i64).prop_map(Step::Settle),
    ];
    vec(step, 0..most)
}

/// What the map must say.
#[derive(Debug, Default)]
struct Model {
    rows: BTreeMap<Key, BTreeMap<Time, Option<Value>>>,
    times: BTreeSet<Time>,
    last: Option<Time>,
    horizon: Option<Time>,
}

impl Model {
    /// Notes a write, whose time is known beforehand.
    fn write(&mut self, now: i64, got: Time, entries: &[(Key, Option<Value>)]) {
        let next = self.last.map_or(i64::MIN + 1, |last| last.nanos() + 1);
        assert_eq!(got, time(now.max(next)));
        self.last = Some(got);
        for (key, value) in entries {
            self.times.insert(got);
            let versions = self.rows.entry(*key).or_default();
            versions.insert(got, value.clone());
        }
    }

    fn get(&self, key: &Key, at: Time) -> Option<&Value> {
        let versions = self.rows.get(key)?;
        versions.range(..=at).next_back()?.1.as_ref()
    }

    fn rows_at(&self, at: Time) -> Vec<(Key, Value)> {
        let rows = self
            .rows
            .keys()
            .filter_map(|key| Some((*key, self.get(key, at)?.clone())));
        rows.collect()
    }

    /// The versions of a key that are not forgotten, the newest first.
    fn history(&self, key: &Key) -> Vec<(Time, Option<Value>)> {
        let horizon = self.horizon.unwrap_or(Time::MIN);
        let mut found = Vec::new();
        for (at, value) in self.rows.get(key).into_iter().flatten().rev() {
            if *at >= horizon || value.is_some() {
                found.push((*at, value.clone()));
            }
            if *at <= horizon {
                break;
            }
        }
        found
    }
}

fn all<T>(rows: impl Iterator<Item = Result<T, Error>>) -> Vec<T> {
    rows.collect::<Result<_, _>>().unwrap()
}

/// Compares all that can be asked.
fn compare<S: Versions>(map: &Map<S>, model: &Model, hand: &Hand) {
    assert_eq!(map.last().unwrap(), model.last);
    assert_eq!(map.horizon().unwrap(), model.horizon);
    let horizon = model.horizon.unwrap_or(Time::MIN);
    let keys: Vec<Key> = (0..3)
        .flat_map(|a| [None, Some(false), Some(true)].map(|b| (a, b)))
        .collect();
    for key in &keys {
        let newest = model
            .rows
            .get(key)
            .and_then(|versions| versions.values().next_back());
        assert_eq!(
            map.get(key).unwrap().as_ref(),
            newest.and_then(Option::as_ref)
        );
        let history: Vec<_> = all(map.history(key).unwrap())
            .into_iter()
            .map(|version| (version.time, version.value))
            .collect();
        assert_eq!(history, model.history(key));
        let times = all(map.times(key).unwrap());
        assert!(times.into_iter().eq(history.iter().map(|(at, _)| *at)));
    }
    let times: Vec<Time> = model
        .times
        .iter()
        .rev()
        .copied()
        .filter(|at| *at >= horizon)
        .collect();
    assert_eq!(all(map.times_all()), times);
    let last = model.last.unwrap_or(Time::MIN);
    assert!(all(map.iter().unwrap()).into_iter().eq(model.rows_at(last)));
    // Each time at which something happened, and the nanosecond before and after it.
    let mut probes: BTreeSet<Time> = BTreeSet::new();
    for at in model
        .times
        .iter()
        .copied()
        .chain(model.horizon)
        .chain([Time::MIN, last])
    {
        let around = [
            at.nanos().saturating_sub(1),
            at.nanos(),
            at.nanos().saturating_add(1),
        ];
        probes.extend(around.map(time).into_iter().filter(|at| *at <= last));
    }
    for at in &probes {
        if *at < horizon {
            let error = map.get_at(&keys[0], *at).unwrap_err();
            assert!(
                matches!(error, Error::Forgotten { horizon: h, .. } if h == horizon),
                "{error}"
            );
            assert!(matches!(
                map.snapshot(*at).unwrap_err(),
                Error::Forgotten { .. }
            ));
            continue;
        }
        let expected = model.rows_at(*at);
        let snapshot = map.snapshot(*at).unwrap();
        let found = snapshot.get_many(&keys).unwrap();
        let wanted: Vec<_> = keys
            .iter()
            .map(|key| model.get(key, *at).cloned())
            .collect();
        assert_eq!(found, wanted, "at {at}");
        assert_eq!(all(snapshot.iter().unwrap()), expected);
        let backward: Vec<_> = expected.iter().rev().cloned().collect();
        assert_eq!(all(snapshot.iter().unwrap().rev()), backward);
        let (from, to) = ((0, Some(true)), (2, None));
        let inside: Vec<_> = expected
            .iter()
            .filter(|(key, _)| (from..to).contains(key))
            .cloned()
            .collect();
        assert_eq!(all(map.range_at(from..to, *at).unwrap()), inside);
        assert_eq!(all(map.range_at(to..=from, *at).unwrap()), []);
    }
    let readable: Vec<Time> = probes.into_iter().filter(|at| *at >= horizon).collect();
    for pair in readable.windows(2).chain([readable.as_slice()]) {
        let (Some(from), Some(to)) = (pair.first(), pair.last()) else {
            continue;
        };
        let of = |at: Time, weight| model.rows_at(at).into_iter().map(move |row| (row, weight));
        let delta = ZSet::from_pairs(of(*from, -1).chain(of(*to, 1))).unwrap();
        assert_eq!(map.between(*from, *to).unwrap(), delta);
        assert_eq!(map.between(*to, *from).unwrap(), delta.try_neg().unwrap());
    }
    hand.set(last.nanos());
    let future = map.get_at(&keys[0], time(last.nanos().saturating_add(1)));
    assert!(matches!(future.unwrap_err(), Error::Future { .. }));
}

/// Runs the steps, each map of them opened by `open`, and compares at the end; and the present after each.
pub(crate) fn run<S: Versions>(steps: &[Step], hand: &Hand, open: impl Fn() -> Map<S>) {
    let mut map = open();
    let mut model = Model::default();
    let mut now = 1_000;
    hand.set(now);
    compare(&map, &model, hand);
    for step in steps {
        hand.set(now);
        let mut written: Vec<(Key, Option<Value>)> = Vec::new();
        let mut got = None;
        match step {
            Step::Put(key, value) => {
                written.push((*key, Some(value.clone())));
                got = Some(map.put(key, value).unwrap());
            }
            Step::PutMany(entries) => {
                written.extend(
                    entries
                        .iter()
                        .map(|(key, value)| (*key, Some(value.clone()))),
                );
                got = Some(
                    map.put_many(entries.iter().map(|(key, value)| (key, value)))
                        .unwrap(),
                );
            }
            Step::Change(entries) => {
                let before = model.rows_at(Time::MAX);
                written.clone_from(entries);
                let delta = map.change(entries.clone()).unwrap();
                let mut after: BTreeMap<_, _> = before.iter().cloned().collect();
                for (key, value) in entries {
                    match value {
                        Some(value) => after.insert(*key, value.clone()),
                        None => after.remove(key),
                    };
                }
                let pairs = before.into_iter().map(|row| (row, -1));
                let pairs = pairs.chain(after.into_iter().map(|row| (row, 1)));
                assert_eq!(delta.rows, ZSet::from_pairs(pairs).unwrap());
                got = Some(delta.time);
            }
            Step::Remove(key) => {
                written.push((*key, None));
                got = Some(map.remove(key).unwrap());
            }
            Step::Compare(key, is_right, value) => {
                let newest = map.get_version(key).unwrap();
                let expected = newest.as_ref().map(|version| version.time);
                if *is_right {
                    written.push((*key, Some(value.clone())));
                    got = Some(map.compare_and_put(key, expected, value).unwrap());
                } else {
                    let wrong = expected.map_or(time(1), |at| time(at.nanos() - 1));
                    let error = map.compare_and_put(key, Some(wrong), value).unwrap_err();
                    assert!(
                        matches!(error, Error::Changed { found, .. } if found == expected),
                        "{error}"
                    );
                    let absent = map.compare_and_put(key, None, value);
                    match newest.and_then(|version| version.value) {
                        Some(_) => assert!(matches!(absent.unwrap_err(), Error::Changed { .. })),
                        None => {
                            written.push((*key, Some(value.clone())));
                            got = Some(absent.unwrap());
                        }
                    }
                }
            }
            Step::Reopen => map = open(),
            Step::Forget(place, later) => {
                let times: Vec<Time> = model.times.iter().copied().collect();
                let last = model.last.unwrap_or(Time::MIN);
                if !times.is_empty() {
                    let at = time(place.get(&times).nanos() + later).min(last);
                    map.forget_before(at).unwrap();
                    model.horizon = model.horizon.max(Some(at));
                }
            }
            Step::Clock(by) => now += by,
            Step::Settle(ago) => {
                let at = time(now - 1 - ago);
                if model.horizon.is_none_or(|horizon| at >= horizon) {
                    map.get_at(&(0, None), at).unwrap();
                    model.last = model.last.max(Some(at));
                }
            }
        }
        if let Some(got) = got {
            model.write(now, got, &written);
        }
        let newest = all(map.iter().unwrap());
        assert_eq!(newest, model.rows_at(Time::MAX));
    }
    compare(&map, &model, hand);
    compare(&open(), &model, hand);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn histories_in_memory(steps in steps(60)) {
        let hand = Hand::default();
        let map = Map::in_memory("rows").unwrap().with_clock(hand.clone());
        run(&steps, &hand, || map.clone());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn histories_in_sqlite(steps in steps(60)) {
        let (temp, hand) = (Temp::new(), Hand::default());
        run(&steps, &hand, || temp.map("rows").with_clock(hand.clone()));
    }
}
