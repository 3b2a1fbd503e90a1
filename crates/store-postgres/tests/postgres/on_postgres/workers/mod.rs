//! Many workers on one database.

use std::pin::Pin;

use deltaview_store::CommitOptions;
use deltaview_store_postgres::PostgresStore;

use super::faults::named_pool;
use crate::common::Place;
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

/// Stage by stage.
fn staged() -> CommitOptions {
    CommitOptions::new().at(deltaview_store::Flush::EachTable)
}
