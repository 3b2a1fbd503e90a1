//! Many workers on one database.

use std::pin::Pin;
use std::time::Duration;

use deltaview_store::{CommitOptions, Committed, Error};
use deltaview_store_postgres::PostgresStore;
use tokio::task::JoinHandle;

use super::faults::named_pool;
use crate::common::{Place, blocking};
use crate::words::Words;

mod halted;
mod lost;
mod times;
mod together;

/// A place for a graph, and a store in it whose connections have a name.
async fn worker(words: &Words, place: &Place, name: &str) -> PostgresStore {
    place.connect(&words.graph).await;
    let pool = named_pool(name, 2);
    place.options().connect(pool, &words.graph).await.unwrap()
}

/// Lets a commit go on until its time has passed so many stages.
async fn until_passed<F: Future>(mut commit: Pin<&mut F>, place: &Place, time: i64, stages: i64) {
    let passed =
        format!("SELECT count(*) FROM deltaview_times WHERE t = {time} AND passed >= {stages}");
    while place.number(&passed).await == 0 {
        let polled = futures::poll!(commit.as_mut());
        assert!(polled.is_pending(), "it has come to its end before");
    }
}

/// Waits until a time has passed so many stages.
async fn has_passed(place: &Place, time: i64, stages: i64) {
    let passed =
        format!("SELECT count(*) FROM deltaview_times WHERE t = {time} AND passed >= {stages}");
    while place.number(&passed).await == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A worker on a thread of its own, which commits a change stage by stage: so that it can be held in a closure.
fn apart<const N: usize>(
    words: &Words,
    place: &Place,
    name: &str,
    change: [&str; N],
) -> JoinHandle<Result<Committed, Error>> {
    let (graph, change, options) = (words.graph.clone(), words.change(change), place.options());
    let pool = named_pool(name, 2);
    tokio::task::spawn_blocking(move || {
        blocking().block_on(async {
            let store = options.connect(pool, &graph).await?;
            store.commit_with(&change, &staged()).await
        })
    })
}

/// Stage by stage.
fn staged() -> CommitOptions {
    CommitOptions::new().at(deltaview_store::Flush::EachTable)
}
