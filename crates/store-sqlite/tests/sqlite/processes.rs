//! Several writers and readers of one file: threads with connections of their own, and processes.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use deltaview_graph::{Edit, Graph, InputHandle, ViewHandle};
use deltaview_schema::Index;
use deltaview_store::{ErrorKind, Store};
use deltaview_store_sqlite::rusqlite::Connection;
use deltaview_store_sqlite::{SqliteOptions, SqliteStore, Synchronous};
use deltaview_zset::Keyed;

use crate::common::{Temp, assert_error, item, rows, shop};

/// Bookings of amounts on accounts: a balance for each account, and one over all.
struct Bank {
    graph: Graph,
    bookings: InputHandle<(u32, i64)>,
    balances: ViewHandle<Keyed<u32, i64>, u32>,
    sum: ViewHandle<Keyed<bool, i64>, bool>,
}

fn bank() -> Bank {
    let (graph, (bookings, balances, sum)) = Graph::build("bank", |g| {
        let bookings = g.input::<(u32, i64)>("bookings");
        let account = Index::new("account", |booking: &(u32, i64)| booking.0);
        let all = Index::new("all", |_: &(u32, i64)| true);
        let balances = bookings
            .group_by(account)
            .sum(|booking| booking.1)
            .view("balances");
        (
            bookings.handle(),
            balances,
            bookings.group_by(all).sum(|booking| booking.1).view("sum"),
        )
    })
    .unwrap();
    Bank {
        graph,
        bookings,
        balances,
        sum,
    }
}

impl Bank {
    /// The time and the sum, read while a scan is open: with it, both views and the time are of one state.
    fn state_of(&self, reader: &SqliteStore) -> (i64, i64) {
        let mut scan = reader.view(self.sum).iter().unwrap();
        let (sum, _) = scan.next().unwrap().unwrap();
        std::thread::yield_now();
        let of_accounts: i64 = self
            .balances_of(reader)
            .iter()
            .map(|(_, amount)| amount)
            .sum();
        assert_eq!(sum.value, of_accounts);
        (reader.time().unwrap(), of_accounts)
    }

    fn balances_of(&self, store: &SqliteStore) -> Vec<(u32, i64)> {
        rows(store, self.balances)
            .into_iter()
            .map(|(row, _)| (row.key, row.value))
            .collect()
    }
}

fn patient() -> SqliteOptions {
    SqliteOptions::new()
        .busy_timeout(Duration::from_secs(60))
        .synchronous(Synchronous::Normal)
}

/// Commits booking after booking of one account and of a common one, each in its own iteration; returns the times.
fn book(store: &mut SqliteStore, bank: &Bank, account: u32, bookings: i64) -> Vec<i64> {
    let one = |amount| {
        let committed = store
            .change()
            .insert(bank.bookings, [(account, amount), (0, 1)])
            .commit();
        committed.unwrap().time()
    };
    (1..=bookings).map(one).collect()
}

#[test]
fn threads_that_write_at_once_all_succeed() {
    const WRITERS: u32 = 4;
    const BOOKINGS: i64 = 50;
    let (temp, bank) = (Temp::new(), bank());
    let start = Barrier::new(WRITERS as usize);
    let times: Vec<Vec<i64>> = std::thread::scope(|scope| {
        let writers: Vec<_> = (1..=WRITERS)
            .map(|account| {
                let (bank, start, temp) = (&bank, &start, &temp);
                scope.spawn(move || {
                    start.wait();
                    // Some create the file, and the others wait for it.
                    let mut store = patient().open(temp.db(), &bank.graph).unwrap();
                    book(&mut store, bank, account, BOOKINGS)
                })
            })
            .collect();
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .collect()
    });
    assert!(times.iter().all(|times| times.is_sorted()));
    let distinct: BTreeSet<i64> = times.iter().flatten().copied().collect();
    let last = i64::from(WRITERS) * BOOKINGS;
    assert!(distinct.into_iter().eq(1..=last));
    let store = SqliteStore::open_existing(temp.db(), &bank.graph).unwrap();
    let each = BOOKINGS * (BOOKINGS + 1) / 2;
    let mut expected = vec![(0, last)];
    expected.extend((1..=WRITERS).map(|account| (account, each)));
    assert_eq!(bank.balances_of(&store), expected);
    assert_eq!(store.time().unwrap(), last);
}

