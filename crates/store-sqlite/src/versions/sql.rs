//! The tables of a map as SQLite writes them, and the statements over them.

use deltaview_store::versions::{Order, table_name};

use crate::statements::quote;

/// The table that has a row for each map.
pub(super) const MAPS: &str = "deltaview_maps";

/// The statement that creates the table of maps.
pub(super) fn maps_sql() -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS \"{MAPS}\" (\n  \
         \"map\" TEXT NOT NULL PRIMARY KEY,\n  \
         \"table_name\" TEXT NOT NULL UNIQUE,\n  \
         \"format_version\" INTEGER NOT NULL,\n  \
         \"key\" TEXT,\n  \
         \"value\" TEXT,\n  \
         \"last\" INTEGER NOT NULL,\n  \
         \"horizon\" INTEGER NOT NULL\n\
         ) STRICT, WITHOUT ROWID;\n"
    )
}

/// The statements that create the table of a map's versions.
pub(super) fn table_sql(map: &str) -> String {
    let table = quote(&table_name(map, None));
    let index = quote(&times_index(map));
    format!(
        "CREATE TABLE {table} (\n  \
         \"key\" BLOB NOT NULL,\n  \
         \"t\" INTEGER NOT NULL,\n  \
         \"data\" BLOB,\n  \
         PRIMARY KEY (\"key\", \"t\" DESC)\n\
         ) STRICT, WITHOUT ROWID;\n\
         CREATE INDEX {index} ON {table} (\"t\", \"key\");\n"
    )
}

/// The name of the index by time.
pub(super) fn times_index(map: &str) -> String {
    format!("{}__by_time", table_name(map, None))
}

/// The statements over the tables of one map.
#[derive(Debug)]
pub(super) struct Statements {
    /// `map` → last, horizon.
    pub(super) state: String,
    /// `map`, last, horizon.
    pub(super) set_state: String,
    /// key, t, data.
    pub(super) put: String,
    /// key, t → t, data.
    pub(super) newest: String,
    /// from, to → key, t, data: the first key, with its newest version.
    pub(super) first: String,
    /// from → the same, without an end.
    pub(super) first_of_all: String,
    /// from, to → key, t, data: the last key, with its oldest version.
    pub(super) last: String,
    /// from → the same, without an end.
    pub(super) last_of_all: String,
    /// key, t, limit → t, data: up to t.
    pub(super) versions: String,
    /// t → the greatest time up to t.
    pub(super) time: String,
    /// t, key, upto, limit → key, t, data: from (t, key) on.
    pub(super) changes: String,
    /// t, key, before, limit → t, key, whether it is a tombstone: from (t, key) on.
    pub(super) old: String,
    /// key, t, horizon → a row if there is a later version up to the horizon.
    pub(super) later: String,
    /// key, t.
    pub(super) delete: String,
}

impl Statements {
    pub(super) fn of(map: &str) -> Self {
        let table = quote(&table_name(map, None));
        let index = quote(&times_index(map));
        let end = |order: Order, end: &str| {
            let order = match order {
                Order::Forward => "\"key\", \"t\" DESC",
                Order::Backward => "\"key\" DESC, \"t\"",
            };
            format!(
                "SELECT \"key\", \"t\", \"data\" FROM {table} WHERE \"key\" >= ?1{end} ORDER BY {order} LIMIT 1"
            )
        };
        let before_to = " AND \"key\" < ?2";
        Self {
            state: format!("SELECT \"last\", \"horizon\" FROM \"{MAPS}\" WHERE \"map\" = ?1"),
            set_state: format!(
                "UPDATE \"{MAPS}\" SET \"last\" = ?2, \"horizon\" = ?3 WHERE \"map\" = ?1"
            ),
            put: format!("INSERT INTO {table} (\"key\", \"t\", \"data\") VALUES (?1, ?2, ?3)"),
            newest: format!(
                "SELECT \"t\", \"data\" FROM {table} WHERE \"key\" = ?1 AND \"t\" <= ?2 ORDER BY \"t\" DESC LIMIT 1"
            ),
            first: end(Order::Forward, before_to),
            first_of_all: end(Order::Forward, ""),
            last: end(Order::Backward, before_to),
            last_of_all: end(Order::Backward, ""),
            versions: format!(
                "SELECT \"t\", \"data\" FROM {table} WHERE \"key\" = ?1 AND \"t\" <= ?2 ORDER BY \"t\" DESC LIMIT ?3"
            ),
            time: format!(
                "SELECT \"t\" FROM {table} INDEXED BY {index} WHERE \"t\" <= ?1 ORDER BY \"t\" DESC LIMIT 1"
            ),
            changes: format!(
                "SELECT \"key\", \"t\", \"data\" FROM {table} INDEXED BY {index} \
                 WHERE (\"t\", \"key\") >= (?1, ?2) AND \"t\" <= ?3 ORDER BY \"t\", \"key\" LIMIT ?4"
            ),
            old: format!(
                "SELECT \"t\", \"key\", \"data\" IS NULL FROM {table} INDEXED BY {index} \
                 WHERE (\"t\", \"key\") >= (?1, ?2) AND \"t\" < ?3 ORDER BY \"t\", \"key\" LIMIT ?4"
            ),
            later: format!(
                "SELECT 1 FROM {table} WHERE \"key\" = ?1 AND \"t\" > ?2 AND \"t\" <= ?3 LIMIT 1"
            ),
            delete: format!("DELETE FROM {table} WHERE \"key\" = ?1 AND \"t\" = ?2"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, params_from_iter, types::Value};

    use super::*;

    /// How SQLite answers a statement.
    fn plan(conn: &Connection, sql: &str) -> String {
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let values = vec![Value::Integer(1); statement.parameter_count()];
        let lines = statement
            .query_map(params_from_iter(values), |row| row.get::<_, String>(3))
            .unwrap();
        lines.collect::<Result<Vec<_>, _>>().unwrap().join("\n")
    }

    #[test]
    fn every_statement_searches_and_none_sorts() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(&format!("{}{}", maps_sql(), table_sql("prices")))
            .unwrap();
        let sql = Statements::of("prices");
        for sql in [
            &sql.state,
            &sql.set_state,
            &sql.newest,
            &sql.first,
            &sql.first_of_all,
            &sql.last,
            &sql.last_of_all,
            &sql.versions,
            &sql.time,
            &sql.changes,
            &sql.old,
            &sql.later,
            &sql.delete,
        ] {
            let plan = plan(&conn, sql);
            assert!(plan.starts_with("SEARCH"), "{sql}: {plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{sql}: {plan}");
        }
    }
}
