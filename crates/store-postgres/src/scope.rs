//! A transaction or a savepoint that is taken back unless it is kept: also where the future that holds it is dropped.
//!
//! The driver sends requests in the order in which they are made. Taking back is a request that nobody waits for: it is
//! sent when the scope is dropped, so before anything that is done with the connection later.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use deadpool_postgres::{Object, StatementCache};
use futures::FutureExt;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::pipeline::{Bound, Link};

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

/// What bounds how long a transaction waits for a lock. A time-out that the connection has stays where it is shorter. Times
/// are written with their units, as intervals are; 0 is none at all.
fn lock_timeout(most: &str) -> String {
    format!(
        "pg_catalog.set_config('lock_timeout', COALESCE(LEAST({most}, NULLIF(EXTRACT(epoch FROM \
         pg_catalog.current_setting('lock_timeout')::interval) * 1000, 0)), 0)::bigint::text, true)"
    )
}

/// The milliseconds of that: not before the patience is over. It is an integer of 32 bits.
fn milliseconds(patience: Duration) -> i64 {
    let most = (patience.as_millis() + 1).min(i32::MAX as u128);
    i64::try_from(most).expect("it has 32 bits")
}

/// The statement that makes the settings of a transaction for few rows, in which a lock is waited for so many milliseconds
/// at most, `$2`, and takes the lock `$1`. One that is prepared costs a third of what the settings do by themselves.
///
/// Each row is looked for in an index, also by a plan that was made while the table was small, and is kept.
static LOCK_FOR_FEW: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT pg_catalog.pg_advisory_xact_lock($1) FROM (SELECT {} AS a, \
         pg_catalog.set_config('enable_seqscan', 'off', true) AS b, \
         pg_catalog.set_config('plan_cache_mode', '{PLANNED_ONCE}', true) AS c OFFSET 0) AS s \
         WHERE s.a IS NOT NULL AND s.b IS NOT NULL AND s.c IS NOT NULL",
        lock_timeout("$2")
    )
});

/// What is prepared is planned once. The server would plan each look-up of a few keys anew, for it sees then how few they are:
/// that is five times the work of looking them up.
const PLANNED_ONCE: &str = "force_generic_plan";

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
            Some(patience) => {
                let most = milliseconds(patience).to_string();
                format!("{begin}; SELECT {}", lock_timeout(&most))
            }
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

    /// Begins a transaction for few rows that [locks](Self::lock_for_few) next: its settings go with that. Others cost more,
    /// and [`Self::settle`] sends them where they are needed. Where something will be read `in_order`, and that is known,
    /// they are sent at once.
    pub(crate) async fn begin_for_few(&self, in_order: bool) -> Result<(), tokio_postgres::Error> {
        let mut sql = self.kind.begin(None);
        if in_order {
            sql.push_str("; ");
            sql.push_str(&settings());
        }
        self.open(&sql).await
    }

    /// Makes the settings for few rows, and takes the lock.
    pub(crate) async fn lock_for_few(
        &self,
        link: Link<'_>,
        key: i64,
    ) -> Result<(), tokio_postgres::Error> {
        let patience = self.patience.map(milliseconds);
        let values: [Bound<'_>; 2] = [(&key, Type::INT8), (&patience, Type::INT8)];
        link.execute(&LOCK_FOR_FEW, &values).await
    }

    /// Sends the settings, where they are still to be sent, after [`Self::begin_for_few`].
    pub(crate) async fn settle(&self) -> Result<(), tokio_postgres::Error> {
        if self.kind == Kind::Savepoint || self.is_settled.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let sql = format!(
            "SET LOCAL enable_seqscan TO DEFAULT; SET LOCAL plan_cache_mode TO DEFAULT; {}",
            settings()
        );
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
