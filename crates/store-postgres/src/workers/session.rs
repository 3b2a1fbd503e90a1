//! A connection that a worker keeps while its changes are in flight, and the advisory locks on it by which others see
//! that it lives. It gives the connection back clean, or not at all.

use std::collections::BTreeSet;
use std::sync::Arc;

use deadpool_postgres::Object;
use deltaview_store::{Error, ErrorKind};
use futures::FutureExt;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::way::Deadline;
use crate::engine::{Engine, key_of};
use crate::error::Context;
use crate::pipeline::Failure;
use crate::scope::{Kind, Scope};
use crate::store::Inner;

/// A connection and the times whose locks it has.
pub(super) struct Session {
    /// Nothing, once it is given back or lost.
    connection: Option<Arc<Object>>,
    /// The backend, once it is known.
    backend: Option<i32>,
    locked: BTreeSet<i64>,
}

impl Session {
    pub(super) async fn begin(inner: &Inner, deadline: &Deadline) -> Result<Self, Error> {
        Ok(Self {
            connection: Some(Arc::new(inner.connection_within(deadline).await?)),
            backend: None,
            locked: BTreeSet::new(),
        })
    }

    /// Takes another connection in the place of one that is lost. The server may not know yet that it is lost, and keep
    /// its locks: it is told.
    pub(super) async fn renew(&mut self, inner: &Inner, deadline: &Deadline) -> Result<(), Error> {
        self.close();
        let connection = inner.connection_within(deadline).await?;
        if let Some(backend) = self.backend.take() {
            let engine = &inner.engine;
            let locked = self.locked.iter().map(|time| engine.time_key(*time));
            let keys: Vec<i64> = locked.chain([engine.lock_key]).collect();
            // Not one that has become somebody else's.
            let sql = "SELECT pg_catalog.pg_terminate_backend(l.pid) FROM pg_catalog.pg_locks AS l \
                       WHERE l.pid = $1 AND l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted \
                       AND ((l.classid::bigint << 32) | l.objid::bigint) = ANY ($2) LIMIT 1";
            let values: [(&(dyn ToSql + Sync), Type); 2] =
                [(&backend, Type::INT4), (&keys, Type::INT8_ARRAY)];
            let ended = connection.query_typed(sql, &values).await;
            ended.context(|| "ending a connection that is lost".to_string())?;
        }
        self.locked.clear();
        self.connection = Some(Arc::new(connection));
        Ok(())
    }

    /// The connection.
    pub(super) fn connection(&self) -> Result<Arc<Object>, Error> {
        self.connection.clone().ok_or_else(|| {
            let message = "the connection to the database was lost: try again";
            Error::new(ErrorKind::Disconnected, message)
        })
    }

    /// A transaction, not begun.
    pub(super) fn scope(&self) -> Result<Scope<Arc<Object>>, Error> {
        Ok(Scope::new(self.connection()?, Kind::Write))
    }

    pub(super) fn has_locked(&self, time: i64) -> bool {
        self.locked.contains(&time)
    }

    /// It has got the locks of times.
    pub(super) fn got(&mut self, times: impl IntoIterator<Item = i64>) {
        self.locked.extend(times);
    }

    pub(super) fn is_backend(&mut self, backend: i32) {
        self.backend = Some(backend);
    }

    /// Lets go of the locks of all other times. Nobody waits for it: it is done before anything else on the connection.
    pub(super) fn keep_only(&mut self, engine: &Engine, held: &BTreeSet<i64>) {
        let Some(connection) = &self.connection else {
            return;
        };
        for time in self.locked.extract_if(.., |time| !held.contains(time)) {
            // The first poll sends.
            let sql = "SELECT pg_catalog.pg_advisory_unlock($1)";
            let key = engine.time_key(time);
            let _ = connection
                .execute_typed(sql, &[(&key, Type::INT8)])
                .now_or_never();
        }
    }

    /// Gives the connection back, after all locks.
    pub(super) fn end(mut self, engine: &Engine) {
        self.keep_only(engine, &BTreeSet::new());
        // From here on the pool has it.
        self.connection = None;
    }

    /// A session that ends lets go of its locks, and everybody sees it.
    fn close(&mut self) {
        if let Some(connection) = self.connection.take().and_then(Arc::into_inner) {
            drop(Object::take(connection));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close();
    }
}

impl Engine {
    /// What the holder of a time has locked.
    pub(super) fn time_key(&self, time: i64) -> i64 {
        let (namespace, graph) = (&self.namespace, self.graph.name());
        key_of(&format!("deltaview\0{namespace}\0{graph}\0{time}"))
    }

    /// Takes the locks of times for the session, as far as nobody else has them; it does not wait.
    pub(super) async fn try_locks(
        &self,
        client: &Client,
        times: &[i64],
    ) -> Result<Vec<i64>, Failure> {
        let failed = |error| self.failed(error, "locking a time");
        let keys: Vec<i64> = times.iter().map(|time| self.time_key(*time)).collect();
        let sql = "SELECT k.t FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS k(t, key) \
                   WHERE pg_catalog.pg_try_advisory_lock(k.key)";
        let values: [(&(dyn ToSql + Sync), Type); 2] =
            [(&times, Type::INT8_ARRAY), (&keys, Type::INT8_ARRAY)];
        let rows = client.query_typed(sql, &values).await.map_err(failed)?;
        let got = rows.iter().map(|row| row.try_get(0).map_err(failed));
        got.collect()
    }

    /// Whether nobody has the lock of a time. It takes it for a moment, shared.
    pub(super) async fn is_free(&self, client: &Client, time: i64) -> Result<bool, Failure> {
        let failed = |error| self.failed(error, "looking for the holder of a time");
        let sql = "SELECT pg_catalog.pg_try_advisory_xact_lock_shared($1)";
        let key = self.time_key(time);
        let row = client.query_typed_one(sql, &[(&key, Type::INT8)]).await;
        row.map_err(failed)?.try_get(0).map_err(failed)
    }
}
