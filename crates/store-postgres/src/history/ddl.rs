//! The tables of a history: their names, and the statements that create them. It reads and writes none.
//!
//! Beside a view's table, whose rows have the time `since` which they are as they are:
//!
//! | table | what it has |
//! | --- | --- |
//! | `<view>__versions` | rows as they were, for `since <= t < until`, filed by `node` |
//! | `<view>__rows` | the data of rows that have versions, where the identity is not the row: once, with their number `n` |
//! | `<view>__log` | what each time `t` has added (`w`) to the weight of each row |
//!
//! All graphs of a schema share `deltaview_instants`, when each time was committed, `deltaview_history`, how far each
//! table can be read back, and `deltaview_past_cursors`: of named cursors that were made at a past time, up to which time
//! they read the history, and not the log of who is followed.

use std::fmt::Write;

use deltaview_graph::Graph;
use deltaview_schema::{IndexSchema, TableSchema};
use deltaview_store::catalog::Object;

use crate::names::{
    COUNT, DATA, IDENTITY, NAME_LIMIT, literal, order_by, parts_of, qualified, quote,
    secondary_parts, table_name, terms_of,
};

pub(crate) const INSTANTS: &str = "deltaview_instants";
pub(crate) const HISTORY: &str = "deltaview_history";
pub(super) const PAST_CURSORS: &str = "deltaview_past_cursors";

/// Where the time of an instant is looked for.
const INSTANTS_BY_INSTANT: &str = "deltaview_instants__at";

/// Of a row in a view's table: the time from which it has its weight.
pub(crate) const SINCE: &str = "\"since\"";

/// The names of a view's tables.
pub(super) fn versions_name(schema: &TableSchema) -> String {
    beside(schema, "versions")
}

pub(super) fn rows_name(schema: &TableSchema) -> String {
    beside(schema, "rows")
}

pub(super) fn log_name(schema: &TableSchema) -> String {
    beside(schema, "log")
}

/// The names of the indexes of versions by a further index: of a key, and at a node.
fn versions_indexes(schema: &TableSchema, index: &IndexSchema) -> [String; 2] {
    ["key", "node"].map(|what| beside(schema, &format!("versions__{what}__{}", index.name)))
}

fn beside(schema: &TableSchema, what: &str) -> String {
    let name = format!("{}__{what}", table_name(schema));
    deltaview_schema::cut_name(&name, Some(NAME_LIMIT))
}

/// The tables and indexes beside a table; none, if it has no history.
pub(crate) fn objects(schema: &TableSchema) -> impl Iterator<Item = Object<'_>> {
    let mut objects = Vec::new();
    if schema.history {
        let tables = [versions_name(schema), rows_name(schema), log_name(schema)];
        objects.extend(tables.map(|name| ("table", name)));
        let indexes = ["versions__key", "versions__node", "rows__key", "log__t"];
        objects.extend(indexes.map(|what| ("index", beside(schema, what))));
        let secondary = schema.secondary.iter();
        let names = secondary.flat_map(|index| versions_indexes(schema, index));
        objects.extend(names.map(|name| ("index", name)));
    }
    objects.into_iter().map(|(kind, name)| Object {
        kind,
        name,
        vertex: &schema.vertex,
    })
}

/// What a schema has once, for all its graphs with history; nothing, if the graph is none.
pub(crate) fn shared_objects(graph: &Graph) -> impl Iterator<Item = Object<'_>> {
    let first = graph.tables().iter().find(|table| table.schema().history);
    first.into_iter().flat_map(|table| {
        [
            ("table", INSTANTS),
            ("table", HISTORY),
            ("table", PAST_CURSORS),
            ("index", INSTANTS_BY_INSTANT),
        ]
        .map(|(kind, name)| Object {
            kind,
            name: name.to_string(),
            vertex: &table.schema().vertex,
        })
    })
}

