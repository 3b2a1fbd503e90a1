//! Each question that a map answers, by itself, in memory and in SQLite.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use deltaview_store::versions::Versions;
use deltaview_ttkv::key::KeyErrorKind;
use deltaview_ttkv::{Error, SqliteTimeMap, Time, TimeMap};
use serde::{Deserialize, Serialize};

use crate::common::{Hand, Temp, time};

/// Runs a test on an empty map in memory, and on one in SQLite.
macro_rules! on_both {
    ($($name:ident)+) => {
        $(mod $name {
            use super::*;

            #[test]
            fn in_memory() {
                super::$name(&TimeMap::in_memory("prices").unwrap());
            }

            #[test]
            fn in_sqlite() {
                super::$name(&Temp::new().map("prices"));
            }
        })+
    };
}

on_both! {
    it_is_initially_empty
    a_single_put_is_got
    two_keys_are_apart
    two_puts_on_one_key_have_two_times
    there_are_as_many_times_as_puts
    a_get_in_the_middle_finds_the_put_before_it
    a_get_before_the_first_put_finds_nothing
    removes_in_between_are_seen
    ranges_are_read_from_both_ends
    many_rows_are_read_page_by_page
    compaction_keeps_what_is_true_at_the_horizon
    iterators_that_are_under_way_notice_that_their_past_is_gone
    a_snapshot_stays_put
    a_time_that_is_read_is_settled
    a_nan_is_no_key
    a_watch_tells_each_change_once
    a_watch_is_woken
}

fn key(name: &str) -> String {
    name.to_string()
}

fn all<T>(rows: impl Iterator<Item = Result<T, Error>>) -> Vec<T> {
    rows.collect::<Result<_, _>>().unwrap()
}

fn it_is_initially_empty<S: Versions>(map: &TimeMap<String, i64, S>) {
    assert_eq!(map.get(&key("a")).unwrap(), None);
    assert_eq!(map.last().unwrap(), None);
    assert_eq!(all(map.iter().unwrap()), []);
    assert_eq!(all(map.times_all()), []);
    assert_eq!(all(map.history(&key("a")).unwrap()), []);
    assert_eq!(map.get_at(&key("a"), Time::MIN).unwrap(), None);
}

fn a_single_put_is_got<S: Versions>(map: &TimeMap<String, i64, S>) {
    let at = map.put(&key("a"), &1).unwrap();
    assert_eq!(map.get(&key("a")).unwrap(), Some(1));
    assert_eq!(map.get_at(&key("a"), at).unwrap(), Some(1));
    assert_eq!(map.last().unwrap(), Some(at));
}

fn two_keys_are_apart<S: Versions>(map: &TimeMap<String, i64, S>) {
    let first = map.put(&key("a"), &1).unwrap();
    let second = map.put(&key("b"), &2).unwrap();
    assert!(first < second);
    assert_eq!(
        map.get_many_at([key("b"), key("a"), key("c")], second)
            .unwrap(),
        [Some(2), Some(1), None]
    );
    assert_eq!(
        map.get_many_at([key("b"), key("a"), key("c")], first)
            .unwrap(),
        [None, Some(1), None]
    );
    assert_eq!(all(map.times(&key("a")).unwrap()), [first]);
}

fn two_puts_on_one_key_have_two_times<S: Versions>(map: &TimeMap<String, i64, S>) {
    let first = map.put(&key("a"), &1).unwrap();
    let second = map.put(&key("a"), &2).unwrap();
    assert!(first < second);
    assert_eq!(map.get_at(&key("a"), first).unwrap(), Some(1));
    assert_eq!(map.get_at(&key("a"), second).unwrap(), Some(2));
    assert_eq!(all(map.times(&key("a")).unwrap()), [second, first]);
    let history = all(map.history(&key("a")).unwrap());
    assert_eq!(
        history
            .iter()
            .map(|version| version.value)
            .collect::<Vec<_>>(),
        [Some(2), Some(1)]
    );
}

