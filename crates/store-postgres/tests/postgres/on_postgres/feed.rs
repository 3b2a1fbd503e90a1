//! Following views: the log and its end, leases, notifications, connections that are lost, rights.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use deltaview::prelude::*;
use deltaview_store::ErrorKind;
use deltaview_store_postgres::tokio_postgres::NoTls;
use deltaview_store_postgres::{PostgresStore, Subscription};

use crate::common::{Place, config, pool};
use crate::shop::{Line, Shop};
use crate::wire::Wire;

const LONG: Duration = Duration::from_secs(60);

/// The next delta, which comes.
async fn next<T: deltaview_schema::Row>(
    subscription: &mut Subscription<T>,
) -> deltaview_store::Delta<T> {
    let next = tokio::time::timeout(LONG, subscription.next()).await;
    next.expect("a delta comes").unwrap().unwrap()
}

/// Waits until a query says a number.
async fn until(place: &Place, sql: &str, number: i64) {
    let seen = async {
        while place.number(sql).await != number {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let seen = tokio::time::timeout(LONG, seen).await;
    seen.unwrap_or_else(|_| panic!("{sql} never says {number}"));
}

const LOGGED: &str = "SELECT count(*) FROM deltaview_feed";
const CURSORS: &str = "SELECT count(*) FROM deltaview_cursors";

/// A store that listens, whose connection for it can be told from others by its name.
async fn listening(place: &Place, shop: &Shop) -> (PostgresStore, String) {
    let mut config = config();
    config.application_name(format!("listens {}", place.schema));
    let options = place.options().listen(config, NoTls);
    let store = options.connect(place.pool.clone(), &shop.graph).await;
    let who = format!(
        "FROM pg_stat_activity WHERE application_name = 'listens {}'",
        place.schema
    );
    (store.unwrap(), who)
}

#[tokio::test]
async fn nothing_is_logged_but_what_is_followed_and_not_consumed() {
    let shop = Shop::new();
    let place = Place::new();
    let store = place.connect(&shop.graph).await;
    store.commit(&shop.change(0)).await.unwrap();
    assert_eq!(place.number(LOGGED).await, 0);
    let dropped = store.view(shop.totals).subscribe().await.unwrap();
    let removed = store.view(shop.totals).subscribe().await.unwrap();
    let mut named = store.view(shop.totals).since("mailer").await.unwrap();
    for number in 1..4 {
        store.commit(&shop.change(number)).await.unwrap();
    }
    assert_eq!(place.number(LOGGED).await, 3, "`joined` is not logged");
    drop(dropped);
    until(&place, CURSORS, 2).await;
    removed.remove().await.unwrap();
    for left in [2, 1] {
        next(&mut named).await;
        named.commit().await.unwrap();
        assert_eq!(place.number(LOGGED).await, left);
    }
    named.remove().await.unwrap();
    assert_eq!(place.number(LOGGED).await, 0);
    assert_eq!(place.number(CURSORS).await, 0);
    store.commit(&shop.change(4)).await.unwrap();
    assert_eq!(place.number(LOGGED).await, 0);
}

#[tokio::test]
async fn a_lease_that_is_over_ends_the_log_and_is_told() {
    let shop = Shop::new();
    let place = Place::new();
    let store = place.connect(&shop.graph).await;
    let mut dead = store.view(shop.totals).subscribe().await.unwrap();
    store.commit(&shop.change(0)).await.unwrap();
    place
        .run("UPDATE deltaview_cursors SET until = now() - interval '1 second'")
        .await;
    let mut living = store.view(shop.totals).subscribe().await.unwrap();
    store.commit(&shop.change(1)).await.unwrap();
    store.commit(&shop.change(2)).await.unwrap();
    assert_eq!(place.number(CURSORS).await, 1);
    assert_eq!(place.number(LOGGED).await, 2);
    let error = dead.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lagged, "{error}");
    assert!(dead.next().await.is_none(), "it ends behind the error");
    assert_eq!(next(&mut living).await.time(), 2);
    assert_eq!(next(&mut living).await.time(), 3);
    living.remove().await.unwrap();
    assert_eq!(place.number(LOGGED).await, 0);
}

#[tokio::test]
async fn who_follows_costs_no_round_trip() {
    let shop = Shop::new();
    let wire = Arc::new(Wire::default());
    let place = Place::with_pool(wire.pool(config(), 1));
    let store = place.connect(&shop.graph).await;
    store.commit(&shop.change(0)).await.unwrap();
    wire.round_trips();
    store.commit(&shop.change(1)).await.unwrap();
    let before = wire.round_trips();
    let named = store.view(shop.totals).since("mailer").await.unwrap();
    wire.round_trips();
    store.commit(&shop.change(2)).await.unwrap();
    assert_eq!(wire.round_trips(), before);
    store.change().commit().await.unwrap();
    assert_eq!(
        wire.round_trips(),
        2,
        "beginning and writing is one, committing another"
    );
    drop(named);
}

/// The connection that listens, and those of the pool, are terminated again and again: nothing is missed.
#[tokio::test]
async fn no_change_is_missed_whatever_connections_are_lost() {
    const CHANGES: u32 = 30;
    let shop = Shop::new();
    let writers = Place::new();
    let writer = writers.connect(&shop.graph).await;
    let mut named = config();
    named.application_name(format!("follows {}", writers.schema));
    let place_pool = pool(named.clone(), 2);
    let options = writers.options().listen(named, NoTls);
    let store = options.connect(place_pool, &shop.graph).await.unwrap();
    let subscription = store.view(shop.totals).subscribe().await.unwrap();
    let terminate = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'follows {}'",
        writers.schema
    );
    let reading = tokio::spawn(async move {
        let mut subscription = subscription;
        let mut deltas = Vec::new();
        while deltas.len() < CHANGES as usize {
            deltas.push(next(&mut subscription).await);
        }
        deltas
    });
    let (mut expected, mut terminated) = (Vec::new(), 0);
    for number in 0..CHANGES {
        let committed = writer.commit(&shop.change(number)).await.unwrap();
        expected.push((committed.time(), committed.get(shop.totals).unwrap()));
        if number % 3 == 0 {
            terminated += writers.number(&terminate).await;
        }
    }
    let deltas = reading.await.unwrap();
    let got: Vec<_> = deltas
        .into_iter()
        .map(|delta| (delta.time(), delta.into_rows()))
        .collect();
    assert_eq!(got, expected);
    assert!(terminated > 3, "{terminated} connections were terminated");
}

