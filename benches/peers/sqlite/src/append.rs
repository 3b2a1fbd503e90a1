//! Raw reads that are only appended, without an index and without sums: how fast SQLite takes rows in, which nothing that
//! maintains anything reaches. A removed read is one that counts −1. The sums are computed when they are asked for.

use deltaview_benches::meters::BEGIN;
use deltaview_peers_frame::{Group, Meter, Options, Peer, Read, User};

use crate::file::{Tables, USERS_AND_METERS, blob, integer, values, written};

const READS: &str = "\
CREATE TABLE reads (meter BLOB NOT NULL, at INTEGER NOT NULL, value INTEGER NOT NULL, c INTEGER NOT NULL) STRICT;
";

struct Append {
    tables: Tables,
}

pub(crate) fn make(options: &Options) -> Box<dyn Peer> {
    Box::new(Append {
        tables: Tables::new(options, &[USERS_AND_METERS, READS]),
    })
}

impl Append {
    fn append(&self, reads: &[Read], count: i64) {
        self.tables.begin();
        for read in reads {
            let (meter, at, value) = values(read);
            let sql = "INSERT INTO reads VALUES (?1, ?2, ?3, ?4)";
            self.tables.execute(sql, (meter, at, value, count));
        }
        self.tables.commit();
    }
}

/// The sums of the reads for which a condition holds.
fn select(condition: &str) -> String {
    format!(
        "SELECT (reads.at - {BEGIN}) / 86400 AS day, users.id AS user, reads.meter AS meter, sum(reads.c * reads.value) \
         FROM reads JOIN meters ON meters.id = reads.meter JOIN users ON users.id = meters.user WHERE {condition} \
         GROUP BY day, users.id, reads.meter HAVING sum(reads.c) <> 0 ORDER BY day, users.id, reads.meter"
    )
}

impl Peer for Append {
    fn load(&mut self, users: Vec<User>, meters: Vec<Meter>) {
        self.tables.load(&users, &meters);
    }

    fn insert(&mut self, reads: &[Read]) {
        self.append(reads, 1);
    }

    fn remove(&mut self, reads: &[Read]) {
        self.append(reads, -1);
    }

    fn get(&mut self, group: Group) -> Option<i64> {
        let sql = select("day = ?1 AND users.id = ?2 AND reads.meter = ?3");
        let mut statement = self.tables.prepare(&sql);
        let mut rows = statement
            .query((group.0, integer(group.1), blob(group.2)))
            .expect("it can be read");
        let row = rows.next().expect("it can be read")?;
        Some(row.get(3).expect("sums are integers"))
    }

    fn day(&mut self, day: u32) -> (u64, i64) {
        self.tables.day(&select("day = ?1"), day)
    }

    fn sums(&mut self) -> Vec<(Group, i64)> {
        self.tables.sums(&select("true"))
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
