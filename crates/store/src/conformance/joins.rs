//! Joins, and the arrangements that they share.

use deltaview_graph::Edit;
use deltaview_schema::Index;
use deltaview_zset::{Pair, ZSet};

use super::Harness;
use super::rows::{Line, Product};
use super::support::{Must, Opened, graph, listed, once, weighted};
use crate::Store;

/// A graph with products and lines, joined on the product's name.
macro_rules! joined {
    ($graph:ident, $products:ident, $lines:ident, $joined:ident) => {
        let ($graph, ($products, $lines, $joined)) = graph(|g| {
            let products = g.input::<Product>("products");
            let lines = g.input::<Line>("lines");
            let joined = products.join(lines, Product::by_name(), Line::by_product());
            (products.handle(), lines.handle(), joined.view("joined"))
        });
    };
}

fn pair(product: Product, line: Line) -> Pair<Product, Line> {
    Pair::new(product, line)
}

pub fn join_pairs_the_rows_with_equal_keys<H: Harness>() {
    joined!(graph, products, lines, joined);
    let mut it = Opened::<H>::new(&graph);
    let (tv, radio) = (Product::new("tv", 3), Product::new("radio", 5));
    it.change()
        .insert(products, [tv.clone(), radio.clone()])
        .commit()
        .must();
    assert_eq!(it.rows(joined), ZSet::new());
    let changed = it
        .change()
        .insert(
            lines,
            [
                Line::new(1, "tv", 1),
                Line::new(2, "tv", 2),
                Line::new(1, "lamp", 1),
            ],
        )
        .commit()
        .must();
    let both = once([
        pair(tv.clone(), Line::new(1, "tv", 1)),
        pair(tv, Line::new(2, "tv", 2)),
    ]);
    assert_eq!(changed.get(joined).must(), both);
    assert_eq!(it.rows(joined), both);
    let changed = it
        .change()
        .insert(products, [Product::new("lamp", 9)])
        .commit()
        .must();
    let lamp = once([pair(Product::new("lamp", 9), Line::new(1, "lamp", 1))]);
    assert_eq!(changed.get(joined).must(), lamp);
}

pub fn join_takes_back_what_either_side_loses<H: Harness>() {
    joined!(graph, products, lines, joined);
    let mut it = Opened::<H>::new(&graph);
    let tv = Product::new("tv", 3);
    let all = [Line::new(1, "tv", 1), Line::new(2, "tv", 2)];
    it.change()
        .insert(products, [tv.clone()])
        .insert(lines, all.clone())
        .commit()
        .must();
    it.change().remove(lines, [all[0].clone()]).commit().must();
    assert_eq!(it.rows(joined), once([pair(tv.clone(), all[1].clone())]));
    it.change().remove(products, [tv]).commit().must();
    assert_eq!(it.rows(joined), ZSet::new());
}

pub fn join_sees_both_sides_of_one_change<H: Harness>() {
    joined!(graph, products, lines, joined);
    let mut it = Opened::<H>::new(&graph);
    let (old, new) = (Product::new("tv", 3), Product::new("tv", 4));
    let (one, two) = (Line::new(1, "tv", 1), Line::new(1, "tv", 2));
    it.change()
        .insert(products, [old.clone()])
        .insert(lines, [one.clone()])
        .commit()
        .must();
    assert_eq!(
        it.rows(joined),
        once([pair(old.clone(), one.clone())]),
        "each pair comes once"
    );
    let changed = it
        .change()
        .replace(products, old.clone(), new.clone())
        .replace(lines, one.clone(), two.clone())
        .commit()
        .must();
    let delta = weighted([(pair(old, one), -1), (pair(new.clone(), two.clone()), 1)]);
    assert_eq!(changed.get(joined).must(), delta);
    assert_eq!(it.rows(joined), once([pair(new, two)]));
}

pub fn join_multiplies_weights<H: Harness>() {
    joined!(graph, products, lines, joined);
    let mut it = Opened::<H>::new(&graph);
    let (tv, line) = (Product::new("tv", 3), Line::new(1, "tv", 1));
    it.change()
        .add(products, weighted([(tv.clone(), 3)]))
        .commit()
        .must();
    it.change()
        .add(lines, weighted([(line.clone(), -2)]))
        .commit()
        .must();
    assert_eq!(
        it.rows(joined),
        weighted([(pair(tv.clone(), line.clone()), -6)])
    );
    it.change()
        .add(products, weighted([(tv.clone(), -1)]))
        .add(lines, weighted([(line.clone(), 3)]))
        .commit()
        .must();
    assert_eq!(it.rows(joined), weighted([(pair(tv, line), 2)]));
}

