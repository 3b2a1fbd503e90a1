//! Explanations: the rows that are found make the row again, and rows that have no part in it are not found.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use deltaview::prelude::*;
use deltaview::{Builder, ErrorKind, Explanation, IndexKey, Row};
use proptest::prelude::*;

type Edge = (u8, u8);

fn by_from() -> Index<Edge, u8> {
    Index::new("from", |edge: &Edge| edge.0)
}

fn by_to() -> Index<Edge, u8> {
    Index::new("to", |edge: &Edge| edge.1)
}

#[derive(Clone, Copy)]
struct Inputs {
    edges: InputHandle<Edge>,
    others: InputHandle<Edge>,
    table: TableHandle<Edge, u8>,
}

impl Inputs {
    fn make(g: &Builder) -> (Self, Stream<'_, Edge>, Stream<'_, Edge>, Stream<'_, Edge>) {
        let (edges, others) = (g.input::<Edge>("edges"), g.input::<Edge>("others"));
        let table = g.table("table", by_from());
        edges.view("edges kept");
        others.view("others kept");
        let inputs = Self {
            edges: edges.handle(),
            others: others.handle(),
            table: table.handle(),
        };
        (inputs, edges, others, *table)
    }

    fn fill(self, store: &mut MemoryStore, rows: [ZSet<Edge>; 3]) {
        let [edges, others, table] = rows;
        let table: Vec<Edge> = table.into_iter().map(|(row, _)| row).collect();
        let change = store.change().add(self.edges, edges);
        change
            .add(self.others, others)
            .upsert(self.table, table)
            .commit()
            .unwrap();
    }

    fn of(self, explained: &Explanation) -> [ZSet<Edge>; 3] {
        [
            explained.rows_of(self.edges).unwrap(),
            explained.rows_of(self.others).unwrap(),
            explained.rows_of(self.table).unwrap(),
        ]
    }
}

/// Views of one graph, of whatever types.
trait Views {
    fn check(&self, graph: &Graph, inputs: Inputs, store: &MemoryStore, rows: &[ZSet<Edge>; 3]);
}

impl Views for () {
    fn check(&self, _: &Graph, _: Inputs, _: &MemoryStore, _: &[ZSet<Edge>; 3]) {}
}

impl<T: Row, K: IndexKey, Rest: Views> Views for (ViewHandle<T, K>, Rest) {
    fn check(&self, graph: &Graph, inputs: Inputs, store: &MemoryStore, rows: &[ZSet<Edge>; 3]) {
        for row in store.view(self.0).iter().unwrap().step_by(3) {
            let (row, weight) = row.unwrap();
            let explained = inputs.of(&store.explain(self.0, &row).unwrap());
            for (found, all) in explained.iter().zip(rows) {
                for (row, weight) in found.iter() {
                    assert_eq!(all.weight(row), weight, "weights are those of the input");
                }
            }
            let mut again = MemoryStore::new(graph);
            inputs.fill(&mut again, explained.clone());
            let made = again.view(self.0).iter().unwrap().into_zset().unwrap();
            assert_eq!(
                made.weight(&row),
                weight,
                "{:?} {row:?}: {explained:?}",
                self.0
            );
        }
        self.1.check(graph, inputs, store, rows);
    }
}

/// Every kind of operator from which the rows that are found make exactly the row that was asked for.
fn graph() -> (Graph, Inputs, impl Views) {
    macro_rules! views {
        (@ ($($views:tt)*)) => { ($($views)*) };
        (@ ($($views:tt)*) $name:literal => $stream:expr; $($rest:tt)*) => {
            views!(@ ($stream.view($name), ($($views)*)) $($rest)*)
        };
        ($($name:literal => $stream:expr;)*) => { views!(@ () $($name => $stream;)*) };
    }
    let (graph, (inputs, views)) = Graph::build("g", |g| {
        let (inputs, edges, others, table) = Inputs::make(g);
        let grouped = || edges.group_by(by_from());
        let views = views! {
            "row by row" => edges.filter(|e| e.0 != 3).map(|e| e.1).flat_map(|to| [to, to / 2]).negate();
            "sum" => edges.plus(others).plus(table).map(|e| e.1);
            "joined" => edges.join_map(others, by_to(), by_from(), |_, left, right| (left.0, right.1));
            "twice" => edges.join(table, by_to(), by_from()).map(|p| (p.left.0, p.right.1)).join(others, by_to(), by_from());
            "left" => edges.left_join(others, by_to(), by_from()).map(|p| (p.left, p.right));
            "semi" => edges.semi_join(others, by_to(), by_from());
            "anti" => edges.anti_join(table, by_to(), by_from());
            "distinct" => edges.map(|e| e.1).named("where edges end").distinct();
            "union" => edges.union(others);
            "both" => edges.intersect_all(others);
            "counts" => grouped().count();
            "sums" => edges.join(others, by_to(), by_from()).group_by(Index::new("a", |p: &Pair<Edge, Edge>| p.left.0))
                .sum(|p| i64::from(p.right.1));
            "ends" => grouped().aggregate((deltaview::agg::min(by_to()), deltaview::agg::max_by(by_to())));
            "kinds" => grouped().count_distinct(by_to());
            "folded" => grouped().fold(by_to(), 0_i64, |sum: &mut i64, e, weight| *sum = *sum * 7 + i64::from(e.1) * weight);
            "all" => edges.count();
            "numbered" => grouped().window(by_to()).row_number();
            "before" => grouped().window(by_to()).lag(1);
            "inside" => edges.per_group(by_from(), |edges| edges.map(|e| e.1).distinct().count());
            "closure" => edges.transitive_closure(|e| *e);
            "reached" => table.map(|e| e.0).recursive(|reached| {
                let by_place = || Index::new("place", |place: &u8| *place);
                reached.join_map(edges, by_place(), by_from(), |_, _, e| e.1)
                    .semi_join(others, by_place(), by_to())
            });
        };
        (inputs, views)
    })
    .unwrap();
    (graph, inputs, views)
}

