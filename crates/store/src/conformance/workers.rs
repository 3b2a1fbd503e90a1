//! Many workers on one store: times, names of changes, stages, what halts and how it goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use deltaview_graph::{Edit, Graph, InputHandle, ViewHandle};
use deltaview_schema::Index;
use deltaview_zset::{Keyed, Weight};

use super::Harness;
use super::rows::{Account, Line, Product};
use super::support::{Dice, Must, Opened, failed, graph, once, words};
use crate::{ChangeId, Committed, Error, ErrorKind, Flush, Store, Time};

/// Longer than anything takes that is waited for in earnest.
const LONG: Duration = Duration::from_secs(60);

struct Words {
    graph: Graph,
    words: InputHandle<String>,
    lengths: ViewHandle<Keyed<i64, Weight>, i64>,
    /// While it is set, a closure of the second stage panics on the word `bad`.
    fails: Arc<AtomicBool>,
}

/// Words counted by their lengths, and lengths by how often they come: three stages.
fn counted() -> Words {
    let fails = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&fails);
    let (graph, (words, lengths)) = graph(|g| {
        let words = g.input::<String>("words");
        let copies = words
            .group_by(Index::new("word", |word: &String| word.clone()))
            .count()
            .named("copies");
        let by_length = Index::new("length", move |copies: &Keyed<String, Weight>| {
            assert!(
                !(copies.key == "bad" && failing.load(Ordering::SeqCst)),
                "a bad word"
            );
            i64::try_from(copies.key.len()).expect("short")
        });
        let lengths = copies.group_by(by_length).count().named("lengths");
        // Read by more than the view: so the groups are of a stage of their own.
        lengths.output("seen");
        (words.handle(), lengths.view("view"))
    });
    assert!(graph.stage_count() > 2);
    Words {
        graph,
        words,
        lengths,
        fails,
    }
}

fn name(name: &str) -> ChangeId {
    ChangeId::new(name).expect("a short name")
}

fn commit<S: Store>(
    store: &mut S,
    it: &Words,
    word: &str,
    flush: Flush,
) -> Result<Committed, Error> {
    store
        .change()
        .insert(it.words, [word.to_string()])
        .at(flush)
        .within(LONG)
        .commit()
}

pub fn times_of_ones_own_grow<H: Harness>() {
    let it = counted();
    let mut store = Opened::<H>::new(&it.graph);
    let mut at = |time: i64, word: &str| {
        let change = store.change().insert(it.words, words([word]));
        change.at(Time::at(time)).commit()
    };
    assert_eq!(at(10, "a").must().time(), 10);
    for past in [10, 9, 0, -1] {
        let error = at(past, "b").expect_err("a time that is past");
        assert_eq!(error.kind(), ErrorKind::PastTime, "{error}");
    }
    assert_eq!(at(12, "c").must().time(), 12);
    let next = commit(&mut *store, &it, "d", Flush::AtEnd).must();
    assert_eq!(next.time(), 13);
    assert_eq!(store.time().must(), 13);
    let next = commit(&mut *store, &it, "e", Flush::EachTable).must();
    assert_eq!(next.time(), 14);
    assert_eq!(
        store.view(it.lengths).get(&1).must(),
        Some(Keyed::new(1, 4))
    );
}

pub fn a_change_that_is_made_again_under_its_name_is_answered<H: Harness>() {
    let it = counted();
    let mut store = Opened::<H>::new(&it.graph);
    for flush in [Flush::AtEnd, Flush::EachTable] {
        let id = name(flush.as_str());
        let mut make = || {
            let change = store.change().insert(it.words, words(["word"]));
            change.at(flush).change_id(id.clone()).commit()
        };
        let first = make().must();
        assert!(first.is_known());
        let again = make().must();
        assert_eq!(again.time(), first.time());
        assert!(!again.is_known());
        let error = again.get(it.lengths).expect_err("it was not computed");
        assert_eq!(error.kind(), ErrorKind::NotKnown);
        store = store.reopened();
        let change = store.change().insert(it.words, words(["word"]));
        let again = change.at(flush).change_id(id).commit().must();
        assert_eq!(again.time(), first.time());
    }
    assert_eq!(store.time().must(), 2);
}

