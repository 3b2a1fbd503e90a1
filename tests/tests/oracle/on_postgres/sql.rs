//! The queries of [`crate::sql`], with the answers of Postgres itself over plain tables.

use deltaview::{Change, Committed, Error};
use deltaview_store_postgres::deadpool_postgres::Object;
use deltaview_store_postgres::tokio_postgres::types::{ToSql, Type};
use deltaview_tests::item::Item;
use deltaview_tests::naive::{Bag, bag};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tokio::runtime::Runtime;

use crate::common::{Place, blocking};
use crate::graphs::config;
use crate::on_postgres::OnPostgres;
use crate::probe::{Probe, Shown};
use crate::sql::{Asked, Plain, REGRESSIONS, history, plans_hold, views_hold};

/// The plain tables, on the server.
struct OnServer {
    runtime: Runtime,
    client: Object,
    _place: Place,
}

impl OnServer {
    fn new() -> Self {
        let runtime = blocking();
        let place = Place::new();
        let schema = &place.schema;
        // deltaview orders text by its bytes, as SQLite does.
        let sql = format!(
            "CREATE SCHEMA \"{schema}\"; SET search_path = \"{schema}\"; \
             CREATE TABLE t (a integer, b text COLLATE \"C\", c integer); \
             CREATE TABLE u (a integer, b text COLLATE \"C\", c integer)"
        );
        let client = runtime.block_on(async {
            let client = place.pool.get().await.expect("a connection");
            client.batch_execute(&sql).await.expect("a new schema");
            client
        });
        Self {
            runtime,
            client,
            _place: place,
        }
    }
}

impl Plain for OnServer {
    fn change(&self, table: &str, item: &Item, weight: i64) -> u64 {
        let sql = if weight > 0 {
            format!("INSERT INTO {table} VALUES ($1, $2, $3)")
        } else {
            format!(
                "DELETE FROM {table} WHERE ctid = (SELECT ctid FROM {table} \
                 WHERE a IS NOT DISTINCT FROM $1 AND b = $2 AND c = $3 LIMIT 1)"
            )
        };
        let c = i32::try_from(item.c).expect("a small number");
        let values: [(&(dyn ToSql + Sync), Type); 3] = [
            (&item.a.map(i32::from), Type::INT4),
            (&item.b, Type::TEXT),
            (&c, Type::INT4),
        ];
        let changed = self.client.execute_typed(&sql, &values);
        let changed = self.runtime.block_on(changed);
        changed.expect("the plain tables take it")
    }

    fn answer(&self, sql: &str) -> Result<Bag, TestCaseError> {
        // SQLite makes a float an integer by cutting it, and Postgres by rounding.
        let sql = sql.replace("CAST(avg(c) * 16 AS INTEGER)", "trunc(avg(c) * 16)");
        // Sums have other types than what they are of.
        let sql = format!(
            "SELECT CAST(a AS bigint), CAST(b AS text), CAST(c AS bigint) FROM ({sql}) AS answer (a, b, c)"
        );
        let rows = self.client.query_typed(&sql, &[]);
        let rows = self.runtime.block_on(rows);
        let rows = rows.map_err(|error| TestCaseError::fail(format!("{sql}: {error:?}")))?;
        let items = rows.iter().map(|row| {
            let a: Option<i64> = row.get(0);
            let a = a.map(|a| i8::try_from(a).expect("a small number"));
            let b: String = row.get(1);
            (Item::new(a, b, row.get(2)), 1)
        });
        Ok(bag(items))
    }
}

impl Asked for OnPostgres {
    fn commit(&mut self, change: &Change) -> Result<Committed, Error> {
        deltaview::Store::commit(&mut self.store, change)
    }

    fn read(&self, probe: &dyn Probe, expected: &Bag<Shown>) -> Result<(), TestCaseError> {
        probe.read_postgres(self, expected, &[])
    }
}

proptest! {
    #![proptest_config(config(100, REGRESSIONS))]

    #[test]
    fn plans_are_what_postgres_answers(history in history()) {
        let plain = OnServer::new();
        plans_hold(&history, &plain, |graph| Ok(OnPostgres::new(graph)))?;
    }
}

proptest! {
    #![proptest_config(config(30, REGRESSIONS))]

    #[test]
    fn views_are_what_postgres_answers(history in history()) {
        let plain = OnServer::new();
        let mut places = Vec::new();
        views_hold(&history, &plain, |graph| {
            let OnPostgres { store, place, .. } = OnPostgres::new(graph);
            places.push(place);
            Ok(store)
        })?;
    }
}

#[test]
fn the_plain_tables_say_what_they_have() {
    let plain = OnServer::new();
    assert_eq!(plain.change("t", &Item::new(None, "é", 3), 1), 1);
    let answer = |sql| plain.answer(sql).expect("an answer");
    let expected = bag([(Item::new(None, "é", 4), 1)]);
    assert_eq!(answer("SELECT a, b, c + 1 FROM t"), expected);
    assert_eq!(plain.change("t", &Item::new(Some(0), "é", 3), -1), 0);
    assert_eq!(plain.change("t", &Item::new(None, "é", 3), -1), 1);
    assert_eq!(answer("SELECT * FROM t"), Bag::new());
    assert!(plain.answer("SELECT a, b FROM t").is_err());
}
