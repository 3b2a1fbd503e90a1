//! The ledger of a graph in the catalog: `deltaview_clock` and `deltaview_times`, read as one state and written by what
//! changed. It applies no transition, and ends no transaction.

use std::collections::BTreeSet;

use deltaview_store::protocol::{Halt, InFlight, Ledger, State, WorkerId};
use deltaview_store::{ChangeId, Error, ErrorKind, Flush};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::ddl::{CHANGES, CLOCK, COMMITS, JOURNAL, LAST_UPDATE, TIMES};
use crate::engine::Engine;
use crate::pipeline::{Failure, Request, execute};

const READING: &str = "reading the times in flight";
const WRITING: &str = "writing the times in flight";

/// The ledger as it is stored, and what was looked up with it.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) ledger: Ledger,
    /// The time at which the change that was asked for is committed.
    pub(super) committed: Option<i64>,
    /// By the clock of the database, in milliseconds.
    pub(super) now: i64,
    /// Who has read it.
    pub(super) backend: i32,
}

impl Engine {
    pub(super) fn stages(&self) -> u32 {
        u32::try_from(self.graph.stage_count()).expect("a graph has few stages")
    }

    /// Reads the ledger, from one state, and looks up the name of a change.
    pub(super) async fn stored(
        &self,
        client: &Client,
        name: Option<&ChangeId>,
    ) -> Result<Stored, Failure> {
        let (clock, times, changes) = (self.place(CLOCK), self.place(TIMES), self.place(CHANGES));
        let sql = format!(
            "SELECT c.\"t\", c.\"complete\", \
             (EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint, \
             (SELECT n.\"t\" FROM {changes} AS n WHERE n.\"graph\" = $1 AND n.\"change_id\" = $2), \
             x.\"t\", x.\"flush\", x.\"journaled\", x.\"passed\", x.\"holder\", x.\"epoch\", x.\"rewound_from\", \
             x.\"since\", x.\"lease_until\", x.\"change_id\", x.\"state\", x.\"vertex\", x.\"message\", \
             pg_catalog.pg_backend_pid() \
             FROM {clock} AS c LEFT JOIN {times} AS x ON x.\"graph\" = c.\"graph\" WHERE c.\"graph\" = $1"
        );
        let failed = |error| self.failed(error, READING);
        let name = name.map(ChangeId::as_str);
        let values: [(&(dyn ToSql + Sync), Type); 2] =
            [(&self.graph.name(), Type::TEXT), (&name, Type::TEXT)];
        let rows = client.query_typed(&sql, &values).await.map_err(failed)?;
        let first = rows.first().ok_or_else(|| self.nothing_of_graph())?;
        let last = first.try_get(0).map_err(failed)?;
        let complete = first.try_get(1).map_err(failed)?;
        let mut entries = Vec::new();
        for row in &rows {
            if let Some(time) = row.try_get(4).map_err(failed)? {
                let read = in_flight(row, time).map_err(failed)?;
                entries.push(read.ok_or_else(|| self.unknown_entry(time))?);
            }
        }
        Ok(Stored {
            ledger: Ledger::load(self.stages(), last, complete, entries)?,
            committed: first.try_get(3).map_err(failed)?,
            now: first.try_get(2).map_err(failed)?,
            backend: first.try_get(17).map_err(failed)?,
        })
    }

    fn unknown_entry(&self, time: i64) -> Error {
        let message = format!(
            "graph `{}`: time {time} is in flight in a way that this version of deltaview does not know: use a newer one",
            self.graph.name()
        );
        Error::new(ErrorKind::Corrupt, message)
    }

