//! How much memory reading takes. It is apart from the other tests because it counts what the whole program allocates.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use peak_alloc::PeakAlloc;

#[allow(dead_code, reason = "other tests use more of it")]
#[path = "../postgres/common.rs"]
mod common;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The tests that need a server: `cargo xtask test` knows them by the name of this module.
mod on_postgres {
    use deltaview::prelude::*;

    use crate::MEMORY;
    use crate::common::Place;

    const ROWS: i64 = 1_000_000;

    /// The most that a read may take: a page of rows, about twice, and what the connection holds.
    const MOST: usize = 12 * 1024 * 1024;

    /// How much more memory was in use than now, at most, while something was done.
    async fn peak_of<R>(done: impl Future<Output = R>) -> (R, usize) {
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        let result = done.await;
        (result, MEMORY.peak_usage().saturating_sub(before))
    }

    /// Both directions, in one test: nothing else allocates in the meantime.
    #[tokio::test]
    async fn a_view_of_a_million_rows_is_read_in_little_memory() {
        let (graph, view) = Graph::build("memory", |g| {
            let by_value = Index::new("value", |number: &i64| *number);
            g.input::<i64>("numbers").view_by("all", by_value)
        })
        .unwrap();
        let place = Place::new();
        let store = place.connect(&graph).await;
        let schema = graph.view_table(view).unwrap().schema();
        let column = schema.primary.sql_names().next().unwrap();
        // A number beyond 16 bits is a byte and four more in CBOR, and is its own identity.
        let first = 100_000;
        let last = first + ROWS - 1;
        place
            .run(&format!(
                "INSERT INTO memory__all__view ({column}, identity, data, c) \
                 SELECT i, '\\x1a'::bytea || int4send(i), NULL, 1 FROM generate_series({first}, {last}) AS i"
            ))
            .await;

        let ((), all_at_once) = peak_of(async {
            let numbers: Vec<(i64, i64)> = (first..=last).map(|number| (number, 1)).collect();
            assert_eq!(numbers.len() as i64, ROWS);
        })
        .await;
        assert!(
            all_at_once > MOST,
            "what is held would be seen: {all_at_once}"
        );

        let mut next = first;
        let ((), forwards) = peak_of(async {
            let mut rows = store.view(view).iter().await.unwrap();
            while let Some(row) = rows.next().await {
                assert_eq!(row.unwrap(), (next, 1));
                next += 1;
            }
        })
        .await;
        assert_eq!(next, last + 1);
        assert!(forwards < MOST, "{forwards} bytes");

        // In a snapshot, backwards, from a place on: a tenth of them, which is enough to be seen.
        let snapshot = store.snapshot().await.unwrap();
        let mut next = first + ROWS / 10;
        let ((), backwards) = peak_of(async {
            let rows = snapshot.view(view).rev().range(..=next).await;
            let mut rows = rows.unwrap();
            while let Some(row) = rows.next().await {
                assert_eq!(row.unwrap(), (next, 1));
                next -= 1;
            }
        })
        .await;
        assert_eq!(next, first - 1);
        assert!(backwards < MOST, "{backwards} bytes");
    }
}
