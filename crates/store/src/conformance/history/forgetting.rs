//! Forgetting: by hand, in steps, and by what the retention of a view says.

use std::time::{Duration, SystemTime};

use deltaview_graph::{Edit, Retention};

use super::super::Harness;
use super::super::rows::Line;
use super::super::support::{Dice, Must, MustNot, Opened, graph, weighted};
use super::copies::{Copies, Query, check_forgotten};
use super::reading::run;
use crate::{ErrorKind, Store};

pub fn what_is_forgotten_is_an_error_and_the_rest_stays<H: Harness>() {
    let query = Query::new();
    let (mut dice, mut copies) = (Dice::new(12), Copies::new());
    let mut it = Opened::<H>::new(&query.graph);
    it = run(it, &query, &mut copies, &mut dice, 25);
    let mut horizon = 0;
    for part in [4, 2, 1] {
        horizon = copies.last() - copies.last() / (8 / part) - 1;
        let before = it.view(query.by_basket).horizon().must();
        let forgotten = it.forget_before(query.by_basket, horizon).must();
        assert!(forgotten.is_done);
        assert_eq!(forgotten.horizon, horizon.max(before));
        horizon = forgotten.horizon;
        let last = it.store.time().must();
        // All of one view; the others stay as they are.
        check_forgotten(&*it, query.by_basket, horizon - 1);
        check_forgotten(&*it, query.by_product, 0);
        assert_eq!(it.view(query.met).horizon().must(), 0);
        let met = it.view(query.met).as_of(1).must();
        assert_eq!(&met.iter().must().into_zset().must(), copies.met.at(1));
        for time in [horizon, (horizon + last) / 2, last] {
            copies.check_at(&*it, &query, time, &mut dice);
        }
        let times: Vec<_> = it
            .view(query.by_basket)
            .times()
            .must()
            .map(Must::must)
            .collect();
        let behind = copies.lines.deltas.range(horizon + 1..);
        let expected: Vec<_> = behind.map(|(time, _)| *time).rev().collect();
        assert_eq!(times, expected);
        let net = copies.lines.at(last).try_sub(copies.lines.at(horizon));
        let between = it.view(query.by_basket).between(horizon, last);
        assert_eq!(between.must(), net.must());
        it = run(it, &query, &mut copies, &mut dice, 5);
    }
    it.forget_before(query.by_id, horizon).must();
    it.forget_before(query.sums, horizon).must();
    it.forget_before(query.met, horizon).must();
    copies.check_versions(&*it, &query, (copies.last(), horizon));
    it = it.reopened();
    assert_eq!(it.view(query.met).horizon().must(), horizon);
    check_forgotten(&*it, query.met, horizon - 1);
    copies.check_at(&*it, &query, horizon, &mut dice);
    let now = copies.last();
    // All of the past: the present stays.
    for time in [now, now] {
        it.forget_before(query.by_basket, time).must();
    }
    copies.check_at(&*it, &query, now, &mut dice);
    let again = it.forget_before(query.by_basket, now).must();
    assert_eq!(
        (again.rows, again.is_done),
        (0, true),
        "there is nothing left"
    );
    it = run(it, &query, &mut copies, &mut dice, 5);
    copies.check_at(&*it, &query, now, &mut dice);
    copies.check_at(&*it, &query, copies.last(), &mut dice);
}

pub fn forgetting_goes_in_steps_while_others_commit<H: Harness>() {
    let (graph, (lines, view)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let view = lines.view_by("view", Line::by_basket());
        (lines.handle(), g.with_history(view, Retention::Forever))
    });
    let mut it = Opened::<H>::new(&graph);
    let row = |number: u32| (Line::new(number, "tv", 1), 1);
    let all = weighted((0..200).map(row));
    for _ in 0..4 {
        it.change().add(lines, all.clone()).commit().must();
        it.change().add(lines, all.try_neg().must()).commit().must();
    }
    it.change().add(lines, all.clone()).commit().must();
    let mut other = it.harness.beside(&it.store);
    let (mut steps, mut rows) = (0, 0);
    loop {
        let step = it.forget_step(view, 9, 50).must();
        // From the first step on nobody reads what goes.
        assert_eq!(step.horizon, 9);
        check_forgotten(&*it, view, 8);
        rows += step.rows;
        steps += 1;
        assert!(step.rows <= 1000, "a step is short: {step:?}");
        if step.is_done {
            break;
        }
        let line = Line::new(1000 + steps, "radio", 1);
        other.change().insert(lines, [line]).commit().must();
        let then = it.view(view).as_of(9).must();
        assert_eq!(then.iter().must().into_zset().must(), all);
    }
    assert!(steps > 3, "{rows} rows went in {steps} steps");
    let last = it.store.time().must();
    let expected = all.len() + it.view(view).range(1000..).must().count();
    assert_eq!(
        it.view(view).as_of(last).must().iter().must().count(),
        expected
    );
    // A time before the horizon moves nothing.
    let step = it.forget_step(view, 3, 50).must();
    assert_eq!((step.horizon, step.rows, step.is_done), (9, 0, true));
}

