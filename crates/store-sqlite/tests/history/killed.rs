//! A process that writes is killed at a random moment, again and again on one file: the history that it leaves is whole.

use std::ffi::OsStr;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use deltaview_store::Store;
use deltaview_store_sqlite::SqliteStore;
use deltaview_zset::ZSet;

use crate::common::{Shop, Temp, change, last, shop, shop_that_keeps};

const ROUNDS: usize = 20;
/// The variable by which this program, run again, is told that it is the writer: the file.
const FILE: &str = "DELTAVIEW_TEST_HISTORY";
const TEST: &str = "killed::a_killed_writer_leaves_a_whole_history";

#[test]
fn a_killed_writer_leaves_a_whole_history() {
    if let Some(path) = std::env::var_os(FILE) {
        write_for_ever(&path);
    }
    let temp = Temp::new();
    let shop = kept();
    let seed = RandomState::new();
    let mut known = 0;
    for round in 0..ROUNDS {
        let mut child = run_again(&temp);
        kill(
            &mut child,
            Duration::from_micros(seed.hash_one(round) % 40_000),
        );
        let store = temp.open(&shop.graph).unwrap();
        let time = store.time().unwrap();
        assert!(time > known, "round {round}");
        known = time;
        check(&store, &shop, time);
    }
}

/// With sweeps in the commits.
fn kept() -> Shop {
    shop_that_keeps(last(40))
}

fn write_for_ever(path: &OsStr) -> ! {
    let shop = kept();
    let mut store = SqliteStore::open(path, &shop.graph).unwrap();
    let mut out = std::io::stdout().lock();
    for n in store.time().unwrap() + 1.. {
        store.commit(&change(&shop, n)).unwrap();
        writeln!(out, "\nacknowledged {n}").unwrap();
        out.flush().unwrap();
    }
    unreachable!("there is always another number")
}

fn run_again(temp: &Temp) -> Child {
    let program = std::env::current_exe().unwrap();
    Command::new(program)
        .args([TEST, "--exact", "--nocapture", "--test-threads=1"])
        .env(FILE, temp.db())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills the writer, a while after its first acknowledgement.
fn kill(child: &mut Child, after: Duration) {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = lines.map_while(Result::ok);
    assert!(acknowledged.any(|line| line.starts_with("acknowledged")));
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Compares the history with that of a store in which nobody was killed.
fn check(store: &SqliteStore, kept: &Shop, time: i64) {
    let (temp, shop) = (Temp::new(), shop());
    let mut other = temp.open(&shop.graph).unwrap();
    for n in 1..=time {
        other.commit(&change(&shop, n)).unwrap();
    }
    let horizon = store.view(kept.sold).horizon().unwrap();
    assert_eq!(horizon, (time - 39).max(0));
    for then in horizon..=time {
        macro_rules! same {
            ($($view:ident),*) => {$(
                let one: ZSet<_> = store.view(kept.$view).as_of(then).unwrap().iter().unwrap().into_zset().unwrap();
                let two: ZSet<_> = other.view(shop.$view).as_of(then).unwrap().iter().unwrap().into_zset().unwrap();
                assert_eq!(one, two, "as of {then} of {time}");
            )*};
        }
        same!(all, all_by_price, sold, sold_by_qty, totals, seen, count);
    }
    let integrity: String = store
        .connection()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(integrity, "ok");
}
