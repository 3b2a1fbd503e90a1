//! Plain recompute: each change of the raw reads makes all sums anew.

use deltaview_benches::meters::BEGIN;
use deltaview_peers_frame::{Options, Peer, Read};

use crate::by_hand::{ByHand, Maintained};
use crate::file::{SUMS, Tables, USERS_AND_METERS, values};

const READS: &str = "\
CREATE TABLE reads (meter BLOB NOT NULL, at INTEGER NOT NULL, value INTEGER NOT NULL) STRICT;
CREATE INDEX reads_by_meter ON reads (meter, at);
";

struct Recompute;

pub(crate) fn make(options: &Options) -> Box<dyn Peer> {
    Box::new(ByHand {
        tables: Tables::new(options, &[USERS_AND_METERS, READS, SUMS]),
        maintained: Recompute,
    })
}

fn change(tables: &Tables, sql: &str, reads: &[Read]) {
    for read in reads {
        tables.execute(sql, values(read));
    }
    tables.execute("DELETE FROM sums", []);
    let sums = format!(
        "INSERT INTO sums SELECT (reads.at - {BEGIN}) / 86400 AS day, users.id, reads.meter, sum(reads.value), \
         count(*) FROM reads JOIN meters ON meters.id = reads.meter JOIN users ON users.id = meters.user \
         GROUP BY day, users.id, reads.meter ORDER BY day, users.id, reads.meter"
    );
    tables.execute(&sums, []);
}

impl Maintained for Recompute {
    fn insert(&self, tables: &Tables, reads: &[Read]) {
        change(tables, "INSERT INTO reads VALUES (?1, ?2, ?3)", reads);
    }

    fn remove(&self, tables: &Tables, reads: &[Read]) {
        let sql = "DELETE FROM reads WHERE rowid = \
                   (SELECT rowid FROM reads WHERE meter = ?1 AND at = ?2 AND value = ?3 LIMIT 1)";
        change(tables, sql, reads);
    }
}
