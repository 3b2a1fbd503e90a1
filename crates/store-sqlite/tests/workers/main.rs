//! Worker processes on one file, which are stopped, continued and killed: what these tests share. A graph of several
//! stages, changes of it that anybody can make again from their names, processes that commit them and stop where they are
//! told, and an oracle: a store in memory that makes the same changes in the order of their times.
//!
//! A binary of their own: the suite beside it takes minutes to build, and `DELTAVIEW_KILLS=5000` is asked of this one alone.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, unused_imports, reason = "the other tests need more of it")]
#[path = "../sqlite/common.rs"]
mod common;

mod fencing;
mod in_turn;
mod random;

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::num::NonZeroU64;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deltaview_graph::{Change, Edit, Graph, InputHandle, Retention, TableHandle, ViewHandle};
use deltaview_schema::Index;
use deltaview_store::{
    ChangeId, CommitOptions, Committed, Error, ErrorKind, Flush, MemoryStore, Store,
};
use deltaview_store_sqlite::commit_points::{Moment, Work, set_hook};
use deltaview_store_sqlite::{SqliteOptions, SqliteStore, Synchronous};
use deltaview_zset::{Keyed, Pair, Weight};

use crate::common::{Item, Product, Temp, item, product, rows};

/// What is added to a lease before a recovery is too slow: the machine may have much else to do.
const MARGIN: Duration = Duration::from_secs(10);
/// Longer than anything takes that is waited for in earnest.
const LONG: Duration = Duration::from_secs(60);
/// The product whose total can't be computed by a program that fails.
const BAD: u32 = 66;

type Sold = Pair<Item, Product>;
type Total = Keyed<u32, i64>;

/// So many times of the digits can be read.
const RECENT: u64 = 30;

/// Items of products, their totals by product, and how many products have a total that ends with the same digit. Both are
/// views with history, one of all times and the other of the last.
struct Depot {
    graph: Graph,
    products: TableHandle<Product, u32>,
    items: InputHandle<Item>,
    totals: ViewHandle<Total, u32>,
    digits: ViewHandle<Keyed<i64, Weight>, i64>,
}

/// `fails`: whether a closure of a later stage panics at the product [`BAD`].
fn depot(fails: bool) -> Depot {
    let built = Graph::build("depot", |g| {
        let by_id = || Index::new("id", |product: &Product| product.id);
        let products = g.table("products", by_id());
        let items = g.input::<Item>("items");
        let by_product = Index::new("product", |item: &Item| item.product);
        let totals = items
            .join(products, by_product, by_id())
            .group_by(Index::new("sold", |sold: &Sold| sold.left.product))
            .sum(|sold| sold.left.qty * sold.right.price)
            .named("totals");
        let last_digit = Index::new("digit", move |total: &Total| {
            assert!(!(fails && total.key == BAD), "a bad product");
            total.value.rem_euclid(10)
        });
        let digits = totals.group_by(last_digit).count().named("digits");
        let by_key = Index::new("product", |total: &Total| total.key);
        let recent = Retention::Times(NonZeroU64::new(RECENT).unwrap());
        (
            products.handle(),
            items.handle(),
            g.with_history(totals.view_by("of products", by_key), Retention::Forever),
            g.with_history(digits.view("of digits"), recent),
        )
    });
    let (graph, (products, items, totals, digits)) = built.unwrap();
    assert!(graph.stage_count() > 2, "{} stages", graph.stage_count());
    Depot {
        graph,
        products,
        items,
        totals,
        digits,
    }
}

/// A change, by which it can be made again: the client who makes it, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    client: u32,
    number: u32,
}

impl Name {
    fn new(client: u32, number: u32) -> Self {
        Self { client, number }
    }

    fn id(self) -> ChangeId {
        ChangeId::new(format!("{} {}", self.client, self.number)).unwrap()
    }

    fn of(id: &str) -> Self {
        let (client, number) = id.split_once(' ').unwrap();
        Self::new(client.parse().unwrap(), number.parse().unwrap())
    }

    /// A price changes, an item comes, an older one of the client's goes. The price depends on the order of the changes.
    fn change(self, depot: &Depot) -> Change {
        let Self { client, number } = self;
        let of = |number: u32| {
            let kind = if client == BAD { BAD } else { number % 5 };
            let sold = u64::from(client) * 1_000_000 + u64::from(number);
            item(sold, kind, i64::from(number % 3) + 1)
        };
        let kind = if client == BAD {
            BAD
        } else {
            (client + number) % 5
        };
        let price = i64::from(client * 10 + number % 7) + 1;
        let change = depot.graph.change();
        let change = change.upsert(depot.products, [product(kind, price)]);
        let change = change.insert(depot.items, [of(number)]);
        if number > 3 {
            change.remove(depot.items, [of(number - 3)])
        } else {
            change
        }
    }

