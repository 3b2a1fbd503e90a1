//! Large views, read lazily. A store may read in pages of any size: no row may be lost or doubled where one ends, also
//! where many rows have the key that it ends at.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use deltaview_graph::{Edit, ViewHandle};
use deltaview_schema::{Index, IndexKey};
use deltaview_zset::{Keyed, Weight, ZSet};

use super::Harness;
use super::support::{Must, Opened, graph, listed, weighted};
use crate::{Store, View};

type Numbered = Keyed<i64, i64>;

/// A graph that keeps numbered rows by their number, and also by their group.
macro_rules! numbered {
    ($graph:ident, $rows:ident, $by_number:ident, $by_group:ident) => {
        let ($graph, ($rows, $by_number, $by_group)) = graph(|g| {
            let rows = g.input::<Numbered>("rows");
            let number = Index::new("number", |row: &Numbered| row.value);
            let group = Index::new("group", |row: &Numbered| row.key);
            let by_number = rows.view_by("view", number);
            (rows.handle(), by_number, g.also_by(by_number, group))
        });
    };
}

/// Checks that a view has exactly these rows, each once, in the ascending order of their keys (or descending).
#[track_caller]
fn check_order<S: Store, K: IndexKey>(
    view: View<'_, S, Numbered, K>,
    expected: &ZSet<Numbered>,
    key: impl Fn(&Numbered) -> K,
    backward: bool,
) {
    let rows: Result<Vec<(Numbered, Weight)>, _> = view.iter().must().collect();
    let rows = rows.must();
    let mut keys: Vec<K> = rows.iter().map(|(row, _)| key(row)).collect();
    if backward {
        keys.reverse();
    }
    assert!(keys.is_sorted(), "the rows come in the order of the keys");
    assert_eq!(rows.len(), expected.len(), "no row twice, none left out");
    assert_eq!(weighted(rows), *expected);
}

pub fn the_first_rows_of_a_large_view_are_read_alone<H: Harness>() {
    numbered!(graph, rows, by_number, by_group);
    let mut it = Opened::<H>::new(&graph);
    let all = (0..10_000).map(|n| Keyed::new(n / 100, n));
    it.change().insert(rows, all).commit().must();
    let values = |rows: crate::Rows<'_, Numbered>| -> Vec<i64> {
        rows.take(3).map(|row| row.must().0.value).collect()
    };
    assert_eq!(values(it.view(by_number).iter().must()), [0, 1, 2]);
    let last = it.view(by_number).rev().iter().must();
    assert_eq!(values(last), [9999, 9998, 9997]);
    assert_eq!(
        values(it.view(by_number).range(5000..).must()),
        [5000, 5001, 5002]
    );
    let groups: Vec<i64> = it
        .view(by_group)
        .rev()
        .iter()
        .must()
        .take(101)
        .map(|row| row.must().0.key)
        .collect();
    assert_eq!((groups[0], groups[99], groups[100]), (99, 99, 98));
    assert_eq!(it.view(by_number).iter().must().count(), 10_000);
}

pub fn rows_with_one_key_of_a_further_index_are_paged_right<H: Harness>() {
    numbered!(graph, rows, by_number, by_group);
    let mut it = Opened::<H>::new(&graph);
    // Neighbours on both sides, few and many.
    let sizes = [(1, 3), (2, 1000), (3, 1), (5, 600), (6, 700), (7, 2)];
    let mut number = 0;
    let mut all = Vec::new();
    for (group, size) in sizes {
        for _ in 0..size {
            // Numbers that run against the groups and through one another.
            number = (number + 6007) % 10_007;
            all.push((Keyed::new(group, number), number % 3 + 1));
        }
    }
    let all = weighted(all);
    it.change().add(rows, all.clone()).commit().must();
    check_order(it.view(by_group), &all, |row| row.key, false);
    check_order(it.view(by_group).rev(), &all, |row| row.key, true);
    check_order(it.view(by_number), &all, |row| row.value, false);
    check_order(it.view(by_number).rev(), &all, |row| row.value, true);
    for (group, size) in sizes {
        for view in [it.view(by_group), it.view(by_group).rev()] {
            let of_group = view.key(&group).must().into_zset().must();
            assert_eq!(of_group, all.filter(|row| row.key == group));
            assert_eq!(of_group.len(), size);
        }
    }
    for view in [it.view(by_group), it.view(by_group).rev()] {
        let some = view.range(2..6).must().into_zset().must();
        assert_eq!(some, all.filter(|row| (2..6).contains(&row.key)));
    }
}

