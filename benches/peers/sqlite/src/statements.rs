//! Prepared statements, written by hand: one transaction a change, three statements a read. The raw reads are kept, found by
//! their meter, once as one clustered table and once as rows in the order in which they came, with an index.

use deltaview_peers_frame::{Group, Meter, Options, Peer, Read, User};
use rusqlite::OptionalExtension;

use crate::file::{SUMS, Tables, USERS_AND_METERS, blob, values, written};

const CLUSTERED: &str = "\
CREATE TABLE reads (
  meter BLOB NOT NULL, at INTEGER NOT NULL, value INTEGER NOT NULL, c INTEGER NOT NULL,
  PRIMARY KEY (meter, at, value)
) STRICT, WITHOUT ROWID;
";
const ROWID: &str = "\
CREATE TABLE reads (meter BLOB NOT NULL, at INTEGER NOT NULL, value INTEGER NOT NULL) STRICT;
CREATE INDEX reads_by_meter ON reads (meter, at);
";

struct Statements {
    tables: Tables,
    insert: &'static str,
    /// One after the other, for a read that goes.
    remove: &'static [&'static str],
}

/// The raw reads in one table, clustered by their meter.
pub(crate) fn make_clustered(options: &Options) -> Box<dyn Peer> {
    Box::new(Statements {
        tables: Tables::new(options, &[USERS_AND_METERS, CLUSTERED, SUMS]),
        insert: "INSERT INTO reads VALUES (?1, ?2, ?3, 1) ON CONFLICT DO UPDATE SET c = c + 1",
        remove: &[
            "UPDATE reads SET c = c - 1 WHERE meter = ?1 AND at = ?2 AND value = ?3",
            "DELETE FROM reads WHERE meter = ?1 AND at = ?2 AND value = ?3 AND c = 0",
        ],
    })
}

/// The raw reads in the order in which they came, and an index by their meter.
pub(crate) fn make_rowid(options: &Options) -> Box<dyn Peer> {
    Box::new(Statements {
        tables: Tables::new(options, &[USERS_AND_METERS, ROWID, SUMS]),
        insert: "INSERT INTO reads VALUES (?1, ?2, ?3)",
        remove: &["DELETE FROM reads WHERE rowid = \
             (SELECT rowid FROM reads WHERE meter = ?1 AND at = ?2 AND value = ?3 LIMIT 1)"],
    })
}

impl Statements {
    fn user_of(&self, read: &Read) -> Option<i64> {
        let sql =
            "SELECT users.id FROM meters JOIN users ON users.id = meters.user WHERE meters.id = ?1";
        self.tables
            .prepare(sql)
            .query_row([blob(read.meter)], |row| row.get(0))
            .optional()
            .expect("it can be read")
    }
}

impl Peer for Statements {
    fn load(&mut self, users: Vec<User>, meters: Vec<Meter>) {
        self.tables.load(&users, &meters);
    }

    fn insert(&mut self, reads: &[Read]) {
        self.tables.begin();
        for read in reads {
            self.tables.execute(self.insert, values(read));
            if let Some(user) = self.user_of(read) {
                let sql = "INSERT INTO sums VALUES (?1, ?2, ?3, ?4, 1) \
                           ON CONFLICT DO UPDATE SET sum = sum + excluded.sum, reads = reads + 1";
                let group = (read.day(), user, blob(read.meter), read.value);
                self.tables.execute(sql, group);
            }
        }
        self.tables.commit();
    }

    fn remove(&mut self, reads: &[Read]) {
        self.tables.begin();
        for read in reads {
            for sql in self.remove {
                self.tables.execute(sql, values(read));
            }
            if let Some(user) = self.user_of(read) {
                let group = (read.day(), user, blob(read.meter), read.value);
                let sql = "UPDATE sums SET sum = sum - ?4, reads = reads - 1 \
                           WHERE day = ?1 AND user = ?2 AND meter = ?3 RETURNING reads";
                let left: i64 = self
                    .tables
                    .prepare(sql)
                    .query_row(group, |row| row.get(0))
                    .expect("the group is there");
                if left == 0 {
                    let sql = "DELETE FROM sums WHERE day = ?1 AND user = ?2 AND meter = ?3";
                    let group = (read.day(), user, blob(read.meter));
                    self.tables.execute(sql, group);
                }
            }
        }
        self.tables.commit();
    }

    fn get(&mut self, group: Group) -> Option<i64> {
        self.tables.get(group)
    }

    fn day(&mut self, day: u32) -> (u64, i64) {
        let sql = "SELECT day, user, meter, sum FROM sums WHERE day = ?1";
        self.tables.day(sql, day)
    }

    fn sums(&mut self) -> Vec<(Group, i64)> {
        let sql = "SELECT day, user, meter, sum FROM sums ORDER BY day, user, meter";
        self.tables.sums(sql)
    }

    fn rename(&mut self, user: User, name: String) {
        self.tables.rename(&user, &name);
    }

    fn reopen(&mut self) -> bool {
        self.tables.reopen();
        true
    }

    fn disk_bytes(&mut self) -> Option<u64> {
        Some(self.tables.folder.bytes(&self.tables.conn))
    }

    fn figures(&mut self) -> Vec<(String, f64)> {
        written()
    }
}