fn there_are_as_many_times_as_puts<S: Versions>(map: &TimeMap<String, i64, S>) {
    let mut puts: Vec<Time> = (0..300)
        .map(|i| map.put(&format!("{}", i % 7), &i).unwrap())
        .collect();
    puts.push(map.put_many((0..50).map(|i| (format!("{i}"), -i))).unwrap());
    puts.reverse();
    assert_eq!(all(map.times_all()), puts);
    let newest: Vec<Time> = all(map.times_all().take(2));
    assert_eq!(newest, puts[..2]);
}

fn a_get_in_the_middle_finds_the_put_before_it<S: Versions>(map: &TimeMap<String, i64, S>) {
    let first = map.put(&key("a"), &1).unwrap();
    let middle = map.put(&key("b"), &0).unwrap();
    map.put(&key("a"), &2).unwrap();
    assert_eq!(map.get_at(&key("a"), middle).unwrap(), Some(1));
    assert_eq!(
        map.get_at(&key("a"), time(middle.nanos() - 1)).unwrap(),
        Some(1)
    );
    assert_eq!(
        map.get_at(&key("a"), time(first.nanos() - 1)).unwrap(),
        None
    );
}

fn a_get_before_the_first_put_finds_nothing<S: Versions>(map: &TimeMap<String, i64, S>) {
    let first = map.put(&key("a"), &1).unwrap();
    assert_eq!(
        map.get_at(&key("a"), time(first.nanos() - 1)).unwrap(),
        None
    );
    assert_eq!(map.get_at(&key("a"), Time::MIN).unwrap(), None);
    assert_eq!(all(map.iter_at(time(0)).unwrap()), []);
}

fn removes_in_between_are_seen<S: Versions>(map: &TimeMap<String, i64, S>) {
    let a = key("a");
    let times = [
        map.put(&a, &1).unwrap(),
        map.remove(&a).unwrap(),
        map.put(&a, &2).unwrap(),
        map.remove(&a).unwrap(),
    ];
    assert!(times.is_sorted());
    assert_eq!(map.get(&a).unwrap(), None);
    let values = times.map(|at| map.get_at(&a, at).unwrap());
    assert_eq!(values, [Some(1), None, Some(2), None]);
    assert_eq!(all(map.iter_at(times[1]).unwrap()), []);
    assert_eq!(all(map.iter_at(times[2]).unwrap()), [(a.clone(), 2)]);
    assert_eq!(all(map.history(&a).unwrap()).len(), 4);
}

fn ranges_are_read_from_both_ends<S: Versions>(map: &TimeMap<String, i64, S>) {
    let names = ["a", "aa", "b", "b\0", "c"];
    map.put_many(names.iter().zip(0..).map(|(name, i)| (key(name), i)))
        .unwrap();
    let keys = |rows: Vec<(String, i64)>| rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(keys(all(map.iter().unwrap())), names);
    assert_eq!(
        keys(all(map.range(key("aa")..key("b\0")).unwrap())),
        ["aa", "b"]
    );
    assert_eq!(
        keys(all(map.range(key("b")..=key("b\0")).unwrap().rev())),
        ["b\0", "b"]
    );
    assert_eq!(keys(all(map.range(key("z")..).unwrap())), [""; 0]);
    let mut rows = map.iter().unwrap();
    let mut next = |back: bool| {
        let row = if back { rows.next_back() } else { rows.next() };
        row.map(|row| row.unwrap().0)
    };
    let read = [
        next(false),
        next(true),
        next(true),
        next(false),
        next(true),
        next(false),
        next(true),
    ];
    let expected = ["a", "c", "b\0", "aa", "b"];
    assert!(read.iter().flatten().eq(expected));
}

