//! [`PostgresVersions`]: a table of versions in a Postgres database, which may be the application's own, and may have
//! graphs and other maps in it.
//!
//! `catalog` opens and compares, `sql` makes the statements, `write` writes, `blocking` is for programs without a runtime,
//! and this file reads. It knows keys and values only as bytes, and never reads a clock.

mod blocking;
mod catalog;
mod sql;
mod write;

pub use blocking::BlockingPostgresVersions;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{Object, Pool};
use deltaview_store::versions::{
    Changed, KeyRange, MapSpec, Order, Page, Place, RangePage, TimeState, Version, VersionsError,
};
use deltaview_store::{Error, ErrorKind};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use self::catalog::Found;
use self::sql::Statements;
use crate::engine::lock_key;
use crate::error::Context;
use crate::follow::passes;
use crate::options::PostgresOptions;
use crate::retry::Pauses;
use crate::scope::{Kind, Scope};

/// The pauses between two questions of a waiting handle, at the least and at the most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(250));

/// A table of versions in a Postgres database: the contract [`Versions`](deltaview_store::versions::Versions),
/// asynchronous. It is cheap to clone.
///
/// Each question is one statement and one round trip, and so is a plain write. Writers of one map wait for each other:
/// each holds the map's row in `deltaview_maps` until its transaction ends. Readers never wait, but where they settle a
/// time.
///
/// A serialisation failure, a deadlock and a connection that is lost before anything is committed are tried again for
/// [a while](PostgresOptions::retry_for).
///
/// | column of `<map>__versions` | what it has |
/// | --- | --- |
/// | `key bytea` | the key, of 2,700 bytes at most |
/// | `t bigint` | when it was set |
/// | `data bytea` | what it was set to; NULL where it was removed |
///
/// The primary key is `(key, t)`, and there is an index by `(t, key)`.
#[derive(Clone)]
pub struct PostgresVersions {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    spec: MapSpec,
    statements: Statements,
    retry_for: Duration,
}

impl fmt::Debug for PostgresVersions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresVersions")
            .field("map", &self.inner.spec.name)
            .finish_non_exhaustive()
    }
}

type Values<'a> = [(&'a (dyn ToSql + Sync), Type)];

impl PostgresVersions {
    /// Connects by a pool, creating the schema of the options and the map's tables where they are missing. Several
    /// processes may do so at once.
    ///
    /// # Errors
    ///
    /// The server can't be reached, is older than Postgres 13, or its encoding is not UTF-8; the database was made by a
    /// newer version; it has the map with other types, only a part of it, or somebody else's table under one of its names
    /// ([`ErrorKind::Mismatch`]); the user may not create what is missing. The database is left as it was.
    pub async fn connect(
        pool: Pool,
        spec: &MapSpec,
        options: &PostgresOptions,
    ) -> Result<Self, Error> {
        Self::connect_with(pool, spec, options, true).await
    }

    /// Connects to a database that has the map, and creates nothing.
    ///
    /// # Errors
    ///
    /// As [`Self::connect`]; and [`ErrorKind::NotDeltaview`] where the schema does not have the map.
    pub async fn connect_existing(
        pool: Pool,
        spec: &MapSpec,
        options: &PostgresOptions,
    ) -> Result<Self, Error> {
        Self::connect_with(pool, spec, options, false).await
    }

    async fn connect_with(
        pool: Pool,
        spec: &MapSpec,
        options: &PostgresOptions,
        may_create: bool,
    ) -> Result<Self, Error> {
        let namespace = &options.schema;
        let statements = Statements::of(namespace, &spec.name);
        let connecting = || format!("connecting to map `{}`", spec.name);
        let connection = |pool: Pool| async move { pool.get().await.context(connecting) };
        // Looked at before anything is written, so that a database that is refused stays as it was.
        let scope = Scope::new(connection(pool.clone()).await?, Kind::Read);
        scope.begin().await.context(connecting)?;
        let found = catalog::check(scope.client(), namespace, spec, &statements).await?;
        drop(scope);
        if may_create && found != Found::Same {
            let doing = || format!("creating the tables of map `{}`", spec.name);
            let scope = Scope::new(connection(pool.clone()).await?, Kind::Write);
            scope.begin().await.context(doing)?;
            // One at a time in a schema, as graphs do it.
            let lock = "SELECT pg_catalog.pg_advisory_xact_lock($1)";
            scope
                .client()
                .execute_typed(lock, &[(&lock_key(namespace, ""), Type::INT8)])
                .await
                .context(doing)?;
            catalog::create(scope.client(), namespace, spec, &statements).await?;
            scope.keep().await.context(doing)?;
        } else if found == Found::Nothing {
            let message = format!(
                "schema `{namespace}` has no map `{}`: connect with `connect`, which creates it, or to another database",
                spec.name
            );
            return Err(Error::new(ErrorKind::NotDeltaview, message));
        }
        Ok(Self {
            inner: Arc::new(Inner {
                pool,
                spec: spec.clone(),
                statements,
                retry_for: options.retry_for,
            }),
        })
    }

