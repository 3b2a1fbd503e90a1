//! The tables: what `schema_sql` prints is what `open` creates; every statement that the store runs searches the
//! primary key or an index, and sorts nothing.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, PoisonError};

use deltaview_graph::{Edit, Graph, TableHandle, ViewHandle};
use deltaview_schema::{Index, Row};
use deltaview_store::catalog::Dialect;
use deltaview_store::{Rows, Store};
use deltaview_store_sqlite::rusqlite::Connection;
use deltaview_store_sqlite::rusqlite::trace::{TraceEvent, TraceEventCodes};
use deltaview_store_sqlite::{SqliteDialect, SqliteStore, schema_sql};
use deltaview_zset::Keyed;

use crate::common::{Item, Temp, dump, item, shop};

/// Each sort of table: nullable, descending, of many columns, of none, with one row a key, with further indexes.
struct Every {
    graph: Graph,
    items: TableHandle<Item, u64>,
    by_parts: ViewHandle<Item, Parts>,
    by_product: ViewHandle<Item, Option<u32>>,
    unkeyed: ViewHandle<Item, ()>,
    unique: ViewHandle<Item, u64>,
    unique_by_qty: ViewHandle<Item, Reverse<i64>>,
    everything: ViewHandle<Keyed<(), i64>, ()>,
}

type Parts = (Option<String>, Reverse<Option<i64>>, bool, Vec<u8>);

fn every() -> Every {
    let by_number = || Index::new("number", |item: &Item| item.number);
    let by_parts = Index::new("parts", |item: &Item| {
        let text = (item.product > 1).then(|| item.product.to_string());
        (
            text,
            Reverse(Some(item.qty)),
            item.qty > 3,
            vec![0, item.number as u8],
        )
    });
    let (graph, handles) = Graph::build("every", |g| {
        let items = g.table("items", by_number());
        let by_parts = items.view_by(
            "by_parts",
            by_parts.with_columns(["text", "qty", "large", "bytes"]),
        );
        let by_product = g.also_by(
            by_parts,
            Index::new("product", |item: &Item| Some(item.product)),
        );
        let unique = items.view_by("unique", by_number());
        let by_qty = g.also_by(unique, Index::new("qty", |item: &Item| Reverse(item.qty)));
        let all = Index::new("all", |_: &Item| ());
        let everything = items.group_by(all).sum(|item| item.qty).view("everything");
        (
            items.handle(),
            by_parts,
            by_product,
            items.view("unkeyed"),
            unique,
            by_qty,
            everything,
        )
    })
    .unwrap();
    let (items, by_parts, by_product, unkeyed, unique, unique_by_qty, everything) = handles;
    Every {
        graph,
        items,
        by_parts,
        by_product,
        unkeyed,
        unique,
        unique_by_qty,
        everything,
    }
}

fn schema_of(conn: &Connection) -> Vec<(String, String, String)> {
    let sql = "SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY name";
    let mut statement = conn.prepare(sql).unwrap();
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn what_is_printed_is_what_open_creates() {
    for graph in [shop().graph, every().graph] {
        let temp = Temp::new();
        drop(SqliteStore::open(temp.db(), &graph).unwrap());
        let printed = Temp::new();
        let conn = printed.connection();
        conn.execute_batch(&schema_sql(&graph)).unwrap();
        let created = temp.connection();
        assert_eq!(schema_of(&created), schema_of(&conn));
        assert!(schema_of(&created).len() > graph.tables().len() + 3);
        let entries = |conn: &Connection| {
            let rows = dump(conn)
                .into_iter()
                .filter(|line| line.starts_with("deltaview_"));
            rows.collect::<Vec<String>>()
        };
        assert_eq!(entries(&created), entries(&conn));
        drop(conn);
        assert_eq!(
            SqliteStore::open_existing(printed.db(), &graph)
                .unwrap()
                .time()
                .unwrap(),
            0
        );
        let by_dialect = SqliteDialect.catalog_sql() + &SqliteDialect.graph_sql(&graph);
        assert_eq!(by_dialect, schema_sql(&graph));
        assert_eq!(SqliteDialect.name(), "sqlite");
    }
}

/// The text itself, so that a change of the format is seen for what it is.
#[test]
fn a_table_is_written_like_this() {
    let (graph, _) = Graph::build("shop", |g| {
        let view = g.input::<(Option<String>, i64)>("pairs").view_by(
            "pairs by name",
            Index::new("name", |pair: &(Option<String>, i64)| {
                (pair.0.clone(), Reverse(pair.1))
            })
            .with_columns(["name", "number"]),
        );
        g.also_by(
            view,
            Index::new("number", |pair: &(Option<String>, i64)| pair.1),
        );
    })
    .unwrap();
    let sql = schema_sql(&graph);
    let table = sql
        .split("CREATE TABLE")
        .last()
        .and_then(|rest| rest.split("INSERT INTO").next())
        .unwrap();
    let expected = r#" "shop__pairs by name__view" (
  "ixk__name__name" ANY NOT NULL,
  "ixd__name__name" TEXT GENERATED ALWAYS AS (CASE typeof("ixk__name__name") WHEN 'text' THEN "ixk__name__name" END) VIRTUAL,
  "ixd__name__number" INTEGER NOT NULL,
  "identity" BLOB NOT NULL,
  "data" BLOB,
  "c" INTEGER NOT NULL,
  "ixd__number__key" INTEGER NOT NULL,
  PRIMARY KEY ("ixk__name__name", "ixd__name__number" DESC, "identity")
) STRICT, WITHOUT ROWID;
CREATE INDEX "shop__pairs by name__view__ix__number" ON "shop__pairs by name__view" ("ixd__number__key", "ixk__name__name", "ixd__name__number" DESC, "identity");
"#;
    assert_eq!(table, expected);
}

