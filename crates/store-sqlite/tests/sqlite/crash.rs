//! A process that writes is killed at a random moment, again and again on one file: the file is whole each time, and
//! holds exactly the changes that were acknowledged, and perhaps the one that was being committed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::process::Child;
use std::time::Duration;

use deltaview_graph::{Change, Edit};
use deltaview_store::Store;
use deltaview_store_sqlite::{SqliteOptions, SqliteStore, Synchronous};

use crate::common::{Item, Shop, Temp, item, product, rows, shop};
use crate::processes::run_again;

const ROUNDS: usize = 30;
/// The variable by which this program, run again, is told that it is the writer: the file.
const FILE: &str = "DELTAVIEW_TEST_CRASH";

#[test]
fn a_killed_writer_loses_nothing_with_synchronous_full() {
    crash(
        "crash::a_killed_writer_loses_nothing_with_synchronous_full",
        Synchronous::Full,
    );
}

#[test]
fn a_killed_writer_loses_nothing_with_synchronous_normal() {
    crash(
        "crash::a_killed_writer_loses_nothing_with_synchronous_normal",
        Synchronous::Normal,
    );
}

fn crash(test: &str, synchronous: Synchronous) {
    if let Some(path) = std::env::var_os(FILE) {
        write_for_ever(&path, synchronous);
    }
    let (temp, shop) = (Temp::new(), shop());
    let seed = RandomState::new();
    let mut known = 0;
    for round in 0..ROUNDS {
        let mut child = run_again(test, &[(FILE, temp.db().as_os_str())]);
        // Now and then while the file is being created or opened, mostly while it is being written.
        let microseconds = seed.hash_one(round) % 60_000;
        let acknowledged = kill(
            &mut child,
            Duration::from_micros(microseconds),
            round % 6 != 0,
        );
        known = check(&temp, &shop, acknowledged.unwrap_or(known), round);
    }
    assert!(known > ROUNDS as i64, "only {known} changes were committed");
}

/// Commits change after change as fast as it can, and says so after each.
fn write_for_ever(path: &OsStr, synchronous: Synchronous) -> ! {
    let shop = shop();
    let mut store = SqliteOptions::new()
        .synchronous(synchronous)
        .open(path, &shop.graph)
        .unwrap();
    let mut out = std::io::stdout().lock();
    for number in store.time().unwrap() + 1.. {
        let committed = store.commit(&change(&shop, number)).unwrap();
        assert_eq!(committed.time(), number);
        writeln!(out, "\nacknowledged {number}").unwrap();
        out.flush().unwrap();
    }
    unreachable!("there is always another number")
}

/// Kills the writer, after its first acknowledgement or not; returns the last acknowledgement.
fn kill(child: &mut Child, after: Duration, wait_for_one: bool) -> Option<i64> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let number = |line: std::io::Result<String>| -> Option<i64> {
        line.ok()?.strip_prefix("acknowledged ")?.parse().ok()
    };
    let mut last = None;
    if wait_for_one {
        last = lines.by_ref().find_map(number);
        assert!(last.is_some(), "the writer ended without a commit");
    }
    std::thread::sleep(after);
    child.kill().unwrap();
    // A pipe keeps what was written before the kill; a line that was cut off is no acknowledgement.
    let rest = lines.filter_map(number).last();
    child.wait().unwrap();
    rest.or(last)
}

/// Change number `n`, the same each time: a product gets another price, an item comes, an older one goes.
fn change(shop: &Shop, n: i64) -> Change {
    let change = shop
        .graph
        .change()
        .upsert(shop.products, [product(product_of(n), n)])
        .insert(shop.items, [sale(n)]);
    match n {
        ..=10 => change,
        _ if n % 5 == 0 => change
            .remove(shop.items, [sale(n - 10)])
            .delete(shop.products, product_of(n - 1)),
        _ => change.remove(shop.items, [sale(n - 10)]),
    }
}

fn product_of(n: i64) -> u32 {
    (n % 7) as u32
}

fn sale(n: i64) -> Item {
    item(n as u64, (n * n % 7) as u32, n % 3 + 1)
}

/// What the views must have after the first `n` changes, worked out by hand.
fn expected(n: i64) -> (Vec<u64>, Vec<(u32, i64)>) {
    let mut prices: BTreeMap<u32, i64> = BTreeMap::new();
    for step in 1..=n {
        prices.insert(product_of(step), step);
        if step > 10 && step % 5 == 0 {
            prices.remove(&product_of(step - 1));
        }
    }
    let mut totals: BTreeMap<u32, i64> = BTreeMap::new();
    let mut sold = Vec::new();
    for number in (n - 9).max(1)..=n {
        let sale = sale(number);
        if let Some(price) = prices.get(&sale.product) {
            sold.push(sale.number);
            *totals.entry(sale.product).or_default() += sale.qty * price;
        }
    }
    (sold, totals.into_iter().collect())
}

/// Checks the file after a kill; returns the number of changes in it.
fn check(temp: &Temp, shop: &Shop, acknowledged: i64, round: usize) -> i64 {
    let store = SqliteStore::open(temp.db(), &shop.graph).unwrap();
    let integrity: String = store
        .connection()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(integrity, "ok", "round {round}");
    let time = store.time().unwrap();
    let may_be_there = acknowledged..=acknowledged + 1;
    assert!(
        may_be_there.contains(&time),
        "round {round}: {acknowledged} acknowledged, {time} there"
    );
    let (sold, totals) = expected(time);
    let numbers: Vec<u64> = rows(&store, shop.sold)
        .iter()
        .map(|(sold, _)| sold.left.number)
        .collect();
    assert_eq!(numbers, sold, "round {round}");
    assert_eq!(shop.totals_of(&store), totals, "round {round}");
    let mut by_qty: Vec<u64> = rows(&store, shop.sold_by_qty)
        .iter()
        .map(|(sold, _)| sold.left.number)
        .collect();
    by_qty.sort_unstable();
    assert_eq!(by_qty, sold, "round {round}");
    let items: i64 = store
        .connection()
        .query_row("SELECT sum(c) FROM shop__items__by_product", [], |row| {
            Ok(row.get::<_, Option<i64>>(0)?.unwrap_or(0))
        })
        .unwrap();
    assert_eq!(items, time.min(10), "round {round}");
    drop(store);
    assert_eq!(
        temp.files(),
        ["test.db"],
        "round {round}: nothing is left behind"
    );
    time
}
