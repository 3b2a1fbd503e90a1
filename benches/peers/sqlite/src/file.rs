//! The file of a peer, in a new folder of its own, and the settings that are the same for all: WAL, `synchronous` NORMAL, a
//! page cache of 64 MiB. All else is as SQLite has it.

use std::path::PathBuf;

use deltaview_peers_frame::{Group, Meter, Options, Read, User};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params};
use tempfile::TempDir;

/// Where a peer keeps its state.
pub(crate) struct Folder {
    folder: TempDir,
}

impl Folder {
    pub(crate) fn new(options: &Options) -> Self {
        let mut builder = tempfile::Builder::new();
        builder.prefix("deltaview-peers-");
        let folder = match &options.folder {
            Some(folder) => builder.tempdir_in(folder),
            None => builder.tempdir(),
        };
        Self {
            folder: folder.expect("a folder can be made"),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("meters.db")
    }

    pub(crate) fn connect(&self) -> Connection {
        let conn = Connection::open(self.path()).expect("the file can be opened");
        conn.set_prepared_statement_cache_capacity(64);
        conn.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;",
        )
        .expect("the settings are right");
        conn
    }

    /// The bytes of all files, once what is in the log is written back.
    pub(crate) fn bytes(&self, conn: &Connection) -> u64 {
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .expect("nobody else has the file open");
        let files = std::fs::read_dir(self.folder.path()).expect("the folder is there");
        files
            .map(|file| file.and_then(|file| file.metadata()))
            .map(|file| file.expect("the file is there").len())
            .sum()
    }
}

/// How many bytes the process has handed to the system to write, in MiB, where Linux tells it.
pub(crate) fn written() -> Vec<(String, f64)> {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let bytes = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    let bytes = bytes.and_then(|bytes| bytes.parse::<f64>().ok());
    bytes
        .map(|bytes| ("written, MiB".to_string(), bytes / 1_048_576.0))
        .into_iter()
        .collect()
}

/// The tables of users and meters, for the peers that are written by hand.
pub(crate) const USERS_AND_METERS: &str = "\
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
CREATE TABLE meters (id BLOB PRIMARY KEY, user INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX meters_by_user ON meters (user);
";

/// The table of the sums.
pub(crate) const SUMS: &str = "\
CREATE TABLE sums (
  day INTEGER NOT NULL, user INTEGER NOT NULL, meter BLOB NOT NULL, sum INTEGER NOT NULL, reads INTEGER NOT NULL,
  PRIMARY KEY (day, user, meter)
) STRICT, WITHOUT ROWID;
";

/// A number of 128 bits, such that SQLite orders it as it is.
pub(crate) fn blob(id: u128) -> [u8; 16] {
    id.to_be_bytes()
}

/// A number that SQLite has.
pub(crate) fn integer(id: u64) -> i64 {
    i64::try_from(id).expect("users are few")
}

/// What a peer that is written by hand does in all its forms.
pub(crate) struct Tables {
    pub(crate) folder: Folder,
    pub(crate) conn: Connection,
}

impl Tables {
    pub(crate) fn new(options: &Options, schema: &[&str]) -> Self {
        let folder = Folder::new(options);
        let conn = folder.connect();
        for sql in schema {
            conn.execute_batch(sql).expect("the schema is right");
        }
        Self { folder, conn }
    }

    pub(crate) fn reopen(&mut self) {
        let closed = std::mem::replace(
            &mut self.conn,
            Connection::open_in_memory().expect("memory is there"),
        );
        closed.close().expect("nothing is open");
        self.conn = self.folder.connect();
        // SQLite reads nothing before it must.
        self.prepare("SELECT 1 FROM users LIMIT 1")
            .query_row([], |_| Ok(()))
            .optional()
            .expect("the file is whole");
    }

    pub(crate) fn begin(&self) {
        self.execute("BEGIN IMMEDIATE", []);
    }

    pub(crate) fn commit(&self) {
        self.execute("COMMIT", []);
    }

    pub(crate) fn prepare(&self, sql: &str) -> CachedStatement<'_> {
        self.conn
            .prepare_cached(sql)
            .expect("the statement is right")
    }

    pub(crate) fn execute(&self, sql: &str, values: impl Params) {
        self.prepare(sql)
            .execute(values)
            .expect("it can be written");
    }

    pub(crate) fn load(&self, users: &[User], meters: &[Meter]) {
        self.begin();
        let mut user_in = self.prepare("INSERT INTO users VALUES (?1, ?2)");
        for user in users {
            user_in
                .execute((integer(user.id), &user.name))
                .expect("users are new");
        }
        let mut meter_in = self.prepare("INSERT INTO meters VALUES (?1, ?2)");
        for meter in meters {
            meter_in
                .execute((blob(meter.id), integer(meter.user)))
                .expect("meters are new");
        }
        drop((user_in, meter_in));
        self.commit();
    }

    pub(crate) fn get(&self, group: Group) -> Option<i64> {
        let sql = "SELECT sum FROM sums WHERE day = ?1 AND user = ?2 AND meter = ?3";
        self.prepare(sql)
            .query_row((group.0, integer(group.1), blob(group.2)), |row| row.get(0))
            .optional()
            .expect("it can be read")
    }

    /// The rows of a day: `sql` selects the sums of day ?1.
    pub(crate) fn day(&self, sql: &str, day: u32) -> (u64, i64) {
        let mut statement = self.prepare(sql);
        let mut rows = statement.query([day]).expect("it can be read");
        let (mut count, mut total) = (0, 0);
        while let Some(row) = rows.next().expect("it can be read") {
            // Whole rows, as a store of views gives them.
            let _group = group_of(row);
            total += row.get::<_, i64>(3).expect("sums are integers");
            count += 1;
        }
        (count, total)
    }

    /// All that `sql` selects: day, user, meter and sum, in this order.
    pub(crate) fn sums(&self, sql: &str) -> Vec<(Group, i64)> {
        self.prepare(sql)
            .query_map([], |row| Ok((group_of(row), row.get(3)?)))
            .expect("it can be read")
            .map(|row| row.expect("it can be read"))
            .collect()
    }

    pub(crate) fn rename(&self, user: &User, name: &str) {
        self.begin();
        let values = (name, integer(user.id));
        self.execute("UPDATE users SET name = ?1 WHERE id = ?2", values);
        self.commit();
    }
}

fn group_of(row: &rusqlite::Row<'_>) -> Group {
    let meter: [u8; 16] = row.get(2).expect("meters have 16 bytes");
    (
        row.get(0).expect("days are integers"),
        row.get::<_, i64>(1).expect("users are integers") as u64,
        u128::from_be_bytes(meter),
    )
}

/// The values of a read, as they are bound.
pub(crate) fn values(read: &Read) -> ([u8; 16], i64, i64) {
    (blob(read.meter), read.at, read.value)
}
