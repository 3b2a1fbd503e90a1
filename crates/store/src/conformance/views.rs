//! Reading views: by key, by keys, by range, in both directions, by each of their indexes.

use std::cmp::Reverse;
use std::ops::Bound;

use deltaview_graph::Edit;
use deltaview_schema::Index;
use deltaview_zset::{Keyed, ZSet};

use super::Harness;
use super::rows::{Account, Line, Product};
use super::support::{Dice, Must, Opened, graph, listed, once, weighted, words};
use crate::Store;

/// A graph that keeps numbers in a view by themselves.
macro_rules! numbered {
    ($graph:ident, $numbers:ident, $view:ident) => {
        let ($graph, ($numbers, $view)) = graph(|g| {
            let numbers = g.input::<i64>("numbers");
            let view = numbers.view_by("view", Index::new("itself", |n: &i64| *n));
            (numbers.handle(), view)
        });
    };
}

pub fn a_view_that_nothing_came_to_is_empty<H: Harness>() {
    numbered!(graph, _numbers, view);
    let it = Opened::<H>::new(&graph);
    assert_eq!(listed(it.view(view).iter()), []);
    assert_eq!(listed(it.view(view).rev().iter()), []);
    assert_eq!(it.view(view).get(&1).must(), None);
    assert_eq!(listed(it.view(view).range(1..)), []);
    assert_eq!(listed(Ok(it.view(view).keys([1, 2]))), []);
}

pub fn rows_come_in_the_order_of_their_keys<H: Harness>() {
    numbered!(graph, numbers, view);
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(numbers, [3, -1, i64::MAX, 0, i64::MIN])
        .commit()
        .must();
    it.change().insert(numbers, [2, -7]).commit().must();
    let mut sorted = vec![i64::MIN, -7, -1, 0, 2, 3, i64::MAX];
    assert_eq!(listed(it.view(view).iter()), sorted);
    assert_eq!(listed(it.view(view).rev().rev().iter()), sorted);
    sorted.reverse();
    assert_eq!(listed(it.view(view).rev().iter()), sorted);
}

pub fn key_finds_the_rows_of_a_key<H: Harness>() {
    let (graph, (lines, view)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        (lines.handle(), lines.view_by("view", Line::by_product()))
    });
    let mut it = Opened::<H>::new(&graph);
    let (one, two) = (Line::new(1, "tv", 1), Line::new(2, "tv", 1));
    it.change()
        .add(lines, weighted([(one.clone(), 2), (two.clone(), -1)]))
        .insert(lines, [Line::new(1, "tvs", 1), Line::new(1, "t", 1)])
        .commit()
        .must();
    let of_tv = it.view(view).key(&"tv".to_string()).must();
    assert_eq!(of_tv.into_zset().must(), weighted([(one, 2), (two, -1)]));
    let none = it.view(view).key(&"TV".to_string()).must();
    assert_eq!(none.into_zset().must(), ZSet::new());
}

pub fn get_finds_the_row_of_a_key<H: Harness>() {
    numbered!(graph, numbers, view);
    let mut it = Opened::<H>::new(&graph);
    it.change().insert(numbers, [3, 5]).commit().must();
    assert_eq!(it.view(view).get(&5).must(), Some(5));
    assert_eq!(it.view(view).get(&4).must(), None);
    it.change().remove(numbers, [5]).commit().must();
    assert_eq!(it.view(view).get(&5).must(), None);
}

pub fn keys_come_in_the_order_they_are_asked_for<H: Harness>() {
    numbered!(graph, numbers, view);
    let mut it = Opened::<H>::new(&graph);
    it.change().insert(numbers, 0..10).commit().must();
    let rows = it.view(view).keys([7, 2, 99, 5, 2, -1, 0]);
    assert_eq!(listed(Ok(rows)), [7, 2, 5, 2, 0]);
    assert_eq!(listed(Ok(it.view(view).keys([]))), []);
}

pub fn ranges_have_bounds_of_every_kind<H: Harness>() {
    numbered!(graph, numbers, view);
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(numbers, (0..10).map(|n| n * 10))
        .commit()
        .must();
    let bounds = |at: i64| [Bound::Included(at), Bound::Excluded(at), Bound::Unbounded];
    // On keys that are there, between them, and outside all of them; empty and upside-down ones among them.
    let places = [-5, 0, 10, 15, 20, 80, 90, 95];
    for start in places.iter().flat_map(|at| bounds(*at)) {
        for end in places.iter().flat_map(|at| bounds(*at)) {
            let above = |n: &i64| match start {
                Bound::Included(at) => *n >= at,
                Bound::Excluded(at) => *n > at,
                Bound::Unbounded => true,
            };
            let below = |n: &i64| match end {
                Bound::Included(at) => *n <= at,
                Bound::Excluded(at) => *n < at,
                Bound::Unbounded => true,
            };
            let all = (0..10).map(|n| n * 10);
            let mut within: Vec<i64> = all.filter(|n| above(n) && below(n)).collect();
            let range = (start, end);
            assert_eq!(listed(it.view(view).range(range)), within, "{range:?}");
            within.reverse();
            let backward = it.view(view).rev().range(range);
            assert_eq!(listed(backward), within, "{range:?} backwards");
        }
    }
}

