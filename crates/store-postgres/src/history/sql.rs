//! The statements that write and sweep the history of one table, made once a table. Each is one statement over a set of
//! rows. It sends nothing.

use deltaview_graph::Retention;
use deltaview_schema::TableSchema;

use super::ddl::{HISTORY, INSTANTS, SINCE, log_name, rows_name, versions_name};
use crate::ddl::CLOCK;
use crate::names::{
    COUNT, DATA, IDENTITY, KeyPart, key_parts, literal, parts_of, plain_type, qualified,
    secondary_parts, table_name,
};
use crate::statements::{BySize, equal, unnested};

/// So many bytes has an identity that is a hash: the row is elsewhere.
const HASHED: usize = deltaview_schema::Identity::HASH_LEN;

/// The node at which a version is filed, as an expression of SQL's over `since` and `until`:
/// [`fork_node`](deltaview_store::history::fork_node).
///
/// Of the numbers from `since` on and below `until`, the one that is divisible by the highest power of two is the last
/// one without the bits below the highest one in which it differs from the one before the first.
pub(super) fn sql_fork_node(since: &str, until: &str) -> String {
    // `x`, and then all the bits below its highest one too.
    let differing = format!("SELECT ({until} - 1) # ({since} - 1) AS x");
    let smeared = [1, 2, 4, 8, 16, 32].iter().fold(differing, |from, by| {
        format!("SELECT x | (x >> {by}) AS x FROM ({from}) AS f OFFSET 0")
    });
    format!("(SELECT ({until} - 1) & ~(x >> 1) FROM ({smeared}) AS f)")
}

/// The statements of a table with history.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// Moves rows that are about to change to what was, and logs the changes.
    pub(super) capture: BySize,
    /// Forgets what retention does not keep; none where it keeps all.
    pub(crate) expire: Option<String>,
    /// The table, and those beside it.
    pub(super) table: String,
    pub(super) versions: String,
    pub(super) rows: String,
    pub(super) log: String,
    /// The horizon, as an expression.
    pub(super) horizon: String,
}

/// The time of the iteration that is being written, as an expression. Whoever writes a view completes its time.
fn sql_now(schema: &TableSchema, namespace: &str) -> String {
    format!(
        "(SELECT \"complete\" FROM {} WHERE \"graph\" = {})",
        qualified(namespace, CLOCK),
        literal(&schema.graph)
    )
}

/// What a table with history has besides, for the statements that put rows: the column behind all others, its value, what
/// becomes of it where a row that is inserted is there, and where rows are updated. All empty without history.
pub(crate) fn since_of(schema: &TableSchema, namespace: &str) -> [String; 4] {
    if !schema.history {
        return Default::default();
    }
    let now = sql_now(schema, namespace);
    [
        format!(", {SINCE}"),
        format!(", {now}"),
        format!(", {SINCE} = excluded.{SINCE}"),
        format!(", {SINCE} = {now}"),
    ]
}

impl History {
    pub(crate) fn of(schema: &TableSchema, namespace: &str, retention: Retention) -> Self {
        let place = |name: String| qualified(namespace, &name);
        let horizon = format!(
            "(SELECT \"horizon\" FROM {} WHERE \"graph\" = {} AND \"table_name\" = {})",
            qualified(namespace, HISTORY),
            literal(&schema.graph),
            literal(&table_name(schema))
        );
        let mut history = Self {
            capture: BySize {
                few: String::new(),
                many: String::new(),
            },
            expire: sql_expire(schema, namespace, retention),
            table: place(table_name(schema)),
            versions: place(versions_name(schema)),
            rows: place(rows_name(schema)),
            log: place(log_name(schema)),
            horizon,
        };
        history.capture = history.sql_capture(schema, namespace);
        history
    }

