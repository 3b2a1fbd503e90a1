//! The tables of a map as Postgres writes them, and the statements over them. Each statement is one state by itself: where
//! rows are read, the last time and the horizon come with them, as the first two columns of each row.

use deltaview_schema::cut_name;
use deltaview_store::versions::{Order, table_name};

use crate::names::{NAME_LIMIT, qualified, quote};

/// The table that has a row for each map.
pub(super) const MAPS: &str = "deltaview_maps";

/// The name of the table of a map's versions.
pub(super) fn versions_table(map: &str) -> String {
    table_name(map, Some(NAME_LIMIT))
}

/// The name of the index by key and time.
pub(super) fn key_index(map: &str) -> String {
    cut_name(&format!("{}__key", versions_table(map)), Some(NAME_LIMIT))
}

/// The name of the index by time and key.
pub(super) fn times_index(map: &str) -> String {
    cut_name(
        &format!("{}__by_time", versions_table(map)),
        Some(NAME_LIMIT),
    )
}

/// The statement that creates the table of maps.
pub(super) fn maps_sql(namespace: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {} (\n  \
         \"map\" text COLLATE \"C\" NOT NULL PRIMARY KEY,\n  \
         \"table_name\" text COLLATE \"C\" NOT NULL UNIQUE,\n  \
         \"format_version\" bigint NOT NULL,\n  \
         \"key\" text COLLATE \"C\",\n  \
         \"value\" text COLLATE \"C\",\n  \
         \"last\" bigint NOT NULL,\n  \
         \"horizon\" bigint NOT NULL\n\
         ) WITH (fillfactor = 50);\n",
        qualified(namespace, MAPS)
    )
}

/// The statements that create the table of a map's versions.
pub(super) fn table_sql(namespace: &str, map: &str) -> String {
    let table = qualified(namespace, &versions_table(map));
    format!(
        "CREATE TABLE {table} (\n  \
         \"key\" bytea NOT NULL,\n  \
         \"t\" bigint NOT NULL,\n  \
         \"data\" bytea,\n  \
         CONSTRAINT {} PRIMARY KEY (\"key\", \"t\")\n\
         );\n\
         CREATE INDEX {} ON {table} (\"t\", \"key\");\n",
        quote(&key_index(map)),
        quote(&times_index(map)),
    )
}

/// The statements over the tables of one map. The first parameter of each is the map.
#[derive(Debug)]
pub(super) struct Statements {
    /// The entry in the catalog.
    pub(super) entry: String,
    /// → last, horizon.
    pub(super) state: String,
    /// now, keys, data → the time: all in one.
    pub(super) put: String,
    /// key, t, transaction → whether t is forgotten, whether that transaction has put the key then.
    pub(super) put_by: String,
    /// Waits for all who write.
    pub(super) lock: String,
    /// now → the time, the backend, the transaction.
    pub(super) draw: String,
    /// keys, data: at the last time.
    pub(super) insert: String,
    /// time.
    pub(super) settle: String,
    /// keys, t → n, t, data of each.
    pub(super) newest: String,
    /// from, to, limit, t → key, t, data of each key.
    range: [String; 4],
    /// key, t, limit → t, data: up to t.
    pub(super) versions: String,
    /// t, limit → t: up to t.
    pub(super) times: String,
    /// t, key, upto, limit → key, t, data: from (t, key) on.
    pub(super) changes: String,
    /// time → last, horizon, if it could be moved.
    pub(super) forget: String,
    /// t, key, limit → how many were looked at, how many deleted, the last one's t and key: from (t, key) on.
    pub(super) sweep: String,
}

