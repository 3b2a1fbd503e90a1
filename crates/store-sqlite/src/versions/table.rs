//! The statements of one map, run over whatever connection. It begins and ends no transaction.

use deltaview_store::versions::{
    Batch, Changed, KeyRange, MapSpec, Order, Place, Swept, TimeState, Version, VersionsError,
    Written,
};
use rusqlite::{Connection, OptionalExtension, Row};

use super::sql::Statements;
use crate::error::Context;

/// A map and its statements, over whatever connection.
pub(super) struct Table {
    pub(super) spec: MapSpec,
    pub(super) statements: Statements,
}

pub(super) fn version(row: &Row<'_>, from: usize) -> rusqlite::Result<Version> {
    Ok(Version {
        time: row.get(from)?,
        data: row.get(from + 1)?,
    })
}

pub(super) fn changed(row: &Row<'_>) -> rusqlite::Result<Changed> {
    Ok(Changed {
        key: row.get(0)?,
        version: version(row, 1)?,
    })
}

impl Table {
    pub(super) fn reading(&self) -> String {
        format!("reading map `{}`", self.spec.name)
    }

    pub(super) fn writing(&self) -> String {
        format!("writing map `{}`", self.spec.name)
    }

    pub(super) fn state(&self, conn: &Connection) -> Result<TimeState, VersionsError> {
        let state = conn
            .prepare_cached(&self.statements.state)
            .and_then(|mut statement| {
                statement.query_row([&self.spec.name], |row| {
                    Ok(TimeState {
                        last: row.get(0)?,
                        horizon: row.get(1)?,
                    })
                })
            });
        Ok(state.context(|| self.reading())?)
    }

    pub(super) fn checked(&self, conn: &Connection, time: i64) -> Result<TimeState, VersionsError> {
        let state = self.state(conn)?;
        state.check(&self.spec.name, time)?;
        Ok(state)
    }

    pub(super) fn set_state(
        &self,
        conn: &Connection,
        state: TimeState,
    ) -> Result<(), VersionsError> {
        let values = (&self.spec.name, state.last, state.horizon);
        conn.prepare_cached(&self.statements.set_state)
            .and_then(|mut statement| statement.execute(values))
            .context(|| self.writing())?;
        Ok(())
    }

    pub(super) fn newest(
        &self,
        conn: &Connection,
        key: &[u8],
        at: i64,
    ) -> rusqlite::Result<Option<Version>> {
        conn.prepare_cached(&self.statements.newest)?
            .query_row((key, at), |row| version(row, 0))
            .optional()
    }

    pub(super) fn write(
        &self,
        conn: &Connection,
        now: i64,
        batch: &Batch,
    ) -> Result<Written, VersionsError> {
        let doing = || self.writing();
        let state = self.state(conn)?;
        let time = state.draw(&self.spec.name, now)?;
        if let Some(expected) = &batch.expected {
            let newest = self.newest(conn, &expected.key, i64::MAX).context(doing)?;
            expected.check(&self.spec.name, newest.as_ref())?;
        }
        let mut old = Vec::new();
        let mut put = conn.prepare_cached(&self.statements.put).context(doing)?;
        for (key, data) in &batch.writes {
            if batch.with_old {
                let newest = self.newest(conn, key, i64::MAX).context(doing)?;
                old.push(newest.and_then(|newest| newest.data));
            }
            put.execute((key, time, data)).context(doing)?;
        }
        let state = TimeState {
            last: time,
            ..state
        };
        self.set_state(conn, state)?;
        Ok(Written { time, old })
    }

    /// The next key of a range, with some version of it.
    pub(super) fn next(
        &self,
        conn: &Connection,
        keys: &KeyRange,
        order: Order,
    ) -> rusqlite::Result<Option<Changed>> {
        let sql = &self.statements;
        let sql = match (order, &keys.to) {
            (Order::Forward, Some(_)) => &sql.first,
            (Order::Forward, None) => &sql.first_of_all,
            (Order::Backward, Some(_)) => &sql.last,
            (Order::Backward, None) => &sql.last_of_all,
        };
        let mut statement = conn.prepare_cached(sql)?;
        match &keys.to {
            Some(to) => statement.query_row((&keys.from, to), changed),
            None => statement.query_row([&keys.from], changed),
        }
        .optional()
    }

    pub(super) fn changes(
        &self,
        conn: &Connection,
        (time, key): (i64, Vec<u8>),
        upto: i64,
        limit: usize,
    ) -> rusqlite::Result<Vec<Changed>> {
        conn.prepare_cached(&self.statements.changes)?
            .query_map((time, key, upto, sql_limit(limit)), changed)?
            .collect()
    }

    pub(super) fn sweep(
        &self,
        conn: &Connection,
        from: Option<&Place>,
        limit: usize,
    ) -> Result<Swept, VersionsError> {
        let horizon = self.state(conn)?.horizon;
        let swept = (|| {
            let (time, key) = from.map_or_else(|| (i64::MIN, Vec::new()), behind);
            let old: Vec<(i64, Vec<u8>, bool)> = conn
                .prepare_cached(&self.statements.old)?
                .query_map((time, key, horizon, sql_limit(limit)), |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })?
                .collect::<Result<_, _>>()?;
            let mut later = conn.prepare_cached(&self.statements.later)?;
            let mut delete = conn.prepare_cached(&self.statements.delete)?;
            let mut deleted = 0;
            for (time, key, is_tombstone) in &old {
                if *is_tombstone || later.exists((key, time, horizon))? {
                    deleted += delete.execute((key, time))?;
                }
            }
            let is_full = old.len() == limit;
            let last = old.into_iter().next_back().filter(|_| is_full);
            let rest = last.map(|(time, key, _)| Place { time, key });
            Ok(Swept { deleted, rest })
        })();
        Ok(swept.context(|| self.writing())?)
    }
}

/// The first place behind one.
pub(super) fn behind(place: &Place) -> (i64, Vec<u8>) {
    let mut key = place.key.clone();
    key.push(0);
    (place.time, key)
}

pub(super) fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
