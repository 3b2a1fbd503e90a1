//! A transaction or a savepoint that is taken back unless it is kept: also where the future that holds it is dropped.
//!
//! The driver sends requests in the order in which they are made. Taking back is a request that nobody waits for: it is
//! sent when the scope is dropped, so before anything that is done with the connection later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{Object, StatementCache};
use futures::FutureExt;
use tokio_postgres::Client;

use crate::pipeline::Link;

/// The savepoint inside of the caller's transaction.
const SAVEPOINT: &str = "deltaview_commit_in";

/// Settings that are off in a transaction. What is read in the order of an index is read from the index then, and not
/// gathered and sorted, whatever the server takes the table for: what it knows of a table that has just grown is wrong.
/// And no plan is worth compiling.
pub(crate) const OFF: [&str; 3] = ["enable_bitmapscan", "enable_sort", "jit"];

fn settings() -> String {
    OFF.map(|setting| format!("SET LOCAL {setting} = off"))
        .join("; ")
}

/// The statement that bounds how long a transaction waits for a lock. A time-out that the connection has stays where it is
/// shorter. Times are written with their units, as intervals are; 0 is none at all.
fn lock_timeout(patience: Duration) -> String {
    // Not before the patience is over. It is an integer of 32 bits.
    let most = (patience.as_millis() + 1).min(i32::MAX as u128);
    format!(
        "SELECT pg_catalog.set_config('lock_timeout', LEAST({most}, NULLIF(EXTRACT(epoch FROM \
         pg_catalog.current_setting('lock_timeout')::interval) * 1000, 0))::bigint::text, true)"
    )
}

/// A connection, borrowed or owned.
pub(crate) trait Connection {
    fn client(&self) -> &Client;

    /// A lock is waited for from here on, or is not any more. Whoever owns the connection may have to know.
    fn waits_for_a_lock(&self, _waits: bool) {}

    /// The statements that are prepared on it, where that is known.
    fn prepared(&self) -> Option<&StatementCache> {
        None
    }
}

impl Connection for &Client {
    fn client(&self) -> &Client {
        self
    }
}

impl Connection for Object {
    fn client(&self) -> &Client {
        self
    }

    fn prepared(&self) -> Option<&StatementCache> {
        Some(&self.statement_cache)
    }
}

impl Connection for &Object {
    fn client(&self) -> &Client {
        self
    }

    fn prepared(&self) -> Option<&StatementCache> {
        Some(&self.statement_cache)
    }
}

impl Connection for Arc<Object> {
    fn client(&self) -> &Client {
        self
    }

    fn prepared(&self) -> Option<&StatementCache> {
        Some(&self.statement_cache)
    }
}

/// What is begun, kept and taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A transaction that writes. Each statement sees what was committed before it: what is read behind a lock is the
    /// newest state.
    Write,
    /// A transaction that reads one state. All it reads is in the order of an index, so that reading a whole table is of no
    /// use either.
    Read,
    /// A part of the caller's transaction, whose settings are the caller's.
    Savepoint,
}

impl Kind {
    /// `patience`: for how long a lock is waited for at most, unless the connection waits for less.
    fn begin(self, patience: Option<Duration>) -> String {
        let begin = match self {
            Self::Write => "BEGIN ISOLATION LEVEL READ COMMITTED".to_string(),
            Self::Read => {
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL enable_seqscan = off"
                    .to_string()
            }
            Self::Savepoint => format!("SAVEPOINT {SAVEPOINT}"),
        };
        match patience {
            Some(patience) => format!("{begin}; {}", lock_timeout(patience)),
            None => begin,
        }
    }

    fn keep(self) -> String {
        match self {
            Self::Write | Self::Read => "COMMIT".to_string(),
            Self::Savepoint => format!("RELEASE SAVEPOINT {SAVEPOINT}"),
        }
    }

    fn take_back(self) -> String {
        match self {
            Self::Write | Self::Read => "ROLLBACK".to_string(),
            Self::Savepoint => {
                format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}; RELEASE SAVEPOINT {SAVEPOINT}")
            }
        }
    }
}

/// A transaction or a savepoint.
#[derive(Debug)]
pub(crate) struct Scope<C: Connection> {
    connection: C,
    pub(crate) kind: Kind,
    patience: Option<Duration>,
    /// Whether its beginning was sent, and not its end.
    is_open: AtomicBool,
    /// Whether nobody needs to send the settings any more.
    is_settled: AtomicBool,
}

impl<C: Connection> Scope<C> {
    /// One that is not begun yet.
    pub(crate) fn new(connection: C, kind: Kind) -> Self {
        Self {
            connection,
            kind,
            patience: None,
            is_open: AtomicBool::new(false),
            is_settled: AtomicBool::new(false),
        }
    }

    /// The same, which waits for each lock for so long at most.
    pub(crate) fn patient(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    pub(crate) fn client(&self) -> &Client {
        self.connection.client()
    }

    pub(crate) fn connection(&self) -> &C {
        &self.connection
    }

    /// Begins it, with its settings.
    pub(crate) async fn begin(&self) -> Result<(), tokio_postgres::Error> {
        let mut sql = self.kind.begin(self.patience);
        if self.kind != Kind::Savepoint {
            self.is_settled.store(true, Ordering::Relaxed);
            sql.push_str("; ");
            sql.push_str(&settings());
        }
        self.open(&sql).await
    }

    /// Begins a transaction for few rows: each is looked for in an index, also by a plan that was made while the table was
    /// small, and is kept. The settings cost more than that: [`Self::settle`] sends them where they are needed. Where
    /// something will be read `in_order`, and that is known, those for that are sent at once.
    pub(crate) async fn begin_for_few(&self, in_order: bool) -> Result<(), tokio_postgres::Error> {
        let mut sql = self.kind.begin(self.patience);
        if self.kind != Kind::Savepoint {
            sql.push_str("; SET LOCAL enable_seqscan = off");
            if in_order {
                sql.push_str("; ");
                sql.push_str(&settings());
            }
        }
        self.open(&sql).await
    }

    /// Sends the settings, where they are still to be sent, after [`Self::begin_for_few`].
    pub(crate) async fn settle(&self) -> Result<(), tokio_postgres::Error> {
        if self.kind == Kind::Savepoint || self.is_settled.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let sql = format!("SET LOCAL enable_seqscan TO DEFAULT; {}", settings());
        self.client().batch_execute(&sql).await
    }

    async fn open(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        // Sent in the same breath.
        self.is_open.store(true, Ordering::Relaxed);
        self.client().batch_execute(sql).await
    }

    /// Commits or releases it.
    pub(crate) async fn keep(&self) -> Result<(), tokio_postgres::Error> {
        let sql = self.kind.keep();
        // Sent in the same breath: from here on nothing can be taken back, and what fails is over.
        self.is_open.store(false, Ordering::Relaxed);
        self.client().batch_execute(&sql).await
    }

    /// Whether its end was sent, or not even its beginning.
    pub(crate) fn is_over(&self) -> bool {
        !self.is_open.load(Ordering::Relaxed)
    }

    /// Its connection.
    pub(crate) fn link(&self) -> Link<'_> {
        Link {
            client: self.client(),
            prepared: self.connection.prepared(),
        }
    }
}

impl<C: Connection> Drop for Scope<C> {
    fn drop(&mut self) {
        if self.is_open.load(Ordering::Relaxed) {
            // The first poll sends. If there is no connection any more, there is nothing to take back either.
            let sql = self.kind.take_back();
            let _ = self.client().batch_execute(&sql).now_or_never();
        }
    }
}