pub fn a_change_that_failed_can_be_made_again_under_its_name<H: Harness>() {
    let it = counted();
    let mut store = Opened::<H>::new(&it.graph);
    it.fails.store(true, Ordering::SeqCst);
    let make = |store: &mut H::Store| {
        let change = store.change().insert(it.words, words(["bad"]));
        change.change_id(name("it")).commit()
    };
    make(&mut store).expect_err("a closure panics");
    it.fails.store(false, Ordering::SeqCst);
    assert!(make(&mut store).must().is_known());
}

pub fn a_frontier_is_waited_for<H: Harness>() {
    let it = counted();
    let mut store = Opened::<H>::new(&it.graph);
    let mut other = store.harness.beside(&store.store);
    for (time, flush) in [(6, Flush::AtEnd), (9, Flush::EachTable)] {
        let behind = Time::at(time).after(time - 1).flush(flush);
        let change = store.change().insert(it.words, words(["late"]));
        let error = change.at(behind).within(Duration::ZERO).commit();
        let error = error.expect_err("nobody has made a change at the frontier");
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(
            error.to_string().contains(&(time - 1).to_string()),
            "{error}"
        );
        std::thread::scope(|scope| {
            let late = scope.spawn(|| {
                let change = store.store.change().insert(it.words, words(["late"]));
                change.at(behind).within(LONG).commit()
            });
            let change = other.change().insert(it.words, words(["first"]));
            let first = change.at(Time::at(time - 1)).within(LONG).commit();
            assert_eq!(first.must().time(), time - 1);
            assert_eq!(late.join().expect("no panic").must().time(), time);
        });
    }
    let change = store.change().insert(it.words, words(["x"]));
    let error = change.at(Time::at(20).after(20)).commit();
    assert_eq!(error.expect_err("its own time").kind(), ErrorKind::PastTime);
    assert_eq!(store.time().must(), 9);
}

pub fn a_change_in_stages_is_the_same_change<H: Harness>() {
    let (graph, (lines, products, joined, totals)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let products = g.input::<Product>("products");
        let joined = lines.join(products, Line::by_product(), Product::by_name());
        let by_basket = Index::new("basket", |sold: &deltaview_zset::Pair<Line, Product>| {
            sold.left.basket
        });
        let totals = joined
            .group_by(by_basket)
            .sum(|sold| sold.left.quantity * sold.right.price)
            .named("totals");
        let handles = (lines.handle(), products.handle());
        (
            handles.0,
            handles.1,
            joined.output("joined"),
            totals.view("view"),
        )
    });
    assert!(graph.stage_count() > 1);
    let (mut at_end, mut staged) = (Opened::<H>::new(&graph), Opened::<H>::new(&graph));
    let mut dice = Dice::new(5);
    for round in 0..30 {
        let product = |dice: &mut Dice| ["tv", "radio", "lamp"][dice.below(3) as usize];
        let named = product(&mut dice);
        let line = Line::new(dice.below(3) as u32, named, dice.within(1, 3));
        let sold = Product::new(product(&mut dice), dice.within(1, 9));
        let make = |store: &mut H::Store, flush: Flush| {
            let change = store.change().insert(lines, [line.clone()]);
            change.insert(products, [sold.clone()]).at(flush).commit()
        };
        let one = make(&mut at_end, Flush::AtEnd).must();
        let other = make(&mut staged, Flush::EachTable).must();
        assert_eq!(one.time(), other.time());
        assert_eq!(one.get(joined).must(), other.get(joined).must());
        assert_eq!(one.get(totals).must(), other.get(totals).must());
        assert_eq!(at_end.rows(totals), staged.rows(totals), "round {round}");
    }
    assert!(staged.verify(totals).must().is_right());
    assert!(staged.status().must().in_flight.is_empty());
}

pub fn a_failure_in_the_first_stage_leaves_nothing<H: Harness>() {
    let (graph, (words_in, view)) = graph(|g| {
        let words = g.input::<String>("words");
        let checked = words.map(|word: String| {
            assert!(word != "bad", "a bad word");
            word
        });
        let by_word = Index::new("word", |word: &String| word.clone());
        let counts = checked.named("checked").group_by(by_word).count();
        // Read by more than the view: so the groups are of a stage of their own.
        counts.output("seen");
        (words.handle(), counts.view("view"))
    });
    let mut store = Opened::<H>::new(&graph);
    let mut make = |word: &str| {
        let change = store.change().insert(words_in, words([word]));
        change.at(Flush::EachTable).commit()
    };
    let error = make("bad");
    failed(error, "checked");
    assert_eq!(make("good").must().time(), 2);
    failed(make("bad"), "checked");
    // A time that was abandoned is in nobody's way.
    assert_eq!(store.time().must(), 2);
    let next = store.change().insert(words_in, words(["next"]));
    assert_eq!(next.commit().must().time(), 4);
    assert!(store.status().must().in_flight.is_empty());
    assert_eq!(store.rows(view).len(), 2);
}

