//! A change inside the caller's own transaction: it and the caller's writes are committed together, or not at all.

use deltaview_graph::Edit;
use deltaview_store::{ErrorKind, Store};
use deltaview_store_sqlite::rusqlite::{Connection, Transaction, TransactionBehavior};
use deltaview_store_sqlite::{SqliteOptions, SqliteStore};

use crate::common::{Shop, Temp, assert_error, dump, item, product, rows, shop};

/// A filled shop, and the application's own connection to its file, with a table of orders.
struct App {
    temp: Temp,
    shop: Shop,
    store: SqliteStore,
    conn: Connection,
}

impl App {
    fn new() -> Self {
        let (temp, shop) = (Temp::new(), shop());
        let mut store = SqliteStore::open(temp.db(), &shop.graph).unwrap();
        shop.fill(&mut store);
        let conn = temp.connection();
        conn.execute_batch("CREATE TABLE orders (number INTEGER PRIMARY KEY)")
            .unwrap();
        Self {
            temp,
            shop,
            store,
            conn,
        }
    }
}

fn begin(conn: &mut Connection) -> Transaction<'_> {
    conn.transaction_with_behavior(TransactionBehavior::Immediate)
        .unwrap()
}

fn order(tx: &Transaction<'_>, number: u64) {
    tx.execute("INSERT INTO orders VALUES (?1)", [number as i64])
        .unwrap();
}

