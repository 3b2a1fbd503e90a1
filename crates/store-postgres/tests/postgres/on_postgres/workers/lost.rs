//! Workers that die, futures that are dropped, commits that are lost: what was under way happens once or not at all.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deltaview_store::CommitOptions;
use deltaview_store_postgres::PostgresStore;

use super::{staged, worker};
use crate::common::{Place, config};
use crate::on_postgres::faults::polled;
use crate::wire::{Loss, Wire};
use crate::words::{Words, name};

/// How a worker goes away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Death {
    /// Its session is ended at the server.
    Terminated,
    /// Its future is dropped.
    Dropped,
}

/// Lets a worker die at every place in turn; another one finds what it has left.
async fn dies_anywhere(death: Death) {
    let mut words = Words::new();
    let place = Place::new();
    let dying = format!("dying {}", place.schema);
    let living = format!("living {}", place.schema);
    let store: PostgresStore = worker(&words, &place, &dying).await;
    let other = worker(&words, &place, &living).await;
    let terminate = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '{dying}'"
    );
    let mut seen = BTreeSet::new();
    let mut longest = Duration::ZERO;
    let stages = u32::try_from(words.graph.stage_count()).unwrap();
    let every: BTreeSet<u32> = (0..stages).collect();
    // How far it comes by so many polls depends on what else the machine does: so there are several sweeps.
    let (mut polls, mut sweeps) = (0, 0);
    for round in 0.. {
        polls += 1;
        let text = "x".repeat(polls % 5 + 1);
        let change = words.change([&text, "one"]);
        let named = staged().change_id(name(&format!("change {round}")));
        let ended = {
            let mut commit = pin!(store.commit_with(&change, &named));
            let ended = polled(commit.as_mut(), polls).await;
            if ended.is_none() && death == Death::Terminated {
                place.number(&terminate).await;
            }
            ended
        };
        let status = other.status().await.unwrap();
        seen.extend(status.in_flight.iter().map(|time| time.passed));
        // Whoever comes next finds it, and is not held up.
        let second = words.change(["second"]);
        let began = Instant::now();
        other.commit_with(&second, &staged()).await.unwrap();
        longest = longest.max(began.elapsed());
        words.expect(&second);
        // It is made again where it has not happened.
        other.commit_with(&change, &named).await.unwrap();
        words.expect(&change);
        words.assert_same(&other).await;
        if let Some(ended) = ended {
            ended.unwrap();
            (polls, sweeps) = (0, sweeps + 1);
            if seen == every || sweeps == 20 {
                break;
            }
        }
    }
    assert_eq!(seen, every, "it has died in every stage");
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    words.assert_clean(&place, &[&dying, &living]).await;
}

#[tokio::test]
async fn a_worker_whose_session_ends_is_taken_over() {
    dies_anywhere(Death::Terminated).await;
}

#[tokio::test]
async fn a_commit_in_stages_that_is_dropped_is_finished_by_others() {
    dies_anywhere(Death::Dropped).await;
}

#[tokio::test]
async fn a_worker_that_loses_its_session_goes_on_with_another() {
    let mut words = Words::new();
    let place = Place::new();
    let dying = format!("dying {}", place.schema);
    let store = worker(&words, &place, &dying).await;
    let terminate = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '{dying}'"
    );
    for polls in 1.. {
        let text = "x".repeat(polls % 5 + 1);
        let change = words.change([&text, "one"]);
        let staged = staged();
        let mut commit = pin!(store.commit_with(&change, &staged));
        let ended = polled(commit.as_mut(), polls).await;
        let is_ended = ended.is_some();
        place.number(&terminate).await;
        let committed = match ended {
            Some(ended) => ended,
            None => commit.await,
        };
        committed.unwrap();
        words.expect(&change);
        words.assert_same(&store).await;
        if is_ended {
            break;
        }
    }
    words.assert_clean(&place, &[&dying]).await;
}

#[tokio::test]
async fn a_commit_of_a_stage_that_is_lost_is_found() {
    let mut words = Words::new();
    let wire = Arc::new(Wire::default());
    let place = Place::new();
    place.connect(&words.graph).await;
    let pool = wire.pool(config(), 1);
    let store = place.options().connect(pool, &words.graph).await.unwrap();
    for loss in [Loss::Request, Loss::RequestInSilence, Loss::Answer] {
        // Before so many polls nothing is lost: so it is each of the commits in turn.
        for polls in 0.. {
            let text = "x".repeat(polls % 5 + 1);
            let change = words.change([&text, "one"]);
            let options: CommitOptions = staged();
            let mut commit = pin!(store.commit_with(&change, &options));
            let ended = polled(commit.as_mut(), polls).await;
            let is_ended = ended.is_some();
            if !is_ended {
                wire.lose_next_commit(loss);
            }
            let committed = match ended {
                Some(ended) => ended,
                None => commit.await,
            };
            committed.unwrap();
            words.expect(&change);
            if !wire.has_lost() {
                // There was none left to be lost, but this one.
                let change = words.change(["more"]);
                store.commit(&change).await.unwrap();
                words.expect(&change);
            }
            words.assert_same(&store).await;
            if is_ended {
                break;
            }
        }
    }
    words.assert_clean(&place, &[]).await;
}
