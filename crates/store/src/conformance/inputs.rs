//! Raw inputs: rows with any weights, and weights that do not fit.

use deltaview_graph::{Edit, TickErrorKind};
use deltaview_zset::{Keyed, Weight, ZSet};

use super::Harness;
use super::rows::{Line, Product};
use super::support::{Must, Opened, assert_why, failed, graph, once, weighted};
use crate::Store;

/// A graph that keeps its input in a view by the product's name.
macro_rules! kept {
    ($graph:ident, $products:ident, $view:ident) => {
        let ($graph, ($products, $view)) = graph(|g| {
            let products = g.input::<Product>("products");
            let view = products.view_by("view", Product::by_name());
            (products.handle(), view)
        });
    };
}

fn tv() -> Product {
    Product::new("tv", 3)
}

pub fn copies_of_a_row_add_up<H: Harness>() {
    kept!(graph, products, view);
    let mut it = Opened::<H>::new(&graph);
    it.change().insert(products, [tv(), tv()]).commit().must();
    let changed = it
        .change()
        .insert(products, [tv()])
        .add(products, weighted([(tv(), 4)]))
        .commit()
        .must();
    assert_eq!(changed.get(view).must(), weighted([(tv(), 5)]));
    assert_eq!(it.rows(view), weighted([(tv(), 7)]));
}

pub fn weights_can_be_negative<H: Harness>() {
    kept!(graph, products, view);
    let mut it = Opened::<H>::new(&graph);
    it.change().remove(products, [tv()]).commit().must();
    assert_eq!(it.rows(view), weighted([(tv(), -1)]));
    it.change()
        .add(products, weighted([(tv(), 3)]))
        .commit()
        .must();
    assert_eq!(it.rows(view), weighted([(tv(), 2)]));
}

pub fn a_row_of_weight_zero_disappears<H: Harness>() {
    kept!(graph, products, view);
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .add(products, weighted([(tv(), 3)]))
        .commit()
        .must();
    it.change()
        .add(products, weighted([(tv(), -3)]))
        .commit()
        .must();
    assert_eq!(it.rows(view), ZSet::new());
    assert_eq!(it.view(view).iter().must().count(), 0);
    it.change().insert(products, [tv()]).commit().must();
    assert_eq!(it.rows(view), once([tv()]));
}

pub fn weights_have_sixty_four_bits<H: Harness>() {
    kept!(graph, products, view);
    let mut it = Opened::<H>::new(&graph);
    let radio = || Product::new("radio", 5);
    let rows = weighted([(tv(), Weight::MAX), (radio(), Weight::MIN)]);
    it.change().add(products, rows.clone()).commit().must();
    assert_eq!(it.rows(view), rows);
    let back = weighted([(tv(), -(1 << 40)), (radio(), 1 << 40)]);
    it.change().add(products, back).commit().must();
    let left = weighted([
        (tv(), Weight::MAX - (1 << 40)),
        (radio(), Weight::MIN + (1 << 40)),
    ]);
    assert_eq!(it.rows(view), left);
}

/// The view is not read to be added to, so it is the store that must notice.
pub fn a_stored_weight_that_would_not_fit_is_an_error<H: Harness>() {
    let (graph, (products, lines, by_name, dear, sums)) = graph(|g| {
        let products = g.input::<Product>("products");
        let lines = g.input::<Line>("lines");
        let by_name = products.view_by("by_name", Product::by_name());
        let dear = products.filter(|product| product.price > 4);
        let dear = dear.view_by("dear", Product::by_price());
        let sums = lines.group_by(Line::by_basket()).count().view("sums");
        (products.handle(), lines.handle(), by_name, dear, sums)
    });
    let mut it = Opened::<H>::new(&graph);
    let most = weighted([(tv(), Weight::MAX)]);
    it.change().add(products, most.clone()).commit().must();
    let time = it.time().must();
    let failure = it
        .change()
        .insert(lines, [Line::new(1, "tv", 1)])
        .insert(products, [Product::new("radio", 5), tv()])
        .commit();
    let error = failed(failure, "by_name");
    assert_why!(error, TickErrorKind::WeightOverflow(_));
    assert_eq!(it.rows(by_name), most);
    assert_eq!(it.rows(dear), ZSet::new());
    assert_eq!(it.rows(sums), ZSet::new());
    assert_eq!(it.time().must(), time);
    it.change()
        .add(products, weighted([(tv(), -Weight::MAX)]))
        .insert(lines, [Line::new(1, "tv", 1)])
        .commit()
        .must();
    assert_eq!(it.rows(by_name), ZSet::new());
    assert_eq!(it.rows(sums), once([Keyed::new(1, 1)]));
}

pub fn a_stored_weight_that_would_not_fit_below_is_an_error<H: Harness>() {
    kept!(graph, products, view);
    let mut it = Opened::<H>::new(&graph);
    let least = weighted([(tv(), Weight::MIN)]);
    it.change().add(products, least.clone()).commit().must();
    let error = failed(it.change().remove(products, [tv()]).commit(), "view");
    assert_why!(error, TickErrorKind::WeightOverflow(_));
    assert_eq!(it.rows(view), least);
}

pub fn weights_of_one_change_that_do_not_fit_are_an_error<H: Harness>() {
    kept!(graph, products, view);
    let mut it = Opened::<H>::new(&graph);
    let failure = it
        .change()
        .add(products, weighted([(tv(), Weight::MAX)]))
        .insert(products, [tv()])
        .commit();
    let error = failure.expect_err("the weights do not fit");
    assert_why!(error, TickErrorKind::WeightOverflow(_));
    assert_eq!(it.rows(view), ZSet::new());
}

pub fn a_product_of_weights_that_does_not_fit_is_an_error<H: Harness>() {
    let (graph, (products, lines, joined)) = graph(|g| {
        let products = g.input::<Product>("products");
        let lines = g.input::<Line>("lines");
        let joined = products
            .join(lines, Product::by_name(), Line::by_product())
            .named("meeting");
        (products.handle(), lines.handle(), joined.view("joined"))
    });
    let mut it = Opened::<H>::new(&graph);
    let line = Line::new(1, "tv", 1);
    it.change()
        .add(products, weighted([(tv(), 1 << 40)]))
        .commit()
        .must();
    let failure = it
        .change()
        .add(lines, weighted([(line.clone(), 1 << 40)]))
        .commit();
    assert_why!(failed(failure, "meeting"), TickErrorKind::WeightOverflow(_));
    it.change()
        .add(lines, weighted([(line.clone(), 1 << 20)]))
        .commit()
        .must();
    let pair = deltaview_zset::Pair::new(tv(), line);
    assert_eq!(it.rows(joined), weighted([(pair, 1 << 60)]));
}

pub fn negating_the_least_weight_is_an_error<H: Harness>() {
    let (graph, (numbers, view)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        (numbers.handle(), numbers.negate().view("view"))
    });
    let mut it = Opened::<H>::new(&graph);
    let failure = it
        .change()
        .add(numbers, weighted([(1, Weight::MIN)]))
        .commit();
    assert_why!(
        failed(failure, "numbers_negate"),
        TickErrorKind::WeightOverflow(_)
    );
    assert_eq!(it.rows(view), ZSet::new());
}
