//! Many workers on one store: how many changes a second 1, 2 and 4 of them commit, by store and flush; and what one that
//! dies costs the others.
//!
//! Workers are threads here, each with a store of its own on the database: what they do to each other is what processes do.
//! Postgres is measured where `DELTAVIEW_TEST_POSTGRES` names a server; each measurement has a schema of its own there.

use std::ffi::OsStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use deltaview::postgres::BlockingPostgresStore;
use deltaview::postgres::deadpool_postgres::{Manager, Pool};
use deltaview::postgres::tokio_postgres::{Config, NoTls};
use deltaview::prelude::*;
use deltaview::{Flush, SqliteOptions, Synchronous};
use deltaview_benches::{Receipts, line_items, products, receipts};

const PRODUCTS: u32 = 1_000;
/// Changes of all workers together in one measurement, and rows in each.
const CHANGES: u32 = 64;
const ROWS: u32 = 100;
const LONG: Duration = Duration::from_secs(60);
const LEASE: Duration = Duration::from_millis(300);

const FLUSHES: [(&str, Flush); 2] = [("at end", Flush::AtEnd), ("each table", Flush::EachTable)];

/// So many workers share the changes. The stores are made before the clock starts.
fn together<S: Store + Send>(stores: Vec<S>, handles: Receipts, flush: Flush) -> Duration {
    let workers = u32::try_from(stores.len()).expect("a few");
    let began = Instant::now();
    std::thread::scope(|scope| {
        for (worker, mut store) in (0..).zip(stores) {
            scope.spawn(move || {
                for number in (worker..CHANGES).step_by(workers as usize) {
                    let rows = line_items(number * ROWS..(number + 1) * ROWS, PRODUCTS);
                    let change = store.change().insert(handles.line_items, rows);
                    change.at(flush).within(LONG).commit().expect("it fits");
                }
            });
        }
    });
    began.elapsed()
}

fn sqlite(path: &std::path::Path, graph: &Graph) -> SqliteStore {
    SqliteOptions::new()
        .synchronous(Synchronous::Normal)
        .busy_timeout(LONG)
        .worker_lease(LEASE)
        .open(path, graph)
        .expect("the folder is writable")
}

/// How the server is reached, if there is one.
fn server() -> Option<Config> {
    let url = std::env::var("DELTAVIEW_TEST_POSTGRES").ok()?;
    Some(url.parse().expect("the URL of a Postgres server"))
}

/// A schema of a server, which is dropped in the end.
struct Schema {
    server: Config,
    name: String,
}

impl Schema {
    fn new(server: &Config) -> Self {
        static SCHEMAS: AtomicU32 = AtomicU32::new(0);
        let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
        Self {
            server: server.clone(),
            name: format!("deltaview_bench_{}_{number}", std::process::id()),
        }
    }

    fn open(&self, graph: &Graph) -> BlockingPostgresStore {
        let manager = Manager::new(self.server.clone(), NoTls);
        let pool = Pool::builder(manager).max_size(2).build().expect("a pool");
        let options = PostgresOptions::new().schema(&self.name);
        BlockingPostgresStore::connect_with(options, pool, graph).expect("the server is there")
    }

    fn drop_with(&self, store: &BlockingPostgresStore) {
        store.block_on(async {
            let client = store.inner().pool().get().await;
            let client = client.expect("the server is there");
            let sql = format!("DROP SCHEMA \"{}\" CASCADE", self.name);
            let dropped = client.batch_execute(&sql);
            dropped.await.expect("nobody uses it");
        });
    }
}

