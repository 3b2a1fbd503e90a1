//! Triggers, written by hand: what is inserted into the raw reads, or deleted from them, changes the sums.

use deltaview_benches::meters::BEGIN;
use deltaview_peers_frame::{Options, Peer, Read};

use crate::by_hand::{ByHand, Maintained};
use crate::file::{SUMS, Tables, USERS_AND_METERS, values};

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

struct Triggers;

pub(crate) fn make(options: &Options) -> Box<dyn Peer> {
    Box::new(ByHand {
        tables: Tables::new(options, &[USERS_AND_METERS, SUMS, &schema()]),
        maintained: Triggers,
    })
}

impl Maintained for Triggers {
    fn insert(&self, tables: &Tables, reads: &[Read]) {
        for read in reads {
            tables.execute("INSERT INTO reads VALUES (?1, ?2, ?3)", values(read));
        }
    }

    fn remove(&self, tables: &Tables, reads: &[Read]) {
        for read in reads {
            let sql = "DELETE FROM reads WHERE rowid = \
                       (SELECT rowid FROM reads WHERE meter = ?1 AND at = ?2 AND value = ?3 LIMIT 1)";
            tables.execute(sql, values(read));
        }
    }
}
