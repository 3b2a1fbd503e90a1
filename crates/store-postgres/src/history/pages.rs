//! Deltas, times and versions of a view with history, a page at a time: each page is a transaction that sees one state, and
//! is sent at once. The horizon is looked at in the state that is read. Nothing is held between two pages.

use deltaview_graph::{TickError, ViewHandle};
use deltaview_schema::{Identity, IndexKey, Row, codec};
use deltaview_store::{Delta, Error, ErrorKind, Version};
use deltaview_zset::{Weight, WeightOverflow, ZSet};
use futures::TryFutureExt;
use tokio_postgres::types::{ToSql, Type};

use super::as_of::{At, columns};
use super::ddl::SINCE;
use super::sql::History;
use crate::error::{Context, is_integer_overflow};
use crate::names::{DATA, IDENTITY};
use crate::scan::{Place, Viewed};
use crate::table::EngineTable;
use crate::view::Source;

/// What one iteration changed, with rows as they are encoded.
pub(super) struct Encoded {
    pub(super) time: i64,
    pub(super) rows: Vec<(Vec<u8>, Weight)>,
}

/// The statement that reads whole deltas behind the time $1 and up to $2, until there are so many rows: time, weight,
/// identity, data.
pub(super) fn sql_deltas(table: &EngineTable, history: &History, rows: usize) -> String {
    format!(
        "SELECT l.\"t\", l.\"w\", l.{IDENTITY}, {data} AS {DATA} FROM (SELECT * FROM {log} AS l \
         WHERE l.\"t\" > $1 AND l.\"t\" <= $2 ORDER BY l.\"t\" FETCH FIRST {rows} ROWS WITH TIES) AS l ORDER BY l.\"t\"",
        data = history.sql_logged_data(&table.schema),
        log = history.log,
    )
}

/// Puts rows of [`sql_deltas`] together by their times.
pub(super) fn deltas_of(
    table: &EngineTable,
    rows: &[tokio_postgres::Row],
    first: usize,
) -> Result<Vec<Encoded>, Error> {
    let doing = || reading(table);
    let mut deltas: Vec<Encoded> = Vec::new();
    for row in rows {
        let time: i64 = row.try_get(first).context(doing)?;
        if deltas.last().is_none_or(|last| last.time != time) {
            let rows = Vec::new();
            deltas.push(Encoded { time, rows });
        }
        let weight: Weight = row.try_get(first + 1).context(doing)?;
        let encoded = logged_row(table, row, first + 2)?;
        if let Some(last) = deltas.last_mut() {
            last.rows.push((encoded, weight));
        }
    }
    Ok(deltas)
}

/// A row that was logged, in the columns of its identity and its data.
fn logged_row(
    table: &EngineTable,
    row: &tokio_postgres::Row,
    first: usize,
) -> Result<Vec<u8>, Error> {
    let identity: &[u8] = row.try_get(first).context(|| reading(table))?;
    let data: Option<&[u8]> = row.try_get(first + 1).context(|| reading(table))?;
    let encoded = data.unwrap_or(identity);
    if Identity::of(encoded).as_bytes() != identity {
        return Err(damaged(table, "a row that was logged is not stored"));
    }
    Ok(encoded.to_vec())
}

fn decoded<T: Row>(table: &EngineTable, encoded: &[u8]) -> Result<T, Error> {
    codec::decode(encoded).map_err(|error| damaged(table, &error.to_string()).caused_by(error))
}

fn reading(table: &EngineTable) -> String {
    format!("reading the past of table `{}`", table.name)
}

fn damaged(table: &EngineTable, what: &str) -> Error {
    let message = format!(
        "the past of table `{}` is damaged: {what}. Restore the database from a backup",
        table.name
    );
    Error::new(ErrorKind::Corrupt, message)
}

fn overflow(table: &EngineTable) -> Error {
    TickError::new(&table.schema.graph, &table.schema.vertex, WeightOverflow).into()
}

