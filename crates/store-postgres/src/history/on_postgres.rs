//! What the server makes of the statements of a history. The name of this module says that its tests need a server.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cmp::Reverse;
use std::fmt::Write;

use deltaview_graph::{Graph, Retention};
use deltaview_schema::Index;
use deltaview_store::history::fork_node;
use tokio_postgres::{Client, NoTls};

use super::At;
use super::sql::sql_fork_node;
use crate::ddl::Ddl;
use crate::engine::Engine;
use crate::scan::Viewed;
use crate::scope::OFF;

async fn client() -> Client {
    let url = std::env::var("DELTAVIEW_TEST_POSTGRES").expect(
        "DELTAVIEW_TEST_POSTGRES must be the URL of a Postgres server: `cargo xtask test` starts one",
    );
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn versions_are_filed_where_they_are_looked_for() {
    let mut times: Vec<(i64, i64)> = Vec::new();
    for since in 1..40 {
        times.extend((since + 1..=41).map(|until| (since, until)));
    }
    for shift in 0..62 {
        let bit = 1_i64 << shift;
        for (since, until) in [
            (1, bit),
            (bit - 1, bit + 1),
            (bit, 2 * (bit - 1)),
            (bit / 3, bit),
        ] {
            times.push((since, until));
        }
        times.push((bit, i64::MAX));
        times.push((i64::MAX - bit, i64::MAX));
    }
    times.retain(|(since, until)| 0 < *since && since < until);
    let (since, until): (Vec<i64>, Vec<i64>) = times.iter().copied().unzip();
    let sql = format!(
        "SELECT {} FROM unnest($1::bigint[], $2::bigint[]) AS v(s, u)",
        sql_fork_node("v.s", "v.u")
    );
    let rows = client().await.query(&sql, &[&since, &until]).await.unwrap();
    let nodes: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    let wanted = times.iter().map(|(since, until)| fork_node(*since, *until));
    assert_eq!(nodes, wanted.collect::<Vec<_>>());
}

type Row = (Option<String>, bool, i64);

#[tokio::test]
async fn a_range_of_the_past_is_merged_in_the_order_of_its_index() {
    let (graph, (view, by_number)) = Graph::build("past", |g| {
        let rows = g.input::<Row>("rows");
        let key = |row: &Row| (row.0.clone(), Reverse(Some(row.1)));
        let view = rows.view_by("view", Index::declared("key", ["a", "b"], key));
        let view = g.with_history(view, Retention::Forever);
        let number = Index::new("number", |row: &Row| row.2);
        (view, g.also_by(view, number))
    })
    .unwrap();
    let namespace = format!("deltaview_past_{}", std::process::id());
    let ddl = Ddl::new(&namespace);
    let client = client().await;
    let sql = format!(
        "DROP SCHEMA IF EXISTS {namespace} CASCADE; {}{}{}",
        ddl.namespace_sql(),
        ddl.catalog_tables_sql(),
        ddl.graph_sql(&graph)
    );
    client.batch_execute(&sql).await.unwrap();
    let off = OFF.map(|setting| format!("SET {setting} = off; ")).concat();
    client
        .batch_execute(&format!("{off} SET enable_seqscan = off"))
        .await
        .unwrap();
    // Not analysed: a table that has just grown is the hardest case.
    let text = "CASE WHEN i % 5 > 0 THEN 'text ' || i % 100 END";
    let filled = format!(
        "ALTER TABLE {namespace}.\"past__view__view\" SET (autovacuum_enabled = off); \
         ALTER TABLE {namespace}.\"past__view__view__versions\" SET (autovacuum_enabled = off); \
         INSERT INTO {namespace}.\"past__view__view\" \
         SELECT {text}, i % 2 = 0, int4send(i), NULL, 1, i, 900 FROM generate_series(1, 20000) AS i; \
         INSERT INTO {namespace}.\"past__view__view__versions\" \
         SELECT {text}, i % 2 = 0, i % 900 + 2, int4send(i), i % 900 + 1, 1, {}, i FROM generate_series(1, 20000) AS i",
        sql_fork_node("(i % 900 + 1)::bigint", "(i % 900 + 2)::bigint"),
    );
    client.batch_execute(&filled).await.unwrap();
    let engine = Engine::new(&graph, &namespace);
    let (_, table, _) = engine.past_of(view).unwrap();
    let at = At::new(&engine, table, 450, 901);
    let mut statements = Vec::new();
    for backward in [false, true] {
        let viewed = Viewed::new(&engine, view, Some(at.clone())).unwrap();
        let some = "(t.\"ixd__key__a\" IS NOT NULL) = true";
        statements.push(viewed.select_in_order("true", backward));
        statements.push(viewed.select_in_order(some, backward));
        let viewed = Viewed::new(&engine, by_number, Some(at.clone())).unwrap();
        statements.push(viewed.select_in_order("t.\"ixd__number__key\" > 10", backward));
    }
    for sql in statements {
        let explain = format!("EXPLAIN (ANALYZE, TIMING OFF) {sql}");
        let rows = client.query(&explain, &[]).await;
        let rows = rows.unwrap_or_else(|error| panic!("{error:?}: {sql}"));
        let mut plan = String::new();
        for row in rows {
            writeln!(plan, "{}", row.get::<_, &str>(0)).unwrap();
        }
        let is_merged = plan.contains("Merge Append") && plan.contains("Index Scan");
        assert!(
            is_merged && !plan.contains("Sort  ") && !plan.contains("Seq Scan"),
            "{plan}"
        );
    }
    client
        .batch_execute(&format!("DROP SCHEMA {namespace} CASCADE"))
        .await
        .unwrap();
}