    /// The name of the map.
    pub fn name(&self) -> &str {
        &self.inner.spec.name
    }

    /// The pool.
    pub fn pool(&self) -> &Pool {
        &self.inner.pool
    }

    fn sql(&self) -> &Statements {
        &self.inner.statements
    }

    fn reading(&self) -> String {
        format!("reading map `{}`", self.name())
    }

    fn missing(&self) -> Error {
        let message = format!(
            "the database does not have map `{}` any more: something else than deltaview has removed it",
            self.name()
        );
        Error::new(ErrorKind::NotDeltaview, message)
    }

    /// Does something that can be done again until it succeeds, or fails for a reason that does not pass.
    async fn retried<R>(
        &self,
        act: impl AsyncFn() -> Result<R, VersionsError>,
    ) -> Result<R, VersionsError> {
        let mut pauses = Pauses::lasting(self.inner.retry_for);
        loop {
            match act().await {
                Err(VersionsError::Store(error)) if passes(&error) && pauses.wait().await => {}
                done => return done,
            }
        }
    }

    async fn connection(&self) -> Result<Object, Error> {
        let connection = self.inner.pool.get().await;
        connection.context(|| "taking a connection from the pool".to_string())
    }

    /// Asks, and returns the rows with the state that they are of.
    async fn ask(&self, sql: &str, values: &Values<'_>) -> Result<Answer, VersionsError> {
        let connection = self.connection().await?;
        let rows = connection.query_typed(sql, values).await;
        let rows = rows.context(|| self.reading())?;
        let first = rows.first().ok_or_else(|| self.missing())?;
        let state = self.read(|| {
            Ok(TimeState {
                last: first.try_get(0)?,
                horizon: first.try_get(1)?,
            })
        })?;
        Ok(Answer { rows, state })
    }

    fn read<T>(
        &self,
        read: impl FnOnce() -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, VersionsError> {
        Ok(read().context(|| self.reading())?)
    }

    /// As [`Versions::state`](deltaview_store::versions::Versions::state).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn state(&self) -> Result<TimeState, VersionsError> {
        let map = self.name();
        let answer = self.ask(&self.sql().state, &[(&map, Type::TEXT)]).await?;
        Ok(answer.state)
    }

