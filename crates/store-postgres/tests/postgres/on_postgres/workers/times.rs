//! Times of one's own, frontiers, names of changes, and what waits for what.

use std::sync::Arc;
use std::time::Duration;

use deltaview_store::{CommitOptions, ErrorKind, Flush, Time};

use super::{apart, has_passed, staged, worker};
use crate::common::{Place, config};
use crate::wire::Wire;
use crate::words::{Words, name};

#[tokio::test]
async fn times_are_given_once_and_frontiers_are_waited_for() {
    let mut words = Words::new();
    let place = Place::new();
    let store = worker(&words, &place, "times a").await;
    let other = worker(&words, &place, "times b").await;
    let change = words.change(["one"]);
    let at = |time: Time| CommitOptions::new().at(time);
    for flush in [Flush::AtEnd, Flush::EachTable] {
        let last = store.time().await.unwrap();
        let first = at(Time::at(last + 10).flush(flush));
        let time = store.commit_with(&change, &first).await.unwrap().time();
        assert_eq!(time, last + 10);
        for past in [time, time - 1, 0, -5] {
            let past = at(Time::at(past).flush(flush));
            let error = other.commit_with(&change, &past).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PastTime, "{error}");
        }
        let ahead = at(Time::at(time + 1).after(time + 1).flush(flush));
        let error = other.commit_with(&change, &ahead).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PastTime, "{error}");
        // Nobody has come that far yet.
        let behind = at(Time::at(time + 2).after(time + 1).flush(flush));
        let soon = behind.clone().within(Duration::from_millis(20));
        let error = other.commit_with(&change, &soon).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(
            error.to_string().contains(&(time + 1).to_string()),
            "{error}"
        );
        let (late, early) = tokio::join!(other.commit_with(&change, &behind), async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            store
                .commit_with(&change, &at(Time::at(time + 1).flush(flush)))
                .await
        });
        assert_eq!(early.unwrap().time(), time + 1);
        assert_eq!(late.unwrap().time(), time + 2);
        for _ in 0..3 {
            words.expect(&change);
        }
    }
    let last = at(Time::at(i64::MAX));
    store.commit_with(&change, &last).await.unwrap();
    words.expect(&change);
    for options in [CommitOptions::new(), staged()] {
        let error = store.commit_with(&change, &options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PastTime, "{error}");
    }
    words.assert_same(&store).await;
    words.assert_clean(&place, &["times a", "times b"]).await;
}

#[tokio::test]
async fn one_name_is_one_change() {
    let mut words = Words::new();
    let place = Place::new();
    let store = worker(&words, &place, "name a").await;
    let other = worker(&words, &place, "name b").await;
    for (number, flush) in [Flush::AtEnd, Flush::EachTable].into_iter().enumerate() {
        let change = words.change(["one", "three"]);
        let named = CommitOptions::new()
            .at(flush)
            .change_id(name(&format!("change {number}")));
        let (one, two) = tokio::join!(
            store.commit_with(&change, &named),
            other.commit_with(&change, &named)
        );
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(one.time(), two.time());
        assert!(one.is_known() != two.is_known(), "one of them has made it");
        words.expect(&change);
        let again = other.commit_with(&change, &named).await.unwrap();
        assert_eq!((again.time(), again.is_known()), (one.time(), false));
        // Also inside of a transaction of one's own.
        let inside = named.clone().at(Flush::AtEnd);
        let mut client = place.pool.get().await.unwrap();
        let tx = client.transaction().await.unwrap();
        let again = store.commit_in_with(&tx, &change, &inside).await.unwrap();
        assert_eq!((again.time(), again.is_known()), (one.time(), false));
        tx.commit().await.unwrap();
    }
    words.assert_same(&store).await;
    words.assert_clean(&place, &["name a", "name b"]).await;
}

#[tokio::test]
async fn what_is_in_flight_is_waited_for_and_named() {
    let mut words = Words::new();
    let place = Place::new();
    let other = worker(&words, &place, "flight b").await;
    let (first, second, third) = (
        words.change(["bad"]),
        words.change(["two", "three"]),
        words.change(["four"]),
    );
    let staged = staged();
    words.hold(true);
    let held = apart(&words, &place, "flight a", ["bad"]);
    has_passed(&place, 1, 1).await;
    // It is not there to be read, and what is stored besides the views is of no one time.
    assert_eq!(other.time().await.unwrap(), 0);
    words.assert_same_but_verify(&other).await;
    let mut fetches = [];
    let error = other.snapshot().await.unwrap().answer(&mut fetches).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Busy);

    let status = other.status().await.unwrap();
    assert_eq!((status.last, status.complete), (1, 0));
    assert_eq!(status.frontiers, [1, 0, 0]);
    let holder = status.in_flight[0].holder.to_string();
    let within = Duration::from_millis(30);
    for flush in [Flush::AtEnd, Flush::EachTable] {
        let options = CommitOptions::new().at(flush).within(within);
        let error = other.commit_with(&second, &options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(error.to_string().contains(&holder), "{error}");
        assert!(error.to_string().contains("for time 1"), "{error}");
        let waited = error.timed_out().unwrap();
        assert!((30..5000).contains(&waited.waited), "{waited:?}");
    }
    let mut client = place.pool.get().await.unwrap();
    let tx = client.transaction().await.unwrap();
    let error = other.commit_in(&tx, &second).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    assert!(error.is_retryable());
    assert!(error.to_string().contains(&holder), "{error}");
    let error = other
        .commit_in_with(&tx, &second, &staged)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("EachTable"), "{error}");
    assert!(error.refusal().is_some());
    tx.commit().await.unwrap();

    // The one with stages that timed out had passed the first of them: so it happens.
    let (held, waited, ()) = tokio::join!(held, other.commit(&third), async {
        words.hold(false);
    });
    assert!(held.unwrap().unwrap().is_known());
    assert!(waited.unwrap().is_known());
    words.expect(&first);
    words.expect(&second);
    words.expect(&third);
    words.assert_same(&other).await;
    words.assert_clean(&place, &["flight a", "flight b"]).await;
}

#[tokio::test]
async fn round_trips_are_few() {
    let words = Words::new();
    let wire = Arc::new(Wire::default());
    let place = Place::with_pool(wire.pool(config(), 1));
    let store = place.connect(&words.graph).await;
    let change = words.change(["one"]);
    // The second time its rows are there, which was not expected: so the third is as all that follow.
    for _ in 0..2 {
        store.commit(&change).await.unwrap();
    }
    wire.round_trips();
    store.commit(&change).await.unwrap();
    let unnamed = wire.round_trips();
    let named = CommitOptions::new().change_id(name("it"));
    store.commit_with(&change, &named).await.unwrap();
    assert_eq!(wire.round_trips(), unnamed, "a name costs none");
    store.commit_with(&change, &staged()).await.unwrap();
    wire.round_trips();
    store.commit_with(&change, &staged()).await.unwrap();
    let stages = words.graph.stage_count();
    let trips = wire.round_trips();
    // To reserve: two. A stage: to read at most twice, to look, to write.
    assert!(trips <= 2 + 4 * stages, "{trips} for {stages} stages");
    assert_eq!(wire.connections(), 1);
}
