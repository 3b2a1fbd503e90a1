//! Order and windows against a plain sort, over random histories with ties, copies and negative weights.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use deltaview::prelude::*;
use deltaview::{agg, over};
use proptest::prelude::*;

/// Group, order, and what tells rows with one order apart.
type Item = (u8, i8, u8);

fn by_group() -> Index<Item, u8> {
    Index::new("group", |item: &Item| item.0)
}

fn by_order() -> Index<Item, Reverse<i8>> {
    Index::new("order", |item: &Item| Reverse(item.1))
}

/// The rows of a group in order.
fn sorted(rows: &BTreeMap<Item, i64>, group: u8) -> Vec<(Item, i64)> {
    let mut sorted: Vec<(Item, i64)> = rows
        .iter()
        .filter(|(item, weight)| item.0 == group && **weight != 0)
        .map(|(item, weight)| (*item, *weight))
        .collect();
    sorted.sort_by_key(|(item, _)| (Reverse(item.1), *item));
    sorted
}

/// The copies of a group in order.
fn copies(rows: &BTreeMap<Item, i64>, group: u8) -> Vec<Item> {
    let sorted = sorted(rows, group).into_iter();
    sorted
        .flat_map(|(item, weight)| vec![item; usize::try_from(weight.max(0)).unwrap()])
        .collect()
}

fn bag<T: Ord + Clone>(rows: impl IntoIterator<Item = T>) -> ZSet<T> {
    rows.into_iter().collect()
}

type Around = (i64, i64, i64, Option<Item>, Option<Item>, i64);

fn windows(copies: &[Item]) -> Vec<Pair<Item, Around>> {
    let each = copies.iter().enumerate().map(|(at, item)| {
        let lesser = copies.iter().filter(|other| other.1 > item.1);
        let mut keys: Vec<i8> = lesser.clone().map(|other| other.1).collect();
        keys.dedup();
        let until = copies.iter().filter(|other| other.1 >= item.1);
        let sum = until.map(|other| i64::from(other.2)).sum();
        let back = at.checked_sub(2).map(|at| copies[at]);
        let number = i64::try_from(at).unwrap() + 1;
        let rank = i64::try_from(lesser.count()).unwrap() + 1;
        let dense = i64::try_from(keys.len()).unwrap() + 1;
        let value = (number, rank, dense, back, copies.get(at + 1).copied(), sum);
        Pair::new(*item, value)
    });
    each.collect()
}

fn history() -> impl Strategy<Value = Vec<Vec<(Item, i64)>>> {
    let item = (0_u8..2, -3_i8..4, 0_u8..3);
    let weight = prop_oneof![4 => Just(1_i64), 2 => Just(-1), 1 => Just(2), 1 => Just(-2)];
    prop::collection::vec(prop::collection::vec((item, weight), 1..4), 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn order_is_what_sorting_says(history in history(), offset in 0_u64..4, n in 0_u64..5) {
        let (graph, (input, first, top, places, look, ends, folded)) = Graph::build("order", |g| {
            let items = g.input::<Item>("items");
            let groups = items.group_by(by_group());
            let first = groups.clone().first_n_from(by_order(), offset, n);
            let top = groups.clone().top_n_from(by_order(), offset, n);
            let value = |item: &Item| i64::from(item.2);
            let window = || groups.clone().window(by_order());
            let places = window().over((
                over::row_number(), over::rank(), over::dense_rank(), over::lag(2), over::lead(1), over::running_sum(value),
            ));
            let look = window().rank();
            let ends = groups.clone().aggregate((
                agg::min(by_order()), agg::max(by_order()), agg::min_by(by_order()), agg::max_by(by_order()),
            ));
            let folded = groups.fold(by_order(), Vec::new(), |all: &mut Vec<Item>, item, _| all.push(*item));
            (
                items.handle(), first.view("first"), top.view("top"), places.view("places"), look.view("ranks"),
                ends.view("ends"), folded.view("folded"),
            )
        }).unwrap();
        let mut store = MemoryStore::new(&graph);
        let mut rows: BTreeMap<Item, i64> = BTreeMap::new();
        for changes in history {
            let mut delta = ZSet::new();
            for (item, weight) in changes {
                *rows.entry(item).or_default() += weight;
                delta.insert(item, weight).unwrap();
            }
            store.change().add(input, delta).commit().unwrap();
            let (mut firsts, mut tops, mut placed) = (Vec::new(), Vec::new(), Vec::new());
            let (skip, take) = (usize::try_from(offset).unwrap(), usize::try_from(n).unwrap());
            let (mut all_ends, mut all_folded) = (Vec::new(), Vec::new());
            for group in 0..2 {
                let copies = copies(&rows, group);
                firsts.extend(copies.iter().skip(skip).take(take).copied());
                tops.extend(copies.iter().rev().skip(skip).take(take).copied());
                placed.extend(windows(&copies));
                let sorted = sorted(&rows, group);
                if let (Some((least, _)), Some((most, _))) = (sorted.first(), sorted.last())
                    && sorted.iter().map(|(_, weight)| weight).sum::<i64>() != 0
                {
                    let ends = (Reverse(least.1), Reverse(most.1), *least, *most);
                    all_ends.push(Keyed::new(group, ends));
                    all_folded.push(Keyed::new(group, sorted.iter().map(|(item, _)| *item).collect::<Vec<_>>()));
                }
            }
            prop_assert_eq!(store.view(first).iter().unwrap().into_zset().unwrap(), bag(firsts));
            prop_assert_eq!(store.view(top).iter().unwrap().into_zset().unwrap(), bag(tops));
            let ranks = placed.iter().map(|place| Pair::new(place.left, place.right.1));
            prop_assert_eq!(store.view(look).iter().unwrap().into_zset().unwrap(), bag(ranks));
            prop_assert_eq!(store.view(places).iter().unwrap().into_zset().unwrap(), bag(placed));
            prop_assert_eq!(store.view(ends).iter().unwrap().into_zset().unwrap(), bag(all_ends));
            prop_assert_eq!(store.view(folded).iter().unwrap().into_zset().unwrap(), bag(all_folded));
        }
    }
}
