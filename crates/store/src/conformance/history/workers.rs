//! The past with many workers: what is abandoned or taken back was never there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use deltaview_graph::{Edit, Graph, InputHandle, Retention, ViewHandle};
use deltaview_schema::Index;
use deltaview_zset::{Keyed, Weight, ZSet};

use super::super::Harness;
use super::super::support::{Must, MustNot, Opened, graph, words};
use crate::{ChangeId, ErrorKind, Flush, Store};

/// Longer than anything takes that is waited for in earnest.
const LONG: Duration = Duration::from_secs(60);

struct Words {
    graph: Graph,
    words: InputHandle<String>,
    copies: ViewHandle<Keyed<String, Weight>, String>,
    counts: ViewHandle<Keyed<i64, Weight>, i64>,
}

/// Words by how often they come, and how often that is, both with history. `meet` is called for each count by a closure
/// of a stage between the first and the last.
fn counted(meet: impl Fn(&Keyed<String, Weight>) + Send + Sync + Clone + 'static) -> Words {
    let (graph, (words, copies, counts)) = graph(|g| {
        let words = g.input::<String>("words");
        let copies = words
            .group_by(Index::new("word", |word: &String| word.clone()))
            .count()
            .named("copies");
        let by_count = Index::new("count", move |copies: &Keyed<String, Weight>| {
            meet(copies);
            copies.value
        });
        let counts = copies.group_by(by_count).count().named("counts");
        let kept = Retention::Forever;
        (
            words.handle(),
            g.with_history(copies.view("of_words"), kept),
            g.with_history(counts.view("of_counts"), kept),
        )
    });
    assert!(graph.stage_count() > 2);
    Words {
        graph,
        words,
        copies,
        counts,
    }
}

/// What the deltas of both views say is what they are, at each time; and the two fit together.
#[track_caller]
fn check<S: Store>(store: &S, it: &Words, times: &[i64]) {
    let last = store.time().must();
    let changed: Vec<i64> = store
        .view(it.copies)
        .times()
        .must()
        .map(Must::must)
        .collect();
    assert_eq!(changed, times.iter().rev().copied().collect::<Vec<_>>());
    let mut sum = ZSet::new();
    for delta in store.view(it.copies).deltas(0, last).must() {
        let delta = delta.must();
        sum = sum.try_add(delta.rows()).must();
        let then = store.as_of(delta.time()).must();
        let copies = then.view(it.copies).iter().must().into_zset().must();
        assert_eq!(copies, sum, "as of {}", delta.time());
        let counted = copies.map(|row| row.value).must();
        let counted = counted
            .iter()
            .map(|(count, weight)| (Keyed::new(*count, weight), 1));
        let counts = then.view(it.counts).iter().must().into_zset().must();
        assert_eq!(
            counts,
            ZSet::from_pairs(counted).must(),
            "as of {}",
            delta.time()
        );
    }
    let present = store.view(it.copies).iter().must().into_zset().must();
    assert_eq!(present, sum);
}

pub fn what_is_abandoned_was_never_there<H: Harness>() {
    let fails = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&fails);
    let it = counted(move |copies| {
        assert!(
            !(copies.key == "bad" && failing.load(Ordering::SeqCst)),
            "a bad word"
        );
    });
    let mut store = Opened::<H>::new(&it.graph);
    let mut commit = |word: &str| {
        let change = store.change().insert(it.words, words([word]));
        change.at(Flush::EachTable).within(LONG).commit()
    };
    assert_eq!(commit("good").must().time(), 1);
    fails.store(true, Ordering::SeqCst);
    commit("bad").must_not();
    // It has passed its first stage, and no view shows it.
    assert_eq!(store.time().must(), 1);
    assert_eq!(
        store.view(it.copies).as_of(2).must_not().kind(),
        ErrorKind::NotYet
    );
    check(&*store, &it, &[1]);
    store.abandon(2).must();
    store = store.reopened();
    check(&*store, &it, &[1]);
    fails.store(false, Ordering::SeqCst);
    for flush in [Flush::AtEnd, Flush::EachTable] {
        let change = store.change().insert(it.words, words(["bad", "good"]));
        change.at(flush).commit().must();
    }
    let versions: Vec<_> = store
        .view(it.copies)
        .versions(&"good".to_string())
        .must()
        .map(|version| version.must().row.value)
        .collect();
    assert_eq!(versions, [3, 2, 1]);
    let last = store.time().must();
    check(&*store, &it, &[1, last - 1, last]);
}