fn many_rows_are_read_page_by_page<S: Versions>(map: &TimeMap<String, i64, S>) {
    let name = |i: i64| format!("{i:05}");
    map.put_many((0..5_000).map(|i| (name(i), i))).unwrap();
    map.change((0..5_000).map(|i| (name(i), (i % 3 > 0).then_some(-i))))
        .unwrap();
    let expected: Vec<(String, i64)> = (0..5_000)
        .filter(|i| i % 3 > 0)
        .map(|i| (name(i), -i))
        .collect();
    assert_eq!(all(map.iter().unwrap()), expected);
    let mut backward = all(map.iter().unwrap().rev());
    backward.reverse();
    assert_eq!(backward, expected);
    let mut rows = map.iter().unwrap();
    let (mut front, mut back) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next() {
        front.push(row.unwrap());
        back.extend(rows.next_back().transpose().unwrap());
    }
    front.extend(back.into_iter().rev());
    assert_eq!(front, expected);
}

fn compaction_keeps_what_is_true_at_the_horizon<S: Versions>(map: &TimeMap<String, i64, S>) {
    let name = |i: i64| format!("{}", i % 100);
    let times: Vec<Time> = (0..3_000).map(|i| map.put(&name(i), &i).unwrap()).collect();
    let gone = map.put(&key("gone"), &1).unwrap();
    let removed = map.remove(&key("gone")).unwrap();
    let horizon = map.put(&key("0"), &-1).unwrap();
    let before = all(map.iter_at(horizon).unwrap());
    // 3002 versions before the horizon, of which 99 are still true at it.
    assert_eq!(map.forget_before(horizon).unwrap(), 3_002 - 99);
    assert_eq!(all(map.iter_at(horizon).unwrap()), before);
    for forgotten in [times[0], times[2_999], gone, removed] {
        let error = map.get_at(&key("1"), forgotten).unwrap_err();
        assert!(matches!(error, Error::Forgotten { .. }));
        assert!(error.to_string().contains(&horizon.to_string()), "{error}");
        assert!(matches!(
            map.between(forgotten, horizon).unwrap_err(),
            Error::Forgotten { .. }
        ));
    }
    assert_eq!(all(map.times_all()), [horizon]);
    assert_eq!(all(map.times(&key("1")).unwrap()), [times[2_901]]);
    assert_eq!(map.get(&key("1")).unwrap(), Some(2_901));
    assert_eq!(all(map.history(&key("gone")).unwrap()), []);
    assert_eq!(map.forget_before(horizon).unwrap(), 0);
    assert_eq!(map.forget_before(times[5]).unwrap(), 0);
    let future = map.forget_before(Time::MAX).unwrap_err();
    assert!(matches!(future, Error::Future { .. }));
}

fn iterators_that_are_under_way_notice_that_their_past_is_gone<S: Versions>(
    map: &TimeMap<String, i64, S>,
) {
    let first = map.put_many((0..100).map(|i| (format!("{i}"), i))).unwrap();
    for i in 0..100 {
        map.put(&key("0"), &i).unwrap();
    }
    let mut rows = map.iter_at(first).unwrap();
    let mut history = map.history(&key("0")).unwrap();
    let mut times = map.times_all();
    assert!(
        rows.next().unwrap().is_ok()
            && history.next().unwrap().is_ok()
            && times.next().unwrap().is_ok()
    );
    // In steps, of which each leaves a whole map.
    for step in map.forget_in_steps(map.last().unwrap().unwrap()).unwrap() {
        step.unwrap();
        assert_eq!(map.iter().unwrap().count(), 100);
    }
    let is_forgotten = |error: Error| matches!(error, Error::Forgotten { .. });
    assert!(is_forgotten(rows.find_map(Result::err).unwrap()));
    assert!(is_forgotten(history.find_map(Result::err).unwrap()));
    assert!(is_forgotten(times.find_map(Result::err).unwrap()));
    assert!(rows.next().is_none() && history.next().is_none() && times.next().is_none());
}

fn a_snapshot_stays_put<S: Versions>(map: &TimeMap<String, i64, S>) {
    let at = map.put_many([(key("a"), 1), (key("b"), 2)]).unwrap();
    let snapshot = map.snapshot(at).unwrap();
    let mut rows = snapshot.iter().unwrap();
    map.put(&key("a"), &3).unwrap();
    map.remove(&key("b")).unwrap();
    assert_eq!(rows.next().unwrap().unwrap(), (key("a"), 1));
    assert_eq!(snapshot.get(&key("b")).unwrap(), Some(2));
    assert_eq!(snapshot.get(&key("a")).unwrap(), Some(1));
    assert_eq!(snapshot.time(), at);
    assert_eq!(all(map.iter().unwrap()), [(key("a"), 3)]);
}

