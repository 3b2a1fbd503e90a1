//! Closing and opening again. A store that is not durable is handed back as it is, and goes on all the same; what only a
//! durable one can do is told apart by [`Harness::DURABLE`].

use deltaview_graph::{Edit, Graph, InputHandle, ViewHandle};
use deltaview_schema::{Index, IndexKey, Row};
use deltaview_zset::{Keyed, Pair, ZSet};

use super::Harness;
use super::rows::{Account, Line, Product};
use super::support::{Must, Opened, graph, listed, once, weighted};
use crate::{ErrorKind, Store};

pub fn opening_again_keeps_the_views<H: Harness>() {
    let (graph, (lines, by_basket, by_product, counts)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let by_basket = lines.view_by("view", Line::by_basket());
        let by_product = g.also_by(by_basket, Line::by_product());
        let counts = lines.group_by(Line::by_basket()).count().view("counts");
        (lines.handle(), by_basket, by_product, counts)
    });
    let mut it = Opened::<H>::new(&graph);
    let (one, two) = (Line::new(1, "tv", 1), Line::new(2, "radio", 1));
    let rows = weighted([(one.clone(), 3), (two.clone(), -1)]);
    it.change().add(lines, rows.clone()).commit().must();
    for _ in 0..3 {
        it = it.reopened();
        assert_eq!(it.rows(by_basket), rows);
        assert_eq!(
            listed(it.view(by_product).iter()),
            [two.clone(), one.clone()]
        );
        assert_eq!(it.rows(counts), once([Keyed::new(1, 3), Keyed::new(2, -1)]));
    }
}

pub fn times_go_on_where_they_were<H: Harness>() {
    let (graph, (numbers, _view)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        (numbers.handle(), numbers.view("view"))
    });
    let mut it = Opened::<H>::new(&graph);
    it = it.reopened();
    assert_eq!(it.time().must(), 0, "opening is no iteration");
    let mut last = 0;
    for number in 0..4 {
        let time = it.change().insert(numbers, [number]).commit().must().time();
        assert!(time > last);
        last = time;
        it = it.reopened();
        assert_eq!(it.time().must(), last);
    }
    let time = it.change().commit().must().time();
    assert!(time > last);
    assert_eq!(
        it.reopened().time().must(),
        time,
        "an empty iteration counts"
    );
}

