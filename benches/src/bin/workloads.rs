//! Measures one workload of [`deltaview_benches::workloads`] on one store, and prints one line of JSON: `cargo xtask bench
//! --workloads` runs it for each, in a process of its own, so that the peak memory is its own.

#![expect(clippy::print_stdout, reason = "a command line speaks by printing")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::{Parser, ValueEnum};
use deltaview::prelude::*;
use deltaview::{SqliteOptions, Synchronous};
use deltaview_benches::workloads::{Asked, WORKLOADS, Workload};
use serde_json::json;

/// What to measure.
#[derive(Debug, Parser)]
struct Options {
    /// Which workload; `list` prints their names.
    #[arg(long)]
    workload: String,
    /// Where the state is.
    #[arg(long, value_enum, default_value = "memory")]
    store: Place,
    /// How many rows are there before.
    #[arg(long, default_value_t = 10_000)]
    rows: u64,
    /// The folder of the five tables of nycflights13, for the workload of that name. The default is a sample.
    #[arg(long, value_name = "DIR", default_value = deltaview_benches::flights::SAMPLE)]
    flights: PathBuf,
    /// For how many seconds changes are measured at most; one is, in any case.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// The server for `--store postgres`: `postgres://…`. A schema is made there, and dropped.
    #[arg(long)]
    url: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Place {
    Memory,
    Sqlite,
    Postgres,
}

fn main() {
    let options = Options::parse();
    let Some((_, make)) = WORKLOADS.iter().find(|(name, _)| *name == options.workload) else {
        return WORKLOADS.iter().for_each(|(name, _)| println!("{name}"));
    };
    let workload = make(Asked {
        rows: options.rows,
        flights: &options.flights,
    });
    let report = match options.store {
        Place::Memory => {
            let mut store = MemoryStore::new(&workload.graph);
            measured(&mut store, workload, &options)
        }
        Place::Sqlite => on_sqlite(workload, &options),
        Place::Postgres => on_postgres(workload, &options),
    };
    println!("{report}");
}

fn on_sqlite(workload: Workload, options: &Options) -> serde_json::Value {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let opened = SqliteOptions::new()
        .synchronous(Synchronous::Normal)
        .open(folder.path().join("workload.db"), &workload.graph);
    let mut store = opened.expect("the folder is writable");
    let mut report = measured(&mut store, workload, options);
    // The log is written back when the store is closed.
    drop(store);
    let files = std::fs::read_dir(folder.path()).expect("the folder is there");
    let bytes: u64 = files
        .map(|file| file.and_then(|file| file.metadata()))
        .map(|file| file.expect("the file is there").len())
        .sum();
    report["disk_bytes"] = json!(bytes);
    report
}

#[cfg(not(feature = "postgres"))]
fn on_postgres(_: Workload, _: &Options) -> serde_json::Value {
    panic!("built without the feature `postgres`")
}

#[cfg(feature = "postgres")]
fn on_postgres(workload: Workload, options: &Options) -> serde_json::Value {
    use deltaview::postgres::BlockingPostgresStore;
    use deltaview::postgres::deadpool_postgres::{Manager, Pool};
    use deltaview::postgres::tokio_postgres::NoTls;

    let url = options.url.as_deref();
    let url = url.expect("`--url` says where the server is: postgres://user@host:port/database");
    let config = || url.parse().expect("the URL is right");
    let schema = format!("deltaview_workload_{}", std::process::id());
    let pool = Pool::builder(Manager::new(config(), NoTls))
        .max_size(1)
        .build();
    let connected = BlockingPostgresStore::connect_with(
        PostgresOptions::new().schema(&schema),
        pool.expect("a pool"),
        &workload.graph,
    );
    let mut store = connected.expect("the server can be reached");
    let mut report = measured(&mut store, workload, options);
    drop(store);
    let bytes = server::size_and_drop(config(), &schema);
    report["disk_bytes"] = json!(bytes);
    report
}

/// What is asked of the server besides.
#[cfg(feature = "postgres")]
mod server {
    use deltaview::postgres::tokio_postgres::{Config, NoTls};

    /// How many bytes the tables of a schema have, which is then dropped.
    pub(super) fn size_and_drop(config: Config, schema: &str) -> i64 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime starts");
        runtime.block_on(async {
            let connected = config.connect(NoTls).await;
            let (client, connection) = connected.expect("the server can be reached");
            let connection = tokio::spawn(connection);
            let sql = "SELECT COALESCE(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class AS c \
                       JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'r'";
            let bytes = client.query_one(sql, &[&schema]).await;
            let bytes = bytes.expect("sizes can be read").get(0);
            let dropped = format!("SET client_min_messages = warning; DROP SCHEMA {schema} CASCADE");
            let dropped = client.batch_execute(&dropped).await;
            dropped.expect("the schema is ours");
            connection.abort();
            bytes
        })
    }
}

/// Loads, measures change by change, and then counts what a few more changes ask for.
fn measured<S: Store>(store: &mut S, workload: Workload, options: &Options) -> serde_json::Value {
    let began = Instant::now();
    for change in workload.load {
        store.commit(&change).expect("the rows are right");
    }
    let loaded = began.elapsed().as_secs_f64();
    let mut times = Vec::new();
    let began = Instant::now();
    // The last ones are counted, not timed.
    let last = (workload.changes.len() / 10).clamp(1, 20);
    let first = workload.changes.len() - last;
    let (mut changes, mut written) = (workload.changes.iter(), 0);
    for change in changes.by_ref().take(first) {
        let begin = Instant::now();
        let committed = store.commit(change).expect("the rows are right");
        times.push(begin.elapsed().as_nanos() as u64);
        written += committed.rows_written();
        if began.elapsed().as_secs_f64() > options.seconds {
            break;
        }
    }
    let peak = peak_rss_kib();
    // What is asked for is told by events, which cost time: so it is counted where nothing is timed.
    let asked = Questions::default();
    let mut counted = 0_u64;
    tracing::subscriber::with_default(asked.clone(), || {
        for change in changes.take(last) {
            store.commit(change).expect("the rows are right");
            counted += 1;
        }
    });
    let asked = asked.0.load(Ordering::Relaxed) as f64;
    let measured = times.len();
    times.sort_unstable();
    json!({
        "workload": options.workload,
        "rows": workload.rows,
        "load_rows_a_second": workload.rows as f64 / loaded,
        "changes": measured,
        "p50": times[measured / 2],
        "p99": times[measured * 99 / 100],
        "asked_a_change": (counted > 0).then(|| asked / counted as f64),
        "written_a_change": written as f64 / measured as f64,
        "peak_rss_kib": peak,
        "disk_bytes": null,
    })
}

/// The peak of the resident memory, as Linux tells it.
fn peak_rss_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Sums up how many keys, rows and ranges stores ask their databases for, from the events that they tell.
#[derive(Clone, Debug, Default)]
struct Questions(Arc<AtomicU64>);

impl tracing::Subscriber for Questions {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        // Events, and the questions whether anybody listens to them.
        metadata.target() == "deltaview" && !metadata.is_span()
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut Sum(&self.0));
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

struct Sum<'a>(&'a AtomicU64);

impl tracing::field::Visit for Sum<'_> {
    fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
        if field.name() == "questions" {
            self.0.fetch_add(value, Ordering::Relaxed);
        }
    }

    fn record_debug(&mut self, _: &tracing::field::Field, _: &dyn std::fmt::Debug) {}
}
