//! Keyed tables: inputs that remember their rows, one a key.

use deltaview_graph::{Edit, TickErrorKind};
use deltaview_schema::Index;
use deltaview_zset::{Keyed, ZSet};

use super::Harness;
use super::rows::{Account, Line, Product};
use super::support::{Must, Opened, assert_why, failed, graph, listed, once, weighted};
use crate::Store;

/// A graph with a table of accounts, its rows and their balances by owner.
macro_rules! accounts {
    ($graph:ident, $accounts:ident, $view:ident, $totals:ident) => {
        let ($graph, ($accounts, $view, $totals)) = graph(|g| {
            let accounts = g.table("accounts", Account::by_id());
            let view = accounts.view_by("view", Account::by_id());
            let totals = accounts
                .group_by(Account::by_owner())
                .sum(|account| account.balance)
                .view("totals");
            (accounts.handle(), view, totals)
        });
    };
}

fn ada(balance: i64) -> Account {
    Account::new(1, Some("Ada"), balance)
}

fn eve(balance: i64) -> Account {
    Account::new(2, Some("Eve"), balance)
}

pub fn inserted_rows_are_found_by_key<H: Harness>() {
    accounts!(graph, accounts, view, totals);
    let mut it = Opened::<H>::new(&graph);
    let changed = it
        .change()
        .insert(accounts, [eve(20), ada(10)])
        .commit()
        .must();
    assert_eq!(changed.get(view).must(), once([ada(10), eve(20)]));
    assert_eq!(it.view(view).get(&1).must(), Some(ada(10)));
    assert_eq!(listed(it.view(view).iter()), [ada(10), eve(20)]);
    assert_eq!(it.rows(totals).len(), 2);
}

pub fn inserting_a_key_twice_is_an_error<H: Harness>() {
    accounts!(graph, accounts, view, _totals);
    let mut it = Opened::<H>::new(&graph);
    it.change().insert(accounts, [ada(10)]).commit().must();
    for again in [ada(10), ada(11)] {
        let error = failed(
            it.change().insert(accounts, [eve(20), again]).commit(),
            "accounts",
        );
        assert_why!(error, TickErrorKind::DuplicateKey { key } if key == "1");
        assert_eq!(it.rows(view), once([ada(10)]));
    }
    let failure = it.change().insert(accounts, [eve(1), eve(2)]).commit();
    assert_why!(failed(failure, "accounts"), TickErrorKind::DuplicateKey { key } if key == "2");
    assert_eq!(it.rows(view), once([ada(10)]));
}

pub fn upsert_takes_the_place_of_the_row_with_the_key<H: Harness>() {
    accounts!(graph, accounts, view, totals);
    let mut it = Opened::<H>::new(&graph);
    let changed = it.change().upsert(accounts, [ada(10)]).commit().must();
    assert_eq!(changed.get(view).must(), once([ada(10)]));
    let changed = it.change().upsert(accounts, [ada(11)]).commit().must();
    assert_eq!(
        changed.get(view).must(),
        weighted([(ada(10), -1), (ada(11), 1)])
    );
    let changed = it.change().upsert(accounts, [ada(11)]).commit().must();
    assert_eq!(changed.get(view).must(), ZSet::new(), "the same row again");
    assert_eq!(changed.rows_written(), 0);
    assert_eq!(it.rows(view), once([ada(11)]));
    let owner = Some("Ada".to_string());
    assert_eq!(it.rows(totals), once([Keyed::new(owner, 11)]));
}

pub fn update_changes_the_row_of_a_key<H: Harness>() {
    accounts!(graph, accounts, view, totals);
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(accounts, [ada(10), eve(20)])
        .commit()
        .must();
    let changed = it
        .change()
        .update(accounts, 1, |account| account.balance -= 5)
        .update(accounts, 2, |account| account.balance += 5)
        .commit()
        .must();
    let delta = weighted([(ada(10), -1), (ada(5), 1), (eve(20), -1), (eve(25), 1)]);
    assert_eq!(changed.get(view).must(), delta);
    let values: Vec<i64> = listed(it.view(totals).iter())
        .iter()
        .map(|group| group.value)
        .collect();
    assert_eq!(values, [5, 25]);
    let changed = it.change().update(accounts, 1, |_| ()).commit().must();
    assert_eq!(changed.get(view).must(), ZSet::new(), "nothing was updated");
}