pub fn rows_with_one_key_of_the_first_index_are_paged_right<H: Harness>() {
    let (graph, (rows, view)) = graph(|g| {
        let rows = g.input::<Numbered>("rows");
        let group = Index::new("group", |row: &Numbered| row.key);
        (rows.handle(), rows.view_by("view", group))
    });
    let mut it = Opened::<H>::new(&graph);
    let sizes = [(-1, 1000), (0, 2), (1, 1500), (2, 1)];
    let all = sizes.into_iter().flat_map(|(group, size)| {
        // Numbers of one byte and of many, so that the identities have all lengths.
        (0..size).map(move |n| (Keyed::new(group, n * n * n), n % 5 - 7))
    });
    let all = weighted(all);
    it.change().add(rows, all.clone()).commit().must();
    check_order(it.view(view), &all, |row| row.key, false);
    check_order(it.view(view).rev(), &all, |row| row.key, true);
    let of_one = it.view(view).rev().key(&1).must().into_zset().must();
    assert_eq!(of_one, all.filter(|row| row.key == 1));
}

pub fn thousands_of_rows_without_a_key_are_paged_right<H: Harness>() {
    let (graph, (texts, view)) = graph(|g| {
        let texts = g.input::<String>("texts");
        (texts.handle(), texts.view("view"))
    });
    let mut it = Opened::<H>::new(&graph);
    let text = |n: i64| format!("{}{n}", "x".repeat(usize::try_from(n % 40).expect("small")));
    let all = weighted((0..3000).map(|n| (text(n), n + 1)));
    it.change().add(texts, all.clone()).commit().must();
    for view in [it.view(view), it.view(view).rev()] {
        assert_eq!(view.iter().must().count(), 3000);
        assert_eq!(view.iter().must().into_zset().must(), all);
    }
}

type Parts = (Option<i64>, Reverse<Option<i64>>);

pub fn pages_end_at_composite_keys_with_none<H: Harness>() {
    let (graph, (rows, by_parts, also_by_parts)) = graph(|g| {
        let rows = g.input::<(Parts, i64)>("rows");
        let parts = || Index::new("parts", |row: &(Parts, i64)| row.0);
        let by_number = rows.view_by(
            "by_number",
            Index::new("number", |row: &(Parts, i64)| row.1),
        );
        (
            rows.handle(),
            rows.view_by("by_parts", parts()),
            g.also_by(by_number, parts()),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let mut by_key: BTreeMap<Parts, usize> = BTreeMap::new();
    let all: Vec<(Parts, i64)> = (0..2500)
        .map(|n| {
            let part = |n: i64| (n > 0).then_some(n);
            ((part(n % 3), Reverse(part(n % 5))), n)
        })
        .collect();
    all.iter()
        .for_each(|row| *by_key.entry(row.0).or_default() += 1);
    it.change().insert(rows, all).commit().must();
    let check = |view: ViewHandle<(Parts, i64), Parts>| {
        let mut forward: Vec<Parts> = listed(it.view(view).iter())
            .iter()
            .map(|row| row.0)
            .collect();
        let expected: Vec<Parts> = by_key
            .iter()
            .flat_map(|(key, size)| vec![*key; *size])
            .collect();
        assert_eq!(forward, expected);
        assert_eq!(it.rows(view).len(), 2500);
        forward.reverse();
        let backward = listed(it.view(view).rev().iter());
        assert!(backward.iter().map(|row| row.0).eq(forward));
        for (key, size) in &by_key {
            assert_eq!(listed(it.view(view).key(key)).len(), *size, "{key:?}");
            let before: usize = by_key.range(..*key).map(|(_, size)| size).sum();
            assert_eq!(listed(it.view(view).range(..*key)).len(), before);
        }
    };
    check(by_parts);
    check(also_by_parts);
}

pub fn views_are_read_side_by_side<H: Harness>() {
    numbered!(graph, rows, by_number, by_group);
    let mut it = Opened::<H>::new(&graph);
    let all = (0..2000).map(|n| Keyed::new(n % 7, n));
    it.change().insert(rows, all).commit().must();
    let up = it.view(by_number).iter().must();
    let down = it.view(by_number).rev().iter().must();
    let groups = it.view(by_group).iter().must();
    let mut seen = 0;
    for ((up, down), group) in up.zip(down).zip(groups) {
        let (up, down, group) = (up.must().0, down.must().0, group.must().0);
        assert_eq!(up.value + down.value, 1999);
        // Reading a row for each row that is read.
        assert_eq!(it.view(by_number).get(&group.value).must(), Some(group));
        seen += 1;
    }
    assert_eq!(seen, 2000);
}

pub fn large_rows_are_read_as_they_were_written<H: Harness>() {
    let (graph, (texts, view)) = graph(|g| {
        let texts = g.input::<(i64, String)>("texts");
        let number = Index::new("number", |row: &(i64, String)| row.0);
        (texts.handle(), texts.view_by("view", number))
    });
    let mut it = Opened::<H>::new(&graph);
    // Alike over their whole length but for the last letter.
    let large = |end: char| format!("{}{end}", "\u{e4}".repeat(200_000));
    let all = weighted([
        ((1, large('a')), 1),
        ((1, large('b')), 2),
        ((2, large('a')), -1),
    ]);
    it.change().add(texts, all.clone()).commit().must();
    assert_eq!(it.rows(view), all);
    it.change().remove(texts, [(1, large('b'))]).commit().must();
    assert_eq!(it.rows(view).weight(&(1, large('b'))), 1);
}
