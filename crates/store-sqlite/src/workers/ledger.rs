//! The ledger in the file: read at the beginning of a transaction, and written at its end. It owns the tables
//! `deltaview_times` and `deltaview_changes`, and the two times of `deltaview_clock`.

use deltaview_store::protocol::{Halt, InFlight, Ledger, State, WorkerId};
use deltaview_store::{ChangeId, Error, ErrorKind, Flush};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::error::Context;
use crate::feed::now;

/// For how long the names of changes are known, in milliseconds.
const NAMES_KEPT: i64 = 24 * 60 * 60 * 1000;

/// What a transaction forgets of them at most.
const FORGOTTEN: usize = 2;

/// Reads the ledger of a graph.
pub(crate) fn load(conn: &Connection, graph: &str, stages: usize) -> Result<Ledger, Error> {
    let doing = || format!("reading the times in flight of graph `{graph}`");
    let sql = "SELECT \"t\", \"complete\" FROM \"deltaview_clock\" WHERE \"graph\" = ?1";
    let (last, complete): (i64, i64) = conn
        .prepare_cached(sql)
        .and_then(|mut statement| {
            statement.query_row([graph], |row| Ok((row.get(0)?, row.get(1)?)))
        })
        .context(doing)?;
    let stages = u32::try_from(stages).expect("a graph has few stages");
    if last == complete {
        return Ledger::load(stages, last, complete, []);
    }
    let sql = "SELECT \"t\", \"flush\", \"journaled\", \"passed\", \"holder\", \"epoch\", \"rewound_from\", \"since\", \
               \"lease_until\", \"change_id\", \"state\", \"vertex\", \"message\" FROM \"deltaview_times\" \
               WHERE \"graph\" = ?1";
    let mut statement = conn.prepare_cached(sql).context(doing)?;
    let entries = statement.query_map([graph], in_flight).context(doing)?;
    let entries: Vec<InFlight> = entries.collect::<Result<_, _>>().context(doing)?;
    Ledger::load(stages, last, complete, entries)
}

fn in_flight(row: &Row<'_>) -> rusqlite::Result<InFlight> {
    let unknown = |column: usize, what: &str| {
        let message = format!("the {what} of a time in flight is none");
        let error = Error::new(ErrorKind::Corrupt, message);
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    };
    let flush: String = row.get(1)?;
    let state: String = row.get(10)?;
    let name: String = row.get(9)?;
    Ok(InFlight {
        time: row.get(0)?,
        flush: Flush::from_stored(&flush).ok_or_else(|| unknown(1, "flush"))?,
        journaled: row.get(2)?,
        passed: row.get(3)?,
        holder: WorkerId::new(row.get::<_, String>(4)?),
        epoch: row.get(5)?,
        rewound_from: row.get(6)?,
        since: row.get(7)?,
        lease_until: row.get(8)?,
        change_id: ChangeId::new(&name).ok_or_else(|| unknown(9, "name"))?,
        state: match state.as_str() {
            "running" => State::Running,
            "left" => State::Left,
            "halted" => State::Halted(Halt {
                vertex: row.get(11)?,
                message: row.get(12)?,
            }),
            _ => return Err(unknown(10, "state")),
        },
    })
}

/// Writes what has changed in a ledger, and deletes what was journaled of times that are not in flight any more.
pub(crate) fn store(
    conn: &Connection,
    graph: &str,
    before: &Ledger,
    ledger: &Ledger,
) -> Result<(), Error> {
    let doing = || format!("writing the times in flight of graph `{graph}`");
    let changes = ledger.changes_since(before);
    if changes.last.is_some() || changes.complete.is_some() {
        let sql =
            "UPDATE \"deltaview_clock\" SET \"t\" = ?2, \"complete\" = ?3 WHERE \"graph\" = ?1";
        conn.prepare_cached(sql)
            .and_then(|mut statement| statement.execute((graph, ledger.last(), ledger.complete())))
            .context(doing)?;
    }
    for time in changes.delete {
        for table in ["deltaview_times", "deltaview_journal"] {
            let sql = format!("DELETE FROM \"{table}\" WHERE \"graph\" = ?1 AND \"t\" = ?2");
            conn.prepare_cached(&sql)
                .and_then(|mut statement| statement.execute((graph, time)))
                .context(doing)?;
        }
    }
    for entry in changes.put {
        put(conn, graph, entry).context(doing)?;
    }
    Ok(())
}

fn put(conn: &Connection, graph: &str, entry: &InFlight) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO \"deltaview_times\" (\"graph\", \"t\", \"flush\", \"journaled\", \"passed\", \
               \"holder\", \"epoch\", \"rewound_from\", \"since\", \"lease_until\", \"change_id\", \"state\", \
               \"vertex\", \"message\") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    let halt = entry.halt();
    let state = match entry.state {
        State::Running => "running",
        State::Left => "left",
        State::Halted(_) => "halted",
    };
    conn.prepare_cached(sql)?.execute((
        graph,
        entry.time,
        entry.flush.as_str(),
        entry.journaled,
        entry.passed,
        entry.holder.as_str(),
        entry.epoch,
        entry.rewound_from,
        entry.since,
        entry.lease_until,
        entry.change_id.as_str(),
        state,
        halt.map(|halt| halt.vertex.as_str()),
        halt.map(|halt| halt.message.as_str()),
    ))?;
    Ok(())
}

/// The time at which a change of that name was committed, if it was.
pub(crate) fn committed(
    conn: &Connection,
    graph: &str,
    id: &ChangeId,
) -> Result<Option<i64>, Error> {
    let sql = "SELECT \"t\" FROM \"deltaview_changes\" WHERE \"graph\" = ?1 AND \"change_id\" = ?2";
    conn.prepare_cached(sql)
        .and_then(|mut statement| {
            statement
                .query_row((graph, id.as_str()), |row| row.get(0))
                .optional()
        })
        .context(|| format!("looking for change `{id}` of graph `{graph}`"))
}

/// A change is committed under a name. Forgets a few that are too old, so that there is an end to it.
pub(crate) fn note(conn: &Connection, graph: &str, id: &ChangeId, time: i64) -> Result<(), Error> {
    let doing = || format!("writing the name of change `{id}` of graph `{graph}`");
    let now = now();
    let sql = "INSERT INTO \"deltaview_changes\" (\"graph\", \"change_id\", \"t\", \"at\") VALUES (?1, ?2, ?3, ?4)";
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.execute((graph, id.as_str(), time, now)))
        .context(doing)?;
    let sql = format!(
        "DELETE FROM \"deltaview_changes\" WHERE \"graph\" = ?1 AND \"at\" < ?2 AND \"change_id\" IN \
         (SELECT \"change_id\" FROM \"deltaview_changes\" WHERE \"graph\" = ?1 ORDER BY \"t\" LIMIT {FORGOTTEN})"
    );
    conn.prepare_cached(&sql)
        .and_then(|mut statement| statement.execute((graph, now - NAMES_KEPT)))
        .context(doing)?;
    Ok(())
}
