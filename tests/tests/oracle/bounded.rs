//! Each operator alone: what a one-row change asks of a driver, reads and writes is the same over a thousand rows and
//! over many thousands.
//!
//! What an operator promises less for is loaded so that the promise holds: a fold reads its group, so there are many
//! small ones; a window works from the changed row onwards, so the change is at the end.

use deltaview::prelude::*;
use deltaview::{Stream, TableId};
use deltaview_graph::WorkingSet;

use crate::driver::{Asked, ByteStore, Fuse, Log};

/// A key and a number.
type Line = (i64, i64);

const FEW: i64 = 1_000;
const MANY: i64 = 20_000;

/// More than any of the changes reads or writes.
const A_LITTLE: usize = 24;

type Build = for<'g> fn(Stream<'g, Line>, Stream<'g, Line>);

/// What is loaded before the change.
#[derive(Clone, Copy, Debug)]
enum Load {
    /// Each row has a key of its own, on both sides.
    Keys,
    /// All rows of the left side have one key.
    OneKey,
    /// Each row is an edge, and no two of them meet.
    Edges,
}

/// The change.
#[derive(Clone, Copy, Debug)]
enum OneRow {
    Insert(Line),
    Remove(Line),
    /// A row with the greatest number.
    Append,
}

fn key() -> Index<Line, i64> {
    Index::new("key", |line: &Line| line.0)
}

fn number() -> Index<Line, i64> {
    Index::new("number", |line: &Line| line.1)
}

/// Ends a stream in an output, whatever its rows are.
macro_rules! case {
    ($name:literal, $load:ident, $edit:expr, |$left:ident, $right:ident| $stream:expr) => {
        (
            $name,
            Load::$load,
            $edit,
            (|$left, $right| {
                $right.output("right_side");
                $stream.output("out");
            }) as Build,
        )
    };
}

fn cases() -> Vec<(&'static str, Load, OneRow, Build)> {
    use OneRow::{Append, Insert, Remove};
    vec![
        case!("distinct", Keys, Insert((500, 1)), |l, r| l.distinct()),
        case!("union", Keys, Insert((-1, 1)), |l, r| l.union(r)),
        case!("intersect", Keys, Remove((500, 1)), |l, r| l.intersect(r)),
        case!("except", Keys, Remove((500, 1)), |l, r| l.except(r)),
        case!("intersect_all", Keys, Insert((500, 1)), |l, r| l
            .intersect_all(r)),
        case!("except_all", Keys, Insert((500, 1)), |l, r| l.except_all(r)),
        case!("join", Keys, Insert((500, 9)), |l, r| l.join(
            r,
            key(),
            key()
        )),
        case!("semi_join", Keys, Insert((500, 9)), |l, r| l.semi_join(
            r,
            key(),
            key()
        )),
        case!("semi_join, other side", Keys, Remove((500, 1)), |l, r| r
            .semi_join(l, key(), key())),
        case!("anti_join", Keys, Insert((-1, 9)), |l, r| l.anti_join(
            r,
            key(),
            key()
        )),
        case!("anti_join, other side", Keys, Remove((500, 1)), |l, r| r
            .anti_join(l, key(), key())),
        case!("left_join", Keys, Insert((-1, 9)), |l, r| l.left_join(
            r,
            key(),
            key()
        )),
        case!("right_join", Keys, Remove((500, 1)), |l, r| l.right_join(
            r,
            key(),
            key()
        )),
        case!("full_join", Keys, Remove((500, 1)), |l, r| l.full_join(
            r,
            key(),
            key()
        )),
        case!("count", OneKey, Insert((0, 5)), |l, r| l
            .group_by(key())
            .count()),
        case!("sum", OneKey, Insert((0, 5)), |l, r| l.sum(|line| line.1)),
        case!("avg", OneKey, Remove((0, 5)), |l, r| l.avg(|line| line.1)),
        case!("any", OneKey, Remove((0, 5)), |l, r| l
            .any(|line| line.1 == 5)),
        case!("every", OneKey, Remove((0, 5)), |l, r| l
            .every(|line| line.1 != 5)),
        case!("count_distinct", OneKey, Remove((0, 5)), |l, r| l
            .group_by(key())
            .count_distinct(number())),
        case!("min", OneKey, Remove((0, 0)), |l, r| l
            .group_by(key())
            .min(number())),
        case!("max", OneKey, Append, |l, r| l
            .group_by(key())
            .max(number())),
        case!("min_by", OneKey, Remove((0, 0)), |l, r| l
            .group_by(key())
            .min_by(number())),
        case!("max_by", OneKey, Append, |l, r| l.max_by(number())),
        case!("fold", Keys, Insert((500, 2)), |l, r| l
            .group_by(key())
            .fold(number(), 0_i64, |sum, line, weight| *sum +=
                line.1 * weight)),
        case!("first_n", OneKey, Remove((0, 0)), |l, r| l
            .group_by(key())
            .first_n(number(), 3)),
        case!("first_n_from", OneKey, Remove((0, 0)), |l, r| l
            .first_n_from(number(), 2, 3)),
        case!("top_n", OneKey, Append, |l, r| l
            .group_by(key())
            .top_n(number(), 3)),
        case!("row_number", OneKey, Append, |l, r| l
            .group_by(key())
            .window(number())
            .row_number()),
        case!("rank", OneKey, Append, |l, r| l.window(number()).rank()),
        case!("dense_rank", OneKey, Append, |l, r| l
            .window(number())
            .dense_rank()),
        case!("lag", OneKey, Append, |l, r| l.window(number()).lag(2)),
        case!("lead", OneKey, Append, |l, r| l.window(number()).lead(2)),
        case!("running_sum", OneKey, Append, |l, r| l
            .group_by(key())
            .window(number())
            .running_sum(|line| line.1)),
        case!("per_group", Keys, Insert((500, 9)), |l, r| l
            .per_group(key(), |rows| rows
                .first_n(number(), 1)
                .sum(|line| line.1))),
        case!("transitive_closure", Edges, Insert((1501, 9)), |l, r| l
            .transitive_closure(|line| *line)),
        case!(
            "transitive_closure, a way less",
            Edges,
            Remove((1500, 1501)),
            |l, r| l.transitive_closure(|line| *line)
        ),
        case!("recursive", Edges, Insert((1501, 9)), |l, r| r.recursive(
            |found| found.join_map(l, number(), key(), |_, from, to| (from.0, to.1))
        )),
    ]
}

