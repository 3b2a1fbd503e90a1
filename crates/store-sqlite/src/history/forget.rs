//! Forgetting: the horizon of a view moves, and what is before it is swept up, in bounded steps. And the instants of a
//! graph's commits, which a commit enters and which are swept with the rest.
//!
//! Sweeping follows the log: each version that has ended has a row there, at the time at which it did. So a step looks at
//! no more rows than it deletes, whatever lives on. All is inside of the transactions of others.

use std::time::SystemTime;

use deltaview_graph::{Graph, Retention};
use deltaview_schema::TableSchema;
use deltaview_store::Error;
use deltaview_store::history::{next_instant, sweep_at_most};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::file::is_unfiled;
use super::{IDENTITY, UNTIL, log_of, primary_columns, quote, rows_of, versions_of};
use crate::error::Context;

/// The statements that sweep a history.
pub(super) struct Sweep {
    /// The oldest rows of the log, up to a time, with whether they have a version that is not filed.
    oldest: String,
    /// Deletes a version by its key, `until` and the identity.
    version: String,
    /// Counts one version less of a row.
    release: String,
    /// Deletes a row that no version has.
    row: String,
    /// Deletes a row of the log.
    log: String,
}

impl Sweep {
    pub(super) fn of(schema: &TableSchema) -> Self {
        let primary: Vec<String> = primary_columns(schema)
            .names()
            .map(str::to_string)
            .collect();
        // The columns of the log, in the order of its key.
        let columns = [vec![quote("t")], primary.clone(), vec![quote(IDENTITY)]].concat();
        let key = |time: Option<&str>| {
            let time = time.map(|column| format!("{} = ?1", quote(column)));
            let others = columns[1..].iter().zip(2..);
            let others = others.map(|(name, place)| format!("{name} = ?{place}"));
            let terms: Vec<String> = time.into_iter().chain(others).collect();
            terms.join(" AND ")
        };
        let (log, rows) = (quote(&log_of(schema)), quote(&rows_of(schema)));
        let order = columns.join(", ");
        Self {
            oldest: format!(
                "SELECT {order}, {} FROM {log} WHERE \"t\" <= ?1 ORDER BY {} LIMIT ?2",
                is_unfiled(schema),
                ordered(schema)
            ),
            version: format!(
                "DELETE FROM {} WHERE {}",
                quote(&versions_of(schema)),
                key(Some(UNTIL))
            ),
            release: format!(
                "UPDATE {rows} SET \"n\" = \"n\" - 1 WHERE {} RETURNING \"n\"",
                key(None)
            ),
            row: format!("DELETE FROM {rows} WHERE {}", key(None)),
            log: format!("DELETE FROM {log} WHERE {}", key(Some("t"))),
        }
    }

    /// Sweeps behind so many rows of the log at most, none of them after a time.
    fn step(&self, conn: &Connection, horizon: i64, rows: usize) -> rusqlite::Result<Swept> {
        let limit = i64::try_from(rows).unwrap_or(i64::MAX);
        let mut oldest = conn.prepare_cached(&self.oldest)?;
        let columns = oldest.column_count() - 1;
        let keys: Vec<(Vec<Value>, bool)> = oldest
            .query_map((horizon, limit), |row| {
                let key = (0..columns).map(|column| row.get(column));
                Ok((key.collect::<rusqlite::Result<_>>()?, row.get(columns)?))
            })?
            .collect::<rusqlite::Result<_>>()?;
        let mut version = conn.prepare_cached(&self.version)?;
        let mut release = conn.prepare_cached(&self.release)?;
        let mut unused = conn.prepare_cached(&self.row)?;
        let mut log = conn.prepare_cached(&self.log)?;
        let mut gone = keys.len();
        for (key, is_unfiled) in &keys {
            let is_version = *is_unfiled || version.execute(params_from_iter(key))? > 0;
            gone += usize::from(is_version);
            if is_version && is_hash(key) {
                let left: Option<i64> = release
                    .query_row(params_from_iter(without_time(key)), |row| row.get(0))
                    .optional()?;
                if left == Some(0) {
                    gone += unused.execute(params_from_iter(without_time(key)))?;
                }
            }
            log.execute(params_from_iter(key))?;
        }
        Ok(Swept {
            rows: gone,
            is_done: keys.len() < rows,
        })
    }
}

