//! What a commit writes of the past, in its own transaction: rows that change become versions, the changes are logged, the
//! instant is recorded, and what retention does not keep is forgotten. Part of the engine.
//!
//! All of it goes before what the commit writes to the tables, and behind what makes its time the last one that is
//! complete: so the rows are still there as they were, and the time is the clock's. A view is written by the last stage of
//! an iteration, in the order of times, and that stage completes the time. So what is abandoned or begun anew has never
//! been in a view, and is never in its past.

use deltaview_graph::{Commit, TableId};
use deltaview_schema::ColumnType;
use deltaview_store::Error;
use tokio_postgres::types::{ToSql, Type};

use super::ddl::{HISTORY, INSTANTS};
use super::sql::{sql_instant, sql_sweep_instants};
use crate::ddl::CLOCK;
use crate::engine::Engine;
use crate::fetch::{nul_in_key, push_key};
use crate::names::parts_of;
use crate::pipeline::{Failure, Link, Request};
use crate::statements::FEW;
use crate::table::EngineTable;
use crate::values::{Array, HasNul};

/// What a statement is given at most, unless one row has more.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// What a commit sweeps at least, and for each row that it writes, where retention forgets.
const SWEPT: usize = 64;
const SWEPT_EACH: usize = 2;

/// The rows of one table that change, for one statement.
#[derive(Debug)]
struct Chunk {
    table: TableId,
    arrays: Vec<Array>,
    rows: usize,
}

/// What a commit writes of the past, encoded.
#[derive(Debug, Default)]
pub(crate) struct Past {
    chunks: Vec<Chunk>,
}

impl Past {
    /// Whether one of its statements is of more than a few rows.
    pub(crate) fn has_many(&self) -> bool {
        self.chunks.iter().any(|chunk| chunk.rows > FEW)
    }

    fn rows_of(&self, table: TableId) -> usize {
        let chunks = self.chunks.iter().filter(|chunk| chunk.table == table);
        chunks.map(|chunk| chunk.rows).sum()
    }
}

impl Engine {
    /// What a commit writes of the past.
    pub(crate) fn past(&self, commit: &Commit) -> Result<Past, Error> {
        let mut past = Past::default();
        for writes in commit.tables() {
            let id = writes.table();
            let table = &self.tables[&id];
            if table.history.is_none() {
                continue;
            }
            let mut open: Option<Chunk> = None;
            writes.for_each_change(|change| {
                let size = |chunk: &Chunk| chunk.arrays.iter().map(Array::size).sum::<usize>();
                let full = open.take_if(|chunk| size(chunk) > CHUNK_BYTES);
                past.chunks.extend(full);
                let chunk = open.get_or_insert_with(|| Chunk::of(id, table));
                chunk.rows += 1;
                let pushed = push_key(&mut chunk.arrays, change.key);
                pushed.map_err(|HasNul| nul_in_key(&table.name))?;
                let [.., identities, weights, there] = chunk.arrays.as_mut_slice() else {
                    unreachable!("a chunk has more than keys");
                };
                // Of the rows of a key the one that goes is stored.
                let may_be_there = if table.schema.unique {
                    change.weight < 0
                } else {
                    change.before != Some(0)
                };
                identities.push_bytes(Some(change.identity.as_bytes()));
                weights.push_int(change.weight);
                there.push_bytes(Some(&[u8::from(may_be_there)]));
                Ok::<(), Error>(())
            })?;
            past.chunks.extend(open);
        }
        Ok(past)
    }

    /// The requests that write it.
    pub(crate) fn write_past<'a>(&'a self, link: Link<'a>, past: &'a Past) -> Vec<Request<'a, ()>> {
        if !self.graph.has_history() {
            return Vec::new();
        }
        let mut requests: Vec<Request<'a, ()>> = Vec::new();
        for chunk in &past.chunks {
            requests.push(chunk.write(link, &self.tables[&chunk.table]));
        }
        let (clock, instants) = (self.place(CLOCK), self.place(INSTANTS));
        requests.push(self.request_by(link, sql_instant(&clock, &instants)));
        let mut forgets = false;
        for (id, table) in &self.tables {
            let Some(history) = &table.history else {
                continue;
            };
            let Some(expire) = &history.expire else {
                continue;
            };
            forgets = true;
            let rows = past.rows_of(*id) * SWEPT_EACH + SWEPT;
            let sweep = history.sql_sweep(&table.schema, rows);
            requests.push(forget(link, table, expire.clone()));
            // It says how many rows it is of.
            requests.push(forget(Link::unprepared(link.client), table, sweep));
        }
        if forgets {
            let sql = sql_sweep_instants(&self.place(HISTORY), &instants, SWEPT);
            requests.push(self.request_by(link, sql));
        }
        requests
    }
}

/// The request that forgets something of a table.
fn forget<'a>(link: Link<'a>, table: &'a EngineTable, sql: String) -> Request<'a, ()> {
    Box::pin(async move {
        let done = link.execute(&sql, &[]).await;
        done.map_err(|error| table.failed(error, "forgetting the past"))
    })
}

impl Chunk {
    fn of(id: TableId, table: &EngineTable) -> Self {
        let parts = parts_of(&table.schema.primary);
        let columns = parts.iter().map(|part| part.column_type);
        let more = [ColumnType::Bytes, ColumnType::Int, ColumnType::Bool];
        Self {
            table: id,
            arrays: columns.chain(more).map(Array::of).collect(),
            rows: 0,
        }
    }

    fn write<'a>(&'a self, link: Link<'a>, table: &'a EngineTable) -> Request<'a, ()> {
        Box::pin(async move {
            let history = table.history.as_ref().expect("only history is captured");
            let arrays = self.arrays.iter();
            let values: Vec<(&(dyn ToSql + Sync), Type)> = arrays
                .map(|array| (array as &(dyn ToSql + Sync), array.array_type()))
                .collect();
            let link = link.for_few(self.rows <= FEW);
            let written = link.execute(history.capture.of(self.rows), &values).await;
            written.map_err(|error| table.failed(error, "writing the past"))
        })
    }
}

impl EngineTable {
    pub(super) fn failed(&self, error: tokio_postgres::Error, doing: &str) -> Failure {
        Failure::of(error, |error| {
            crate::error::from_postgres(error, &format!("{doing} of table `{}`", self.name))
        })
    }
}