pub fn an_empty_or_upside_down_range_has_no_rows<H: Harness>() {
    let (graph, (lines, view)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let view = lines.view_by("view", Line::by_basket_and_quantity());
        (lines.handle(), view)
    });
    let mut it = Opened::<H>::new(&graph);
    let all = (0..4).map(|n| Line::new(1, "tv", n));
    it.change().insert(lines, all).commit().must();
    let key = |quantity| (1, Reverse(quantity));
    for view in [it.view(view), it.view(view).rev()] {
        assert_eq!(listed(view.range(key(2)..key(2))), []);
        // The order of the quantities is reversed: 1 comes after 2.
        assert_eq!(listed(view.range(key(1)..=key(2))), []);
        assert_eq!(listed(view.range(key(2)..=key(1))).len(), 2);
        let point = (Bound::Excluded(key(2)), Bound::Excluded(key(2)));
        assert_eq!(listed(view.range(point)), []);
        assert_eq!(listed(view.range((2, Reverse(0))..(1, Reverse(0)))), []);
    }
}

type Wide = (Option<i64>, Reverse<Option<String>>, bool);

/// All combinations of a few parts, in the order of the key: with none, the empty text and both directions.
fn wide_keys() -> Vec<Wide> {
    let mut keys = Vec::new();
    for number in [None, Some(i64::MIN), Some(0), Some(3)] {
        for text in [None, Some(""), Some("a"), Some("ä")] {
            for flag in [false, true] {
                keys.push((number, Reverse(text.map(str::to_string)), flag));
            }
        }
    }
    keys.sort();
    keys
}

pub fn ranges_over_composite_keys_are_those_of_rust<H: Harness>() {
    let (graph, (rows, view)) = graph(|g| {
        let rows = g.input::<Keyed<Wide, i64>>("rows");
        (rows.handle(), rows.view("view"))
    });
    let mut it = Opened::<H>::new(&graph);
    let keys = wide_keys();
    let mut dice = Dice::new(1);
    let mut there: Vec<Wide> = keys.iter().filter(|_| dice.below(3) > 0).cloned().collect();
    let inserted = there.iter().map(|key| Keyed::new(key.clone(), 0));
    it.change().insert(rows, inserted).commit().must();
    let read = |rows| -> Vec<Wide> {
        listed(rows)
            .into_iter()
            .map(|row: Keyed<_, i64>| row.key)
            .collect()
    };
    assert_eq!(read(it.view(view).iter()), there);
    for _ in 0..150 {
        let mut bound = || {
            let at = usize::try_from(dice.below(keys.len() as u64)).expect("a position");
            match dice.below(5) {
                0 | 1 => Bound::Included(keys[at].clone()),
                2 | 3 => Bound::Excluded(keys[at].clone()),
                _ => Bound::Unbounded,
            }
        };
        let range = (bound(), bound());
        let mut within: Vec<Wide> = there
            .iter()
            .filter(|key| std::ops::RangeBounds::contains(&range, *key))
            .cloned()
            .collect();
        assert_eq!(
            read(it.view(view).range(range.clone())),
            within,
            "{range:?}"
        );
        within.reverse();
        let backward = read(it.view(view).rev().range(range.clone()));
        assert_eq!(backward, within, "{range:?} backwards");
    }
    there.reverse();
    assert_eq!(read(it.view(view).rev().iter()), there);
}

pub fn every_composite_key_finds_its_row<H: Harness>() {
    let (graph, (rows, view)) = graph(|g| {
        let rows = g.input::<Keyed<Wide, i64>>("rows");
        (rows.handle(), rows.view("view"))
    });
    let mut it = Opened::<H>::new(&graph);
    let keys = wide_keys();
    let numbered = keys
        .iter()
        .zip(0..)
        .map(|(key, n)| Keyed::new(key.clone(), n));
    it.change().insert(rows, numbered).commit().must();
    for (key, n) in keys.iter().zip(0..) {
        let row = it.view(view).get(key).must();
        assert_eq!(row, Some(Keyed::new(key.clone(), n)));
    }
}

