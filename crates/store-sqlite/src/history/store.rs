//! What a store can be asked of the past. Each question is answered from one state, in which the horizon is looked at
//! first.

use std::time::SystemTime;

use deltaview_graph::{Bounds, Order, Table, ViewHandle};
use deltaview_schema::{Index, IndexKey, Row};
use deltaview_store::history::{
    check_graph, check_time, forgotten_instant, from_micros, not_yet, table_with_history, to_micros,
};
use deltaview_store::{Delta, Error, Forgotten, Rows, Version};
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior};

use super::read::{PastScan, reading};
use super::{forget, log};
use crate::error::Context;
use crate::scan::ReadTransaction;
use crate::store::SqliteStore;

/// A view with history, in the state that is read.
struct Past<'s, T, K> {
    transaction: ReadTransaction<'s>,
    table: &'s Table,
    index: (&'s Index<T, K>, usize),
    /// The first time that can be read.
    horizon: i64,
    /// The last time that is complete.
    last: i64,
}

impl<T, K> Past<'_, T, K> {
    fn check(&self, time: i64) -> Result<(), Error> {
        check_time(self.table, time, self.horizon, self.last)
    }
}

impl SqliteStore {
    fn past<T: Row, K: IndexKey>(&self, view: ViewHandle<T, K>) -> Result<Past<'_, T, K>, Error> {
        let graph = &self.engine.graph;
        let table = table_with_history(graph, view)?;
        let transaction = self.begin_reading()?;
        let horizon =
            forget::horizon(&self.conn, table.schema()).context(|| reading(table.schema()))?;
        Ok(Past {
            transaction,
            table,
            index: (graph.view_index(view)?, view.index()),
            horizon,
            last: self.engine.time(&self.conn)?,
        })
    }

    pub(crate) fn past_horizon<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
    ) -> Result<i64, Error> {
        Ok(self.past(view)?.horizon)
    }

    pub(crate) fn past_rows<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        range: (Bounds<K>, Order),
        time: i64,
    ) -> Result<Rows<'_, T>, Error> {
        let past = self.past(view)?;
        past.check(time)?;
        let schema = past.table.schema();
        let scan = PastScan::new(&self.conn, schema, past.index, range, (time, past.last));
        let transaction = past.transaction;
        Ok(Rows::new(scan.map(move |row| {
            let _one_state = &transaction;
            row.map(|row| (row.row, row.weight))
        })))
    }

    pub(crate) fn past_deltas<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        between: (i64, i64),
        most: usize,
    ) -> Result<Vec<Delta<T>>, Error> {
        let past = self.past(view)?;
        past.check(between.0)?;
        log::deltas(&self.conn, past.table.schema(), between, most)
    }

    pub(crate) fn past_times<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        before: i64,
        most: usize,
    ) -> Result<Vec<i64>, Error> {
        let past = self.past(view)?;
        let schema = past.table.schema();
        log::times(&self.conn, schema, (past.horizon, before), most).context(|| reading(schema))
    }

    pub(crate) fn past_versions<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        key: &K,
        (at, ended_before): (i64, Option<i64>),
        most: usize,
    ) -> Result<Vec<Version<T>>, Error> {
        let past = self.past(view)?;
        past.check(at)?;
        let wanted = log::Versions {
            key,
            at,
            ended_before,
            horizon: past.horizon,
            last: past.last,
        };
        log::versions(&self.conn, past.table.schema(), past.index, &wanted, most)
    }

    pub(crate) fn past_time_at(&self, instant: SystemTime) -> Result<i64, Error> {
        check_graph(&self.engine.graph)?;
        let _one_state = self.begin_reading()?;
        let graph = self.engine.graph.name();
        let doing = || format!("reading the instants of graph `{graph}`");
        let found = forget::current_at(&self.conn, graph, to_micros(instant)).context(doing)?;
        if let Some(time) = found {
            return Ok(time);
        }
        self.check_nothing_before(|| match instant.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => format!("the instant {} seconds since 1970", since.as_secs()),
            Err(_) => "an instant before 1970".to_string(),
        })?;
        Ok(0)
    }

    pub(crate) fn past_instant_of(&self, time: i64) -> Result<Option<SystemTime>, Error> {
        let graph = &self.engine.graph;
        check_graph(graph)?;
        let _one_state = self.begin_reading()?;
        let last = self.engine.time(&self.conn)?;
        if time > last {
            return Err(not_yet(graph.name(), time, last));
        }
        let sql = "SELECT \"at\" FROM \"deltaview_instants\" WHERE \"graph\" = ?1 AND \"t\" <= ?2 \
                   ORDER BY \"t\" DESC LIMIT 1";
        let found: Option<i64> = self
            .conn
            .prepare_cached(sql)
            .and_then(|mut statement| {
                let found = statement.query_row((graph.name(), time), |row| row.get(0));
                found.optional()
            })
            .context(|| format!("reading the instants of graph `{}`", graph.name()))?;
        if found.is_none() {
            self.check_nothing_before(|| format!("time {time}"))?;
        }
        Ok(found.map(from_micros))
    }

    /// What is before all instants is before the first commit, unless all views have forgotten some of their past.
    fn check_nothing_before(&self, what: impl Fn() -> String) -> Result<(), Error> {
        let graph = self.engine.graph.name();
        let sql = "SELECT min(\"horizon\"), (SELECT min(\"t\") FROM \"deltaview_instants\" WHERE \"graph\" = ?1) \
                   FROM \"deltaview_history\" WHERE \"graph\" = ?1";
        let (horizon, first): (i64, Option<i64>) = self
            .conn
            .prepare_cached(sql)
            .and_then(|mut statement| {
                statement.query_row([graph], |row| Ok((row.get(0)?, row.get(1)?)))
            })
            .context(|| format!("reading the instants of graph `{graph}`"))?;
        if horizon <= 0 {
            return Ok(());
        }
        Err(forgotten_instant(graph, &what(), first.unwrap_or(horizon)))
    }

    pub(crate) fn forget_past<T: Row, K: IndexKey>(
        &mut self,
        view: ViewHandle<T, K>,
        time: i64,
        rows: usize,
    ) -> Result<Forgotten, Error> {
        let table = table_with_history(&self.engine.graph, view)?;
        let schema = table.schema();
        let doing = || forget::forgetting(schema);
        let tx = Transaction::new_unchecked(&self.conn, TransactionBehavior::Immediate)
            .context(doing)?;
        let last = self.engine.time(&tx)?;
        if time > last {
            return Err(not_yet(&schema.graph, time, last));
        }
        forget::move_horizon(&tx, schema, time).context(doing)?;
        let horizon = forget::horizon(&tx, schema).context(doing)?;
        let history = self.engine.tables[&table.id()].history.as_ref();
        let history = history.expect("it has history");
        let swept = forget::sweep_up(&tx, schema, &history.sweep, rows.max(1))?;
        tx.commit().context(doing)?;
        Ok(Forgotten {
            horizon,
            rows: swept.rows as u64,
            is_done: swept.is_done,
        })
    }
}
