//! The work is bounded by the change, not by the state: a one-row change reads the keys that it needs and no others,
//! and the numbers are the same over a thousand rows and over a hundred thousand.

use std::sync::{Arc, Mutex};

use deltaview::prelude::*;
use deltaview::{Change, KeyValue, TableId};
use deltaview_graph::WorkingSet;
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::{Connection, TransactionBehavior};

use crate::driver::{Asked, ByteStore, Fuse, Log};

/// A key and a number.
type Line = (i64, i64);

const FEW: i64 = 1_000;
const MANY: i64 = 100_000;

/// A join, a sum by group, and a keyed table.
#[derive(Clone, Copy)]
struct Handles {
    left: InputHandle<Line>,
    right: InputHandle<Line>,
    sold: InputHandle<Line>,
    stock: TableHandle<Line, i64>,
}

fn graph() -> (Graph, Handles) {
    Graph::build("work", |g| {
        let key = || Index::new("key", |line: &Line| line.0);
        let (left, right) = (g.input::<Line>("left"), g.input::<Line>("right"));
        let met = left.join_map(right, key(), key(), |key, left, right| {
            (*key, left.1 + right.1)
        });
        met.named("met").view_by("joined", key());
        let sold = g.input::<Line>("sold");
        sold.group_by(key()).sum(|line| line.1).view("totals");
        let stock = g.table("stock", key());
        stock.output("restocked");
        let (left, right, sold) = (left.handle(), right.handle(), sold.handle());
        Handles {
            left,
            right,
            sold,
            stock: stock.handle(),
        }
    })
    .unwrap()
}

/// So many rows on every side, each under a key of its own.
fn load(graph: &Graph, handles: Handles, rows: i64) -> Change {
    let lines = || (0..rows).map(|key| (key, 1));
    graph
        .change()
        .insert(handles.left, lines())
        .insert(handles.right, lines())
        .insert(handles.sold, lines())
        .insert(handles.stock, lines())
}

/// The one-row changes whose work is looked at.
fn changes(graph: &Graph, handles: Handles) -> Vec<(&'static str, Change)> {
    let change = || graph.change();
    vec![
        (
            "a row that meets another",
            change().insert(handles.left, [(500, 9)]),
        ),
        (
            "a row that meets none yet",
            change().insert(handles.right, [(-1, 9)]),
        ),
        (
            "a row that goes",
            change().remove(handles.right, [(500, 1)]),
        ),
        (
            "a row of a group",
            change().insert(handles.sold, [(500, 9)]),
        ),
        (
            "a row of a new group",
            change().insert(handles.sold, [(-1, 9)]),
        ),
        (
            "an update by key",
            change().update(handles.stock, 500, |line| line.1 = 9),
        ),
        ("a delete by key", change().delete(handles.stock, 400)),
        ("nothing", change()),
    ]
}

