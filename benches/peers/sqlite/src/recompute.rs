//! Plain recompute: each change of the raw reads makes all sums anew.

use deltaview_benches::meters::BEGIN;
use deltaview_peers_frame::{Group, Meter, Options, Peer, Read, User};

use crate::file::{SUMS, Tables, USERS_AND_METERS, values, written};

const READS: &str = "\
CREATE TABLE reads (meter BLOB NOT NULL, at INTEGER NOT NULL, value INTEGER NOT NULL) STRICT;
CREATE INDEX reads_by_meter ON reads (meter, at);
";

struct Recompute {
    tables: Tables,
}

pub(crate) fn make(options: &Options) -> Box<dyn Peer> {
    Box::new(Recompute {
        tables: Tables::new(options, &[USERS_AND_METERS, READS, SUMS]),
    })
}

impl Recompute {
    fn change(&self, sql: &str, reads: &[Read]) {
        self.tables.begin();
        for read in reads {
            self.tables.execute(sql, values(read));
        }
        self.tables.execute("DELETE FROM sums", []);
        let sums = format!(
            "INSERT INTO sums SELECT (reads.at - {BEGIN}) / 86400 AS day, users.id, reads.meter, sum(reads.value), \
             count(*) FROM reads JOIN meters ON meters.id = reads.meter JOIN users ON users.id = meters.user \
             GROUP BY day, users.id, reads.meter ORDER BY day, users.id, reads.meter"
        );
        self.tables.execute(&sums, []);
        self.tables.commit();
    }
}

impl Peer for Recompute {
    fn load(&mut self, users: Vec<User>, meters: Vec<Meter>) {
        self.tables.load(&users, &meters);
    }

    fn insert(&mut self, reads: &[Read]) {
        self.change("INSERT INTO reads VALUES (?1, ?2, ?3)", reads);
    }

    fn remove(&mut self, reads: &[Read]) {
        let sql = "DELETE FROM reads WHERE rowid = \
                   (SELECT rowid FROM reads WHERE meter = ?1 AND at = ?2 AND value = ?3 LIMIT 1)";
        self.change(sql, reads);
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
