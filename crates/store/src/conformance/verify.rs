//! `verify`: views beside what is derived of their inputs; `explain`: the rows of the inputs that a row comes from.

use deltaview_graph::{Builder, Edit, Graph, InputHandle, RederiveError, TableHandle, ViewHandle};
use deltaview_schema::{Index, IndexKey, Row};
use deltaview_zset::{Keyed, Pair, ZSet};

use super::Harness;
use super::support::{Dice, Must, Opened, graph, weighted};
use crate::{ErrorKind, Store};

/// Two small numbers: with so few of them, all sorts of rows meet.
type Edge = (u8, u8);

fn by_from() -> Index<Edge, u8> {
    Index::new("from", |edge: &Edge| edge.0)
}

fn by_to() -> Index<Edge, u8> {
    Index::new("to", |edge: &Edge| edge.1)
}

/// The views of a graph, of whatever types.
trait Views {
    /// Verifies each in a store.
    fn verify<S: Store>(&self, store: &S, when: &str);
}

impl Views for () {
    fn verify<S: Store>(&self, _: &S, _: &str) {}
}

impl<T: Row, K: IndexKey, Rest: Views> Views for (ViewHandle<T, K>, Rest) {
    fn verify<S: Store>(&self, store: &S, when: &str) {
        let verified = store.verify(self.0).must();
        assert!(verified.is_right(), "{:?} {when}: {verified}", self.0);
        let rows = store.view(self.0).iter().must().count() as u64;
        assert_eq!(verified.rows(), rows, "{:?} {when}", self.0);
        self.1.verify(store, when);
    }
}

/// What goes into the graph.
struct Inputs {
    edges: InputHandle<Edge>,
    others: InputHandle<Edge>,
    table: TableHandle<Edge, u8>,
}

/// A graph with every kind of operator that can be derived anew. It does not depend on the store, so that it is
/// compiled once.
fn everything() -> (Graph, Inputs, impl Views) {
    macro_rules! views {
        ($($name:literal => $stream:expr;)*) => { views!(@ () $($name => $stream;)*) };
        (@ $views:expr;) => { $views };
        (@ ($($views:tt)*)) => { ($($views)*) };
        (@ ($($views:tt)*) $name:literal => $stream:expr; $($rest:tt)*) => {
            views!(@ ($stream.view($name), ($($views)*)) $($rest)*)
        };
    }
    let (graph, (inputs, views)) = graph(|g: &Builder| {
        let edges = g.input::<Edge>("edges");
        let others = g.input::<Edge>("others");
        let table = g.table("table", by_from());
        let grouped = || edges.group_by(by_from());
        let views = views! {
            "row by row" => edges.filter(|e| e.0 != 3).map(|e| (e.1, e.0)).flat_map(|e| [e, (e.0, 9)]).negate();
            "sum" => edges.plus(others).plus(*table);
            "joined" => edges.join(others, by_to(), by_from());
            "mapped" => edges.join_map(*table, by_to(), by_from(), |key, left, right| (*key, left.0, right.1));
            "left" => edges.left_join(others, by_to(), by_from()).map(|pair| (pair.left, pair.right));
            "full" => edges.full_join(*table, by_to(), by_from()).map(|pair| (pair.left, pair.right));
            "semi" => edges.semi_join(others, by_to(), by_from());
            "anti" => edges.anti_join(others, by_to(), by_from());
            "distinct" => edges.distinct();
            "union" => edges.union(others);
            "except" => edges.except_all(others);
            "both" => edges.intersect(others);
            "counts" => grouped().count();
            "sums" => grouped().sum(|e| i64::from(e.1));
            "least" => grouped().min(by_to());
            "greatest" => grouped().max_by(by_to());
            "kinds" => grouped().count_distinct(by_to());
            "collected" => grouped().collect(|e| e.1);
            "folded" => grouped().fold(by_to(), String::new(), |text: &mut String, e, weight| {
                text.push_str(&format!("{}*{weight},", e.1));
            });
            "all" => edges.count();
            "first" => grouped().top_n(by_to(), 2);
            "numbered" => grouped().window(by_to()).row_number();
            "lagging" => edges.group_by(by_to()).window(by_from()).lag(1);
            "inside" => edges.per_group(by_from(), |edges| edges.map(|e| e.1).distinct().count());
            "closure" => edges.transitive_closure(|e| *e);
            "reached" => table.map(|e| e.0).recursive(|reached| {
                let by_place = Index::new("place", |place: &u8| *place);
                reached.join_map(edges, by_place, by_from(), |_, _, e| e.1).except(others.map(|e| e.0))
            });
        };
        let further = g.also_by(
            edges.map(|e| Pair::new(e, 1_u8)).view("further"),
            Index::new("to", |p: &Pair<Edge, u8>| p.left.1),
        );
        let inputs = Inputs {
            edges: edges.handle(),
            others: others.handle(),
            table: table.handle(),
        };
        (inputs, (further, views))
    });
    (graph, inputs, views)
}