    /// As [`Versions::newest`](deltaview_store::versions::Versions::newest).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn newest(
        &self,
        keys: &[Vec<u8>],
        at: Option<i64>,
    ) -> Result<Vec<Option<Version>>, VersionsError> {
        if keys.is_empty() {
            if let Some(time) = at {
                self.state().await?.check(self.name(), time)?;
            }
            return Ok(Vec::new());
        }
        let (map, upto) = (self.name(), at.unwrap_or(i64::MAX));
        let values: [(&(dyn ToSql + Sync), Type); 3] = [
            (&map, Type::TEXT),
            (&keys, Type::BYTEA_ARRAY),
            (&upto, Type::INT8),
        ];
        let answer = self.ask(&self.sql().newest, &values).await?;
        if let Some(time) = at {
            answer.state.check(self.name(), time)?;
        }
        let found = answer.rows.iter().map(|row| version(row, 2));
        self.read(|| found.collect())
    }

    /// As [`Versions::range`](deltaview_store::versions::Versions::range).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn range(
        &self,
        keys: &KeyRange,
        at: i64,
        order: Order,
        limit: usize,
    ) -> Result<RangePage, VersionsError> {
        let (map, limit) = (self.name(), sql_limit(limit));
        let values: [(&(dyn ToSql + Sync), Type); 5] = [
            (&map, Type::TEXT),
            (&keys.from, Type::BYTEA),
            (&keys.to, Type::BYTEA),
            (&limit, Type::INT8),
            (&at, Type::INT8),
        ];
        let sql = self.sql().range(order, keys.to.is_some());
        let answer = self.ask(sql, &values).await?;
        answer.state.check(self.name(), at)?;
        let mut page = RangePage {
            rows: Vec::new(),
            rest: None,
        };
        self.read(|| {
            for row in &answer.rows {
                let key: Option<Vec<u8>> = row.try_get(2)?;
                let Some(key) = key else { break };
                page.rest = Some(keys.behind(key.clone(), order));
                let version = version(row, 3)?.filter(|version| version.data.is_some());
                page.rows.extend(version.map(|version| (key, version)));
            }
            Ok(())
        })?;
        if sql_limit(answer.rows.len()) < limit {
            page.rest = None;
        }
        Ok(page)
    }

    /// As [`Versions::versions`](deltaview_store::versions::Versions::versions).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn versions(
        &self,
        key: &[u8],
        before: Option<i64>,
        limit: usize,
    ) -> Result<Page<Version>, VersionsError> {
        let map = self.name();
        let (upto, most) = (
            before.map_or(i64::MAX, |before| before.saturating_sub(1)),
            sql_limit(limit),
        );
        let values: [(&(dyn ToSql + Sync), Type); 4] = [
            (&map, Type::TEXT),
            (&key, Type::BYTEA),
            (&upto, Type::INT8),
            (&most, Type::INT8),
        ];
        let answer = self.ask(&self.sql().versions, &values).await?;
        let state = answer.state;
        let older: Vec<Option<Version>> =
            self.read(|| answer.rows.iter().map(|row| version(row, 2)).collect())?;
        let mut items = Vec::new();
        if before.is_none_or(|before| before > state.horizon) {
            items.extend(state.remembered(older.into_iter().flatten()));
        }
        Ok(page(items, limit, state))
    }

    /// As [`Versions::times`](deltaview_store::versions::Versions::times).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn times(
        &self,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Page<i64>, VersionsError> {
        let map = self.name();
        let (upto, most) = (
            before.map_or(i64::MAX, |before| before.saturating_sub(1)),
            sql_limit(limit),
        );
        let values: [(&(dyn ToSql + Sync), Type); 3] =
            [(&map, Type::TEXT), (&upto, Type::INT8), (&most, Type::INT8)];
        let answer = self.ask(&self.sql().times, &values).await?;
        let state = answer.state;
        let times: Vec<Option<i64>> =
            self.read(|| answer.rows.iter().map(|row| row.try_get(2)).collect())?;
        let items = times.into_iter().flatten();
        let items = items.take_while(|time| *time >= state.horizon).collect();
        Ok(page(items, limit, state))
    }

    /// As [`Versions::changes`](deltaview_store::versions::Versions::changes).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn changes(
        &self,
        after: i64,
        upto: i64,
        from: Option<&Place>,
        limit: usize,
    ) -> Result<Page<Changed>, VersionsError> {
        let map = self.name();
        let (time, key) = match from {
            Some(place) => behind(place),
            None => (after.saturating_add(1), Vec::new()),
        };
        let most = sql_limit(limit);
        let values: [(&(dyn ToSql + Sync), Type); 5] = [
            (&map, Type::TEXT),
            (&time, Type::INT8),
            (&key, Type::BYTEA),
            (&upto, Type::INT8),
            (&most, Type::INT8),
        ];
        let answer = self.ask(&self.sql().changes, &values).await?;
        let state = answer.state;
        state.check(map, upto)?;
        let mut items = Vec::new();
        if after < upto {
            state.check(map, after)?;
            self.read(|| {
                for row in &answer.rows {
                    if let Some(version) = version(row, 3)? {
                        let key = row.try_get(2)?;
                        items.push(Changed { key, version });
                    }
                }
                Ok(())
            })?;
        }
        Ok(page(items, limit, state))
    }

    /// As [`Versions::wait`](deltaview_store::versions::Versions::wait): asks now and then, at pauses that grow to a quarter
    /// of a second.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn wait(&self, after: i64, timeout: Duration) -> Result<i64, VersionsError> {
        let deadline = Instant::now().checked_add(timeout);
        let (mut pause, longest) = PAUSES;
        loop {
            let last = self.state().await?.last;
            let left = deadline.map_or(longest, |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            if last > after || left.is_zero() {
                return Ok(last);
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(longest);
        }
    }
}

/// Rows, and the state that they are of.
struct Answer {
    rows: Vec<Row>,
    state: TimeState,
}

/// A version in two columns of a row, if there is one.
fn version(row: &Row, from: usize) -> Result<Option<Version>, tokio_postgres::Error> {
    let time: Option<i64> = row.try_get(from)?;
    let data = row.try_get(from + 1)?;
    Ok(time.map(|time| Version { time, data }))
}

fn page<T>(items: Vec<T>, limit: usize, state: TimeState) -> Page<T> {
    Page {
        more: items.len() == limit,
        items,
        state,
    }
}

/// The first place behind one.
fn behind(place: &Place) -> (i64, Vec<u8>) {
    let mut key = place.key.clone();
    key.push(0);
    (place.time, key)
}

fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
