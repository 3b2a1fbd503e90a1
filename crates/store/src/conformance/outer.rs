//! Joins that look at whether a key is there: semi, anti and outer ones.

use deltaview_graph::Edit;
use deltaview_schema::Index;
use deltaview_zset::Pair;

use super::Harness;
use super::support::{Must, Opened, graph, once, weighted};
use crate::Store;

/// A key, and what tells rows apart.
type Row = (Option<i8>, i64);

fn by_key() -> Index<Row, Option<i8>> {
    Index::new("key", |row: &Row| row.0)
}

pub fn semi_and_anti_join_divide_the_rows<H: Harness>() {
    let (graph, (left, right, there, missing)) = graph(|g| {
        let left = g.input::<Row>("left");
        let right = g.input::<Row>("right");
        (
            left.handle(),
            right.handle(),
            left.semi_join(right, by_key(), by_key()).view("there"),
            left.anti_join(right, by_key(), by_key()).view("missing"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let (one, two, none) = ((Some(1), 10), (Some(2), 20), (None, 30));
    it.change()
        .insert(left, [one, one, two, none])
        .commit()
        .must();
    assert_eq!(it.rows(there), once([]));
    // However many rows a row meets, it is there as often as it was.
    it.change()
        .insert(right, [(Some(1), 7), (Some(1), 8), (None, 9)])
        .commit()
        .must();
    assert_eq!(it.rows(there), weighted([(one, 2), (none, 1)]));
    assert_eq!(it.rows(missing), once([two]));
    let mut it = it.reopened();
    let changed = it.change().remove(right, [(Some(1), 7)]).commit().must();
    assert!(changed.get(there).must().is_empty());
    // Both sides in one change: the row that comes meets nothing any more.
    let changed = it
        .change()
        .remove(right, [(Some(1), 8)])
        .insert(left, [(Some(1), 11)])
        .commit()
        .must();
    assert_eq!(changed.get(there).must(), weighted([(one, -2)]));
    assert_eq!(
        it.rows(missing),
        weighted([(one, 2), ((Some(1), 11), 1), (two, 1)])
    );
}

pub fn left_join_has_one_unmatched_row_a_copy<H: Harness>() {
    let (graph, (left, right, joined)) = graph(|g| {
        let left = g.input::<Row>("left");
        let right = g.input::<Row>("right");
        let joined = left.left_join(right, by_key(), by_key()).view("joined");
        (left.handle(), right.handle(), joined)
    });
    let mut it = Opened::<H>::new(&graph);
    let row = (Some(1), 10);
    it.change().insert(left, [row, row]).commit().must();
    assert_eq!(it.rows(joined), weighted([(Pair::new(row, None), 2)]));
    let met = [(Some(1), 7), (Some(1), 8)];
    it.change().insert(right, met).commit().must();
    let pairs = met.map(|other| (Pair::new(row, Some(other)), 2));
    assert_eq!(it.rows(joined), weighted(pairs));
    let mut it = it.reopened();
    it.change().remove(left, [row]).commit().must();
    it.change().remove(right, met).commit().must();
    assert_eq!(it.rows(joined), once([Pair::new(row, None)]));
    it.change().remove(left, [row]).commit().must();
    assert_eq!(it.rows(joined), once([]));
}

pub fn right_and_full_join_keep_what_meets_nothing<H: Harness>() {
    let (graph, (left, right, of_right, full)) = graph(|g| {
        let left = g.input::<Row>("left");
        let right = g.input::<Row>("right");
        let of_right = left.right_join(right, by_key(), by_key()).view("of_right");
        let full = left.full_join(right, by_key(), by_key()).view("full");
        (left.handle(), right.handle(), of_right, full)
    });
    let mut it = Opened::<H>::new(&graph);
    let (one, two, three) = ((Some(1), 10), (Some(2), 20), (Some(3), 30));
    it.change()
        .insert(left, [one, two])
        .insert(right, [two, three])
        .commit()
        .must();
    assert_eq!(
        it.rows(of_right),
        once([Pair::new(Some(two), two), Pair::new(None, three)])
    );
    let mut it = it.reopened();
    it.change()
        .remove(left, [two])
        .insert(left, [three])
        .commit()
        .must();
    assert_eq!(
        it.rows(full),
        once([
            Pair::new(Some(one), None),
            Pair::new(None, Some(two)),
            Pair::new(Some(three), Some(three)),
        ])
    );
}

pub fn cross_join_pairs_everything<H: Harness>() {
    let (graph, (left, right, pairs)) = graph(|g| {
        let left = g.input::<i64>("left");
        let right = g.input::<bool>("right");
        (
            left.handle(),
            right.handle(),
            left.cross_join(right).view("pairs"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(left, [1, 2])
        .insert(right, [true, false])
        .commit()
        .must();
    assert_eq!(it.rows(pairs).len(), 4);
    it.change().remove(right, [true]).commit().must();
    assert_eq!(
        it.rows(pairs),
        once([Pair::new(1, false), Pair::new(2, false)])
    );
}