fn rows() -> impl Strategy<Value = ZSet<Edge>> {
    let weighted = ((0_u8..6, 0_u8..6), 1_i64..3);
    prop::collection::vec(weighted, 0..9).prop_map(|rows| ZSet::from_pairs(rows).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_rows_that_are_found_make_the_row_again(edges in rows(), others in rows(), table in rows()) {
        let (graph, inputs, views) = graph();
        // One row a key.
        let table: std::collections::BTreeMap<u8, Edge> = table.into_iter().map(|(row, _)| (row.0, row)).collect();
        let table = ZSet::from_pairs(table.into_values().map(|row| (row, 1))).unwrap();
        let rows = [edges, others, table];
        let mut store = MemoryStore::new(&graph);
        inputs.fill(&mut store, rows.clone());
        views.check(&graph, inputs, &store, &rows);
    }
}

fn once<const N: usize>(rows: [Edge; N]) -> ZSet<Edge> {
    ZSet::from_pairs(rows.map(|row| (row, 1))).unwrap()
}

#[test]
fn rows_that_have_no_part_are_not_found() {
    let (graph, (inputs, joined, first, closure, left)) = Graph::build("g", |g| {
        let (inputs, edges, others, _) = Inputs::make(g);
        let joined = edges.join_map(others, by_to(), by_from(), |_, left, right| {
            (left.0, right.1)
        });
        let left = edges.except(others).view("left");
        let first = edges.group_by(by_from()).top_n(by_to(), 1).view("first");
        let closure = edges.transitive_closure(|e| *e).view("closure");
        (inputs, joined.view("joined"), first, closure, left)
    })
    .unwrap();
    let mut store = MemoryStore::new(&graph);
    let edges = once([(1, 2), (1, 3), (2, 4), (4, 5), (3, 9)]);
    inputs.fill(
        &mut store,
        [edges, once([(2, 7), (3, 7), (3, 8), (1, 2)]), once([])],
    );

    let explained = store.explain(joined, &(1, 7)).unwrap();
    let expected = [once([(1, 2), (1, 3)]), once([(2, 7), (3, 7)]), once([])];
    assert_eq!(inputs.of(&explained), expected);
    assert_eq!(explained.inputs().collect::<Vec<_>>(), ["edges", "others"]);
    let text = explained.to_string();
    assert!(
        text.starts_with("edges\n") && text.contains("\nothers\n"),
        "{text}"
    );

    let explained = store.explain(first, &(1, 3)).unwrap();
    assert_eq!(inputs.of(&explained), [once([(1, 3)]), once([]), once([])]);

    let explained = store.explain(closure, &(1, 5)).unwrap();
    let way = once([(1, 2), (2, 4), (4, 5)]);
    assert_eq!(inputs.of(&explained), [way, once([]), once([])]);

    let explained = store.explain(left, &(1, 3)).unwrap();
    assert_eq!(inputs.of(&explained), [once([(1, 3)]), once([]), once([])]);
    // Taken away: the view should not have it.
    let explained = store.explain(left, &(1, 2)).unwrap();
    assert!(explained.is_empty());
    assert_eq!(explained.to_string(), "no rows");
}

#[test]
fn what_can_not_be_explained_is_an_error() {
    let (graph, (numbers, recent, all)) = Graph::build("g", |g| {
        let numbers = g.input::<i64>("numbers");
        let by_value = Index::new("value", |n: &i64| *n);
        let recent = numbers.retain_for(by_value, 3).view("recent");
        let kept = g.input::<i64>("kept");
        (kept.handle(), recent, kept.view("all"))
    })
    .unwrap();
    let mut store = MemoryStore::new(&graph);
    store.change().insert(numbers, [1]).commit().unwrap();
    let error = store.explain(recent, &1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRederivable);
    // A view that is its input: the row itself.
    let explained = store.explain(all, &1).unwrap();
    assert_eq!(explained.rows_of(numbers).unwrap().weight(&1), 1);
    // A handle of another graph.
    let (_, foreign) = Graph::build("g", |g| g.input::<i64>("numbers").handle()).unwrap();
    assert!(explained.rows_of(foreign).is_err());
}