pub fn join_map_gets_the_key_and_both_rows<H: Harness>() {
    let (graph, (products, lines, amounts)) = graph(|g| {
        let products = g.input::<Product>("products");
        let lines = g.input::<Line>("lines");
        let amounts = products.join_map(
            lines,
            Product::by_name(),
            Line::by_product(),
            |name: &String, product, line| (name.clone(), product.price * line.quantity),
        );
        (products.handle(), lines.handle(), amounts.view("amounts"))
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(products, [Product::new("tv", 3), Product::new("radio", 5)])
        .insert(lines, [Line::new(1, "tv", 4), Line::new(2, "tv", 4)])
        .commit()
        .must();
    assert_eq!(it.rows(amounts), weighted([(("tv".to_string(), 12), 2)]));
}

pub fn a_stream_joins_with_itself<H: Harness>() {
    let (graph, (edges, paths)) = graph(|g| {
        let edges = g.input::<(i64, i64)>("edges");
        let by_end = Index::new("end", |edge: &(i64, i64)| edge.1);
        let by_start = Index::new("start", |edge: &(i64, i64)| edge.0);
        let paths = edges.join_map(edges, by_end, by_start, |_, first, second| {
            (first.0, second.1)
        });
        (edges.handle(), paths.view("paths"))
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(edges, [(1, 2), (2, 3), (2, 4), (5, 5)])
        .commit()
        .must();
    assert_eq!(it.rows(paths), once([(1, 3), (1, 4), (5, 5)]));
    it.change()
        .insert(edges, [(3, 1)])
        .remove(edges, [(2, 4), (5, 5)])
        .commit()
        .must();
    assert_eq!(it.rows(paths), once([(1, 3), (2, 1), (3, 2)]));
}

pub fn a_stream_joins_with_itself_by_one_index<H: Harness>() {
    let (graph, (lines, pairs)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let pairs = lines.join_map(
            lines,
            Line::by_basket(),
            Line::by_basket(),
            |_, one, other| (one.product.clone(), other.product.clone()),
        );
        (lines.handle(), pairs.view("pairs"))
    });
    assert_eq!(graph.tables().len(), 2, "one arrangement, and the view");
    let mut it = Opened::<H>::new(&graph);
    let (a, b) = (Line::new(1, "a", 1), Line::new(1, "b", 1));
    it.change().insert(lines, [a.clone()]).commit().must();
    it.change().insert(lines, [b]).commit().must();
    let text = |a: &str, b: &str| (a.to_string(), b.to_string());
    let all = once([
        text("a", "a"),
        text("a", "b"),
        text("b", "a"),
        text("b", "b"),
    ]);
    assert_eq!(it.rows(pairs), all);
    it.change().remove(lines, [a]).commit().must();
    assert_eq!(it.rows(pairs), once([text("b", "b")]));
}

pub fn joins_follow_joins<H: Harness>() {
    let (graph, (products, lines, names, all)) = graph(|g| {
        let products = g.input::<Product>("products");
        let lines = g.input::<Line>("lines");
        let names = g.input::<(u32, String)>("names");
        let by_number = Index::new("number", |name: &(u32, String)| name.0);
        let by_basket = Line::by_basket().on_right::<Product>();
        let all = products
            .join(lines, Product::by_name(), Line::by_product())
            .join_map(names, by_basket, by_number, |_, pair, name| {
                (name.1.clone(), pair.left.price * pair.right.quantity)
            });
        (
            products.handle(),
            lines.handle(),
            names.handle(),
            all.view("all"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(products, [Product::new("tv", 3)])
        .insert(lines, [Line::new(1, "tv", 2)])
        .insert(names, [(1, "Ada".to_string())])
        .commit()
        .must();
    assert_eq!(it.rows(all), once([("Ada".to_string(), 6)]));
    it.change()
        .replace(products, Product::new("tv", 3), Product::new("tv", 4))
        .insert(names, [(1, "Eve".to_string())])
        .commit()
        .must();
    assert_eq!(
        it.rows(all),
        once([("Ada".to_string(), 8), ("Eve".to_string(), 8)])
    );
}

pub fn many_rows_meet_many_under_one_key<H: Harness>() {
    joined!(graph, products, lines, joined);
    let mut it = Opened::<H>::new(&graph);
    let prices = (0..30).map(|price| Product::new("tv", price));
    let baskets = (0..40).map(|basket| Line::new(basket, "tv", 1));
    it.change().insert(products, prices).commit().must();
    it.change().insert(lines, baskets).commit().must();
    let rows = it.rows(joined);
    assert_eq!((rows.len(), rows.is_set()), (1200, true));
    let others = (0..30).map(|price| Product::new("tv", price));
    it.change().remove(products, others).commit().must();
    assert_eq!(it.rows(joined), ZSet::new());
}

pub fn a_view_and_a_join_share_an_arrangement<H: Harness>() {
    let (graph, (products, lines, by_name, joined)) = graph(|g| {
        let products = g.input::<Product>("products");
        let lines = g.input::<Line>("lines");
        let joined = products.join(lines, Product::by_name(), Line::by_product());
        let by_name = products.view_by("by_name", Product::by_name());
        (
            products.handle(),
            lines.handle(),
            by_name,
            joined.view("joined"),
        )
    });
    assert_eq!(
        graph.tables().len(),
        3,
        "products and lines once each, and the view of the join"
    );
    let mut it = Opened::<H>::new(&graph);
    let (tv, line) = (Product::new("tv", 3), Line::new(1, "tv", 1));
    it.change().insert(products, [tv.clone()]).commit().must();
    let changed = it.change().insert(lines, [line.clone()]).commit().must();
    assert_eq!(changed.get(by_name).must(), ZSet::new());
    assert_eq!(it.rows(joined), once([pair(tv.clone(), line)]));
    let changed = it.change().remove(products, [tv.clone()]).commit().must();
    assert_eq!(changed.get(by_name).must(), weighted([(tv, -1)]));
    assert_eq!(listed(it.view(by_name).key(&"tv".to_string())), []);
    assert_eq!(it.rows(joined), ZSet::new());
}
