//! Operators on one stream or two, without keys: map to plus, and those that see every iteration.

use std::sync::{Arc, Mutex};

use deltaview_graph::Edit;
use deltaview_zset::{Weight, ZSet};

use super::Harness;
use super::support::{Must, Opened, graph, once, weighted, words};
use crate::Store;

pub fn map_makes_one_row_of_each<H: Harness>() {
    let (graph, (numbers, halves)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        (numbers.handle(), numbers.map(|n| n / 2).view("halves"))
    });
    let mut it = Opened::<H>::new(&graph);
    let changed = it.change().insert(numbers, [2, 3, 4]).commit().must();
    assert_eq!(changed.get(halves).must(), weighted([(1, 2), (2, 1)]));
    let changed = it.change().remove(numbers, [3]).commit().must();
    assert_eq!(changed.get(halves).must(), weighted([(1, -1)]));
    assert_eq!(it.rows(halves), once([1, 2]));
}

pub fn filter_keeps_the_rows_it_is_asked_to<H: Harness>() {
    let (graph, (numbers, even)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        (
            numbers.handle(),
            numbers.filter(|n| n % 2 == 0).view("even"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    it.change().insert(numbers, 0..10).commit().must();
    let changed = it.change().remove(numbers, [3, 4]).commit().must();
    assert_eq!(changed.get(even).must(), weighted([(4, -1)]));
    assert_eq!(it.rows(even), once([0, 2, 6, 8]));
}

pub fn filter_map_changes_rows_or_drops_them<H: Harness>() {
    let (graph, (texts, numbers)) = graph(|g| {
        let texts = g.input::<String>("texts");
        let parsed = texts.filter_map(|text| text.parse::<i64>().ok());
        (texts.handle(), parsed.view("numbers"))
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(texts, words(["12", "twelve", "012", ""]))
        .commit()
        .must();
    assert_eq!(it.rows(numbers), weighted([(12, 2)]));
}

pub fn flat_map_makes_any_number_of_rows<H: Harness>() {
    let (graph, (texts, letters)) = graph(|g| {
        let texts = g.input::<String>("texts");
        let letters = texts.flat_map(|text| text.chars().collect::<Vec<_>>());
        (texts.handle(), letters.view("letters"))
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(texts, words(["", "a", "bab"]))
        .commit()
        .must();
    assert_eq!(it.rows(letters), weighted([('a', 2), ('b', 2)]));
    it.change().remove(texts, words(["a"])).commit().must();
    assert_eq!(it.rows(letters), weighted([('a', 1), ('b', 2)]));
}

pub fn negate_turns_the_weights_around<H: Harness>() {
    let (graph, (numbers, negated)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        (numbers.handle(), numbers.negate().view("negated"))
    });
    let mut it = Opened::<H>::new(&graph);
    let rows = weighted([(1, 2), (2, -3)]);
    let changed = it.change().add(numbers, rows).commit().must();
    assert_eq!(changed.get(negated).must(), weighted([(1, -2), (2, 3)]));
    assert_eq!(it.rows(negated), weighted([(1, -2), (2, 3)]));
}

pub fn plus_adds_the_weights_of_two_streams<H: Harness>() {
    let (graph, (left, right, sum, difference)) = graph(|g| {
        let left = g.input::<i64>("left");
        let right = g.input::<i64>("right");
        let sum = left.plus(right).view("sum");
        let difference = left.plus(right.negate()).view("difference");
        (left.handle(), right.handle(), sum, difference)
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(left, [1, 2])
        .insert(right, [2, 3])
        .commit()
        .must();
    assert_eq!(it.rows(sum), weighted([(1, 1), (2, 2), (3, 1)]));
    assert_eq!(it.rows(difference), weighted([(1, 1), (3, -1)]));
    it.change().insert(left, [3]).commit().must();
    assert_eq!(it.rows(sum), weighted([(1, 1), (2, 2), (3, 2)]));
    assert_eq!(it.rows(difference), once([1]));
}

pub fn a_stream_can_be_added_to_itself<H: Harness>() {
    let (graph, (numbers, double, nothing)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        let nothing = numbers.plus(numbers.negate()).view("nothing");
        (
            numbers.handle(),
            numbers.plus(numbers).view("double"),
            nothing,
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let changed = it.change().insert(numbers, [1, 2]).commit().must();
    assert_eq!(it.rows(double), weighted([(1, 2), (2, 2)]));
    assert_eq!(changed.get(nothing).must(), ZSet::new());
    assert_eq!(it.rows(nothing), ZSet::new());
}

pub fn inspect_sees_deltas_and_passes_them_on<H: Harness>() {
    let seen: Arc<Mutex<Vec<(i64, Weight)>>> = Arc::default();
    let seeing = Arc::clone(&seen);
    let (graph, (numbers, same)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        let shown = numbers.inspect(move |n, weight| {
            seeing.lock().expect("no panic").push((*n, weight));
        });
        (numbers.handle(), shown.view("same"))
    });
    // A row may be shown more than once, where a transaction is tried again.
    let take = || {
        let mut rows = std::mem::take(&mut *seen.lock().expect("no panic"));
        rows.sort_unstable();
        rows.dedup();
        rows
    };
    let mut it = Opened::<H>::new(&graph);
    it.change().insert(numbers, [5, 6]).commit().must();
    assert_eq!(take(), [(5, 1), (6, 1)]);
    it.change().remove(numbers, [5]).commit().must();
    assert_eq!(take(), [(5, -1)]);
    assert_eq!(it.rows(same), once([6]));
}

pub fn operators_in_a_row_work_as_one_after_the_other<H: Harness>() {
    let (graph, (numbers, end)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        let end = numbers
            .map(|n| n * 3)
            .filter(|n| n % 2 == 0)
            .flat_map(|n| [n, n + 1])
            .negate()
            .filter_map(|n| (n != 7).then(|| n.to_string()))
            .negate();
        (numbers.handle(), end.view("end"))
    });
    let mut it = Opened::<H>::new(&graph);
    it.change().insert(numbers, 0..4).commit().must();
    assert_eq!(it.rows(end), once(words(["0", "1", "6"])));
    it.change()
        .remove(numbers, [0])
        .insert(numbers, [2])
        .commit()
        .must();
    assert_eq!(it.rows(end), weighted([("6".to_string(), 2)]));
}

pub fn integrate_gives_all_that_came_so_far<H: Harness>() {
    let (graph, (numbers, sums)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        (numbers.handle(), numbers.integrate().output("sums"))
    });
    let mut it = Opened::<H>::new(&graph);
    let mut step = |add: &[(i64, Weight)]| {
        let change = it.change().add(numbers, weighted(add.iter().copied()));
        change.commit().must().get(sums).must()
    };
    assert_eq!(step(&[(1, 1)]), once([1]));
    assert_eq!(step(&[(2, 2)]), weighted([(1, 1), (2, 2)]));
    assert_eq!(step(&[]), weighted([(1, 1), (2, 2)]));
    assert_eq!(step(&[(1, -1)]), weighted([(2, 2)]));
    assert_eq!(step(&[(2, -2)]), ZSet::new());
}

pub fn delay_gives_what_came_one_iteration_before<H: Harness>() {
    let (graph, (numbers, delayed, view)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        let delayed = numbers.delay();
        (
            numbers.handle(),
            delayed.output("delayed"),
            delayed.view("view"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let mut step = |rows: &[i64]| {
        let change = it.change().insert(numbers, rows.iter().copied());
        change.commit().must().get(delayed).must()
    };
    assert_eq!(step(&[1, 2]), ZSet::new());
    assert_eq!(step(&[2]), once([1, 2]));
    assert_eq!(step(&[]), once([2]));
    assert_eq!(step(&[]), ZSet::new());
    assert_eq!(it.rows(view), weighted([(1, 1), (2, 2)]));
}

pub fn differentiate_sees_also_iterations_that_change_nothing<H: Harness>() {
    let (graph, (numbers, changes)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        (numbers.handle(), numbers.differentiate().output("changes"))
    });
    let mut it = Opened::<H>::new(&graph);
    let mut step = |rows: &[i64]| {
        let change = it.change().insert(numbers, rows.iter().copied());
        change.commit().must().get(changes).must()
    };
    assert_eq!(step(&[1]), once([1]));
    assert_eq!(step(&[1, 2]), once([2]));
    assert_eq!(step(&[]), weighted([(1, -1), (2, -1)]));
    assert_eq!(step(&[]), ZSet::new());
    assert_eq!(step(&[3]), once([3]));
}

/// DBSP §2: `D` and `I` are inverse to each other.
pub fn differentiate_and_integrate_undo_each_other<H: Harness>() {
    let (graph, (numbers, there, back)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        let there = numbers.integrate().differentiate().output("there");
        let back = numbers.differentiate().integrate().output("back");
        (numbers.handle(), there, back)
    });
    let mut it = Opened::<H>::new(&graph);
    for rows in [vec![(1, 1), (2, 2)], vec![], vec![(1, -1), (3, 1)], vec![]] {
        let delta = weighted(rows);
        let changed = it.change().add(numbers, delta.clone()).commit().must();
        assert_eq!(changed.get(there).must(), delta);
        assert_eq!(changed.get(back).must(), delta);
    }
}

pub fn a_failed_iteration_is_none_for_delay<H: Harness>() {
    let (graph, (numbers, delayed)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        let checked = numbers.inspect(|n, _| assert_ne!(*n, 13, "thirteen"));
        (numbers.handle(), checked.delay().output("delayed"))
    });
    let mut it = Opened::<H>::new(&graph);
    it.change().insert(numbers, [1]).commit().must();
    let failure = it.change().insert(numbers, [13]).commit();
    failure.expect_err("the closure panics");
    let changed = it.change().commit().must();
    assert_eq!(changed.get(delayed).must(), once([1]));
}
