//! A history is compared with full copies of the views that were taken after each change.

use std::collections::BTreeMap;
use std::fmt::Debug;

use deltaview_graph::ViewHandle;
use deltaview_schema::{IndexKey, Row};
use deltaview_store::{ErrorKind, Store, Version, View};
use deltaview_store_sqlite::SqliteStore;
use deltaview_zset::{Weight, ZSet};

use crate::common::{Shop, Temp, change, last, shop, shop_that_keeps};

const CHANGES: i64 = 24;

/// What a view was after each time.
type Copies<T> = BTreeMap<i64, ZSet<T>>;

/// The copies of all views.
#[derive(Default)]
struct All {
    products: Copies<crate::common::Product>,
    sold: Copies<crate::common::Sold>,
    totals: Copies<crate::common::Total>,
    seen: Copies<String>,
    count: Copies<i64>,
}

fn now<T: Row, K: IndexKey>(store: &SqliteStore, view: ViewHandle<T, K>) -> ZSet<T> {
    store.view(view).iter().unwrap().into_zset().unwrap()
}

impl All {
    fn take(&mut self, store: &SqliteStore, shop: &Shop) {
        let time = store.time().unwrap();
        self.products.insert(time, now(store, shop.all));
        self.sold.insert(time, now(store, shop.sold));
        self.totals.insert(time, now(store, shop.totals));
        self.seen.insert(time, now(store, shop.seen));
        self.count.insert(time, now(store, shop.count));
    }

    fn check(&self, store: &SqliteStore, shop: &Shop, horizon: i64) {
        check(store, shop.all, &self.products, horizon, |row| row.0);
        check(store, shop.all_by_price, &self.products, horizon, |row| {
            (row.2, (row.2 > 3).then(|| row.1.clone()))
        });
        check(store, shop.sold, &self.sold, horizon, |row| row.left.1);
        check(store, shop.sold_by_qty, &self.sold, horizon, |row| {
            std::cmp::Reverse(row.left.2)
        });
        check(store, shop.totals, &self.totals, horizon, |row| row.key);
        check(store, shop.seen, &self.seen, horizon, |row| {
            (row.len() > 1).then_some(row.len() as i64)
        });
        check(store, shop.count, &self.count, horizon, |_| ());
    }
}

/// Compares all that can be read of the past of a view.
fn check<T: Row + Ord, K: IndexKey + Debug>(
    store: &SqliteStore,
    view: ViewHandle<T, K>,
    copies: &Copies<T>,
    horizon: i64,
    key_of: impl Fn(&T) -> K,
) {
    assert_eq!(store.view(view).horizon().unwrap(), horizon);
    let last = store.time().unwrap();
    let keys: Vec<K> = {
        let mut keys: Vec<K> = copies
            .values()
            .flat_map(|copy| copy.iter().map(|(row, _)| key_of(row)))
            .collect();
        keys.sort();
        keys.dedup();
        keys
    };
    for (&time, copy) in copies {
        if time < horizon {
            let error = store.view(view).as_of(time).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Forgotten);
            continue;
        }
        let then = store.view(view).as_of(time).unwrap();
        assert_eq!(&read(then, &key_of), copy, "as of {time}");
        assert_eq!(&read(then.rev(), |row| key_of(row)), copy, "as of {time}");
        for key in &keys {
            let of_key = |row: &T| key_of(row) == *key;
            let rows = then.key(key).unwrap().into_zset().unwrap();
            assert_eq!(rows, part(copy, of_key), "{key:?} as of {time}");
            let rows = then.range(key.clone()..).unwrap().into_zset().unwrap();
            assert_eq!(rows, part(copy, |row| key_of(row) >= *key));
            let rows = then.rev().range(..key.clone()).unwrap();
            let rows = rows.into_zset().unwrap();
            assert_eq!(rows, part(copy, |row| key_of(row) < *key));
            if time % 7 == 3 || time == last {
                check_versions(then, key, copies, (horizon, time), of_key);
            }
        }
        for (&other, at_other) in copies.range(horizon.max(1)..).step_by(3) {
            let between = store.view(view).between(time, other).unwrap();
            assert_eq!(
                between,
                at_other.try_sub(copy).unwrap(),
                "{time} to {other}"
            );
        }
    }
    let changed: Vec<i64> = copies
        .iter()
        .rev()
        .filter(|&(&time, copy)| time > horizon && before(copies, time) != *copy)
        .map(|(time, _)| *time)
        .collect();
    let times = store.view(view).times().unwrap();
    assert_eq!(times.collect::<Result<Vec<_>, _>>().unwrap(), changed);
    let deltas = store.view(view).deltas(horizon, last).unwrap();
    let deltas: Vec<_> = deltas.map(|delta| delta.unwrap()).collect();
    let times: Vec<i64> = deltas.iter().rev().map(|delta| delta.time()).collect();
    assert_eq!(times, changed);
    for delta in deltas {
        let then = &copies[&delta.time()];
        let change = then.try_sub(&before(copies, delta.time())).unwrap();
        assert_eq!(*delta.rows(), change, "at {}", delta.time());
    }
}

fn before<T: Row>(copies: &Copies<T>, time: i64) -> ZSet<T> {
    let before = copies.range(..time).next_back();
    before.map_or_else(ZSet::new, |(_, copy)| copy.clone())
}

