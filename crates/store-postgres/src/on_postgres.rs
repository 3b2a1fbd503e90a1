//! What the server makes of the statements. The name of this module says that its tests need a server.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write;

use deltaview_graph::{Graph, Order};
use deltaview_schema::{Index, TableSchema};
use tokio_postgres::{Client, NoTls};

use crate::ddl::Ddl;
use crate::names::{key_index_name, parts_of, plain_type, qualified, table_name};
use crate::ranges::RangeShape;
use crate::scope::OFF;
use crate::shared::Part;
use crate::statements::{Statements, rows_of};

type Row = (i64, Option<String>, bool, Option<i64>);
type Key = (Option<String>, std::cmp::Reverse<Option<bool>>, Option<i64>);

/// A table by a key that has all that makes an index awkward.
fn graph() -> Graph {
    let key = |row: &Row| -> Key { (row.1.clone(), std::cmp::Reverse(Some(row.2)), row.3) };
    let built = Graph::build("plans", |g| {
        let rows = g.input::<Row>("rows");
        rows.view_by("view", Index::declared("key", ["a", "b", "c"], key));
    });
    built.unwrap().0
}

struct Database {
    client: Client,
    namespace: String,
}

impl Database {
    async fn new(name: &str) -> Self {
        let url = std::env::var("DELTAVIEW_TEST_POSTGRES").expect(
            "DELTAVIEW_TEST_POSTGRES must be the URL of a Postgres server: `cargo xtask test` starts one",
        );
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let namespace = format!("deltaview_plans_{name}_{}", std::process::id());
        let graph = graph();
        let ddl = Ddl::new(&namespace);
        let sql = format!(
            "DROP SCHEMA IF EXISTS {namespace} CASCADE; {}{}{}",
            ddl.namespace_sql(),
            ddl.catalog_tables_sql(),
            ddl.graph_sql(&graph)
        );
        client.batch_execute(&sql).await.unwrap();
        let database = Self { client, namespace };
        let place = database.place(database.schema(&graph));
        // Not analysed: a table that has just grown is the hardest case.
        let filled = format!(
            "ALTER TABLE {place} SET (autovacuum_enabled = off); \
             INSERT INTO {place} SELECT CASE WHEN i % 5 > 0 THEN 'text ' || i % 100 END, i % 2 = 0, \
             CASE WHEN i % 7 > 0 THEN i / 100 END, int4send(i), NULL, 1 FROM generate_series(1, 50000) AS i"
        );
        database.client.batch_execute(&filled).await.unwrap();
        database
    }

    fn schema<'a>(&self, graph: &'a Graph) -> &'a TableSchema {
        graph.tables()[0].schema()
    }

    fn place(&self, schema: &TableSchema) -> String {
        qualified(&self.namespace, &table_name(schema))
    }

    /// The plan of a statement, with arrays of so many keys in the places of its parameters.
    async fn plan(&self, sql: &str, kinds: &[&str], keys: usize) -> String {
        let mut sql = sql.to_string();
        for (i, kind) in kinds.iter().enumerate().rev() {
            let value = match *kind {
                "text" => "CASE WHEN i % 3 > 0 THEN 'text ' || i % 100 END",
                "boolean" => "CASE WHEN i % 4 > 0 THEN i % 2 = 0 END",
                "bytea" => "int4send(i)",
                _ => "i",
            };
            let rows = self
                .client
                .query_one(
                    &format!("SELECT array_agg({value})::{kind}[]::text FROM generate_series(1, {keys}) AS i"),
                    &[],
                )
                .await
                .unwrap();
            let array: String = rows.get(0);
            sql = sql.replace(&format!("${}", i + 1), &format!("'{array}'"));
        }
        let rows = self
            .client
            .query(&format!("EXPLAIN (ANALYZE, TIMING OFF) {sql}"), &[])
            .await
            .unwrap();
        let mut plan = String::new();
        for row in rows {
            writeln!(plan, "{}", row.get::<_, &str>(0)).unwrap();
        }
        plan
    }

    async fn drop(self) {
        let sql = format!("DROP SCHEMA {} CASCADE", self.namespace);
        self.client.batch_execute(&sql).await.unwrap();
    }
}

#[tokio::test]
async fn keys_are_looked_up_in_the_unique_index() {
    let database = Database::new("keys").await;
    let graph = graph();
    let schema = database.schema(&graph);
    let statements = Statements::of(schema, Part::Whole, &database.namespace);
    let mut kinds: Vec<&str> = parts_of(&schema.primary)
        .iter()
        .map(|part| plain_type(part.column_type))
        .collect();
    let index = key_index_name(schema);
    let searched = format!("Index Scan using {index}");
    kinds.push("bigint");
    let plan = database.plan(statements.keys.of(50), &kinds, 50).await;
    assert!(
        plan.contains(&searched) && !plan.contains("Seq Scan"),
        "{plan}"
    );
    // All the terms of the index are searched by: nothing that is found is thrown away.
    assert!(!plan.contains("Rows Removed"), "{plan}");
    kinds.insert(3, "bytea");
    for sql in [&statements.rows, &statements.delete, &statements.sweep] {
        let kinds = if sql.of(50).starts_with("DELETE") {
            &kinds[..4]
        } else {
            &kinds
        };
        let plan = database.plan(sql.of(50), kinds, 50).await;
        let only = plan.contains(&format!("Index Only Scan using {index}"));
        assert!(
            (plan.contains(&searched) || only) && !plan.contains("Seq Scan"),
            "{plan}"
        );
    }
    database.drop().await;
}

#[tokio::test]
async fn ranges_are_read_from_where_they_begin_to_where_they_are_enough() {
    let database = Database::new("ranges").await;
    let off = OFF.map(|setting| format!("SET {setting} = off; ")).concat();
    database.client.batch_execute(&off).await.unwrap();
    let graph = graph();
    let schema = database.schema(&graph);
    for order in [Order::Forward, Order::Backward] {
        for (group, start) in [
            (0, None),
            (1, None),
            (0, Some((3, true))),
            (1, Some((2, false))),
            (2, Some((1, true))),
        ] {
            let shape = RangeShape {
                order,
                group,
                start,
                rows: 16,
            };
            let parts = parts_of(&schema.primary);
            let mut kinds: Vec<&str> = parts[..shape.columns()]
                .iter()
                .map(|part| plain_type(part.column_type))
                .collect();
            kinds.push("bigint");
            let from = rows_of(schema, Part::Whole, &database.namespace);
            let sql = shape.statement(schema, &from);
            let plan = database.plan(&sql, &kinds, 3).await;
            assert!(
                plan.contains("Index Scan")
                    && !plan.contains("Seq Scan")
                    && !plan.contains("Bitmap"),
                "{shape:?}\n{plan}"
            );
            // What is enough is read of the index, and the rest of the last key, which may have 714 rows: not all that
            // follows.
            for line in plan.lines().filter(|line| line.contains("Index Scan")) {
                let rows = line.split("(actual rows=").nth(1).unwrap();
                let rows: u64 = rows.split(' ').next().unwrap().parse().unwrap();
                assert!(rows < 750, "{shape:?}\n{plan}");
            }
        }
    }
    database.drop().await;
}