/// The statements that create what a schema has once, where it is not there.
pub(crate) fn shared_sql(graph: &Graph, namespace: &str) -> String {
    if !graph.has_history() {
        return String::new();
    }
    let [instants, history, cursors] =
        [INSTANTS, HISTORY, PAST_CURSORS].map(|name| qualified(namespace, name));
    format!(
        r#"CREATE TABLE IF NOT EXISTS {instants} (
  "graph" text NOT NULL,
  "t" bigint NOT NULL,
  "at" bigint NOT NULL,
  "n" bigint NOT NULL,
  PRIMARY KEY ("graph", "t")
);
CREATE INDEX IF NOT EXISTS {by_instant} ON {instants} ("graph", "at", "t");
CREATE TABLE IF NOT EXISTS {history} (
  "graph" text NOT NULL,
  "table_name" text NOT NULL,
  "horizon" bigint NOT NULL,
  PRIMARY KEY ("graph", "table_name")
);
CREATE TABLE IF NOT EXISTS {cursors} (
  "graph" text NOT NULL,
  "vertex" text NOT NULL,
  "name" text NOT NULL,
  "up_to" bigint NOT NULL,
  PRIMARY KEY ("graph", "vertex", "name")
);
"#,
        by_instant = quote(INSTANTS_BY_INSTANT),
    )
}

/// The statements that create the tables beside a table, and say that nothing is forgotten of it. They follow those of
/// [`shared_sql`].
pub(crate) fn tables_sql(schema: &TableSchema, namespace: &str) -> String {
    let mut sql = String::new();
    if !schema.history {
        return sql;
    }
    let [versions, rows, log] = [versions_name(schema), rows_name(schema), log_name(schema)]
        .map(|name| qualified(namespace, &name));
    let primary: Vec<String> = parts_of(&schema.primary)
        .iter()
        .map(|part| format!("{},\n  ", part.definition()))
        .collect();
    let primary = primary.concat();
    let weight = if schema.unique {
        String::new()
    } else {
        format!("{COUNT} bigint NOT NULL,\n  ")
    };
    let mut more = String::new();
    for part in secondary_parts(schema) {
        more.push_str(&format!(",\n  {}", part.definition()));
    }
    let mut push = |line: String| writeln!(sql, "{line}").expect("writing to a string succeeds");
    push(format!(
        "CREATE TABLE {versions} (\n  {primary}\"until\" bigint NOT NULL,\n  {IDENTITY} bytea NOT NULL,\n  \
         {SINCE} bigint NOT NULL,\n  {weight}\"node\" bigint NOT NULL{more}\n);"
    ));
    let index = |kind: &str, name: &str, place: &str, columns: &str| {
        format!("CREATE {kind} {} ON {place} ({columns});", quote(name))
    };
    let order = |index: &IndexSchema| {
        let order = order_by(&terms_of(&parts_of(index), ""), false);
        if order.is_empty() {
            order
        } else {
            format!("{order}, ")
        }
    };
    push(index(
        "UNIQUE INDEX",
        &beside(schema, "versions__key"),
        &versions,
        &format!("{}\"until\", {IDENTITY}", order(&schema.primary)),
    ));
    push(index(
        "INDEX",
        &beside(schema, "versions__node"),
        &versions,
        &format!("\"node\", {}\"until\"", order(&schema.primary)),
    ));
    for secondary in &schema.secondary {
        let [by_key, at_node] = versions_indexes(schema, secondary);
        let order = order(secondary);
        push(index(
            "INDEX",
            &by_key,
            &versions,
            &format!("{order}\"until\""),
        ));
        push(index(
            "INDEX",
            &at_node,
            &versions,
            &format!("\"node\", {order}\"until\""),
        ));
    }
    push(format!(
        "CREATE TABLE {rows} (\n  {IDENTITY} bytea NOT NULL,\n  {DATA} bytea NOT NULL,\n  \"n\" bigint NOT NULL\n);"
    ));
    push(index(
        "UNIQUE INDEX",
        &beside(schema, "rows__key"),
        &rows,
        IDENTITY,
    ));
    push(format!(
        "CREATE TABLE {log} (\n  \"t\" bigint NOT NULL,\n  {primary}{IDENTITY} bytea NOT NULL,\n  \"w\" bigint NOT NULL\n);"
    ));
    push(index("INDEX", &beside(schema, "log__t"), &log, "\"t\""));
    push(format!(
        "INSERT INTO {} (\"graph\", \"table_name\", \"horizon\") VALUES ({}, {}, 0);",
        qualified(namespace, HISTORY),
        literal(&schema.graph),
        literal(&table_name(schema)),
    ));
    sql
}
