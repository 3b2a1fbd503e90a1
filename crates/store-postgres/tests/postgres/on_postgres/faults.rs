//! What goes wrong, and what is left: futures that are dropped, connections that are lost, time-outs, missing rights.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use deltaview::prelude::*;
use deltaview_store::{CommitOptions, ErrorKind, Flush};
use deltaview_store_postgres::deadpool_postgres::{Hook, Manager, Pool, Runtime, Timeouts};
use deltaview_store_postgres::tokio_postgres::NoTls;

use crate::common::{Place, config, pool};
use crate::shop::Shop;
use crate::wire::{Loss, Wire};

/// Polls a future so many times, and then drops it; or says what it came to.
pub(crate) async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

#[tokio::test]
async fn a_commit_that_is_dropped_anywhere_is_whole_or_nothing() {
    let mut shop = Shop::new();
    let place = Place::with_pool(pool(config(), 1));
    let store = place.connect(&shop.graph).await;
    let (mut number, mut taken_back) = (0, 0);
    for polls in 1.. {
        let change = shop.change(number);
        let ended = polled(store.commit(&change), polls).await;
        let is_ended = ended.is_some();
        if let Some(ended) = ended {
            ended.unwrap();
        }
        // The only connection of the pool is free and clean.
        if store.time().await.unwrap() > i64::from(number) {
            shop.expect(&change);
            number += 1;
        } else {
            assert!(!is_ended);
            taken_back += 1;
        }
        shop.assert_same(&store).await;
        if is_ended {
            break;
        }
    }
    assert!(
        taken_back > 2,
        "there are more places to drop it at: {taken_back}"
    );
}

#[tokio::test]
async fn a_commit_in_the_callers_transaction_that_is_dropped_leaves_it_usable() {
    let mut shop = Shop::new();
    let place = Place::new();
    let store = place.connect(&shop.graph).await;
    place.run("CREATE TABLE log (line text)").await;
    let insert = format!("INSERT INTO \"{}\".log VALUES ('a')", place.schema);
    let (mut number, mut rows) = (0, 0);
    let mut client = place.pool.get().await.unwrap();
    for polls in 1.. {
        let change = shop.change(number);
        let tx = client.transaction().await.unwrap();
        tx.batch_execute(&insert).await.unwrap();
        let is_ended = polled(store.commit_in(&tx, &change), polls).await.is_some();
        tx.batch_execute(&insert).await.unwrap();
        tx.commit().await.unwrap();
        rows += 2;
        assert_eq!(place.number("SELECT count(*) FROM log").await, rows);
        if store.time().await.unwrap() > i64::from(number) {
            shop.expect(&change);
            number += 1;
        } else {
            assert!(!is_ended);
        }
        shop.assert_same(&store).await;
        if is_ended {
            break;
        }
    }
}

#[tokio::test]
async fn a_read_that_is_dropped_leaves_its_connection_clean() {
    let shop = Shop::new();
    let place = Place::with_pool(pool(config(), 1));
    let store = place.connect(&shop.graph).await;
    store.commit(&shop.change(0)).await.unwrap();
    for polls in 1.. {
        let ended = polled(store.view(shop.joined).iter(), polls).await;
        let is_ended = ended.is_some();
        if let Some(rows) = ended {
            rows.unwrap().next().await.unwrap().unwrap();
        }
        let in_transaction = place
            .number("SELECT count(*) FROM pg_cursors WHERE name LIKE 'deltaview%'")
            .await;
        assert_eq!(in_transaction, 0);
        if is_ended {
            break;
        }
    }
    store.commit(&shop.change(1)).await.unwrap();
}

/// A pool whose connections can be told from others, and terminated.
pub(crate) fn named_pool(name: &str, size: usize) -> Pool {
    let mut config = config();
    config.application_name(name);
    pool(config, size)
}

#[tokio::test]
async fn a_backend_that_is_terminated_anywhere_is_made_up_for() {
    let mut shop = Shop::new();
    let place = Place::new();
    place.connect(&shop.graph).await;
    let name = place.schema.clone();
    let pool = named_pool(&name, 1);
    let store = place.options().connect(pool, &shop.graph).await.unwrap();
    let terminate = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '{name}'"
    );
    let mut number = 0;
    for polls in 1..60 {
        let change = shop.change(number);
        let commit = store.commit(&change);
        let mut commit = pin!(commit);
        let ended = polled(commit.as_mut(), polls).await;
        let is_ended = ended.is_some();
        place.number(&terminate).await;
        let committed = match ended {
            Some(committed) => committed,
            None => commit.await,
        };
        assert_eq!(committed.unwrap().time(), i64::from(number) + 1);
        shop.expect(&change);
        number += 1;
        if is_ended {
            break;
        }
    }
    assert!(number > 3, "there are more places to terminate it at");
    // The last termination may have hit a connection of the pool that nobody used.
    shop.assert_same(&place.connect(&shop.graph).await).await;
}

