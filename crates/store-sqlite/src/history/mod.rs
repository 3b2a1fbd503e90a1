//! Views with history in SQLite: the tables beside a view's own that have what it was, what writes them in the
//! transaction of a commit, and what reads them. It begins no transaction that writes, but to forget.
//!
//! A view's own table has its present, with one column more: `since`, the time from which a row has its weight. Beside it:
//!
//! | table | what it has |
//! | --- | --- |
//! | `<view>__versions` | what a row was before: valid for `since <= t < until` |
//! | `<view>__rows` | the data of those rows, once each, and how many versions have it; none for rows that are their identity |
//! | `<view>__log` | what each time added to the weights, for deltas and times; and the versions that are not [filed](file) yet |
//! | `deltaview_instants` | when each time was committed, in microseconds since 1970 |
//! | `deltaview_history` | the time before which a view is forgotten: its horizon; and up to when its versions are filed |
//!
//! Versions that are filed are clustered by key and `until`, so that those of a key lie together and the log, which has the
//! time at which each one ended, leads to it. Reads as of a time go by an index that begins with the
//! [fork node](deltaview_store::history::fork_node) of the version: those that are valid at a time are at the nodes of one
//! path through a binary tree, and at each node in the order of the key.
//!
//! What is read of the past is read with the horizon, from one state: what was forgotten is an error, never a gap.

pub(crate) mod ddl;
mod file;
mod follow;
mod forget;
mod log;
mod read;
mod store;
mod write;

pub(crate) use follow::PastLog;
pub(crate) use forget::Instant;

use std::cell::Cell;

use deltaview_graph::{Commit, Retention, TableWrites};
use deltaview_schema::TableSchema;
use deltaview_store::Error;
use rusqlite::Connection;

use crate::engine::Engine;
use crate::error::Context;
use crate::statements::{
    COUNT, DATA, IDENTITY, Ordered, index_columns, key_columns, quote, stored_name,
};

pub(crate) const SINCE: &str = "since";
const UNTIL: &str = "until";
const NODE: &str = "node";
/// Up to when the versions in the log are filed.
const FILED: &str = "filed";

/// The statements of the history of one table.
pub(crate) struct History {
    write: write::Statements,
    file: file::Statements,
    sweep: forget::Sweep,
    /// How many versions are not filed, as far as it is known: once they were counted, and without those of others.
    unfiled: Cell<Option<usize>>,
}

impl History {
    /// None for a table without history.
    pub(crate) fn of(schema: &TableSchema) -> Option<Self> {
        schema.history.then(|| Self {
            write: write::Statements::of(schema),
            file: file::Statements::of(schema),
            unfiled: Cell::new(None),
            sweep: forget::Sweep::of(schema),
        })
    }

    /// Writes what a time changes of the table, in the place of its plain writes.
    pub(crate) fn write(
        &self,
        conn: &Connection,
        writes: &TableWrites<'_>,
        time: i64,
    ) -> Result<(), Error> {
        let schema = writes.schema();
        let at_once = writes.rows() >= file::MOST || !file::may_be_unfiled(schema);
        let logged = write::write(conn, &self.write, (writes, time), at_once)?;
        if logged == 0 {
            return Ok(());
        }
        let unfiled = match self.unfiled.get() {
            Some(before) => before + logged,
            None => self.file.count(conn).context(|| file::filing(schema))?,
        };
        let is_due = unfiled >= file::MOST;
        if is_due {
            self.file.file(conn, &self.write.close, (schema, time))?;
        }
        self.unfiled.set(Some(if is_due { 0 } else { unfiled }));
        Ok(())
    }
}

impl Engine {
    /// A time is complete with the transaction: where a view has history its instant is entered, and what the retention of
    /// the views does not keep is forgotten.
    pub(crate) fn remember(
        &self,
        conn: &Connection,
        commit: &Commit,
        time: i64,
    ) -> Result<(), Error> {
        if !self.graph.has_history() {
            return Ok(());
        }
        let drawn = self.last_drawn(time);
        let last = drawn.and_then(|drawn| drawn.instant);
        let instant = forget::enter_instant(conn, &self.graph, time, last)?;
        if let Some(drawn) = drawn {
            self.note_instant(drawn, instant);
        }
        for table in self.graph.tables() {
            let retention = table.retention().unwrap_or(Retention::Forever);
            let Some(history) = &self.tables[&table.id()].history else {
                continue;
            };
            if retention != Retention::Forever {
                let writes = commit.tables().find(|writes| writes.table() == table.id());
                let written = writes.map_or(0, |writes| writes.rows());
                forget::retain(
                    conn,
                    (table.schema(), &history.sweep),
                    &instant,
                    retention,
                    written,
                )?;
            }
        }
        Ok(())
    }
}

/// The tables beside a table with history.
fn versions_of(schema: &TableSchema) -> String {
    format!("{}__versions", schema.name(None))
}

fn rows_of(schema: &TableSchema) -> String {
    format!("{}__rows", schema.name(None))
}

fn log_of(schema: &TableSchema) -> String {
    format!("{}__log", schema.name(None))
}

/// The columns of the primary index.
fn primary_columns(schema: &TableSchema) -> Ordered {
    let mut columns = key_columns(schema);
    columns.0.truncate(schema.primary.columns.len());
    columns
}