/// What each of the changes asks of a driver, over so many rows.
fn logs(rows: i64) -> (Graph, Vec<(&'static str, Log)>) {
    let (graph, handles) = graph();
    let mut store = ByteStore::default();
    let mut state = WorkingSet::partial(&graph);
    store
        .run(&graph, &mut state, &load(&graph, handles, rows), Fuse::NONE)
        .unwrap();
    let logs = changes(&graph, handles).into_iter().map(|(name, change)| {
        state.forget();
        let (_, log) = store.run(&graph, &mut state, &change, Fuse::NONE).unwrap();
        (name, log)
    });
    let logs = logs.collect();
    (graph, logs)
}

/// The names of the tables that were read, with the keys; all in one round.
fn reads(graph: &Graph, log: &Log) -> Vec<(String, Vec<i64>)> {
    assert!(log.rounds.len() <= 1, "{log:?}");
    let round = log.rounds.first().into_iter().flatten();
    let keys = |asked: &Asked| match asked {
        Asked::Keys(keys) => keys.iter().map(|key| number(key)).collect(),
        other => panic!("only whole keys are asked for: {other:?}"),
    };
    round
        .map(|(table, asked)| (name(graph, *table), keys(asked)))
        .collect()
}

fn writes(graph: &Graph, log: &Log) -> Vec<(String, i64)> {
    log.writes
        .iter()
        .map(|(table, key)| (name(graph, *table), number(key)))
        .collect()
}

fn number(key: &[KeyValue<'static>]) -> i64 {
    let [KeyValue::Int(number)] = key else {
        panic!("keys here are one number: {key:?}")
    };
    *number
}

fn name(graph: &Graph, table: TableId) -> String {
    let schema = graph.table(table).schema();
    format!("{} {}", schema.vertex, schema.role)
}

#[test]
fn a_one_row_change_reads_and_writes_only_the_keys_it_needs_over_any_number_of_rows() {
    for rows in [FEW, MANY] {
        assert_bounded(rows);
    }
}

/// The keys and the numbers of rows are written out: they hold for few rows and for many.
fn assert_bounded(rows: i64) {
    let (graph, logs) = logs(rows);
    let named = |tables: &[(&str, i64)]| -> Vec<(String, i64)> {
        tables
            .iter()
            .map(|(table, key)| (table.to_string(), *key))
            .collect()
    };
    let expect = |change: &str, read: &[(&str, i64)], rows_read: usize, written: &[(&str, i64)]| {
        let (_, log) = logs.iter().find(|(name, _)| *name == change).unwrap();
        let read: Vec<_> = named(read)
            .into_iter()
            .map(|(table, key)| (table, vec![key]))
            .collect();
        assert_eq!(reads(&graph, log), read, "{change}");
        assert_eq!(log.rows_read, rows_read, "{change}");
        let mut found = writes(&graph, log);
        found.sort();
        assert_eq!(found, named(written), "{change}");
    };
    expect(
        "a row that meets another",
        &[("right by_key", 500)],
        1,
        &[("joined view", 500), ("left by_key", 500)],
    );
    expect(
        "a row that meets none yet",
        &[("left by_key", -1)],
        0,
        &[("right by_key", -1)],
    );
    expect(
        "a row that goes",
        &[("left by_key", 500)],
        2,
        &[
            ("joined view", 500),
            ("joined view", 500),
            ("right by_key", 500),
        ],
    );
    let total = |key| [("sold_sum_by_key groups", key), ("totals view", key)];
    expect(
        "a row of a group",
        &[("sold_sum_by_key groups", 500)],
        1,
        &total(500),
    );
    expect(
        "a row of a new group",
        &[("sold_sum_by_key groups", -1)],
        0,
        &total(-1),
    );
    expect(
        "an update by key",
        &[("stock by_key", 500)],
        1,
        &[("stock by_key", 500)],
    );
    expect(
        "a delete by key",
        &[("stock by_key", 400)],
        1,
        &[("stock by_key", 400)],
    );
    expect("nothing", &[], 0, &[]);
}

/// The statements that SQLite runs for each of the changes.
fn statements(rows: i64) -> Vec<(&'static str, Vec<String>)> {
    let (graph, handles) = graph();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("work.db");
    let options = SqliteOptions::new().synchronous(deltaview::Synchronous::Off);
    let mut store = options.open(&path, &graph).unwrap();
    store.commit(&load(&graph, handles, rows)).unwrap();

    let mut app = Connection::open(&path).unwrap();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&seen);
    app.trace_v2(
        TraceEventCodes::SQLITE_TRACE_STMT,
        Some(move |event: TraceEvent<'_>| {
            if let TraceEvent::Stmt(_, sql) = event {
                log.lock().unwrap().push(sql.to_string());
            }
        }),
    )
    .unwrap();
    let all = changes(&graph, handles).into_iter().map(|(name, change)| {
        seen.lock().unwrap().clear();
        let tx = app
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .unwrap();
        store.commit_in(&tx, &change).unwrap();
        tx.commit().unwrap();
        let statements = std::mem::take(&mut *seen.lock().unwrap());
        let of_tables: Vec<String> = statements
            .into_iter()
            .filter(|sql| sql.contains("\"work__"))
            .collect();
        assert_searches(store.connection(), &of_tables);
        (name, of_tables)
    });
    all.collect()
}

/// SQLite plans a search of the key for each statement, and never a scan.
fn assert_searches(conn: &Connection, statements: &[String]) {
    for sql in statements {
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().unwrap() {
            let step: String = row.get(3).unwrap();
            assert!(step.starts_with("SEARCH"), "{sql}: {step}");
        }
    }
}

#[test]
fn sqlite_runs_the_same_few_statements_however_many_rows_there_are() {
    let (few, many) = (statements(FEW), statements(10 * FEW));
    assert_eq!(few, many);
    for (change, statements) in many {
        // A look-up, and two statements a written row: the row that goes meets two others, so it takes three with it.
        assert!(statements.len() <= 7, "{change}: {statements:#?}");
        let looked_up = statements
            .iter()
            .filter(|sql| sql.starts_with("SELECT"))
            .count();
        assert_eq!(
            looked_up,
            usize::from(change != "nothing"),
            "{change}: {statements:#?}"
        );
    }
}