fn ordered(schema: &TableSchema) -> String {
    let mut columns = vec![quote("t")];
    let primary = primary_columns(schema).order_by(false);
    if !primary.is_empty() {
        columns.push(primary);
    }
    columns.push(quote(IDENTITY));
    columns.join(", ")
}

fn is_hash(key: &[Value]) -> bool {
    matches!(key.last(), Some(Value::Blob(identity)) if identity.len() == deltaview_schema::Identity::HASH_LEN)
}

/// For statements whose place of the time is not used.
fn without_time(key: &[Value]) -> impl Iterator<Item = &Value> {
    std::iter::once(&Value::Null).chain(&key[1..])
}

/// A time that is complete, as it is entered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instant {
    /// When it was committed, in microseconds since 1970.
    at: i64,
    /// How many times of the graph are complete, with it.
    n: i64,
}

/// Enters the instant of a time that is complete with the transaction. Instants never run backwards: they follow the last
/// one, which is looked up where it is not known.
pub(super) fn enter_instant(
    conn: &Connection,
    graph: &Graph,
    time: i64,
    last: Option<Instant>,
) -> Result<Instant, Error> {
    let doing = || {
        let graph = graph.name();
        format!("writing the instant of time {time} of graph `{graph}`")
    };
    let last = match last {
        None => newest_instant(conn, graph.name()).context(doing)?,
        known => known,
    };
    let at = next_instant(last.map(|last| last.at), SystemTime::now());
    let n = last.map_or(0, |last| last.n) + 1;
    let sql = "INSERT INTO \"deltaview_instants\" (\"graph\", \"t\", \"at\", \"n\") VALUES (?1, ?2, ?3, ?4)";
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.execute((graph.name(), time, at, n)))
        .context(doing)?;
    Ok(Instant { at, n })
}

fn newest_instant(conn: &Connection, graph: &str) -> rusqlite::Result<Option<Instant>> {
    let sql = "SELECT \"at\", \"n\" FROM \"deltaview_instants\" WHERE \"graph\" = ?1 ORDER BY \"t\" DESC LIMIT 1";
    let instant = |row: &rusqlite::Row<'_>| {
        Ok(Instant {
            at: row.get(0)?,
            n: row.get(1)?,
        })
    };
    let mut newest = conn.prepare_cached(sql)?;
    newest.query_row([graph], instant).optional()
}

/// Forgets what a retention does not keep of a view: its horizon moves, and some of what is behind it is swept up. The time
/// has written so many rows of it.
pub(super) fn retain(
    conn: &Connection,
    (schema, sweep): (&TableSchema, &Sweep),
    instant: &Instant,
    retention: Retention,
    written: usize,
) -> Result<(), Error> {
    let doing = || forgetting(schema);
    let before = horizon(conn, schema).context(doing)?;
    let first = match retention {
        Retention::Forever => None,
        Retention::Times(times) => {
            let times = i64::try_from(times.get()).unwrap_or(i64::MAX);
            // The first that is kept is the one with all that are left out before it.
            let most = instant.n.saturating_sub(times).saturating_add(1);
            last_behind(conn, &schema.graph, before, ("n", most)).context(doing)?
        }
        Retention::Span(span) => {
            let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
            let at = instant.at.saturating_sub(micros);
            last_behind(conn, &schema.graph, before, ("at", at)).context(doing)?
        }
    };
    let horizon = first.map_or(before, |first| first.max(before));
    if horizon > before {
        move_horizon(conn, schema, horizon).context(doing)?;
    }
    sweep_behind(conn, (schema, sweep), horizon, sweep_at_most(written)).map(drop)
}

/// The newest time of a graph behind a horizon up to which a column of the instants is at most this: it grows with the
/// times.
fn last_behind(
    conn: &Connection,
    graph: &str,
    horizon: i64,
    (column, most): (&str, i64),
) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT \"t\", \"n\", \"at\" FROM \"deltaview_instants\" WHERE \"graph\" = ?1 AND \"t\" > ?2 ORDER BY \"t\"";
    let mut following = conn.prepare_cached(sql)?;
    let mut rows = following.query((graph, horizon))?;
    let mut found = None;
    // As many steps as times are left out with this one, and one; more where a retention has become shorter.
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(column)? > most {
            break;
        }
        found = Some(row.get(0)?);
    }
    Ok(found)
}