fn a_time_that_is_read_is_settled<S: Versions>(map: &TimeMap<String, i64, S>) {
    let first = map.put(&key("a"), &1).unwrap();
    let error = map.get_at(&key("a"), Time::MAX).unwrap_err();
    assert!(matches!(error, Error::Future { .. }));
    // The system's clock goes on by itself: some time after the put will be over.
    let after = time(first.nanos() + 1_000);
    let value = loop {
        match map.get_at(&key("a"), after) {
            Err(Error::Future { .. }) => std::thread::yield_now(),
            other => break other.unwrap(),
        }
    };
    assert_eq!(value, Some(1));
    assert_eq!(map.last().unwrap(), Some(after));
    assert!(map.put(&key("a"), &2).unwrap() > after);
    assert_eq!(map.get_at(&key("a"), after).unwrap(), Some(1));
}

fn a_nan_is_no_key<S: Versions>(map: &TimeMap<String, i64, S>) {
    assert_eq!(map.name(), "prices");
    let floats: TimeMap<f64, i64> = TimeMap::in_memory("floats").unwrap();
    let error = floats.put(&f64::NAN, &1).unwrap_err();
    assert!(
        matches!(&error, Error::Key(error) if error.kind() == KeyErrorKind::NotANumber),
        "{error}"
    );
    floats.put(&-0.0, &1).unwrap();
    floats.put(&0.0, &2).unwrap();
    assert_eq!(all(floats.iter().unwrap()), [(0.0, 2)]);
    assert!(TimeMap::<String, i64>::in_memory("").is_err());
}

fn a_watch_tells_each_change_once<S: Versions>(map: &TimeMap<String, i64, S>) {
    let start = map.put(&key("b"), &0).unwrap();
    let mut watch = map.watch(key("b")..=key("c")).unwrap();
    assert!(watch.next_within(Duration::ZERO).unwrap().is_none());
    map.put(&key("a"), &1).unwrap();
    let many = map
        .put_many([(key("b"), 2), (key("c"), 3), (key("d"), 4)])
        .unwrap();
    let gone = map.remove(&key("b")).unwrap();
    let mut told = Vec::new();
    while let Some(change) = watch.next_within(Duration::ZERO).unwrap() {
        told.push((change.time, change.key, change.value));
    }
    let expected = [
        (many, key("b"), Some(2)),
        (many, key("c"), Some(3)),
        (gone, key("b"), None),
    ];
    assert_eq!(told, expected);
    let mut again = map.watch_since(key("b")..key("c"), start).unwrap();
    assert_eq!(
        again.next_within(Duration::ZERO).unwrap().unwrap().value,
        Some(2)
    );
    // More than a page of changes that it does not want, and then one.
    map.put_many((0..2_500).map(|i| (format!("x{i}"), i)))
        .unwrap();
    map.put(&key("c"), &5).unwrap();
    assert_eq!(
        watch.next_within(Duration::ZERO).unwrap().unwrap().value,
        Some(5)
    );
    let removed = again.next_within(Duration::ZERO).unwrap().unwrap();
    assert_eq!((removed.time, removed.value), (gone, None));
    map.forget_before(map.put(&key("c"), &6).unwrap()).unwrap();
    assert!(matches!(
        again.next_within(Duration::ZERO).unwrap_err(),
        Error::Forgotten { .. }
    ));
}

fn a_watch_is_woken<S: Versions + Send>(map: &TimeMap<String, i64, S>) {
    let mut watch = map.watch(..).unwrap();
    let at = std::thread::scope(|scope| {
        let waiting = scope.spawn(move || watch.next_within(Duration::from_secs(60)).unwrap());
        let at = map.put(&key("a"), &1).unwrap();
        let change = waiting.join().unwrap().unwrap();
        assert_eq!(change.time, at);
        at
    });
    assert_eq!(map.last().unwrap(), Some(at));
}

