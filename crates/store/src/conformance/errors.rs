//! What goes wrong: a typed error that names the vertex, a state that is as it was before, and a store that goes on.

use deltaview_graph::{Edit, Graph, InputHandle, TableHandle, TickErrorKind, ViewHandle};
use deltaview_schema::Index;
use deltaview_zset::{Keyed, Pair, Weight, ZSet};

use super::Harness;
use super::rows::{Account, Line, Product};
use super::support::{Must, Opened, assert_why, failed, graph, once, weighted};
use crate::{ErrorKind, Store};

pub fn a_handle_of_another_graph_changes_nothing<H: Harness>() {
    let make = || {
        graph(|g| {
            let numbers = g.input::<i64>("numbers");
            let table = g.table("table", Account::by_id());
            (numbers.handle(), table.handle(), numbers.view("view"))
        })
    };
    let (ours, (numbers, table, view)) = make();
    let (_, (other_numbers, other_table, _)) = make();
    let mut it = Opened::<H>::new(&ours);
    it.change().insert(numbers, [1]).commit().must();
    let failures = [
        it.change()
            .insert(numbers, [2])
            .insert(other_numbers, [3])
            .commit(),
        it.change()
            .insert(numbers, [2])
            .delete(other_table, 1)
            .commit(),
        it.change()
            .remove(other_numbers, [1])
            .insert(numbers, [2])
            .commit(),
    ];
    for failure in failures {
        let error = failure.expect_err("the handle is of another graph");
        assert_eq!(error.kind(), ErrorKind::Handle, "{error}");
        assert!(error.to_string().contains("`conformance`"), "{error}");
    }
    assert_eq!(it.rows(view), once([1]));
    it.change()
        .insert(table, [Account::new(1, None, 1)])
        .insert(numbers, [2])
        .commit()
        .must();
    assert_eq!(it.rows(view), once([1, 2]));
}

pub fn a_change_of_another_graph_is_an_error<H: Harness>() {
    let make = || {
        graph(|g| {
            let numbers = g.input::<i64>("numbers");
            (numbers.handle(), numbers.view("view"))
        })
    };
    let (ours, (_, view)) = make();
    let (other, (other_numbers, _)) = make();
    let mut it = Opened::<H>::new(&ours);
    let change = other.change().insert(other_numbers, [1]);
    let error = it
        .commit(&change)
        .expect_err("the change is of another graph");
    assert_eq!(error.kind(), ErrorKind::Handle, "{error}");
    assert_eq!(it.rows(view), ZSet::new());
}

pub fn a_view_or_delta_of_another_graph_is_an_error<H: Harness>() {
    let make = || {
        graph(|g| {
            let numbers = g.input::<i64>("numbers");
            let itself = Index::new("itself", |n: &i64| *n);
            let view = numbers.view_by("view", itself);
            (numbers.handle(), view, numbers.output("output"))
        })
    };
    let (ours, (numbers, _, _)) = make();
    let (_, (_, view, output)) = make();
    let mut it = Opened::<H>::new(&ours);
    let changed = it.change().insert(numbers, [1]).commit().must();
    changed.get(view).expect_err("the view is of another graph");
    changed
        .get(output)
        .expect_err("the output is of another graph");
    let errors = [
        it.view(view).iter().map(drop),
        it.view(view).rev().range(1..).map(drop),
        it.view(view).key(&1).map(drop),
        it.view(view).get(&1).map(drop),
        it.view(view)
            .keys([1])
            .next()
            .expect("the error is an item")
            .map(drop),
    ];
    for error in errors {
        let error = error.expect_err("the view is of another graph");
        assert_eq!(error.kind(), ErrorKind::Handle, "{error}");
    }
}

/// A graph in which every closure panics at the number 13.
struct Panicking {
    graph: Graph,
    lines: InputHandle<Line>,
    accounts: TableHandle<Account, i64>,
    lines_view: ViewHandle<Line, u32>,
    accounts_view: ViewHandle<Account, i64>,
    sums: ViewHandle<Keyed<u32, i64>, u32>,
}