pub fn groups_and_joins_go_on_where_they_were<H: Harness>() {
    let (graph, (products, lines, joined, totals)) = graph(|g| {
        let products = g.input::<Product>("products");
        let lines = g.input::<Line>("lines");
        let joined = products.join(lines, Product::by_name(), Line::by_product());
        let totals = joined
            .group_by(Line::by_basket().on_right())
            .sum(|pair| pair.left.price * pair.right.quantity);
        (
            products.handle(),
            lines.handle(),
            joined.output("joined"),
            totals.view("totals"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(products, [Product::new("tv", 3), Product::new("radio", 5)])
        .commit()
        .must();
    it = it.reopened();
    it.change()
        .insert(
            lines,
            [
                Line::new(1, "radio", 4),
                Line::new(1, "tv", 1),
                Line::new(2, "tv", 2),
            ],
        )
        .commit()
        .must();
    it = it.reopened();
    assert_eq!(it.rows(totals), once([Keyed::new(1, 23), Keyed::new(2, 6)]));
    let (old, new) = (Product::new("tv", 3), Product::new("tv", 4));
    let changed = it
        .change()
        .replace(products, old.clone(), new.clone())
        .commit()
        .must();
    let delta = [Line::new(1, "tv", 1), Line::new(2, "tv", 2)]
        .into_iter()
        .flat_map(|line| {
            [
                (Pair::new(old.clone(), line.clone()), -1),
                (Pair::new(new.clone(), line), 1),
            ]
        });
    assert_eq!(changed.get(joined).must(), weighted(delta));
    it = it.reopened();
    assert_eq!(it.rows(totals), once([Keyed::new(1, 24), Keyed::new(2, 8)]));
}

pub fn keyed_tables_remember_their_rows<H: Harness>() {
    let (graph, (accounts, view)) = graph(|g| {
        let accounts = g.table("accounts", Account::by_id());
        (
            accounts.handle(),
            accounts.view_by("view", Account::by_id()),
        )
    });
    let account = |id, balance| Account::new(id, None, balance);
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(accounts, [account(1, 10), account(2, 20)])
        .commit()
        .must();
    it = it.reopened();
    let again = it.change().insert(accounts, [account(1, 10)]).commit();
    again.expect_err("the key is there");
    it = it.reopened();
    it.change()
        .update(accounts, 1, |account| account.balance += 1)
        .delete(accounts, 2)
        .commit()
        .must();
    it = it.reopened();
    it.change()
        .delete(accounts, 2)
        .commit()
        .expect_err("the row is gone");
    it.change()
        .remove(accounts, [account(1, 11)])
        .commit()
        .must();
    assert_eq!(it.reopened().rows(view), ZSet::new());
}

pub fn delays_and_integrals_go_on_where_they_were<H: Harness>() {
    let (graph, (numbers, delayed, sums, changes)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        (
            numbers.handle(),
            numbers.delay().output("delayed"),
            numbers.integrate().output("sums"),
            numbers.differentiate().output("changes"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    it.change().insert(numbers, [1, 2]).commit().must();
    it = it.reopened();
    let changed = it.change().insert(numbers, [2]).commit().must();
    assert_eq!(changed.get(delayed).must(), once([1, 2]));
    assert_eq!(changed.get(sums).must(), weighted([(1, 1), (2, 2)]));
    assert_eq!(changed.get(changes).must(), weighted([(1, -1)]));
    it = it.reopened();
    let changed = it.change().commit().must();
    assert_eq!(changed.get(delayed).must(), once([2]));
    assert_eq!(changed.get(sums).must(), weighted([(1, 1), (2, 2)]));
    assert_eq!(changed.get(changes).must(), weighted([(2, -1)]));
}

pub fn a_change_that_failed_is_not_there_after_opening_again<H: Harness>() {
    let (graph, (numbers, view)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        let checked = numbers.inspect(|n, _| assert_ne!(*n, 13, "unlucky"));
        (numbers.handle(), checked.view("view"))
    });
    let mut it = Opened::<H>::new(&graph);
    let time = it.change().insert(numbers, [1]).commit().must().time();
    let failure = it.change().insert(numbers, [2, 13]).commit();
    failure.expect_err("the closure panics");
    it = it.reopened();
    assert_eq!(it.rows(view), once([1]));
    assert_eq!(it.time().must(), time);
}

/// A graph with an input of some rows, kept in a view by an index.
#[track_caller]
fn products_by<T: Row, K: IndexKey>(
    index: Index<T, K>,
) -> (Graph, (InputHandle<T>, ViewHandle<T, K>)) {
    graph(|g| {
        let products = g.input::<T>("products");
        (products.handle(), products.view_by("catalogue", index))
    })
}

/// Opens the place of a store with the graph of another shape, and says what is wrong with it. The store's data must be
/// untouched by that.
#[track_caller]
fn opened_with_another<H: Harness>(other: &Graph, words: &[&str]) {
    let (graph, (products, view)) = products_by(Product::by_name());
    let mut it = Opened::<H>::new(&graph);
    let tv = Product::new("tv", 3);
    let time = it
        .change()
        .insert(products, [tv.clone()])
        .commit()
        .must()
        .time();
    let opened = it.harness.open(other);
    if !H::DURABLE {
        assert_eq!(opened.must().time().must(), 0, "each store is a new one");
        return;
    }
    let Err(error) = opened else {
        panic!("a graph of another shape can't be opened");
    };
    assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}");
    assert!(error.to_string().contains("`conformance`"), "{error}");
    let named = |detail: &String| words.iter().all(|word| detail.contains(word));
    assert!(
        error.details().iter().any(named),
        "not named: {words:?} in {error}"
    );
    it = it.reopened();
    assert_eq!(it.rows(view), once([tv.clone()]));
    assert_eq!(it.time().must(), time);
    it.change().remove(products, [tv]).commit().must();
    assert_eq!(it.rows(view), ZSet::new());
}

pub fn a_row_of_another_shape_is_a_mismatch<H: Harness>() {
    let by_id = Index::declared("name", ["name"], |row: &Account| row.id.to_string());
    let (other, _) = products_by(by_id);
    opened_with_another::<H>(&other, &["`catalogue`", "balance"]);
    let (other, _) = products_by(Index::declared("name", ["name"], |row: &Account| {
        row.id.to_string()
    }));
    opened_with_another::<H>(&other, &["`catalogue`", "price"]);
}

pub fn another_index_is_a_mismatch<H: Harness>() {
    let (other, _) = products_by(Product::by_price());
    opened_with_another::<H>(&other, &["`catalogue`", "price"]);
    let optional = Index::declared("name", ["name"], |row: &Product| Some(row.name.clone()));
    let (other, _) = products_by(optional);
    opened_with_another::<H>(&other, &["`catalogue`", "name", "none"]);
}

pub fn one_index_more_is_a_mismatch<H: Harness>() {
    let (other, _) = graph(|g| {
        let products = g.input::<Product>("products");
        let view = products.view_by("catalogue", Product::by_name());
        g.also_by(view, Product::by_price())
    });
    opened_with_another::<H>(&other, &["`catalogue`", "price"]);
}

pub fn one_vertex_more_or_less_is_a_mismatch<H: Harness>() {
    let (other, _) = graph(|g| {
        let products = g.input::<Product>("products");
        products.view_by("catalogue", Product::by_name());
        products
            .group_by(Product::by_price())
            .count()
            .view("prices")
    });
    opened_with_another::<H>(&other, &["`prices`"]);
    let (other, _) = graph(|g| g.input::<Product>("products").output("products_out"));
    opened_with_another::<H>(&other, &["`catalogue`"]);
}

pub fn graphs_of_other_names_live_side_by_side<H: Harness>() {
    let build = |name: &str| {
        Graph::build(name, |g| {
            let products = g.input::<Product>("products");
            (
                products.handle(),
                products.view_by("view", Product::by_name()),
            )
        })
        .must()
    };
    let (first, (first_products, first_view)) = build("conformance");
    let (second, (second_products, second_view)) = build("conformance_other");
    let mut it = Opened::<H>::new(&first);
    let mut other = it.harness.open(&second).must();
    let (tv, radio) = (Product::new("tv", 3), Product::new("radio", 5));
    it.change()
        .insert(first_products, [tv.clone()])
        .commit()
        .must();
    other
        .change()
        .insert(second_products, [radio.clone()])
        .commit()
        .must();
    it.change()
        .insert(first_products, [tv.clone()])
        .commit()
        .must();
    let other = it.harness.reopen(other);
    it = it.reopened();
    assert_eq!(it.rows(first_view), weighted([(tv, 2)]));
    assert_eq!(listed(other.view(second_view).iter()), [radio]);
}

/// Two stores of one graph in one place take turns. What one of them has read before must not mislead it after the other
/// has committed.
pub fn stores_of_one_place_see_what_the_others_commit<H: Harness>() {
    let (graph, (products, lines, joined, totals)) = graph(|g| {
        let products = g.table("products", Product::by_name());
        let lines = g.input::<Line>("lines");
        let joined = lines.join_map(
            products,
            Line::by_product(),
            Product::by_name(),
            |_, line, product| (line.basket, line.quantity * product.price),
        );
        let basket = Index::new("basket", |row: &(u32, i64)| row.0);
        let totals = joined.group_by(basket).sum(|row| row.1);
        (
            products.handle(),
            lines.handle(),
            joined.output("joined"),
            totals.view("totals"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let mut other = it.harness.open(&graph).must();
    it.change()
        .insert(products, [Product::new("tv", 3)])
        .insert(lines, [Line::new(1, "tv", 2)])
        .commit()
        .must();
    if !H::DURABLE {
        assert_eq!(
            listed(other.view(totals).iter()),
            [],
            "each store is a new one"
        );
        return;
    }
    let mut last = it.time().must();
    for price in 4..10 {
        let (writer, reader) = if price % 2 == 0 {
            (&mut other, &mut it.store)
        } else {
            (&mut it.store, &mut other)
        };
        let changed = writer
            .change()
            .update(products, "tv".to_string(), move |product| {
                product.price = price
            })
            .insert(lines, [Line::new(2, "tv", 1)])
            .commit()
            .must();
        assert!(changed.time() > last);
        last = changed.time();
        assert_eq!(changed.get(joined).must().weight(&(1, 2 * price)), 1);
        assert_eq!(reader.time().must(), last);
        let values = [Keyed::new(1, 2 * price), Keyed::new(2, (price - 3) * price)];
        assert_eq!(listed(reader.view(totals).iter()), values);
    }
}
