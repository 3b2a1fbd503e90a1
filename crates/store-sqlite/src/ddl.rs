//! The tables as SQLite writes them.

use std::fmt::Write;

use deltaview_graph::Graph;
use deltaview_schema::{Column, IndexSchema, TableSchema};
use deltaview_store::catalog::{Entry, FORMAT_VERSION, entries};

use crate::catalog::ENTRY_COLUMNS;
use crate::history;
use crate::statements::{COUNT, DATA, IDENTITY, STATE, key_columns, quote, stored_name};
use crate::values::storage;

/// The names of the tables that every store has.
pub(crate) const CATALOG_TABLES: [&str; 8] = [
    "deltaview_catalog",
    "deltaview_written",
    "deltaview_clock",
    "deltaview_cursors",
    "deltaview_feed",
    "deltaview_times",
    "deltaview_journal",
    "deltaview_changes",
];

/// The tables that every store has, whatever its graph.
const CATALOG: &str = "\
CREATE TABLE IF NOT EXISTS \"deltaview_catalog\" (
  \"graph\" TEXT NOT NULL,
  \"vertex\" TEXT NOT NULL,
  \"role\" TEXT NOT NULL,
  \"table_name\" TEXT NOT NULL UNIQUE,
  \"fingerprint\" TEXT NOT NULL,
  \"description\" TEXT NOT NULL,
  \"format_version\" INTEGER NOT NULL,
  PRIMARY KEY (\"graph\", \"vertex\", \"role\")
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS \"deltaview_written\" (
  \"graph\" TEXT NOT NULL,
  \"table_name\" TEXT NOT NULL,
  \"t\" INTEGER NOT NULL,
  PRIMARY KEY (\"graph\", \"table_name\")
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS \"deltaview_clock\" (
  \"graph\" TEXT NOT NULL PRIMARY KEY,
  \"t\" INTEGER NOT NULL,
  \"complete\" INTEGER NOT NULL,
  \"format_version\" INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS \"deltaview_cursors\" (
  \"graph\" TEXT NOT NULL,
  \"vertex\" TEXT NOT NULL,
  \"name\" TEXT NOT NULL,
  \"t\" INTEGER NOT NULL,
  \"until\" INTEGER,
  PRIMARY KEY (\"graph\", \"vertex\", \"name\")
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS \"deltaview_feed\" (
  \"graph\" TEXT NOT NULL,
  \"vertex\" TEXT NOT NULL,
  \"t\" INTEGER NOT NULL,
  \"part\" INTEGER NOT NULL,
  \"rows\" BLOB NOT NULL,
  PRIMARY KEY (\"graph\", \"vertex\", \"t\", \"part\")
) STRICT;
CREATE TABLE IF NOT EXISTS \"deltaview_times\" (
  \"graph\" TEXT NOT NULL,
  \"t\" INTEGER NOT NULL,
  \"flush\" TEXT NOT NULL,
  \"journaled\" INTEGER NOT NULL,
  \"passed\" INTEGER NOT NULL,
  \"holder\" TEXT NOT NULL,
  \"epoch\" INTEGER NOT NULL,
  \"rewound_from\" INTEGER,
  \"since\" INTEGER NOT NULL,
  \"lease_until\" INTEGER,
  \"change_id\" TEXT NOT NULL,
  \"state\" TEXT NOT NULL,
  \"vertex\" TEXT,
  \"message\" TEXT,
  PRIMARY KEY (\"graph\", \"t\")
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS \"deltaview_journal\" (
  \"graph\" TEXT NOT NULL,
  \"t\" INTEGER NOT NULL,
  \"stage\" INTEGER NOT NULL,
  \"n\" INTEGER NOT NULL,
  \"kind\" TEXT NOT NULL,
  \"name\" TEXT NOT NULL,
  \"rows\" BLOB NOT NULL,
  PRIMARY KEY (\"graph\", \"t\", \"stage\", \"n\")
) STRICT;
CREATE TABLE IF NOT EXISTS \"deltaview_changes\" (
  \"graph\" TEXT NOT NULL,
  \"change_id\" TEXT NOT NULL,
  \"t\" INTEGER NOT NULL,
  \"at\" INTEGER NOT NULL,
  PRIMARY KEY (\"graph\", \"change_id\")
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS \"deltaview_changes__t\" ON \"deltaview_changes\" (\"graph\", \"t\");
CREATE VIEW IF NOT EXISTS \"deltaview_last_update\" AS
  SELECT \"graph\", \"table_name\", max(\"deltaview_written\".\"t\", \"complete\") AS \"t\"
  FROM \"deltaview_written\" JOIN \"deltaview_clock\" USING (\"graph\");
";

/// The statements that create the tables of a new database: the catalog's, then the graph's, with their entries in the
/// catalog. A store opens what they make as if it had made it itself.
///
/// ```
/// use deltaview_graph::Graph;
///
/// let (graph, _) = Graph::build("words", |g| g.input::<String>("words").view("words_seen"))?;
/// let sql = deltaview_store_sqlite::schema_sql(&graph);
/// assert!(sql.contains("CREATE TABLE \"words__words_seen__view\""));
/// # Ok::<(), deltaview_graph::BuildError>(())
/// ```
pub fn schema_sql(graph: &Graph) -> String {
    format!("{CATALOG}{}", graph_sql(graph))
}

/// The statements that create a graph's tables and enter them in the catalog.
fn graph_sql(graph: &Graph) -> String {
    let mut sql = String::new();
    for table in graph.tables() {
        if graph.view_of_groups(table.id()).is_none() {
            let mut others = graph.tables().iter();
            let is_shared =
                others.any(|other| graph.view_of_groups(other.id()) == Some(table.id()));
            sql.push_str(&table_sql(table.schema(), is_shared));
        }
    }
    sql.push_str(&history::ddl::graph_sql(graph));
    for entry in entries(graph, None) {
        sql.push_str(&entry_sql(&entry));
    }
    let columns = "\"graph\", \"t\", \"complete\", \"format_version\"";
    let values = format!("{}, 0, 0, {FORMAT_VERSION}", literal(graph.name()));
    sql + &format!("INSERT INTO \"deltaview_clock\" ({columns}) VALUES ({values});\n")
}

/// The statements that enter one table in the catalog.
fn entry_sql(entry: &Entry) -> String {
    let [graph, vertex, role] =
        [&entry.graph, &entry.vertex, &entry.role].map(|text| literal(text));
    let [table, fingerprint, description] =
        [&entry.table, &entry.fingerprint, &entry.description].map(|text| literal(text));
    let format_version = entry.format_version;
    format!(
        "INSERT INTO \"deltaview_catalog\" ({ENTRY_COLUMNS}) VALUES (\n  \
         {graph},\n  {vertex},\n  {role},\n  {table},\n  {fingerprint},\n  {description},\n  {format_version}\n);\n\
         INSERT INTO \"deltaview_written\" (\"graph\", \"table_name\", \"t\") VALUES ({graph}, {table}, 0);\n"
    )
}

/// A text, quoted.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The statements that create one table and its indexes.
fn table_sql(schema: &TableSchema, is_shared: bool) -> String {
    let table = schema.name(None);
    let mut lines: Vec<String> = Vec::new();
    let primary = schema
        .primary
        .columns
        .iter()
        .map(|column| (&schema.primary, column));
    let secondary = schema
        .secondary
        .iter()
        .flat_map(|index| index.columns.iter().map(move |column| (index, column)));
    for (index, column) in primary {
        push_column(index, column, &mut lines);
    }
    if schema.has_identity() {
        lines.push(format!("{} BLOB NOT NULL", quote(IDENTITY)));
    }
    lines.push(format!(
        "{} BLOB{}",
        quote(DATA),
        if schema.unique && !is_shared {
            " NOT NULL"
        } else {
            ""
        }
    ));
    if is_shared {
        lines.push(format!("{} BLOB", quote(STATE)));
    }
    if !schema.unique {
        lines.push(format!("{} INTEGER NOT NULL", quote(COUNT)));
    }
    if schema.history {
        lines.push(format!("{} INTEGER NOT NULL", quote(history::SINCE)));
    }
    for (index, column) in secondary {
        push_column(index, column, &mut lines);
    }
    lines.push(format!(
        "PRIMARY KEY ({})",
        key_columns(schema).definition()
    ));
    let mut sql = format!(
        "CREATE TABLE {} (\n  {}\n) STRICT, WITHOUT ROWID;\n",
        quote(&table),
        lines.join(",\n  ")
    );
    for (position, index) in schema.secondary.iter().enumerate() {
        let name = index_name(schema, index);
        let columns = crate::statements::index_columns(schema, position + 1).definition();
        writeln!(
            sql,
            "CREATE INDEX {} ON {} ({columns});",
            quote(&name),
            quote(&table)
        )
        .expect("writing to a string succeeds");
    }
    sql
}

/// The name of a secondary index. SQLite has the names of tables and indexes in one space.
pub(crate) fn index_name(schema: &TableSchema, index: &IndexSchema) -> String {
    format!("{}__ix__{}", schema.name(None), index.name)
}

pub(crate) fn push_column(index: &IndexSchema, column: &Column, lines: &mut Vec<String>) {
    let storage = storage(column.column_type);
    let stored = quote(&stored_name(index, column));
    if column.nullable {
        let cases: Vec<String> = storage
            .types()
            .iter()
            .map(|name| format!("WHEN '{name}' THEN {stored}"))
            .collect();
        lines.push(format!("{stored} ANY NOT NULL"));
        lines.push(format!(
            "{} {} GENERATED ALWAYS AS (CASE typeof({stored}) {} END) VIRTUAL",
            quote(&column.sql_name(&index.name)),
            storage.sql(),
            cases.join(" "),
        ));
    } else {
        lines.push(format!("{stored} {} NOT NULL", storage.sql()));
    }
}

/// SQLite, as the `schema` command knows it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SqliteDialect;

impl deltaview_store::catalog::Dialect for SqliteDialect {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn catalog_sql(&self) -> String {
        CATALOG.to_string()
    }

    fn graph_sql(&self, graph: &Graph) -> String {
        graph_sql(graph)
    }
}
