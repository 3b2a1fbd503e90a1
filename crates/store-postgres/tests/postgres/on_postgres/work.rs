//! How much is done: round trips on the wire, plans of the statements, large changes and large rows.

use std::sync::Arc;

use deltaview::prelude::*;
use deltaview_store::CommitOptions;
use futures::TryStreamExt;

use crate::common::{Place, config};
use crate::shop::{Line, Product, Shop};
use crate::wire::Wire;

/// A shop with so many products, each in a basket.
async fn filled(shop: &Shop, place: &Place, products: u32) {
    let store = place.connect(&shop.graph).await;
    let name = |i: u32| format!("product {i}");
    let change = shop
        .graph
        .change()
        .insert(
            shop.products,
            (0..products).map(|i| Product {
                name: name(i),
                price: 1,
            }),
        )
        .insert(
            shop.lines,
            (0..products).map(|i| Line {
                basket: i,
                product: name(i),
                quantity: 1,
                note: (i % 2 == 0).then(|| name(i)),
            }),
        );
    store.commit(&change).await.unwrap();
}

#[tokio::test]
async fn round_trips_are_bounded_by_the_graph_and_not_by_the_rows() {
    let shop = Shop::new();
    let wire = Arc::new(Wire::default());
    let place = Place::with_pool(wire.pool(config(), 1));
    filled(&shop, &place, 2000).await;
    let store = place.connect(&shop.graph).await;
    let mut counted = Vec::new();
    for rows in [1_u32, 1000] {
        wire.round_trips();
        let mut change = shop.graph.change();
        for i in 0..rows {
            change = change.update(shop.products, format!("product {i}"), |product| {
                product.price += 1;
            });
        }
        let committed = store.commit(&change).await.unwrap();
        assert!(committed.rows_written() >= 3 * rows as usize);
        counted.push(wire.round_trips());
    }
    // Those of the table, the join and the groups; the writes, with the commit.
    assert_eq!(counted, [4, 4]);

    wire.round_trips();
    store.change().commit().await.unwrap();
    assert_eq!(
        wire.round_trips(),
        2,
        "beginning and writing is one, committing another"
    );
    store.view(shop.totals).get(&7).await.unwrap();
    assert_eq!(wire.round_trips(), 1);
    let snapshot = store.snapshot().await.unwrap();
    assert_eq!(wire.round_trips(), 1);
    snapshot.view(shop.totals).range(3..5).await.unwrap();
    assert_eq!(wire.round_trips(), 1);
    drop(snapshot);
    store.view(shop.totals).range(3..5).await.unwrap();
    // What was dropped before goes along.
    assert_eq!(wire.round_trips(), 1);
    let rows = store.view(shop.totals).keys([5, 3, 5, 4000]).await.unwrap();
    let rows: Vec<_> = rows.map_ok(|(row, _)| row.key).try_collect().await.unwrap();
    assert_eq!(rows, [5, 3, 5]);
    assert_eq!(wire.connections(), 1);
}

/// Rows that nobody has looked for are taken to be new. Where some are not, the change is made again, and for a while
/// nothing is taken to be so.
#[tokio::test]
async fn rows_that_come_again_are_added_to_the_others() {
    let (graph, (words, all)) = Graph::build("again", |g| {
        let words = g.input::<String>("words");
        let by_length = Index::new("length", |word: &String| word.len() as i64);
        (words.handle(), words.view_by("all", by_length))
    })
    .unwrap();
    let wire = Arc::new(Wire::default());
    let place = Place::with_pool(wire.pool(config(), 1));
    let store = place.connect(&graph).await;
    let word = || ["a word that is longer than sixteen bytes".to_string()];
    let mut counted = Vec::new();
    for times in 1..=4 {
        wire.round_trips();
        store.change().insert(words, word()).commit().await.unwrap();
        counted.push(wire.round_trips());
        let rows = store.view(all).iter().await.unwrap();
        let rows: Vec<_> = rows.try_collect().await.unwrap();
        assert_eq!(rows, [(word()[0].clone(), times)]);
    }
    let [first, again, third, fourth] = counted[..] else {
        unreachable!("four changes");
    };
    assert!(again > first, "{counted:?}");
    assert_eq!((third, fourth), (first, first), "{counted:?}");
    // From below zero to zero: no row is left.
    let weighted = |weight| deltaview::ZSet::from_pairs([(word()[0].clone(), weight)]).unwrap();
    for (weight, rows) in [(-4, 0), (-2, 1), (2, 0)] {
        store
            .change()
            .add(words, weighted(weight))
            .commit()
            .await
            .unwrap();
        let table = "SELECT count(*) FROM again__all__view";
        assert_eq!(place.number(table).await, rows);
    }
}