/// Many open a file that is not there yet, at the same moment.
#[test]
fn many_can_create_one_file() {
    for round in 0..60 {
        let (temp, bank) = (Temp::new(), bank());
        let start = Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    SqliteStore::open(temp.db(), &bank.graph)
                        .unwrap_or_else(|error| panic!("round {round}: {error}"));
                });
            }
        });
        let store = SqliteStore::open_existing(temp.db(), &bank.graph).unwrap();
        assert_eq!(store.time().unwrap(), 0);
    }
}

/// The variable by which this program, run again, is told that it is the other process: the file.
const OTHER: &str = "DELTAVIEW_TEST_BANK";

/// Runs one test of this program as another process.
pub(crate) fn run_again(test: &str, variables: &[(&str, &std::ffi::OsStr)]) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    command.envs(variables.iter().copied());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// This process and another one write at once; each is the same test, told apart by a variable.
#[test]
fn two_processes_that_write_at_once_both_succeed() {
    const BOOKINGS: i64 = 150;
    let bank = bank();
    if let Some(path) = std::env::var_os(OTHER) {
        let mut store = patient().open(&path, &bank.graph).unwrap();
        let times = book(&mut store, &bank, 2, BOOKINGS);
        let mut out = std::io::stdout().lock();
        writeln!(out, "\ntimes {times:?}").unwrap();
        return;
    }
    let temp = Temp::new();
    let path = temp.db().into_os_string();
    let child = run_again(
        "processes::two_processes_that_write_at_once_both_succeed",
        &[(OTHER, &path)],
    );
    // Begins while the other one starts, and goes on until it has written too.
    let mut store = patient().open(temp.db(), &bank.graph).unwrap();
    let mut ours = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    while store.time().unwrap() == ours.len() as i64 && Instant::now() < deadline {
        ours.extend(book(&mut store, &bank, 1, 1));
    }
    ours.extend(book(&mut store, &bank, 1, BOOKINGS));
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let theirs = text
        .lines()
        .find_map(|line| line.strip_prefix("times [")?.strip_suffix(']'))
        .unwrap();
    let theirs: Vec<i64> = theirs
        .split(", ")
        .map(|time| time.parse().unwrap())
        .collect();
    assert_eq!(theirs.len() as i64, BOOKINGS);
    let all: BTreeSet<i64> = ours.iter().chain(&theirs).copied().collect();
    assert!(all.into_iter().eq(1..=(ours.len() + theirs.len()) as i64));
    let balances = bank.balances_of(&store);
    assert_eq!(balances[0], (0, (ours.len() + theirs.len()) as i64));
    assert_eq!(balances[2], (2, BOOKINGS * (BOOKINGS + 1) / 2));
}

/// Two views agree in every state; a reader that has a scan open sees both in one state, while another one writes.
#[test]
fn a_reader_sees_one_state_at_a_time() {
    let (temp, bank) = (Temp::new(), bank());
    let mut writer = patient().open(temp.db(), &bank.graph).unwrap();
    book(&mut writer, &bank, 1, 1);
    let (done, seen) = (AtomicBool::new(false), AtomicUsize::new(0));
    let states = std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let reader = SqliteStore::open_read_only(temp.db(), &bank.graph).unwrap();
            let mut states = BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                states.insert(bank.state_of(&reader));
                seen.store(states.len(), Ordering::Relaxed);
            }
            states
        });
        let deadline = Instant::now() + Duration::from_secs(60);
        for round in 0_u32.. {
            book(&mut writer, &bank, round % 50, 1);
            let enough = round > 100 && seen.load(Ordering::Relaxed) > 20;
            if enough || reading.is_finished() || Instant::now() > deadline {
                break;
            }
        }
        done.store(true, Ordering::Relaxed);
        reading.join().unwrap()
    });
    assert!(states.len() > 1, "the reader saw more than one state");
    let times: BTreeSet<i64> = states.iter().map(|(time, _)| *time).collect();
    assert_eq!(times.len(), states.len(), "a time has one state");
}

