//! Following views of a file: the log and its end, leases, other connections and processes, databases that can't be
//! followed.

use std::time::Duration;

use deltaview_graph::Edit;
use deltaview_store::{ErrorKind, Store};
use deltaview_store_sqlite::rusqlite::Connection;
use deltaview_store_sqlite::{SqliteOptions, SqliteStore, Synchronous};

use crate::common::{Temp, Total, assert_error, item, shop};
use crate::processes::run_again;

const LONG: Duration = Duration::from_secs(60);

fn count(conn: &Connection, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    conn.query_row(&sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn nothing_is_logged_but_what_is_followed_and_not_consumed() {
    let (temp, shop) = (Temp::new(), shop());
    let mut store = SqliteStore::open(temp.db(), &shop.graph).unwrap();
    let conn = temp.connection();
    shop.fill(&mut store);
    assert_eq!(count(&conn, "deltaview_feed"), 0);
    let first = store.view(shop.totals).subscribe().unwrap();
    let second = store.view(shop.totals).subscribe().unwrap();
    assert_eq!(count(&conn, "deltaview_cursors"), 2);
    let mut named = store.view(shop.totals).since("mailer").unwrap();
    for number in 10..13 {
        let change = store.change().insert(shop.items, [item(number, 1, 1)]);
        change.commit().unwrap();
    }
    assert_eq!(
        count(&conn, "deltaview_feed"),
        3,
        "and `sold` is not logged"
    );
    drop(first);
    assert_eq!(count(&conn, "deltaview_feed"), 3);
    second.remove().unwrap();
    for left in [2, 1] {
        named.next_within(LONG).unwrap().unwrap();
        named.commit().unwrap();
        assert_eq!(count(&conn, "deltaview_feed"), left);
    }
    named.remove().unwrap();
    assert_eq!(count(&conn, "deltaview_feed"), 0);
    assert_eq!(count(&conn, "deltaview_cursors"), 0);
    let change = store.change().insert(shop.items, [item(20, 1, 1)]);
    change.commit().unwrap();
    assert_eq!(count(&conn, "deltaview_feed"), 0);
}

/// The clock of leases is set forward by hand.
#[test]
fn a_lease_that_is_over_ends_the_log_and_is_told() {
    let (temp, shop) = (Temp::new(), shop());
    let mut store = SqliteStore::open(temp.db(), &shop.graph).unwrap();
    shop.fill(&mut store);
    let conn = temp.connection();
    let mut dead = store.view(shop.totals).subscribe().unwrap();
    let add = |store: &mut SqliteStore, number| {
        let change = store.change().insert(shop.items, [item(number, 1, 1)]);
        change.commit().unwrap();
    };
    add(&mut store, 10);
    conn.execute("UPDATE deltaview_cursors SET until = 1000", [])
        .unwrap();
    let mut living = store.view(shop.totals).subscribe().unwrap();
    // Begins to sweep up behind the dead one, and logs for the living one.
    add(&mut store, 11);
    assert_eq!(count(&conn, "deltaview_cursors"), 1);
    assert_eq!(count(&conn, "deltaview_feed"), 1);
    let error = dead.next_within(LONG).unwrap_err();
    assert_error(&error, ErrorKind::Lagged, &["`totals`", "lease", "anew"]);
    assert!(!error.is_retryable());
    let ended: Vec<_> = dead.collect();
    assert!(
        matches!(ended.as_slice(), [Err(_)]),
        "it ends behind the error"
    );
    assert!(living.next_within(LONG).unwrap().is_some());
    drop(living);
    assert_eq!(count(&conn, "deltaview_feed"), 0);
}

/// Much is swept up in steps, none of which is long; until then the cursor is there, dead.
#[test]
fn a_long_log_of_nobody_is_deleted_in_steps() {
    let (temp, shop) = (Temp::new(), shop());
    let mut store = SqliteOptions::new()
        .synchronous(Synchronous::Off)
        .open(temp.db(), &shop.graph)
        .unwrap();
    shop.fill(&mut store);
    let conn = temp.connection();
    let dead = store.view(shop.totals).subscribe().unwrap();
    let mut commit = || {
        let change = store.change().insert(shop.items, [item(1, 1, 1)]);
        change.commit().unwrap();
    };
    (0..150).for_each(|_| commit());
    conn.execute("UPDATE deltaview_cursors SET until = 1000", [])
        .unwrap();
    let mut left = vec![count(&conn, "deltaview_feed")];
    while count(&conn, "deltaview_cursors") > 0 {
        commit();
        left.push(count(&conn, "deltaview_feed"));
    }
    assert_eq!(left, [150, 86, 22, 0]);
    drop(dead);
}

#[test]
fn a_lease_is_renewed_while_one_waits() {
    let (temp, shop) = (Temp::new(), shop());
    let mut store = SqliteOptions::new()
        .lease(Duration::from_secs(1))
        .open(temp.db(), &shop.graph)
        .unwrap();
    shop.fill(&mut store);
    let until = |conn: &Connection| -> i64 {
        let sql = "SELECT until FROM deltaview_cursors";
        conn.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let conn = temp.connection();
    let mut subscription = store.view(shop.totals).subscribe().unwrap();
    let before = until(&conn);
    // Longer than the lease.
    let nothing = subscription.next_within(Duration::from_millis(1500));
    assert_eq!(nothing.unwrap(), None);
    assert!(until(&conn) > before + 900);
    let change = store.change().insert(shop.items, [item(10, 1, 1)]);
    change.commit().unwrap();
    assert!(subscription.next_within(LONG).unwrap().is_some());
}

/// A process that is told what the other one commits, and another one that commits; each is the same test.
#[test]
fn what_another_process_commits_is_told() {
    const PATH: &str = "DELTAVIEW_TEST_FEED";
    const CHANGES: u64 = 60;
    let shop = shop();
    if let Some(path) = std::env::var_os(PATH) {
        let mut store = SqliteStore::open_existing(path, &shop.graph).unwrap();
        for number in 0..CHANGES {
            let change = store
                .change()
                .insert(shop.items, [item(100 + number, 1, 1)]);
            change.commit().unwrap();
        }
        return;
    }
    let temp = Temp::new();
    let mut store = SqliteStore::open(temp.db(), &shop.graph).unwrap();
    shop.fill(&mut store);
    let subscription = store.view(shop.totals).subscribe().unwrap();
    let path = temp.db().into_os_string();
    let child = run_again(
        "feed::what_another_process_commits_is_told",
        &[(PATH, &path)],
    );
    let mut last = 21;
    for (delta, time) in subscription.zip(2..).take(CHANGES as usize) {
        let delta = delta.unwrap();
        assert_eq!(delta.time(), time);
        assert_eq!(delta.rows().weight(&Total::new(1, last)), -1);
        last += 3;
        assert_eq!(delta.rows().weight(&Total::new(1, last)), 1);
    }
    assert!(child.wait_with_output().unwrap().status.success());
    let conn = temp.connection();
    assert_eq!(count(&conn, "deltaview_feed"), 0);
}

/// A time is waited for while another connection commits; and by a store that only reads.
#[test]
fn a_store_that_reads_waits_for_a_time() {
    let (temp, shop) = (Temp::new(), shop());
    let mut store = SqliteStore::open(temp.db(), &shop.graph).unwrap();
    shop.fill(&mut store);
    let reader = SqliteStore::open_read_only(temp.db(), &shop.graph).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..5 {
                let change = store.change().insert(shop.items, [item(number, 2, 1)]);
                change.commit().unwrap();
            }
        });
        reader.wait_for(6, LONG).unwrap();
        assert_eq!(shop.totals_of(&reader)[1], (2, 45));
    });
    let error = reader.view(shop.totals).subscribe().unwrap_err();
    assert_error(&error, ErrorKind::ReadOnly, &["`totals`", "open_existing"]);
}