/// Two puts in one nanosecond, and a clock that runs back, also while nobody looks.
#[test]
fn times_never_repeat_and_never_run_backwards() {
    let (temp, hand) = (Temp::new(), Hand::at(1_000));
    let open = || temp.map::<u8, u8>("rows").with_clock(hand.clone());
    let map = open();
    assert_eq!(map.put(&1, &1).unwrap(), time(1_000));
    assert_eq!(map.put(&1, &2).unwrap(), time(1_001));
    hand.set(500);
    assert_eq!(map.put(&2, &2).unwrap(), time(1_002));
    drop(map);
    hand.set(-500);
    let map = open();
    assert_eq!(map.put(&1, &3).unwrap(), time(1_003));
    hand.set(2_000);
    assert_eq!(map.put(&1, &4).unwrap(), time(2_000));
    assert_eq!(map.get_at(&1, time(1_002)).unwrap(), Some(2));
    // The end of time is an error, and nothing is written.
    hand.set(i64::MAX);
    map.put(&1, &5).unwrap();
    let error = map.put(&1, &6).unwrap_err();
    assert!(matches!(error, Error::OutOfTime { .. }), "{error}");
    assert_eq!(map.get(&1).unwrap(), Some(5));
    let memory = TimeMap::<u8, u8>::in_memory("rows")
        .unwrap()
        .with_clock(hand);
    memory.put(&1, &5).unwrap();
    assert!(matches!(
        memory.put(&1, &6).unwrap_err(),
        Error::OutOfTime { .. }
    ));
    assert_eq!(memory.history(&1).unwrap().count(), 1);
    assert_eq!(memory.times_all().count(), 1);
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
enum Place {
    Shelf { row: u8, at: (i128, Option<u128>) },
    Box(Vec<BTreeMap<String, i8>>),
    Nowhere,
}

#[test]
fn keys_and_values_are_any_type() {
    let temp = Temp::new();
    let map: SqliteTimeMap<Place, HashMap<u128, Option<Place>>> = temp.map("places");
    let shelf = Place::Shelf {
        row: 1,
        at: (i128::MIN, Some(u128::MAX)),
    };
    let boxed = Place::Box(vec![
        BTreeMap::from([("x".to_string(), -1)]),
        BTreeMap::new(),
    ]);
    let value = HashMap::from([(u128::MAX, Some(boxed.clone())), (0, None)]);
    let at = map.put(&shelf, &value).unwrap();
    map.put(&boxed, &HashMap::new()).unwrap();
    map.put(&Place::Nowhere, &value).unwrap();
    assert_eq!(map.get_at(&shelf, at).unwrap(), Some(value.clone()));
    let keys: Vec<Place> = all(map.iter().unwrap())
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    assert_eq!(keys, [shelf, boxed, Place::Nowhere]);
    drop(map);
    // Maps without an order are one key.
    let map: SqliteTimeMap<HashMap<u8, u8>, u8> = temp.map("by map");
    for round in 0..20 {
        let mut key = HashMap::with_capacity(round * 10);
        key.extend((0..10).map(|i| (i, i)));
        map.put(&key, &1).unwrap();
    }
    assert_eq!(map.iter().unwrap().count(), 1);
}

/// The space of what is forgotten is used again.
#[test]
fn the_space_comes_back() {
    let temp = Temp::new();
    let map: SqliteTimeMap<u32, Vec<u8>> = temp.map("rows");
    let pages = || -> i64 {
        let sql = "SELECT page_count FROM pragma_page_count()";
        map.versions()
            .connection()
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
    };
    let mut sizes = Vec::new();
    for _ in 0..6 {
        for version in 0..20_u8 {
            map.put_many((0..50).map(|key| (key, vec![version; 500])))
                .unwrap();
        }
        map.forget_before(map.last().unwrap().unwrap()).unwrap();
        sizes.push(pages());
    }
    assert!(sizes[5] <= sizes[1] + 10, "{sizes:?}");
}