pub fn none_is_found_by_key_and_comes_first<H: Harness>() {
    let (graph, (accounts, view)) = graph(|g| {
        let accounts = g.input::<Account>("accounts");
        let view = accounts.view_by("view", Account::by_owner());
        (accounts.handle(), view)
    });
    let mut it = Opened::<H>::new(&graph);
    let (none, empty, ada) = (
        Account::new(1, None, 0),
        Account::new(2, Some(""), 0),
        Account::new(3, Some("Ada"), 0),
    );
    it.change()
        .insert(accounts, [ada.clone(), none.clone(), empty.clone()])
        .commit()
        .must();
    // Once more, under a key that is there: none must be found equal to none.
    it.change().insert(accounts, [none.clone()]).commit().must();
    let all = [none.clone(), empty.clone(), ada.clone()];
    assert_eq!(listed(it.view(view).iter()), all);
    let of_none = it.view(view).key(&None).must();
    assert_eq!(of_none.into_zset().must(), weighted([(none.clone(), 2)]));
    assert_eq!(listed(it.view(view).range(..=None)), all[..1]);
    let some = (Bound::Excluded(None), Bound::Unbounded);
    assert_eq!(listed(it.view(view).range(some)), [empty, ada]);
    it.change()
        .remove(accounts, [none.clone(), none])
        .commit()
        .must();
    assert_eq!(it.view(view).get(&None).must(), None);
}

