//! What SQL can say, SQLite answers too: the same history is loaded into plain tables, and each view is compared with
//! the answer to a query written by hand. So are the definitions of the naive evaluator. Postgres answers the same queries
//! in [`crate::on_postgres`]: they are written so that both databases take them.

mod queries;

use std::cmp::Reverse;

use deltaview::prelude::*;
use deltaview::{Change, Committed, Error, Stream, Synchronous};
use deltaview_tests::item::{Item, Key};
use deltaview_tests::naive::{Bag, add, bag, evaluate};
use deltaview_tests::plan::{Plan, Query, Sink, Source};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use rusqlite::Connection;

use crate::graphs::config;
use crate::lower::{Handle, lower};
use crate::probe::{Probe, Shown, failed};

pub(crate) const REGRESSIONS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/oracle/regressions/sql.txt"
);

const TABLES: &str = "CREATE TABLE t (a INTEGER, b TEXT, c INTEGER); \
                      CREATE TABLE u (a INTEGER, b TEXT, c INTEGER)";

type Build = for<'g> fn(Stream<'g, Item>, Stream<'g, Item>) -> Stream<'g, Item>;

/// Queries of tables `t` and `u` in both languages. Answers have the columns of an item.
///
/// deltaview's joins and groups take `None` as a value like any other, which SQL writes `IS NOT DISTINCT FROM`.
const PAIRS: &[(&str, Build)] = &[
    (
        "SELECT a, b || '!', c * 2 FROM t WHERE c > 0 AND b <> ''",
        |t, _| {
            t.filter(|row| row.c > 0 && !row.b.is_empty())
                .map(|row| Item::new(row.a, row.b + "!", row.c * 2))
        },
    ),
    (
        "SELECT a, b, c FROM t UNION ALL SELECT a, b, -c FROM u",
        |t, u| t.plus(u.map(|row| Item::new(row.a, row.b, -row.c))),
    ),
    (
        "SELECT t.a, u.b, t.c + u.c FROM t JOIN u ON t.b = u.b",
        |t, u| {
            t.join_map(u, Item::by_b(), Item::by_b(), |b, t, u| {
                Item::new(t.a, b.clone(), t.c + u.c)
            })
        },
    ),
    (
        "SELECT t.a, u.b, t.c FROM t JOIN u ON t.a IS NOT DISTINCT FROM u.a WHERE t.c < u.c",
        |t, u| {
            t.join(u, Item::by_a(), Item::by_a())
                .filter(|pair| pair.left.c < pair.right.c)
                .map(|pair| Item::new(pair.left.a, pair.right.b, pair.left.c))
        },
    ),
    (
        "SELECT x.a, y.b, x.c - y.c FROM t x JOIN t y ON x.b = y.b AND x.a IS NOT DISTINCT FROM y.a",
        |t, _| {
            t.join_map(
                t,
                Item::by_a_and_b(),
                Item::by_a_and_b(),
                |(a, Reverse(b)), x, y| Item::new(*a, b.clone(), x.c - y.c),
            )
        },
    ),
    ("SELECT a, '', count(*) FROM t GROUP BY a", |t, _| {
        t.group_by(Item::by_a())
            .count()
            .map(|group| Item::new(group.key, "", group.value))
    }),
    ("SELECT a, b, sum(c) FROM t GROUP BY a, b", |t, _| {
        t.group_by(Item::by_a_and_b())
            .sum(|row| row.c)
            .map(|group| Item::new(group.key.0, group.key.1.0, group.value))
    }),
    (
        "SELECT count(*), '', sum(c) FROM t HAVING count(*) > 0",
        |t, _| {
            t.group_by(Index::unkeyed())
                .sum(|row| (1_i64, row.c))
                .map(|group| Item::new(Some(group.value.0 as i8), "", group.value.1))
        },
    ),
    (
        "SELECT NULL, t.b, sum(t.c * u.c) FROM t JOIN u ON t.b = u.b GROUP BY t.b",
        |t, u| {
            t.join(u, Item::by_b(), Item::by_b())
                .group_by(Item::by_b().on_left())
                .sum(|pair| pair.left.c * pair.right.c)
                .map(|group| Item::new(None, group.key, group.value))
        },
    ),
    (
        "SELECT NULL, '', s FROM (SELECT sum(c) s FROM t GROUP BY b) AS sums UNION ALL \
         SELECT NULL, '', s FROM (SELECT max(s) AS s, s AS n FROM (SELECT count(*) s FROM t GROUP BY a) AS sizes GROUP BY s) AS kinds",
        |t, _| {
            let sums = t.group_by(Item::by_b()).sum(|row| row.c);
            let counts = t.group_by(Item::by_a()).count().named("sizes_of_a");
            let sizes = counts
                .group_by(Index::new("size", |group: &Keyed<_, i64>| group.value))
                .count();
            sums.map(|group| Item::new(None, "", group.value))
                .plus(sizes.map(|group| Item::new(None, "", group.key)))
        },
    ),
    (
        "SELECT u.a, u.b, n FROM u JOIN (SELECT b, count(*) n FROM t WHERE c >= 0 GROUP BY b) g ON g.b = u.b",
        |t, u| {
            let counts = t.filter(|row| row.c >= 0).group_by(Item::by_b()).count();
            u.join_map(
                counts,
                Item::by_b(),
                Index::new("key", |group: &Keyed<String, i64>| group.key.clone()),
                |_, u, group| Item::new(u.a, u.b.clone(), group.value),
            )
        },
    ),
];

