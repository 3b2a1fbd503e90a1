//! Raw reads that are only appended, without an index and without sums: how fast SQLite takes rows in, which nothing that
//! maintains anything reaches. A removed read is one that counts −1. The sums are computed when they are asked for.

use deltaview_benches::meters::BEGIN;
use deltaview_peers_frame::{Group, Options, Peer, Read};

use crate::by_hand::{ByHand, Maintained};
use crate::file::{Tables, USERS_AND_METERS, blob, integer, values};

const READS: &str = "\
CREATE TABLE reads (meter BLOB NOT NULL, at INTEGER NOT NULL, value INTEGER NOT NULL, c INTEGER NOT NULL) STRICT;
";

struct Append;

pub(crate) fn make(options: &Options) -> Box<dyn Peer> {
    Box::new(ByHand {
        tables: Tables::new(options, &[USERS_AND_METERS, READS]),
        maintained: Append,
    })
}

fn append(tables: &Tables, reads: &[Read], count: i64) {
    for read in reads {
        let (meter, at, value) = values(read);
        let sql = "INSERT INTO reads VALUES (?1, ?2, ?3, ?4)";
        tables.execute(sql, (meter, at, value, count));
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

impl Maintained for Append {
    fn insert(&self, tables: &Tables, reads: &[Read]) {
        append(tables, reads, 1);
    }

    fn remove(&self, tables: &Tables, reads: &[Read]) {
        append(tables, reads, -1);
    }

    fn get(&self, tables: &Tables, group: Group) -> Option<i64> {
        let sql = select("day = ?1 AND users.id = ?2 AND reads.meter = ?3");
        let mut statement = tables.prepare(&sql);
        let mut rows = statement
            .query((group.0, integer(group.1), blob(group.2)))
            .expect("it can be read");
        let row = rows.next().expect("it can be read")?;
        Some(row.get(3).expect("sums are integers"))
    }

    fn of_day(&self) -> String {
        select("day = ?1")
    }

    fn all(&self) -> String {
        select("true")
    }
}
