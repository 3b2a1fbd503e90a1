//! SQLite's errors as deltaview's.

use deltaview_store::{Error, ErrorKind};
use rusqlite::ErrorCode;

/// What was being done, for the message.
pub(crate) trait Context<T> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> Context<T> for rusqlite::Result<T> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|error| from_sqlite(error, &doing()))
    }
}

/// An error of SQLite: what was being done, and what to do about it.
pub(crate) fn from_sqlite(error: rusqlite::Error, doing: &str) -> Error {
    let (kind, advice) = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => (
            ErrorKind::NotADatabase,
            "the file is not a SQLite database: open another file",
        ),
        Some(ErrorCode::ReadOnly) => (
            ErrorKind::ReadOnly,
            "the database can only be read: check the file's and the folder's permissions",
        ),
        Some(ErrorCode::DiskFull) => (
            ErrorKind::Full,
            "the disk is full: make room and commit the change again",
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            ErrorKind::Busy,
            "another connection held the database for longer than the busy time-out: commit the change again, or \
             set a longer time-out",
        ),
        Some(ErrorCode::CannotOpen) => (
            ErrorKind::Database,
            "the file can't be opened: check that it is there and the permissions",
        ),
        Some(ErrorCode::DatabaseCorrupt) => (
            ErrorKind::Corrupt,
            "the file is damaged: restore it from a backup, or rebuild it from its inputs",
        ),
        _ => (ErrorKind::Database, "SQLite refused"),
    };
    Error::new(kind, format!("{doing}: {advice} ({error})")).caused_by(error)
}

/// Whether a STRICT table refused a sum that left the integers.
pub(crate) fn is_integer_overflow(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error()
        .is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_DATATYPE)
}