fn load(load: Load, rows: i64) -> (Vec<Line>, Vec<Line>) {
    match load {
        Load::Keys => {
            let keys: Vec<Line> = (0..rows).map(|key| (key, 1)).collect();
            (keys.clone(), keys)
        }
        Load::OneKey => ((0..rows).map(|number| (0, number)).collect(), Vec::new()),
        Load::Edges => {
            let edges: Vec<Line> = (0..rows).map(|start| (3 * start, 3 * start + 1)).collect();
            (edges, vec![(0, 1500)])
        }
    }
}

/// What is counted of a change: the keys that were asked for, the rows that were read, the keys that were written.
#[derive(Debug, PartialEq, Eq)]
struct Work {
    asked: usize,
    read: usize,
    written: usize,
}

impl Work {
    fn of(log: &Log) -> Self {
        let asked = |(_, asked): &(TableId, Asked)| match asked {
            Asked::All => panic!("never a whole table"),
            Asked::Keys(keys) | Asked::Rows(keys) | Asked::Ranges(keys) => keys.len(),
        };
        Self {
            asked: log.rounds.iter().flatten().map(asked).sum(),
            read: log.rows_read,
            written: log.writes.len(),
        }
    }

    fn is_little(&self) -> bool {
        self.asked.max(self.read).max(self.written) <= A_LITTLE
    }
}

fn work(build: Build, (what, edit): (Load, OneRow), rows: i64) -> Work {
    let (graph, (left, right)) = Graph::build("bounded", |g| {
        let (left, right) = (g.input::<Line>("left"), g.input::<Line>("right"));
        build(left, right);
        (left.handle(), right.handle())
    })
    .unwrap();
    let mut store = ByteStore::default();
    let mut state = WorkingSet::partial(&graph);
    let (lefts, rights) = load(what, rows);
    let all = graph.change().insert(left, lefts).insert(right, rights);
    store.run(&graph, &mut state, &all, Fuse::NONE).unwrap();
    state.forget();
    let change = match edit {
        OneRow::Insert(line) => graph.change().insert(left, [line]),
        OneRow::Remove(line) => graph.change().remove(left, [line]),
        OneRow::Append => graph.change().insert(left, [(0, rows)]),
    };
    let (_, log) = store.run(&graph, &mut state, &change, Fuse::NONE).unwrap();
    Work::of(&log)
}

#[test]
fn each_operator_does_as_much_over_many_rows_as_over_few() {
    let mut wrong = Vec::new();
    for (name, load, edit, build) in cases() {
        let few = work(build, (load, edit), FEW);
        let many = work(build, (load, edit), MANY);
        if few != many || !few.is_little() {
            wrong.push(format!("{name}: {few:?} over few rows, {many:?} over many"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
