//! The catalog in SQLite: reads what the file has of a graph, and creates what it has not.

use deltaview_graph::Graph;
use deltaview_store::catalog::{Entry, FORMAT_VERSION, compare, entries};
use deltaview_store::{Error, ErrorKind};
use rusqlite::{Connection, OptionalExtension, Transaction};

use crate::ddl::{CATALOG, table_sql};
use crate::error::Context;

/// The columns of the catalog, as they are read.
pub(crate) const ENTRY_COLUMNS: &str =
    "\"graph\", \"vertex\", \"role\", \"table_name\", \"fingerprint\", \"description\", \"format_version\"";

/// What a database has of a graph.
pub(crate) enum Found {
    Nothing,
    Same,
}

/// Compares what the database has with the graph, and changes nothing.
pub(crate) fn check(conn: &Connection, graph: &Graph) -> Result<Found, Error> {
    let doing = || format!("reading the catalog of graph `{}`", graph.name());
    if !has_catalog(conn).context(doing)? {
        return Ok(Found::Nothing);
    }
    let clock: Option<i64> = conn
        .query_row("SELECT \"format_version\" FROM \"deltaview_clock\" WHERE \"graph\" = ?1", [graph.name()], |row| {
            row.get(0)
        })
        .optional()
        .context(doing)?;
    let Some(format_version) = clock else { return Ok(Found::Nothing) };
    if format_version > FORMAT_VERSION {
        let message = format!(
            "graph `{}` has format version {format_version}, and this version of deltaview knows {FORMAT_VERSION} at \
             most: use a newer deltaview",
            graph.name()
        );
        return Err(Error::new(ErrorKind::NewerFormat, message));
    }
    let stored = stored_entries(conn, graph.name()).context(doing)?;
    compare(graph, &entries(graph, None), &stored)?;
    Ok(Found::Same)
}

fn has_catalog(conn: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('deltaview_catalog', \
               'deltaview_clock', 'deltaview_last_update')";
    conn.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|tables| tables == 3)
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
    tx.execute_batch(CATALOG).context(doing)?;
    for entry in entries(graph, None) {
        refuse_foreign_table(tx, &entry)?;
        let sql = format!("INSERT INTO \"deltaview_catalog\" ({ENTRY_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
        let Entry { graph, vertex, role, table, fingerprint, description, format_version } = entry;
        tx.execute(&sql, (&graph, vertex, role, &table, fingerprint, description, format_version)).context(doing)?;
        let sql = "INSERT INTO \"deltaview_last_update\" (\"graph\", \"table_name\", \"t\") VALUES (?1, ?2, 0)";
        tx.execute(sql, (graph, table)).context(doing)?;
    }
    for table in graph.tables() {
        tx.execute_batch(&table_sql(table.schema())).context(doing)?;
    }
    let sql = "INSERT INTO \"deltaview_clock\" (\"graph\", \"t\", \"format_version\") VALUES (?1, 0, ?2)";
    tx.execute(sql, (graph.name(), FORMAT_VERSION)).context(doing)?;
    Ok(())
}

/// A table of that name which is not in the catalog belongs to somebody else.
fn refuse_foreign_table(tx: &Transaction<'_>, entry: &Entry) -> Result<(), Error> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE";
    let there: i64 = tx
        .query_row(sql, [&entry.table], |row| row.get(0))
        .context(|| format!("looking for table `{}`", entry.table))?;
    if there == 0 {
        return Ok(());
    }
    let message = format!(
        "the database has a table `{}` already that deltaview did not make: give graph `{}` or vertex `{}` another name",
        entry.table, entry.graph, entry.vertex
    );
    Err(Error::new(ErrorKind::Mismatch, message))
}
