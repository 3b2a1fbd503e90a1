//! Ranges of an index are read in its order, by searches: whatever its columns are.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cmp::Reverse;
use std::ops::ControlFlow;

use deltaview_graph::{Edit, FetchRange, Graph, Order, RangeStart};
use deltaview_schema::{Identity, Index, IndexKey, KeyValue, codec};
use deltaview_store::Store;
use proptest::prelude::*;
use rusqlite::{Connection, params_from_iter};

use super::{Reader, parts};
use crate::SqliteStore;
use crate::engine::EngineTable;

/// A group, a number that its place is made of, and what tells it from others there.
type Item = (i8, i8, String);

/// A bound within a group: the number that its place is made of, and whether it is in the range.
type Start = Option<(i8, bool)>;

fn item() -> impl Strategy<Value = Item> {
    let name = prop_oneof![
        "[ab]",
        Just("a name that is longer than an identity ".repeat(2))
    ];
    (0_i8..3, -4_i8..12, name)
}

/// Reads ranges of a table of the items, and compares them with what sorting the items makes of it.
fn check<O: IndexKey>(
    place: fn(i8) -> O,
    items: &[Item],
    ranges: &[(i8, Start, bool, usize)],
) -> Result<(), TestCaseError> {
    let key = move |item: &Item| (item.0, place(item.1));
    let (graph, (input, view)) = Graph::build("g", |g| {
        let items = g.input::<Item>("items");
        let index = Index::declared("ranked", ["group", "place"], key);
        (items.handle(), items.view_by("ranked", index))
    })
    .unwrap();
    let conn = Connection::open_in_memory().unwrap();
    let mut store = SqliteStore::from_connection(conn, &graph).unwrap();
    let mut items = items.to_vec();
    items.sort();
    items.dedup();
    store
        .change()
        .insert(input, items.clone())
        .commit()
        .unwrap();
    let reader = Reader {
        conn: store.connection(),
        table: &EngineTable::new(&graph, graph.view_table(view).unwrap()),
        count: &|_| (),
    };
    for &(group, start, backward, limit) in ranges {
        let order = if backward {
            Order::Backward
        } else {
            Order::Forward
        };
        let bound = start.map(|(number, inclusive)| (place(number), inclusive));
        let range = FetchRange {
            group: vec![KeyValue::Int(i64::from(group))],
            start: bound.as_ref().map(|(place, inclusive)| {
                let mut columns = Vec::new();
                place.values(&mut columns);
                RangeStart {
                    columns,
                    inclusive: *inclusive,
                }
            }),
            order,
            rows: 1,
        };
        let mut read: Vec<Item> = Vec::new();
        let parts = parts(&range, &reader.table.schema);
        assert_searched(&reader, &parts, order);
        let ended = reader
            .read(&parts, order, &mut |row| {
                if read.len() == limit {
                    return Ok(ControlFlow::Break(()));
                }
                read.push(codec::decode(row.row).unwrap());
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
        let is_in = |item: &&Item| {
            item.0 == group
                && bound.as_ref().is_none_or(|(from, inclusive)| {
                    let here = place(item.1);
                    let beyond = if backward { here < *from } else { here > *from };
                    beyond || (*inclusive && here == *from)
                })
        };
        let mut expected: Vec<(i8, O)> = items.iter().filter(is_in).map(key).collect();
        expected.sort();
        if backward {
            expected.reverse();
        }
        prop_assert_eq!(ended.is_continue(), expected.len() <= limit);
        expected.truncate(limit);
        let keys: Vec<(i8, O)> = read.iter().map(key).collect();
        prop_assert_eq!(keys, expected);
        read.sort();
        read.dedup();
        prop_assert_eq!(read.len(), limit.min(items.iter().filter(is_in).count()));
    }
    Ok(())
}

#[test]
fn a_row_is_found_by_its_key_and_its_identity() {
    let (graph, (input, view)) = Graph::build("g", |g| {
        let items = g.input::<Item>("items");
        let index = Index::new("number", |item: &Item| (item.1 >= 0).then_some(item.1));
        (items.handle(), items.view_by("numbered", index))
    })
    .unwrap();
    let conn = Connection::open_in_memory().unwrap();
    let mut store = SqliteStore::from_connection(conn, &graph).unwrap();
    let long = "a name that is longer than an identity ".repeat(2);
    let (none, short, other) = (
        (0, -1, long),
        (0, 3, "a".to_string()),
        (1, 3, "a".to_string()),
    );
    let items = [none.clone(), short.clone(), short.clone()];
    store.change().insert(input, items).commit().unwrap();
    let reader = Reader {
        conn: store.connection(),
        table: &EngineTable::new(&graph, graph.view_table(view).unwrap()),
        count: &|_| (),
    };
    let weight = |key: KeyValue<'_>, item: &Item| {
        let identity = Identity::of(&codec::encode(item).unwrap());
        reader.weight(&[key], identity).unwrap()
    };
    assert_eq!(weight(KeyValue::Null, &none), Some(1));
    assert_eq!(weight(KeyValue::Int(3), &short), Some(2));
    assert_eq!(weight(KeyValue::Int(3), &other), None);
    assert_eq!(weight(KeyValue::Int(4), &short), None);
}

/// Each part is a search of the primary key, and nothing is sorted.
fn assert_searched(reader: &Reader<'_>, parts: &[super::Range], order: Order) {
    for part in parts {
        let sql = reader.table.walks.sql(part, order == Order::Backward);
        let sql = format!("EXPLAIN QUERY PLAN {sql}");
        let mut statement = reader.conn.prepare_cached(&sql).unwrap();
        let plan: Vec<String> = statement
            .query_map(params_from_iter(part.bound()), |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let [line] = plan.as_slice() else {
            panic!("{sql}: {plan:?}")
        };
        assert!(
            line.contains("SEARCH") && line.contains("USING PRIMARY KEY"),
            "{sql}: {plan:?}"
        );
    }
}

fn ranges() -> impl Strategy<Value = Vec<(i8, Start, bool, usize)>> {
    let start = prop::option::weighted(0.8, (-5_i8..13, any::<bool>()));
    prop::collection::vec((0_i8..3, start, any::<bool>(), 0_usize..20), 1..12)
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    prop::collection::vec(item(), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nullable_places(items in items(), ranges in ranges()) {
        check(|number| (number >= 0).then_some(number / 2), &items, &ranges)?;
    }

    #[test]
    fn descending_texts(items in items(), ranges in ranges()) {
        check(|number| Reverse(format!("{}", i32::from(number) + 7)), &items, &ranges)?;
    }

    #[test]
    fn places_of_several_columns(items in items(), ranges in ranges()) {
        let place = |number: i8| {
            let rest = number.rem_euclid(3);
            (Reverse((rest > 0).then_some(rest)), number.div_euclid(3))
        };
        check(place, &items, &ranges)?;
    }

    #[test]
    fn one_place_without_columns(items in items(), ranges in ranges()) {
        check(|_| (), &items, &ranges)?;
    }
}
