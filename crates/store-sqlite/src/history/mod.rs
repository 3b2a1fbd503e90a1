//! Views with history in SQLite: the tables beside a view's own that have what it was, what writes them in the
//! transaction of a commit, and what reads them. It begins no transaction that writes, but to forget.
//!
//! A view's own table has its present, with one column more: `since`, the time from which a row has its weight. Beside it:
//!
//! | table | what it has |
//! | --- | --- |
//! | `<view>__versions` | what a row was before: valid for `since <= t < until` |
//! | `<view>__rows` | the data of those rows, once each, and how many versions have it; none for rows that are their identity |
//! | `<view>__log` | what each time added to the weights, for deltas and times |
//! | `deltaview_instants` | when each time was committed, in microseconds since 1970 |
//! | `deltaview_history` | the time before which a view is forgotten: its horizon |
//!
//! Versions are clustered by key and `until`, so that those of a key lie together and the log, which has the time at which
//! each one ended, leads to it. Reads as of a time go by an index that begins with the [fork node](deltaview_store::history::fork_node) of the version:
//! those that are valid at a time are at the nodes of one path through a binary tree, and at each node in the order of the
//! key.
//!
//! What is read of the past is read with the horizon, from one state: what was forgotten is an error, never a gap.

pub(crate) mod ddl;
mod follow;
mod forget;
mod log;
mod read;
mod store;
mod write;

pub(crate) use follow::PastLog;

use deltaview_graph::{Commit, Retention, TableWrites};
use deltaview_schema::TableSchema;
use deltaview_store::Error;
use rusqlite::Connection;

use crate::engine::Engine;
use crate::statements::{
    COUNT, DATA, IDENTITY, Ordered, index_columns, key_columns, quote, stored_name,
};

pub(crate) const SINCE: &str = "since";
const UNTIL: &str = "until";
const NODE: &str = "node";

/// The statements of the history of one table.
pub(crate) struct History {
    write: write::Statements,
    sweep: forget::Sweep,
}

impl History {
    /// None for a table without history.
    pub(crate) fn of(schema: &TableSchema) -> Option<Self> {
        schema.history.then(|| Self {
            write: write::Statements::of(schema),
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
        write::write(conn, &self.write, writes, time)
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
        let instant = forget::enter_instant(conn, &self.graph, time)?;
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