pub fn what_is_resumed_is_there_once<H: Harness>() {
    let fails = Arc::new(AtomicBool::new(true));
    let failing = Arc::clone(&fails);
    let it = counted(move |copies| {
        assert!(
            !(copies.key == "bad" && failing.load(Ordering::SeqCst)),
            "a bad word"
        );
    });
    let mut store = Opened::<H>::new(&it.graph);
    let change = store.change().insert(it.words, words(["bad", "good"]));
    change.at(Flush::EachTable).commit().must_not();
    check(&*store, &it, &[]);
    fails.store(false, Ordering::SeqCst);
    assert_eq!(store.resume().must(), 1);
    check(&*store, &it, &[1]);
    let change = store.change().insert(it.words, words(["bad"]));
    assert_eq!(change.commit().must().time(), 2);
    check(&*store, &it, &[1, 2]);
}

/// One iteration goes ahead of an earlier one, which is abandoned: it is taken back, and made again by whoever comes next.
pub fn what_was_taken_back_and_made_again_is_there_once<H: Harness>() {
    if !H::STAGES_OVERLAP {
        return;
    }
    let (reached, is_reached) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let wait = Arc::new(std::sync::Mutex::new(wait));
    let fails = Arc::new(AtomicBool::new(true));
    let failing = Arc::clone(&fails);
    let it = counted(move |copies| {
        if copies.key == "bad" && failing.load(Ordering::SeqCst) {
            reached.send(()).expect("the case waits for it");
            let wait = wait.lock().expect("nobody panics with it");
            wait.recv_timeout(LONG).expect("the case goes on");
            panic!("a bad word");
        }
    });
    let mut store = Opened::<H>::new(&it.graph);
    let mut other = store.harness.beside(&store.store);
    std::thread::scope(|scope| {
        let it = &it;
        let bad = scope.spawn(|| {
            let change = store
                .store
                .change()
                .insert(it.words, words(["bad", "word"]));
            change.at(Flush::EachTable).within(LONG).commit()
        });
        let waited = is_reached.recv_timeout(LONG);
        waited.expect("it is in its second stage");
        let ahead = scope.spawn(|| {
            let change = other.change().insert(it.words, words(["word"]));
            let change = change.at(Flush::EachTable).within(LONG);
            let name = ChangeId::new("ahead").expect("a short name");
            change.change_id(name).commit()
        });
        let third = &mut store.harness.open(&it.graph).must();
        let deadline = Instant::now() + LONG;
        let has_passed = || {
            let status = third.status().must();
            let mut times = status.in_flight.iter();
            times.any(|time| time.time == 2 && time.passed > 0)
        };
        while !has_passed() {
            assert!(Instant::now() < deadline, "it goes ahead");
            std::thread::yield_now();
        }
        go.send(()).expect("it waits for it");
        bad.join().expect("no panic").must_not();
        ahead.join().expect("no panic").must_not();
    });
    check(&*store, &it, &[]);
    fails.store(false, Ordering::SeqCst);
    store.abandon(1).must();
    check(&*store, &it, &[]);
    let change = store.change().insert(it.words, words(["last"]));
    let last = change.at(Flush::EachTable).within(LONG).commit().must();
    assert_eq!(last.time(), 3);
    check(&*store, &it, &[2, 3]);
    let versions = store.view(it.copies).versions(&"bad".to_string()).must();
    assert_eq!(versions.count(), 0);
}

pub fn many_workers_make_one_past<H: Harness>() {
    let it = counted(|_| {});
    let store = Opened::<H>::new(&it.graph);
    let workers: Vec<H::Store> = (0..3).map(|_| store.harness.beside(&store.store)).collect();
    let (it, mut times) = (&it, Vec::new());
    std::thread::scope(|scope| {
        let workers = workers.into_iter().enumerate().map(|(worker, mut store)| {
            scope.spawn(move || {
                let mut times = Vec::new();
                for round in 0..10 {
                    let flush = [Flush::AtEnd, Flush::EachTable][(worker + round) % 2];
                    let word = "x".repeat(1 + (worker + round) % 4);
                    let change = store.change().insert(it.words, [word]);
                    let committed = change.at(flush).within(LONG).commit().must();
                    times.push(committed.time());
                }
                times
            })
        });
        let workers: Vec<_> = workers.collect();
        for worker in workers {
            times.extend(worker.join().expect("no panic"));
        }
    });
    times.sort_unstable();
    check(&*store, it, &times);
    let instants: Vec<_> = times
        .iter()
        .map(|time| store.instant_of(*time).must().expect("it was committed"))
        .collect();
    assert!(instants.is_sorted(), "instants never run backwards");
}
