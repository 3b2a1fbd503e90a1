//! Reads in order, of single rows and of whole keys, end to end: an operator that asks for them, over a driver that
//! sees bytes only, against a plain list of rows.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod driver;
mod probe;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Bound;

use deltaview_schema::{Index, IndexKey};
use deltaview_zset::{Weight, ZSet};
use proptest::prelude::*;

use self::driver::{Bytes, Style};
use self::probe::{Ask, Seen, Shared, probe};
use super::FetchKeys;
use crate::state::scan::Order;
use crate::state::{Ranked, Span};
use crate::{Edit, Graph, InputHandle, TickError, TickErrorKind, WorkingSet};

/// A group, a number that its place is made of, and what tells it from others there.
type Item = (i8, i8, String);

struct Rig<O> {
    graph: Graph,
    input: InputHandle<Item>,
    told: Shared<i8, O, Item>,
    place: fn(i8) -> O,
    /// The rows as they should be.
    rows: BTreeMap<(Ranked<i8, O>, Item), Weight>,
}

impl<O: IndexKey> Rig<O> {
    fn new(place: fn(i8) -> O) -> Self {
        let index = Index::declared("ranked", ["group", "place"], move |item: &Item| {
            Ranked::at(item.0, place(item.1))
        });
        let (graph, (input, told)) = Graph::build("g", |g| {
            let items = g.input::<Item>("items");
            (items.handle(), probe(items, index))
        })
        .unwrap();
        Self {
            graph,
            input,
            told,
            place,
            rows: BTreeMap::new(),
        }
    }

    fn key(&self, item: &Item) -> Ranked<i8, O> {
        Ranked::at(item.0, (self.place)(item.1))
    }

    /// Reads and writes in one iteration, and returns what was seen.
    fn run(
        &mut self,
        store: &mut Bytes,
        state: &mut WorkingSet,
        asks: &[Ask<i8, O, Item>],
        delta: &[(Item, Weight)],
    ) -> Result<Vec<Seen<Item>>, TickError> {
        {
            let mut told = self.told.lock().unwrap();
            told.asks = asks.to_vec();
            told.reads = 0;
        }
        let rows = ZSet::from_pairs(delta.iter().cloned()).unwrap();
        let change = self.graph.change().add(self.input, rows);
        store.run(&self.graph, state, &change)?;
        Ok(std::mem::take(&mut self.told.lock().unwrap().seen))
    }

    fn note(&mut self, delta: &[(Item, Weight)]) {
        for (item, weight) in delta {
            let key = (self.key(item), item.clone());
            let sum = self.rows.entry(key.clone()).or_default();
            *sum += weight;
            if *sum == 0 {
                self.rows.remove(&key);
            }
        }
    }

    /// What an ask should see.
    fn expected(&self, ask: &Ask<i8, O, Item>) -> Seen<Item> {
        let owned =
            |((_, item), weight): (&(Ranked<i8, O>, Item), &Weight)| (item.clone(), *weight);
        match ask {
            Ask::All => self.rows.iter().map(owned).collect(),
            Ask::Key(asked) => {
                let rows = self.rows.iter().filter(|((key, _), _)| key == asked);
                rows.map(owned).collect()
            }
            Ask::Row(item) => {
                let weight = self.rows.get(&(self.key(item), item.clone()));
                vec![(item.clone(), weight.copied().unwrap_or(0))]
            }
            Ask::Walk(span, limit, _) => {
                let is_in = |key: &Ranked<i8, O>| {
                    let at = |place: &O| Ranked::at(span.group, place.clone());
                    key.group == span.group
                        && match (&span.from, span.order) {
                            (Bound::Unbounded, _) => true,
                            (Bound::Included(from), Order::Forward) => *key >= at(from),
                            (Bound::Excluded(from), Order::Forward) => *key > at(from),
                            (Bound::Included(from), Order::Backward) => *key <= at(from),
                            (Bound::Excluded(from), Order::Backward) => *key < at(from),
                        }
                };
                let mut by_key: BTreeMap<&Ranked<i8, O>, Seen<Item>> = BTreeMap::new();
                for row @ ((key, _), _) in self.rows.iter().filter(|((key, _), _)| is_in(key)) {
                    by_key.entry(key).or_default().push(owned(row));
                }
                let mut keys: Vec<Seen<Item>> = by_key.into_values().collect();
                if span.order == Order::Backward {
                    keys.reverse();
                }
                let mut seen: Seen<Item> = Vec::new();
                for rows in keys {
                    if seen.len() < *limit {
                        seen.extend(rows);
                    }
                }
                seen
            }
        }
    }
}

