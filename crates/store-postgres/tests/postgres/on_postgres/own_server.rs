//! The server is stopped as a crash would stop it, and started again: between commits, at each place where a commit waits
//! for it, in a transaction of the caller's, while a view is read. `cargo xtask test` knows these tests by the name of
//! this module: each makes a server of its own.

use std::pin::pin;
use std::time::Duration;

use deltaview_graph::Change;
use deltaview_store::ErrorKind;
use deltaview_store_postgres::{PostgresOptions, PostgresStore};

use super::faults::polled;
use crate::common::pool;
use crate::server::OwnServer;
use crate::shop::Shop;

async fn connect(server: &OwnServer, shop: &Shop, size: usize) -> PostgresStore {
    let pool = pool(server.config(), size);
    PostgresStore::connect(pool, &shop.graph).await.unwrap()
}

#[tokio::test]
async fn a_server_that_stops_between_commits_is_made_up_for() {
    let mut server = OwnServer::start_new();
    let mut shop = Shop::new();
    let store = connect(&server, &shop, 3).await;
    for number in 0..4 {
        if number > 0 {
            server.stop();
            server.start();
        }
        // The first request may be any: each of them finds the connections of the pool dead.
        match number {
            1 => shop.assert_same(&store).await,
            2 => assert_eq!(store.time().await.unwrap(), 2),
            _ => {}
        }
        let change = shop.change(number);
        let committed = store.commit(&change).await.unwrap();
        assert_eq!(committed.time(), i64::from(number) + 1);
        shop.expect(&change);
        shop.assert_same(&store).await;
    }
}

/// A commit that a stop meets after so many polls, with a server that is back at once: whether it had ended before.
async fn stopped_and_started(
    server: &mut OwnServer,
    store: &PostgresStore,
    change: &Change,
    polls: usize,
) -> bool {
    let mut commit = pin!(store.commit(change));
    let ended = polled(commit.as_mut(), polls).await;
    let is_ended = ended.is_some();
    server.stop();
    server.start();
    let committed = match ended {
        Some(committed) => committed,
        None => commit.await,
    };
    committed.unwrap();
    is_ended
}

#[tokio::test]
async fn a_server_that_stops_during_a_commit_and_comes_back_is_made_up_for() {
    let mut server = OwnServer::start_new();
    let mut shop = Shop::new();
    let store = connect(&server, &shop, 1).await;
    let mut places = 0;
    for (number, polls) in (0..).zip(1..) {
        let change = shop.change(number);
        let is_ended = stopped_and_started(&mut server, &store, &change, polls).await;
        // Once, however often it was tried.
        assert_eq!(store.time().await.unwrap(), i64::from(number) + 1);
        shop.expect(&change);
        shop.assert_same(&store).await;
        places += 1;
        if is_ended {
            break;
        }
    }
    assert!(places > 3, "there are more places to stop at: {places}");
}

#[tokio::test]
async fn a_server_that_stops_during_a_commit_and_stays_away_is_told() {
    let mut server = OwnServer::start_new();
    let mut shop = Shop::new();
    connect(&server, &shop, 1).await;
    let mut number = 0;
    let mut refused = 0;
    for polls in 1.. {
        let options = PostgresOptions::new().retry_for(Duration::from_millis(20));
        let pool = pool(server.config(), 1);
        let store = options.connect(pool, &shop.graph).await.unwrap();
        let change = shop.change(number);
        let mut commit = pin!(store.commit(&change));
        let ended = polled(commit.as_mut(), polls).await;
        let is_ended = ended.is_some();
        server.stop();
        let outcome = match ended {
            Some(outcome) => outcome,
            None => commit.await,
        };
        server.start();
        let is_committed = store.time().await.unwrap() > i64::from(number);
        match outcome {
            Ok(_) => assert!(is_committed),
            Err(error) if error.kind() == ErrorKind::Disconnected => {
                assert!(!is_committed, "{error}");
                assert!(error.is_retryable());
            }
            // Either may be: one looks.
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Uncertain, "{error}");
                assert!(!error.is_retryable());
            }
        }
        if is_committed {
            shop.expect(&change);
            number += 1;
        } else {
            refused += 1;
        }
        shop.assert_same(&store).await;
        if is_ended {
            break;
        }
    }
    assert!(refused > 2, "there are more places to stop at: {refused}");
}

#[tokio::test]
async fn a_server_that_stops_in_the_callers_transaction_leaves_nothing() {
    let mut server = OwnServer::start_new();
    let mut shop = Shop::new();
    let store = connect(&server, &shop, 2).await;
    let first = shop.change(0);
    store.commit(&first).await.unwrap();
    shop.expect(&first);
    for polls in 1.. {
        let mut client = store.pool().get().await.unwrap();
        let tx = client.transaction().await.unwrap();
        let change = shop.change(1);
        let (is_ended, outcome) = {
            let mut commit = pin!(store.commit_in(&tx, &change));
            let ended = polled(commit.as_mut(), polls).await;
            server.stop();
            match ended {
                Some(outcome) => (true, outcome),
                None => (false, commit.await),
            }
        };
        match outcome {
            // The last answer came before the end.
            Ok(_) => {
                tx.commit().await.unwrap_err();
            }
            Err(error) => {
                assert!(!is_ended, "{error}");
                assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
                assert!(error.is_retryable());
                drop(tx);
            }
        }
        drop(client);
        server.start();
        shop.assert_same(&store).await;
        if is_ended {
            break;
        }
    }
}

#[tokio::test]
async fn a_server_that_stops_while_a_view_is_read_is_told() {
    let mut server = OwnServer::start_new();
    let mut shop = Shop::new();
    let store = connect(&server, &shop, 1).await;
    for number in 0..30 {
        let change = shop.change(number);
        store.commit(&change).await.unwrap();
        shop.expect(&change);
    }
    let mut rows = store.view(shop.by_note).iter().await.unwrap();
    rows.next().await.unwrap().unwrap();
    server.stop();
    let mut seen = 1;
    let error = loop {
        match rows.next().await.unwrap() {
            Ok(_) => seen += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    assert!(seen < 120, "a page is not all");
    assert!(rows.next().await.is_none());
    drop(rows);
    let snapshot_of_none = store.snapshot();
    let waiting = polled(snapshot_of_none, 1).await;
    assert!(waiting.is_none_or(|taken| taken.is_err()));
    server.start();
    shop.assert_same(&store).await;
}
