//! Worker processes on one database, which are killed. A binary of their own, so that `DELTAVIEW_KILLS=1500` is asked of
//! this one alone.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "the other tests need more of it")]
#[path = "../postgres/common.rs"]
mod common;
#[allow(dead_code, reason = "not all stores need all of it")]
#[path = "../../../store/tests/common/killed/mod.rs"]
mod killed;

use std::ffi::{OsStr, OsString};
use std::sync::Arc;
use std::time::Duration;

use deltaview_graph::Graph;
use deltaview_store_postgres::commit_points::set_hook;
use deltaview_store_postgres::{BlockingPostgresStore, PostgresOptions};

use crate::common::{blocking, config, pool};
use crate::killed::{Depot, LONG, Place, State};

impl Place for common::Place {
    type Store = BlockingPostgresStore;

    const MOMENTS: &'static [&'static str] = &["Before", "Half", "Sent", "Answered"];
    const STAGE_COMMITTED: &'static str = "OneStage Answered";
    // The server knows who lives.
    const LONG_LEASE: Duration = LONG;
    const LEASE: Duration = LONG;

    fn new() -> Self {
        Self::new()
    }

    fn address(&self) -> OsString {
        self.schema.clone().into()
    }

    fn open(address: &OsStr, _: Duration, graph: &Graph) -> BlockingPostgresStore {
        let mut config = config();
        config.application_name(worker(std::process::id()));
        let options = PostgresOptions::new().schema(address.to_str().unwrap());
        let options = options.deadline(LONG);
        let runtime = blocking();
        let store = runtime.block_on(options.connect(pool(config, 2), graph));
        BlockingPostgresStore::new(store.unwrap(), Arc::new(runtime))
    }

    fn at_each_point(hook: impl Fn(&str) + Send + Sync + 'static) {
        let is_first = set_hook(move |work, moment| hook(&format!("{work:?} {moment:?}")));
        assert!(is_first);
    }

    fn until_dead(&self, store: &BlockingPostgresStore, process: u32) {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
        store.block_on(async {
            let client = self.pool.get().await.unwrap();
            while client
                .query_one(sql, &[&worker(process)])
                .await
                .unwrap()
                .get::<_, i64>(0)
                > 0
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }

    fn state(&self, reader: &BlockingPostgresStore, depot: &Depot, after: i64) -> State {
        reader.block_on(async {
            let store = reader.inner();
            let snapshot = store.snapshot().await.unwrap();
            let time = snapshot.time();
            let mut totals = Vec::new();
            let mut rows = snapshot.view(depot.totals).iter().await.unwrap();
            while let Some(row) = rows.next().await {
                totals.push(row.unwrap());
            }
            let mut digits = Vec::new();
            let mut rows = snapshot.view(depot.digits).iter().await.unwrap();
            while let Some(row) = rows.next().await {
                digits.push(row.unwrap());
            }
            drop((rows, snapshot));
            // A name that is there stays as it is.
            let sql = format!(
                "SELECT change_id, t FROM \"{}\".deltaview_changes WHERE t > $1 AND t <= $2 ORDER BY t",
                self.schema
            );
            let client = store.pool().get().await.unwrap();
            let changes = client.query(&sql, &[&after, &time]).await.unwrap();
            State {
                time,
                changes: changes.iter().map(|row| (row.get(0), row.get(1))).collect(),
                totals,
                digits,
            }
        })
    }

    fn left_over(&self, reader: &BlockingPostgresStore) -> i64 {
        let sql = "SELECT (SELECT count(*) FROM deltaview_times) + (SELECT count(*) FROM deltaview_journal)";
        reader.block_on(self.number(sql))
    }

    /// There is no lease. It is seen with pauses of 20 milliseconds, and the rest is for a machine that has much else to do.
    fn longest_recovery(_: Duration) -> Duration {
        Duration::from_secs(2)
    }
}

fn worker(process: u32) -> String {
    format!("deltaview worker {process}")
}

/// The tests that need a server: `cargo xtask test` knows them by the name of this module.
mod on_postgres {
    mod in_turn {
        use crate::common::Place;
        use crate::killed::in_turn::in_turn;

        in_turn!(Place, "on_postgres::in_turn");
    }

    mod random {
        use crate::common::Place;
        use crate::killed::random::killed_at_any_moment;

        #[test]
        fn killed_at_any_moment_and_begun_again() {
            let test = "on_postgres::random::killed_at_any_moment_and_begun_again";
            killed_at_any_moment::<Place>(test, 100);
        }
    }
}