    /// The requests that write what changed of a ledger. The journal of a time that is no more goes with it.
    pub(super) fn write_ledger<'a>(
        &'a self,
        client: &'a Client,
        ledger: &'a Ledger,
        before: &Ledger,
    ) -> Vec<Request<'a, ()>> {
        let changes = ledger.changes_since(before);
        let mut requests: Vec<Request<'a, ()>> = Vec::new();
        if changes.last.is_some() || changes.complete.is_some() {
            let sql = format!(
                "UPDATE {} SET \"t\" = $2, \"complete\" = $3 WHERE \"graph\" = $1",
                self.place(CLOCK)
            );
            requests.push(Box::pin(async move {
                let values: [(&(dyn ToSql + Sync), Type); 3] = [
                    (&self.graph.name(), Type::TEXT),
                    (&ledger.last(), Type::INT8),
                    (&ledger.complete(), Type::INT8),
                ];
                let written = execute(client, &sql, &values).await;
                written.map_err(|error| self.failed(error, WRITING))
            }));
        }
        if !changes.delete.is_empty() {
            for table in [TIMES, JOURNAL] {
                let gone = changes.delete.clone();
                let sql = format!(
                    "DELETE FROM {} WHERE \"graph\" = $1 AND \"t\" = ANY ($2)",
                    self.place(table)
                );
                requests.push(Box::pin(async move {
                    let values: [(&(dyn ToSql + Sync), Type); 2] =
                        [(&self.graph.name(), Type::TEXT), (&gone, Type::INT8_ARRAY)];
                    let written = execute(client, &sql, &values).await;
                    written.map_err(|error| self.failed(error, WRITING))
                }));
            }
        }
        let put = changes.put.into_iter();
        requests.extend(put.map(|entry| self.put_entry(client, entry)));
        requests
    }

    fn put_entry<'a>(&'a self, client: &'a Client, entry: &'a InFlight) -> Request<'a, ()> {
        Box::pin(async move {
            let columns = [
                "graph",
                "t",
                "flush",
                "journaled",
                "passed",
                "holder",
                "epoch",
                "rewound_from",
                "since",
                "lease_until",
                "change_id",
                "state",
                "vertex",
                "message",
            ];
            let names = columns.map(|name| format!("\"{name}\"")).join(", ");
            let set = columns.map(|name| format!("\"{name}\" = excluded.\"{name}\""));
            let places: Vec<String> = (1..=columns.len()).map(|i| format!("${i}")).collect();
            let sql = format!(
                "INSERT INTO {} ({names}) VALUES ({}) ON CONFLICT (\"graph\", \"t\") DO UPDATE SET {}",
                self.place(TIMES),
                places.join(", "),
                set[2..].join(", ")
            );
            let (state, halt) = match &entry.state {
                State::Running => ("running", None),
                State::Left => ("left", None),
                State::Halted(halt) => ("halted", Some(halt)),
            };
            let values: [(&(dyn ToSql + Sync), Type); 14] = [
                (&self.graph.name(), Type::TEXT),
                (&entry.time, Type::INT8),
                (&entry.flush.as_str(), Type::TEXT),
                (&entry.journaled, Type::BOOL),
                (&i64::from(entry.passed), Type::INT8),
                (&entry.holder.as_str(), Type::TEXT),
                (&entry.epoch, Type::INT8),
                (&entry.rewound_from, Type::INT8),
                (&entry.since, Type::INT8),
                (&entry.lease_until, Type::INT8),
                (&entry.change_id.as_str(), Type::TEXT),
                (&state, Type::TEXT),
                (&halt.map(|halt| without_nul(&halt.vertex)), Type::TEXT),
                (&halt.map(|halt| without_nul(&halt.message)), Type::TEXT),
            ];
            let written = execute(client, &sql, &values).await;
            written.map_err(|error| self.failed(error, WRITING))
        })
    }

    /// The requests that note that a time is complete: under its name, and among the commits.
    pub(super) fn note_complete<'a>(
        &'a self,
        client: &'a Client,
        time: i64,
        name: &'a ChangeId,
    ) -> Vec<Request<'a, ()>> {
        let changes = format!(
            "INSERT INTO {} (\"graph\", \"t\", \"change_id\", \"at\") VALUES ($1, $2, $3, pg_catalog.now())",
            self.place(CHANGES)
        );
        let commits = format!(
            "INSERT INTO {} (\"graph\", \"t\", \"id\", \"at\") VALUES ($1, $2, pg_catalog.gen_random_uuid(), \
             pg_catalog.now())",
            self.place(COMMITS)
        );
        let named: Request<'a, ()> = Box::pin(async move {
            let values: [(&(dyn ToSql + Sync), Type); 3] = [
                (&self.graph.name(), Type::TEXT),
                (&time, Type::INT8),
                (&name.as_str(), Type::TEXT),
            ];
            let written = execute(client, &changes, &values).await;
            written.map_err(|error| self.failed(error, "writing the name of a change"))
        });
        let noted: Request<'a, ()> = Box::pin(async move {
            let values: [(&(dyn ToSql + Sync), Type); 2] =
                [(&self.graph.name(), Type::TEXT), (&time, Type::INT8)];
            let written = execute(client, &commits, &values).await;
            written.map_err(|error| self.failed(error, "writing the time"))
        });
        vec![
            named,
            noted,
            self.request(client, self.sql_forget(2)),
            self.request(client, self.sql_forget_names()),
        ]
    }

    /// The request that notes up to which time tables are written: those of the stages that `time_of` gives one for.
    pub(super) fn note_written<'a>(
        &'a self,
        client: &'a Client,
        time_of: impl Fn(u32) -> Option<i64>,
    ) -> Request<'a, ()> {
        let (mut names, mut times) = (Vec::new(), Vec::new());
        for (id, table) in &self.tables {
            let stage = self.graph.stage_of(*id);
            let stage = u32::try_from(stage).expect("a graph has few stages");
            if let Some(time) = time_of(stage) {
                names.push(table.name.clone());
                times.push(time);
            }
        }
        let sql = format!(
            "UPDATE {} AS u SET \"t\" = n.t FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) AS n(name, t) \
             WHERE u.\"graph\" = $1 AND u.\"table_name\" = n.name",
            self.place(LAST_UPDATE)
        );
        Box::pin(async move {
            let values: [(&(dyn ToSql + Sync), Type); 3] = [
                (&self.graph.name(), Type::TEXT),
                (&names, Type::TEXT_ARRAY),
                (&times, Type::INT8_ARRAY),
            ];
            let written = execute(client, &sql, &values).await;
            written.map_err(|error| self.failed(error, "writing the time"))
        })
    }

    /// Whether iterations are between their stages, whose tables are then of no single time.
    pub(crate) fn sql_is_between(&self) -> String {
        format!(
            "EXISTS (SELECT 1 FROM {} WHERE \"graph\" = $1 AND \"passed\" > 0)",
            self.place(TIMES)
        )
    }
}