#[tokio::test]
async fn one_connection_listens_for_all_and_ends_with_the_last() {
    let shop = Shop::new();
    let place = Place::new();
    let (store, who) = listening(&place, &shop).await;
    let listeners = format!("SELECT count(*) {who} AND query LIKE 'LISTEN%'");
    assert_eq!(place.number(&listeners).await, 0);
    let mut one = store.view(shop.totals).subscribe().await.unwrap();
    let mut two = store.view(shop.joined).subscribe().await.unwrap();
    until(&place, &listeners, 1).await;
    store.commit(&shop.change(0)).await.unwrap();
    assert_eq!(next(&mut one).await.time(), 1);
    assert_eq!(next(&mut two).await.time(), 1);
    // It is made again where it is lost.
    let terminated = format!("SELECT count(pg_terminate_backend(pid)) {who}");
    assert_eq!(place.number(&terminated).await, 1);
    store.commit(&shop.change(1)).await.unwrap();
    assert_eq!(next(&mut one).await.time(), 2);
    until(&place, &listeners, 1).await;
    drop(one);
    store.commit(&shop.change(2)).await.unwrap();
    assert_eq!(next(&mut two).await.time(), 2);
    assert_eq!(next(&mut two).await.time(), 3);
    drop(two);
    until(&place, &listeners, 0).await;
}

/// What is notified is the time, whatever the size of the change; and nothing, where nobody follows.
#[tokio::test]
async fn a_notification_has_the_time_and_comes_only_where_somebody_follows() {
    use deltaview_store_postgres::tokio_postgres::AsyncMessage;
    use futures::StreamExt;

    let shop = Shop::new();
    let place = Place::new();
    let store = place.connect(&shop.graph).await;
    let (client, mut connection) = config().connect(NoTls).await.unwrap();
    let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let driven = tokio::spawn(async move {
        let mut messages = futures::stream::poll_fn(move |cx| connection.poll_message(cx));
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(notification) = message {
                heard.send(notification.payload().to_string()).unwrap();
            }
        }
    });
    let channel = format!("deltaview_{:016x}", store.lock_key());
    client
        .batch_execute(&format!("LISTEN \"{channel}\""))
        .await
        .unwrap();
    store.commit(&shop.change(0)).await.unwrap();
    let mut by_note = store.view(shop.by_note).since("notes").await.unwrap();
    let large = (0..5000).map(|i| Line {
        basket: i,
        product: "x".repeat(400),
        quantity: 1,
        note: None,
    });
    let change = shop.graph.change().insert(shop.lines, large);
    let mut other = place.pool.get().await.unwrap();
    let tx = other.transaction().await.unwrap();
    let committed = store.commit_in(&tx, &change).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(hears.recv().await.unwrap(), "2", "the first was of nobody");
    assert!(place.number(LOGGED).await > 4, "it is logged in parts");
    let delta = next(&mut by_note).await;
    assert!(*delta.rows() == committed.get(shop.by_note).unwrap());
    by_note.remove().await.unwrap();
    drop(client);
    driven.abort();
}