/// An ask before its places are made.
#[derive(Clone, Debug)]
enum Drawn {
    Walk(i8, Bound<i8>, Order, usize, usize),
    Key(i8, i8),
    Row(Item),
    All,
}

#[derive(Clone, Debug)]
struct Turn {
    forget: bool,
    asks: Vec<Drawn>,
    delta: Vec<(Item, Weight)>,
}

fn item() -> impl Strategy<Value = Item> {
    let name = prop_oneof![
        "[ab]",
        Just("a name that is longer than an identity".to_string())
    ];
    (0_i8..3, -4_i8..12, name)
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let bound = prop_oneof![
        Just(Bound::Unbounded),
        (-5_i8..13).prop_map(Bound::Included),
        (-5_i8..13).prop_map(Bound::Excluded),
    ];
    let order = prop_oneof![Just(Order::Forward), Just(Order::Backward)];
    prop_oneof![
        8 => (0_i8..3, bound, order, 0_usize..12, 0_usize..5)
            .prop_map(|(group, from, order, limit, hint)| Drawn::Walk(group, from, order, limit, hint)),
        2 => (0_i8..3, -4_i8..12).prop_map(|(group, place)| Drawn::Key(group, place)),
        3 => item().prop_map(Drawn::Row),
        1 => Just(Drawn::All),
    ]
}

fn turn() -> impl Strategy<Value = Turn> {
    let delta = prop::collection::vec((item(), prop_oneof![Just(1_i64), Just(2), Just(-1)]), 0..12);
    let asks = prop::collection::vec(drawn(), 0..5);
    (prop::bool::weighted(0.2), asks, delta).prop_map(|(forget, asks, delta)| Turn {
        forget,
        asks,
        delta,
    })
}

/// Runs the turns over a partial and a complete working set, and compares what is seen.
fn check<O: IndexKey>(
    place: fn(i8) -> O,
    turns: &[Turn],
    style: Style,
) -> Result<(), TestCaseError> {
    let mut rig = Rig::new(place);
    let mut store = Bytes::new(style);
    let mut unused = Bytes::new(style);
    let mut partial = WorkingSet::partial(&rig.graph);
    let mut complete = WorkingSet::complete(&rig.graph);
    for turn in turns {
        if turn.forget {
            partial.forget();
        }
        let asks: Vec<Ask<i8, O, Item>> = turn
            .asks
            .iter()
            .map(|drawn| match drawn.clone() {
                Drawn::Walk(group, from, order, limit, hint) => {
                    let from = from.map(place);
                    Ask::Walk(Span { group, from, order }, limit, hint)
                }
                Drawn::Key(group, number) => Ask::Key(Ranked::at(group, place(number))),
                Drawn::Row(item) => Ask::Row(item),
                Drawn::All => Ask::All,
            })
            .collect();
        let expected: Vec<Seen<Item>> = asks.iter().map(|ask| rig.expected(ask)).collect();
        let seen = rig
            .run(&mut store, &mut partial, &asks, &turn.delta)
            .unwrap();
        prop_assert_eq!(&seen, &expected);
        let seen = rig
            .run(&mut unused, &mut complete, &asks, &turn.delta)
            .unwrap();
        prop_assert_eq!(&seen, &expected);
        prop_assert!(
            unused.steps.is_empty(),
            "a complete working set asks for nothing"
        );
        rig.note(&turn.delta);
        let is_known = asks.iter().any(|ask| matches!(ask, Ask::All));
        if is_known {
            prop_assert_eq!(partial.rows(), rig.rows.len());
        } else {
            prop_assert!(partial.rows() <= rig.rows.len());
        }
    }
    Ok(())
}