    fn commit(
        self,
        store: &mut SqliteStore,
        depot: &Depot,
        flush: Flush,
    ) -> Result<Committed, Error> {
        let options = CommitOptions::new().at(flush).change_id(self.id());
        store.commit_with(&self.change(depot), &options.within(LONG))
    }
}

fn options(lease: Duration) -> SqliteOptions {
    SqliteOptions::new()
        .busy_timeout(LONG)
        .deadline(LONG)
        .worker_lease(lease)
        .synchronous(Synchronous::Normal)
}

/// What a process of this program does, as it is told by a variable.
#[derive(Clone, Debug)]
struct Orders {
    file: OsString,
    lease: Duration,
    what: What,
    /// At which of the transactions of its commits it stops, counted from 1; at none.
    stop_at: Option<u64>,
    /// The signs of life are counted, and nothing else is.
    beats: bool,
    fails: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Commits one change, and waits so long for others.
    Commit(Name, Flush, Duration),
    /// Commits change after change of a client, from a number on.
    CommitForEver(Name),
    Resume,
    Abandon(i64),
}

const ORDERS: &str = "DELTAVIEW_TEST_WORKER";
const FILE: &str = "DELTAVIEW_TEST_WORKER_FILE";

impl Orders {
    fn new(file: &Path, lease: Duration, what: What) -> Self {
        Self {
            file: file.into(),
            lease,
            what,
            stop_at: None,
            beats: false,
            fails: false,
        }
    }

    fn stop_at(mut self, point: u64) -> Self {
        self.stop_at = Some(point);
        self
    }

    fn to_words(&self) -> String {
        let flush = |flush| match flush {
            Flush::AtEnd => 0,
            Flush::EachTable => 1,
        };
        let (what, one, two, three, four) = match self.what {
            What::Commit(name, how, within) => (
                "commit",
                i64::from(name.client),
                name.number,
                flush(how),
                within.as_millis(),
            ),
            What::CommitForEver(name) => ("for ever", i64::from(name.client), name.number, 0, 0),
            What::Resume => ("resume", 0, 0, 0, 0),
            What::Abandon(time) => ("abandon", time, 0, 0, 0),
        };
        let lease = self.lease.as_millis();
        let stop = self.stop_at.unwrap_or(0);
        let Self { beats, fails, .. } = self;
        format!("{what},{one},{two},{three},{four},{lease},{stop},{beats},{fails}")
    }

    /// What this process was told to do; `None` where it is the test itself.
    fn of_this_process() -> Option<Self> {
        let words = std::env::var(ORDERS).ok()?;
        let mut words = words.split(',');
        let mut next = || words.next().unwrap();
        let what = next().to_string();
        let [one, two, three, four, lease, stop]: [i64; 6] =
            std::array::from_fn(|_| next().parse().unwrap());
        let name = || Name::new(one as u32, two as u32);
        let flush = if three == 0 {
            Flush::AtEnd
        } else {
            Flush::EachTable
        };
        Some(Self {
            file: std::env::var_os(FILE).unwrap(),
            lease: Duration::from_millis(lease as u64),
            what: match what.as_str() {
                "commit" => What::Commit(name(), flush, Duration::from_millis(four as u64)),
                "for ever" => What::CommitForEver(name()),
                "resume" => What::Resume,
                "abandon" => What::Abandon(one),
                other => panic!("{other:?} is no order"),
            },
            stop_at: (stop != 0).then_some(stop as u64),
            beats: next() == "true",
            fails: next() == "true",
        })
    }

    /// Starts this program again, to do it.
    fn start(&self, test: &str) -> Worker {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
        command.stdout(Stdio::piped());
        command.env(ORDERS, self.to_words()).env(FILE, &self.file);
        if self.fails {
            // A panic that is expected.
            command.stderr(Stdio::null());
        }
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Worker {
            child,
            stdin,
            out: Some(BufReader::new(stdout)),
        }
    }