#[tokio::test]
async fn a_change_in_the_callers_transaction_is_told_when_that_commits() {
    let shop = Shop::new();
    let place = Place::new();
    let (store, _) = listening(&place, &shop).await;
    let mut subscription = store.view(shop.totals).subscribe().await.unwrap();
    let mut client = place.pool.get().await.unwrap();
    let tx = client.transaction().await.unwrap();
    store.commit_in(&tx, &shop.change(0)).await.unwrap();
    tx.rollback().await.unwrap();
    let tx = client.transaction().await.unwrap();
    let committed = store.commit_in(&tx, &shop.change(1)).await;
    // There is no product 0 to change.
    committed.unwrap_err();
    let committed = store.commit_in(&tx, &shop.change(0)).await.unwrap();
    tx.commit().await.unwrap();
    let delta = next(&mut subscription).await;
    assert_eq!(delta.time(), committed.time());
    assert_eq!(*delta.rows(), committed.get(shop.totals).unwrap());
}

/// A transaction that sees an older state does not see who follows since: it can't commit a change behind them.
#[tokio::test]
async fn a_transaction_that_is_older_than_a_follower_is_a_conflict() {
    let shop = Shop::new();
    let place = Place::new();
    let store = place.connect(&shop.graph).await;
    let mut client = place.pool.get().await.unwrap();
    let tx = client
        .build_transaction()
        .isolation_level(deltaview_store_postgres::tokio_postgres::IsolationLevel::RepeatableRead)
        .start()
        .await
        .unwrap();
    tx.query("SELECT 1", &[]).await.unwrap();
    let mut subscription = store.view(shop.totals).subscribe().await.unwrap();
    let error = store.commit_in(&tx, &shop.change(0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    drop(tx);
    store.commit(&shop.change(0)).await.unwrap();
    assert_eq!(next(&mut subscription).await.time(), 1);
}

#[tokio::test]
async fn who_may_only_read_waits_and_does_not_follow() {
    let shop = Shop::new();
    let place = Place::new();
    let store = place.connect(&shop.graph).await;
    let reader = place.options();
    let reader = reader
        .connect_read_only(place.pool.clone(), &shop.graph)
        .await
        .unwrap();
    let error = reader.view(shop.totals).subscribe().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
    assert!(error.to_string().contains("`totals`"), "{error}");
    let error = reader.wait_for(1, Duration::from_millis(20)).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    let change = shop.change(0);
    let (waited, committed) = tokio::join!(reader.wait_for(1, LONG), store.commit(&change));
    waited.unwrap();
    assert_eq!(committed.unwrap().time(), 1);

    // The same, where the server says so.
    let role = format!("role of {}", place.schema);
    let schema = &place.schema;
    place
        .run(&format!(
            "CREATE ROLE \"{role}\" LOGIN; GRANT USAGE ON SCHEMA \"{schema}\" TO \"{role}\"; \
             GRANT SELECT ON ALL TABLES IN SCHEMA \"{schema}\" TO \"{role}\""
        ))
        .await;
    let mut as_role = config();
    as_role.options(format!("-c role={}", role.replace(' ', "\\ ")));
    let store = place.options();
    let store = store
        .connect_existing(pool(as_role, 2), &shop.graph)
        .await
        .unwrap();
    let error = store.view(shop.totals).subscribe().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    drop(store);
    place
        .run(&format!("DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\""))
        .await;
}

/// Many follow and many write at once: each has all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_who_follow_have_all_that_is_committed_by_anybody() {
    const EACH: usize = 15;
    let place = Place::new();
    let (graph, (numbers, view)) = Graph::build("numbers", |g| {
        let numbers = g.input::<i64>("numbers");
        (numbers.handle(), numbers.view("view"))
    })
    .unwrap();
    let store = place.connect(&graph).await;
    let mut following = Vec::new();
    for _ in 0..3 {
        let mut subscription = store.view(view).subscribe().await.unwrap();
        following.push(tokio::spawn(async move {
            let mut seen = BTreeSet::new();
            let mut last = 0;
            while seen.len() < 3 * EACH {
                let delta = next(&mut subscription).await;
                assert!(delta.time() > last);
                last = delta.time();
                seen.extend(delta.rows().iter().map(|(number, _)| *number));
            }
            seen
        }));
    }
    let writing = (0..3_i64).map(|writer| {
        let (store, graph) = (store.clone(), graph.clone());
        tokio::spawn(async move {
            for number in 0..EACH as i64 {
                let change = graph.change().insert(numbers, [writer * 1000 + number]);
                store.commit(&change).await.unwrap();
            }
        })
    });
    for writer in writing.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    for follower in following {
        assert_eq!(follower.await.unwrap().len(), 3 * EACH);
    }
    until(&place, CURSORS, 0).await;
    assert_eq!(place.number(LOGGED).await, 0);
}