#[test]
fn a_database_in_memory_can_not_be_followed() {
    let shop = shop();
    let conn = Connection::open_in_memory().unwrap();
    let store = SqliteStore::from_connection(conn, &shop.graph).unwrap();
    let error = store.view(shop.totals).subscribe().unwrap_err();
    assert_error(
        &error,
        ErrorKind::NotShared,
        &["`totals`", "memory", "file"],
    );
    store.wait_for(0, Duration::ZERO).unwrap();
}

/// What is taken back with the caller's transaction was never logged.
#[test]
fn a_change_in_the_callers_transaction_is_told_when_that_commits() {
    let (temp, shop) = (Temp::new(), shop());
    let mut store = SqliteStore::open(temp.db(), &shop.graph).unwrap();
    shop.fill(&mut store);
    let mut subscription = store.view(shop.totals).subscribe().unwrap();
    let mut conn = temp.connection();
    for commits in [false, true] {
        let tx = conn.transaction().unwrap();
        let change = shop.graph.change().insert(shop.items, [item(9, 1, 1)]);
        store.commit_in(&tx, &change).unwrap();
        assert_eq!(subscription.next_within(Duration::ZERO).unwrap(), None);
        if commits {
            tx.commit().unwrap();
        } else {
            tx.rollback().unwrap();
        }
        let told = subscription.next_within(Duration::ZERO).unwrap();
        assert_eq!(told.is_some(), commits);
    }
}

/// A part of a log that is not ours is an error, and the next delta is handed out.
#[test]
fn a_damaged_log_is_an_error() {
    let (temp, shop) = (Temp::new(), shop());
    let mut store = SqliteStore::open(temp.db(), &shop.graph).unwrap();
    shop.fill(&mut store);
    let mut subscription = store.view(shop.totals).subscribe().unwrap();
    for number in [10, 11] {
        let change = store.change().insert(shop.items, [item(number, 1, 1)]);
        change.commit().unwrap();
    }
    let sql = "UPDATE deltaview_feed SET rows = x'8182' WHERE t = 2";
    assert_eq!(temp.connection().execute(sql, []).unwrap(), 1);
    let error = subscription.next_within(LONG).unwrap_err();
    assert_error(&error, ErrorKind::Corrupt, &["`totals`", "time 2"]);
    assert_eq!(subscription.next_within(LONG).unwrap().unwrap().time(), 3);
}
