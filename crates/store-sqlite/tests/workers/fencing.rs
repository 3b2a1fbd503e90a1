//! Workers that come back, that fail, and that have another program.

use std::time::{Duration, Instant};

use deltaview_graph::Graph;
use deltaview_schema::Index;
use deltaview_store::{ErrorKind, Flush, Store};

use super::{MARGIN, options};
use crate::common::{Temp, assert_error, dump};
use crate::killed::oracle::Oracle;
use crate::killed::process::{Orders, Stop, What, Worker};
use crate::killed::{BAD, Item, LONG, Name, Place, Product, Sold, begun, survive};

const LEASE: Duration = Duration::from_millis(120);
const FIRST: Name = Name {
    client: 1,
    number: 1,
};
const SECOND: Name = Name {
    client: 2,
    number: 1,
};

/// A worker is stopped for longer than its lease, wherever it holds no lock of the file, and goes on. Somebody else has
/// finished its change, or removed what was not yet journaled: it is answered, and not doubled.
#[test]
fn a_worker_that_comes_back_is_fenced() {
    let test = "fencing::a_worker_that_comes_back_is_fenced";
    if let Some(orders) = Orders::of_this_process() {
        orders.follow::<Temp>();
        return;
    }
    let mut finished = 0;
    for point in 1.. {
        let (temp, depot, mut store) = begun::<Temp>(LEASE);
        let what = What::Commit(FIRST, Flush::EachTable, LONG);
        let orders = Orders::new(temp.address(), LEASE, what);
        let mut worker = orders.stop(Stop::Point(point)).start(test);
        let Some(stopped) = worker.stopped() else {
            assert!(point > 10);
            break;
        };
        if stopped.ends_with("Written") {
            // It has the lock of the file, and would have it as long as it is stopped.
            continue;
        }
        freeze(&worker, &temp);
        let began = Instant::now();
        survive(&mut store, &depot, SECOND, Flush::EachTable);
        assert!(began.elapsed() < LEASE + MARGIN, "{stopped}");
        let mut oracle = Oracle::new();
        oracle.check_end(&temp, &store, &depot);
        let was_finished = oracle.committed.iter().find(|(name, _)| *name == FIRST);
        let was_finished = was_finished.map(|(_, time)| *time);
        finished += usize::from(was_finished.is_some());
        worker.go_on();
        worker.thaw();
        let answer = worker.next("acknowledged ").unwrap();
        let time: i64 = answer.split_once(' ').unwrap().1.parse().unwrap();
        oracle.check_end(&temp, &store, &depot);
        oracle.has(FIRST, time);
        if let Some(was_finished) = was_finished {
            assert_eq!(time, was_finished, "{stopped}");
        }
    }
    assert!(finished > 3, "{finished} were finished by the other one");
}

/// Stops a worker where it has no lock of the file: its heart beats while it waits, and a process that is stopped in the
/// middle of a transaction holds everybody up, whatever we do.
fn freeze(worker: &Worker, temp: &Temp) {
    let conn = temp.connection();
    conn.busy_timeout(Duration::from_millis(100)).unwrap();
    loop {
        worker.freeze();
        if conn.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok() {
            return;
        }
        worker.thaw();
    }
}

/// The same graph as an older program had it: the totals are of another type.
fn older() -> Graph {
    let built = Graph::build("depot", |g| {
        let by_id = || Index::new("id", |product: &Product| product.id);
        let products = g.table("products", by_id());
        let items = g.input::<Item>("items");
        let by_product = Index::new("product", |item: &Item| item.product);
        let joined = items.join(products, by_product, by_id());
        joined
            .group_by(Index::new("sold", |sold: &Sold| sold.left.product))
            .count()
            .named("totals")
            .view("of products");
    });
    built.unwrap().0
}

/// Also in the middle of a change.
#[test]
fn an_older_graph_is_refused_and_nothing_is_touched() {
    let test = "fencing::an_older_graph_is_refused_and_nothing_is_touched";
    if let Some(orders) = Orders::of_this_process() {
        orders.follow::<Temp>();
        return;
    }
    let (temp, depot, store) = begun::<Temp>(LONG);
    let what = What::Commit(FIRST, Flush::EachTable, LONG);
    // A stage is committed, and its lease is long.
    let orders = Orders::new(temp.address(), LONG, what);
    let mut worker = orders.stop(Stop::Stage).start(test);
    assert_eq!(worker.stopped().unwrap(), "OneStage Committed");
    let before = dump(&temp.connection());
    let older = older();
    for error in [
        options(LONG).open(temp.db(), &older).unwrap_err(),
        options(LONG).open_existing(temp.db(), &older).unwrap_err(),
        options(LONG).open_read_only(temp.db(), &older).unwrap_err(),
    ] {
        assert_error(&error, ErrorKind::Mismatch, &["depot", "of products"]);
    }
    assert_eq!(dump(&temp.connection()), before);
    worker.go_on();
    let answer = worker.next("acknowledged ").unwrap();
    let time = answer.split_once(' ').unwrap().1.parse().unwrap();
    let mut oracle = Oracle::new();
    oracle.check_end(&temp, &store, &depot);
    oracle.has(FIRST, time);
}

/// A closure panics in a later stage: whoever waits is told at once, long before any lease or deadline is over; nothing
/// that was answered is lost; and a program in which it does not panic goes on.
#[test]
fn a_worker_that_fails_halts_and_a_fixed_program_resumes() {
    let test = "fencing::a_worker_that_fails_halts_and_a_fixed_program_resumes";
    if let Some(orders) = Orders::of_this_process() {
        orders.follow::<Temp>();
        return;
    }
    let bad = Name::new(BAD, 1);
    let (temp, depot, mut store) = begun::<Temp>(LONG);
    let mut other = options(LONG).open(temp.db(), &depot.graph).unwrap();
    let what = What::Commit(bad, Flush::EachTable, LONG);
    let orders = Orders::new(temp.address(), LONG, what).stop(Stop::Stage);
    let mut worker = orders.fails(true).start(test);
    assert_eq!(worker.stopped().unwrap(), "OneStage Committed");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let waited = FIRST.commit(&mut other, &depot, Flush::AtEnd);
            (waited.unwrap_err(), Instant::now())
        });
        while store.status().unwrap().in_flight.len() < 2 {
            assert!(!waiting.is_finished(), "it waits for the one before it");
            std::thread::yield_now();
        }
        let began = Instant::now();
        worker.go_on();
        assert_eq!(worker.next("failed ").unwrap(), "Tick");
        let (error, told) = waiting.join().unwrap();
        assert!(told - began < MARGIN);
        assert_error(&error, ErrorKind::Halted, &["a bad product", "4"]);
    });
    // Whoever comes now, too; and views are as they were.
    let error = SECOND
        .commit(&mut store, &depot, Flush::EachTable)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Halted, "{error}");
    let mut oracle = Oracle::new();
    oracle.check(&temp, &store, &depot);
    assert_eq!(oracle.committed.len(), 3);
    assert_eq!(store.resume().unwrap(), 4);
    oracle.check_end(&temp, &store, &depot);
    oracle.has(bad, 4);
    for name in [FIRST, SECOND] {
        let time = survive(&mut store, &depot, name, Flush::AtEnd);
        oracle.check_end(&temp, &store, &depot);
        oracle.has(name, time);
    }
}