    /// Does it, in this process.
    fn follow(&self) {
        let depot = depot(self.fails);
        let mut store = options(self.lease).open(&self.file, &depot.graph).unwrap();
        if let Some(stop_at) = self.stop_at {
            let (beats, reached) = (self.beats, AtomicU64::new(0));
            let first = set_hook(move |work, moment| {
                let counts = (work == Work::Beat) == beats;
                if counts && reached.fetch_add(1, Ordering::Relaxed) + 1 == stop_at {
                    stop(work, moment);
                } else if beats && work == Work::OneStage {
                    // Its heart beats while it computes, or whatever takes it so long.
                    wait_to_be_told();
                }
            });
            assert!(first);
        }
        match self.what {
            What::Commit(name, flush, within) => {
                let options = CommitOptions::new().at(flush).change_id(name.id());
                let committed = store.commit_with(&name.change(&depot), &options.within(within));
                match committed {
                    Ok(committed) => acknowledge(name, committed.time()),
                    Err(error) => say(&format!("failed {:?}", error.kind())),
                }
            }
            What::CommitForEver(from) => {
                for number in from.number.. {
                    let name = Name { number, ..from };
                    let committed = name.commit(&mut store, &depot, flush_of(name)).unwrap();
                    acknowledge(name, committed.time());
                }
            }
            What::Resume => match store.resume() {
                Ok(time) => say(&format!("resumed {time}")),
                Err(error) => say(&format!("failed {:?}", error.kind())),
            },
            What::Abandon(time) => match store.abandon(time) {
                Ok(()) => say("abandoned"),
                Err(error) => say(&format!("failed {:?}", error.kind())),
            },
        }
    }
}

/// A third of the changes are committed at their end.
fn flush_of(name: Name) -> Flush {
    if (name.client + name.number).is_multiple_of(3) {
        Flush::AtEnd
    } else {
        Flush::EachTable
    }
}

fn acknowledge(name: Name, time: i64) {
    say(&format!("acknowledged {} {time}", name.number));
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{line}").unwrap();
    out.flush().unwrap();
}

/// Says where it is, and waits: to be killed, or to be told to go on.
fn stop(work: Work, moment: Moment) {
    say(&format!("stopped {work:?} {moment:?}"));
    wait_to_be_told();
}

fn wait_to_be_told() {
    let mut line = [0];
    std::io::stdin().read_exact(&mut line).unwrap();
}

/// A process that follows its orders.
struct Worker {
    child: Child,
    stdin: ChildStdin,
    /// None where it is read elsewhere.
    out: Option<BufReader<ChildStdout>>,
}

impl Worker {
    /// The rest of the next line that begins with a word; `None` where the process ends before.
    fn next(&mut self, word: &str) -> Option<String> {
        let out = self.out.as_mut().unwrap();
        let mut line = String::new();
        loop {
            line.clear();
            if out.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(rest) = line.strip_prefix(word) {
                return Some(rest.trim().to_string());
            }
        }
    }

    /// Where it has stopped; `None` where it came to its end.
    fn stopped(&mut self) -> Option<String> {
        self.next("stopped ")
    }

    fn go_on(&mut self) {
        self.stdin.write_all(b"\n").unwrap();
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As whoever presses Ctrl-Z, or lets a laptop sleep.
    fn freeze(&self) {
        self.signal("STOP");
    }

    fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success(), "{kill}");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Also where the test fails: a process that waits would wait for ever.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The changes of a file, made again in memory in the order of their times.
struct Oracle {
    depot: Depot,
    store: MemoryStore,
    applied: i64,
    committed: Vec<(Name, i64)>,
    /// What the views were at each time.
    past: Vec<(i64, Totals, Digits)>,
    /// How many of these were compared.
    compared: usize,
}

type Totals = Vec<(Total, Weight)>;
type Digits = Vec<(Keyed<i64, Weight>, Weight)>;

impl Oracle {
    fn new() -> Self {
        let depot = depot(false);
        Self {
            store: MemoryStore::new(&depot.graph),
            depot,
            applied: 0,
            committed: Vec::new(),
            past: Vec::new(),
            compared: 0,
        }
    }

