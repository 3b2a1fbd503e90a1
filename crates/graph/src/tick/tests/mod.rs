//! Reads in order, of single rows and of whole keys, end to end: an operator that asks for them, over a driver that
//! sees bytes only, against a plain list of rows.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod driver;
mod probe;
mod random;

use std::collections::BTreeMap;
use std::ops::Bound;

use deltaview_schema::{Index, IndexKey, Indexable, Shape};
use deltaview_zset::{Weight, ZSet};

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
            (items.handle(), probe(items, index, false))
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

/// A row that serde refuses to write.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
struct Unwritable;

impl serde::Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it is not to be written"))
    }
}

impl Indexable for Unwritable {
    type Key = ();

    fn default_index() -> Index<Self, ()> {
        Index::unkeyed()
    }

    fn shape() -> Shape {
        Shape::of::<u8>()
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
fn what_is_within_a_range_that_was_walked_is_known() {
    let (mut rig, mut store, mut state) = hundred(Style::RowByRow);
    let rest = [walk(Bound::Included(90), Order::Forward, 200, 200)];
    let seen = rig.run(&mut store, &mut state, &rest, &[]).unwrap();
    assert_eq!(seen[0].len(), 10);
    assert_eq!(store.steps, [[FetchKeys::Ranges(1)]]);
    let asks = [
        Ask::Row(numbered(95)),
        Ask::Row(numbered(101)),
        Ask::Key(Ranked::at(1, 99)),
        Ask::Key(Ranked::at(1, 101)),
        walk(Bound::Excluded(95), Order::Backward, 6, 6),
        walk(Bound::Unbounded, Order::Backward, 10, 10),
    ];
    // The last key of the walk back is the first that is known: the walk need not go on.
    let within = &asks[..4];
    let seen = rig.run(&mut store, &mut state, within, &[]).unwrap();
    let weights: Vec<usize> = seen.iter().map(Vec::len).collect();
    assert_eq!(weights, [1, 1, 1, 0]);
    assert!(store.steps.is_empty());
    let seen = rig.run(&mut store, &mut state, &asks[5..], &[]).unwrap();
    assert_eq!(seen[0].len(), 10);
    assert!(store.steps.is_empty());

    // Five of six are known: what is before them is asked for, and joins them.
    let seen = rig.run(&mut store, &mut state, &asks[4..5], &[]).unwrap();
    assert_eq!((seen[0][0].0.1, seen[0][5].0.1), (94, 89));
    assert_eq!(store.steps, [[FetchKeys::Ranges(1)]]);
    let all = [walk(Bound::Included(84), Order::Forward, 200, 1)];
    rig.run(&mut store, &mut state, &all, &[]).unwrap();
    assert!(store.steps.is_empty());
}

#[test]
fn a_row_of_a_table_with_one_row_a_key_is_asked_for_by_its_key() {
    let index = Index::new("ranked", |item: &Item| Ranked::at(item.0, item.1));
    let (graph, told) =
        Graph::build("g", |g| probe(g.input::<Item>("items"), index, true)).unwrap();
    told.lock().unwrap().asks = vec![Ask::Row(numbered(3)), Ask::Row(numbered(4))];
    let mut store = Bytes::new(Style::RowByRow);
    let mut state = WorkingSet::partial(&graph);
    store.run(&graph, &mut state, &graph.change()).unwrap();
    assert_eq!(store.steps, [[FetchKeys::Some(2)]]);
    let seen = &told.lock().unwrap().seen;
    assert_eq!(*seen, [[(numbered(3), 0)], [(numbered(4), 0)]]);
}

#[test]
fn a_row_that_cannot_be_encoded_is_told_before_it_is_asked_for() {
    let index = Index::new("ranked", |_: &Unwritable| Ranked::at(1_i8, ()));
    let (graph, told) =
        Graph::build("g", |g| probe(g.input::<Unwritable>("items"), index, false)).unwrap();
    told.lock().unwrap().asks = vec![Ask::Row(Unwritable)];
    let mut store = Bytes::new(Style::RowByRow);
    let mut state = WorkingSet::partial(&graph);
    let error = store.run(&graph, &mut state, &graph.change()).unwrap_err();
    assert!(matches!(error.kind(), TickErrorKind::Encode(_)), "{error}");
    assert_eq!(error.vertex(), "items_probe");
    assert!(store.steps.is_empty());
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
