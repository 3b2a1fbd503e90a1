//! Following a view from the past on.

use std::time::Duration;

use deltaview_graph::{Edit, Retention};
use deltaview_schema::Row;

use super::super::Harness;
use super::super::rows::Line;
use super::super::support::{Dice, Must, Opened, graph};
use super::copies::{Copies, Query, Remembered};
use super::reading::run;
use crate::{Store, Subscription};

/// Longer than anything takes that is waited for in earnest.
const LONG: Duration = Duration::from_secs(60);

/// What comes of a view behind a time, up to the last delta that there is, is what was remembered.
#[track_caller]
fn check<T: Row>(subscription: &mut Subscription<T>, copies: &Remembered<T>, behind: i64) {
    for (time, rows) in copies.deltas.range(behind + 1..) {
        let delta = subscription.next_within(LONG).must();
        let delta = delta.expect("there is another one");
        assert_eq!((delta.time(), delta.rows()), (*time, rows));
    }
    assert_eq!(subscription.next_within(Duration::ZERO).must(), None);
}

pub fn a_view_is_followed_from_the_past_on<H: Harness>() {
    let query = Query::new();
    let (mut dice, mut copies) = (Dice::new(15), Copies::new());
    let mut it = Opened::<H>::new(&query.graph);
    it = run(it, &query, &mut copies, &mut dice, 18);
    let now = copies.last();
    let mut of_all = it.view(query.by_basket).since_time(0).must();
    let mut of_some = it.view(query.by_basket).since_time(now / 2).must();
    let mut of_met = it.view(query.met).as_of(now / 3).must().subscribe().must();
    let mut of_accounts = it.view(query.by_owner).since_time(now).must();
    assert_eq!((of_all.time(), of_some.time()), (0, now / 2));
    // Some are read before more is committed, some only afterwards.
    check(&mut of_some, &copies.lines, now / 2);
    for _ in 0..12 {
        let change = copies.change(&query, &mut dice);
        let committed = it.commit(&change).must();
        copies.note(&query, &committed);
    }
    check(&mut of_all, &copies.lines, 0);
    check(&mut of_some, &copies.lines, now);
    check(&mut of_met, &copies.met, now / 3);
    check(&mut of_accounts, &copies.accounts, now);
    let change = copies.change(&query, &mut dice);
    let line = Line::new(1, "tv", 5);
    let committed = it.commit(&change.insert(query.lines, [line])).must();
    copies.note(&query, &committed);
    check(&mut of_all, &copies.lines, committed.time() - 1);
}

pub fn a_named_cursor_begins_in_the_past<H: Harness>() {
    let query = Query::new();
    let (mut dice, mut copies) = (Dice::new(16), Copies::new());
    let mut it = Opened::<H>::new(&query.graph);
    it = run(it, &query, &mut copies, &mut dice, 18);
    let times: Vec<i64> = copies.lines.deltas.keys().copied().collect();
    let begin = times[3];
    let lines = it.view(query.by_basket);
    let mut cursor = lines.since_from("cursor", begin).must();
    assert_eq!(cursor.time(), begin);
    for time in &times[4..7] {
        let delta = cursor.next_within(LONG).must().expect("it is stored");
        assert_eq!(delta.time(), *time);
        if *time == times[5] {
            cursor.commit().must();
        }
    }
    // One that is left goes on behind what it has committed, wherever it would be made now.
    drop(cursor);
    it = it.reopened();
    let mut cursor = it.view(query.by_basket).since_from("cursor", 0).must();
    assert_eq!(cursor.time(), times[5]);
    let delta = cursor
        .next_within(LONG)
        .must()
        .expect("it was not committed");
    assert_eq!(delta.time(), times[6]);
    drop(cursor);
    for _ in 0..6 {
        let change = copies.change(&query, &mut dice);
        let committed = it.commit(&change).must();
        copies.note(&query, &committed);
    }
    it = it.reopened();
    let mut cursor = it.view(query.by_basket).since("cursor").must();
    assert_eq!(cursor.time(), times[5]);
    check(&mut cursor, &copies.lines, times[5]);
    cursor.commit().must();
    drop(cursor);
    let mut cursor = it.view(query.by_basket).since("cursor").must();
    assert_eq!(cursor.next_within(Duration::ZERO).must(), None);
    let line = Line::new(1, "tv", 5);
    let change = it.change().insert(query.lines, [line]);
    let last = change.commit().must();
    let delta = cursor.next_within(LONG).must().expect("it comes");
    assert_eq!(delta.time(), last.time());
    cursor.remove().must();
}

pub fn a_subscription_from_the_past_misses_nothing_that_is_committed_meanwhile<H: Harness>() {
    let (graph, (lines, view)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let view = lines.view_by("view", Line::by_basket());
        (lines.handle(), g.with_history(view, Retention::Forever))
    });
    let mut it = Opened::<H>::new(&graph);
    const LAST: i64 = 120;
    for number in 1..=20 {
        let line = Line::new(number, "tv", 1);
        it.change().insert(lines, [line]).commit().must();
    }
    let mut other = it.harness.beside(&it.store);
    std::thread::scope(|scope| {
        let writing = scope.spawn(move || {
            for number in 21..=LAST {
                let line = Line::new(u32::try_from(number).expect("small"), "tv", 1);
                let change = other.change().insert(lines, [line]).within(LONG);
                change.commit().must();
            }
        });
        // Each begins at another moment of the writing.
        for begin in [0, 7, 20] {
            let mut subscription = it.view(view).since_time(begin).must();
            for time in begin + 1..=LAST {
                let delta = subscription.next_within(LONG).must();
                assert_eq!(delta.expect("it comes").time(), time);
            }
        }
        writing.join().expect("no panic");
    });
}