impl Panicking {
    /// Builds the graph, with one more vertex.
    #[track_caller]
    fn new<R>(more: impl FnOnce(deltaview_graph::Stream<'_, Line>) -> R) -> Self {
        let (graph, (lines, accounts, views)) = graph(|g| {
            let lines = g.input::<Line>("lines");
            let accounts = g.table("accounts", Account::by_id());
            let sums = lines.group_by(Line::by_basket()).sum(|line| line.quantity);
            let views = (
                lines.view_by("lines_view", Line::by_basket()),
                accounts.view_by("accounts_view", Account::by_id()),
                sums.view("sums"),
            );
            more(lines);
            (lines.handle(), accounts.handle(), views)
        });
        let (lines_view, accounts_view, sums) = views;
        Self {
            graph,
            lines,
            accounts,
            lines_view,
            accounts_view,
            sums,
        }
    }

    /// Commits a change that succeeds, one in which a line of 13 fails at a vertex, and one that succeeds again.
    #[track_caller]
    fn check<H: Harness>(&self, vertex: &str) {
        let mut it = Opened::<H>::new(&self.graph);
        let line = |quantity| Line::new(1, "tv", quantity);
        let account = |balance| Account::new(1, None, balance);
        it.change()
            .insert(self.lines, [line(5)])
            .insert(self.accounts, [account(1)])
            .commit()
            .must();
        let before = (
            it.rows(self.lines_view),
            it.rows(self.accounts_view),
            it.rows(self.sums),
            it.time().must(),
        );
        let failure = it
            .change()
            .insert(self.lines, [line(1), line(13)])
            .update(self.accounts, 1, |account| account.balance = 2)
            .commit();
        let error = failed(failure, vertex);
        assert_why!(&error, TickErrorKind::Panicked { message } if message.contains("unlucky"));
        assert!(!error.is_retryable());
        let after = (
            it.rows(self.lines_view),
            it.rows(self.accounts_view),
            it.rows(self.sums),
            it.time().must(),
        );
        assert_eq!(before, after, "a change that fails leaves no trace");
        it.change()
            .insert(self.lines, [line(2)])
            .upsert(self.accounts, [account(3)])
            .commit()
            .must();
        assert_eq!(it.rows(self.lines_view), once([line(2), line(5)]));
        assert_eq!(it.rows(self.accounts_view), once([account(3)]));
        assert_eq!(it.rows(self.sums), once([Keyed::new(1, 7)]));
    }
}

fn lucky(line: &Line) -> i64 {
    assert_ne!(line.quantity, 13, "unlucky");
    line.quantity
}

fn by_luck() -> Index<Line, i64> {
    Index::new("luck", lucky)
}

pub fn a_panic_in_map_names_the_vertex<H: Harness>() {
    let graph = Panicking::new(|lines| lines.map(|line| lucky(&line)).named("mapping").view("v"));
    graph.check::<H>("mapping");
}

pub fn a_panic_in_filter_or_inspect_names_the_vertex<H: Harness>() {
    let graph = Panicking::new(|lines| {
        let kept = lines.filter(|line| lucky(line) > 0).named("filtering");
        kept.view("v")
    });
    graph.check::<H>("filtering");
    let graph = Panicking::new(|lines| {
        let shown = lines
            .inspect(|line, _| assert!(lucky(line) != 13))
            .named("looking");
        shown.view("v")
    });
    graph.check::<H>("looking");
}

pub fn a_panic_in_an_index_names_the_vertex<H: Harness>() {
    let graph = Panicking::new(|lines| lines.view_by("by_luck", by_luck()));
    graph.check::<H>("by_luck");
    let graph = Panicking::new(|lines| {
        lines
            .group_by(by_luck())
            .count()
            .named("counting")
            .view("v")
    });
    graph.check::<H>("counting");
}

pub fn a_panic_in_a_further_index_names_the_view<H: Harness>() {
    let (graph, (lines, view, by_luck)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let view = lines.view_by("view", Line::by_basket());
        (lines.handle(), view, g.also_by(view, by_luck()))
    });
    let mut it = Opened::<H>::new(&graph);
    let line = |quantity| Line::new(1, "tv", quantity);
    it.change().insert(lines, [line(5)]).commit().must();
    let failure = it.change().insert(lines, [line(1), line(13)]).commit();
    assert_why!(failed(failure, "view"), TickErrorKind::Panicked { .. });
    assert_eq!(it.rows(view), once([line(5)]));
    assert_eq!(it.rows(by_luck), once([line(5)]));
    it.change().insert(lines, [line(6)]).commit().must();
    assert_eq!(it.rows(by_luck), once([line(5), line(6)]));
}

pub fn a_panic_in_join_map_names_the_vertex<H: Harness>() {
    let graph = Panicking::new(|lines| {
        let met = lines.join_map(lines, Line::by_basket(), Line::by_basket(), |_, line, _| {
            lucky(line)
        });
        met.named("joining").view("v")
    });
    graph.check::<H>("joining");
}

pub fn a_panic_in_an_aggregate_names_the_vertex<H: Harness>() {
    let graph = Panicking::new(|lines| {
        lines
            .group_by(Line::by_product())
            .sum(lucky)
            .named("summing")
            .view("v")
    });
    graph.check::<H>("summing");
    let graph = Panicking::new(|lines| {
        let add = |a: &i64, b: &i64| {
            assert_ne!(*b, 14, "unlucky");
            Some(a + b)
        };
        let scale = |line: &Line, weight: Weight| Some(line.quantity * weight);
        let reduced = lines.group_by(Line::by_product()).reduce(0_i64, add, scale);
        reduced.named("reducing").view("v")
    });
    graph.check::<H>("reducing");
}

