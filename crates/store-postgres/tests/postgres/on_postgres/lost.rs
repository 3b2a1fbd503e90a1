//! Connections of a pool that are dead and nobody has noticed, commits that are forgotten, futures that are dropped while
//! they wait for the lock.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use deltaview::prelude::*;
use deltaview_store::{Error, ErrorKind};
use deltaview_store_postgres::tokio_postgres::NoTls;
use deltaview_store_postgres::{PostgresStore, Rows};

use super::faults::named_pool;
use crate::common::{Place, blocking, config};
use crate::shop::Shop;
use crate::wire::{Loss, Wire};

/// A store whose connections have a name, and the place that it is in.
struct Named {
    place: Place,
    store: PostgresStore,
}

impl Named {
    async fn new(shop: &Shop, retry_for: Duration) -> Self {
        let place = Place::new();
        place.connect(&shop.graph).await;
        let pool = named_pool(&place.schema, 3);
        let options = place.options().retry_for(retry_for);
        let store = options.connect(pool, &shop.graph).await.unwrap();
        Self { place, store }
    }

    /// Fills the pool with connections, and ends them at the server.
    async fn end_connections(&self) {
        let pool = self.store.pool();
        let held = tokio::join!(pool.get(), pool.get(), pool.get());
        let backends: i64 = {
            let client = held.0.as_ref().unwrap();
            let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
            let row = client.query_one(count, &[&self.place.schema]).await;
            row.unwrap().get(0)
        };
        assert_eq!(backends, 3);
        drop(held);
        self.end();
    }

    /// Ends all connections at the server. Nothing of this runtime runs before it is done, so that nobody has noticed.
    fn end(&self) {
        let name = self.place.schema.clone();
        let ended = std::thread::spawn(move || {
            blocking().block_on(async {
                let (client, connection) = config().connect(NoTls).await.unwrap();
                tokio::spawn(connection);
                let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
                while !client.query(end, &[&name]).await.unwrap().is_empty() {
                    client.execute("SELECT pg_sleep(0.002)", &[]).await.unwrap();
                }
            });
        });
        ended.join().unwrap();
    }
}

/// So many rows are read.
async fn count<T>(rows: impl Future<Output = Result<Rows<T>, Error>>) -> usize {
    let mut rows = rows.await.unwrap();
    let mut count = 0;
    while let Some(row) = rows.next().await {
        row.unwrap();
        count += 1;
    }
    count
}

#[tokio::test]
async fn reads_by_connections_that_are_dead_are_made_by_others() {
    let mut shop = Shop::new();
    let named = Named::new(&shop, Duration::from_secs(10)).await;
    let store = &named.store;
    let change = shop.change(0);
    store.commit(&change).await.unwrap();
    shop.expect(&change);
    let basket = 0;
    let expected = shop.oracle.view(shop.totals).get(&basket).unwrap();
    let rows = shop.oracle.view(shop.joined).key(&basket).unwrap().count();
    assert!(rows > 0);
    let view = || store.view(shop.joined);

    named.end_connections().await;
    let total = store.view(shop.totals).get(&basket).await.unwrap();
    assert_eq!(total, expected);
    named.end_connections().await;
    assert_eq!(count(view().iter()).await, rows);
    named.end_connections().await;
    assert_eq!(count(view().key(&basket)).await, rows);
    named.end_connections().await;
    assert_eq!(count(view().keys([basket, basket])).await, 2 * rows);
    named.end_connections().await;
    assert_eq!(count(view().range(basket..)).await, rows);
    named.end_connections().await;
    assert_eq!(store.time().await.unwrap(), 1);
    named.end_connections().await;
    shop.assert_same(store).await;
    named.end_connections().await;
    let change = shop.change(1);
    store.commit(&change).await.unwrap();
    shop.expect(&change);
    shop.assert_same(store).await;
}

#[tokio::test]
async fn a_read_that_is_not_tried_again_is_told() {
    let mut shop = Shop::new();
    let named = Named::new(&shop, Duration::ZERO).await;
    let store = &named.store;
    for number in 0..30 {
        let change = shop.change(number);
        store.commit(&change).await.unwrap();
        shop.expect(&change);
    }
    let is_told = |error: Error| {
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
        assert!(error.is_retryable());
    };
    named.end_connections().await;
    is_told(store.view(shop.by_note).iter().await.unwrap_err());
    named.end_connections().await;
    is_told(store.view(shop.totals).get(&0).await.unwrap_err());
    named.end_connections().await;
    is_told(store.time().await.unwrap_err());
    named.end_connections().await;
    is_told(store.snapshot().await.unwrap_err());
}