fn throughput(c: &mut Criterion) {
    let (graph, handles) = receipts();
    let mut group = c.benchmark_group("64 changes of 100 rows");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(u64::from(CHANGES * ROWS)));
    for (name, flush) in FLUSHES {
        for workers in [1, 2, 4] {
            let id = BenchmarkId::new(format!("memory, {name}"), workers);
            group.bench_function(id, |b| {
                b.iter_custom(|times| {
                    let run = |_| {
                        let mut store = MemoryStore::new(&graph);
                        fill(&mut store, handles);
                        together(vec![store; workers], handles, flush)
                    };
                    (0..times).map(run).sum()
                });
            });
            if let Some(server) = server() {
                let id = BenchmarkId::new(format!("postgres, {name}"), workers);
                group.bench_function(id, |b| {
                    b.iter_custom(|times| {
                        let run = |_| {
                            let schema = Schema::new(&server);
                            let mut first = schema.open(&graph);
                            fill(&mut first, handles);
                            let stores = (0..workers).map(|_| schema.open(&graph)).collect();
                            let took = together(stores, handles, flush);
                            schema.drop_with(&first);
                            took
                        };
                        (0..times).map(run).sum()
                    });
                });
            }
            let id = BenchmarkId::new(format!("sqlite, {name}"), workers);
            group.bench_function(id, |b| {
                b.iter_custom(|times| {
                    let run = |_| {
                        let folder = tempfile::tempdir().expect("a temporary folder");
                        let path = folder.path().join("shop.db");
                        fill(&mut sqlite(&path, &graph), handles);
                        let stores = (0..workers).map(|_| sqlite(&path, &graph)).collect();
                        together(stores, handles, flush)
                    };
                    (0..times).map(run).sum()
                });
            });
        }
    }
    group.finish();
}

fn fill<S: Store>(store: &mut S, handles: Receipts) {
    let change = store.change().insert(handles.products, products(PRODUCTS));
    change.commit().expect("products load");
}

/// The variables by which this program, run again, is told that it is the one who dies: the file, or the schema.
const DIES_IN: &str = "DELTAVIEW_BENCH_DIES_IN";
const DIES: &str = "DELTAVIEW_BENCH_DIES";

/// Commits stage by stage for ever.
fn work_for_ever<S: Store>(mut store: S, handles: Receipts) -> ! {
    for number in 0.. {
        let rows = line_items(number * ROWS..(number + 1) * ROWS, PRODUCTS);
        let change = store.change().insert(handles.line_items, rows);
        let change = change.at(Flush::EachTable).within(LONG);
        change.commit().expect("it fits");
    }
    unreachable!("there is always another number")
}

/// From the kill of a process in the middle of a change until a survivor has finished it, and committed its own.
fn survived<S: Store>(store: &mut S, handles: Receipts, dies: (&str, &OsStr)) -> Duration {
    fill(store, handles);
    let program = std::env::current_exe().expect("this program");
    let mut dies = std::process::Command::new(program)
        .env(dies.0, dies.1)
        .spawn()
        .expect("this program runs");
    let between_stages = || {
        let status = store.status().expect("it can be read");
        status.in_flight.iter().any(|time| time.passed > 0)
    };
    while !between_stages() {
        std::thread::yield_now();
    }
    dies.kill().expect("it runs");
    let began = Instant::now();
    dies.wait().expect("it was killed");
    let change = store
        .change()
        .insert(handles.line_items, line_items(0..1, PRODUCTS));
    let change = change.at(Flush::EachTable).within(LONG);
    change.commit().expect("it fits");
    began.elapsed()
}

fn recovery(c: &mut Criterion) {
    let (graph, handles) = receipts();
    let mut group = c.benchmark_group("a worker is killed: the survivor's next change");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(8));
    group.bench_function("sqlite, a lease of 300 ms", |b| {
        b.iter_custom(|times| {
            let run = |_| {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let path = folder.path().join("shop.db");
                survived(&mut sqlite(&path, &graph), handles, (DIES, path.as_ref()))
            };
            (0..times).map(run).sum()
        });
    });
    if let Some(server) = server() {
        group.bench_function("postgres", |b| {
            b.iter_custom(|times| {
                let run = |_| {
                    let schema = Schema::new(&server);
                    let mut store = schema.open(&graph);
                    let took = survived(&mut store, handles, (DIES_IN, schema.name.as_ref()));
                    schema.drop_with(&store);
                    took
                };
                (0..times).map(run).sum()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, throughput, recovery);

fn main() {
    let (graph, handles) = receipts();
    if let Some(path) = std::env::var_os(DIES) {
        work_for_ever(sqlite(path.as_ref(), &graph), handles);
    }
    if let (Ok(name), Some(server)) = (std::env::var(DIES_IN), server()) {
        work_for_ever(Schema { server, name }.open(&graph), handles);
    }
    benches();
    criterion::Criterion::default()
        .configure_from_args()
        .final_summary();
}
