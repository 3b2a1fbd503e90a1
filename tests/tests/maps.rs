//! A map that remembers as an input of a graph: its deltas, in one transaction with the views over it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use deltaview::prelude::*;
use deltaview::sqlite::rusqlite::{Connection, TransactionBehavior};
use deltaview::ttkv::{SqliteTimeMap, Time};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

type Entry = (u8, (u8, i64));

struct Shop {
    graph: Graph,
    prices: InputHandle<Entry>,
    sums: ViewHandle<Keyed<u8, i64>, u8>,
}

/// The sum of the amounts of each kind, over a map from numbers to kinds and amounts.
fn shop() -> Shop {
    let (graph, (prices, sums)) = Graph::build("shop", |g| {
        let prices = g.input::<Entry>("prices");
        let kind = Index::new("kind", |entry: &Entry| entry.1.0);
        let sums = prices.group_by(kind).sum(|entry| entry.1.1).view("sums");
        (prices.handle(), sums)
    })
    .unwrap();
    Shop {
        graph,
        prices,
        sums,
    }
}

impl Shop {
    fn sums_in(&self, store: &impl Store) -> BTreeMap<u8, i64> {
        let rows = store.view(self.sums).iter().unwrap();
        rows.map(|row| row.unwrap().0)
            .map(|group| (group.key, group.value))
            .collect()
    }
}

fn sums_of(rows: impl Iterator<Item = Entry>) -> BTreeMap<u8, i64> {
    let mut sums = BTreeMap::new();
    for (_, (kind, amount)) in rows {
        *sums.entry(kind).or_default() += amount;
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_map_is_an_input_of_a_graph(
        writes in vec((vec((0..6_u8, of((0..3_u8, -5..5_i64))), 1..4), any::<bool>()), 1..12)
    ) {
        let (folder, shop) = (tempfile::tempdir().unwrap(), shop());
        let path = folder.path().join("shop.db");
        let map: SqliteTimeMap<u8, (u8, i64)> = SqliteTimeMap::open(&path, "prices").unwrap();
        let store = SqliteStore::open(&path, &shop.graph).unwrap();
        let mut app = Connection::open(&path).unwrap();
        let mut times = vec![Time::MIN];
        for (entries, keep) in writes {
            let tx = app.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
            let changed = map.change_in(&tx, entries).unwrap();
            store.commit_in(&tx, &shop.graph.change().add(shop.prices, changed.rows)).unwrap();
            if keep {
                tx.commit().unwrap();
                times.push(changed.time);
            } else {
                drop(tx);
            }
            // Both, or neither.
            let rows = map.iter().unwrap().map(Result::unwrap);
            prop_assert_eq!(shop.sums_in(&store), sums_of(rows));
        }
        // What changed between two times takes the views from one to the other.
        let mut replayed = MemoryStore::new(&shop.graph);
        for pair in times.windows(2) {
            let delta = map.between(pair[0], pair[1]).unwrap();
            replayed.change().add(shop.prices, delta).commit().unwrap();
            let rows = map.iter_at(pair[1]).unwrap().map(Result::unwrap);
            prop_assert_eq!(shop.sums_in(&replayed), sums_of(rows));
        }
        let back = map.between(*times.last().unwrap(), Time::MIN).unwrap();
        replayed.change().add(shop.prices, back).commit().unwrap();
        prop_assert!(shop.sums_in(&replayed).is_empty());
    }
}