pub fn a_panic_in_an_update_names_the_table<H: Harness>() {
    let graph = Panicking::new(|_| ());
    let mut it = Opened::<H>::new(&graph.graph);
    let account = Account::new(1, None, 1);
    it.change()
        .insert(graph.accounts, [account.clone()])
        .commit()
        .must();
    let failure = it
        .change()
        .insert(graph.lines, [Line::new(1, "tv", 1)])
        .update(graph.accounts, 1, |account| {
            account.balance = 9;
            panic!("unlucky");
        })
        .commit();
    assert_why!(failed(failure, "accounts"), TickErrorKind::Panicked { message } if message == "unlucky");
    assert_eq!(it.rows(graph.accounts_view), once([account]));
    assert_eq!(it.rows(graph.lines_view), ZSet::new());
}

pub fn a_sum_that_overflows_names_the_group<H: Harness>() {
    let (graph, (lines, sums, other)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let sums = lines.group_by(Line::by_product()).sum(|line| line.quantity);
        let wide = lines
            .group_by(Line::by_basket())
            .sum(|line| i128::from(line.quantity));
        (
            lines.handle(),
            sums.named("summing").view("sums"),
            wide.view("wide"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let most = Line::new(1, "tv", i64::MAX);
    it.change().insert(lines, [most.clone()]).commit().must();
    let before = (it.rows(sums), it.rows(other));
    let one = Line::new(1, "tv", 1);
    let failures = [
        // Over what is stored, within one change, and by a weight.
        it.change()
            .insert(lines, [Line::new(2, "lamp", 1), one.clone()])
            .commit(),
        it.change()
            .insert(lines, [one, Line::new(2, "tv", i64::MAX)])
            .commit(),
        it.change()
            .add(lines, weighted([(Line::new(3, "tv", 1 << 40), 1 << 40)]))
            .commit(),
    ];
    for failure in failures {
        let error = failed(failure, "summing");
        assert!(error.to_string().contains("\"tv\""), "{error}");
        assert_why!(error, TickErrorKind::AggregateOverflow { key } if key == "\"tv\"");
    }
    assert_eq!((it.rows(sums), it.rows(other)), before);
    it.change()
        .remove(lines, [most])
        .insert(lines, [Line::new(1, "tv", 2)])
        .commit()
        .must();
    assert_eq!(it.rows(sums), once([Keyed::new("tv".to_string(), 2)]));
}

pub fn a_count_that_overflows_is_an_error<H: Harness>() {
    let (graph, (lines, counts)) = graph(|g| {
        let lines = g.input::<Line>("lines");
        let counts = lines.group_by(Line::by_product()).count();
        (lines.handle(), counts.named("counting").view("counts"))
    });
    let mut it = Opened::<H>::new(&graph);
    let first = weighted([(Line::new(1, "tv", 1), Weight::MAX)]);
    it.change().add(lines, first).commit().must();
    let failure = it.change().insert(lines, [Line::new(2, "tv", 1)]).commit();
    assert_why!(
        failed(failure, "counting"),
        TickErrorKind::WeightOverflow(_)
    );
    let group = Keyed::new("tv".to_string(), Weight::MAX);
    assert_eq!(it.rows(counts), once([group]));
}

/// The vertex that fails comes after joins, groups and views that have computed their part already.
pub fn a_failure_at_the_end_undoes_what_came_before_it<H: Harness>() {
    let (graph, (products, lines, joined, counts, last, delayed)) = graph(|g| {
        let products = g.input::<Product>("products");
        let lines = g.input::<Line>("lines");
        let joined = products.join(lines, Product::by_name(), Line::by_product());
        let counts = joined.group_by(Product::by_name().on_left()).count();
        let checked = counts.map(|group| {
            assert!(group.value < 3, "too many of {}", group.key);
            group.key
        });
        (
            products.handle(),
            lines.handle(),
            joined.view("joined"),
            counts.view("counts"),
            checked.named("checking").view("last"),
            lines.delay().output("delayed"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let (tv, line) = (Product::new("tv", 3), |basket| Line::new(basket, "tv", 1));
    it.change()
        .insert(products, [tv.clone()])
        .insert(lines, [line(1)])
        .commit()
        .must();
    let before = (it.rows(joined), it.rows(counts), it.rows(last));
    for _ in 0..2 {
        let failure = it.change().insert(lines, [line(2), line(3)]).commit();
        let error = failed(failure, "checking");
        assert_why!(error, TickErrorKind::Panicked { message } if message == "too many of tv");
        assert_eq!(
            (it.rows(joined), it.rows(counts), it.rows(last)),
            before.clone()
        );
    }
    let changed = it.change().insert(lines, [line(2)]).commit().must();
    assert_eq!(changed.get(delayed).must(), once([line(1)]));
    let both = [line(1), line(2)].map(|line| Pair::new(tv.clone(), line));
    assert_eq!(it.rows(joined), once(both));
}