impl Statements {
    pub(super) fn of(namespace: &str, map: &str) -> Self {
        let maps = qualified(namespace, MAPS);
        let table = qualified(namespace, &versions_table(map));
        let draw = format!(
            "UPDATE {maps} SET \"last\" = GREATEST($2, \"last\" + 1) WHERE \"map\" = $1 RETURNING \"last\""
        );
        // Whose it is: a write whose `COMMIT` is lost is found by it.
        let signed = ", pg_catalog.pg_backend_pid(), pg_catalog.pg_current_xact_id()::xid::text";
        let insert = |time: &str, from: &str, keys: &str| {
            format!(
                "INSERT INTO {table} (\"key\", \"t\", \"data\") SELECT r.k, {time}, r.d FROM {from}unnest({keys}) AS r (k, d)"
            )
        };
        let horizon = format!("(SELECT \"horizon\" FROM {maps} WHERE \"map\" = $1)");
        Self {
            entry: format!(
                "SELECT \"table_name\", \"format_version\", \"key\", \"value\" FROM {maps} WHERE \"map\" = $1"
            ),
            state: format!("SELECT \"last\", \"horizon\" FROM {maps} WHERE \"map\" = $1"),
            put: format!(
                "WITH clock AS ({draw}), put AS ({}) SELECT \"last\" FROM clock",
                insert("clock.\"last\"", "clock, ", "$3::bytea[], $4::bytea[]")
            ),
            put_by: format!(
                "SELECT \"horizon\" > $3, EXISTS (SELECT 1 FROM {table} AS v WHERE v.\"key\" = $2 AND v.\"t\" = $3 \
                 AND v.xmin::text = $4) FROM {maps} WHERE \"map\" = $1"
            ),
            lock: format!("SELECT 1 FROM {maps} WHERE \"map\" = $1 FOR UPDATE"),
            draw: draw + signed,
            insert: insert(
                &format!("(SELECT \"last\" FROM {maps} WHERE \"map\" = $1)"),
                "",
                "$2::bytea[], $3::bytea[]",
            ),
            settle: format!("UPDATE {maps} SET \"last\" = $2 WHERE \"map\" = $1 AND \"last\" < $2"),
            newest: format!(
                "SELECT m.\"last\", m.\"horizon\", r.\"t\", r.\"data\" FROM {maps} AS m \
                 CROSS JOIN unnest($2::bytea[]) WITH ORDINALITY AS k (\"key\", n) \
                 LEFT JOIN LATERAL ({}) AS r ON true WHERE m.\"map\" = $1 ORDER BY k.n",
                newest(&table, "k.\"key\"", "$3")
            ),
            range: [
                range(&maps, &table, Order::Forward, true),
                range(&maps, &table, Order::Forward, false),
                range(&maps, &table, Order::Backward, true),
                range(&maps, &table, Order::Backward, false),
            ],
            versions: format!(
                "SELECT m.\"last\", m.\"horizon\", r.\"t\", r.\"data\" FROM {maps} AS m LEFT JOIN LATERAL (\
                 SELECT v.\"t\", v.\"data\" FROM {table} AS v WHERE v.\"key\" = $2 AND v.\"t\" <= $3 \
                 ORDER BY v.\"t\" DESC LIMIT $4) AS r ON true WHERE m.\"map\" = $1 ORDER BY r.\"t\" DESC"
            ),
            times: format!(
                "WITH RECURSIVE times (\"t\", n) AS (\
                 (SELECT v.\"t\", 1::bigint FROM {table} AS v WHERE v.\"t\" <= $2 ORDER BY v.\"t\" DESC LIMIT 1) UNION ALL \
                 SELECT x.\"t\", times.n + 1 FROM times CROSS JOIN LATERAL (\
                 SELECT v.\"t\" FROM {table} AS v WHERE v.\"t\" < times.\"t\" ORDER BY v.\"t\" DESC LIMIT 1) AS x \
                 WHERE times.n < $3) \
                 SELECT m.\"last\", m.\"horizon\", times.\"t\" FROM {maps} AS m LEFT JOIN times ON true \
                 WHERE m.\"map\" = $1 ORDER BY times.n"
            ),
            changes: format!(
                "SELECT m.\"last\", m.\"horizon\", r.\"key\", r.\"t\", r.\"data\" FROM {maps} AS m LEFT JOIN LATERAL (\
                 SELECT v.\"key\", v.\"t\", v.\"data\" FROM {table} AS v \
                 WHERE (v.\"t\", v.\"key\") >= ($2, $3) AND v.\"t\" <= $4 ORDER BY v.\"t\", v.\"key\" LIMIT $5) AS r ON true \
                 WHERE m.\"map\" = $1 ORDER BY r.\"t\", r.\"key\""
            ),
            forget: format!(
                "UPDATE {maps} SET \"horizon\" = GREATEST(\"horizon\", $2) \
                 WHERE \"map\" = $1 AND (\"last\" >= $2 OR \"horizon\" >= $2) RETURNING \"last\", \"horizon\""
            ),
            sweep: format!(
                "WITH old AS MATERIALIZED (SELECT v.\"key\", v.\"t\", v.\"data\" IS NULL AS gone FROM {table} AS v \
                 WHERE (v.\"t\", v.\"key\") >= ($2, $3) AND v.\"t\" < {horizon} ORDER BY v.\"t\", v.\"key\" LIMIT $4), \
                 dead AS (DELETE FROM {table} AS v USING old WHERE v.\"key\" = old.\"key\" AND v.\"t\" = old.\"t\" \
                 AND (old.gone OR EXISTS (SELECT 1 FROM {table} AS l WHERE l.\"key\" = old.\"key\" AND l.\"t\" > old.\"t\" \
                 AND l.\"t\" <= {horizon})) RETURNING 1) \
                 SELECT (SELECT count(*) FROM old), (SELECT count(*) FROM dead), z.\"t\", z.\"key\" FROM (SELECT) AS one \
                 LEFT JOIN (SELECT \"t\", \"key\" FROM old ORDER BY \"t\" DESC, \"key\" DESC LIMIT 1) AS z ON true"
            ),
        }
    }

