//! Prepared statements, written by hand: one transaction a change, three statements a read. The raw reads are kept, found by
//! their meter, once as one clustered table and once as rows in the order in which they came, with an index.

use deltaview_peers_frame::{Options, Peer, Read};
use rusqlite::OptionalExtension;

use crate::by_hand::{ByHand, Maintained};
use crate::file::{SUMS, Tables, USERS_AND_METERS, blob, values};

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
    insert: &'static str,
    /// One after the other, for a read that goes.
    remove: &'static [&'static str],
}

/// The raw reads in one table, clustered by their meter.
pub(crate) fn make_clustered(options: &Options) -> Box<dyn Peer> {
    let maintained = Statements {
        insert: "INSERT INTO reads VALUES (?1, ?2, ?3, 1) ON CONFLICT DO UPDATE SET c = c + 1",
        remove: &[
            "UPDATE reads SET c = c - 1 WHERE meter = ?1 AND at = ?2 AND value = ?3",
            "DELETE FROM reads WHERE meter = ?1 AND at = ?2 AND value = ?3 AND c = 0",
        ],
    };
    let tables = Tables::new(options, &[USERS_AND_METERS, CLUSTERED, SUMS]);
    Box::new(ByHand { tables, maintained })
}

/// The raw reads in the order in which they came, and an index by their meter.
pub(crate) fn make_rowid(options: &Options) -> Box<dyn Peer> {
    let maintained = Statements {
        insert: "INSERT INTO reads VALUES (?1, ?2, ?3)",
        remove: &["DELETE FROM reads WHERE rowid = \
             (SELECT rowid FROM reads WHERE meter = ?1 AND at = ?2 AND value = ?3 LIMIT 1)"],
    };
    let tables = Tables::new(options, &[USERS_AND_METERS, ROWID, SUMS]);
    Box::new(ByHand { tables, maintained })
}

fn user_of(tables: &Tables, read: &Read) -> Option<i64> {
    let sql =
        "SELECT users.id FROM meters JOIN users ON users.id = meters.user WHERE meters.id = ?1";
    tables
        .prepare(sql)
        .query_row([blob(read.meter)], |row| row.get(0))
        .optional()
        .expect("it can be read")
}

impl Maintained for Statements {
    fn insert(&self, tables: &Tables, reads: &[Read]) {
        for read in reads {
            tables.execute(self.insert, values(read));
            if let Some(user) = user_of(tables, read) {
                let sql = "INSERT INTO sums VALUES (?1, ?2, ?3, ?4, 1) \
                           ON CONFLICT DO UPDATE SET sum = sum + excluded.sum, reads = reads + 1";
                let group = (read.day(), user, blob(read.meter), read.value);
                tables.execute(sql, group);
            }
        }
    }

    fn remove(&self, tables: &Tables, reads: &[Read]) {
        for read in reads {
            for sql in self.remove {
                tables.execute(sql, values(read));
            }
            if let Some(user) = user_of(tables, read) {
                let group = (read.day(), user, blob(read.meter), read.value);
                let sql = "UPDATE sums SET sum = sum - ?4, reads = reads - 1 \
                           WHERE day = ?1 AND user = ?2 AND meter = ?3 RETURNING reads";
                let left: i64 = tables
                    .prepare(sql)
                    .query_row(group, |row| row.get(0))
                    .expect("the group is there");
                if left == 0 {
                    let sql = "DELETE FROM sums WHERE day = ?1 AND user = ?2 AND meter = ?3";
                    tables.execute(sql, (read.day(), user, blob(read.meter)));
                }
            }
        }
    }
}
