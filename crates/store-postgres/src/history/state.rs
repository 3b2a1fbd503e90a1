//! How far the past can be read: the horizon of a view and the last time, in the state that is read, and the instants of
//! times. It reads no rows of views.

use std::sync::Arc;
use std::time::SystemTime;

use deltaview_graph::{Table, ViewHandle};
use deltaview_schema::{IndexKey, Row};
use deltaview_store::history::{
    check_graph, check_time, forgotten_instant, from_micros, not_yet, table_with_history, to_micros,
};
use deltaview_store::{Error, Moment};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::as_of::At;
use super::ddl::{HISTORY, INSTANTS};
use super::sql::History;
use crate::ddl::CLOCK;
use crate::engine::Engine;
use crate::error::Context;
use crate::reader::Reader;
use crate::table::EngineTable;
use crate::view::Source;

/// How far a view can be read, in one state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) horizon: i64,
    /// The last time that is complete.
    pub(crate) last: i64,
}

impl Engine {
    /// The table of a view that has history.
    pub(super) fn past_of<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
    ) -> Result<(&Table, &EngineTable, &History), Error> {
        let face = table_with_history(&self.graph, view)?;
        let table = &self.tables[&face.id()];
        let history = table.history.as_ref();
        Ok((face, table, history.expect("the table has history")))
    }

    /// How far a view can be read, in the state that the statement sees.
    pub(super) async fn limits(&self, client: &Client, table: &Table) -> Result<Limits, Error> {
        let doing = || self.reading_past();
        let sql = format!(
            "SELECT h.\"horizon\", c.\"complete\" FROM {} AS c, {} AS h \
             WHERE c.\"graph\" = $1 AND h.\"graph\" = $1 AND h.\"table_name\" = $2",
            self.place(CLOCK),
            self.place(HISTORY)
        );
        let values: [(&(dyn ToSql + Sync), Type); 2] = [
            (&self.graph.name(), Type::TEXT),
            (&self.tables[&table.id()].name, Type::TEXT),
        ];
        let row = client.query_typed_opt(&sql, &values).await.context(doing)?;
        let row = row.ok_or_else(|| self.nothing_of_graph())?;
        Ok(Limits {
            horizon: row.try_get(0).context(doing)?,
            last: row.try_get(1).context(doing)?,
        })
    }

    pub(super) fn reading_past(&self) -> String {
        format!("reading the past of graph `{}`", self.graph.name())
    }
}

impl Limits {
    /// Checks that the view can be read as of a time.
    pub(crate) fn check(self, table: &Table, time: i64) -> Result<(), Error> {
        check_time(table, time, self.horizon, self.last)
    }
}

