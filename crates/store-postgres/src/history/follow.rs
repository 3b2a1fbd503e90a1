//! What a subscription from a past time hands out before it follows: the deltas that are stored up to the time at which
//! it began. From there on everything is in the log of those who are followed.
//!
//! A cursor with a name that was made at a past time is behind the time from which it is logged for, which is stored
//! beside it: whoever opens it again reads the history up to there.

use std::sync::Arc;

use deltaview_graph::{Table, TableId};
use deltaview_store::Error;
use deltaview_store::feed::log::Logged;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::ddl::PAST_CURSORS;
use super::pages::{deltas_of, sql_deltas};
use crate::ddl::CURSORS;
use crate::engine::Engine;
use crate::error::Context;
use crate::reader::Reader;
use crate::store::Inner;

/// So many rows are read at a time, and a whole delta at least.
const ROWS: usize = 1000;

/// Where a new cursor begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// The past time.
    pub(crate) time: i64,
    /// The last time that is not logged for it.
    pub(crate) up_to: i64,
}

/// The stored deltas that a subscription hands out first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    table: TableId,
    place: i64,
    up_to: i64,
}

impl Stored {
    /// Those behind a time and up to another.
    pub(crate) fn new(table: TableId, place: i64, up_to: i64) -> Self {
        Self {
            table,
            place,
            up_to,
        }
    }

    /// The time up to which they are.
    pub(crate) fn end(self) -> i64 {
        self.up_to
    }

    /// Reads on: nothing, once all were read.
    pub(crate) async fn read(&mut self, inner: &Arc<Inner>) -> Result<Vec<Logged>, Error> {
        let engine = &inner.engine;
        let table = &engine.tables[&self.table];
        let history = table.history.as_ref().expect("its deltas are stored");
        if self.place >= self.up_to {
            return Ok(Vec::new());
        }
        let face = engine.graph.table(self.table);
        let sql = sql_deltas(table, history, ROWS);
        let values: [(&(dyn ToSql + Sync), Type); 2] =
            [(&self.place, Type::INT8), (&self.up_to, Type::INT8)];
        let reader = Reader::connect(Arc::clone(inner)).await?;
        let (begun, rows, limits) = futures::join!(
            reader.begin(),
            reader.client().query_typed(&sql, &values),
            engine.limits(reader.client(), face)
        );
        begun.context(|| engine.reading_past())?;
        let rows = rows.context(|| engine.reading_past())?;
        limits?.check(face, self.place)?;
        let deltas = deltas_of(table, &rows, 0)?;
        self.place = deltas.last().map_or(self.up_to, |last| last.time);
        let logged = deltas.into_iter();
        Ok(logged
            .map(|delta| Logged::of_rows(delta.time, delta.rows))
            .collect())
    }
}

impl Engine {
    /// Where a cursor begins that is to be made at a past time; nothing, if there is one of that name. In a transaction
    /// that has the lock of the graph.
    pub(crate) async fn past_start(
        &self,
        client: &Client,
        name: Option<&str>,
        (table, time): (&Table, i64),
    ) -> Result<Option<Start>, Error> {
        let vertex = &table.schema().vertex;
        let doing = || self.reading_past();
        let cursor: [(&(dyn ToSql + Sync), Type); 3] = [
            (&self.graph.name(), Type::TEXT),
            (vertex, Type::TEXT),
            (&name, Type::TEXT),
        ];
        let exists = format!(
            "SELECT 1 FROM {} WHERE \"graph\" = $1 AND \"vertex\" = $2 AND \"name\" = $3",
            self.place(CURSORS)
        );
        let exists = client.query_typed_opt(&exists, &cursor).await;
        if exists.context(doing)?.is_some() {
            return Ok(None);
        }
        let limits = self.limits(client, table).await?;
        limits.check(table, time)?;
        let start = Start {
            time: time.max(0),
            up_to: limits.last,
        };
        if name.is_some() {
            let enter = format!(
                "INSERT INTO {} (\"graph\", \"vertex\", \"name\", \"up_to\") VALUES ($1, $2, $3, $4)",
                self.place(PAST_CURSORS)
            );
            let mut values = cursor.to_vec();
            values.push((&start.up_to, Type::INT8));
            client.execute_typed(&enter, &values).await.context(doing)?;
        }
        Ok(Some(start))
    }

    /// Up to which time a cursor with a name reads the history, if it was made at a past time.
    pub(crate) async fn past_end(
        &self,
        client: &Client,
        vertex: &str,
        name: &str,
    ) -> Result<Option<i64>, Error> {
        if !self.graph.has_history() {
            return Ok(None);
        }
        let doing = || self.reading_past();
        let sql = format!(
            "SELECT \"up_to\" FROM {} WHERE \"graph\" = $1 AND \"vertex\" = $2 AND \"name\" = $3",
            self.place(PAST_CURSORS)
        );
        let values: [(&(dyn ToSql + Sync), Type); 3] = [
            (&self.graph.name(), Type::TEXT),
            (&vertex, Type::TEXT),
            (&name, Type::TEXT),
        ];
        let row = client.query_typed_opt(&sql, &values).await.context(doing)?;
        row.map(|row| row.try_get(0)).transpose().context(doing)
    }

    /// The statement that forgets where a cursor began, if it can have begun in the past. Takes the graph, the vertex and
    /// the name.
    pub(crate) fn sql_remove_past(&self) -> Option<String> {
        self.graph.has_history().then(|| {
            format!(
                "DELETE FROM {} WHERE \"graph\" = $1 AND \"vertex\" = $2 AND \"name\" = $3",
                self.place(PAST_CURSORS)
            )
        })
    }
}