pub fn updating_a_missing_row_is_an_error<H: Harness>() {
    accounts!(graph, accounts, view, _totals);
    let mut it = Opened::<H>::new(&graph);
    let failure = it
        .change()
        .insert(accounts, [ada(10)])
        .update(accounts, 7, |account| account.balance = 0)
        .commit();
    assert_why!(failed(failure, "accounts"), TickErrorKind::MissingKey { key } if key == "7");
    assert_eq!(it.rows(view), ZSet::new());
}

pub fn an_update_that_changes_the_key_is_an_error<H: Harness>() {
    accounts!(graph, accounts, view, _totals);
    let mut it = Opened::<H>::new(&graph);
    it.change().insert(accounts, [ada(10)]).commit().must();
    let failure = it
        .change()
        .update(accounts, 1, |account| account.id = 9)
        .commit();
    assert_why!(failed(failure, "accounts"), TickErrorKind::UpdatedKey { key } if key == "1");
    assert_eq!(it.rows(view), once([ada(10)]));
    assert_eq!(it.view(view).get(&9).must(), None);
}

pub fn delete_removes_the_row_of_a_key<H: Harness>() {
    accounts!(graph, accounts, view, totals);
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(accounts, [ada(10), eve(20)])
        .commit()
        .must();
    let changed = it.change().delete(accounts, 1).commit().must();
    assert_eq!(changed.get(view).must(), weighted([(ada(10), -1)]));
    assert_eq!(it.rows(view), once([eve(20)]));
    assert_eq!(it.rows(totals).len(), 1);
    it.change().insert(accounts, [ada(1)]).commit().must();
    assert_eq!(it.view(view).get(&1).must(), Some(ada(1)));
}

pub fn deleting_a_missing_row_is_an_error<H: Harness>() {
    accounts!(graph, accounts, view, _totals);
    let mut it = Opened::<H>::new(&graph);
    it.change().insert(accounts, [ada(10)]).commit().must();
    let failure = it.change().delete(accounts, 1).delete(accounts, 1).commit();
    assert_why!(failed(failure, "accounts"), TickErrorKind::MissingKey { key } if key == "1");
    assert_eq!(it.rows(view), once([ada(10)]));
}

pub fn remove_takes_the_very_row_only<H: Harness>() {
    accounts!(graph, accounts, view, _totals);
    let mut it = Opened::<H>::new(&graph);
    it.change().insert(accounts, [ada(10)]).commit().must();
    let failure = it.change().remove(accounts, [ada(11)]).commit();
    assert_why!(failed(failure, "accounts"), TickErrorKind::DifferentRow { key } if key == "1");
    let failure = it.change().remove(accounts, [eve(1)]).commit();
    assert_why!(failed(failure, "accounts"), TickErrorKind::MissingKey { key } if key == "2");
    assert_eq!(it.rows(view), once([ada(10)]));
    it.change().remove(accounts, [ada(10)]).commit().must();
    assert_eq!(it.rows(view), ZSet::new());
}

pub fn each_step_sees_what_the_ones_before_it_made<H: Harness>() {
    accounts!(graph, accounts, view, _totals);
    let mut it = Opened::<H>::new(&graph);
    it.change().insert(accounts, [eve(20)]).commit().must();
    let changed = it
        .change()
        .insert(accounts, [ada(1)])
        .update(accounts, 1, |account| account.balance += 1)
        .upsert(accounts, [ada(7)])
        .update(accounts, 1, |account| account.balance *= 3)
        .delete(accounts, 2)
        .insert(accounts, [eve(22)])
        .replace(accounts, ada(21), ada(30))
        .commit()
        .must();
    let delta = weighted([(ada(30), 1), (eve(20), -1), (eve(22), 1)]);
    assert_eq!(changed.get(view).must(), delta);
    assert_eq!(it.rows(view), once([ada(30), eve(22)]));
}

