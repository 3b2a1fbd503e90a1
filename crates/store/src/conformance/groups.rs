//! Groups and their aggregates.

use deltaview_graph::Edit;
use deltaview_schema::Index;
use deltaview_zset::{Keyed, Weight, ZSet};

use super::Harness;
use super::rows::{Account, Line};
use super::support::{Must, Opened, graph, listed, once, weighted};
use crate::Store;

/// A graph of lines, with the sum of their quantities by basket.
macro_rules! summed {
    ($graph:ident, $lines:ident, $sums:ident) => {
        let ($graph, ($lines, $sums)) = graph(|g| {
            let lines = g.input::<Line>("lines");
            let sums = lines
                .group_by(Line::by_basket())
                .sum(|line| line.quantity)
                .view("sums");
            (lines.handle(), sums)
        });
    };
}

fn line(basket: u32, quantity: i64) -> Line {
    Line::new(basket, "tv", quantity)
}

pub fn count_counts_copies<H: Harness>() {
    let (graph, (lines, counts)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let counts = lines.group_by(Line::by_basket()).count().view("counts");
        (lines.handle(), counts)
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(lines, [line(1, 5), line(1, 5), line(1, 6), line(2, 5)])
        .commit()
        .must();
    assert_eq!(it.rows(counts), once([Keyed::new(1, 3), Keyed::new(2, 1)]));
    it.change()
        .add(lines, weighted([(line(1, 5), 10), (line(2, 7), -3)]))
        .commit()
        .must();
    assert_eq!(
        it.rows(counts),
        once([Keyed::new(1, 13), Keyed::new(2, -2)])
    );
}

pub fn sum_adds_each_row_as_often_as_it_is_there<H: Harness>() {
    summed!(graph, lines, sums);
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .add(
            lines,
            weighted([(line(1, 5), 3), (line(1, -4), 2), (line(2, 9), -1)]),
        )
        .commit()
        .must();
    assert_eq!(it.rows(sums), once([Keyed::new(1, 7), Keyed::new(2, -9)]));
    let changed = it.change().remove(lines, [line(1, 5)]).commit().must();
    let delta = weighted([(Keyed::new(1, 7), -1), (Keyed::new(1, 2), 1)]);
    assert_eq!(changed.get(sums).must(), delta);
}

pub fn several_sums_are_one_tuple<H: Harness>() {
    let (graph, (lines, sums)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let sums = lines
            .group_by(Line::by_product())
            .sum(|line| (line.quantity, i128::from(line.basket), 1_i64));
        (lines.handle(), sums.view("sums"))
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(lines, [line(1, 5), line(2, 6)])
        .commit()
        .must();
    assert_eq!(
        it.rows(sums),
        once([Keyed::new("tv".to_string(), (11, 3, 2))])
    );
}

/// Exclusive or is a commutative group in which every value is its own inverse.
pub fn reduce_works_in_any_commutative_group<H: Harness>() {
    let (graph, (lines, folded)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let folded = lines.group_by(Line::by_basket()).reduce(
            0_i64,
            |a, b| Some(a ^ b),
            |line, weight| Some(if weight % 2 == 0 { 0 } else { line.quantity }),
        );
        (lines.handle(), folded.view("folded"))
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .add(
            lines,
            weighted([(line(1, 0b1100), 1), (line(1, 0b1010), 1), (line(1, 1), 2)]),
        )
        .commit()
        .must();
    assert_eq!(it.rows(folded), once([Keyed::new(1, 0b0110)]));
    it.change().remove(lines, [line(1, 0b1100)]).commit().must();
    assert_eq!(it.rows(folded), once([Keyed::new(1, 0b1010)]));
}

pub fn a_group_without_rows_disappears_and_returns<H: Harness>() {
    summed!(graph, lines, sums);
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(lines, [line(1, 5), line(2, 6)])
        .commit()
        .must();
    let changed = it.change().remove(lines, [line(1, 5)]).commit().must();
    assert_eq!(changed.get(sums).must(), weighted([(Keyed::new(1, 5), -1)]));
    assert_eq!(it.rows(sums), once([Keyed::new(2, 6)]));
    assert_eq!(it.view(sums).get(&1).must(), None);
    let changed = it.change().insert(lines, [line(1, 8)]).commit().must();
    assert_eq!(changed.get(sums).must(), once([Keyed::new(1, 8)]));
    assert_eq!(it.rows(sums), once([Keyed::new(1, 8), Keyed::new(2, 6)]));
}

pub fn a_sum_of_zero_stays<H: Harness>() {
    summed!(graph, lines, sums);
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(lines, [line(1, 5), line(1, -5), line(2, 0)])
        .commit()
        .must();
    assert_eq!(it.rows(sums), once([Keyed::new(1, 0), Keyed::new(2, 0)]));
    it.change().remove(lines, [line(1, -5)]).commit().must();
    assert_eq!(it.view(sums).get(&1).must(), Some(Keyed::new(1, 5)));
}

/// Raw weights can add up to no rows with a sum that is not zero. SQL has no such group, but the sum must not be
/// forgotten: the rows that come next are added to it.
pub fn a_group_of_weight_zero_is_hidden_and_remembered<H: Harness>() {
    summed!(graph, lines, sums);
    let mut it = Opened::<H>::new(&graph);
    let rows = weighted([(line(1, 5), 1), (line(1, 3), -1)]);
    let changed = it.change().add(lines, rows).commit().must();
    assert_eq!(changed.get(sums).must(), ZSet::new());
    it.change().insert(lines, [line(1, 3)]).commit().must();
    assert_eq!(it.rows(sums), once([Keyed::new(1, 5)]));
}

pub fn rows_move_between_groups_in_one_change<H: Harness>() {
    summed!(graph, lines, sums);
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(lines, [line(1, 5), line(1, 1), line(2, 6)])
        .commit()
        .must();
    let changed = it
        .change()
        .replace(lines, line(1, 5), line(2, 5))
        .replace(lines, line(2, 6), line(3, 6))
        .commit()
        .must();
    let delta = weighted([
        (Keyed::new(1, 6), -1),
        (Keyed::new(1, 1), 1),
        (Keyed::new(2, 6), -1),
        (Keyed::new(2, 5), 1),
        (Keyed::new(3, 6), 1),
    ]);
    assert_eq!(changed.get(sums).must(), delta);
    let all: Vec<(u32, i64)> = listed(it.view(sums).iter())
        .into_iter()
        .map(|group| (group.key, group.value))
        .collect();
    assert_eq!(all, [(1, 1), (2, 5), (3, 6)]);
}

pub fn a_group_that_ends_as_it_was_puts_out_nothing<H: Harness>() {
    summed!(graph, lines, sums);
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(lines, [line(1, 3), line(1, 4)])
        .commit()
        .must();
    let changed = it
        .change()
        .remove(lines, [line(1, 3), line(1, 4)])
        .insert(lines, [line(1, 2), line(1, 5)])
        .commit()
        .must();
    assert_eq!(changed.get(sums).must(), ZSet::new());
    assert_eq!(it.rows(sums), once([Keyed::new(1, 7)]));
    // The rows themselves have changed all the same: a sum without them is another one.
    it.change().remove(lines, [line(1, 5)]).commit().must();
    assert_eq!(it.rows(sums), once([Keyed::new(1, 2)]));
}

pub fn groups_are_rows_to_group_again<H: Harness>() {
    let (graph, (lines, sizes)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let by_count = Index::new("count", |group: &Keyed<u32, Weight>| group.value);
        let sizes = lines.group_by(Line::by_basket()).count();
        (
            lines.handle(),
            sizes.group_by(by_count).count().view("sizes"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(lines, [line(1, 1), line(1, 2), line(2, 1), line(3, 1)])
        .commit()
        .must();
    assert_eq!(it.rows(sizes), once([Keyed::new(1, 2), Keyed::new(2, 1)]));
    it.change().insert(lines, [line(2, 2)]).commit().must();
    assert_eq!(it.rows(sizes), once([Keyed::new(1, 1), Keyed::new(2, 2)]));
}

pub fn rows_without_a_key_are_a_group_of_their_own<H: Harness>() {
    let (graph, (accounts, totals)) = graph(|g| {
        let accounts = g.input::<Account>("accounts");
        let totals = accounts
            .group_by(Account::by_owner())
            .sum(|account| account.balance);
        (accounts.handle(), totals.view("totals"))
    });
    let mut it = Opened::<H>::new(&graph);
    let rows = [
        Account::new(1, None, 10),
        Account::new(2, Some(""), 20),
        Account::new(3, Some("Ada"), 30),
    ];
    it.change().insert(accounts, rows).commit().must();
    it.change()
        .insert(accounts, [Account::new(4, None, 5)])
        .commit()
        .must();
    let values: Vec<i64> = listed(it.view(totals).iter())
        .into_iter()
        .map(|group| group.value)
        .collect();
    assert_eq!(
        values,
        [15, 20, 30],
        "none comes first, then the empty name"
    );
    assert_eq!(
        it.view(totals).get(&None).must(),
        Some(Keyed::new(None, 15))
    );
}
