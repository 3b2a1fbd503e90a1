//! `retain_for`: rows that are kept for a span of their own time.

use std::collections::BTreeMap;

use deltaview_graph::Edit;
use deltaview_schema::Index;
use deltaview_zset::{Keyed, Weight, ZSet};

use super::Harness;
use super::support::{Dice, Must, Opened, graph, once, weighted};
use crate::Store;

/// A place, a time and a value.
type Reading = (u8, i64, u8);

fn by_time() -> Index<Reading, i64> {
    Index::new("time", |reading: &Reading| reading.1)
}

pub fn rows_behind_the_newest_time_expire<H: Harness>() {
    let (graph, (readings, recent)) = graph(|g| {
        let readings = g.input::<Reading>("readings");
        let recent = readings.retain_for(by_time(), 10);
        (readings.handle(), recent.view("recent"))
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .add(readings, weighted([((0, 5, 0), 1), ((1, 8, 0), 3)]))
        .commit()
        .must();
    // The horizon itself is kept.
    let changed = it.change().insert(readings, [(2, 15, 0)]).commit().must();
    assert_eq!(changed.get(recent).must(), once([(2, 15, 0)]));
    let mut it = it.reopened();
    let changed = it.change().insert(readings, [(2, 17, 0)]).commit().must();
    let expected = weighted([((0, 5, 0), -1), ((2, 17, 0), 1)]);
    assert_eq!(changed.get(recent).must(), expected);
    // One change can let go of what it brings itself.
    let both = [(0, 20, 0), (0, 30, 0), (0, 19, 0)];
    let changed = it.change().insert(readings, both).commit().must();
    let expected = weighted([
        ((0, 20, 0), 1),
        ((0, 30, 0), 1),
        ((1, 8, 0), -3),
        ((2, 15, 0), -1),
        ((2, 17, 0), -1),
    ]);
    assert_eq!(changed.get(recent).must(), expected);
    assert_eq!(it.rows(recent), once([(0, 20, 0), (0, 30, 0)]));
}

pub fn rows_that_come_too_late_are_not_let_in<H: Harness>() {
    let (graph, (readings, recent)) = graph(|g| {
        let readings = g.input::<Reading>("readings");
        let recent = readings.retain_for(by_time(), 10);
        (readings.handle(), recent.view("recent"))
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(readings, [(0, 100, 0), (0, 95, 0)])
        .commit()
        .must();
    // Neither what comes nor what is taken back.
    let late = weighted([((0, 89, 0), 1), ((1, 89, 0), -1), ((0, 90, 0), 1)]);
    let changed = it.change().add(readings, late).commit().must();
    assert_eq!(changed.get(recent).must(), once([(0, 90, 0)]));
    // What is taken back in time is; that the newest row goes does not turn time back.
    let changed = it
        .change()
        .remove(readings, [(0, 95, 0), (0, 100, 0)])
        .commit()
        .must();
    let gone = weighted([((0, 95, 0), -1), ((0, 100, 0), -1)]);
    assert_eq!(changed.get(recent).must(), gone);
    // A row with a negative weight is none that came: it moves no time on.
    let negative = weighted([((0, 200, 0), -1), ((0, 80, 0), 1)]);
    it.change().add(readings, negative).commit().must();
    assert_eq!(
        it.rows(recent),
        weighted([((0, 90, 0), 1), ((0, 200, 0), -1)])
    );
}

pub fn each_group_has_a_newest_time_of_its_own<H: Harness>() {
    let (graph, (readings, recent)) = graph(|g| {
        let readings = g.input::<Reading>("readings");
        let by_place = Index::new("place", |reading: &Reading| reading.0);
        let recent = readings.per_group(by_place, |readings| readings.retain_for(by_time(), 10));
        (readings.handle(), recent.view("recent"))
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(readings, [(0, 5, 0), (1, 5, 0)])
        .commit()
        .must();
    let mut it = it.reopened();
    it.change().insert(readings, [(0, 50, 0)]).commit().must();
    let expected = [Keyed::new(0, (0, 50, 0)), Keyed::new(1, (1, 5, 0))];
    assert_eq!(it.rows(recent), once(expected));
}

/// The rows by place, as they should be kept, and the newest times.
#[derive(Default)]
struct Model {
    newest: BTreeMap<u8, i64>,
    kept: BTreeMap<Reading, Weight>,
}

impl Model {
    fn add(&mut self, rows: &ZSet<Reading>, span: i64) {
        for (reading, weight) in rows.iter() {
            if weight > 0 {
                let newest = self.newest.entry(reading.0).or_insert(reading.1);
                *newest = (*newest).max(reading.1);
            }
        }
        for (reading, weight) in rows.iter() {
            *self.kept.entry(*reading).or_default() += weight;
        }
        let newest = &self.newest;
        let is_kept = |reading: &Reading| {
            let newest = newest.get(&reading.0);
            newest.is_none_or(|newest| reading.1 >= newest - span)
        };
        self.kept
            .retain(|reading, weight| *weight != 0 && is_kept(reading));
    }
}

pub fn a_random_history_is_retained_as_a_model_says<H: Harness>() {
    const SPAN: i64 = 6;
    let (graph, (readings, recent)) = graph(|g| {
        let readings = g.input::<Reading>("readings");
        let by_place = Index::new("place", |reading: &Reading| reading.0);
        let recent = readings.per_group(by_place, |readings| readings.retain_for(by_time(), SPAN));
        let recent = recent.map(|reading| reading.value);
        (readings.handle(), recent.view("recent"))
    });
    let (mut it, mut dice) = (Opened::<H>::new(&graph), Dice::new(11));
    let mut model = Model::default();
    for step in 0..200 {
        if step % 50 == 49 {
            it = it.reopened();
        }
        let mut rows = ZSet::new();
        for _ in 0..dice.below(6) {
            let place = u8::try_from(dice.below(3)).must();
            let time = step / 3 + dice.within(-10, 3);
            let row = (place, time, u8::try_from(dice.below(2)).must());
            rows.insert(row, dice.within(-1, 2)).must();
        }
        model.add(&rows, SPAN);
        it.change().add(readings, rows).commit().must();
        let expected = weighted(model.kept.iter().map(|(row, weight)| (*row, *weight)));
        assert_eq!(it.rows(recent), expected, "after step {step}");
    }
}

pub fn an_endless_input_is_kept_in_bounds<H: Harness>() {
    const SPAN: i64 = 20;
    const TIMES: i64 = 250;
    let (graph, (readings, recent, counts)) = graph(|g| {
        let readings = g.input::<Reading>("readings");
        let recent = readings.retain_for(by_time(), SPAN);
        let counts = recent
            .group_by(Index::new("place", |row: &Reading| row.0))
            .count();
        (
            readings.handle(),
            recent.view("recent"),
            counts.view("counts"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let rows_of = |time: i64| [(0, time, 0), (1, time, 1)];
    for time in 0..TIMES {
        let change = it.change().insert(readings, rows_of(time));
        let written = change.commit().must().rows_written();
        // Two rows come, two go: in what is kept and in the view; besides the newest time and the counts.
        assert!(written <= 2 * 4 + 2 + 2 * 4, "{written} at {time}");
    }
    let expected = (TIMES - 1 - SPAN..TIMES).flat_map(rows_of);
    assert_eq!(it.rows(recent), once(expected));
    let counted = [Keyed::new(0, SPAN + 1), Keyed::new(1, SPAN + 1)];
    assert_eq!(it.rows(counts), once(counted));
}
