//! Sets a connection up: the mode of its file, how safe its commits are, its cache. It owns no connection.

use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use crate::options::{SqliteOptions, Synchronous};

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