/// One row that comes, or one that goes: into `t` or `u`.
#[derive(Clone, Debug)]
enum Step {
    Insert(bool, Item),
    Delete(bool, u8),
}

fn step() -> impl Strategy<Value = Step> {
    let a = prop_oneof![1 => Just(None), 3 => (0_i8..3).prop_map(Some)];
    let b = prop::sample::select(vec!["", "a", "b", "é"]);
    let item = (a, b, -3_i64..4).prop_map(|(a, b, c)| Item::new(a, b, c));
    prop_oneof![
        3 => (any::<bool>(), item).prop_map(|(left, item)| Step::Insert(left, item)),
        2 => (any::<bool>(), any::<u8>()).prop_map(|(left, which)| Step::Delete(left, which)),
    ]
}

/// Plain tables `t` and `u` of a database, which answers queries of them.
pub(crate) trait Plain {
    /// Puts a row into a table, or takes one out, by the sign of the weight; the number of rows that it was.
    fn change(&self, table: &str, item: &Item, weight: i64) -> u64;
    fn answer(&self, sql: &str) -> Result<Bag, TestCaseError>;
}

impl Plain for Connection {
    fn change(&self, table: &str, item: &Item, weight: i64) -> u64 {
        let sql = if weight > 0 {
            format!("INSERT INTO {table} VALUES (?1, ?2, ?3)")
        } else {
            format!(
                "DELETE FROM {table} WHERE rowid = \
                 (SELECT rowid FROM {table} WHERE a IS ?1 AND b = ?2 AND c = ?3 LIMIT 1)"
            )
        };
        let changed = self.execute(&sql, (item.a, &item.b, item.c));
        changed.expect("the plain tables take it") as u64
    }

    fn answer(&self, sql: &str) -> Result<Bag, TestCaseError> {
        let rows = || -> rusqlite::Result<Vec<(Item, i64)>> {
            let mut statement = self.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| {
                let b: String = row.get(1)?;
                Ok((Item::new(row.get(0)?, b, row.get(2)?), 1))
            })?;
            rows.collect()
        };
        Ok(bag(rows().map_err(failed)?))
    }
}

fn plain_sqlite() -> Result<Connection, TestCaseError> {
    let plain = Connection::open_in_memory().map_err(failed)?;
    plain.execute_batch(TABLES).map_err(failed)?;
    Ok(plain)
}

