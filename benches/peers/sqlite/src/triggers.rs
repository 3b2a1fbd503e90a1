//! Triggers, written by hand: what is inserted into the raw reads, or deleted from them, changes the sums.

use deltaview_peers_frame::{Group, Meter, Options, Peer, Read, User};

use crate::file::{SUMS, Tables, USERS_AND_METERS, values, written};
use deltaview_benches::meters::BEGIN;

fn schema() -> String {
    format!(
        "\
CREATE TABLE reads (meter BLOB NOT NULL, at INTEGER NOT NULL, value INTEGER NOT NULL) STRICT;
CREATE INDEX reads_by_meter ON reads (meter, at);
CREATE TRIGGER reads_inserted AFTER INSERT ON reads BEGIN
  INSERT INTO sums
    SELECT (new.at - {BEGIN}) / 86400, users.id, new.meter, new.value, 1
    FROM meters JOIN users ON users.id = meters.user WHERE meters.id = new.meter
    ON CONFLICT DO UPDATE SET sum = sum + excluded.sum, reads = reads + 1;
END;
CREATE TRIGGER reads_deleted AFTER DELETE ON reads BEGIN
  UPDATE sums SET sum = sum - old.value, reads = reads - 1
    WHERE day = (old.at - {BEGIN}) / 86400 AND meter = old.meter
      AND user = (SELECT user FROM meters WHERE id = old.meter);
  DELETE FROM sums
    WHERE day = (old.at - {BEGIN}) / 86400 AND meter = old.meter
      AND user = (SELECT user FROM meters WHERE id = old.meter) AND reads = 0;
END;
"
    )
}

struct Triggers {
    tables: Tables,
}

pub(crate) fn make(options: &Options) -> Box<dyn Peer> {
    Box::new(Triggers {
        tables: Tables::new(options, &[USERS_AND_METERS, SUMS, &schema()]),
    })
}

impl Peer for Triggers {
    fn load(&mut self, users: Vec<User>, meters: Vec<Meter>) {
        self.tables.load(&users, &meters);
    }

    fn insert(&mut self, reads: &[Read]) {
        self.tables.begin();
        for read in reads {
            let sql = "INSERT INTO reads VALUES (?1, ?2, ?3)";
            self.tables.execute(sql, values(read));
        }
        self.tables.commit();
    }

    fn remove(&mut self, reads: &[Read]) {
        self.tables.begin();
        for read in reads {
            let sql = "DELETE FROM reads WHERE rowid = \
                       (SELECT rowid FROM reads WHERE meter = ?1 AND at = ?2 AND value = ?3 LIMIT 1)";
            self.tables.execute(sql, values(read));
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