/// A long iteration of one reader holds nobody up: others read, and others write.
#[test]
fn a_long_iteration_holds_nobody_up() {
    let (temp, bank) = (Temp::new(), bank());
    let mut writer = SqliteOptions::new()
        .busy_timeout(Duration::from_millis(1))
        .open(temp.db(), &bank.graph)
        .unwrap();
    let many = (0..1_000).map(|account| (account, 1));
    writer
        .change()
        .insert(bank.bookings, many)
        .commit()
        .unwrap();
    let slow = SqliteStore::open_read_only(temp.db(), &bank.graph).unwrap();
    let mut long = slow.view(bank.balances).iter().unwrap();
    assert_eq!(long.by_ref().take(10).count(), 10);
    for round in 0..20 {
        book(&mut writer, &bank, 5_000 + round, 1);
        let other = SqliteStore::open_read_only(temp.db(), &bank.graph).unwrap();
        assert_eq!(bank.balances_of(&other).len(), 1_001 + round as usize);
    }
    assert_eq!(
        long.count(),
        990,
        "the long one reads what was there when it began"
    );
}

/// Somebody holds the file for longer than the time-out: an error that passes, and nothing has happened.
#[test]
fn the_time_out_ends_in_busy() {
    let (temp, shop) = (Temp::new(), shop());
    let timeout = Duration::from_millis(120);
    let options = || SqliteOptions::new().busy_timeout(timeout);
    let mut store = options().open(temp.db(), &shop.graph).unwrap();
    shop.fill(&mut store);
    let holder = temp.connection();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let change = shop.graph.change().insert(shop.items, [item(4, 2, 1)]);
    let start = Instant::now();
    let error = store.commit(&change).unwrap_err();
    assert!(
        start.elapsed() >= timeout,
        "it waited {:?}",
        start.elapsed()
    );
    assert_error(&error, ErrorKind::Busy, &["`shop`", "time-out", "again"]);
    assert!(error.is_retryable());
    // What the file has can be opened and read meanwhile; what it has not can't be created.
    for open in [
        options().open(temp.db(), &shop.graph),
        options().open_read_only(temp.db(), &shop.graph),
    ] {
        assert_eq!(shop.totals_of(&open.unwrap()), [(1, 21), (2, 20)]);
    }
    let error = options().open(temp.db(), &bank().graph).unwrap_err();
    assert_error(&error, ErrorKind::Busy, &["`bank`"]);
    holder.execute_batch("COMMIT").unwrap();
    assert_eq!(store.commit(&change).unwrap().time(), 2);
    assert_eq!(shop.totals_of(&store), [(1, 21), (2, 25)]);
}

/// A file that is not in WAL mode yet is brought into it once those who read it are done.
#[test]
fn a_file_that_is_being_read_is_brought_into_wal_mode_when_it_can_be() {
    let (temp, shop) = (Temp::new(), shop());
    shop.fill(&mut SqliteStore::from_connection(temp.connection(), &shop.graph).unwrap());
    let reader = temp.connection();
    let mode = |conn: &Connection| -> String {
        conn.query_row("PRAGMA journal_mode", [], |row| row.get(0))
            .unwrap()
    };
    assert_eq!(mode(&reader), "delete");
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM deltaview_clock")
        .unwrap();
    let impatient = SqliteOptions::new().busy_timeout(Duration::from_millis(50));
    let error = impatient.open_existing(temp.db(), &shop.graph).unwrap_err();
    assert_error(&error, ErrorKind::Busy, &["test.db", "time-out"]);
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| patient().open_existing(temp.db(), &shop.graph).unwrap());
        std::thread::sleep(Duration::from_millis(100));
        reader.execute_batch("COMMIT").unwrap();
        let store = opening.join().unwrap();
        assert_eq!(mode(store.connection()), "wal");
        assert_eq!(shop.totals_of(&store), [(1, 21), (2, 20)]);
    });
}
