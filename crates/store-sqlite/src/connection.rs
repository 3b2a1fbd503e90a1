//! Opens a connection and sets it up: the mode of its file, how safe its commits are, its cache. It owns no connection.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::options::{SqliteOptions, Synchronous};

/// What opening may do to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Create the file and the tables.
    Create,
    /// Create nothing.
    Existing,
    /// Create nothing, write nothing.
    ReadOnly,
}

impl Access {
    /// How SQLite opens the file.
    pub(crate) fn flags(self) -> OpenFlags {
        match self {
            Self::Create => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            Self::Existing => OpenFlags::SQLITE_OPEN_READ_WRITE,
            Self::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
        }
    }
}

/// Opens a connection for one thread at a time, which waits for others for so long.
pub(crate) fn open(
    path: &Path,
    flags: OpenFlags,
    busy_timeout: Duration,
) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(busy_timeout)?;
    // A statement is planned once, whatever is bound. Otherwise SQLite looks at what is bound to plan, and prepares a
    // statement whose values were cleared anew: three times the work of the statement itself.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(conn)
}

/// Sets a connection up as the options say. Its file is in WAL mode from then on.
pub(crate) fn configure(conn: &Connection, options: &SqliteOptions) -> rusqlite::Result<()> {
    use_wal(conn, options.busy_timeout)?;
    set_synchronous(conn, options.synchronous)?;
    conn.pragma_update(None, "cache_size", -i64::from(options.cache_kib))
}

/// How safe the commits of a connection are.
pub(crate) fn set_synchronous(conn: &Connection, synchronous: Synchronous) -> rusqlite::Result<()> {
    let synchronous = match synchronous {
        Synchronous::Full => "FULL",
        Synchronous::Normal => "NORMAL",
        Synchronous::Off => "OFF",
    };
    conn.pragma_update(None, "synchronous", synchronous)
}

/// Brings the file into WAL mode, if it is not. SQLite waits for those who read the file; but of several connections
/// that do this at once it refuses all but one without waiting.
fn use_wal(conn: &Connection, patience: Duration) -> rusqlite::Result<()> {
    let deadline = Instant::now() + patience;
    loop {
        match conn.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(2));
            }
            other => return other,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn what_is_bound_does_not_have_a_statement_prepared_anew() {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_MEMORY;
        let conn = open(Path::new(":memory:"), flags, Duration::ZERO).unwrap();
        let table = "CREATE TABLE x (a TEXT, b INTEGER, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID";
        conn.execute_batch(table).unwrap();
        let sql = "SELECT b FROM x WHERE a = ?1 ORDER BY b DESC LIMIT 1";
        for a in ["one", "another", "a third"] {
            let mut last = conn.prepare_cached(sql).unwrap();
            assert!(!last.exists([a]).unwrap());
            assert_eq!(last.get_status(StatementStatus::RePrepare), 0);
        }
    }
}
