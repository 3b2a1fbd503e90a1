//! Iterations that fail between their stages: the graph halts, and goes on, or is taken back.

use std::pin::pin;
use std::time::{Duration, Instant};

use deltaview::prelude::*;
use deltaview_graph::Change;
use deltaview_store::protocol::Refusal;
use deltaview_store::{CommitOptions, ErrorKind, Flush};
use deltaview_store_postgres::PostgresStore;

use super::{apart, has_passed, staged, until_passed, worker};
use crate::common::Place;
use crate::words::{Words, name};

/// All tables of the graph as they are, with the times up to which they are written.
async fn tables(words: &Words, place: &Place) -> Vec<String> {
    let client = place.pool.get().await.unwrap();
    let mut tables = Vec::new();
    for table in words.graph.tables() {
        if words.graph.view_of_groups(table.id()).is_some() {
            // In the table of that view.
            continue;
        }
        let name = table.schema().name(Some(63));
        let sql = format!(
            "SELECT COALESCE(string_agg(t::text, ' ' ORDER BY t::text), '') FROM \"{}\".\"{name}\" AS t",
            place.schema
        );
        let rows: String = client.query_one(&sql, &[]).await.unwrap().get(0);
        tables.push(format!("{name}: {rows}"));
    }
    tables
}

/// Halts the graph by a change whose first stage is committed. Returns its time.
async fn halt(words: &Words, store: &PostgresStore) -> i64 {
    words.fail(true);
    let bad = words.change(["bad", "one"]);
    let named = staged().change_id(name("the bad one"));
    let error = store.commit_with(&bad, &named).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tick, "{error}");
    let status = store.status().await.unwrap();
    let (time, halt) = status.halted.expect("it has halted");
    assert!(halt.message.contains("a bad word"), "{halt:?}");
    time
}

async fn is_told(store: &PostgresStore, change: &Change, time: i64) {
    for flush in [Flush::AtEnd, Flush::EachTable] {
        let began = Instant::now();
        let options = CommitOptions::new().at(flush);
        let error = store.commit_with(change, &options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Halted, "{error}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("time {time}")) && text.contains("a bad word"),
            "{text}"
        );
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}

#[tokio::test]
async fn a_failure_in_the_first_stage_or_at_once_leaves_nothing() {
    let mut words = Words::new();
    let place = Place::new();
    let store = worker(&words, &place, "first").await;
    words.fail(true);
    let (bad, good) = (words.change(["bad"]), words.change(["good"]));
    let error = store.commit(&bad).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tick, "{error}");
    // More than fits into the weight of a row that is there.
    store.commit(&good).await.unwrap();
    words.expect(&good);
    let most = words.graph.change().add(
        words.words,
        deltaview_zset::ZSet::from_pairs([("good".to_string(), i64::MAX)]).unwrap(),
    );
    let error = store.commit_with(&most, &staged()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tick, "{error}");
    assert!(store.status().await.unwrap().in_flight.is_empty());
    for options in [CommitOptions::new(), staged(), CommitOptions::new()] {
        store.commit_with(&good, &options).await.unwrap();
        words.expect(&good);
    }
    // The time that was abandoned does not keep anybody from a transaction of one's own.
    store.commit_with(&most, &staged()).await.unwrap_err();
    let mut client = place.pool.get().await.unwrap();
    let tx = client.transaction().await.unwrap();
    store.commit_in(&tx, &good).await.unwrap();
    tx.commit().await.unwrap();
    words.expect(&good);
    words.assert_same(&store).await;
    words.assert_clean(&place, &["first"]).await;
}

#[tokio::test]
async fn what_has_halted_is_resumed() {
    let mut words = Words::new();
    let place = Place::new();
    let store = worker(&words, &place, "resume a").await;
    let other = worker(&words, &place, "resume b").await;
    assert_eq!(
        store.resume().await.unwrap_err().kind(),
        ErrorKind::NotHalted
    );
    let (bad, good) = (words.change(["bad", "one"]), words.change(["good"]));
    let time = halt(&words, &store).await;
    is_told(&other, &good, time).await;
    let error = other.resume().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tick, "{error}");
    is_told(&store, &good, time).await;
    words.fail(false);
    assert_eq!(other.resume().await.unwrap(), time);
    words.expect(&bad);
    // Whoever made it learns that it has happened.
    let named = staged().change_id(name("the bad one"));
    let again = store.commit_with(&bad, &named).await.unwrap();
    assert_eq!((again.time(), again.is_known()), (time, false));
    store.commit(&good).await.unwrap();
    words.expect(&good);
    words.assert_same(&other).await;
    words.assert_clean(&place, &["resume a", "resume b"]).await;
}