pub fn a_failure_in_a_later_stage_halts_until_it_is_resumed<H: Harness>() {
    let it = counted();
    let mut store = Opened::<H>::new(&it.graph);
    let mut other = store.harness.beside(&store.store);
    commit(&mut *store, &it, "good", Flush::EachTable).must();
    it.fails.store(true, Ordering::SeqCst);
    let error = commit(&mut *store, &it, "bad", Flush::EachTable).expect_err("a closure panics");
    assert_eq!(error.kind(), ErrorKind::Tick, "{error}");
    let vertex = error
        .tick()
        .expect("a failed iteration")
        .vertex()
        .to_string();
    let status = other.status().must();
    let (time, halt) = status.halted.expect("it has halted");
    assert_eq!((time, &halt.vertex), (2, &vertex));
    assert!(halt.message.contains("a bad word"), "{halt:?}");
    for flush in [Flush::AtEnd, Flush::EachTable] {
        let began = Instant::now();
        let error = commit(&mut other, &it, "next", flush).expect_err("it has halted");
        assert!(began.elapsed() < LONG / 2, "whoever waits is told at once");
        assert_eq!(error.kind(), ErrorKind::Halted, "{error}");
        assert!(error.to_string().contains(&vertex), "{error}");
    }
    assert_eq!(store.time().must(), 1);
    assert_eq!(store.rows(it.lengths), once([Keyed::new(4, 1)]));
    let error = other.resume().expect_err("it fails again");
    assert_eq!(error.kind(), ErrorKind::Tick, "{error}");
    assert!(other.status().must().halted.is_some());
    it.fails.store(false, Ordering::SeqCst);
    assert_eq!(other.resume().must(), 2);
    assert_eq!(store.time().must(), 2);
    assert_eq!(
        store.rows(it.lengths),
        once([Keyed::new(4, 1), Keyed::new(3, 1)])
    );
    assert_eq!(
        store.resume().expect_err("nothing has halted").kind(),
        ErrorKind::NotHalted
    );
    commit(&mut *store, &it, "next", Flush::AtEnd).must();
    assert!(store.verify(it.lengths).is_err(), "words are not stored");
}

pub fn what_is_abandoned_has_never_been<H: Harness>() {
    let it = counted();
    let mut store = Opened::<H>::new(&it.graph);
    commit(&mut *store, &it, "good", Flush::EachTable).must();
    it.fails.store(true, Ordering::SeqCst);
    let change = store
        .change()
        .insert(it.words, words(["bad", "word", "good"]))
        .remove(it.words, words(["good"]));
    change
        .at(Flush::EachTable)
        .commit()
        .expect_err("a closure panics");
    let error = store.abandon(1).expect_err("it is complete");
    assert_eq!(error.kind(), ErrorKind::NotHalted, "{error}");
    store.abandon(2).must();
    it.fails.store(false, Ordering::SeqCst);
    assert!(store.status().must().in_flight.is_empty());
    // What is counted shows what was taken back.
    let next = commit(&mut *store, &it, "word", Flush::EachTable).must();
    assert_eq!(next.time(), 3);
    let next = commit(&mut *store, &it, "bad", Flush::AtEnd).must();
    assert_eq!(next.get(it.lengths).must().weight(&Keyed::new(3, 1)), 1);
    assert_eq!(
        store.rows(it.lengths),
        once([Keyed::new(4, 2), Keyed::new(3, 1)])
    );
}

