//! Sets and bags: what is there once, in both, in one and not in the other.

use deltaview_graph::Edit;

use super::Harness;
use super::support::{Must, Opened, graph, once, weighted, words};
use crate::Store;

pub fn distinct_has_each_row_once_while_there_are_copies<H: Harness>() {
    let (graph, (texts, seen)) = graph(|g| {
        let texts = g.input::<String>("texts");
        (texts.handle(), texts.distinct().view("seen"))
    });
    let mut it = Opened::<H>::new(&graph);
    let long = "a text that is longer than an identity";
    it.change()
        .insert(texts, words(["a", "a", long, ""]))
        .commit()
        .must();
    assert_eq!(it.rows(seen), once(words(["a", long, ""])));
    let mut it = it.reopened();
    let changed = it
        .change()
        .remove(texts, words(["a", long]))
        .commit()
        .must();
    assert_eq!(changed.get(seen).must(), weighted([(long.to_string(), -1)]));
    let changed = it.change().remove(texts, words(["a", "a"])).commit().must();
    assert_eq!(changed.get(seen).must(), weighted([("a".to_string(), -1)]));
    // One copy too many was taken away: it takes two to come back.
    let changed = it.change().insert(texts, words(["a"])).commit().must();
    assert!(changed.get(seen).must().is_empty());
    it.change().insert(texts, words(["a"])).commit().must();
    assert_eq!(it.rows(seen), once(words(["a", ""])));
}

pub fn set_operators_have_each_row_once<H: Harness>() {
    let (graph, (left, right, union, both, only_left)) = graph(|g| {
        let left = g.input::<i64>("left");
        let right = g.input::<i64>("right");
        (
            left.handle(),
            right.handle(),
            left.union(right).view("union"),
            left.intersect(right).view("both"),
            left.except(right).view("only_left"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(left, [1, 1, 2])
        .insert(right, [2, 2, 3])
        .commit()
        .must();
    assert_eq!(it.rows(union), once([1, 2, 3]));
    assert_eq!(it.rows(both), once([2]));
    assert_eq!(it.rows(only_left), once([1]));
    let mut it = it.reopened();
    it.change()
        .insert(right, [1])
        .remove(left, [2])
        .commit()
        .must();
    assert_eq!(it.rows(union), once([1, 2, 3]));
    assert_eq!(it.rows(both), once([1]));
    assert_eq!(it.rows(only_left), once([]));
}

pub fn bag_operators_count_copies<H: Harness>() {
    let (graph, (left, right, all, both, more)) = graph(|g| {
        let left = g.input::<i64>("left");
        let right = g.input::<i64>("right");
        (
            left.handle(),
            right.handle(),
            left.union_all(right).view("all"),
            left.intersect_all(right).view("both"),
            left.except_all(right).view("more"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(left, [1, 1, 1, 2])
        .insert(right, [1, 2, 2])
        .commit()
        .must();
    assert_eq!(it.rows(all), weighted([(1, 4), (2, 3)]));
    assert_eq!(it.rows(both), once([1, 2]));
    assert_eq!(it.rows(more), weighted([(1, 2)]));
    let mut it = it.reopened();
    it.change().insert(right, [1]).commit().must();
    assert_eq!(it.rows(both), weighted([(1, 2), (2, 1)]));
    assert_eq!(it.rows(more), once([1]));
    it.change().add(right, weighted([(1, -5)])).commit().must();
    assert_eq!(it.rows(both), once([2]));
    assert_eq!(it.rows(more), weighted([(1, 3)]));
}

pub fn a_stream_compared_with_itself_is_all_or_nothing<H: Harness>() {
    let (graph, (numbers, same, none)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        (
            numbers.handle(),
            numbers.intersect_all(numbers).view("same"),
            numbers.except(numbers).view("none"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    it.change().insert(numbers, [1, 1, 2]).commit().must();
    it.change().remove(numbers, [1]).commit().must();
    assert_eq!(it.rows(same), once([1, 2]));
    assert_eq!(it.rows(none), once([]));
}