/// Does a step to the plain tables; the row that it was about, if any.
fn do_plain(plain: &dyn Plain, contents: &mut [Bag; 2], step: &Step) -> Option<(bool, Item, i64)> {
    let (left, item, weight) = match step {
        Step::Insert(left, item) => (*left, item.clone(), 1),
        Step::Delete(left, which) => {
            let contents = &contents[usize::from(*left)];
            let which = usize::from(*which) % contents.len().max(1);
            (*left, contents.keys().nth(which)?.clone(), -1)
        }
    };
    let table = if left { "t" } else { "u" };
    assert_eq!(plain.change(table, &item, weight), 1);
    add(&mut contents[usize::from(left)], item.clone(), weight);
    Some((left, item, weight))
}

/// All queries as one plan of sources `t` and `u`, a view each.
fn all_as_plan() -> Plan {
    let mut nodes = vec![Query::Source(0), Query::Source(1)];
    let mut sinks = Vec::new();
    for said in queries::all() {
        let base = nodes.len();
        let number = move |node: usize| if node < 2 { node } else { base + node - 2 };
        let operators = said.operators.into_iter();
        nodes.extend(operators.map(|query| query.renumbered(&number)));
        sinks.push(Sink::View(nodes.len() - 1, vec![Key::Unit]));
    }
    Plan {
        sources: vec![Source::Raw; 2],
        nodes,
        sinks,
    }
}

/// A change of several steps, done to the plain tables too.
fn change_of(
    plain: &dyn Plain,
    contents: &mut [Bag; 2],
    steps: &[Step],
    mut change: Change,
    [t, u]: [InputHandle<Item>; 2],
) -> Change {
    for step in steps {
        if let Some((left, item, weight)) = do_plain(plain, contents, step) {
            let input = if left { t } else { u };
            change = if weight > 0 {
                change.insert(input, [item])
            } else {
                change.remove(input, [item])
            };
        }
    }
    change
}

/// A store as the plans are held against it.
pub(crate) trait Asked {
    fn commit(&mut self, change: &Change) -> Result<Committed, Error>;
    fn read(&self, probe: &dyn Probe, expected: &Bag<Shown>) -> Result<(), TestCaseError>;
}

impl Asked for MemoryStore {
    fn commit(&mut self, change: &Change) -> Result<Committed, Error> {
        Store::commit(self, change)
    }

    fn read(&self, probe: &dyn Probe, expected: &Bag<Shown>) -> Result<(), TestCaseError> {
        probe.read_memory(self, expected, &[])
    }
}

impl Asked for SqliteStore {
    fn commit(&mut self, change: &Change) -> Result<Committed, Error> {
        Store::commit(self, change)
    }

    fn read(&self, probe: &dyn Probe, expected: &Bag<Shown>) -> Result<(), TestCaseError> {
        probe.read_sqlite(self, expected, &[])
    }
}

/// What the queries are asked of: some steps a change.
#[derive(Clone, Debug)]
pub(crate) struct Steps(Vec<Step>);

/// A history of changes.
pub(crate) fn history() -> impl Strategy<Value = Vec<Steps>> {
    prop::collection::vec(prop::collection::vec(step(), 0..6).prop_map(Steps), 1..8)
}

