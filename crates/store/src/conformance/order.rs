//! What needs the rows of a group in order: aggregates that are not linear, the first rows, windows.

use std::cmp::Reverse;

use deltaview_graph::{Edit, agg, over};
use deltaview_schema::{Index, OrderedFloat};
use deltaview_zset::{Keyed, Pair, ZSet};

use super::Harness;
use super::support::{Must, Opened, graph, once, weighted};
use crate::Store;

/// A group, an order in which there are ties, and a name.
type Row = (String, Option<i64>, String);

fn row(group: &str, order: impl Into<Option<i64>>, name: &str) -> Row {
    (group.to_string(), order.into(), name.to_string())
}

fn by_group() -> Index<Row, String> {
    Index::new("group", |row: &Row| row.0.clone())
}

fn by_order() -> Index<Row, Reverse<Option<i64>>> {
    Index::new("order", |row: &Row| Reverse(row.1))
}

pub fn the_least_and_the_greatest_come_back_after_deletes<H: Harness>() {
    let (graph, (rows, ends, all)) = graph(|g| {
        let rows = g.input::<Row>("rows");
        let by_number = || Index::new("number", |row: &Row| row.1);
        let ends = rows.group_by(by_group()).aggregate((
            agg::min(by_number()),
            agg::max(by_number()),
            agg::min_by(by_number()),
            agg::max_by(by_number()),
        ));
        (
            rows.handle(),
            ends.view("ends"),
            rows.min(by_number()).view("all"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let group = [
        row("a", 0, "zero"),
        row("a", -3, "low"),
        row("a", 7, "x"),
        row("a", 7, "y"),
    ];
    it.change().insert(rows, group.clone()).commit().must();
    let ends_of = |it: &Opened<H>| it.store.view(ends).get(&"a".to_string()).must();
    let [zero, low, x, y] = group;
    let found = Keyed::new("a".to_string(), (Some(-3), Some(7), low.clone(), y.clone()));
    assert_eq!(ends_of(&it), Some(found));
    let mut it = it.reopened();
    it.change().remove(rows, [low, y]).commit().must();
    let found = Keyed::new("a".to_string(), (Some(0), Some(7), zero.clone(), x.clone()));
    assert_eq!(ends_of(&it), Some(found));
    it.change()
        .insert(rows, [row("a", None, "none"), row("b", 1, "b")])
        .commit()
        .must();
    assert_eq!(ends_of(&it).map(|ends| ends.value.0), Some(None));
    assert_eq!(it.rows(all), once([None]));
    it.change()
        .remove(rows, [zero, x, row("a", None, "none")])
        .commit()
        .must();
    assert_eq!(ends_of(&it), None);
    assert_eq!(it.rows(all), once([Some(1)]));
}

pub fn several_aggregates_are_one_row_a_group<H: Harness>() {
    let (graph, (rows, stats)) = graph(|g| {
        let rows = g.input::<Row>("rows");
        let stats = rows.group_by(by_group()).aggregate((
            agg::count(),
            agg::avg(|row: &Row| row.1.unwrap_or(0)),
            agg::any(|row: &Row| row.1.is_none()),
            agg::every(|row: &Row| row.1 != Some(1)),
            agg::count_distinct(by_order()),
            agg::collect(|row: &Row| row.2.clone()),
            agg::max(Index::new("name", |row: &Row| row.2.clone())),
            agg::fold(
                by_order(),
                String::new(),
                |all: &mut String, row: &Row, _| {
                    all.push_str(&row.2);
                },
            ),
        ));
        (rows.handle(), stats.view("stats"))
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(rows, [row("a", 1, "x"), row("a", 4, "y"), row("a", 4, "y")])
        .commit()
        .must();
    let stats_of = |it: &Opened<H>| {
        let group = it.store.view(stats).get(&"a".to_string()).must();
        group.expect("the group is there").value
    };
    let texts = |rows: &[(&str, i64)]| -> ZSet<String> {
        weighted(
            rows.iter()
                .map(|(text, weight)| (text.to_string(), *weight)),
        )
    };
    assert_eq!(
        stats_of(&it),
        (
            3,
            OrderedFloat(3.0),
            false,
            false,
            2,
            texts(&[("x", 1), ("y", 2)]),
            "y".to_string(),
            "yx".to_string()
        )
    );
    let mut it = it.reopened();
    it.change()
        .remove(rows, [row("a", 1, "x")])
        .insert(rows, [row("a", None, "z")])
        .commit()
        .must();
    assert_eq!(
        stats_of(&it),
        (
            3,
            OrderedFloat(8.0 / 3.0),
            true,
            true,
            2,
            texts(&[("y", 2), ("z", 1)]),
            "z".to_string(),
            "yz".to_string()
        )
    );
}

pub fn the_first_rows_follow_every_change<H: Harness>() {
    let (graph, (rows, first, last, second)) = graph(|g| {
        let rows = g.input::<Row>("rows");
        let groups = rows.group_by(by_group());
        (
            rows.handle(),
            groups.clone().first_n(by_order(), 2).view("first"),
            groups.clone().top_n(by_order(), 2).view("last"),
            rows.first_n_from(by_order(), 1, 1).view("second"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let [nine, five, tie, one] = [
        row("a", 9, "nine"),
        row("a", 5, "five"),
        row("a", 5, "tie"),
        row("a", 1, "one"),
    ];
    let all = [nine.clone(), five.clone(), tie.clone(), one.clone()];
    it.change().insert(rows, all).commit().must();
    assert_eq!(it.rows(first), once([nine.clone(), five.clone()]));
    assert_eq!(it.rows(last), once([one.clone(), tie.clone()]));
    assert_eq!(it.rows(second), once([five.clone()]));
    let mut it = it.reopened();
    // A copy counts, and pushes another row out.
    it.change().insert(rows, [nine.clone()]).commit().must();
    assert_eq!(it.rows(first), weighted([(nine.clone(), 2)]));
    assert_eq!(it.rows(second), once([nine.clone()]));
    it.change()
        .remove(rows, [nine.clone(), nine.clone(), five])
        .commit()
        .must();
    assert_eq!(it.rows(first), once([tie.clone(), one.clone()]));
    it.change().remove(rows, [tie, one]).commit().must();
    assert_eq!(it.rows(first), once([]));
}

pub fn windows_are_renumbered_from_the_change_on<H: Harness>() {
    let (graph, (rows, places)) = graph(|g| {
        let rows = g.input::<Row>("rows");
        let places = rows.group_by(by_group()).window(by_order()).over((
            over::row_number(),
            over::rank(),
            over::dense_rank(),
            over::lag(1),
            over::lead(2),
            over::running_sum(|row: &Row| row.1.unwrap_or(0)),
        ));
        (rows.handle(), places.view("places"))
    });
    let mut it = Opened::<H>::new(&graph);
    let [nine, five, tie] = [row("a", 9, "nine"), row("a", 5, "five"), row("a", 5, "tie")];
    it.change()
        .insert(rows, [nine.clone(), five.clone(), tie.clone()])
        .commit()
        .must();
    assert_eq!(
        it.rows(places),
        once([
            Pair::new(nine.clone(), (1, 1, 1, None, Some(tie.clone()), 9)),
            Pair::new(five.clone(), (2, 2, 2, Some(nine.clone()), None, 19)),
            Pair::new(tie.clone(), (3, 2, 2, Some(five.clone()), None, 19)),
        ])
    );
    let mut it = it.reopened();
    let seven = row("a", 7, "seven");
    it.change()
        .insert(rows, [seven.clone()])
        .remove(rows, [five])
        .commit()
        .must();
    assert_eq!(
        it.rows(places),
        once([
            Pair::new(nine.clone(), (1, 1, 1, None, Some(tie.clone()), 9)),
            Pair::new(seven.clone(), (2, 2, 2, Some(nine.clone()), None, 16)),
            Pair::new(tie.clone(), (3, 3, 3, Some(seven.clone()), None, 21)),
        ])
    );
    // Another group is another window, and a row at the end changes nothing before it but who follows.
    let mut it = it.reopened();
    let last = row("a", None, "last");
    let changed = it
        .change()
        .insert(rows, [last.clone(), row("b", 1, "b")])
        .commit()
        .must();
    assert_eq!(
        changed.get(places).must(),
        weighted([
            (
                Pair::new(seven.clone(), (2, 2, 2, Some(nine.clone()), None, 16)),
                -1
            ),
            (
                Pair::new(seven.clone(), (2, 2, 2, Some(nine), Some(last.clone()), 16)),
                1
            ),
            (Pair::new(last, (4, 4, 4, Some(tie), None, 21)), 1),
            (Pair::new(row("b", 1, "b"), (1, 1, 1, None, None, 1)), 1),
        ])
    );
}