#[tokio::test]
async fn what_is_abandoned_has_never_been() {
    let mut words = Words::new();
    let place = Place::new();
    let store = worker(&words, &place, "abandon a").await;
    let other = worker(&words, &place, "abandon b").await;
    let first = words.change(["one", "two", "bad", "three"]);
    store.commit(&first).await.unwrap();
    words.expect(&first);
    let before = tables(&words, &place).await;
    let time = halt(&words, &store).await;
    assert_ne!(tables(&words, &place).await, before);
    let error = other.abandon(time + 1).await.unwrap_err();
    assert!(
        matches!(error.refusal(), Some(Refusal::NotInFlight { .. })),
        "{error}"
    );
    other.abandon(time).await.unwrap();
    assert_eq!(tables(&words, &place).await, before);
    words.fail(false);
    words.assert_same(&store).await;
    words
        .assert_clean(&place, &["abandon a", "abandon b"])
        .await;
    let good = words.change(["good"]);
    store.commit_with(&good, &staged()).await.unwrap();
    words.expect(&good);
    words.assert_same(&other).await;
}

#[tokio::test]
async fn later_changes_that_had_gone_ahead_are_made_again() {
    let mut words = Words::new();
    let place = Place::new();
    let two = worker(&words, &place, "ahead b").await;
    let three = worker(&words, &place, "ahead c").await;
    words.fail(true);
    words.hold(true);
    let (later, last) = (words.change(["one", "four"]), words.change(["five"]));
    let first = apart(&words, &place, "ahead a", ["bad", "one"]);
    has_passed(&place, 1, 1).await;
    // It goes ahead into the first stage, and waits before the second one.
    let second = tokio::spawn({
        let (two, later) = (two.clone(), words.change(["one", "four"]));
        async move { two.commit_with(&later, &staged()).await }
    });
    has_passed(&place, 2, 1).await;
    let error = three.abandon(1).await.unwrap_err();
    assert!(
        matches!(error.refusal(), Some(Refusal::Alive(_))),
        "{error}"
    );
    words.hold(false);
    let error = first.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tick, "{error}");
    // Who waits is told at once: it had passed a stage, so it is left to others.
    let error = second.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Halted, "{error}");
    three.abandon(1).await.unwrap();
    // Who comes next makes it.
    three.commit_with(&last, &staged()).await.unwrap();
    words.expect(&later);
    words.expect(&last);
    words.assert_same(&two).await;
    words
        .assert_clean(&place, &["ahead a", "ahead b", "ahead c"])
        .await;
}

#[tokio::test]
async fn a_change_that_is_taken_back_under_its_worker_is_made_again_by_it() {
    let mut words = Words::new();
    let place = Place::new();
    let one = worker(&words, &place, "back a").await;
    let three = worker(&words, &place, "back c").await;
    let (dead, later) = (words.change(["dead", "one"]), words.change(["one", "bad"]));
    {
        let staged = staged();
        let mut first = pin!(one.commit_with(&dead, &staged));
        until_passed(first.as_mut(), &place, 1, 2).await;
    }
    // The first one is dead. The second one is in the second stage, alive and held.
    words.hold(true);
    let second = apart(&words, &place, "back b", ["one", "bad"]);
    has_passed(&place, 2, 1).await;
    let mut attempts = 0;
    while let Err(error) = three.abandon(1).await {
        assert!(
            matches!(error.refusal(), Some(Refusal::Alive(_))),
            "{error}"
        );
        attempts += 1;
        assert!(attempts < 1000, "its session does not end");
    }
    let passed = "SELECT passed FROM deltaview_times WHERE t = 2";
    assert_eq!(place.number(passed).await, 0);
    words.hold(false);
    let committed = second.await.unwrap().unwrap();
    assert_eq!((committed.time(), committed.is_known()), (2, true));
    words.expect(&later);
    words.assert_same(&three).await;
    words
        .assert_clean(&place, &["back a", "back b", "back c"])
        .await;
}