fn part<T: Row>(copy: &ZSet<T>, is_wanted: impl Fn(&T) -> bool) -> ZSet<T> {
    let rows = copy.iter().filter(|(row, _)| is_wanted(row));
    ZSet::from_pairs(rows.map(|(row, weight)| (row.clone(), weight))).unwrap()
}

/// All rows, which must be in the order of their keys.
fn read<T: Row, K: IndexKey>(
    view: View<'_, SqliteStore, T, K>,
    key_of: impl Fn(&T) -> K,
) -> ZSet<T> {
    let rows: Vec<(T, Weight)> = view.iter().unwrap().collect::<Result<_, _>>().unwrap();
    let keys: Vec<K> = rows.iter().map(|(row, _)| key_of(row)).collect();
    let mut sorted = keys.clone();
    sorted.sort();
    if keys != sorted {
        sorted.reverse();
    }
    assert!(keys == sorted, "the order of the index");
    ZSet::from_pairs(rows).unwrap()
}

/// The versions of a key as of a time, worked out of the copies.
fn check_versions<T: Row + Ord, K: IndexKey + Debug>(
    then: View<'_, SqliteStore, T, K>,
    key: &K,
    copies: &Copies<T>,
    (horizon, at): (i64, i64),
    of_key: impl Fn(&T) -> bool,
) {
    let mut open: BTreeMap<T, (Weight, i64)> = BTreeMap::new();
    let mut expected: Vec<Version<T>> = Vec::new();
    for (&time, copy) in copies.range(..=at) {
        let copy = part(copy, &of_key);
        for (row, (weight, from)) in open.clone() {
            if copy.weight(&row) != weight {
                open.remove(&row);
                expected.push(Version {
                    row,
                    weight,
                    from,
                    until: Some(time),
                });
            }
        }
        for (row, weight) in copy.iter() {
            open.entry(row.clone()).or_insert((weight, time));
        }
    }
    expected.retain(|version| version.until.is_some_and(|until| until > horizon));
    expected.extend(open.into_iter().map(|(row, (weight, from))| Version {
        row,
        weight,
        from,
        until: None,
    }));
    let found: Vec<Version<T>> = then
        .versions(key)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let ends: Vec<i64> = found
        .iter()
        .map(|version| version.until.unwrap_or(i64::MAX))
        .collect();
    assert!(ends.is_sorted_by(|one, other| one >= other), "newest first");
    let sorted = |versions: Vec<Version<T>>| {
        let mut tuples: Vec<_> = versions
            .into_iter()
            .map(|version| (version.row, version.weight, version.from, version.until))
            .collect();
        tuples.sort();
        tuples
    };
    assert_eq!(sorted(found), sorted(expected), "{key:?} as of {at}");
}

#[test]
fn all_that_was_is_read_as_it_was() {
    let (temp, shop) = (Temp::new(), shop());
    let mut all = All::default();
    let mut store = temp.open(&shop.graph).unwrap();
    for n in 1..=CHANGES {
        if n % 7 == 0 {
            drop(store);
            store = temp.open(&shop.graph).unwrap();
        }
        store.commit(&change(&shop, n)).unwrap();
        all.take(&store, &shop);
    }
    all.check(&store, &shop, 0);
}

#[test]
fn what_is_after_the_horizon_stays_while_the_rest_is_swept() {
    let (temp, shop) = (Temp::new(), shop());
    let mut all = All::default();
    let mut store = temp.open(&shop.graph).unwrap();
    for n in 1..=CHANGES {
        store.commit(&change(&shop, n)).unwrap();
        all.take(&store, &shop);
    }
    for horizon in [3, 16, 17, CHANGES] {
        let step = |store: &mut SqliteStore, rows| {
            let mut done = true;
            done &= store.forget_step(shop.all, horizon, rows).unwrap().is_done;
            done &= store.forget_step(shop.sold, horizon, rows).unwrap().is_done;
            done &= store
                .forget_step(shop.totals, horizon, rows)
                .unwrap()
                .is_done;
            done &= store.forget_step(shop.seen, horizon, rows).unwrap().is_done;
            done &= store
                .forget_step(shop.count, horizon, rows)
                .unwrap()
                .is_done;
            done
        };
        step(&mut store, 3);
        all.check(&store, &shop, horizon);
        while !step(&mut store, 5) {}
        all.check(&store, &shop, horizon);
        let old: i64 = store
            .connection()
            .query_row(
                "SELECT count(*) FROM deltaview_instants WHERE t < ?1",
                [horizon],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(old, 0, "the instants go too");
    }
}

#[test]
fn a_retention_of_times_is_applied_by_each_commit() {
    let temp = Temp::new();
    let mut all = All::default();
    for (keep, changes) in [(7, 1..=10), (3, 11..=18), (5, 19..=CHANGES)] {
        let shop = shop_that_keeps(last(keep));
        let mut store = temp.open(&shop.graph).unwrap();
        for n in changes {
            store.commit(&change(&shop, n)).unwrap();
            all.take(&store, &shop);
            // A longer retention does not bring back what is forgotten.
            let horizon = match n {
                ..19 => n - keep as i64 + 1,
                _ => (n - keep as i64 + 1).max(16),
            };
            if n % 4 == 0 {
                all.check(&store, &shop, horizon.max(0));
            }
        }
    }
}
