//! The statements that create a graph's tables.

use std::fmt::Write;

use deltaview_graph::Graph;
use deltaview_schema::{Column, ColumnType, IndexSchema, TableSchema};
use deltaview_store::catalog::{Dialect, Entry, FORMAT_VERSION, entries};

/// Postgres cuts longer names.
const NAME_LIMIT: usize = 63;

/// The schema that the tables are in.
const SCHEMA: &str = "deltaview";

const CATALOG: &str = r#"CREATE SCHEMA IF NOT EXISTS "deltaview";
CREATE TABLE IF NOT EXISTS "deltaview"."deltaview_catalog" (
  "graph" text NOT NULL,
  "vertex" text NOT NULL,
  "role" text NOT NULL,
  "table_name" text NOT NULL UNIQUE,
  "fingerprint" text NOT NULL,
  "description" text NOT NULL,
  "format_version" bigint NOT NULL,
  PRIMARY KEY ("graph", "vertex", "role")
);
CREATE TABLE IF NOT EXISTS "deltaview"."deltaview_last_update" (
  "graph" text NOT NULL,
  "table_name" text NOT NULL,
  "t" bigint NOT NULL,
  PRIMARY KEY ("graph", "table_name")
);
CREATE TABLE IF NOT EXISTS "deltaview"."deltaview_clock" (
  "graph" text NOT NULL PRIMARY KEY,
  "t" bigint NOT NULL,
  "format_version" bigint NOT NULL
);
"#;

/// The statements that create the tables of a new database: the catalog's, then the graph's, with their entries in the
/// catalog.
pub fn schema_sql(graph: &Graph) -> String {
    format!("{CATALOG}{}", graph_sql(graph))
}

/// Postgres, as the `schema` command knows it.
#[derive(Clone, Copy, Debug, Default)]
pub struct PostgresDialect;

impl Dialect for PostgresDialect {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn catalog_sql(&self) -> String {
        CATALOG.to_string()
    }

    fn graph_sql(&self, graph: &Graph) -> String {
        graph_sql(graph)
    }
}

fn graph_sql(graph: &Graph) -> String {
    let mut sql: String = graph
        .tables()
        .iter()
        .map(|table| table_sql(table.schema()))
        .collect();
    for entry in entries(graph, Some(NAME_LIMIT)) {
        sql.push_str(&entry_sql(&entry));
    }
    let (name, clock) = (literal(graph.name()), qualified("deltaview_clock"));
    writeln!(
        sql,
        "INSERT INTO {clock} (\"graph\", \"t\", \"format_version\") VALUES ({name}, 0, {FORMAT_VERSION});"
    )
    .expect("writing to a string succeeds");
    sql
}

/// What the catalog has of a table.
fn entry_sql(entry: &Entry) -> String {
    let texts = [
        &entry.graph,
        &entry.vertex,
        &entry.role,
        &entry.table,
        &entry.fingerprint,
        &entry.description,
    ];
    let values: Vec<String> = texts.iter().map(|text| literal(text)).collect();
    format!(
        "INSERT INTO {} (\"graph\", \"vertex\", \"role\", \"table_name\", \"fingerprint\", \"description\", \
         \"format_version\")\n  VALUES ({}, {});\nINSERT INTO {} (\"graph\", \"table_name\", \"t\") VALUES ({}, {}, 0);\n",
        qualified("deltaview_catalog"),
        values.join(", "),
        entry.format_version,
        qualified("deltaview_last_update"),
        values[0],
        values[3],
    )
}

fn table_sql(schema: &TableSchema) -> String {
    let table = schema.name(Some(NAME_LIMIT));
    let identity = schema.has_identity();
    let mut lines: Vec<String> = columns_of(&schema.primary).collect();
    if identity {
        lines.push("\"identity\" bytea NOT NULL".to_string());
    }
    lines.push(format!(
        "\"data\" bytea{}",
        if schema.unique { " NOT NULL" } else { "" }
    ));
    if !schema.unique {
        lines.push("\"c\" bigint NOT NULL".to_string());
    }
    lines.extend(schema.secondary.iter().flat_map(columns_of));

    let mut key = order_of(&schema.primary);
    if identity {
        key.push("\"identity\"".to_string());
    }
    let place = qualified(&table);
    let mut sql = format!("CREATE TABLE {place} (\n  {}\n);\n", lines.join(",\n  "));
    push_index(
        &mut sql,
        "UNIQUE INDEX",
        &format!("{table}__key"),
        &place,
        &key,
    );
    for index in &schema.secondary {
        let mut columns = order_of(index);
        columns.extend(if identity {
            vec!["\"identity\"".to_string()]
        } else {
            order_of(&schema.primary)
        });
        push_index(
            &mut sql,
            "INDEX",
            &format!("{table}__ix__{}", index.name),
            &place,
            &columns,
        );
    }
    sql
}

fn push_index(sql: &mut String, kind: &str, name: &str, table: &str, columns: &[String]) {
    let name = quote(&deltaview_schema::cut_name(name, Some(NAME_LIMIT)));
    writeln!(
        sql,
        "CREATE {kind} {name} ON {table} ({});",
        columns.join(", ")
    )
    .expect("writing to a string succeeds");
}

fn columns_of(index: &IndexSchema) -> impl Iterator<Item = String> + '_ {
    index.columns.iter().map(|column| {
        let null = if column.nullable { "" } else { " NOT NULL" };
        format!(
            "{} {}{null}",
            column_name(index, column),
            sql_type(column.column_type)
        )
    })
}

/// What an index has of each column: the column, or that it is there and what stands for it.
fn order_of(index: &IndexSchema) -> Vec<String> {
    let mut terms = Vec::new();
    for column in &index.columns {
        let name = column_name(index, column);
        let direction = if column.descending { " DESC" } else { "" };
        if column.nullable {
            let filler = filler(column.column_type);
            terms.push(format!("({name} IS NOT NULL){direction}"));
            terms.push(format!("(COALESCE({name}, {filler})){direction}"));
        } else {
            terms.push(format!("{name}{direction}"));
        }
    }
    terms
}

fn column_name(index: &IndexSchema, column: &Column) -> String {
    quote(&deltaview_schema::cut_name(
        &column.sql_name(&index.name),
        Some(NAME_LIMIT),
    ))
}

fn sql_type(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Bool => "boolean",
        ColumnType::Int => "bigint",
        ColumnType::Text => "text COLLATE \"C\"",
        ColumnType::Uuid => "uuid",
        // Byte strings, and whatever has an order-preserving encoding.
        _ => "bytea",
    }
}

/// A value of the type, to stand for NULL where NULL can't be.
fn filler(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Bool => "false",
        ColumnType::Int => "0::bigint",
        ColumnType::Text => "''",
        ColumnType::Uuid => "'00000000-0000-0000-0000-000000000000'::uuid",
        _ => "''::bytea",
    }
}

fn qualified(table: &str) -> String {
    format!("{}.{}", quote(SCHEMA), quote(table))
}

/// A name, quoted.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Text as a literal, whatever `standard_conforming_strings` says.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
