//! A transaction that writes, begun and committed by prepared statements: for one small change, parsing `BEGIN` and `COMMIT`
//! would be a tenth of all work. It is taken back unless it is committed.

use rusqlite::Connection;

/// Holds the write lock of the database.
pub(crate) struct WriteTransaction<'c> {
    conn: &'c Connection,
    is_open: bool,
}

impl<'c> WriteTransaction<'c> {
    pub(crate) fn begin(conn: &'c Connection) -> rusqlite::Result<Self> {
        run(conn, "BEGIN IMMEDIATE")?;
        Ok(Self {
            conn,
            is_open: true,
        })
    }

    pub(crate) fn commit(mut self) -> rusqlite::Result<()> {
        run(self.conn, "COMMIT")?;
        self.is_open = false;
        Ok(())
    }
}

impl Drop for WriteTransaction<'_> {
    fn drop(&mut self) {
        // SQLite may have taken it back by itself.
        if self.is_open && !self.conn.is_autocommit() {
            // Nothing can be said from here; whoever writes next finds the transaction open.
            let _ = run(self.conn, "ROLLBACK");
        }
    }
}

fn run(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(|_| ())
}