#[tokio::test]
async fn a_backend_that_is_terminated_in_the_callers_transaction_is_told() {
    let shop = Shop::new();
    let place = Place::new();
    let store = place.connect(&shop.graph).await;
    let mut client = place.pool.get().await.unwrap();
    let tx = client.transaction().await.unwrap();
    let row = tx.query_one("SELECT pg_backend_pid()", &[]).await.unwrap();
    let backend: i32 = row.get(0);
    place
        .number(&format!("SELECT count(pg_terminate_backend({backend}))"))
        .await;
    let error = store.commit_in(&tx, &shop.change(0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    assert!(error.is_retryable());
    drop(tx);
    drop(client);
    assert_eq!(store.time().await.unwrap(), 0);
}

#[tokio::test]
async fn a_commit_whose_connection_is_lost_ends_in_certainty() {
    let mut shop = Shop::new();
    let wire = Arc::new(Wire::default());
    let place = Place::with_pool(wire.pool(config(), 1));
    let store = place.connect(&shop.graph).await;
    let losses = [
        Loss::Answer,
        Loss::Request,
        Loss::RequestInSilence,
        Loss::Answer,
    ];
    for (number, loss) in (0..).zip(losses) {
        let change = shop.change(number);
        wire.lose_next_commit(loss);
        let committed = store.commit(&change).await.unwrap();
        assert!(wire.has_lost());
        assert_eq!(committed.time(), i64::from(number) + 1, "{loss:?}");
        assert!(committed.rows_written() > 0);
        shop.expect(&change);
        shop.assert_same(&store).await;
    }
}

#[tokio::test]
async fn a_lost_commit_is_found_though_others_have_committed_since() {
    let mut shop = Shop::new();
    let wire = Arc::new(Wire::default());
    let place = Place::new();
    place.connect(&shop.graph).await;
    let store = place
        .options()
        .connect(wire.pool(config(), 1), &shop.graph)
        .await
        .unwrap();
    let other = place.connect(&shop.graph).await;
    let (first, second) = (shop.change(0), shop.change(1));
    wire.lose_next_commit(Loss::Answer);
    let (committed, ()) = tokio::join!(store.commit(&first), async {
        while other.time().await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        other.commit(&second).await.unwrap();
    });
    assert_eq!(committed.unwrap().time(), 1);
    shop.expect(&first);
    shop.expect(&second);
    shop.assert_same(&store).await;
}

#[tokio::test]
async fn a_commit_that_nobody_can_ask_about_is_uncertain() {
    let shop = Shop::new();
    let wire = Arc::new(Wire::default());
    let place = Place::new();
    place.connect(&shop.graph).await;
    let options = place.options().retry_for(Duration::from_millis(30));
    let pool = wire.pool(config(), 1);
    let store = options.connect(pool.clone(), &shop.graph).await.unwrap();
    wire.lose_next_commit(Loss::Answer);
    let change = shop.change(0);
    let commit = store.commit(&change);
    let (error, ()) = tokio::join!(commit, async {
        while !wire.has_lost() {
            tokio::task::yield_now().await;
        }
        pool.close();
    });
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Uncertain, "{error}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn an_exhausted_pool_is_busy() {
    let shop = Shop::new();
    let manager = Manager::new(config(), NoTls);
    let pool = Pool::builder(manager)
        .max_size(1)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts::wait_millis(50))
        .build()
        .unwrap();
    let place = Place::with_pool(pool);
    let store = place.connect(&shop.graph).await;
    let held = place.pool.get().await.unwrap();
    let error = store.commit(&shop.change(0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    assert!(error.is_retryable());
    drop(held);
    store.commit(&shop.change(0)).await.unwrap();
}

/// With either flush: who commits at the end waits for the lock itself, who goes stage by stage looks at the ledger first.
#[tokio::test]
async fn the_lock_and_the_pool_are_waited_for_until_the_deadline() {
    let shop = Shop::new();
    let place = Place::new();
    let name = format!("holder {}", place.schema);
    let soon = Duration::from_millis(200);
    place.connect(&shop.graph).await;
    let pool = pool(config(), 1);
    let store = place.options().connect(pool.clone(), &shop.graph).await;
    let store = store.unwrap();
    let holding = named_pool(&name, 1);
    let mut client = holding.get().await.unwrap();
    for flush in [Flush::AtEnd, Flush::EachTable] {
        let options = CommitOptions::new().at(flush).within(soon);
        let tx = client.transaction().await.unwrap();
        let lock = "SELECT pg_advisory_xact_lock($1)";
        tx.execute(lock, &[&store.lock_key()]).await.unwrap();
        let began = Instant::now();
        let error = store
            .commit_with(&shop.change(0), &options)
            .await
            .unwrap_err();
        let took = began.elapsed();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(error.to_string().contains(&name[..20]), "{error}");
        assert!(took >= soon && took < Duration::from_secs(4), "{took:?}");
        // The connection is there again, and readers don't wait.
        assert_eq!(store.time().await.unwrap(), 0);
        tx.rollback().await.unwrap();
        // There is no other connection.
        let held = pool.get().await.unwrap();
        let began = Instant::now();
        let error = store
            .commit_with(&shop.change(0), &options)
            .await
            .unwrap_err();
        let took = began.elapsed();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(error.to_string().contains("the pool"), "{error}");
        assert!(took >= soon && took < Duration::from_secs(4), "{took:?}");
        drop(held);
    }
    assert!(store.status().await.unwrap().in_flight.is_empty());
    store.commit(&shop.change(0)).await.unwrap();
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_a_timeout_and_a_lock_is_busy() {
    let shop = Shop::new();
    let place = Place::new();
    let store = place.connect(&shop.graph).await;
    for (setting, kind) in [
        ("statement_timeout", ErrorKind::Timeout),
        ("lock_timeout", ErrorKind::Busy),
    ] {
        let mut config = config();
        config.options(format!("-c {setting}=50"));
        let hasty = place.options();
        let hasty = hasty.connect(pool(config, 1), &shop.graph).await.unwrap();
        let mut client = place.pool.get().await.unwrap();
        let tx = client.transaction().await.unwrap();
        let lock = "SELECT pg_advisory_xact_lock($1)";
        tx.execute(lock, &[&store.lock_key()]).await.unwrap();
        let error = hasty.commit(&shop.change(0)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.is_retryable());
        // Readers don't wait.
        assert_eq!(
            hasty
                .view(shop.totals)
                .iter()
                .await
                .unwrap()
                .into_zset()
                .await
                .unwrap()
                .len(),
            0
        );
        tx.rollback().await.unwrap();
    }
    store.commit(&shop.change(0)).await.unwrap();
}

#[tokio::test]
async fn the_rights_that_are_missing_are_told() {
    let mut shop = Shop::new();
    let place = Place::new();
    let role = format!("deltaview_test_{}", place.schema.replace(' ', "_"));
    let as_role = |role: String| {
        let set = Hook::async_fn(move |client, _| {
            let sql = format!("SET ROLE \"{role}\"");
            Box::pin(async move {
                client.batch_execute(&sql).await.unwrap();
                Ok(())
            })
        });
        let manager = Manager::new(config(), NoTls);
        Pool::builder(manager)
            .max_size(2)
            .post_create(set)
            .build()
            .unwrap()
    };
    place.run(&format!("CREATE ROLE \"{role}\"")).await;
    let pool = as_role(role.clone());
    let error = place
        .options()
        .connect(pool.clone(), &shop.graph)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");

    let store = place.connect(&shop.graph).await;
    let change = shop.change(0);
    store.commit(&change).await.unwrap();
    shop.expect(&change);
    let schema = &place.schema;
    place
        .run(&format!(
            "GRANT USAGE ON SCHEMA \"{schema}\" TO \"{role}\"; \
             GRANT SELECT ON ALL TABLES IN SCHEMA \"{schema}\" TO \"{role}\""
        ))
        .await;
    let reader = place.options();
    let reader = reader
        .connect_read_only(pool.clone(), &shop.graph)
        .await
        .unwrap();
    shop.assert_same(&reader).await;
    let error = reader.commit(&shop.change(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
    let writer = place
        .options()
        .connect_existing(pool, &shop.graph)
        .await
        .unwrap();
    let error = writer.commit(&shop.change(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    shop.assert_same(&store).await;
    place
        .run(&format!("DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\""))
        .await;
}

#[tokio::test]
async fn somebody_elses_tables_are_left_alone() {
    let shop = Shop::new();
    let place = Place::new();
    let schema = &place.schema;
    place
        .run(&format!(
            "CREATE SCHEMA \"{schema}\"; CREATE TABLE \"{schema}\".mine (a int); \
             CREATE VIEW \"{schema}\".shop__totals__view AS SELECT 1 AS a"
        ))
        .await;
    let error = place.try_connect(&shop.graph).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}");
    assert!(
        error.to_string().contains("view `shop__totals__view`"),
        "{error}"
    );
    let relations = "SELECT count(*) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = current_schema()";
    assert_eq!(place.number(relations).await, 2, "nothing was created");
    place.run("DROP VIEW shop__totals__view").await;
    let store = place.connect(&shop.graph).await;
    store.commit(&shop.change(0)).await.unwrap();
    assert_eq!(place.number("SELECT count(*) FROM mine").await, 0);
}

#[tokio::test]
async fn text_with_a_nul_is_refused_before_anything_is_written() {
    let shop = Shop::new();
    let place = Place::new();
    let store = place.connect(&shop.graph).await;
    let product = |name: &str| crate::shop::Product {
        name: name.to_string(),
        price: 1,
    };
    let change = shop
        .graph
        .change()
        .insert(shop.products, [product("a"), product("a\0b")]);
    let error = store.commit(&change).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnsupportedKey, "{error}");
    let mut client = place.pool.get().await.unwrap();
    let tx = client.transaction().await.unwrap();
    let error = store.commit_in(&tx, &change).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnsupportedKey, "{error}");
    let good = shop.graph.change().insert(shop.products, [product("a")]);
    store.commit_in(&tx, &good).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.time().await.unwrap(), 1);
}