pub fn later_changes_that_had_gone_ahead_are_made_again<H: Harness>() {
    if !H::STAGES_OVERLAP {
        return;
    }
    let fails = Arc::new(AtomicBool::new(true));
    let failing = Arc::clone(&fails);
    let (reached, is_reached) = mpsc::channel::<()>();
    let (go, may_go) = mpsc::channel::<()>();
    let may_go = std::sync::Mutex::new(may_go);
    let (graph, (words_in, view)) = graph(|g| {
        let words = g.input::<String>("words");
        let by_word = Index::new("word", |word: &String| word.clone());
        let copies = words.group_by(by_word).count().named("copies");
        let by_count = Index::new("copies", move |copies: &Keyed<String, Weight>| {
            if copies.key == "bad" && failing.load(Ordering::SeqCst) {
                reached.send(()).expect("the case waits for it");
                let may_go = may_go.lock().expect("nobody else");
                may_go.recv().expect("the case says so");
                panic!("a bad word");
            }
            copies.value
        });
        let counts = copies.group_by(by_count).count().named("counts");
        (words.handle(), counts.view("view"))
    });
    let mut store = Opened::<H>::new(&graph);
    let mut other = store.harness.beside(&store.store);
    std::thread::scope(|scope| {
        let bad = scope.spawn(|| {
            let change = store.store.change();
            let change = change.insert(words_in, words(["bad", "word"]));
            change.at(Flush::EachTable).within(LONG).commit()
        });
        is_reached
            .recv_timeout(LONG)
            .expect("it is in its second stage");
        let ahead = scope.spawn(|| {
            let change = other.change().insert(words_in, words(["word"]));
            let change = change.at(Flush::EachTable).within(LONG);
            change.change_id(name("ahead")).commit()
        });
        let third = &mut store.harness.open(&graph).must();
        let deadline = Instant::now() + LONG;
        let ahead_has_passed = || {
            let status = third.status().must();
            status
                .in_flight
                .iter()
                .any(|time| time.time == 2 && time.passed > 0)
        };
        while !ahead_has_passed() {
            assert!(Instant::now() < deadline, "it goes ahead");
            std::thread::yield_now();
        }
        go.send(()).expect("it waits for it");
        bad.join().expect("no panic").expect_err("a closure panics");
        let error = ahead.join().expect("no panic").expect_err("it has halted");
        assert_eq!(error.kind(), ErrorKind::Halted, "{error}");
    });
    fails.store(false, Ordering::SeqCst);
    store.abandon(1).must();
    // Whoever comes next brings the one that had gone ahead to its end.
    let change = store.change().insert(words_in, words(["last"]));
    let last = change.at(Flush::EachTable).within(LONG).commit().must();
    assert_eq!(last.time(), 3);
    assert_eq!(store.rows(view), once([Keyed::new(1, 2)]));
    let change = store.change().insert(words_in, words(["word"]));
    let again = change.change_id(name("ahead")).commit().must();
    assert_eq!(again.time(), 2);
}

/// A keyed table whose rows are counted by owner, and these counts counted: a change of it that is computed after an earlier
/// one was abandoned may have no row to change.
pub fn what_was_left_and_does_not_fit_any_more_is_dropped_and_told<H: Harness>() {
    if !H::STAGES_OVERLAP {
        return;
    }
    let (reached, is_reached) = mpsc::channel::<()>();
    let (go, may_go) = mpsc::channel::<()>();
    let may_go = std::sync::Mutex::new(may_go);
    let (graph, (accounts, view)) = graph(|g| {
        let accounts = g.table("accounts", Account::by_id());
        let owners = accounts
            .group_by(Account::by_owner())
            .count()
            .named("owners");
        let by_count = Index::new("count", move |owners: &Keyed<Option<String>, Weight>| {
            if owners.key.as_deref() == Some("bad") {
                reached.send(()).expect("the case waits for it");
                let may_go = may_go.lock().expect("nobody else");
                may_go.recv().expect("the case says so");
                panic!("a bad owner");
            }
            owners.value
        });
        let counts = owners.group_by(by_count).count().named("counts");
        (accounts.handle(), counts.view("view"))
    });
    let mut store = Opened::<H>::new(&graph);
    let mut other = store.harness.beside(&store.store);
    let goes = || Account::new(1, Some("bad"), 0);
    std::thread::scope(|scope| {
        let bad = scope.spawn(|| {
            let change = store.store.change().insert(accounts, [goes()]);
            change.at(Flush::EachTable).within(LONG).commit()
        });
        is_reached
            .recv_timeout(LONG)
            .expect("it is in a later stage");
        // It has deleted the row that the other one has brought, and waits for it in vain.
        let change = other.change().delete(accounts, 1);
        let change = change.at(Flush::EachTable).change_id(name("deleted"));
        let error = change
            .within(Duration::from_millis(300))
            .commit()
            .expect_err("somebody is in the way");
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        let status = other.status().must();
        assert!(
            status
                .in_flight
                .iter()
                .any(|it| it.time == 2 && it.passed > 0)
        );
        go.send(()).expect("it waits for it");
        bad.join().expect("no panic").expect_err("a closure panics");
    });
    store.abandon(1).must();
    let rest = Account::new(2, Some("good"), 0);
    let change = store.change().insert(accounts, [rest]);
    let last = change.at(Flush::EachTable).within(LONG).commit().must();
    let [dropped] = last.dropped() else {
        panic!("one is dropped: {:?}", last.dropped());
    };
    assert_eq!((dropped.time, &dropped.change_id), (2, &name("deleted")));
    assert_eq!(dropped.vertex, "accounts");
    assert_eq!(store.rows(view), once([Keyed::new(1, 1)]));
    assert!(store.status().must().in_flight.is_empty());
    // Its client is told why.
    let change = store.change().delete(accounts, 1);
    let again = change.change_id(name("deleted")).commit();
    failed(again, "accounts");
    let change = store.change().delete(accounts, 2).at(Flush::EachTable);
    assert!(change.commit().must().dropped().is_empty());
}