#[tokio::test]
async fn a_state_that_is_lost_is_not_read_on_from_another() {
    let mut shop = Shop::new();
    let named = Named::new(&shop, Duration::from_secs(10)).await;
    let store = &named.store;
    for number in 0..30 {
        let change = shop.change(number);
        store.commit(&change).await.unwrap();
        shop.expect(&change);
    }
    let snapshot = store.snapshot().await.unwrap();
    let mut rows = store.view(shop.by_note).iter().await.unwrap();
    let mut of_snapshot = snapshot.view(shop.by_note).iter().await.unwrap();
    named.end();
    for rows in [&mut rows, &mut of_snapshot] {
        let mut seen = 0;
        let error = loop {
            match rows.next().await.unwrap() {
                Ok(_) => seen += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
        assert!(seen > 0 && seen < 120, "a page was there, and not all");
        assert!(rows.next().await.is_none());
    }
    let again = snapshot.view(shop.totals).get(&0).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Disconnected, "{again}");
    let again = snapshot.view(shop.totals).iter().await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Disconnected, "{again}");
    drop((snapshot, rows, of_snapshot));
    shop.assert_same(store).await;
}

#[tokio::test]
async fn a_commit_that_is_forgotten_is_uncertain() {
    let mut shop = Shop::new();
    let wire = Arc::new(Wire::default());
    let place = Place::new();
    let other = place.connect(&shop.graph).await;
    let pool = wire.pool(config(), 1);
    let store = place.options().connect(pool, &shop.graph).await.unwrap();
    let (first, second) = (shop.change(0), shop.change(1));
    // Nobody can ask before all this has happened.
    let closed = wire.close_gate().await;
    wire.lose_next_commit(Loss::Answer);
    let (outcome, empty) = tokio::join!(store.commit(&first), async {
        while other.time().await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let age = "UPDATE deltaview_commits SET at = at - interval '61 minutes'";
        place.run(age).await;
        other.commit(&second).await.unwrap();
        // One of 64 forgets what is old.
        let first = "SELECT count(*) FROM deltaview_commits WHERE t = 1";
        let mut empty = 0;
        while place.number(first).await > 0 {
            other.change().commit().await.unwrap();
            empty += 1;
        }
        drop(closed);
        empty
    });
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Uncertain, "{error}");
    assert!(!error.is_retryable());
    assert!(error.to_string().contains("iteration 1"), "{error}");
    // It was committed, once.
    shop.expect(&first);
    shop.expect(&second);
    for _ in 0..empty {
        let change = shop.graph.change();
        shop.expect(&change);
    }
    shop.assert_same(&store).await;
    let kept = place.number("SELECT min(t) FROM deltaview_commits").await;
    assert_eq!(kept, 2);
}

#[tokio::test]
async fn a_commit_that_is_dropped_while_it_waits_for_the_lock_is_nothing() {
    let mut shop = Shop::new();
    let named = Named::new(&shop, Duration::from_secs(10)).await;
    let (place, store) = (&named.place, &named.store);
    let mut client = place.pool.get().await.unwrap();
    let tx = client.transaction().await.unwrap();
    let lock = "SELECT pg_advisory_xact_lock($1)";
    tx.execute(lock, &[&store.lock_key()]).await.unwrap();
    let waiting = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{}' AND wait_event = 'advisory'",
        place.schema
    );
    {
        let dropped = shop.change(0);
        let mut commit = pin!(store.commit(&dropped));
        while place.number(&waiting).await == 0 {
            // It sends what it can, and nothing wakes it where it waits.
            assert!(futures::poll!(commit.as_mut()).is_pending());
        }
    }
    // Its connection goes on waiting, and is not given back: there are others for as many readers as the pool is large.
    let pool = store.pool();
    let connections = futures::future::join_all((0..pool.status().max_size).map(|_| pool.get()));
    for connection in connections.await {
        connection
            .unwrap()
            .query_one("SELECT 1", &[])
            .await
            .unwrap();
    }
    assert_eq!(store.time().await.unwrap(), 0);
    assert_eq!(place.number(&waiting).await, 1);
    tx.rollback().await.unwrap();
    let change = shop.change(0);
    assert_eq!(store.commit(&change).await.unwrap().time(), 1);
    shop.expect(&change);
    shop.assert_same(store).await;
    let open = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{}' AND xact_start IS NOT NULL",
        place.schema
    );
    while place.number(&open).await > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