pub fn views_of_every_operator_are_right_after_a_random_history<H: Harness>() {
    let (graph, inputs, views) = everything();
    let (mut it, mut dice) = (Opened::<H>::new(&graph), Dice::new(5));
    views.verify(&it.store, "at first");
    for step in 0..30 {
        let mut edge = || {
            let mut end = || u8::try_from(dice.below(6)).must();
            (end(), end())
        };
        let rows: Vec<Edge> = (0..6).map(|_| edge()).collect();
        let upserted = edge();
        let zset =
            |rows: &[Edge], sign| ZSet::from_pairs(rows.iter().map(|row| (*row, sign))).must();
        it.change()
            .add(inputs.edges, zset(&rows[..2], 1))
            .add(
                inputs.edges,
                zset(&rows[2..3], if step % 2 == 0 { -1 } else { 2 }),
            )
            .add(inputs.others, zset(&rows[3..5], 1))
            .add(inputs.others, zset(&rows[5..], -1))
            .upsert(inputs.table, [upserted])
            .commit()
            .must();
        if step % 10 == 9 {
            it = it.reopened();
            views.verify(&it.store, "later");
        }
    }
}

pub fn an_input_that_is_not_stored_is_named<H: Harness>() {
    let (graph, (numbers, counts, seen)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        let stored = g.input::<i64>("stored");
        let counts = numbers.map(|n| n % 2).count().view("counts");
        (numbers.handle(), counts, stored.view("seen"))
    });
    let mut it = Opened::<H>::new(&graph);
    it.change().insert(numbers, [1, 2]).commit().must();
    let error = it.verify(counts).expect_err("the numbers are nowhere");
    assert_eq!(error.kind(), ErrorKind::NotRederivable);
    let text = error.to_string();
    assert!(
        text.contains("`counts`") && text.contains("`numbers`") && text.contains(".view("),
        "{text}"
    );
    let why = std::error::Error::source(&error).and_then(|source| source.downcast_ref());
    assert!(matches!(why, Some(RederiveError::NotStored { .. })));
    // A view that is its input has nothing to be compared with.
    let error = it.verify(seen).expect_err("a view can't vouch for itself");
    let why = std::error::Error::source(&error).and_then(|source| source.downcast_ref());
    assert!(
        matches!(why, Some(RederiveError::OnlyItself { .. })),
        "{error}"
    );
}

pub fn a_view_that_depends_on_history_is_an_error<H: Harness>() {
    let (graph, (views, fine)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        numbers.view("numbers kept");
        let by_value = || Index::new("value", |n: &i64| *n);
        let views = [
            ("delay", numbers.delay().view("late")),
            (
                "integrate",
                numbers.integrate().count().map(|n| n).view("total"),
            ),
            ("differentiate", numbers.differentiate().view("difference")),
            (
                "retain_for",
                numbers
                    .retain_for(by_value(), 3)
                    .map(|n| n + 1)
                    .view("recent"),
            ),
        ];
        (views, numbers.map(|n| n + 1).view("fine"))
    });
    let it = Opened::<H>::new(&graph);
    for (kind, view) in views {
        let error = it.verify(view).expect_err("the past is not stored");
        assert_eq!(error.kind(), ErrorKind::NotRederivable);
        let text = error.to_string();
        assert!(text.contains(kind) && text.contains("verify.rs"), "{text}");
    }
    assert!(it.verify(fine).must().is_right());
}

pub fn a_view_of_another_graph_is_not_verified<H: Harness>() {
    let build = || graph(|g| g.input::<i64>("numbers").map(|n| n + 1).view("view"));
    let ((graph, _), (_, foreign)) = (build(), build());
    let it = Opened::<H>::new(&graph);
    let error = it
        .verify(foreign)
        .expect_err("the handle is of another graph");
    assert_eq!(error.kind(), ErrorKind::Handle);
}

pub fn verifying_changes_nothing<H: Harness>() {
    let (graph, (numbers, kept, doubled)) = graph(|g| {
        let numbers = g.input::<i64>("numbers");
        (
            numbers.handle(),
            numbers.view("kept"),
            numbers.map(|n| n * 2).view("doubled"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    it.change().insert(numbers, [1, 2, 2]).commit().must();
    let time = it.time().must();
    for _ in 0..2 {
        assert!(it.verify(doubled).must().is_right());
    }
    assert_eq!(it.time().must(), time);
    assert_eq!(it.rows(kept).len(), 2);
    it.change().remove(numbers, [1]).commit().must();
    assert_eq!(it.verify(doubled).must().rows(), 1);
    assert_eq!(it.rows(doubled).weight(&4), 2);
    assert_eq!(it.rows(kept), weighted([(2, 2)]));
}

pub fn the_rows_that_a_row_comes_from_are_named<H: Harness>() {
    let (graph, (edges, table, totals)) = graph(|g| {
        let edges = g.input::<Edge>("edges");
        let table = g.table("table", by_from());
        let met = edges.join_map(*table, by_to(), by_from(), |_, edge, row| (edge.0, row.1));
        let totals = met.group_by(by_from()).sum(|met| i64::from(met.1));
        (edges.handle(), table.handle(), totals.view("totals"))
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(edges, [(1, 2), (1, 3), (1, 3), (2, 3), (1, 4)])
        .insert(table, [(2, 20), (3, 30), (5, 50)])
        .commit()
        .must();
    let it = it.reopened();
    let total = it.view(totals).get(&1).must().expect("1 has edges");
    assert_eq!(total.value, 80);
    let explained = it.explain(totals, &total).must();
    let expected = weighted([((1, 2), 1), ((1, 3), 2)]);
    assert_eq!(explained.rows_of(edges).must(), expected);
    let expected = weighted([((2, 20), 1), ((3, 30), 1)]);
    assert_eq!(explained.rows_of(table).must(), expected);
    assert_eq!(explained.inputs().collect::<Vec<_>>(), ["edges", "table"]);
    // A row that the view should not have comes from nowhere.
    let other = Keyed::new(1, 81);
    assert!(it.explain(totals, &other).must().is_empty());
}