fn styles() -> impl Strategy<Value = Style> {
    prop_oneof![
        Just(Style::RowByRow),
        Just(Style::WithTies),
        Just(Style::OneKey)
    ]
}

proptest! {
    #[test]
    fn nullable_places(turns in prop::collection::vec(turn(), 1..8), style in styles()) {
        check(|number| (number >= 0).then_some(number / 2), &turns, style)?;
    }

    #[test]
    fn descending_texts(turns in prop::collection::vec(turn(), 1..8), style in styles()) {
        check(|number| Reverse(format!("{}", i32::from(number) + 7)), &turns, style)?;
    }

    #[test]
    fn places_of_several_columns(turns in prop::collection::vec(turn(), 1..8), style in styles()) {
        let place = |number: i8| {
            let rest = number.rem_euclid(3);
            (Reverse((rest > 0).then_some(rest)), number.div_euclid(3))
        };
        check(place, &turns, style)?;
    }

    #[test]
    fn one_place_without_columns(turns in prop::collection::vec(turn(), 1..8), style in styles()) {
        check(|_| (), &turns, style)?;
    }
}

fn numbered(number: i8) -> Item {
    (
        1,
        number,
        "a name that is longer than an identity".to_string(),
    )
}

/// A rig whose store has the places from 0 to 99 in group 1, and nothing resident.
fn hundred(style: Style) -> (Rig<i8>, Bytes, WorkingSet) {
    let mut rig = Rig::new(|number| number);
    let mut store = Bytes::new(style);
    let mut state = WorkingSet::partial(&rig.graph);
    let delta: Vec<(Item, Weight)> = (0..100).map(|number| (numbered(number), 1)).collect();
    rig.run(&mut store, &mut state, &[], &delta).unwrap();
    (rig, store, state)
}

fn walk(from: Bound<i8>, order: Order, limit: usize, hint: usize) -> Ask<i8, i8, Item> {
    let span = Span {
        group: 1,
        from,
        order,
    };
    Ask::Walk(span, limit, hint)
}

#[test]
fn the_least_row_takes_one_step_and_one_row() {
    for (order, least) in [(Order::Forward, 0), (Order::Backward, 99)] {
        let (mut rig, mut store, mut state) = hundred(Style::RowByRow);
        let ask = [walk(Bound::Unbounded, order, 1, 1)];
        let seen = rig.run(&mut store, &mut state, &ask, &[]).unwrap();
        assert_eq!(seen, [vec![(numbered(least), 1)]]);
        assert_eq!(store.steps, [[FetchKeys::Ranges(1)]]);
        assert_eq!(
            store.rows_read, 2,
            "the second shows that the first key has no more rows"
        );
        assert_eq!(state.rows(), 1);

        // It stays resident, also as it changes: nothing is asked for again.
        let delta = [(numbered(least), -1), (numbered(least), 3)];
        rig.run(&mut store, &mut state, &ask, &delta).unwrap();
        let seen = rig.run(&mut store, &mut state, &ask, &[]).unwrap();
        assert_eq!(seen, [vec![(numbered(least), 3)]]);
        assert!(store.steps.is_empty());
    }
}

#[test]
fn a_walk_that_goes_on_doubles_what_it_asks_for() {
    let (mut rig, mut store, mut state) = hundred(Style::RowByRow);
    let ask = [walk(Bound::Excluded(9), Order::Forward, 60, 1)];
    let seen = rig.run(&mut store, &mut state, &ask, &[]).unwrap();
    assert_eq!(seen[0].len(), 60);
    // 1, 1, 2, 4, 8, 16 and 32 rows.
    assert_eq!(store.steps.len(), 7);
    assert_eq!(state.rows(), 64);
    assert_eq!(rig.told.lock().unwrap().reads, 8);
}