/// The views of all queries are what a database answers over plain tables.
pub(crate) fn plans_hold<S: Asked>(
    history: &[Steps],
    plain: &dyn Plain,
    open: impl FnOnce(&Graph) -> Result<S, TestCaseError>,
) -> Result<(), TestCaseError> {
    let lowered = lower(&all_as_plan());
    let [Handle::Raw(t), Handle::Raw(u)] = lowered.sources[..] else {
        unreachable!("both sources are raw")
    };
    let mut memory = MemoryStore::new(&lowered.graph);
    let mut store = open(&lowered.graph)?;
    let mut contents = [Bag::new(), Bag::new()];
    for Steps(steps) in history {
        let change = lowered.graph.change();
        let change = change_of(plain, &mut contents, steps, change, [t, u]);
        Asked::commit(&mut memory, &change).map_err(failed)?;
        store.commit(&change).map_err(failed)?;
        for (said, probe) in queries::all().iter().zip(&lowered.probes) {
            let expected = plain.answer(said.sql)?.into_iter();
            let expected = expected.map(|(item, weight)| (Shown::item(item), weight));
            let expected: Bag<Shown> = expected.collect();
            let what = |error| TestCaseError::fail(format!("{}: {error}", said.sql));
            memory.read(&**probe, &expected).map_err(what)?;
            store.read(&**probe, &expected).map_err(what)?;
        }
    }
    Ok(())
}

/// The views of the graph of [`PAIRS`] are what a database answers over plain tables.
pub(crate) fn views_hold<S: Store>(
    history: &[Steps],
    plain: &dyn Plain,
    open: impl FnOnce(&Graph) -> Result<S, TestCaseError>,
) -> Result<(), TestCaseError> {
    let built = Graph::build("pairs", |g| {
        let (t, u) = (g.input::<Item>("t"), g.input::<Item>("u"));
        let views = PAIRS.iter().enumerate().map(|(pair, (_, build))| {
            let rows = build(t, u).named(format!("pair_{pair}"));
            rows.view(format!("answer_{pair}"))
        });
        (t.handle(), u.handle(), views.collect::<Vec<_>>())
    });
    let (graph, (t, u, views)) = built.map_err(failed)?;
    let mut store = open(&graph)?;
    let mut memory = MemoryStore::new(&graph);
    let mut contents = [Bag::new(), Bag::new()];
    for Steps(steps) in history {
        let change = change_of(plain, &mut contents, steps, graph.change(), [t, u]);
        Store::commit(&mut memory, &change).map_err(failed)?;
        store.commit(&change).map_err(failed)?;
        for (view, (sql, _)) in views.iter().zip(PAIRS) {
            let expected = plain.answer(sql)?;
            compare(&memory, *view, &expected, sql)?;
            compare(&store, *view, &expected, sql)?;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(30, REGRESSIONS))]

    #[test]
    fn plans_are_what_sqlite_answers(history in history()) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options = SqliteOptions::new().synchronous(Synchronous::Off);
        let path = folder.path().join("plans.db");
        plans_hold(&history, &plain_sqlite()?, |graph| options.open(path, graph).map_err(failed))?;
    }
}

proptest! {
    #![proptest_config(config(6, REGRESSIONS))]

    #[test]
    fn definitions_are_what_sqlite_answers(history in history()) {
        let plain = plain_sqlite()?;
        let mut contents = [Bag::new(), Bag::new()];
        for Steps(steps) in &history {
            for step in steps {
                do_plain(&plain, &mut contents, step);
            }
            let [u, t] = contents.clone();
            for said in queries::all() {
                let expected = plain.answer(said.sql)?;
                let defined = evaluate(&said.operators, vec![t.clone(), u.clone()]).map_err(failed)?;
                prop_assert_eq!(&defined, &expected, "{}", said.sql);
            }
        }
    }

    #[test]
    fn views_are_what_sqlite_answers(history in history()) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options = SqliteOptions::new().synchronous(Synchronous::Off);
        let path = folder.path().join("pairs.db");
        views_hold(&history, &plain_sqlite()?, |graph| options.open(path, graph).map_err(failed))?;
    }
}

fn compare<S: Store>(
    store: &S,
    view: ViewHandle<Item, ()>,
    expected: &Bag,
    sql: &str,
) -> Result<(), TestCaseError> {
    let rows = store
        .view(view)
        .iter()
        .and_then(|rows| rows.into_zset())
        .map_err(failed)?;
    prop_assert_eq!(&bag(rows), expected, "{}", sql);
    Ok(())
}
