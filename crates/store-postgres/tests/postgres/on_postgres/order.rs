//! What is read in order and by single rows, over random histories: as the memory store has it, whatever the columns of
//! the index are.

use std::cmp::Reverse;
use std::time::Duration;

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

/// Ranges of several shapes, each with more bytes than fit a buffer on the way.
#[tokio::test]
async fn large_rows_are_read_in_both_directions_at_once() {
    let (graph, (items, first, greatest)) = Graph::build("wide", |g| {
        let items = g.input::<Item>("items");
        let group = || Index::new("group", |item: &Item| item.0);
        let number = Index::new("number", |item: &Item| item.1);
        (
            items.handle(),
            items
                .group_by(group())
                .first_n(number.clone(), 2)
                .view("first"),
            items.group_by(group()).top_n(number, 3).view("greatest"),
        )
    })
    .unwrap();
    let place = Place::new();
    let store = place.connect(&graph).await;
    let mut oracle = MemoryStore::new(&graph);
    let groups = |number: i8| {
        (0..20_i8).map(move |group| (group, number, format!("{number}").repeat(50_000)))
    };
    for number in 0..6 {
        let change = graph.change().insert(items, groups(number));
        oracle.commit(&change).unwrap();
        let committed = tokio::time::timeout(Duration::from_secs(60), store.commit(&change)).await;
        committed
            .expect("the answers don't wait for each other")
            .unwrap();
    }
    for view in [first, greatest] {
        let rows = store
            .view(view)
            .iter()
            .await
            .unwrap()
            .into_zset()
            .await
            .unwrap();
        assert!(rows == oracle.view(view).iter().unwrap().into_zset().unwrap());
    }
}
