//! What a follower of a view reads of its history, from a past time up to that at which it was entered as a follower: from
//! there on it reads the log of what is followed. It runs inside of the transactions of others.

use std::collections::VecDeque;

use deltaview_graph::Table;
use deltaview_store::Error;
use deltaview_store::feed::lagged;
use deltaview_store::feed::log::{Logged, Parts};
use deltaview_store::history::check_time;
use rusqlite::Connection;

use super::forget::horizon;
use super::log::for_each;
use super::read::reading;
use crate::error::Context;

/// So many bytes are copied at a time, and a whole delta at least.
const COPIED: usize = 4 * 1024 * 1024;

/// A stretch of a view's history that is still to be read.
pub(crate) struct PastLog {
    table: Table,
    after: i64,
    up_to: i64,
}

impl PastLog {
    /// From behind a time, which can be read, up to the last one.
    pub(crate) fn begin(
        conn: &Connection,
        table: &Table,
        after: i64,
        up_to: i64,
    ) -> Result<Self, Error> {
        let horizon = horizon(conn, table.schema()).context(|| reading(table.schema()))?;
        check_time(table, after, horizon, up_to)?;
        Ok(Self {
            table: table.clone(),
            after: after.max(0),
            up_to,
        })
    }

    /// The time behind which it begins.
    pub(crate) fn after(&self) -> i64 {
        self.after
    }

    /// The next deltas, whole, until they have so many bytes. None where there are no more.
    pub(crate) fn next(
        &mut self,
        conn: &Connection,
        most: usize,
    ) -> Result<VecDeque<Logged>, Error> {
        let schema = self.table.schema();
        let horizon = horizon(conn, schema).context(|| reading(schema))?;
        if self.after < horizon && self.after < self.up_to {
            return Err(lagged(&schema.vertex, "what it had not read was forgotten"));
        }
        let mut found: VecDeque<(i64, Parts)> = VecDeque::new();
        let mut bytes = 0;
        for_each(conn, schema, (self.after, self.up_to), |_, logged| {
            if found.back().is_none_or(|(time, _)| *time != logged.time) {
                if bytes >= most {
                    return Ok(false);
                }
                found.push_back((logged.time, Parts::default()));
            }
            let row = logged.stored.row;
            bytes += row.len();
            if let Some((_, parts)) = found.back_mut() {
                parts.push(row, logged.stored.weight);
            }
            Ok(true)
        })?;
        self.after = found.back().map_or(self.up_to, |(time, _)| *time);
        let found = found.into_iter().map(|(time, parts)| Logged {
            time,
            parts: parts.finish(),
        });
        Ok(found.collect())
    }

    /// Copies all of it to the log of what is followed, for a cursor that stays. What is there of it already is the same.
    pub(crate) fn copy(&self, conn: &Connection) -> Result<(), Error> {
        let schema = self.table.schema();
        let (graph, vertex) = (&schema.graph, &schema.vertex);
        let doing = || format!("logging the past of view `{vertex}` of graph `{graph}`");
        let sql = "DELETE FROM \"deltaview_feed\" WHERE \"graph\" = ?1 AND \"vertex\" = ?2 AND \"t\" > ?3";
        conn.execute(sql, (graph, vertex, self.after))
            .context(doing)?;
        let sql = "INSERT INTO \"deltaview_feed\" (\"graph\", \"vertex\", \"t\", \"part\", \"rows\") VALUES (?1, ?2, ?3, ?4, ?5)";
        let mut insert = conn.prepare_cached(sql).context(doing)?;
        let mut rest = Self {
            table: self.table.clone(),
            ..*self
        };
        loop {
            let deltas = rest.next(conn, COPIED)?;
            if deltas.is_empty() {
                return Ok(());
            }
            for delta in deltas {
                for (number, part) in (0_i64..).zip(delta.parts) {
                    insert
                        .execute((graph, vertex, delta.time, number, part))
                        .context(doing)?;
                }
            }
        }
    }
}
