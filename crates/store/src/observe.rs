//! What is told of the work of a store to whoever listens: spans and events of `tracing`, all with the target `deltaview`,
//! and with the feature `metrics` numbers of the crate of that name. It owns their names. Where nobody listens it costs
//! a few nanoseconds a commit.
//!
//! | span or event | level | fields |
//! | --- | --- | --- |
//! | span `commit` | info | `graph`, `flush` |
//! | `committed` | debug | `time`, `rows` written over all tables, `milliseconds` |
//! | `failed` | debug | `error`, `milliseconds` |
//! | `stage` | debug | `time`, `stage`, `rows` |
//! | `fetch` | debug | `graph`, `vertex`, `role` of the table, `kind` of question, `questions` |
//! | `waited` | debug | `milliseconds` for the changes of others |
//! | `took over` | warn | `time`, of a worker that died |
//! | `dropped` | warn | `graph`, `time`, `change`, `vertex` and `message`: the change of a worker that died does not fit any more |
//! | `vertex` | trace | `graph`, `vertex`, `rows_in`, `rows_out` |
//!
//! | metric | sort | labels |
//! | --- | --- | --- |
//! | `deltaview_commits_total` | counter | `graph`, `outcome`: `committed` or `failed` |
//! | `deltaview_commit_seconds` | histogram | `graph` |
//! | `deltaview_rows_written_total` | counter | `graph` |
//! | `deltaview_fetched_total` | counter | `graph`: keys, rows and ranges that were asked for |
//! | `deltaview_wait_seconds` | histogram | `graph`: waits for the changes of others |
//! | `deltaview_takeovers_total` | counter | `graph` |
//! | `deltaview_dropped_total` | counter | `graph`: changes of workers that died, which do not fit any more |

use std::time::Instant;

use deltaview_graph::{Fetch, FetchKeys, Graph};
use tracing::{Level, Span, debug, enabled, info_span, warn};

use crate::protocol::Dropped;
use crate::{Committed, Error, Flush};

/// A commit that is watched from its beginning to its end.
#[derive(Debug)]
pub struct Watched {
    span: Span,
    began: Option<Instant>,
    #[cfg(feature = "metrics")]
    graph: String,
}

impl Watched {
    /// A commit begins.
    pub fn begin(graph: &Graph, flush: Flush) -> Self {
        let span =
            info_span!(target: "deltaview", "commit", graph = graph.name(), flush = flush.as_str());
        let is_heard = cfg!(feature = "metrics") || !span.is_disabled();
        Self {
            span,
            began: is_heard.then(Instant::now),
            #[cfg(feature = "metrics")]
            graph: graph.name().to_string(),
        }
    }

    /// The span of the commit: what is done for it is told within.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// The commit has come to its end.
    pub fn end(self, result: &Result<Committed, Error>) {
        let Some(began) = self.began else {
            return;
        };
        let seconds = began.elapsed().as_secs_f64();
        let milliseconds = seconds * 1000.0;
        self.span.in_scope(|| match result {
            Ok(committed) => debug!(
                target: "deltaview",
                time = committed.time(),
                rows = committed.rows_written(),
                milliseconds,
                "committed"
            ),
            Err(error) => debug!(target: "deltaview", %error, milliseconds, "failed"),
        });
        #[cfg(feature = "metrics")]
        {
            let outcome = if result.is_ok() {
                "committed"
            } else {
                "failed"
            };
            let graph = self.graph;
            let rows = result.as_ref().map_or(0, Committed::rows_written);
            metrics::counter!("deltaview_commits_total", "graph" => graph.clone(), "outcome" => outcome)
                .increment(1);
            metrics::counter!("deltaview_rows_written_total", "graph" => graph.clone())
                .increment(rows as u64);
            metrics::histogram!("deltaview_commit_seconds", "graph" => graph).record(seconds);
        }
    }
}

/// Rows of stored tables are asked for.
pub fn fetching(graph: &Graph, fetches: &[Fetch]) {
    if cfg!(feature = "metrics") || enabled!(target: "deltaview", Level::DEBUG) {
        let mut asked = 0;
        for fetch in fetches {
            let (kind, questions) = match fetch.keys() {
                FetchKeys::All => ("all rows", 1),
                FetchKeys::Some(keys) => ("keys", keys),
                FetchKeys::Rows(rows) => ("rows", rows),
                FetchKeys::Ranges(ranges) => ("ranges", ranges),
            };
            asked += questions;
            let schema = graph.table(fetch.table()).schema();
            debug!(
                target: "deltaview",
                graph = graph.name(),
                vertex = schema.vertex,
                role = schema.role,
                kind,
                questions,
                "fetch"
            );
        }
        #[cfg(feature = "metrics")]
        metrics::counter!("deltaview_fetched_total", "graph" => graph.name().to_string())
            .increment(asked as u64);
        #[cfg(not(feature = "metrics"))]
        let _ = asked;
    }
}

/// A stage of an iteration is committed.
pub fn passed_stage(time: i64, stage: u32, rows: usize) {
    debug!(target: "deltaview", time, stage, rows, "stage");
}

/// A change has waited for those of others.
pub fn waited(graph: &Graph, since: Instant) {
    let seconds = since.elapsed().as_secs_f64();
    debug!(target: "deltaview", graph = graph.name(), milliseconds = seconds * 1000.0, "waited");
    #[cfg(feature = "metrics")]
    metrics::histogram!("deltaview_wait_seconds", "graph" => graph.name().to_string())
        .record(seconds);
}

/// The change of a worker that died is taken over.
pub fn took_over(graph: &Graph, time: i64) {
    warn!(target: "deltaview", graph = graph.name(), time, "took over");
    #[cfg(feature = "metrics")]
    metrics::counter!("deltaview_takeovers_total", "graph" => graph.name().to_string())
        .increment(1);
}

/// The change of a worker that died does not fit any more, and is dropped.
pub fn dropped(graph: &Graph, it: &Dropped) {
    warn!(
        target: "deltaview",
        graph = graph.name(),
        time = it.time,
        change = it.change_id.as_str(),
        vertex = it.vertex,
        message = it.message,
        "dropped"
    );
    #[cfg(feature = "metrics")]
    metrics::counter!("deltaview_dropped_total", "graph" => graph.name().to_string()).increment(1);
}
