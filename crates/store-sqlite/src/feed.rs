//! The log of what iterations change of the views that are followed, and who follows them: the tables
//! `deltaview_feed` and `deltaview_cursors`. It runs inside of the transactions of others, and begins none.
//!
//! A cursor without a lease (`until` is NULL) has a name, and is waited for for ever. One whose lease is over is marked as
//! dead, `until` 0, by the first commit that sees it, in the transaction that begins to delete what was logged for it: so
//! whoever reads the log by a living cursor has all of it, whatever the clocks do.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use deltaview_graph::{Commit, Graph};
use deltaview_store::Error;
use deltaview_store::feed::log::parts_of;
use rusqlite::Connection;

use crate::error::Context;

/// What a commit deletes of a log at most, for followers that are gone.
const SWEPT: usize = 64;

/// Now, in milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    millis(since.unwrap_or_default())
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Logs what an iteration changes of the views that are followed, and sweeps up behind followers that are gone.
pub(crate) fn log(
    conn: &Connection,
    graph: &Graph,
    commit: &Commit,
    time: i64,
) -> Result<(), Error> {
    let doing = || format!("logging the changes of graph `{}`", graph.name());
    let sql = "SELECT \"vertex\", \"until\" <= ?2 FROM \"deltaview_cursors\" WHERE \"graph\" = ?1";
    let mut followed = BTreeSet::new();
    let mut left = BTreeSet::new();
    {
        let mut statement = conn.prepare_cached(sql).context(doing)?;
        let mut rows = statement.query((graph.name(), now())).context(doing)?;
        while let Some(row) = rows.next().context(doing)? {
            let vertex: String = row.get(0).context(doing)?;
            let is_over: Option<bool> = row.get(1).context(doing)?;
            if is_over == Some(true) {
                left.insert(vertex);
            } else {
                followed.insert(vertex);
            }
        }
    }
    for vertex in left {
        sweep(conn, graph.name(), &vertex).context(doing)?;
    }
    if followed.is_empty() {
        return Ok(());
    }
    for writes in commit.tables() {
        let schema = writes.schema();
        if schema.role != "view" || !followed.contains(&schema.vertex) {
            continue;
        }
        let sql = "INSERT INTO \"deltaview_feed\" (\"graph\", \"vertex\", \"t\", \"part\", \"rows\") VALUES (?1, ?2, ?3, ?4, ?5)";
        let mut insert = conn.prepare_cached(sql).context(doing)?;
        for (number, part) in (0_i64..).zip(parts_of(&writes)?) {
            insert
                .execute((graph.name(), &schema.vertex, time, number, part))
                .context(doing)?;
        }
    }
    Ok(())
}

/// Deletes a part of what was logged for followers of a view whose leases are over; and them, behind the last part.
fn sweep(conn: &Connection, graph: &str, vertex: &str) -> rusqlite::Result<()> {
    let sql = "UPDATE \"deltaview_cursors\" SET \"until\" = 0 WHERE \"graph\" = ?1 AND \"vertex\" = ?2 AND \"until\" <= ?3";
    conn.prepare_cached(sql)?.execute((graph, vertex, now()))?;
    let sql = format!(
        "DELETE FROM \"deltaview_feed\" WHERE rowid IN (SELECT rowid FROM \"deltaview_feed\" \
         WHERE \"graph\" = ?1 AND \"vertex\" = ?2 AND \"t\" <= {CONSUMED} LIMIT {SWEPT})"
    );
    if conn.prepare_cached(&sql)?.execute((graph, vertex))? < SWEPT {
        let sql = "DELETE FROM \"deltaview_cursors\" WHERE \"graph\" = ?1 AND \"vertex\" = ?2 AND \"until\" = 0";
        conn.prepare_cached(sql)?.execute((graph, vertex))?;
    }
    Ok(())
}

/// The time up to which all who are waited for have consumed the log of view ?2 of graph ?1.
const CONSUMED: &str = "(SELECT coalesce(min(\"t\"), 9223372036854775807) FROM \"deltaview_cursors\" \
                        WHERE \"graph\" = ?1 AND \"vertex\" = ?2 AND \"until\" IS NOT 0)";

/// Deletes what all who are waited for have consumed.
pub(crate) fn prune(conn: &Connection, graph: &str, vertex: &str) -> rusqlite::Result<()> {
    let sql = format!(
        "DELETE FROM \"deltaview_feed\" WHERE \"graph\" = ?1 AND \"vertex\" = ?2 AND \"t\" <= {CONSUMED}"
    );
    conn.prepare_cached(&sql)?.execute((graph, vertex))?;
    Ok(())
}