    /// Compares the views with what the changes say that are committed, in one state of the file.
    #[track_caller]
    fn check(&mut self, reader: &SqliteStore, of: &Depot) {
        let one_state = reader.view(of.totals).iter().unwrap();
        let complete = reader.time().unwrap();
        let sql = "SELECT change_id, t FROM deltaview_changes WHERE t > ?1 AND t <= ?2 ORDER BY t";
        let mut statement = reader.connection().prepare(sql).unwrap();
        let found = statement.query_map([self.applied, complete], |row| {
            Ok((Name::of(&row.get::<_, String>(0)?), row.get::<_, i64>(1)?))
        });
        for change in found.unwrap() {
            let (name, time) = change.unwrap();
            assert!(
                time > self.applied,
                "{name:?} is at {time}, and so is another one"
            );
            self.store.commit(&name.change(&self.depot)).unwrap();
            self.committed.push((name, time));
            self.applied = time;
            let (totals, digits) = self.views();
            self.past.push((time, totals, digits));
        }
        assert_eq!(complete, self.applied, "the last time is that of a change");
        let (totals, digits) = self.views();
        assert_eq!(rows(reader, of.totals), totals, "at {complete}");
        assert_eq!(rows(reader, of.digits), digits, "at {complete}");
        self.check_past(reader, of, self.compared);
        self.compared = self.past.len();
        drop(one_state);
    }

    fn views(&self) -> (Totals, Digits) {
        let totals = self.store.view(self.depot.totals).iter().unwrap();
        let digits = self.store.view(self.depot.digits).iter().unwrap();
        (
            totals.map(Result::unwrap).collect(),
            digits.map(Result::unwrap).collect(),
        )
    }

    /// Compares the views as of the times from a place on: whatever was abandoned, taken over or begun again was never
    /// there.
    #[track_caller]
    fn check_past(&self, reader: &SqliteStore, of: &Depot, from: usize) {
        let horizon = reader.view(of.digits).horizon().unwrap();
        let first = self.past.len().saturating_sub(RECENT as usize);
        let forgets = self.past.len() >= RECENT as usize;
        assert_eq!(horizon, if forgets { self.past[first].0 } else { 0 });
        for (n, (time, totals, digits)) in self.past.iter().enumerate().skip(from) {
            // Up to the next one nothing changes, whatever times are lost.
            let until = self.past.get(n + 1).map_or(*time, |next| next.0 - 1);
            for time in [*time, until] {
                let then = reader.view(of.totals).as_of(time).unwrap();
                let then: Vec<_> = then.iter().unwrap().map(Result::unwrap).collect();
                assert_eq!(then, *totals, "as of {time}");
                if time >= horizon {
                    let then = reader.view(of.digits).as_of(time).unwrap();
                    let then: Vec<_> = then.iter().unwrap().map(Result::unwrap).collect();
                    assert_eq!(then, *digits, "as of {time}");
                }
            }
        }
    }

    /// The same, when nobody is at work: nothing is left of the way there.
    #[track_caller]
    fn check_end(&mut self, reader: &SqliteStore, of: &Depot) {
        self.check(reader, of);
        self.check_past(reader, of, 0);
        let status = reader.status().unwrap();
        assert!(status.in_flight.is_empty(), "{status:?}");
        for table in ["deltaview_times", "deltaview_journal"] {
            let sql = format!("SELECT count(*) FROM {table}");
            let left: i64 = reader
                .connection()
                .query_row(&sql, [], |row| row.get(0))
                .unwrap();
            assert_eq!(left, 0, "rows in {table}");
        }
        let mut names: Vec<Name> = self.committed.iter().map(|(name, _)| *name).collect();
        names.sort();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "a change is there twice");
    }

    #[track_caller]
    fn has(&self, name: Name, time: i64) {
        assert!(
            self.committed.contains(&(name, time)),
            "{name:?} was acknowledged at {time}"
        );
    }
}

/// A new file with a few changes in it, and a store on it.
fn begun(lease: Duration) -> (Temp, Depot, SqliteStore) {
    let (temp, depot) = (Temp::new(), depot(false));
    let mut store = options(lease).open(temp.db(), &depot.graph).unwrap();
    for number in 1..4 {
        let name = Name::new(0, number);
        name.commit(&mut store, &depot, Flush::AtEnd).unwrap();
    }
    (temp, depot, store)
}

/// A survivor makes a change of its own, and finishes what is in the way. What has halted is resumed: its program is right.
fn survive(store: &mut SqliteStore, depot: &Depot, name: Name, flush: Flush) -> i64 {
    loop {
        match name.commit(store, depot, flush) {
            Ok(committed) => return committed.time(),
            Err(error) if error.kind() == ErrorKind::Halted => {
                store.resume().unwrap();
            }
            Err(error) => panic!("{name:?}: {error}"),
        }
    }
}
