//! Queries inside of groups, and queries made of themselves.

use deltaview_graph::{Edit, TickErrorKind};
use deltaview_schema::Index;
use deltaview_zset::Keyed;

use super::Harness;
use super::support::{Must, Opened, assert_why, graph, once, weighted};
use crate::Store;

/// A shop, a customer, an amount.
type Sale = (u8, u8, i64);

pub fn a_query_runs_inside_of_each_group<H: Harness>() {
    let (graph, (sales, best)) = graph(|g| {
        let sales = g.input::<Sale>("sales");
        // In each shop, the two customers who spent most.
        let best = sales.per_group(Index::new("shop", |sale: &Sale| sale.0), |sales| {
            sales
                .group_by(Index::new("customer", |sale: &Sale| sale.1))
                .sum(|sale| sale.2)
                .top_n(Index::new("spent", |spent: &Keyed<u8, i64>| spent.value), 2)
        });
        (sales.handle(), best.view("best"))
    });
    let mut it = Opened::<H>::new(&graph);
    let rows = [(1, 1, 5), (1, 2, 6), (1, 3, 7), (1, 1, 3), (2, 9, 1)];
    it.change().insert(sales, rows).commit().must();
    let spent =
        |shop: u8, customer: u8, amount: i64| Keyed::new(shop, Keyed::new(customer, amount));
    assert_eq!(
        it.rows(best),
        once([spent(1, 1, 8), spent(1, 3, 7), spent(2, 9, 1)])
    );
    let mut it = it.reopened();
    it.change()
        .remove(sales, [(1, 1, 5), (2, 9, 1)])
        .commit()
        .must();
    assert_eq!(it.rows(best), once([spent(1, 2, 6), spent(1, 3, 7)]));
}