pub fn further_indexes_read_the_same_rows<H: Harness>() {
    let (graph, (accounts, by_id, by_owner, by_balance)) = graph(|g| {
        let accounts = g.table("accounts", Account::by_id());
        let by_id = accounts.view_by("view", Account::by_id());
        let by_owner = g.also_by(by_id, Account::by_owner());
        let balance = Index::new("balance", |row: &Account| (Reverse(row.balance), row.id));
        (
            accounts.handle(),
            by_id,
            by_owner,
            g.also_by(by_id, balance),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let rows = [
        Account::new(1, Some("Eve"), 10),
        Account::new(2, None, 30),
        Account::new(3, Some("Ada"), 20),
        Account::new(4, Some("Eve"), 20),
    ];
    let changed = it.change().insert(accounts, rows.clone()).commit().must();
    assert_eq!(changed.get(by_owner).must(), once(rows.clone()));
    let ids = |rows| -> Vec<i64> {
        listed(rows)
            .into_iter()
            .map(|row: Account| row.id)
            .collect()
    };
    assert_eq!(ids(it.view(by_id).iter()), [1, 2, 3, 4]);
    assert_eq!(ids(it.view(by_balance).iter()), [2, 3, 4, 1]);
    assert_eq!(ids(it.view(by_balance).rev().iter()), [1, 4, 3, 2]);
    let from_twenty = (Reverse(20), i64::MIN)..;
    assert_eq!(ids(it.view(by_balance).range(from_twenty)), [3, 4, 1]);
    assert_eq!(ids(it.view(by_balance).key(&(Reverse(20), 4))), [4]);
    let eve = Some("Eve".to_string());
    let of_eve = it.view(by_owner).key(&eve).must().into_zset().must();
    assert_eq!(of_eve, once([rows[0].clone(), rows[3].clone()]));
    assert_eq!(ids(it.view(by_owner).iter())[..2], [2, 3]);
    assert_eq!(
        it.view(by_owner).get(&None).must().map(|row| row.id),
        Some(2)
    );
    let asked = it.view(by_owner).keys([Some("Ada".to_string()), None]);
    assert_eq!(ids(Ok(asked)), [3, 2]);
}

pub fn further_indexes_follow_every_change<H: Harness>() {
    let (graph, (accounts, by_id, by_owner)) = graph(|g| {
        let accounts = g.table("accounts", Account::by_id());
        let by_id = accounts.view_by("view", Account::by_id());
        (
            accounts.handle(),
            by_id,
            g.also_by(by_id, Account::by_owner()),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let rows = (0..5).map(|id| Account::new(id, Some("Ada"), 0));
    it.change().insert(accounts, rows).commit().must();
    it.change()
        .update(accounts, 1, |row| row.owner = None)
        .update(accounts, 2, |row| row.owner = Some("Eve".to_string()))
        .update(accounts, 3, |row| row.balance = 7)
        .delete(accounts, 4)
        .commit()
        .must();
    let owners = |rows| -> Vec<Option<String>> {
        listed(rows)
            .into_iter()
            .map(|row: Account| row.owner)
            .collect()
    };
    let of = |name: &str| Some(name.to_string());
    let sorted = [None, of("Ada"), of("Ada"), of("Eve")];
    assert_eq!(owners(it.view(by_owner).iter()), sorted);
    let of_ada = it.view(by_owner).key(&of("Ada")).must().into_zset().must();
    let expected = once([
        Account::new(0, Some("Ada"), 0),
        Account::new(3, Some("Ada"), 7),
    ]);
    assert_eq!(of_ada, expected);
    assert_eq!(it.rows(by_id), it.rows(by_owner));
}

pub fn further_indexes_keep_the_weights_of_rows<H: Harness>() {
    let (graph, (lines, by_basket, by_product)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let by_basket = lines.view_by("view", Line::by_basket());
        (
            lines.handle(),
            by_basket,
            g.also_by(by_basket, Line::by_product()),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let (one, two) = (Line::new(1, "tv", 1), Line::new(2, "tv", 1));
    let rows = weighted([(one.clone(), 3), (two.clone(), -2)]);
    it.change().add(lines, rows.clone()).commit().must();
    assert_eq!(it.rows(by_basket), rows);
    assert_eq!(it.rows(by_product), rows);
    it.change()
        .add(lines, weighted([(one, -3), (two.clone(), 1)]))
        .commit()
        .must();
    assert_eq!(it.rows(by_product), weighted([(two, -1)]));
}

pub fn a_view_without_a_key_has_all_rows_under_one<H: Harness>() {
    let (graph, (texts, view)) = graph(|g| {
        let texts = g.input::<String>("texts");
        (texts.handle(), texts.view("view"))
    });
    let mut it = Opened::<H>::new(&graph);
    let long = "long".repeat(1000);
    it.change()
        .insert(texts, words(["b", "a", "b", &long]))
        .commit()
        .must();
    let all = weighted([("a".to_string(), 1), ("b".to_string(), 2), (long, 1)]);
    assert_eq!(it.rows(view), all);
    assert_eq!(it.view(view).key(&()).must().into_zset().must(), all);
    assert_eq!(it.view(view).rev().iter().must().into_zset().must(), all);
    let excluded = (Bound::Excluded(()), Bound::Unbounded);
    assert_eq!(listed(it.view(view).range(excluded)), words([]));
}

pub fn many_rows_under_one_key_keep_their_weights<H: Harness>() {
    let (graph, (lines, view)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        (lines.handle(), lines.view_by("view", Line::by_basket()))
    });
    let mut it = Opened::<H>::new(&graph);
    // Long rows and short ones, alike but for their ends.
    let name = |n: i64| {
        format!(
            "{}{n}",
            "product ".repeat(usize::try_from(n % 4).expect("small"))
        )
    };
    let rows = weighted((0..200).map(|n| (Line::new(7, &name(n), n), n - 100)));
    it.change().add(lines, rows.clone()).commit().must();
    assert_eq!(it.view(view).key(&7).must().into_zset().must(), rows);
    it.change().add(lines, rows.clone()).commit().must();
    assert_eq!(it.rows(view), rows.try_scale(2).must());
    it.change()
        .add(lines, rows.try_scale(-2).must())
        .commit()
        .must();
    assert_eq!(it.rows(view), ZSet::new());
}

pub fn views_of_one_graph_are_apart<H: Harness>() {
    let (graph, (products, by_name, by_price, dear)) = graph(|g| {
        let products = g.input::<Product>("products");
        let dear = products.filter(|product| product.price > 4);
        (
            products.handle(),
            products.view_by("by_name", Product::by_name()),
            products.view_by("by_price", Product::by_price()),
            dear.view_by("dear", Product::by_name()),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let (tv, radio) = (Product::new("tv", 3), Product::new("radio", 5));
    it.change()
        .insert(products, [tv.clone(), radio.clone()])
        .commit()
        .must();
    assert_eq!(listed(it.view(by_name).iter()), [radio.clone(), tv.clone()]);
    assert_eq!(listed(it.view(by_price).iter()), [tv, radio.clone()]);
    assert_eq!(listed(it.view(dear).iter()), [radio]);
}

pub fn the_greatest_groups_are_read_from_the_end<H: Harness>() {
    let (graph, (lines, by_total)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let totals = lines.group_by(Line::by_product()).sum(|line| line.quantity);
        let by_total = Index::new("total", |group: &Keyed<String, i64>| group.value);
        (lines.handle(), totals.view_by("totals", by_total))
    });
    let mut it = Opened::<H>::new(&graph);
    let all = [("tv", 4), ("radio", 9), ("lamp", 2), ("tv", 7)];
    let rows = all.map(|(product, quantity)| Line::new(1, product, quantity));
    it.change().insert(lines, rows).commit().must();
    it.change()
        .insert(lines, [Line::new(2, "lamp", 8)])
        .commit()
        .must();
    let top = it.view(by_total).rev().iter().must().take(2);
    let names: Vec<String> = top.map(|row| row.must().0.key).collect();
    assert_eq!(names, ["tv", "lamp"]);
}
