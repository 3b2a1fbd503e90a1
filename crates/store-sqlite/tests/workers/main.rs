//! Worker processes on one file, which are stopped, continued and killed.
//!
//! A binary of their own: the suite beside it takes minutes to build, and `DELTAVIEW_KILLS=5000` is asked of this one alone.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, unused_imports, reason = "the other tests need more of it")]
#[path = "../sqlite/common.rs"]
mod common;
#[path = "../../../store/tests/common/killed/mod.rs"]
mod killed;

mod fencing;
mod in_turn;
mod random;

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use deltaview_graph::Graph;
use deltaview_store::Store;
use deltaview_store_sqlite::commit_points::set_hook;
use deltaview_store_sqlite::{SqliteOptions, SqliteStore, Synchronous};

use crate::common::{Temp, rows};
use crate::killed::{Depot, LONG, Place, State};

/// What is added to a lease before something is too slow that is no recovery: the machine may have much else to do.
const MARGIN: Duration = Duration::from_secs(10);

fn options(lease: Duration) -> SqliteOptions {
    SqliteOptions::new()
        .busy_timeout(LONG)
        .deadline(LONG)
        .worker_lease(lease)
        .synchronous(Synchronous::Normal)
}

impl Place for Temp {
    type Store = SqliteStore;

    const MOMENTS: &'static [&'static str] = &["Before", "Written", "Committed"];
    const STAGE_COMMITTED: &'static str = "OneStage Committed";
    const LONG_LEASE: Duration = Duration::from_secs(3);
    const LEASE: Duration = Duration::from_millis(600);

    fn new() -> Self {
        Self::new()
    }

    fn address(&self) -> OsString {
        self.db().into()
    }

    fn open(address: &OsStr, lease: Duration, graph: &Graph) -> SqliteStore {
        options(lease).open(address, graph).unwrap()
    }

    fn at_each_point(hook: impl Fn(&str) + Send + Sync + 'static) {
        let is_first = set_hook(move |work, moment| hook(&format!("{work:?} {moment:?}")));
        assert!(is_first);
    }

    fn until_dead(&self, store: &SqliteStore, _: u32) {
        while !store.status().unwrap().in_flight[0].dead {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn state(&self, reader: &SqliteStore, depot: &Depot, after: i64) -> State {
        // What is read while something is open is of one state.
        let one_state = reader.view(depot.totals).iter().unwrap();
        let time = reader.time().unwrap();
        let sql = "SELECT change_id, t FROM deltaview_changes WHERE t > ?1 AND t <= ?2 ORDER BY t";
        let mut statement = reader.connection().prepare(sql).unwrap();
        let found = statement.query_map([after, time], |row| Ok((row.get(0)?, row.get(1)?)));
        let changes = found.unwrap().map(Result::unwrap).collect();
        let (totals, digits) = (rows(reader, depot.totals), rows(reader, depot.digits));
        drop(one_state);
        State {
            time,
            changes,
            totals,
            digits,
        }
    }

    fn left_over(&self, _: &SqliteStore) -> i64 {
        let sql = "SELECT (SELECT count(*) FROM deltaview_times) + (SELECT count(*) FROM deltaview_journal)";
        let left = self.connection().query_row(sql, [], |row| row.get(0));
        left.unwrap()
    }

    /// As users are told.
    fn longest_recovery(lease: Duration) -> Duration {
        lease
    }
}
