//! Maps in Postgres: random histories by the blocking map, and the asynchronous one, which has the same table.

use std::sync::atomic::{AtomicU32, Ordering};

use deltaview_store_postgres::PostgresOptions;
use deltaview_ttkv::{BlockingPostgresTimeMap, Error, Time};
use proptest::prelude::*;

use crate::cli::printed;
use crate::common::Hand;
use crate::model::{Key, Value, run, steps};

pub(crate) fn url() -> String {
    std::env::var("DELTAVIEW_TEST_POSTGRES").expect(
        "DELTAVIEW_TEST_POSTGRES must be the URL of a Postgres server: `cargo xtask test` starts one, \
         `cargo xtask test --skip-postgres` leaves these tests out",
    )
}

/// A schema that nobody else uses. It is dropped with everything in it.
pub(crate) struct Place(String);

impl Place {
    pub(crate) fn new() -> Self {
        static PLACES: AtomicU32 = AtomicU32::new(0);
        let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
        Self(format!(
            "ttkv test {} {} {}",
            std::process::id(),
            since.unwrap().subsec_nanos(),
            PLACES.fetch_add(1, Ordering::Relaxed)
        ))
    }

    pub(crate) fn options(&self) -> PostgresOptions {
        PostgresOptions::new().schema(&self.0)
    }

    fn map(&self, name: &str) -> BlockingPostgresTimeMap<Key, Value> {
        BlockingPostgresTimeMap::connect(&url(), name, &self.options()).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A map of its own, for its connection.
        let map =
            BlockingPostgresTimeMap::<u8, u8>::connect(&url(), "last", &self.options()).unwrap();
        let sql = format!("DROP SCHEMA IF EXISTS \"{}\" CASCADE", self.0);
        map.versions().block_on(async {
            let client = map.versions().versions().pool().get().await.unwrap();
            client.batch_execute(&sql).await.unwrap();
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn histories_in_postgres(steps in steps(40)) {
        let (place, hand) = (Place::new(), Hand::default());
        run(&steps, &hand, || place.map("rows").with_clock(hand.clone()));
    }
}

#[test]
fn writers_at_once_never_share_a_time() {
    let place = Place::new();
    place.map("rows");
    let times = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let place = &place;
                scope.spawn(move || {
                    let map = place.map("rows");
                    let put = |i| map.put(&(writer, None), &vec![i]).unwrap();
                    (0..50).map(put).collect::<Vec<Time>>()
                })
            })
            .collect();
        let each = writers.into_iter().map(|writer| writer.join().unwrap());
        each.collect::<Vec<_>>()
    });
    assert!(times.iter().all(|times| times.is_sorted()));
    let mut all: Vec<Time> = times.into_iter().flatten().collect();
    all.sort_unstable_by(|a, b| b.cmp(a));
    let stored: Vec<Time> = place
        .map("rows")
        .times_all()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(stored, all);
    assert_eq!(all.len(), 200);
}

#[test]
fn a_watch_sees_what_another_connection_writes() {
    let place = Place::new();
    let (map, other) = (place.map("rows"), place.map("rows"));
    let mut watch = map.watch(..).unwrap();
    let at = other.put(&(1, None), &vec![1]).unwrap();
    let change = watch
        .next_within(std::time::Duration::from_secs(60))
        .unwrap()
        .unwrap();
    assert_eq!((change.time, change.value), (at, Some(vec![1])));
}

#[test]
fn many_rows_and_two_maps_of_long_names() {
    let place = Place::new();
    let names = ["a", "b"].map(|end| "x".repeat(70) + end);
    let maps = names.each_ref().map(|name| place.map(name));
    let rows = (0..=255_u8).flat_map(|a| [None, Some(false), Some(true)].map(|b| (a, b)));
    let many: Vec<(Key, Value)> = rows.map(|key| (key, vec![key.0; 20_000])).collect();
    let at = maps[0]
        .put_many(many.iter().map(|(key, value)| (key, value)))
        .unwrap();
    assert_eq!(maps[1].iter().unwrap().count(), 0);
    maps[0].put(&(3, None), &vec![]).unwrap();
    let found: Vec<(Key, Value)> = maps[0]
        .iter_at(at)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(found == many);
    let other =
        BlockingPostgresTimeMap::<String, Value>::connect(&url(), &names[0], &place.options());
    assert!(
        matches!(other.unwrap_err(), Error::Store(error) if error.kind() == deltaview_store::ErrorKind::Mismatch)
    );
}

#[test]
fn each_command_on_a_server() {
    let place = Place::new();
    let arguments = ["--schema", &place.0, "--map", "shop"];
    let first = printed(&url(), &[&arguments[..], &["put", "tea", "3"]].concat());
    printed(&url(), &[&arguments[..], &["put", "tea", "4"]].concat());
    let then = printed(
        &url(),
        &[&arguments[..], &["get", "tea", "--at", &first]].concat(),
    );
    assert_eq!(then, "3");
}
