//! What is read in order and by single rows, over random histories: as the memory store has it, whatever the columns of
//! the index are.

use std::cmp::Reverse;

use deltaview::prelude::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::common::{Place, blocking};

/// A group, a place in it, and what tells the row from others there.
type Item = (i8, i8, String);

fn item() -> impl Strategy<Value = Item> {
    let name = prop_oneof![
        "[ab]",
        Just("a name that is longer than an identity".to_string())
    ];
    (0_i8..3, -4_i8..12, name)
}

/// A composite with an order of its own in each part, and `None` in it.
fn place_of(item: &Item) -> (Option<i64>, Reverse<Option<String>>) {
    let number = i64::from(item.1);
    (
        (number >= 0).then_some(number / 3),
        Reverse((number % 3 != 0).then(|| format!("é{}", number % 3))),
    )
}

#[test]
fn histories_are_those_of_the_memory_store() {
    let group = || Index::new("group", |item: &Item| item.0);
    let place = || Index::declared("place", ["number", "text"], place_of);
    let number = || Index::new("number", |item: &Item| item.1);
    let history = prop::collection::vec(prop::collection::vec((item(), -1_i64..3), 1..12), 1..8);
    let mut runner = TestRunner::new(Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    });
    let runtime = blocking();
    let run = runner.run(&history, |history| {
        let (graph, (items, first, greatest, least, numbered, distinct)) =
            Graph::build("ordered", |g| {
                let items = g.input::<Item>("items");
                let distinct = items.distinct();
                (
                    items.handle(),
                    distinct.group_by(group()).first_n(place(), 2).view("first"),
                    distinct.group_by(group()).top_n(place(), 3).view("greatest"),
                    distinct.group_by(group()).min(number()).view("least"),
                    distinct.group_by(group()).window(place()).row_number().view("numbered"),
                    distinct.view("distinct"),
                )
            })
            .unwrap();
        let database = Place::new();
        let mut oracle = MemoryStore::new(&graph);
        runtime.block_on(async {
            let store = database.connect(&graph).await;
            for rows in &history {
                let mut change = graph.change();
                for (row, weight) in rows {
                    let rows = ZSet::from_pairs([(row.clone(), *weight)]).unwrap();
                    change = change.add(items, rows);
                }
                oracle.commit(&change).unwrap();
                store.commit(&change).await.unwrap();
                macro_rules! compare {
                    ($($view:ident),*) => {$(
                        let rows = store.view($view).iter().await.unwrap().into_zset().await.unwrap();
                        prop_assert_eq!(rows, oracle.view($view).iter().unwrap().into_zset().unwrap());
                    )*};
                }
                compare!(first, greatest, least, numbered, distinct);
            }
            Ok(())
        })
    });
    run.unwrap();
}
