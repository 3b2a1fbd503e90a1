//! The journal in the file: the table `deltaview_journal`. It runs inside of the transactions of others.

use deltaview_graph::{JournalEntry, JournalKind};
use deltaview_store::{Error, ErrorKind};
use rusqlite::Connection;

use crate::error::Context;

/// The stage that inputs are stored under: they are kept where the stages are taken back.
const INPUTS: i64 = -1;

/// Writes what is to be journaled of a stage. Inputs that are there already, because the iteration was taken back, are
/// replaced: what a keyed table has made of a change depends on its rows.
pub(super) fn write(
    conn: &Connection,
    graph: &str,
    time: i64,
    stage: u32,
    entries: &[JournalEntry],
) -> Result<(), Error> {
    let sql = "INSERT INTO \"deltaview_journal\" (\"graph\", \"t\", \"stage\", \"n\", \"kind\", \"name\", \
               \"rows\") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let doing = || format!("journaling a stage of graph `{graph}`");
    if entries.iter().any(|entry| entry.kind == JournalKind::Input) {
        let sql = "DELETE FROM \"deltaview_journal\" WHERE \"graph\" = ?1 AND \"t\" = ?2 AND \"stage\" = ?3";
        conn.prepare_cached(sql)
            .and_then(|mut statement| statement.execute((graph, time, INPUTS)))
            .context(doing)?;
    }
    let mut statement = conn.prepare_cached(sql).context(doing)?;
    for (n, entry) in (0_i64..).zip(entries) {
        let stage = match entry.kind {
            JournalKind::Input => INPUTS,
            JournalKind::Edge | JournalKind::Table => stage.into(),
        };
        statement
            .execute((
                graph,
                time,
                stage,
                n,
                entry.kind.as_str(),
                &entry.name,
                &entry.rows,
            ))
            .context(doing)?;
    }
    Ok(())
}

/// All that is journaled of a time.
pub(super) fn read(conn: &Connection, graph: &str, time: i64) -> Result<Vec<JournalEntry>, Error> {
    read_where(conn, graph, time, None)
}

/// What is journaled of one stage, which is deleted.
pub(super) fn take(
    conn: &Connection,
    graph: &str,
    time: i64,
    stage: u32,
) -> Result<Vec<JournalEntry>, Error> {
    let entries = read_where(conn, graph, time, Some(stage))?;
    let sql =
        "DELETE FROM \"deltaview_journal\" WHERE \"graph\" = ?1 AND \"t\" = ?2 AND \"stage\" = ?3";
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.execute((graph, time, stage)))
        .context(|| format!("taking back a stage of graph `{graph}`"))?;
    Ok(entries)
}

fn read_where(
    conn: &Connection,
    graph: &str,
    time: i64,
    stage: Option<u32>,
) -> Result<Vec<JournalEntry>, Error> {
    let doing = || format!("reading what is journaled of time {time} of graph `{graph}`");
    let sql = "SELECT \"kind\", \"name\", \"rows\" FROM \"deltaview_journal\" \
               WHERE \"graph\" = ?1 AND \"t\" = ?2 AND (?3 IS NULL OR \"stage\" = ?3) ORDER BY \"stage\", \"n\"";
    let mut statement = conn.prepare_cached(sql).context(doing)?;
    let mut rows = statement.query((graph, time, stage)).context(doing)?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next().context(doing)? {
        let kind: String = row.get(0).context(doing)?;
        let kind = JournalKind::from_stored(&kind).ok_or_else(|| {
            let message = format!("{}: `{kind}` is no kind of entry", doing());
            Error::new(ErrorKind::Corrupt, message)
        })?;
        entries.push(JournalEntry {
            kind,
            name: row.get(1).context(doing)?,
            rows: row.get(2).context(doing)?,
        });
    }
    Ok(entries)
}