    /// Takes an array for each column of the primary index, the identities, what is added to the weights, and whether the
    /// row may be there. In a table with one row a key a row that goes has the identity that it would have.
    fn sql_capture(&self, schema: &TableSchema, namespace: &str) -> BySize {
        let primary = parts_of(&schema.primary);
        let secondary = secondary_parts(schema);
        let mut kinds: Vec<&str> = primary
            .iter()
            .map(|part| plain_type(part.column_type))
            .collect();
        kinds.extend(["bytea", "bigint", "boolean"]);
        let [identity, weight, is_there] = [0, 1, 2].map(|i| format!("k{}", primary.len() + i));
        let named = |prefix: &str, parts: &[KeyPart]| -> String {
            let names = parts.iter().map(|part| format!("{prefix}{}, ", part.name));
            names.collect()
        };
        let keys: String = (0..primary.len()).map(|i| format!("k.k{i}, ")).collect();
        let mut stored = format!("t.{SINCE}, t.{DATA}");
        let mut kept = String::new();
        if !schema.unique {
            kept.push_str(&format!(", {COUNT}"));
        }
        for part in &secondary {
            kept.push_str(&format!(", {}", part.name));
        }
        for column in kept.split(", ").skip(1) {
            stored.push_str(&format!(", t.{column}"));
        }
        let seen = kept.replace(", ", ", k.");
        let same = if schema.unique {
            equal(&primary)
        } else {
            equal(&key_parts(schema))
        };
        let is_stored = format!("k.{is_there} AND {same}");
        let node = sql_fork_node(&format!("k.{SINCE}"), "n.t");
        let now = sql_now(schema, namespace);
        let Self {
            table,
            versions,
            rows,
            log,
            ..
        } = self;
        let statement = |join: &str, offset: &str| {
            format!(
                "WITH k AS MATERIALIZED (SELECT k.*, v.* FROM {keys_of} {join} (SELECT {stored} FROM {table} AS t \
                 WHERE {is_stored}{offset}) AS v ON true), \
                 n AS MATERIALIZED (SELECT {now} AS t), \
                 ended AS (INSERT INTO {versions} (\"node\", {primary_names}\"until\", {IDENTITY}, {SINCE}{kept}) \
                 SELECT {node}, {keys}n.t, k.{identity}, k.{SINCE}{seen} FROM k, n WHERE k.{SINCE} IS NOT NULL), \
                 kept AS (INSERT INTO {rows} AS r ({IDENTITY}, {DATA}, \"n\") SELECT k.{identity}, k.{DATA}, 1 FROM k \
                 WHERE k.{SINCE} IS NOT NULL AND pg_catalog.octet_length(k.{identity}) = {HASHED} \
                 ON CONFLICT ({IDENTITY}) DO UPDATE SET \"n\" = r.\"n\" + 1) \
                 INSERT INTO {log} (\"t\", {primary_names}{IDENTITY}, \"w\") \
                 SELECT n.t, {keys}k.{identity}, k.{weight} FROM k, n",
                keys_of = unnested(&kinds, false),
                primary_names = named("", &primary),
            )
        };
        BySize {
            // As in other statements, so that the index is searched.
            few: statement("LEFT JOIN LATERAL", " OFFSET 0"),
            many: statement("LEFT JOIN LATERAL", ""),
        }
    }

    /// Deletes versions that were over at the horizon or before it, and what nobody refers to any more: as many of them
    /// as were logged in so many rows, which are deleted too. Says how many these were, and how many others.
    ///
    /// What a version's end has logged names it: so the work does not depend on what stays.
    pub(super) fn sql_sweep(&self, schema: &TableSchema, rows_of_log: usize) -> String {
        let Self {
            versions,
            rows,
            log,
            horizon,
            ..
        } = self;
        let same = same(&parts_of(&schema.primary), "t.", "g.");
        format!(
            "WITH g AS MATERIALIZED (SELECT l.ctid AS place, l.* FROM {log} AS l WHERE l.\"t\" <= {horizon} \
             ORDER BY l.\"t\" LIMIT {rows_of_log}), \
             ended AS (DELETE FROM {versions} WHERE ctid = ANY (ARRAY(SELECT r.ctid FROM g CROSS JOIN LATERAL \
             (SELECT t.ctid FROM {versions} AS t WHERE {same} AND t.\"until\" = g.\"t\" AND t.{IDENTITY} = g.{IDENTITY} \
             OFFSET 0) AS r)) RETURNING {IDENTITY}), \
             c AS MATERIALIZED (SELECT {IDENTITY}, pg_catalog.count(*) AS n FROM ended \
             WHERE pg_catalog.octet_length({IDENTITY}) = {HASHED} GROUP BY {IDENTITY}), \
             less AS (UPDATE {rows} AS r SET \"n\" = r.\"n\" - c.n FROM c WHERE r.{IDENTITY} = c.{IDENTITY} \
             AND r.\"n\" > c.n), \
             unused AS (DELETE FROM {rows} AS r USING c WHERE r.{IDENTITY} = c.{IDENTITY} AND r.\"n\" <= c.n RETURNING 1), \
             gone AS (DELETE FROM {log} WHERE ctid = ANY (ARRAY(SELECT place FROM g))) \
             SELECT (SELECT pg_catalog.count(*) FROM g), \
             (SELECT pg_catalog.count(*) FROM ended) + (SELECT pg_catalog.count(*) FROM unused)"
        )
    }

    /// The data of a row `t` that has an identity, and data only where it is stored with it, as an expression.
    pub(super) fn sql_data(&self) -> String {
        format!(
            "CASE WHEN t.{DATA} IS NULL AND pg_catalog.octet_length(t.{IDENTITY}) = {HASHED} THEN \
             (SELECT r.{DATA} FROM {} AS r WHERE r.{IDENTITY} = t.{IDENTITY}) ELSE t.{DATA} END",
            self.rows
        )
    }