/// Every statement that reads or writes a table of the graph, as SQLite plans it.
#[test]
fn every_statement_searches_and_none_sorts() {
    let (conn, statements) = traced();
    let every = every();
    let mut store = SqliteStore::from_connection(conn, &every.graph).unwrap();
    statements.lock().unwrap().clear();
    let change = every.graph.change().insert(
        every.items,
        (0..600).map(|n| item(n, (n % 3) as u32, n as i64 % 5)),
    );
    store.commit(&change).unwrap();
    store
        .change()
        .update(every.items, 3, |item| item.qty = 9)
        .delete(every.items, 4)
        .commit()
        .unwrap();
    let middle: Parts = (Some("2".to_string()), Reverse(Some(2)), false, vec![0, 7]);
    read_all(&store, every.by_parts, &middle);
    read_all(&store, every.by_product, &Some(1));
    read_all(&store, every.unkeyed, &());
    read_all(&store, every.unique, &300);
    read_all(&store, every.unique_by_qty, &Reverse(3));
    read_all(&store, every.everything, &());

    let planner = Connection::open_in_memory().unwrap();
    planner.execute_batch(&schema_sql(&every.graph)).unwrap();
    let statements = statements.lock().unwrap().clone();
    let (mut searches, mut scans) = (0, 0);
    for sql in statements.iter().filter(|sql| sql.contains("\"every__")) {
        for step in plan(&planner, sql) {
            assert!(!step.contains("TEMP B-TREE"), "{step}: {sql}");
            if step.starts_with("SEARCH") {
                assert!(
                    step.contains("PRIMARY KEY") || step.contains("INDEX"),
                    "{step}: {sql}"
                );
                searches += 1;
            } else {
                // From the one end of the whole table, a page; or all rows of a table whose rows are all of one key.
                assert!(step.starts_with("SCAN"), "{step}: {sql}");
                let page = !sql.contains(" WHERE ") && sql.ends_with("LIMIT 256");
                assert!(page || sql.ends_with(" WHERE 1"), "{step}: {sql}");
                scans += 1;
            }
        }
    }
    assert!(
        searches >= 25 && scans >= 10,
        "{searches} searches and {scans} scans"
    );
}

fn read_all<T: Row, K: deltaview_schema::IndexKey>(
    store: &SqliteStore,
    view: ViewHandle<T, K>,
    key: &K,
) {
    let view = store.view(view);
    let count = |rows: Result<Rows<'_, T>, _>| rows.unwrap().map(Result::unwrap).count();
    for view in [view, view.rev()] {
        let all = count(view.iter());
        assert!(all > 0);
        let parts = count(view.range(..key))
            + count(view.key(key))
            + count(view.range((after(key), std::ops::Bound::Unbounded)));
        assert_eq!(parts, all);
    }
}

fn after<K: Clone>(key: &K) -> std::ops::Bound<K> {
    std::ops::Bound::Excluded(key.clone())
}

/// A connection, and the statements that it ran.
fn traced() -> (Connection, Arc<Mutex<Vec<String>>>) {
    let statements = Arc::new(Mutex::new(Vec::new()));
    let mut conn = Connection::open_in_memory().unwrap();
    let to = Arc::clone(&statements);
    let trace = move |event: TraceEvent<'_>| {
        if let TraceEvent::Stmt(statement, _) = event {
            let sql = statement.sql().into_owned();
            let mut statements = to.lock().unwrap_or_else(PoisonError::into_inner);
            if !statements.contains(&sql) {
                statements.push(sql);
            }
        }
    };
    conn.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(trace))
        .unwrap();
    (conn, statements)
}

fn plan(conn: &Connection, sql: &str) -> Vec<String> {
    let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get(3).unwrap());
    }
    steps
}
