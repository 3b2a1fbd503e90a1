//! A connection of the pool that one commit uses, and what is waited for in vain: the graph's lock, the pool. A wait ends by
//! the change's deadline, and a connection that waits for a lock is never given back to the pool.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{Object, StatementCache};
use deltaview_store::{Error, ErrorKind};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::error::Context;
use crate::scope::Connection;
use crate::store::Inner;
use crate::workers::Deadline;

/// How long it is looked at most who holds the graph's lock, for the message.
const LOOK: Duration = Duration::from_millis(500);

/// A connection that goes back to the pool, unless it waits for a lock then.
#[derive(Debug)]
pub(crate) struct Lent {
    /// Nothing, once it is closed.
    connection: Option<Object>,
    is_waiting: AtomicBool,
}

impl Lent {
    pub(crate) fn new(connection: Object) -> Self {
        Self {
            connection: Some(connection),
            is_waiting: AtomicBool::new(false),
        }
    }

    /// It is of no more use, and the pool may have no other place for one.
    pub(crate) fn close(mut self) {
        self.take_out();
    }

    /// The pool has a place for another one. The server ends what is sent, and then the session.
    fn take_out(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(Object::take(connection));
        }
    }
}

impl Connection for &Lent {
    fn client(&self) -> &Client {
        let connection = self.connection.as_ref();
        connection.expect("nobody uses it any more when it is closed")
    }

    fn prepared(&self) -> Option<&StatementCache> {
        let connection = self.connection.as_ref();
        connection.map(|connection| &*connection.statement_cache)
    }

    fn waits_for_a_lock(&self, waits: bool) {
        self.is_waiting.store(waits, Ordering::Relaxed);
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // Whoever had it next would wait as well, and nobody could tell it why.
        if self.is_waiting.load(Ordering::Relaxed) {
            self.take_out();
        }
    }
}

impl Inner {
    /// A connection of the pool, which is waited for as long as a change has time.
    pub(crate) async fn connection_within(&self, deadline: &Deadline) -> Result<Object, Error> {
        let patience = deadline.patience();
        match tokio::time::timeout(patience, self.pool.get()).await {
            Ok(connection) => {
                connection.context(|| "taking a connection from the pool".to_string())
            }
            Err(_) => {
                let message = format!(
                    "a change of graph `{}` waited {} ms for a connection: all those of the pool were in use. Try again, \
                     make the pool larger, or give the change a longer deadline",
                    self.engine.graph.name(),
                    deadline.waited()
                );
                Err(Error::new(ErrorKind::Timeout, message))
            }
        }
    }

    /// What an error of a change is, if it is that the graph's lock was waited for until the deadline: it says who has it.
    /// `client`: the connection that has waited, whose transaction is taken back.
    pub(crate) async fn as_timeout(
        &self,
        error: Error,
        deadline: &Deadline,
        client: &Client,
    ) -> Error {
        if !is_lock_timeout(&error) || !deadline.is_over() {
            return error;
        }
        let holder = tokio::time::timeout(LOOK, self.holder_of_lock(client)).await;
        let holder = match holder {
            Ok(Ok(Some(holder))) => holder,
            _ => "somebody".to_string(),
        };
        let message = format!(
            "a change of graph `{}` waited {} ms for the graph's lock, which {holder} has. Try again, or with a longer \
             deadline; who commits inside of a transaction of their own should end it soon",
            self.engine.graph.name(),
            deadline.waited()
        );
        Error::new(ErrorKind::Timeout, message).caused_by(error)
    }

    /// Who has the graph's lock, in words.
    async fn holder_of_lock(&self, client: &Client) -> Result<Option<String>, Error> {
        let doing = || "looking for who has the lock of the graph".to_string();
        let sql = "SELECT l.pid, COALESCE(a.application_name, ''), \
                   (EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.xact_start) * 1000)::bigint \
                   FROM pg_catalog.pg_locks AS l LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid \
                   WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted \
                   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) \
                   AND ((l.classid::bigint << 32) | l.objid::bigint) = $1";
        let row = client
            .query_typed_opt(sql, &[(&self.engine.lock_key, Type::INT8)])
            .await
            .context(doing)?;
        let told = |row: Row| {
            let (backend, name): (i32, String) = (row.try_get(0)?, row.try_get(1)?);
            let since: Option<i64> = row.try_get(2)?;
            let since = since.map(|since| format!(", in a transaction of {since} ms"));
            Ok::<_, tokio_postgres::Error>(format!(
                "backend {backend} (`{name}`{})",
                since.unwrap_or_default()
            ))
        };
        row.map(told).transpose().context(doing)
    }
}

/// Whether the server has given up on a lock, as it was told to.
fn is_lock_timeout(error: &Error) -> bool {
    let cause = std::error::Error::source(error);
    let cause = cause.and_then(|cause| cause.downcast_ref::<tokio_postgres::Error>());
    cause.is_some_and(|cause| cause.code() == Some(&SqlState::LOCK_NOT_AVAILABLE))
}