pub fn groups_are_nested_at_will<H: Harness>() {
    let (graph, (sales, largest)) = graph(|g| {
        let sales = g.input::<Sale>("sales");
        let largest = sales.per_group(Index::new("shop", |sale: &Sale| sale.0), |sales| {
            sales.per_group(Index::new("customer", |sale: &Sale| sale.1), |sales| {
                sales
                    .map(|sale| sale.2)
                    .max(Index::new("amount", |amount: &i64| *amount))
            })
        });
        (sales.handle(), largest.view("largest"))
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(sales, [(1, 1, 5), (1, 1, 9), (2, 1, 3)])
        .commit()
        .must();
    let found =
        |shop: u8, customer: u8, amount: i64| Keyed::new(shop, Keyed::new(customer, amount));
    assert_eq!(it.rows(largest), once([found(1, 1, 9), found(2, 1, 3)]));
    let mut it = it.reopened();
    it.change().remove(sales, [(1, 1, 9)]).commit().must();
    assert_eq!(it.rows(largest), once([found(1, 1, 5), found(2, 1, 3)]));
}

pub fn groups_meet_streams_from_outside<H: Harness>() {
    let (graph, (sales, banned, counts)) = graph(|g| {
        let sales = g.input::<Sale>("sales");
        let banned = g.input::<u8>("banned");
        let counts = sales.per_group(Index::new("shop", |sale: &Sale| sale.0), |sales| {
            let of_customer = Index::new("customer", |sale: &Keyed<u8, Sale>| sale.value.1);
            let allowed =
                sales
                    .flat()
                    .anti_join(banned, of_customer, Index::new("id", |id: &u8| *id));
            allowed.grouped().count()
        });
        (sales.handle(), banned.handle(), counts.view("counts"))
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(sales, [(1, 1, 5), (1, 2, 9), (2, 1, 3)])
        .commit()
        .must();
    assert_eq!(it.rows(counts), once([Keyed::new(1, 2), Keyed::new(2, 1)]));
    let mut it = it.reopened();
    it.change().insert(banned, [1]).commit().must();
    assert_eq!(it.rows(counts), once([Keyed::new(1, 1)]));
}

/// An edge of a graph.
type Edge = (i64, i64);

pub fn a_closure_follows_inserts_and_deletes_in_cycles<H: Harness>() {
    let (graph, (edges, paths)) = graph(|g| {
        let edges = g.input::<Edge>("edges");
        (
            edges.handle(),
            edges.transitive_closure(|edge| *edge).view("paths"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(edges, [(1, 2), (2, 3), (3, 1), (3, 4)])
        .commit()
        .must();
    assert_eq!(it.rows(paths).len(), 3 * 4);
    let mut it = it.reopened();
    // The cycle is broken: nothing in it may hold on to itself.
    it.change().remove(edges, [(1, 2)]).commit().must();
    assert_eq!(
        it.rows(paths),
        once([(2, 3), (2, 1), (2, 4), (3, 1), (3, 4)])
    );
    let mut it = it.reopened();
    let changed = it.change().insert(edges, [(2, 3)]).commit().must();
    assert!(
        changed.get(paths).must().is_empty(),
        "a second copy of an edge leads nowhere new"
    );
    it.change()
        .insert(edges, [(1, 2)])
        .remove(edges, [(2, 3)])
        .commit()
        .must();
    assert_eq!(it.rows(paths).len(), 3 * 4);
    it.change()
        .add(edges, weighted([((1, 2), -1), ((2, 3), -1), ((3, 1), -1)]))
        .commit()
        .must();
    assert_eq!(it.rows(paths), once([(3, 4)]));
}

pub fn a_recursion_has_any_operator_inside<H: Harness>() {
    let (graph, (parts, bought, can_make)) = graph(|g| {
        // Of a product, the parts that it needs; what is bought needs none. A product can be made once all its parts
        // are there.
        let parts = g.input::<(String, String)>("parts");
        let bought = g.input::<String>("bought");
        let of = Index::new("of", |part: &(String, String)| part.0.clone());
        let name = Index::new("name", |part: &(String, String)| part.1.clone());
        let whole = Index::new("whole", |name: &String| name.clone());
        let needed = parts.group_by(of.clone()).count().named("needed");
        let can_make = bought.recursive(|there| {
            let have = parts
                .enter()
                .semi_join(there, name, whole)
                .group_by(of)
                .count();
            let key = |index: &'static str| {
                Index::new(index, |count: &Keyed<String, i64>| {
                    (count.key.clone(), count.value)
                })
            };
            needed
                .enter()
                .semi_join(have, key("count"), key("count"))
                .map(|count| count.key)
        });
        (parts.handle(), bought.handle(), can_make.view("can_make"))
    });
    let mut it = Opened::<H>::new(&graph);
    let part = |whole: &str, part: &str| (whole.to_string(), part.to_string());
    let parts_list = [
        part("car", "engine"),
        part("car", "wheel"),
        part("engine", "bolt"),
        part("wheel", "bolt"),
        part("wheel", "tyre"),
    ];
    it.change()
        .insert(parts, parts_list)
        .insert(bought, ["bolt".to_string()])
        .commit()
        .must();
    let names = |names: &[&str]| once(names.iter().map(|name| (*name).to_string()));
    assert_eq!(it.rows(can_make), names(&["bolt", "engine"]));
    let mut it = it.reopened();
    it.change()
        .insert(bought, ["tyre".to_string()])
        .commit()
        .must();
    assert_eq!(
        it.rows(can_make),
        names(&["bolt", "car", "engine", "tyre", "wheel"])
    );
    let mut it = it.reopened();
    it.change()
        .insert(parts, [part("engine", "oil")])
        .commit()
        .must();
    assert_eq!(it.rows(can_make), names(&["bolt", "tyre", "wheel"]));
    it.change()
        .remove(bought, ["bolt".to_string()])
        .commit()
        .must();
    assert_eq!(it.rows(can_make), names(&["tyre"]));
}

pub fn a_recursion_without_an_end_changes_nothing<H: Harness>() {
    let (graph, (numbers, all)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        let all = numbers.recursive_within(50, |all| all.filter(|n| *n != 7).map(|n| n + 1));
        (numbers.handle(), all.view("all"))
    });
    let mut it = Opened::<H>::new(&graph);
    it.change().insert(numbers, [3]).commit().must();
    assert_eq!(it.rows(all), once([3, 4, 5, 6, 7]));
    let endless = it.change().insert(numbers, [8]).commit();
    let error = endless.expect_err("it never ends");
    assert_why!(error, TickErrorKind::TooManySteps { steps: 50 });
    let mut it = it.reopened();
    assert_eq!(it.rows(all), once([3, 4, 5, 6, 7]));
    it.change()
        .remove(numbers, [3])
        .insert(numbers, [6])
        .commit()
        .must();
    assert_eq!(it.rows(all), once([6, 7]));
}
