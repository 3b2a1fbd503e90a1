//! Tables of versions where something goes wrong: writes whose `COMMIT` is lost, and those that meet others.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use deltaview_store::ErrorKind;
use deltaview_store::versions::{Batch, MapSpec, VersionsError};
use deltaview_store_postgres::{PostgresOptions, PostgresVersions};

use crate::common::{Place, config, pool};
use crate::wire::{Loss, Wire};

async fn map(
    place: &Place,
    pool: deltaview_store_postgres::deadpool_postgres::Pool,
) -> PostgresVersions {
    let spec = MapSpec::new("rows").unwrap();
    let versions = PostgresVersions::connect(pool, &spec, &place.options()).await;
    versions.unwrap()
}

fn batch(value: u8, with_old: bool) -> Batch {
    Batch {
        writes: [(vec![1], Some(vec![value])), (vec![2], None)].into(),
        with_old,
        ..Batch::default()
    }
}

#[tokio::test]
async fn a_lost_commit_of_a_map_is_found() {
    let place = Place::new();
    let wire = Arc::new(Wire::default());
    // Its only connection is the one that is lost.
    let versions = map(&place, wire.pool(config(), 1)).await;
    let mut times = Vec::new();
    for (value, loss) in (1..).zip([Loss::Request, Loss::RequestInSilence, Loss::Answer]) {
        wire.lose_next_commit(loss);
        let written = versions.write(0, &batch(value, true)).await.unwrap();
        assert!(wire.has_lost());
        let before = (value > 1).then(|| vec![value - 1]);
        assert_eq!(written.old, [before, None]);
        times.push(written.time);
        // It is there once.
        let found = versions.versions(&[1], None, 10).await.unwrap().items;
        let found: Vec<(i64, u8)> = found
            .into_iter()
            .map(|version| (version.time, version.data.unwrap()[0]))
            .collect();
        let expected = times.iter().copied().zip(1..=3).rev();
        assert!(found.iter().copied().eq(expected), "{found:?}, {times:?}");
    }
}

/// A write of one round trip sees one state from its beginning, where the connections are so.
#[tokio::test]
async fn a_write_of_a_map_that_meets_another_is_tried_again() {
    let place = Place::new();
    let other = map(&place, pool(config(), 2)).await;
    let mut config = config();
    config.options("-c default_transaction_isolation=serializable");
    let name = format!("serial {}", place.schema);
    config.application_name(&name);
    let waiting = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}' AND wait_event_type = 'Lock'"
    );
    for is_patient in [true, false] {
        let mut options: PostgresOptions = place.options();
        if !is_patient {
            options = options.retry_for(Duration::ZERO);
        }
        let spec = MapSpec::new("rows").unwrap();
        let versions = PostgresVersions::connect(pool(config.clone(), 1), &spec, &options);
        let versions = versions.await.unwrap();
        let mut client = place.pool.get().await.unwrap();
        let tx = client.transaction().await.unwrap();
        other.write_in(&tx, 0, &batch(1, false)).await.unwrap();
        let second = batch(2, false);
        let mut write = pin!(versions.write(0, &second));
        while place.number(&waiting).await == 0 {
            assert!(futures::poll!(write.as_mut()).is_pending());
        }
        tx.commit().await.unwrap();
        match write.await {
            Ok(written) => {
                assert!(is_patient);
                assert_eq!(other.state().await.unwrap().last, written.time);
            }
            Err(VersionsError::Store(error)) => {
                assert!(!is_patient, "{error}");
                assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}