pub fn many_workers_lose_and_double_nothing<H: Harness>() {
    let it = counted();
    let store = Opened::<H>::new(&it.graph);
    let workers: Vec<H::Store> = (0..4).map(|_| store.harness.beside(&store.store)).collect();
    let (it, mut times) = (&it, Vec::new());
    std::thread::scope(|scope| {
        let workers = workers.into_iter().enumerate().map(|(worker, mut store)| {
            scope.spawn(move || {
                let mut times = Vec::new();
                for round in 0..12 {
                    let flush = if (worker + round) % 3 == 0 {
                        Flush::AtEnd
                    } else {
                        Flush::EachTable
                    };
                    let word = "x".repeat(1 + (worker + round) % 4);
                    let change = store
                        .change()
                        .insert(it.words, [format!("{word}{worker}{round}")]);
                    let id = name(&format!("{worker}, {round}"));
                    let committed = change.at(flush).change_id(id).within(LONG).commit();
                    times.push(committed.must().time());
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
    let mut once_each = times.clone();
    once_each.dedup();
    assert_eq!(times.len(), 48);
    assert_eq!(once_each, times);
    let rows = store.rows(it.lengths);
    let counted: i64 = rows.iter().map(|(group, _)| group.value).sum();
    assert_eq!(counted, 48);
    let status = store.status().must();
    assert!(status.in_flight.is_empty());
    assert_eq!(status.complete, *times.last().expect("there are some"));
}

pub fn one_name_at_two_workers_is_one_change<H: Harness>() {
    let it = counted();
    let store = Opened::<H>::new(&it.graph);
    for (round, flush) in [Flush::AtEnd, Flush::EachTable].into_iter().enumerate() {
        let workers: Vec<H::Store> = (0..3).map(|_| store.harness.beside(&store.store)).collect();
        let mut times = Vec::new();
        std::thread::scope(|scope| {
            let spawn = |mut store: H::Store| {
                let it = &it;
                scope.spawn(move || {
                    let change = store.change().insert(it.words, words(["word"]));
                    let change = change.at(flush).change_id(name(&format!("it {round}")));
                    change.within(LONG).commit().must().time()
                })
            };
            let workers: Vec<_> = workers.into_iter().map(spawn).collect();
            for worker in workers {
                times.push(worker.join().expect("no panic"));
            }
        });
        assert!(times.iter().all(|time| *time == times[0]), "{times:?}");
    }
    assert_eq!(store.rows(it.lengths), once([Keyed::new(4, 1)]));
}

pub fn the_status_says_how_the_workers_stand<H: Harness>() {
    let it = counted();
    let mut store = Opened::<H>::new(&it.graph);
    let stages = it.graph.stage_count();
    commit(&mut *store, &it, "good", Flush::AtEnd).must();
    let status = store.status().must();
    assert_eq!((status.last, status.complete), (1, 1));
    assert_eq!(status.frontiers, vec![1; stages]);
    it.fails.store(true, Ordering::SeqCst);
    commit(&mut *store, &it, "bad", Flush::EachTable).expect_err("a closure panics");
    let status = store.status().must();
    assert_eq!((status.last, status.complete), (2, 1));
    assert_eq!(status.frontiers[0], 2);
    assert_eq!(status.frontiers[stages - 1], 1);
    let [halted] = status.in_flight.as_slice() else {
        panic!("one is in flight: {status:?}");
    };
    assert_eq!((halted.time, halted.passed), (2, 1));
    assert_eq!(halted.flush, Flush::EachTable);
}
