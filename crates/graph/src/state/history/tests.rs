//! The history of a view in memory against full copies of it, at random.

use std::collections::BTreeMap;
use std::ops::Bound;

use deltaview_schema::{Index, IndexKey};
use deltaview_zset::{Weight, ZSet};
use proptest::prelude::*;

use crate::state::scan::{Bounds, Order};
use crate::{Edit, Graph, InputHandle, Retention, Step, Version, ViewHandle, WorkingSet};

type Sold = (u8, String);

struct Shop {
    graph: Graph,
    sales: InputHandle<Sold>,
    by_shop: ViewHandle<Sold, u8>,
    by_name: ViewHandle<Sold, String>,
}

fn shop() -> Shop {
    let (graph, (sales, by_shop, by_name)) = Graph::build("shop", |g| {
        let sales = g.input::<Sold>("sales");
        let by_shop = sales.view_by("all", Index::new("shop", |row: &Sold| row.0));
        let by_shop = g.with_history(by_shop, Retention::Forever);
        let by_name = g.also_by(by_shop, Index::new("name", |row: &Sold| row.1.clone()));
        (sales.handle(), by_shop, by_name)
    })
    .expect("a graph");
    Shop {
        graph,
        sales,
        by_shop,
        by_name,
    }
}

/// So many times later, these rows are added.
type Change = (i64, Vec<(u8, u8, Weight)>);

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let row = (0..4_u8, 0..3_u8, -2..3_i64);
    let step = prop_oneof![4 => Just(1_i64), 2 => 2..5_i64, 1 => 100..5000_i64];
    prop::collection::vec((step, prop::collection::vec(row, 0..5)), 1..40)
}

/// All rows of a view as of a time, in pages of some size, in order.
fn read<K: IndexKey>(
    shop: &Shop,
    state: &WorkingSet,
    (view, key): (ViewHandle<Sold, K>, impl Fn(&Sold) -> K),
    (order, time): (Order, i64),
    rows: usize,
) -> ZSet<Sold> {
    let mut bounds = Bounds::all();
    let mut all: Vec<(Sold, Weight)> = Vec::new();
    loop {
        let asked = (&bounds, order, rows);
        let page = state.page_as_of(&shop.graph, view, asked, time);
        let (page, last) = page.expect("the view is of this graph");
        all.extend(page);
        let Some(last) = last else { break };
        bounds = bounds.behind(last, order);
    }
    let in_order = all.is_sorted_by(|(one, _), (next, _)| match order {
        Order::Forward => key(one) <= key(next),
        Order::Backward => key(one) >= key(next),
    });
    assert!(in_order);
    ZSet::from_pairs(all).expect("no overflow")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_time_behind_the_horizon_is_what_it_was(
        changes in changes(),
        rows in 1..6_usize,
        forget in prop::option::of((0.0..1.0_f64, 1..20_usize)),
    ) {
        let shop = shop();
        let mut state = WorkingSet::complete(&shop.graph);
        let mut copies: BTreeMap<i64, ZSet<Sold>> = BTreeMap::from([(0, ZSet::new())]);
        let mut deltas: BTreeMap<i64, ZSet<Sold>> = BTreeMap::new();
        let mut time = 0;
        for (step, rows) in changes {
            time += step;
            let rows = rows.into_iter().map(|(shop, name, weight)| ((shop, format!("{name}")), weight));
            let delta = ZSet::from_pairs(rows).expect("small");
            let change = shop.graph.change().add(shop.sales, delta.clone());
            let Ok(Step::Done(commit)) = shop.graph.begin(&mut state, &change) else {
                panic!("a complete working set fetches nothing");
            };
            state.record(&commit, time);
            state.absorb(commit);
            let before = copies.values().next_back().expect("there is one");
            let after = before.try_add(&delta).expect("small");
            copies.insert(time, after);
            if !delta.is_empty() {
                deltas.insert(time, delta);
            }
        }
        let table = shop.graph.view_table(shop.by_shop).expect("its own").id();
        let mut horizon = 0;
        if let Some((part, step)) = forget {
            #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
            let forgotten = (time as f64 * part) as i64;
            horizon = forgotten;
            // In steps, each of which leaves what can be read as it is.
            loop {
                let (swept, is_done) = state.sweep(table, horizon, step);
                prop_assert!(swept <= step as u64);
                if is_done {
                    break;
                }
            }
            prop_assert_eq!(state.sweep(table, horizon, step), (0, true));
        }
        let mut asked: Vec<i64> = copies.keys().flat_map(|time| [time - 1, *time, time + 1]).collect();
        asked.push(horizon);
        for at in asked.into_iter().filter(|at| *at >= horizon) {
            let expected = copies.range(..=at.max(0)).next_back().expect("from 0 on").1;
            for order in [Order::Forward, Order::Backward] {
                let by_shop = read(&shop, &state, (shop.by_shop, |row: &Sold| row.0), (order, at), rows);
                prop_assert_eq!(&by_shop, expected, "as of {}", at);
                let by_name = (shop.by_name, |row: &Sold| row.1.clone());
                prop_assert_eq!(&read(&shop, &state, by_name, (order, at), rows), expected);
            }
        }
        let behind = (Bound::Excluded(horizon), Bound::Unbounded);
        let stored = state.deltas(&shop.graph, shop.by_name, (horizon, i64::MAX), usize::MAX);
        let expected: Vec<_> = deltas.range(behind).map(|(time, rows)| (*time, rows.clone())).collect();
        prop_assert_eq!(stored.expect("its own"), expected);
        let times: Vec<i64> = deltas.range(behind).rev().map(|(time, _)| *time).collect();
        prop_assert_eq!(state.times(table, (horizon, i64::MAX), usize::MAX), times);
        for key in 0..4_u8 {
            let expected = ended(&deltas, key, horizon);
            // In pages: each goes on before the last end of the one before.
            let mut before = i64::MAX;
            let mut found: Vec<Version<Sold>> = Vec::new();
            loop {
                let page = state.versions_ended(&shop.graph, shop.by_shop, &key, (horizon, before), rows);
                let page = page.expect("its own");
                let Some(last) = page.last() else { break };
                before = last.until.expect("it has ended");
                found.extend(page);
            }
            prop_assert!(found.is_sorted_by(|one, next| one.until >= next.until));
            found.sort_by(|one, next| (one.from, &one.row).cmp(&(next.from, &next.row)));
            prop_assert_eq!(found, expected);
        }
    }
}

