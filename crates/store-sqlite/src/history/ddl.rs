//! The tables of histories as SQLite writes them.

use deltaview_graph::Graph;
use deltaview_schema::{IndexSchema, TableSchema};
use deltaview_store::catalog::Object;

use super::{
    COUNT, DATA, IDENTITY, NODE, Ordered, SINCE, UNTIL, index_columns, log_of, primary_columns,
    quote, rows_of, versions_of,
};
use crate::ddl::{literal, push_column};
use crate::statements::Direction;

/// What graphs with history share.
const SHARED: [(&str, &str); 2] = [
    ("table", "deltaview_instants"),
    ("table", "deltaview_history"),
];

const SHARED_SQL: &str = "\
CREATE TABLE IF NOT EXISTS \"deltaview_instants\" (
  \"graph\" TEXT NOT NULL,
  \"t\" INTEGER NOT NULL,
  \"at\" INTEGER NOT NULL,
  \"n\" INTEGER NOT NULL,
  PRIMARY KEY (\"graph\", \"t\")
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS \"deltaview_history\" (
  \"graph\" TEXT NOT NULL,
  \"table_name\" TEXT NOT NULL,
  \"horizon\" INTEGER NOT NULL,
  \"filed\" INTEGER NOT NULL,
  PRIMARY KEY (\"graph\", \"table_name\")
) STRICT, WITHOUT ROWID;
";

/// What a graph with history shares with others, as it is known by the first of its tables.
pub(crate) fn shared(graph: &Graph) -> impl Iterator<Item = Object<'_>> {
    let mut tables = graph.tables().iter().map(|table| table.schema());
    let first = tables.find(|schema| schema.history);
    first.into_iter().flat_map(|schema| {
        SHARED.map(|(kind, name)| Object {
            kind,
            name: name.to_string(),
            vertex: &schema.vertex,
        })
    })
}

/// The statements that create what a graph with history needs besides its tables; none for another one.
pub(crate) fn graph_sql(graph: &Graph) -> String {
    let mut sql = String::new();
    for table in graph.tables() {
        let schema = table.schema();
        if !schema.history {
            continue;
        }
        if sql.is_empty() {
            sql.push_str(SHARED_SQL);
        }
        sql.push_str(&table_sql(schema));
    }
    sql
}

/// The tables and indexes beside a table with history, with what they are.
pub(crate) fn objects(schema: &TableSchema) -> Vec<(&'static str, String)> {
    if !schema.history {
        return Vec::new();
    }
    let indexes = schema
        .indexes()
        .map(|index| ("index", index_name(schema, index)));
    [versions_of(schema), rows_of(schema), log_of(schema)]
        .into_iter()
        .map(|name| ("table", name))
        .chain(indexes)
        .collect()
}

fn table_sql(schema: &TableSchema) -> String {
    let mut sql = versions_sql(schema);
    let primary = primary_columns(schema);
    let columns = |lines: &mut Vec<String>| {
        for column in &schema.primary.columns {
            push_column(&schema.primary, column, lines);
        }
        lines.push(format!("{} BLOB NOT NULL", quote(IDENTITY)));
    };

    let mut lines = Vec::new();
    columns(&mut lines);
    lines.push(format!("{} BLOB NOT NULL", quote(DATA)));
    lines.push("\"n\" INTEGER NOT NULL".to_string());
    sql += &create(&rows_of(schema), lines, &key(&primary, &[], &[IDENTITY]));

    let mut lines = vec!["\"t\" INTEGER NOT NULL".to_string()];
    columns(&mut lines);
    lines.push("\"w\" INTEGER NOT NULL".to_string());
    for name in [SINCE, COUNT] {
        lines.push(format!("{} INTEGER", quote(name)));
    }
    sql += &create(&log_of(schema), lines, &key(&primary, &["t"], &[IDENTITY]));

    let [graph, table] = [&schema.graph, &schema.name(None)].map(|text| literal(text));
    sql + &format!(
        "INSERT INTO \"deltaview_history\" (\"graph\", \"table_name\", \"horizon\", \"filed\") VALUES ({graph}, {table}, 0, 0);\n"
    )
}

fn versions_sql(schema: &TableSchema) -> String {
    let mut lines = Vec::new();
    for column in &schema.primary.columns {
        push_column(&schema.primary, column, &mut lines);
    }
    lines.push(format!("{} INTEGER NOT NULL", quote(UNTIL)));
    lines.push(format!("{} BLOB NOT NULL", quote(IDENTITY)));
    for name in [SINCE, COUNT, NODE] {
        lines.push(format!("{} INTEGER NOT NULL", quote(name)));
    }
    for index in &schema.secondary {
        for column in &index.columns {
            push_column(index, column, &mut lines);
        }
    }
    let table = versions_of(schema);
    let primary = primary_columns(schema);
    let mut sql = create(&table, lines, &key(&primary, &[], &[UNTIL, IDENTITY]));
    for (position, index) in schema.indexes().enumerate() {
        // With all that a look at a version needs, but for its data.
        let columns = Ordered(
            version_columns(schema, position)
                .0
                .into_iter()
                .chain([SINCE, COUNT].map(|name| (quote(name), Direction::Ascending)))
                .collect(),
        );
        sql += &format!(
            "CREATE INDEX {} ON {} ({});\n",
            quote(&index_name(schema, index)),
            quote(&table),
            columns.definition()
        );
    }
    sql
}

/// The order in which versions are found at the nodes, by an index of the view, down to the single one.
pub(super) fn version_columns(schema: &TableSchema, index: usize) -> Ordered {
    let ascending = |name: &str| (quote(name), Direction::Ascending);
    let mut columns = vec![ascending(NODE)];
    let own = schema.index_at(index).columns.len();
    columns.extend(index_columns(schema, index).0.into_iter().take(own));
    if index > 0 {
        columns.extend(primary_columns(schema).0);
    }
    columns.extend([ascending(UNTIL), ascending(IDENTITY)]);
    Ordered(columns)
}

pub(super) fn index_name(schema: &TableSchema, index: &IndexSchema) -> String {
    format!("{}__ix__{}", versions_of(schema), index.name)
}

/// The columns of a primary index, between others.
fn key(primary: &Ordered, before: &[&str], after: &[&str]) -> String {
    let names = |names: &[&str]| -> Vec<(String, Direction)> {
        names
            .iter()
            .map(|name| (quote(name), Direction::Ascending))
            .collect()
    };
    let columns = [names(before), primary.0.clone(), names(after)].concat();
    Ordered(columns).definition()
}

fn create(table: &str, mut lines: Vec<String>, key: &str) -> String {
    lines.push(format!("PRIMARY KEY ({key})"));
    format!(
        "CREATE TABLE {} (\n  {}\n) STRICT, WITHOUT ROWID;\n",
        quote(table),
        lines.join(",\n  ")
    )
}