pub fn who_reads_what_is_forgotten_meanwhile_is_told<H: Harness>() {
    let (graph, (lines, view)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let view = lines.view_by("view", Line::by_basket());
        (lines.handle(), g.with_history(view, Retention::Forever))
    });
    let mut it = Opened::<H>::new(&graph);
    let row = |number: u32| (Line::new(number, "tv", 1), 1);
    let all = weighted((0..3000).map(row));
    it.change().add(lines, all.clone()).commit().must();
    it.change().add(lines, all.try_neg().must()).commit().must();
    for number in 0..600 {
        it.change()
            .add(lines, weighted([row(number)]))
            .commit()
            .must();
    }
    let mut other = it.harness.beside(&it.store);
    let mut rows = it.view(view).as_of(1).must().iter().must();
    let mut deltas = it.view(view).deltas(1, 600).must();
    let mut read: Vec<_> = rows.by_ref().take(5).map(Must::must).collect();
    let mut times: Vec<_> = deltas.by_ref().take(5).map(|it| it.must().time()).collect();
    other.forget_before(view, 602).must();
    // What was begun comes to its end as it was, or ends in the error: nothing is left out.
    loop {
        match rows.next() {
            Some(Ok(row)) => read.push(row),
            Some(Err(error)) => {
                assert_eq!(error.kind(), ErrorKind::Forgotten, "{error}");
                assert!(rows.next().is_none());
                break;
            }
            None => {
                assert_eq!(read.len(), 3000);
                break;
            }
        }
    }
    let numbers: Vec<u32> = read.iter().map(|(row, _)| row.basket).collect();
    assert_eq!(numbers, (0..numbers.len() as u32).collect::<Vec<_>>());
    loop {
        match deltas.next() {
            Some(Ok(delta)) => times.push(delta.time()),
            Some(Err(error)) => {
                assert_eq!(error.kind(), ErrorKind::Forgotten, "{error}");
                break;
            }
            None => {
                assert_eq!(times.len(), 599);
                break;
            }
        }
    }
    assert_eq!(times, (2..2 + times.len() as i64).collect::<Vec<_>>());
    drop((rows, deltas));
    let present = weighted((0..600).map(row));
    assert_eq!(it.rows(view), present);
    let then = it.view(view).as_of(602).must();
    assert_eq!(then.iter().must().into_zset().must(), present);
}

pub fn the_last_times_are_kept<H: Harness>() {
    let query = Query::of_times(5);
    let (mut dice, mut copies) = (Dice::new(13), Copies::new());
    let mut it = Opened::<H>::new(&query.graph);
    let mut times = vec![0];
    for _ in 0..30 {
        it = run(it, &query, &mut copies, &mut dice, 1);
        times.push(copies.last());
        let horizon = it.view(query.by_id).horizon().must();
        let expected = times.len().checked_sub(5).filter(|place| *place > 0);
        assert_eq!(horizon, expected.map_or(0, |place| times[place]));
        if horizon > 0 {
            check_forgotten(&*it, query.by_id, horizon - 1);
            check_forgotten(&*it, query.met, 0);
        }
        copies.check_at(&*it, &query, horizon, &mut dice);
    }
    let horizon = it.view(query.by_id).horizon().must();
    copies.check_at(&*it, &query, copies.last(), &mut dice);
    copies.check_versions(&*it, &query, (copies.last(), horizon));
    // Commits have swept: nothing much is left to do.
    for _ in 0..3 {
        it = run(it, &query, &mut copies, &mut dice, 1);
    }
    let horizon = it.view(query.met).horizon().must();
    let left = it.forget_before(query.met, horizon).must();
    assert!(left.is_done && left.rows <= 64, "{left:?}");
    assert_eq!(left.horizon, horizon);
}

pub fn a_span_of_time_is_kept<H: Harness>() {
    // No two commits are so far apart, and all are.
    let ages = Query::keeping(Retention::Span(Duration::from_secs(1_000_000)));
    let (mut dice, mut copies) = (Dice::new(14), Copies::new());
    let it = run(
        Opened::<H>::new(&ages.graph),
        &ages,
        &mut copies,
        &mut dice,
        8,
    );
    assert_eq!(it.view(ages.by_id).horizon().must(), 0);
    for time in 0..=copies.last() {
        copies.check_at(&*it, &ages, time, &mut dice);
    }
    let moment = Query::keeping(Retention::Span(Duration::from_millis(1)));
    let mut copies = Copies::new();
    let mut it = Opened::<H>::new(&moment.graph);
    for _ in 0..8 {
        it = run(it, &moment, &mut copies, &mut dice, 1);
        let committed = it.instant_of(copies.last()).must().expect("it was");
        while SystemTime::now() <= committed + Duration::from_millis(3) {
            std::thread::yield_now();
        }
        let horizon = it.view(moment.by_id).horizon().must();
        copies.check_at(&*it, &moment, horizon, &mut dice);
        copies.check_at(&*it, &moment, copies.last(), &mut dice);
    }
    // What was current a millisecond before the last commit is the state of the one before.
    let horizon = it.view(moment.by_id).horizon().must();
    assert!(0 < horizon && horizon < copies.last());
    check_forgotten(&*it, moment.by_id, horizon - 1);
    let times: Vec<_> = it
        .view(moment.by_basket)
        .times()
        .must()
        .map(Must::must)
        .collect();
    assert!(times.iter().all(|time| *time > horizon));
    // An instant before all that is recorded is forgotten too.
    let long_ago = SystemTime::UNIX_EPOCH;
    let error = it.time_at(long_ago).must_not();
    assert_eq!(error.kind(), ErrorKind::Forgotten, "{error}");
}