    /// The data of a row `l` that was logged, as an expression: it is among those that have versions, or it is there now.
    pub(super) fn sql_logged_data(&self, schema: &TableSchema) -> String {
        // Where there is one row a key, its table does not say its identity.
        let parts = if schema.unique {
            parts_of(&schema.primary)
        } else {
            key_parts(schema)
        };
        let same = same(&parts, "t.", "l.");
        format!(
            "CASE WHEN pg_catalog.octet_length(l.{IDENTITY}) = {HASHED} THEN COALESCE(\
             (SELECT r.{DATA} FROM {} AS r WHERE r.{IDENTITY} = l.{IDENTITY}), \
             (SELECT t.{DATA} FROM {} AS t WHERE {same})) END",
            self.rows, self.table
        )
    }
}

/// That the columns of two are the same, as an index has them.
fn same(parts: &[KeyPart], one: &str, other: &str) -> String {
    let terms = parts.iter().flat_map(|part| {
        let terms = part.terms(&format!("{one}{}", part.name));
        let others = part.terms(&format!("{other}{}", part.name));
        terms.into_iter().zip(others)
    });
    let pairs = terms.map(|(term, other)| format!("{term} = {other}"));
    std::iter::once("true".to_string())
        .chain(pairs)
        .collect::<Vec<_>>()
        .join(" AND ")
}

/// Records when the iteration that is being written was committed. Takes the graph.
///
/// By the server's clock, which all who write share, and while the lock of the graph is held: so instants are in the
/// order of times, whatever the clocks of processes say. Should the server's clock be set back, the last instant stays.
pub(super) fn sql_instant(clock: &str, instants: &str) -> String {
    format!(
        "INSERT INTO {instants} (\"graph\", \"t\", \"at\", \"n\") SELECT $1, c.\"complete\", \
         GREATEST((EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint, l.\"at\"), \
         COALESCE(l.\"n\", 0) + 1 FROM {clock} AS c LEFT JOIN LATERAL (SELECT i.\"at\", i.\"n\" FROM {instants} AS i \
         WHERE i.\"graph\" = $1 ORDER BY i.\"t\" DESC LIMIT 1) AS l ON true WHERE c.\"graph\" = $1"
    )
}

/// Forgets some instants before the newest one that can still be asked for. Takes the graph.
pub(super) fn sql_sweep_instants(history: &str, instants: &str, rows: usize) -> String {
    format!(
        "DELETE FROM {instants} WHERE \"graph\" = $1 AND \"t\" IN (SELECT \"t\" FROM {instants} WHERE \"graph\" = $1 \
         AND \"t\" < (SELECT \"t\" FROM {instants} WHERE \"graph\" = $1 AND \"t\" <= \
         (SELECT pg_catalog.min(\"horizon\") FROM {history} WHERE \"graph\" = $1) ORDER BY \"t\" DESC LIMIT 1) \
         ORDER BY \"t\" LIMIT {rows})"
    )
}

/// Moves the horizon of a table to where retention has it. It follows [`sql_instant`] in the same transaction.
fn sql_expire(schema: &TableSchema, namespace: &str, retention: Retention) -> Option<String> {
    let (history, instants) = (
        qualified(namespace, HISTORY),
        qualified(namespace, INSTANTS),
    );
    let graph = literal(&schema.graph);
    let last = format!(
        "(SELECT \"t\", \"at\", \"n\" FROM {instants} WHERE \"graph\" = {graph} ORDER BY \"t\" DESC LIMIT 1)"
    );
    let first = match retention {
        Retention::Forever => return None,
        // From the horizon on, there are few that go.
        Retention::Times(times) => format!(
            "SELECT i.\"t\" FROM {instants} AS i WHERE i.\"graph\" = {graph} AND i.\"t\" >= h.\"horizon\" \
             AND last.\"n\" >= {times} AND i.\"n\" > last.\"n\" - {times} ORDER BY i.\"t\" LIMIT 1",
            times = i64::try_from(times.get()).unwrap_or(i64::MAX)
        ),
        Retention::Span(span) => format!(
            "SELECT i.\"t\" FROM {instants} AS i WHERE i.\"graph\" = {graph} AND i.\"at\" <= last.\"at\" - {span} \
             ORDER BY i.\"at\" DESC, i.\"t\" DESC LIMIT 1",
            span = i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
        ),
    };
    Some(format!(
        "UPDATE {history} AS h SET \"horizon\" = f.\"t\" FROM (SELECT h.\"table_name\", i.\"t\" FROM {last} AS last, \
         {history} AS h CROSS JOIN LATERAL ({first}) AS i WHERE h.\"graph\" = {graph} AND h.\"table_name\" = {table}) \
         AS f WHERE h.\"graph\" = {graph} AND h.\"table_name\" = f.\"table_name\" AND f.\"t\" > h.\"horizon\"",
        table = literal(&table_name(schema)),
    ))
}