impl Source {
    /// As [`Store::deltas_page`](deltaview_store::Store::deltas_page).
    pub(crate) async fn deltas_page<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        after: i64,
        up_to: i64,
        rows: usize,
    ) -> Result<Vec<Delta<T>>, Error> {
        let engine = self.engine();
        let (_, table, history) = engine.past_of(view)?;
        let sql = sql_deltas(table, history, rows.max(1));
        let values: [(&(dyn ToSql + Sync), Type); 2] = [(&after, Type::INT8), (&up_to, Type::INT8)];
        let found = self.read_behind(view, after, &sql, &values).await?;
        let deltas = deltas_of(table, &found, 0)?.into_iter().map(|delta| {
            let rows = delta.rows.iter();
            let rows = rows.map(|(row, weight)| Ok((decoded(table, row)?, *weight)));
            let rows: Vec<(T, Weight)> = rows.collect::<Result<_, Error>>()?;
            let rows = ZSet::from_pairs(rows).map_err(|_| overflow(table))?;
            Ok(Delta::new(delta.time, rows))
        });
        deltas.collect()
    }

    /// What changed between two times, net, by one statement.
    pub(super) async fn net<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        from: i64,
        to: i64,
    ) -> Result<ZSet<T>, Error> {
        let engine = self.engine();
        let (_, table, history) = engine.past_of(view)?;
        let (after, up_to) = (from.min(to), from.max(to));
        let keys: String = crate::names::parts_of(&table.schema.primary)
            .iter()
            .map(|part| format!("l.{}, ", part.name))
            .collect();
        // Sums are numbers of any size until they are cast.
        let sql = format!(
            "SELECT l.\"w\", l.{IDENTITY}, {data} AS {DATA} FROM (SELECT {keys}l.{IDENTITY}, \
             ({sign} * pg_catalog.sum(l.\"w\"))::bigint AS \"w\" FROM {log} AS l WHERE l.\"t\" > $1 AND l.\"t\" <= $2 \
             GROUP BY {keys}l.{IDENTITY} HAVING pg_catalog.sum(l.\"w\") <> 0) AS l",
            data = history.sql_logged_data(&table.schema),
            sign = if from > to { -1 } else { 1 },
            log = history.log,
        );
        let values: [(&(dyn ToSql + Sync), Type); 2] = [(&after, Type::INT8), (&up_to, Type::INT8)];
        let found = self.read_behind(view, after, &sql, &values).await?;
        let rows = found.iter().map(|row| {
            let weight: Weight = row.try_get(0).context(|| reading(table))?;
            Ok((decoded(table, &logged_row(table, row, 1)?)?, weight))
        });
        let rows: Vec<(T, Weight)> = rows.collect::<Result<_, Error>>()?;
        ZSet::from_pairs(rows).map_err(|_| overflow(table))
    }

    /// As [`Store::times_page`](deltaview_store::Store::times_page). Each time is one search, however much it changed.
    pub(crate) async fn times_page<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        before: i64,
        times: usize,
    ) -> Result<Vec<i64>, Error> {
        let engine = self.engine();
        let (_, table, history) = engine.past_of(view)?;
        let newest = |before: &str| {
            format!(
                "SELECT (SELECT pg_catalog.max(l.\"t\") FROM {} AS l WHERE l.\"t\" < {before} AND l.\"t\" > {})",
                history.log, history.horizon
            )
        };
        let sql = format!(
            "WITH RECURSIVE d(t) AS ({} UNION ALL {} FROM d WHERE d.t IS NOT NULL) \
             SELECT t FROM d WHERE t IS NOT NULL LIMIT {}",
            newest("$1"),
            newest("d.t"),
            times.max(1)
        );
        let asked = self.ask(|| async {
            let values: [(&(dyn ToSql + Sync), Type); 1] = [(&before, Type::INT8)];
            let reader = self.reader().await?;
            let asking = reader.client().query_typed(&sql, &values);
            let (begun, rows) = futures::join!(reader.begin(), asking);
            begun.context(|| reading(table))?;
            rows.context(|| reading(table))
        });
        let rows = asked.await?;
        let times = rows.iter().map(|row| row.try_get(0));
        times.collect::<Result<_, _>>().context(|| reading(table))
    }

    /// As [`Store::versions_page`](deltaview_store::Store::versions_page).
    pub(crate) async fn versions_page<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        key: &K,
        at: i64,
        ended_before: Option<i64>,
        rows: usize,
    ) -> Result<Vec<Version<T>>, Error> {
        let engine = self.engine();
        let (face, table, history) = engine.past_of(view)?;
        let as_of = At::new(engine, table, at, at);
        let viewed = Viewed::new(engine, view, Some(as_of.clone()))?;
        let place = Place::of(key, &viewed, 0);
        // Text with a NUL can't be stored: nothing is equal to it.
        let condition = viewed.is_key(&place);
        let found = viewed.scanned_columns();
        let live = condition.as_ref().filter(|_| ended_before.is_none());
        let live = live.map(|condition| {
            let there = as_of.rows_of_key(condition);
            format!("SELECT {found}, t.{SINCE} FROM {there}")
        });
        let ended = condition.as_ref().map(|condition| {
            let (_, over) = columns(&table.schema);
            let before = ended_before.unwrap_or(i64::MAX).min(at.saturating_add(1));
            format!(
                "SELECT {found}, t.{SINCE}, t.\"until\" FROM (SELECT {over}, t.\"until\" FROM {versions} AS t \
                 WHERE {condition} AND t.\"until\" < {before} AND t.\"until\" > {horizon} ORDER BY t.\"until\" DESC \
                 FETCH FIRST {rows} ROWS WITH TIES) AS t ORDER BY t.\"until\" DESC",
                versions = history.versions,
                horizon = history.horizon,
                rows = rows.max(1),
            )
        });
        let values = place.bound();
        let values: Vec<(&(dyn ToSql + Sync), Type)> = values
            .iter()
            .map(|(value, kind)| (&**value as &(dyn ToSql + Sync), kind.clone()))
            .collect();
        let asked = self.ask(|| async {
            let reader = self.reader().await?;
            let client = reader.client();
            let [live, ended] = [&live, &ended].map(|sql| async {
                match sql {
                    Some(sql) => client.query_typed(sql, &values).await,
                    None => Ok(Vec::new()),
                }
            });
            let looking = engine.limits(client, face);
            let (begun, live, ended, limits) = futures::join!(reader.begin(), live, ended, looking);
            begun.context(|| reading(table))?;
            let live = live.context(|| reading(table))?;
            let ended = ended.context(|| reading(table))?;
            Ok((live, ended, limits?))
        });
        let (live, ended, limits) = asked.await?;
        limits.check(face, at)?;
        let behind = viewed.columns_read();
        let version = |row: &tokio_postgres::Row, is_over: bool| -> Result<Version<T>, Error> {
            let (_, decoded, weight) = viewed.decode(row)?;
            let until = is_over.then(|| row.try_get(behind + 1)).transpose();
            Ok(Version {
                row: decoded,
                weight,
                from: row.try_get(behind).context(|| reading(table))?,
                until: until.context(|| reading(table))?,
            })
        };
        let live = live.iter().map(|row| version(row, false));
        let ended = ended.iter().map(|row| version(row, true));
        live.chain(ended).collect()
    }

    /// The rows of a statement about what is behind a time, which can be read.
    async fn read_behind<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        after: i64,
        sql: &str,
        values: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<tokio_postgres::Row>, Error> {
        let engine = self.engine();
        let (face, table, _) = engine.past_of(view)?;
        let asked = self.ask(|| async {
            let reader = self.reader().await?;
            let client = reader.client();
            let rows = client.query_typed(sql, values).map_err(|error| {
                if is_integer_overflow(&error) {
                    return overflow(table);
                }
                crate::error::from_postgres(error, &reading(table))
            });
            let looking = engine.limits(client, face);
            let (begun, rows, limits) = futures::join!(reader.begin(), rows, looking);
            begun.context(|| reading(table))?;
            limits?.check(face, after)?;
            rows
        });
        asked.await
    }
}