/// Whether somebody else waits for, or is at work on, a time in flight.
pub(super) fn concerns_others(ledger: &Ledger, held: &BTreeSet<i64>) -> bool {
    ledger.in_flight().any(|entry| !held.contains(&entry.time))
}

/// Nothing where it is none that this version knows.
fn in_flight(row: &Row, time: i64) -> Result<Option<InFlight>, tokio_postgres::Error> {
    let state = match row.try_get(14)? {
        "running" => State::Running,
        "left" => State::Left,
        "halted" => {
            let vertex: Option<String> = row.try_get(15)?;
            let message: Option<String> = row.try_get(16)?;
            State::Halted(Halt {
                vertex: vertex.unwrap_or_default(),
                message: message.unwrap_or_default(),
            })
        }
        _ => return Ok(None),
    };
    let (Some(flush), Ok(passed), Some(change_id)) = (
        Flush::from_stored(row.try_get(5)?),
        u32::try_from(row.try_get::<_, i64>(7)?),
        ChangeId::new(row.try_get::<_, &str>(13)?),
    ) else {
        return Ok(None);
    };
    Ok(Some(InFlight {
        time,
        flush,
        journaled: row.try_get(6)?,
        passed,
        holder: WorkerId::new(row.try_get::<_, &str>(8)?),
        epoch: row.try_get(9)?,
        rewound_from: row.try_get(10)?,
        since: row.try_get(11)?,
        lease_until: row.try_get(12)?,
        change_id,
        state,
    }))
}

/// A closure may panic with any text.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{2400}")
}