impl Source {
    /// Asks something of the server. What only reads is tried again where the connection turns out to be lost.
    pub(super) async fn ask<R, Asked>(&self, ask: impl Fn() -> Asked) -> Result<R, Error>
    where
        Asked: Future<Output = Result<R, Error>>,
    {
        let mut pauses = self.pauses();
        loop {
            match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) => pauses.after(error).await?,
            }
        }
    }

    /// How far a view can be read.
    pub(super) async fn limits(&self, table: &Table) -> Result<Limits, Error> {
        let engine = self.engine();
        let asked = self.ask(|| async {
            let reader = self.reader().await?;
            engine.limits(reader.client(), table).await
        });
        asked.await
    }

    /// Begins to read a view as of a time: from one state, in which the time can be read.
    pub(crate) async fn begin_as_of<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        time: i64,
    ) -> Result<(Self, At), Error> {
        let engine = self.engine();
        let (table, stored, _) = engine.past_of(view)?;
        let mut pauses = self.pauses();
        let (reader, limits) = loop {
            let begun = async {
                let reader = self.reader().await?;
                let limits = begin_with_limits(&reader, engine, table).await?;
                Ok((reader, limits))
            };
            match begun.await {
                Ok(begun) => break begun,
                Err(error) => pauses.after(error).await?,
            }
        };
        limits.check(table, time)?;
        let at = At::new(engine, stored, time, limits.last);
        Ok((Self::Snapshot(reader), at))
    }

    /// The time of a moment, and that a view can be read as of it.
    pub(super) async fn readable<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        moment: Moment,
    ) -> Result<i64, Error> {
        let engine = self.engine();
        let (table, ..) = engine.past_of(view)?;
        let time = self.time_of(moment).await?;
        self.limits(table).await?.check(table, time)?;
        Ok(time)
    }

    /// The time of a moment.
    pub(super) async fn time_of(&self, moment: Moment) -> Result<i64, Error> {
        match moment {
            Moment::Time(time) => Ok(time),
            Moment::Instant(instant) => self.time_at(instant).await,
        }
    }

    /// The newest time that was committed at an instant or before it.
    pub(crate) async fn time_at(&self, instant: SystemTime) -> Result<i64, Error> {
        check_graph(&self.engine().graph)?;
        let at = to_micros(instant);
        let found = self.instant("\"at\" <= $2", "\"at\" DESC, \"t\" DESC", at);
        let found = found.await?;
        match (found.newest, found.first_known) {
            (Some((time, _)), _) => Ok(time),
            (None, Some(first)) => Err(self.forgotten("that instant", first)),
            (None, None) => Ok(0),
        }
    }

    /// The instant at which a time was committed.
    pub(crate) async fn instant_of(&self, time: i64) -> Result<Option<SystemTime>, Error> {
        let graph = &self.engine().graph;
        check_graph(graph)?;
        let found = self.instant("\"t\" <= $2", "\"t\" DESC", time).await?;
        if time > found.last {
            return Err(not_yet(graph.name(), time, found.last));
        }
        match (found.newest, found.first_known) {
            (Some((_, at)), _) => Ok(Some(from_micros(at))),
            (None, Some(first)) => Err(self.forgotten(&format!("time {time}"), first)),
            (None, None) => Ok(None),
        }
    }

    fn forgotten(&self, what: &str, first: i64) -> Error {
        forgotten_instant(self.engine().graph.name(), what, first)
    }

    /// The newest of the instants that meet a condition.
    async fn instant(&self, only: &str, order: &str, value: i64) -> Result<Found, Error> {
        let engine = self.engine();
        let (clock, instants) = (engine.place(CLOCK), engine.place(INSTANTS));
        // Nothing is forgotten, where the first that is known is the first that there was.
        let sql = format!(
            "SELECT c.\"complete\", f.\"t\", f.\"at\", CASE WHEN e.\"n\" > 1 THEN e.\"t\" END FROM {clock} AS c \
             LEFT JOIN LATERAL (SELECT \"t\", \"at\" FROM {instants} WHERE \"graph\" = $1 AND {only} \
             ORDER BY {order} LIMIT 1) AS f ON true \
             LEFT JOIN LATERAL (SELECT \"t\", \"n\" FROM {instants} WHERE \"graph\" = $1 ORDER BY \"t\" LIMIT 1) AS e \
             ON true WHERE c.\"graph\" = $1"
        );
        let asked = self.ask(|| async {
            let values: [(&(dyn ToSql + Sync), Type); 2] =
                [(&engine.graph.name(), Type::TEXT), (&value, Type::INT8)];
            let reader = self.reader().await?;
            let row = reader.client().query_typed_opt(&sql, &values).await;
            row.context(|| engine.reading_past())
        });
        let row = asked.await?.ok_or_else(|| engine.nothing_of_graph())?;
        let read = || -> Result<Found, tokio_postgres::Error> {
            let time: Option<i64> = row.try_get(1)?;
            let at: Option<i64> = row.try_get(2)?;
            Ok(Found {
                last: row.try_get(0)?,
                newest: time.zip(at),
                first_known: row.try_get(3)?,
            })
        };
        read().context(|| engine.reading_past())
    }
}

/// What is recorded of instants.
struct Found {
    last: i64,
    /// A time and its instant.
    newest: Option<(i64, i64)>,
    /// The first time whose instant is known, if there were others before it.
    first_known: Option<i64>,
}

async fn begin_with_limits(
    reader: &Arc<Reader>,
    engine: &Engine,
    table: &Table,
) -> Result<Limits, Error> {
    let looking = engine.limits(reader.client(), table);
    let (begun, limits) = futures::join!(reader.begin(), looking);
    begun.context(|| engine.reading_past())?;
    limits
}