fn orders(conn: &Connection) -> i64 {
    conn.query_row("SELECT count(*) FROM orders", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn both_are_committed() {
    let App {
        shop,
        store,
        mut conn,
        ..
    } = App::new();
    let tx = begin(&mut conn);
    order(&tx, 4);
    let change = shop.graph.change().insert(shop.items, [item(4, 2, 1)]);
    let committed = store.commit_in(&tx, &change).unwrap();
    // Nobody else sees it yet.
    assert_eq!(shop.totals_of(&store), [(1, 21), (2, 20)]);
    tx.commit().unwrap();
    assert_eq!(
        (orders(&conn), shop.totals_of(&store)),
        (1, vec![(1, 21), (2, 25)])
    );
    assert_eq!((committed.time(), store.time().unwrap()), (2, 2));
    let delta = committed.get(shop.totals).unwrap();
    let delta: Vec<(i64, i64)> = delta
        .iter()
        .map(|(total, weight)| (total.value, weight))
        .collect();
    assert_eq!(delta, [(20, -1), (25, 1)]);
}

#[test]
fn both_are_rolled_back() {
    for explicitly in [true, false] {
        let App {
            shop,
            store,
            mut conn,
            ..
        } = App::new();
        let before = dump(&conn);
        let tx = begin(&mut conn);
        order(&tx, 4);
        store
            .commit_in(
                &tx,
                &shop.graph.change().insert(shop.items, [item(4, 2, 1)]),
            )
            .unwrap();
        if explicitly {
            tx.rollback().unwrap();
        } else {
            drop(tx);
        }
        assert_eq!(dump(&conn), before);
        assert_eq!(store.time().unwrap(), 1);
    }
}

/// After a change that fails, the transaction goes on without it, and another change takes its place.
#[test]
fn a_failing_change_leaves_the_transaction_usable() {
    let App {
        shop,
        store,
        mut conn,
        ..
    } = App::new();
    let tx = begin(&mut conn);
    order(&tx, 4);
    let before = dump(&tx);
    let duplicate = shop
        .graph
        .change()
        .insert(shop.items, [item(4, 2, 1)])
        .insert(shop.products, [product(3, 1), product(1, 1)]);
    let error = store.commit_in(&tx, &duplicate).unwrap_err();
    assert_error(&error, ErrorKind::Tick, &["`products`", "key 1 already"]);
    assert_eq!(dump(&tx), before);
    order(&tx, 5);
    store
        .commit_in(
            &tx,
            &shop.graph.change().insert(shop.items, [item(5, 2, 2)]),
        )
        .unwrap();
    tx.commit().unwrap();
    assert_eq!(
        (orders(&conn), shop.totals_of(&store)),
        (2, vec![(1, 21), (2, 30)])
    );
}

/// A change that fails while it is being written is taken back to where it began.
#[test]
fn a_change_that_fails_halfway_through_its_writes_is_taken_back() {
    let App {
        shop,
        store,
        mut conn,
        ..
    } = App::new();
    let pages: i64 = conn
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    let limit = |conn: &Connection, pages: i64| {
        conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
            .unwrap();
    };
    limit(&conn, pages + 3);
    let tx = begin(&mut conn);
    order(&tx, 4);
    let before = dump(&tx);
    let large = shop
        .graph
        .change()
        .insert(shop.items, (10..2_000).map(|number| item(number, 1, 1)));
    let error = store.commit_in(&tx, &large).unwrap_err();
    assert_error(&error, ErrorKind::Full, &["disk is full"]);
    assert_eq!(dump(&tx), before);
    limit(&tx, 1_000_000);
    store.commit_in(&tx, &large).unwrap();
    tx.commit().unwrap();
    assert_eq!(
        (orders(&conn), shop.totals_of(&store)),
        (1, vec![(1, 21 + 3 * 1_990), (2, 20)])
    );
}

#[test]
fn a_transaction_takes_several_changes() {
    let App {
        shop,
        store,
        mut conn,
        ..
    } = App::new();
    let tx = begin(&mut conn);
    let first = store
        .commit_in(
            &tx,
            &shop.graph.change().upsert(shop.products, [product(2, 7)]),
        )
        .unwrap();
    let second = store
        .commit_in(
            &tx,
            &shop.graph.change().insert(shop.items, [item(4, 2, 1)]),
        )
        .unwrap();
    tx.commit().unwrap();
    assert_eq!(
        (first.time(), second.time(), store.time().unwrap()),
        (2, 3, 3)
    );
    assert_eq!(shop.totals_of(&store), [(1, 21), (2, 35)]);
}

/// A store that has committed before sees what was committed inside a transaction, and the other way round.
#[test]
fn the_store_and_the_transactions_take_turns() {
    let App {
        shop,
        mut store,
        mut conn,
        ..
    } = App::new();
    for round in 0..5_u64 {
        let number = 10 + 2 * round;
        store
            .change()
            .insert(shop.items, [item(number, 1, 1)])
            .commit()
            .unwrap();
        let tx = begin(&mut conn);
        store
            .commit_in(
                &tx,
                &shop
                    .graph
                    .change()
                    .insert(shop.items, [item(number + 1, 1, 1)]),
            )
            .unwrap();
        tx.commit().unwrap();
    }
    assert_eq!(shop.totals_of(&store), [(1, 21 + 3 * 10), (2, 20)]);
    assert_eq!(store.time().unwrap(), 11);
}

/// A transaction that read first, and then finds that somebody else has committed.
#[test]
fn a_transaction_that_is_out_of_date_is_busy() {
    let App {
        shop,
        mut store,
        mut conn,
        ..
    } = App::new();
    let tx = conn
        .transaction_with_behavior(TransactionBehavior::Deferred)
        .unwrap();
    assert_eq!(orders(&tx), 0);
    store
        .change()
        .insert(shop.items, [item(4, 2, 1)])
        .commit()
        .unwrap();
    let change = shop.graph.change().insert(shop.items, [item(5, 2, 1)]);
    let error = store.commit_in(&tx, &change).unwrap_err();
    assert_error(&error, ErrorKind::Busy, &["again"]);
    assert!(error.is_retryable());
    tx.rollback().unwrap();
    let tx = begin(&mut conn);
    store.commit_in(&tx, &change).unwrap();
    tx.commit().unwrap();
    assert_eq!(shop.totals_of(&store), [(1, 21), (2, 30)]);
}

#[test]
fn a_transaction_on_another_database_is_refused() {
    let App { shop, store, .. } = App::new();
    let other = Temp::new();
    let mut conn = other.connection();
    conn.execute_batch("CREATE TABLE app (x)").unwrap();
    let tx = begin(&mut conn);
    let change = shop.graph.change().insert(shop.items, [item(4, 2, 1)]);
    let error = store.commit_in(&tx, &change).unwrap_err();
    assert_error(&error, ErrorKind::NotDeltaview, &["`shop`"]);
    tx.commit().unwrap();
    assert_eq!(dump(&conn).len(), 1);
}

#[test]
fn a_change_of_another_graph_is_refused() {
    let App {
        shop: ours,
        store,
        mut conn,
        ..
    } = App::new();
    let other = shop();
    let tx = begin(&mut conn);
    let before = dump(&tx);
    let change = other.graph.change().insert(other.items, [item(4, 2, 1)]);
    assert_error(
        &store.commit_in(&tx, &change).unwrap_err(),
        ErrorKind::Handle,
        &["another graph"],
    );
    let change = ours.graph.change().insert(other.items, [item(4, 2, 1)]);
    assert_error(
        &store.commit_in(&tx, &change).unwrap_err(),
        ErrorKind::Handle,
        &["another graph"],
    );
    assert_eq!(dump(&tx), before);
}

/// The application hands its own connection over: its settings stay, and its transactions are its own.
#[test]
fn a_store_takes_over_a_connection() {
    let (temp, shop) = (Temp::new(), shop());
    let conn = temp.connection();
    conn.pragma_update(None, "synchronous", "OFF").unwrap();
    let mut store = SqliteStore::from_connection(conn, &shop.graph).unwrap();
    shop.fill(&mut store);
    let mode: String = store
        .connection()
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .unwrap();
    let synchronous: i64 = store
        .connection()
        .query_row("PRAGMA synchronous", [], |row| row.get(0))
        .unwrap();
    assert_eq!((mode.as_str(), synchronous), ("delete", 0));
    // The application's statements on the store's connection, in a transaction that is open while views are read.
    store
        .connection()
        .execute_batch("BEGIN; CREATE TABLE app (x)")
        .unwrap();
    assert_eq!(shop.totals_of(&store), [(1, 21), (2, 20)]);
    assert!(
        !store.connection().is_autocommit(),
        "reading ends no transaction of the application's"
    );
    store.connection().execute_batch("ROLLBACK").unwrap();
    drop(store);
    let reopened = SqliteStore::open_existing(temp.db(), &shop.graph).unwrap();
    assert_eq!(shop.totals_of(&reopened), [(1, 21), (2, 20)]);
}

#[test]
fn a_database_in_memory_is_a_store() {
    let shop = shop();
    let mut store =
        SqliteStore::from_connection(Connection::open_in_memory().unwrap(), &shop.graph).unwrap();
    shop.fill(&mut store);
    assert_eq!(shop.totals_of(&store), [(1, 21), (2, 20)]);
}

/// A closure that panics fails the change, and the store goes on.
#[test]
fn a_panic_fails_the_change_alone() {
    use deltaview_graph::{Graph, TickErrorKind};
    let temp = Temp::new();
    let (graph, (numbers, view)) = Graph::build("divisions", |g| {
        let numbers = g.input::<i64>("numbers");
        let view = numbers
            .map(|n| 100 / n)
            .named("hundredths")
            .view("quotients");
        (numbers.handle(), view)
    })
    .unwrap();
    let mut store = SqliteStore::open(temp.db(), &graph).unwrap();
    store.change().insert(numbers, [5]).commit().unwrap();
    let before = dump(store.connection());
    let error = store.change().insert(numbers, [4, 0]).commit().unwrap_err();
    assert_error(
        &error,
        ErrorKind::Tick,
        &["`divisions`", "`hundredths`", "divide by zero"],
    );
    assert!(matches!(
        error.tick().unwrap().kind(),
        TickErrorKind::Panicked { .. }
    ));
    assert_eq!(dump(store.connection()), before);
    store.change().insert(numbers, [4]).commit().unwrap();
    assert_eq!(rows(&store, view).len(), 2);

    // In a transaction of the caller's too.
    let mut conn = temp.connection();
    let tx = begin(&mut conn);
    store
        .commit_in(&tx, &graph.change().insert(numbers, [0]))
        .unwrap_err();
    store
        .commit_in(&tx, &graph.change().insert(numbers, [2]))
        .unwrap();
    tx.commit().unwrap();
    assert_eq!(rows(&store, view).len(), 3);
}

/// Times go on where they were, whoever opens the file.
#[test]
fn times_go_on_after_reopening() {
    let App {
        temp, shop, store, ..
    } = App::new();
    drop(store);
    for expected in 2..5 {
        let mut store = SqliteOptions::new()
            .open_existing(temp.db(), &shop.graph)
            .unwrap();
        let committed = store
            .change()
            .insert(shop.items, [item(9, 2, 1)])
            .commit()
            .unwrap();
        assert_eq!(committed.time(), expected);
        let written: Vec<i64> = {
            let mut statement = store
                .connection()
                .prepare("SELECT t FROM deltaview_last_update")
                .unwrap();
            statement
                .query_map([], |row| row.get(0))
                .unwrap()
                .map(Result::unwrap)
                .collect()
        };
        assert!(
            written.len() > 3 && written.iter().all(|t| *t == expected),
            "{written:?}"
        );
    }
}