/// The versions of a key that ended behind a horizon, by a model.
fn ended(deltas: &BTreeMap<i64, ZSet<Sold>>, key: u8, horizon: i64) -> Vec<Version<Sold>> {
    let mut there: BTreeMap<Sold, (Weight, i64)> = BTreeMap::new();
    let mut versions = Vec::new();
    for (time, delta) in deltas {
        for (row, added) in delta.iter().filter(|(row, _)| row.0 == key) {
            let (weight, from) = there.remove(row).unwrap_or((0, 0));
            if weight != 0 && *time > horizon {
                versions.push(Version {
                    row: row.clone(),
                    weight,
                    from,
                    until: Some(*time),
                });
            }
            if weight + added != 0 {
                there.insert(row.clone(), (weight + added, *time));
            }
        }
    }
    versions.sort_by(|one, next| (one.from, &one.row).cmp(&(next.from, &next.row)));
    versions
}

/// Nothing is left of what was forgotten: a row that goes is gone, and one that is there stays.
#[test]
fn all_of_the_past_is_freed() {
    let shop = shop();
    let mut state = WorkingSet::complete(&shop.graph);
    let table = shop.graph.view_table(shop.by_shop).expect("its own").id();
    let row = |name: &str| (1, name.to_string());
    let mut rows = 0;
    for time in 1..=10 {
        let change = shop
            .graph
            .change()
            .insert(shop.sales, [row("stays"), row("goes")]);
        let change = if time % 2 == 0 {
            change.remove(shop.sales, [row("goes"), row("goes")])
        } else {
            change
        };
        let Ok(Step::Done(commit)) = shop.graph.begin(&mut state, &change) else {
            panic!("a complete working set fetches nothing");
        };
        state.record(&commit, time);
        state.absorb(commit);
        rows += 2;
    }
    // "stays" has 9 versions that are over, "goes" 5; the log has two rows a time.
    assert_eq!(state.sweep(table, 10, 1000), (9 + 5 + rows, true));
    let left = state.page_as_of(
        &shop.graph,
        shop.by_shop,
        (&Bounds::all(), Order::Forward, 9),
        10,
    );
    assert_eq!(left.expect("its own").0, [(row("stays"), 10)]);
}