/// The newest time whose instant is not after one, if there is any: a search by halves, for instants grow with the times.
/// An index of them would be a page more in each commit.
pub(super) fn current_at(conn: &Connection, graph: &str, at: i64) -> rusqlite::Result<Option<i64>> {
    // One search each; both in one would look at all.
    let sql = "SELECT (SELECT min(\"t\") FROM \"deltaview_instants\" WHERE \"graph\" = ?1), \
               (SELECT max(\"t\") FROM \"deltaview_instants\" WHERE \"graph\" = ?1)";
    let ends: (Option<i64>, Option<i64>) = conn
        .prepare_cached(sql)?
        .query_row([graph], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(mut first), Some(last)) = ends else {
        return Ok(None);
    };
    let sql = "SELECT \"t\", \"at\" FROM \"deltaview_instants\" WHERE \"graph\" = ?1 AND \"t\" <= ?2 \
               ORDER BY \"t\" DESC LIMIT 1";
    let mut newest = conn.prepare_cached(sql)?;
    let mut beyond = last.saturating_add(1);
    let mut found = None;
    // All times before `first` are found to be early enough, and all from `beyond` on too late.
    while first < beyond {
        let middle = first + (beyond - first) / 2;
        let looked_at = newest.query_row((graph, middle), |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        });
        match looked_at.optional()? {
            Some((time, instant)) if instant > at => beyond = time,
            Some((time, _)) => {
                found = found.max(Some(time));
                first = middle + 1;
            }
            None => first = middle + 1,
        }
    }
    Ok(found)
}

/// The time before which a view is forgotten.
pub(super) fn horizon(conn: &Connection, schema: &TableSchema) -> rusqlite::Result<i64> {
    let sql = "SELECT \"horizon\" FROM \"deltaview_history\" WHERE \"graph\" = ?1 AND \"table_name\" = ?2";
    conn.prepare_cached(sql)?
        .query_row((&schema.graph, schema.name(None)), |row| row.get(0))
}

/// Moves it, never back.
pub(super) fn move_horizon(
    conn: &Connection,
    schema: &TableSchema,
    to: i64,
) -> rusqlite::Result<()> {
    let sql = "UPDATE \"deltaview_history\" SET \"horizon\" = ?3 \
               WHERE \"graph\" = ?1 AND \"table_name\" = ?2 AND \"horizon\" < ?3";
    conn.prepare_cached(sql)?
        .execute((&schema.graph, schema.name(None), to))
        .map(drop)
}

/// What a step of sweeping has done.
pub(super) struct Swept {
    /// How many rows are gone.
    pub(super) rows: usize,
    pub(super) is_done: bool,
}

/// Sweeps behind the horizon of a view: so many rows of its log and so many instants at most, with what belongs to them.
pub(super) fn sweep_up(
    conn: &Connection,
    schema: &TableSchema,
    sweep: &Sweep,
    rows: usize,
) -> Result<Swept, Error> {
    let horizon = horizon(conn, schema).context(|| forgetting(schema))?;
    sweep_behind(conn, (schema, sweep), horizon, rows)
}

fn sweep_behind(
    conn: &Connection,
    (schema, sweep): (&TableSchema, &Sweep),
    horizon: i64,
    rows: usize,
) -> Result<Swept, Error> {
    let doing = || forgetting(schema);
    if horizon == 0 {
        return Ok(Swept {
            rows: 0,
            is_done: true,
        });
    }
    let swept = sweep.step(conn, horizon, rows).context(doing)?;
    let instants = sweep_instants(conn, &schema.graph, rows).context(doing)?;
    Ok(Swept {
        rows: swept.rows + instants,
        is_done: swept.is_done && instants < rows,
    })
}

/// Deletes instants that no view of the graph can be read at any more.
fn sweep_instants(conn: &Connection, graph: &str, rows: usize) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM \"deltaview_instants\" WHERE \"graph\" = ?1 AND \"t\" IN \
               (SELECT \"t\" FROM \"deltaview_instants\" WHERE \"graph\" = ?1 AND \"t\" < \
               (SELECT max(\"t\") FROM \"deltaview_instants\" WHERE \"graph\" = ?1 AND \"t\" <= \
               (SELECT min(\"horizon\") FROM \"deltaview_history\" WHERE \"graph\" = ?1)) \
               ORDER BY \"t\" LIMIT ?2)";
    let limit = i64::try_from(rows).unwrap_or(i64::MAX);
    conn.prepare_cached(sql)?.execute((graph, limit))
}

pub(super) fn forgetting(schema: &TableSchema) -> String {
    format!("forgetting the past of table `{}`", schema.name(None))
}