    pub(super) fn range(&self, order: Order, has_end: bool) -> &str {
        let [forward, forward_to_all, backward, backward_from_all] = &self.range;
        match (order, has_end) {
            (Order::Forward, true) => forward,
            (Order::Forward, false) => forward_to_all,
            (Order::Backward, true) => backward,
            (Order::Backward, false) => backward_from_all,
        }
    }
}

/// The newest version of a key up to a time.
fn newest(table: &str, key: &str, upto: &str) -> String {
    format!(
        "SELECT v.\"t\", v.\"data\" FROM {table} AS v WHERE v.\"key\" = {key} AND v.\"t\" <= {upto} \
         ORDER BY v.\"t\" DESC LIMIT 1"
    )
}

/// From key to key, each by one search of the index, however many versions it has.
fn range(maps: &str, table: &str, order: Order, has_end: bool) -> String {
    // Where there is no end its parameter is there all the same, so that all have the same ones.
    let end = if has_end {
        "v.\"key\" < $3"
    } else {
        "$3::bytea IS NULL"
    };
    let (next, direction) = match order {
        Order::Forward => (format!("v.\"key\" > keys.\"key\" AND {end}"), ""),
        Order::Backward => (
            "v.\"key\" < keys.\"key\" AND v.\"key\" >= $2".to_string(),
            " DESC",
        ),
    };
    format!(
        "WITH RECURSIVE keys (\"key\", n) AS (\
         (SELECT v.\"key\", 1::bigint FROM {table} AS v WHERE v.\"key\" >= $2 AND {end} \
         ORDER BY v.\"key\"{direction} LIMIT 1) UNION ALL \
         SELECT x.\"key\", keys.n + 1 FROM keys CROSS JOIN LATERAL (\
         SELECT v.\"key\" FROM {table} AS v WHERE {next} ORDER BY v.\"key\"{direction} LIMIT 1) AS x WHERE keys.n < $4) \
         SELECT m.\"last\", m.\"horizon\", k.\"key\", r.\"t\", r.\"data\" FROM {maps} AS m LEFT JOIN keys AS k ON true \
         LEFT JOIN LATERAL ({}) AS r ON true WHERE m.\"map\" = $1 ORDER BY k.n",
        newest(table, "k.\"key\"", "$5")
    )
}
