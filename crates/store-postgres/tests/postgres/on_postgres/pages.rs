//! Ranges that are longer or shorter than the pages that they are read by.

use std::ops::Bound;

use deltaview::prelude::*;
use futures::TryStreamExt;

use crate::common::Place;

/// The first page of a range with two ends, and of one without.
const PAGES: [i64; 2] = [1024, 32];

fn numbers() -> (Graph, InputHandle<i64>, ViewHandle<i64, i64>) {
    let (graph, (numbers, view)) = Graph::build("numbers", |g| {
        let numbers = g.input::<i64>("numbers");
        let by_itself = Index::new("number", |number: &i64| *number);
        (numbers.handle(), numbers.view_by("view", by_itself))
    })
    .unwrap();
    (graph, numbers, view)
}

#[tokio::test]
async fn ranges_around_the_length_of_a_page_are_whole() {
    let (graph, numbers, view) = numbers();
    let place = Place::new();
    let store = place.connect(&graph).await;
    store
        .change()
        .insert(numbers, 0..3000_i64)
        .commit()
        .await
        .unwrap();
    for length in PAGES.into_iter().flat_map(|page| page - 1..page + 3) {
        let expected: Vec<(i64, Weight)> = (100..100 + length).map(|number| (number, 1)).collect();
        let backward: Vec<(i64, Weight)> = expected.iter().rev().copied().collect();
        // Each twice: what was prepared by the first is used by the second.
        for _ in 0..2 {
            let range = 100..100 + length;
            let rows = store.view(view).range(range.clone()).await.unwrap();
            assert_eq!(rows.try_collect::<Vec<_>>().await.unwrap(), expected);
            let rows = store.view(view).rev().range(range).await.unwrap();
            assert_eq!(rows.try_collect::<Vec<_>>().await.unwrap(), backward);
        }
        let snapshot = store.snapshot().await.unwrap();
        let first = (Bound::Excluded(2999 - length), Bound::Unbounded);
        let rows = snapshot.view(view).range(first).await.unwrap();
        let rows: Vec<(i64, Weight)> = rows.try_collect().await.unwrap();
        assert_eq!(rows.len() as i64, length);
    }
    let all = store.view(view).iter().await.unwrap();
    assert_eq!(all.try_collect::<Vec<_>>().await.unwrap().len(), 3000);
}

#[tokio::test]
async fn all_pages_are_of_one_state() {
    let (graph, numbers, view) = numbers();
    let place = Place::new();
    let store = place.connect(&graph).await;
    let before: Vec<i64> = (0..6000).map(|number| number * 2).collect();
    let change = store.change().insert(numbers, before.iter().copied());
    change.commit().await.unwrap();
    for _ in 0..2 {
        let mut bounded = store.view(view).range(0..20_000).await.unwrap();
        let mut all = store.view(view).iter().await.unwrap();
        assert_eq!(bounded.next().await.unwrap().unwrap(), (0, 1));
        assert_eq!(all.next().await.unwrap().unwrap(), (0, 1));
        // What is before the next page grows and shrinks.
        let odd = [1, 3, 5, 7];
        let change = store.change().insert(numbers, odd).remove(numbers, [0, 2]);
        change.commit().await.unwrap();
        for rows in [bounded, all] {
            let rows: Vec<(i64, Weight)> = rows.try_collect().await.unwrap();
            assert!(rows.iter().map(|row| row.0).eq(before[1..].iter().copied()));
        }
        let change = store.change().insert(numbers, [0, 2]).remove(numbers, odd);
        change.commit().await.unwrap();
    }
}