#[tokio::test]
async fn statements_are_prepared_unless_that_is_turned_off() {
    for prepare in [true, false] {
        let mut shop = Shop::new();
        let place = Place::new();
        let store = place
            .options()
            .prepare(prepare)
            .connect(place.pool.clone(), &shop.graph)
            .await
            .unwrap();
        for number in 0..3 {
            let change = shop.change(number);
            store.commit(&change).await.unwrap();
            shop.expect(&change);
        }
        shop.assert_same(&store).await;
        store.view(shop.totals).get(&0).await.unwrap();
        let prepared = "SELECT count(*) FROM pg_prepared_statements";
        let client = store.pool().get().await.unwrap();
        let count: i64 = client.query_typed_one(prepared, &[]).await.unwrap().get(0);
        assert_eq!(count > 0, prepare, "{count}");
    }
}

#[tokio::test]
async fn views_are_read_side_by_side_in_one_snapshot() {
    let mut shop = Shop::new();
    let place = Place::new();
    let store = place.connect(&shop.graph).await;
    for number in 0..3 {
        let change = shop.change(number);
        store.commit(&change).await.unwrap();
        shop.expect(&change);
    }
    let snapshot = store.snapshot().await.unwrap();
    store.commit(&shop.change(3)).await.unwrap();
    assert_eq!(snapshot.time(), 3);
    let mut totals = snapshot.view(shop.totals).iter().await.unwrap();
    let mut back = snapshot.view(shop.totals).rev().iter().await.unwrap();
    let expected: Vec<_> = shop
        .oracle
        .view(shop.totals)
        .iter()
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for i in 0..expected.len() {
        assert_eq!(totals.next().await.unwrap().unwrap(), expected[i]);
        assert_eq!(
            back.next().await.unwrap().unwrap(),
            expected[expected.len() - 1 - i]
        );
    }
    assert!(totals.next().await.is_none());
    assert!(totals.next().await.is_none());
    assert_eq!(
        snapshot.view(shop.totals).get(&0).await.unwrap(),
        Some(expected[0].0)
    );
    assert_eq!(store.time().await.unwrap(), 4);
}

