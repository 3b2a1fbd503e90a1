//! The catalog in SQLite: reads what the file has of a graph, and creates what it has not.

use deltaview_graph::Graph;
use deltaview_store::Error;
pub(crate) use deltaview_store::catalog::Found;
use deltaview_store::catalog::{self, Entry, Object, entries};
use rusqlite::{Connection, OptionalExtension, Transaction};

use crate::ddl::{CATALOG_TABLES, index_name, schema_sql};
use crate::error::Context;
use crate::history;

/// The oldest format of tables that can be read: before it their rows and the columns of their keys were written otherwise.
const OLDEST_FORMAT: i64 = 3;

/// The columns of the catalog, as they are read.
pub(crate) const ENTRY_COLUMNS: &str = "\"graph\", \"vertex\", \"role\", \"table_name\", \"fingerprint\", \"description\", \"format_version\"";

/// Compares what the database has with the graph, and changes nothing.
pub(crate) fn check(conn: &Connection, graph: &Graph) -> Result<Found, Error> {
    let doing = || reading(conn, graph);
    // One snapshot: another process may be creating the tables.
    let snapshot = conn
        .is_autocommit()
        .then(|| conn.unchecked_transaction())
        .transpose()
        .context(doing)?;
    let found = check_snapshot(conn, graph)?;
    if let Some(snapshot) = snapshot {
        snapshot.commit().context(doing)?;
    }
    Ok(found)
}

fn reading(conn: &Connection, graph: &Graph) -> String {
    match conn.path() {
        Some(path) if !path.is_empty() => {
            format!("reading the catalog of graph `{}` in {path}", graph.name())
        }
        _ => format!("reading the catalog of graph `{}`", graph.name()),
    }
}

fn check_snapshot(conn: &Connection, graph: &Graph) -> Result<Found, Error> {
    let doing = || reading(conn, graph);
    let parts = catalog_tables(conn).context(doing)?;
    let is_there = |table: &str| parts.iter().any(|part| part == table);
    if !catalog::has_catalog(graph, &CATALOG_TABLES, is_there)? {
        return Ok(Found::Nothing);
    }
    let clock: Option<i64> = conn
        .query_row(
            "SELECT \"format_version\" FROM \"deltaview_clock\" WHERE \"graph\" = ?1",
            [graph.name()],
            |row| row.get(0),
        )
        .optional()
        .context(doing)?;
    catalog::check_format(graph, clock)?;
    catalog::refuse_older(graph, clock, OLDEST_FORMAT)?;
    let stored = stored_entries(conn, graph.name()).context(doing)?;
    let of_graph = entries(graph, None);
    let found = catalog::check_entries(graph, &of_graph, &stored, clock.is_some())?;
    if found == Found::Same {
        catalog::check_objects(graph, missing_objects(conn, graph).context(doing)?)?;
    }
    Ok(found)
}

/// Which tables of the catalog the database has.
fn catalog_tables(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let places = vec!["?"; CATALOG_TABLES.len()].join(", ");
    let sql = format!("SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN ({places})");
    let mut statement = conn.prepare(&sql)?;
    statement
        .query_map(CATALOG_TABLES, |row| row.get(0))?
        .collect()
}

/// The tables and indexes that the catalog has and the database has not.
fn missing_objects<'a>(conn: &Connection, graph: &'a Graph) -> rusqlite::Result<Vec<Object<'a>>> {
    let mut statement =
        conn.prepare("SELECT 1 FROM sqlite_schema WHERE type = ?1 AND name = ?2")?;
    let mut missing = Vec::new();
    for object in history::ddl::shared(graph).chain(objects(graph)) {
        if !statement.exists((object.kind, &object.name))? {
            missing.push(object);
        }
    }
    Ok(missing)
}

/// The tables and indexes of a graph, without those that graphs share.
fn objects(graph: &Graph) -> impl Iterator<Item = Object<'_>> {
    let tables = graph.tables().iter();
    let tables = tables.filter(|table| graph.view_of_groups(table.id()).is_none());
    tables.flat_map(|table| {
        let schema = table.schema();
        let indexes = schema
            .secondary
            .iter()
            .map(|index| ("index", index_name(schema, index)));
        std::iter::once(("table", schema.name(None)))
            .chain(indexes)
            .chain(history::ddl::objects(schema))
            .map(|(kind, name)| Object {
                kind,
                name,
                vertex: &schema.vertex,
            })
    })
}

fn stored_entries(conn: &Connection, graph: &str) -> rusqlite::Result<Vec<Entry>> {
    let sql = format!("SELECT {ENTRY_COLUMNS} FROM \"deltaview_catalog\" WHERE \"graph\" = ?1");
    let mut statement = conn.prepare(&sql)?;
    let entries = statement.query_map([graph], |row| {
        Ok(Entry {
            graph: row.get(0)?,
            vertex: row.get(1)?,
            role: row.get(2)?,
            table: row.get(3)?,
            fingerprint: row.get(4)?,
            description: row.get(5)?,
            format_version: row.get(6)?,
        })
    })?;
    entries.collect()
}

/// Creates the tables of a graph, where the database has nothing of it yet. Two processes may do so at once: the second
/// finds what the first made.
pub(crate) fn create(tx: &Transaction<'_>, graph: &Graph) -> Result<(), Error> {
    if let Found::Same = check(tx, graph)? {
        return Ok(());
    }
    let doing = || format!("creating the tables of graph `{}`", graph.name());
    refuse_taken_names(tx, graph)?;
    tx.execute_batch(&schema_sql(graph)).context(doing)
}

/// A table, a view or an index of one of our names which is not in the catalog belongs to somebody else.
fn refuse_taken_names(tx: &Transaction<'_>, graph: &Graph) -> Result<(), Error> {
    let doing = || format!("looking for the tables of graph `{}`", graph.name());
    let mut statement = tx
        .prepare("SELECT type FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE")
        .context(doing)?;
    for object in objects(graph) {
        let taken: Option<String> = statement
            .query_row([&object.name], |row| row.get(0))
            .optional()
            .context(doing)?;
        if let Some(kind) = taken {
            return Err(catalog::name_taken(
                graph,
                &object,
                ("the database", &kind),
                None,
            ));
        }
    }
    Ok(())
}
