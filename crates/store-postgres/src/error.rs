//! Postgres's errors as deltaview's.

use std::error::Error as StdError;

use deadpool_postgres::{PoolError, TimeoutType};
use deltaview_store::{Error, ErrorKind};
use tokio_postgres::error::SqlState;

/// What was being done, for the message.
pub(crate) trait Context<T> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> Context<T> for Result<T, tokio_postgres::Error> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|error| from_postgres(error, &doing()))
    }
}

impl<T> Context<T> for Result<T, PoolError> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|error| from_pool(error, &doing()))
    }
}

/// Whether an error is one of ours that says what it is by its source.
pub(crate) fn is_of<E: StdError + 'static>(error: &Error) -> bool {
    error.source().is_some_and(|source| source.is::<E>())
}

/// An error of the driver or the server: what was being done, and what to do about it.
pub(crate) fn from_postgres(error: tokio_postgres::Error, doing: &str) -> Error {
    let (kind, advice) = if is_disconnected(&error) {
        (
            ErrorKind::Disconnected,
            "the connection to the database was lost: try again",
        )
    } else {
        error
            .code()
            .map_or((ErrorKind::Database, "the driver refused"), meaning)
    };
    Error::new(kind, format!("{doing}: {advice} ({})", whole(&error))).caused_by(error)
}

fn from_pool(error: PoolError, doing: &str) -> Error {
    let (kind, advice) = match error {
        PoolError::Backend(error) => return from_postgres(error, doing),
        PoolError::Timeout(TimeoutType::Wait) => (
            ErrorKind::Busy,
            "all connections of the pool were in use for longer than its time-out: try again, or make the pool larger",
        ),
        PoolError::Timeout(_) => (
            ErrorKind::Disconnected,
            "no connection to the database was made within the pool's time-out: try again",
        ),
        _ => (ErrorKind::Database, "the pool has no connection"),
    };
    Error::new(kind, format!("{doing}: {advice} ({error})")).caused_by(error)
}

/// What the server says no to, and what to do.
fn meaning(code: &SqlState) -> (ErrorKind, &'static str) {
    match code {
        &SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED => (
            ErrorKind::Conflict,
            "somebody else changed the same state at the same time: begin the transaction again",
        ),
        &SqlState::LOCK_NOT_AVAILABLE => (
            ErrorKind::Busy,
            "somebody else held a lock for longer than the database's `lock_timeout`: try again",
        ),
        &SqlState::TOO_MANY_CONNECTIONS => (
            ErrorKind::Busy,
            "the server has no connection left: try again, or make the pools smaller",
        ),
        &SqlState::QUERY_CANCELED => (
            ErrorKind::Timeout,
            "the statement was cancelled, by `statement_timeout` or by somebody: try again, or set a longer time-out",
        ),
        &SqlState::READ_ONLY_SQL_TRANSACTION => (
            ErrorKind::ReadOnly,
            "the transaction or the server can only read: connect to the server that can write",
        ),
        &SqlState::INSUFFICIENT_PRIVILEGE => (
            ErrorKind::Denied,
            "the user may not do this: grant it, or connect as another user",
        ),
        &SqlState::DISK_FULL => (
            ErrorKind::Full,
            "the server's disk is full: make room and commit the change again",
        ),
        &SqlState::UNDEFINED_TABLE | &SqlState::INVALID_SCHEMA_NAME => (
            ErrorKind::NotDeltaview,
            "the database does not have the graph's tables: use a connection to the store's own database",
        ),
        &SqlState::PROGRAM_LIMIT_EXCEEDED | &SqlState::UNTRANSLATABLE_CHARACTER => (
            ErrorKind::UnsupportedKey,
            "the database can't hold a key of the change",
        ),
        &SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED => (
            ErrorKind::Corrupt,
            "the database is damaged: restore it from a backup, or rebuild it from its inputs",
        ),
        _ => (ErrorKind::Database, "Postgres refused"),
    }
}

/// Whether there is no connection any more.
fn is_disconnected(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => {
            // 08: connection exceptions; the others: the server or the backend shuts down, or starts.
            code.code().starts_with("08")
                || [
                    &SqlState::ADMIN_SHUTDOWN,
                    &SqlState::CRASH_SHUTDOWN,
                    &SqlState::CANNOT_CONNECT_NOW,
                ]
                .contains(&code)
        }
        None => {
            let by_io = || {
                let cause = error.source();
                cause.is_some_and(|cause| cause.is::<std::io::Error>())
            };
            error.is_closed() || by_io()
        }
    }
}

/// Whether the server itself said no, and is still there: then it is certain that nothing was done.
pub(crate) fn is_refused(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some() && !is_disconnected(error)
}

/// Whether an error leaves it open what became of a transaction whose `COMMIT` was sent: it came of the connection, and not
/// of the server's refusal.
pub(crate) fn is_in_doubt(error: &Error) -> bool {
    let cause = error.source().and_then(<dyn StdError>::downcast_ref);
    cause.is_some_and(|cause| !is_refused(cause))
}

/// Whether the statement failed only because one before it in the transaction did.
pub(crate) fn is_aftermath(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION)
}

/// Whether a sum left 64 bits.
pub(crate) fn is_integer_overflow(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::NUMERIC_VALUE_OUT_OF_RANGE)
}

/// The driver's message, with what the server said.
fn whole(error: &tokio_postgres::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