#[tokio::test]
async fn a_change_of_many_rows_is_made_at_once() {
    const ROWS: u32 = 200_000;
    let (graph, (numbers, counts, all)) = Graph::build("large", |g| {
        let numbers = g.input::<(u32, Option<String>)>("numbers");
        let by_rest = Index::new("rest", |row: &(u32, Option<String>)| row.0 % 1000);
        let by_number = Index::new("number", |row: &(u32, Option<String>)| row.0);
        (
            numbers.handle(),
            numbers.group_by(by_rest).count().view("counts"),
            numbers.view_by("all", by_number),
        )
    })
    .unwrap();
    let place = Place::new();
    let store = place.connect(&graph).await;
    let rows = || (0..ROWS).map(|i| (i, (i % 3 == 0).then(|| "a text of some length".repeat(2))));
    store
        .change()
        .insert(numbers, rows())
        .commit()
        .await
        .unwrap();
    assert_eq!(
        store.view(counts).get(&999).await.unwrap(),
        Some(Keyed::new(999, 200))
    );
    let mut read = store.view(all).iter().await.unwrap();
    let mut next = 0;
    while let Some(row) = read.next().await {
        assert_eq!(row.unwrap().0.0, next);
        next += 1;
    }
    assert_eq!(next, ROWS);
    store
        .change()
        .remove(numbers, rows())
        .commit()
        .await
        .unwrap();
    assert_eq!(
        place.number("SELECT count(*) FROM large__all__view").await,
        0
    );
    assert!(
        store
            .view(counts)
            .iter()
            .await
            .unwrap()
            .into_zset()
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_row_of_ten_megabytes_is_a_row() {
    let (graph, (texts, view)) = Graph::build("wide", |g| {
        let texts = g.input::<(u32, String)>("texts");
        let by_number = Index::new("number", |row: &(u32, String)| row.0);
        (texts.handle(), texts.view_by("view", by_number))
    })
    .unwrap();
    let place = Place::new();
    let store = place.connect(&graph).await;
    let row = |number: u32| (number, format!("{number}").repeat(10_000_000));
    store
        .change()
        .insert(texts, (1..4).map(row))
        .commit()
        .await
        .unwrap();
    let mut rows = store.view(view).iter().await.unwrap();
    for number in 1..4 {
        assert!(rows.next().await.unwrap().unwrap() == (row(number), 1));
    }
    store
        .change()
        .remove(texts, [row(2)])
        .commit()
        .await
        .unwrap();
    assert_eq!(store.view(view).get(&2).await.unwrap(), None);
}

#[tokio::test]
async fn a_key_that_no_index_holds_is_told() {
    let (graph, texts) = Graph::build("long", |g| {
        let texts = g.table("texts", Index::new("text", |row: &String| row.clone()));
        texts.handle()
    })
    .unwrap();
    let place = Place::new();
    let store = place.connect(&graph).await;
    // Not one that Postgres makes small enough.
    let mut state = 1_u32;
    let letters = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from_u32(0x4e00 + (state >> 8) % 20_000).unwrap()
    });
    let long: String = letters.take(10_000).collect();
    let error = store
        .change()
        .insert(texts, [long])
        .commit()
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        deltaview_store::ErrorKind::UnsupportedKey,
        "{error}"
    );
}

#[tokio::test]
async fn two_processes_may_connect_and_commit_at_once() {
    let mut shop = Shop::new();
    let place = Place::new();
    let connected = futures::future::join_all((0..6).map(|_| place.try_connect(&shop.graph))).await;
    let stores: Vec<_> = connected.into_iter().map(Result::unwrap).collect();
    let changes: Vec<_> = (0..6)
        .map(|i| {
            shop.graph.change().insert(
                shop.lines,
                [Line {
                    basket: i,
                    product: "tv".to_string(),
                    quantity: 1,
                    note: None,
                }],
            )
        })
        .collect();
    let commits = stores
        .iter()
        .zip(&changes)
        .map(|(store, change)| store.commit(change));
    let mut times: Vec<i64> = futures::future::join_all(commits)
        .await
        .into_iter()
        .map(|committed| committed.unwrap().time())
        .collect();
    times.sort_unstable();
    assert_eq!(times, [1, 2, 3, 4, 5, 6]);
    for change in &changes {
        shop.expect(change);
    }
    shop.assert_same(&stores[0]).await;
}

#[test]
fn futures_can_be_sent_between_threads() {
    fn is_send<F: Send>(_: &F) {}
    let build = |store: &deltaview_store_postgres::PostgresStore, shop: &Shop| {
        let change = shop.graph.change();
        is_send(&store.commit(&change));
        is_send(&store.change().commit());
        is_send(&store.commit_with(&change, &CommitOptions::new()));
        is_send(&store.status());
        is_send(&store.resume());
        is_send(&store.abandon(1));
        is_send(&store.snapshot_at_rest());
        is_send(&store.time());
        is_send(&store.snapshot());
        is_send(&store.view(shop.totals).iter());
        is_send(&store.view(shop.totals).get(&1));
        is_send(&store.view(shop.totals).keys([1]));
        is_send(&store.view(shop.totals).range(1..));
        is_send(&store.verify(shop.totals));
        is_send(&store.explain(shop.totals, &Keyed::new(1, 1)));
    };
    let _ = build;
    async fn in_transaction(
        store: &deltaview_store_postgres::PostgresStore,
        tx: &deltaview_store_postgres::tokio_postgres::Transaction<'_>,
        change: &deltaview_graph::Change,
    ) {
        is_send(&store.commit_in(tx, change));
    }
    let _ = in_transaction;
}