#[test]
fn a_step_asks_for_keys_rows_and_ranges_apart_and_for_nothing_twice() {
    let (mut rig, mut store, mut state) = hundred(Style::RowByRow);
    let asks = [
        Ask::Row(numbered(3)),
        Ask::Row(numbered(3)),
        Ask::Row(numbered(4)),
        Ask::Key(Ranked::at(1, 4)),
        Ask::Key(Ranked::at(1, 4)),
        walk(Bound::Unbounded, Order::Forward, 1, 1),
        walk(Bound::Unbounded, Order::Forward, 5, 5),
        walk(Bound::Unbounded, Order::Backward, 1, 1),
    ];
    let seen = rig.run(&mut store, &mut state, &asks, &[]).unwrap();
    let [first, ..] = store.steps.as_slice() else {
        panic!("nothing was resident")
    };
    let expected = [FetchKeys::Some(1), FetchKeys::Rows(1), FetchKeys::Ranges(2)];
    assert_eq!(*first, expected);
    assert_eq!(store.steps.len(), 1);
    rig.note(
        &(0..100)
            .map(|number| (numbered(number), 1))
            .collect::<Vec<_>>(),
    );
    let expected: Vec<Seen<Item>> = asks.iter().map(|ask| rig.expected(ask)).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_single_row_leaves_its_key_unknown_until_that_is_fetched() {
    let (mut rig, mut store, mut state) = hundred(Style::RowByRow);
    let other = (1, 3, "b".to_string());
    let row = [Ask::Row(numbered(3)), Ask::Row(other.clone())];
    let seen = rig.run(&mut store, &mut state, &row, &[]).unwrap();
    assert_eq!(seen, [vec![(numbered(3), 1)], vec![(other.clone(), 0)]]);
    assert_eq!((store.rows_read, state.rows()), (1, 1));

    // What is absorbed is added to what is known, also to a row that was not there.
    rig.run(
        &mut store,
        &mut state,
        &[],
        &[(other.clone(), 2), (numbered(3), 4)],
    )
    .unwrap();
    let seen = rig.run(&mut store, &mut state, &row, &[]).unwrap();
    assert_eq!(seen, [vec![(numbered(3), 5)], vec![(other.clone(), 2)]]);
    assert!(store.steps.is_empty());

    let key = [Ask::Key(Ranked::at(1, 3)), row[0].clone()];
    let seen = rig.run(&mut store, &mut state, &key, &[]).unwrap();
    assert_eq!(seen[0], [(numbered(3), 5), (other, 2)]);
    assert_eq!(store.steps, [[FetchKeys::Some(1)]]);
    assert_eq!(state.rows(), 2);
    state.forget();
    assert_eq!(state.rows(), 0);
    rig.run(&mut store, &mut state, &row, &[]).unwrap();
    assert_eq!(store.steps, [[FetchKeys::Rows(2)]]);
}

#[test]
fn a_driver_that_leaves_a_range_open_is_told() {
    for style in [Style::Unfinished, Style::Dropped] {
        let (mut rig, mut store, mut state) = hundred(style);
        let ask = [walk(Bound::Unbounded, Order::Forward, 200, 200)];
        let error = rig.run(&mut store, &mut state, &ask, &[]).unwrap_err();
        assert!(
            matches!(error.kind(), TickErrorKind::Unanswered { table } if table == "g__items_probe__ranked"),
            "{error}"
        );
    }
}

#[test]
fn rows_that_are_not_in_the_order_of_their_keys_are_told() {
    let (mut rig, mut store, mut state) = hundred(Style::WrongOrder);
    let ask = [walk(Bound::Unbounded, Order::Forward, 5, 5)];
    let error = rig.run(&mut store, &mut state, &ask, &[]).unwrap_err();
    assert!(
        matches!(error.kind(), TickErrorKind::KeyChanged { index, .. } if index == "ranked"),
        "{error}"
    );
    assert_eq!(state.rows(), 0);
}
