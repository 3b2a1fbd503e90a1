//! Words, counted, and their counts counted: a graph of several stages, with a closure that fails when it is told to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use deltaview::prelude::*;
use deltaview_graph::Change;
use deltaview_store::ChangeId;
use deltaview_store_postgres::PostgresStore;

use crate::common::Place;

pub(crate) struct Words {
    pub(crate) graph: Graph,
    pub(crate) words: InputHandle<String>,
    pub(crate) all: ViewHandle<String, ()>,
    pub(crate) lengths: ViewHandle<Keyed<i64, i64>, i64>,
    /// While it is set, a closure of the second stage panics on the word `bad`.
    pub(crate) fails: Arc<AtomicBool>,
    /// While it is set, that closure waits on that word.
    holds: Arc<(Mutex<bool>, Condvar)>,
    pub(crate) oracle: MemoryStore,
}

impl Words {
    pub(crate) fn new() -> Self {
        let fails = Arc::new(AtomicBool::new(false));
        let failing = Arc::clone(&fails);
        let holds = Arc::new((Mutex::new(false), Condvar::new()));
        let holding = Arc::clone(&holds);
        let (graph, (words, all, lengths)) = Graph::build("words", |g| {
            let words = g.input::<String>("words");
            let copies = words
                .group_by(Index::new("word", |word: &String| word.clone()))
                .count()
                .named("copies");
            let by_length = Index::new("length", move |copies: &Keyed<String, i64>| {
                if copies.key == "bad" {
                    let (holds, changed) = &*holding;
                    drop(
                        changed
                            .wait_while(holds.lock().unwrap(), |holds| *holds)
                            .unwrap(),
                    );
                    assert!(!failing.load(Ordering::SeqCst), "a bad word");
                }
                copies.key.len() as i64
            });
            let lengths = copies.group_by(by_length).count().named("lengths");
            // Read by more than the view: so the groups are of a stage of their own.
            lengths.output("seen");
            (words.handle(), words.view("all"), lengths.view("view"))
        })
        .unwrap();
        assert!(graph.stage_count() > 2);
        Self {
            oracle: MemoryStore::new(&graph),
            graph,
            words,
            all,
            lengths,
            fails,
            holds,
        }
    }

    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    pub(crate) fn hold(&self, holds: bool) {
        *self.holds.0.lock().unwrap() = holds;
        self.holds.1.notify_all();
    }

    pub(crate) fn change<const N: usize>(&self, words: [&str; N]) -> Change {
        let words = words.map(str::to_string);
        self.graph.change().insert(self.words, words)
    }

    /// Makes the change to the oracle.
    pub(crate) fn expect(&mut self, change: &Change) {
        self.oracle.commit(change).unwrap();
    }

    /// Compares the rows of a store with the oracle's. Their times may differ.
    pub(crate) async fn assert_same(&self, store: &PostgresStore) {
        let now = store.snapshot().await.unwrap();
        macro_rules! compare {
            ($($view:ident),*) => {$(
                let rows = now.view(self.$view).iter().await.unwrap().into_zset().await.unwrap();
                let expected = self.oracle.view(self.$view).iter().unwrap().into_zset().unwrap();
                assert_eq!(rows, expected);
            )*};
        }
        compare!(all, lengths);
        drop(now);
        assert!(
            store
                .verify(self.lengths)
                .await
                .is_ok_and(|it| it.is_right())
        );
    }

    /// The same, while an iteration is between its stages.
    pub(crate) async fn assert_same_but_verify(&self, store: &PostgresStore) {
        let rows = store.view(self.lengths).iter().await.unwrap();
        let expected = self.oracle.view(self.lengths).iter().unwrap();
        assert_eq!(
            rows.into_zset().await.unwrap(),
            expected.into_zset().unwrap()
        );
    }

    /// Nothing is in flight, journaled or locked, and all tables are of one time.
    pub(crate) async fn assert_clean(&self, place: &Place, pools: &[&str]) {
        for table in ["deltaview_times", "deltaview_journal"] {
            let left = format!("SELECT count(*) FROM {table}");
            assert_eq!(place.number(&left).await, 0, "{table}");
        }
        // A table is written up to the greater of its own time and the one that is complete: none beyond what was given.
        let beyond =
            "SELECT count(*) FROM deltaview_last_update AS u, deltaview_clock AS c WHERE u.t > c.t";
        assert_eq!(place.number(beyond).await, 0);
        for pool in pools {
            // Nobody waits for the server to let go of a lock.
            let locks = format!(
                "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) \
                 WHERE locktype = 'advisory' AND application_name = '{pool}'"
            );
            let mut looks = 0;
            while place.number(&locks).await > 0 {
                looks += 1;
                assert!(looks < 1000, "{pool} still has locks");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
}

pub(crate) fn name(name: &str) -> ChangeId {
    ChangeId::new(name).unwrap()
}
