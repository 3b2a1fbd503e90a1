//! What a store tells of its work, by `tracing` and by numbers.

#![expect(
    clippy::unwrap_used,
    reason = "where a test has no more to say, the panic says it"
)]

use std::io::Write;
use std::sync::{Arc, Mutex};

use deltaview_graph::{Edit, Graph, InputHandle};
use deltaview_schema::Index;
use deltaview_store::{Flush, MemoryStore, Store};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Lines {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

fn words() -> (MemoryStore, InputHandle<String>) {
    let (graph, words) = Graph::build("words", |g| {
        let words = g.input::<String>("words");
        let by_length = Index::new("length", |word: &String| {
            assert!(word != "bad", "a bad word");
            word.len() as i64
        });
        let lengths = words.group_by(by_length).count();
        // Read by more than the view: so there are two stages.
        lengths.output("changes");
        lengths.view("lengths");
        words.handle()
    })
    .unwrap();
    (MemoryStore::new(&graph), words)
}

/// A change in stages, and one that fails.
fn work() {
    let (mut store, words) = words();
    let change = store.change().insert(words, ["one".into(), "two".into()]);
    change.at(Flush::EachTable).commit().unwrap();
    let change = store.change().insert(words, ["bad".into()]);
    change.commit().unwrap_err();
}

#[test]
fn commits_stages_and_vertices_are_told() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(lines.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, work);
    let told = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let has = |words: &[&str]| {
        let found = told
            .lines()
            .any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "no line with {words:?} in\n{told}");
    };
    has(&[
        "TRACE",
        "vertex",
        "vertex=\"words\"",
        "rows_in=0",
        "rows_out=2",
    ]);
    has(&[
        "DEBUG",
        "commit{graph=\"words\" flush=\"each table\"}",
        "stage",
        "time=1",
        "stage=0",
        "rows=1",
    ]);
    has(&["DEBUG", "committed", "time=1", "rows=2", "milliseconds="]);
    has(&["DEBUG", "flush=\"at end\"", "failed", "a bad word"]);
}

#[cfg(feature = "metrics")]
#[test]
fn commits_are_counted() {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, work);
    let seen = recorder.snapshotter().snapshot().into_vec();
    let count = |name: &str, outcome: &str| {
        seen.iter().find_map(|(key, _, _, value)| {
            let key = key.key();
            let fits = key.name() == name
                && key.labels().any(|label| label.value() == "words")
                && (outcome.is_empty() || key.labels().any(|label| label.value() == outcome));
            match value {
                DebugValue::Counter(count) if fits => Some(*count),
                _ => None,
            }
        })
    };
    assert_eq!(count("deltaview_commits_total", "committed"), Some(1));
    assert_eq!(count("deltaview_commits_total", "failed"), Some(1));
    assert_eq!(count("deltaview_rows_written_total", ""), Some(2));
}