pub fn a_row_that_comes_and_goes_in_one_change_leaves_no_trace<H: Harness>() {
    accounts!(graph, accounts, view, totals);
    let mut it = Opened::<H>::new(&graph);
    it.change().insert(accounts, [eve(20)]).commit().must();
    let changed = it
        .change()
        .insert(accounts, [ada(10)])
        .delete(accounts, 1)
        .delete(accounts, 2)
        .insert(accounts, [eve(20)])
        .commit()
        .must();
    assert_eq!(changed.get(view).must(), ZSet::new());
    assert_eq!(changed.get(totals).must(), ZSet::new());
    assert_eq!(changed.rows_written(), 0);
    it.change().insert(accounts, [ada(11)]).commit().must();
    assert_eq!(it.rows(view), once([ada(11), eve(20)]));
}

pub fn a_step_that_fails_undoes_the_whole_change<H: Harness>() {
    let (graph, (accounts, products, numbers, views)) = graph(|g| {
        let accounts = g.table("accounts", Account::by_id());
        let products = g.table("products", Product::by_name());
        let numbers = g.input::<i64>("numbers");
        let views = (
            accounts.view("accounts_view"),
            products.view_by("products_view", Product::by_name()),
            numbers.view("numbers_view"),
        );
        (
            accounts.handle(),
            products.handle(),
            numbers.handle(),
            views,
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let failure = it
        .change()
        .insert(accounts, [ada(10)])
        .insert(numbers, [1])
        .delete(products, "tv".to_string())
        .commit();
    assert_why!(failed(failure, "products"), TickErrorKind::MissingKey { key } if key == "\"tv\"");
    assert_eq!(it.rows(views.0), ZSet::new());
    assert_eq!(it.rows(views.1), ZSet::new());
    assert_eq!(it.rows(views.2), ZSet::new());
    it.change()
        .insert(accounts, [ada(11)])
        .insert(products, [Product::new("tv", 3)])
        .commit()
        .must();
    assert_eq!(it.rows(views.0), once([ada(11)]));
    assert_eq!(it.rows(views.1), once([Product::new("tv", 3)]));
}

pub fn a_table_can_have_a_key_of_several_parts<H: Harness>() {
    let (graph, (prices, view)) = graph(|g| {
        type Price = (Option<String>, i64, i64);
        let key = Index::new("key", |row: &Price| (row.0.clone(), row.1));
        let prices = g.table("prices", key.clone());
        (prices.handle(), prices.view_by("view", key))
    });
    let mut it = Opened::<H>::new(&graph);
    let name = || Some("tv".to_string());
    it.change()
        .insert(prices, [(None, 1, 10), (name(), 1, 20), (name(), 2, 30)])
        .commit()
        .must();
    it.change()
        .update(prices, (None, 1), |row| row.2 = 11)
        .delete(prices, (name(), 1))
        .commit()
        .must();
    assert_eq!(
        listed(it.view(view).iter()),
        [(None, 1, 11), (name(), 2, 30)]
    );
    let failure = it.change().delete(prices, (name(), 1)).commit();
    assert_why!(failed(failure, "prices"), TickErrorKind::MissingKey { key } if key == "(\"tv\", 1)");
}

pub fn a_table_joins_by_its_key_without_another_arrangement<H: Harness>() {
    let (graph, (products, lines, amounts)) = graph(|g| {
        let products = g.table("products", Product::by_name());
        let lines = g.input::<Line>("lines");
        let amounts = lines.join_map(
            products,
            Line::by_product(),
            Product::by_name(),
            |_, line, product| (line.basket, line.quantity * product.price),
        );
        (products.handle(), lines.handle(), amounts.view("amounts"))
    });
    assert_eq!(
        graph.tables().len(),
        3,
        "the products, the lines, and the view"
    );
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(products, [Product::new("tv", 3)])
        .insert(lines, [Line::new(1, "tv", 2), Line::new(2, "tv", 4)])
        .commit()
        .must();
    assert_eq!(it.rows(amounts), once([(1, 6), (2, 12)]));
    it.change()
        .update(products, "tv".to_string(), |product| product.price = 5)
        .commit()
        .must();
    assert_eq!(it.rows(amounts), once([(1, 10), (2, 20)]));
    it.change()
        .delete(products, "tv".to_string())
        .commit()
        .must();
    assert_eq!(it.rows(amounts), ZSet::new());
}
