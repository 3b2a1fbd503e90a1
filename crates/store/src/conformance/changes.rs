//! Changes, iterations and their times, and what a commit returns.

use deltaview_graph::Edit;
use deltaview_zset::{Keyed, ZSet};

use super::Harness;
use super::rows::{Line, Product};
use super::support::{Must, Opened, graph, once, weighted, words};
use crate::Store;

pub fn commit_returns_the_deltas_of_outputs_and_views<H: Harness>() {
    let (graph, (words_in, all, lengths, short)) = graph(|g| {
        let words = g.input::<String>("words");
        let lengths = words.map(|word| word.len() as i64);
        let short = words.filter(|word| word.len() < 3).view("short");
        (
            words.handle(),
            words.output("all"),
            lengths.output("lengths"),
            short,
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let changed = it
        .change()
        .insert(words_in, words(["on", "one", "two"]))
        .commit()
        .must();
    assert_eq!(changed.get(all).must(), once(words(["on", "one", "two"])));
    assert_eq!(changed.get(lengths).must(), weighted([(2, 1), (3, 2)]));
    assert_eq!(changed.get(short).must(), once(words(["on"])));
    let changed = it.change().remove(words_in, words(["one"])).commit().must();
    assert_eq!(changed.get(all).must(), weighted([("one".to_string(), -1)]));
    assert_eq!(changed.get(lengths).must(), weighted([(3, -1)]));
    assert_eq!(changed.get(short).must(), ZSet::new(), "nothing changed");
}

pub fn a_delta_is_asked_for_any_number_of_times<H: Harness>() {
    let (graph, (numbers, view)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        (numbers.handle(), numbers.view("view"))
    });
    let mut it = Opened::<H>::new(&graph);
    let first = it.change().insert(numbers, [1]).commit().must();
    it.change().insert(numbers, [2]).commit().must();
    assert_eq!(first.get(view).must(), once([1]));
    assert_eq!(first.get(view).must(), once([1]));
}

pub fn replacing_a_row_gives_a_minus_and_a_plus<H: Harness>() {
    let (graph, (products, view)) = graph(|g| {
        let products = g.input::<Product>("products");
        (
            products.handle(),
            products.view_by("view", Product::by_name()),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let (old, new) = (Product::new("tv", 3), Product::new("tv", 4));
    it.change().insert(products, [old.clone()]).commit().must();
    let changed = it
        .change()
        .replace(products, old.clone(), new.clone())
        .commit()
        .must();
    assert_eq!(
        changed.get(view).must(),
        weighted([(old, -1), (new.clone(), 1)])
    );
    assert_eq!(it.rows(view), once([new]));
}

pub fn one_change_to_several_inputs_is_one_iteration<H: Harness>() {
    let (graph, (left, right, products, delayed)) = graph(|g| {
        let left = g.input::<i64>("left");
        let right = g.input::<i64>("right");
        let products = g.table("products", Product::by_name());
        let prices = products.map(|product| product.price);
        let all = left.plus(right).plus(prices);
        (
            left.handle(),
            right.handle(),
            products.handle(),
            all.delay().output("delayed"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let changed = it
        .change()
        .insert(left, [1])
        .insert(products, [Product::new("tv", 3)])
        .insert(right, [2])
        .insert(left, [4])
        .commit()
        .must();
    assert_eq!(changed.get(delayed).must(), ZSet::new());
    let changed = it.change().commit().must();
    assert_eq!(
        changed.get(delayed).must(),
        once([1, 2, 3, 4]),
        "all came in the iteration before"
    );
    let changed = it.change().commit().must();
    assert_eq!(changed.get(delayed).must(), ZSet::new());
}

pub fn times_are_positive_and_grow<H: Harness>() {
    let (graph, (numbers, _view)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        (numbers.handle(), numbers.view("view"))
    });
    let mut it = Opened::<H>::new(&graph);
    assert_eq!(it.time().must(), 0, "nothing has happened");
    let mut last = 0;
    for number in 0..5 {
        let time = it.change().insert(numbers, [number]).commit().must().time();
        assert!(time > last, "{time} comes after {last}");
        assert_eq!(it.time().must(), time);
        last = time;
    }
}

pub fn a_change_of_nothing_is_an_iteration<H: Harness>() {
    let (graph, (numbers, view)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        (numbers.handle(), numbers.view("view"))
    });
    let mut it = Opened::<H>::new(&graph);
    let before = it.change().insert(numbers, [1]).commit().must().time();
    let changed = it.change().commit().must();
    assert!(changed.time() > before);
    assert_eq!(it.time().must(), changed.time());
    assert_eq!(changed.get(view).must(), ZSet::new());
    assert_eq!(changed.rows_written(), 0);
    assert_eq!(it.rows(view), once([1]));
}

pub fn steps_that_cancel_out_change_nothing<H: Harness>() {
    let (graph, (lines, view, counts)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let counts = lines.group_by(Line::by_basket()).count();
        (
            lines.handle(),
            lines.view_by("view", Line::by_basket()),
            counts.view("counts"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let line = || Line::new(1, "tv", 1);
    let changed = it
        .change()
        .insert(lines, [line()])
        .remove(lines, [line()])
        .commit()
        .must();
    assert_eq!(changed.get(view).must(), ZSet::new());
    assert_eq!(changed.get(counts).must(), ZSet::<Keyed<u32, i64>>::new());
    assert_eq!(changed.rows_written(), 0);
    assert_eq!(it.rows(view), ZSet::new());
}

pub fn a_change_can_be_committed_again<H: Harness>() {
    let (graph, (numbers, view)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        (numbers.handle(), numbers.view("view"))
    });
    let mut it = Opened::<H>::new(&graph);
    let change = graph.change().insert(numbers, [1, 2]);
    let first = it.commit(&change).must().time();
    let second = it.commit(&change).must().time();
    assert!(second > first);
    assert_eq!(it.rows(view), weighted([(1, 2), (2, 2)]));
}

pub fn a_change_that_is_dropped_does_nothing<H: Harness>() {
    let (graph, (numbers, view)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        (numbers.handle(), numbers.view("view"))
    });
    let mut it = Opened::<H>::new(&graph);
    drop(it.change().insert(numbers, [1]));
    assert_eq!(it.time().must(), 0);
    it.change().insert(numbers, [2]).commit().must();
    assert_eq!(it.rows(view), once([2]));
}

pub fn thousands_of_rows_come_and_go_in_one_change<H: Harness>() {
    let (graph, (numbers, view, totals)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        let by_last = deltaview_schema::Index::new("last", |n: &i64| n % 1000);
        let totals = numbers.group_by(by_last).sum(|n| *n).view("totals");
        (numbers.handle(), numbers.view("view"), totals)
    });
    let mut it = Opened::<H>::new(&graph);
    it.change().insert(numbers, 0..5000).commit().must();
    assert_eq!(it.rows(view).len(), 5000);
    assert_eq!(
        it.view(totals).get(&7).must(),
        Some(Keyed::new(7, 7 + 1007 + 2007 + 3007 + 4007))
    );
    it.change().remove(numbers, 0..4999).commit().must();
    assert_eq!(it.rows(view), once([4999]));
    assert_eq!(it.rows(totals), once([Keyed::new(999, 4999)]));
}
