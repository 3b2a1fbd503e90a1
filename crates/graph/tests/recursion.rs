//! Recursion against what a plain search finds, over random histories of inserts and removes in graphs full of cycles.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use deltaview::prelude::*;
use deltaview::{ErrorKind, TickErrorKind};
use proptest::prelude::*;

type Edge = (u8, u8);

/// The pairs joined by one edge or more, by searching from each place.
fn closure(edges: &BTreeMap<Edge, i64>) -> BTreeSet<Edge> {
    let there: Vec<Edge> = edges
        .iter()
        .filter(|(_, weight)| **weight > 0)
        .map(|(edge, _)| *edge)
        .collect();
    let mut found: BTreeSet<Edge> = there.iter().copied().collect();
    loop {
        let longer: Vec<Edge> = found
            .iter()
            .flat_map(|(from, to)| {
                let next = there.iter().filter(move |(start, _)| start == to);
                next.map(move |(_, end)| (*from, *end))
            })
            .collect();
        let before = found.len();
        found.extend(longer);
        if found.len() == before {
            return found;
        }
    }
}

/// The places whose every way out leads to a place that is there: an aggregate and an anti-join inside of a recursion.
fn settled(edges: &BTreeMap<Edge, i64>, starts: &BTreeSet<u8>) -> BTreeSet<u8> {
    let mut set: BTreeSet<u8> = BTreeSet::new();
    loop {
        let mut next = starts.clone();
        for place in 0..6 {
            let ways: Vec<u8> = edges
                .iter()
                .filter(|((from, _), weight)| *from == place && **weight > 0)
                .map(|((_, to), _)| *to)
                .collect();
            let reached = ways.iter().filter(|to| set.contains(to)).count();
            if reached >= 2 {
                next.insert(place);
            }
        }
        if next == set {
            return set;
        }
        set = next;
    }
}

fn steps() -> impl Strategy<Value = Vec<Vec<(Edge, bool)>>> {
    let edge = (0_u8..6, 0_u8..6);
    prop::collection::vec(
        prop::collection::vec((edge, prop::bool::weighted(0.6)), 1..5),
        1..30,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_closure_is_what_a_search_finds(steps in steps()) {
        let (graph, (input, starts, paths, view, two_ways)) = Graph::build("roads", |g| {
            let edges = g.input::<Edge>("edges");
            let starts = g.input::<u8>("starts");
            let paths = edges.transitive_closure(|edge| *edge);
            let by_to = Index::new("to", |edge: &Edge| edge.1);
            let set = edges.distinct().named("set");
            let two_ways = starts.recursive(|there| {
                there
                    .join_map(set, Index::new("place", |place: &u8| *place), by_to, |_, _, edge| *edge)
                    .group_by(Index::new("from", |edge: &Edge| edge.0))
                    .count()
                    .filter(|ways| ways.value >= 2)
                    .map(|ways| ways.key)
            });
            (edges.handle(), starts.handle(), paths.output("changes"), paths.view("paths"), two_ways.view("two_ways"))
        }).unwrap();
        let mut store = MemoryStore::new(&graph);
        let mut edges: BTreeMap<Edge, i64> = BTreeMap::new();
        let mut sum = ZSet::new();
        let from: BTreeSet<u8> = [0, 1].into();
        store.change().insert(starts, from.clone()).commit().unwrap();
        for step in steps {
            let mut change = store.change();
            for (edge, inserts) in step {
                *edges.entry(edge).or_default() += if inserts { 1 } else { -1 };
                change = if inserts { change.insert(input, [edge]) } else { change.remove(input, [edge]) };
            }
            let changed = change.commit().unwrap();
            for (path, weight) in changed.get(paths).unwrap() {
                sum.insert(path, weight).unwrap();
            }
            let expected = closure(&edges);
            let found: BTreeSet<Edge> = store.view(view).iter().unwrap().map(|row| row.unwrap().0).collect();
            prop_assert_eq!(&found, &expected);
            let summed: BTreeSet<Edge> = sum.iter().map(|(path, weight)| {
                assert_eq!(weight, 1);
                *path
            }).collect();
            prop_assert_eq!(&summed, &expected);
            let found: BTreeSet<u8> = store.view(two_ways).iter().unwrap().map(|row| row.unwrap().0).collect();
            prop_assert_eq!(found, settled(&edges, &from));
        }
    }
}

#[test]
fn what_has_no_fixed_point_is_an_error_and_changes_nothing() {
    let (graph, (numbers, view)) = Graph::build("numbers", |g| {
        let numbers = g.input::<u64>("numbers");
        let all = numbers.recursive_within(20, |all| all.map(|n| n + 1));
        (numbers.handle(), all.view("all"))
    })
    .unwrap();
    let mut store = MemoryStore::new(&graph);
    let error = store.change().insert(numbers, [1]).commit().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tick);
    let kind = error.tick().unwrap().kind();
    assert!(matches!(kind, TickErrorKind::TooManySteps { steps: 20 }));
    assert_eq!(store.view(view).iter().unwrap().count(), 0);
}

#[test]
fn what_looks_rows_up_and_what_has_no_key_go_together_inside() {
    let (graph, (numbers, all)) = Graph::build("pairs", |g| {
        let numbers = g.input::<u8>("numbers");
        let all = numbers.recursive(|all| {
            let halves = all.map(|n| n / 2).named("halves");
            let pairs = halves
                .cross_join(halves)
                .map(|pair| pair.left.max(pair.right));
            halves.distinct().plus(pairs)
        });
        (numbers.handle(), all.view("all"))
    })
    .unwrap();
    let mut store = MemoryStore::new(&graph);
    store.change().insert(numbers, [9]).commit().unwrap();
    let rows = store.view(all).iter().unwrap();
    assert_eq!(
        rows.map(|row| row.unwrap().0).collect::<Vec<_>>(),
        [0, 1, 2, 4, 9]
    );
    store
        .change()
        .remove(numbers, [9])
        .insert(numbers, [3])
        .commit()
        .unwrap();
    let rows = store.view(all).iter().unwrap();
    assert_eq!(
        rows.map(|row| row.unwrap().0).collect::<Vec<_>>(),
        [0, 1, 3]
    );
}
