//! The README's query, end to end: loading in batches, and one-row changes against the size of the state.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use deltaview::prelude::*;
use deltaview::{SqliteOptions, Synchronous};
use deltaview_benches::{LineItem, Receipts, line_items, products, receipts};

const PRODUCTS: u32 = 1_000;

/// A store with all products and so many line items.
fn loaded<S: Store>(mut store: S, handles: Receipts, items: u32) -> S {
    store
        .change()
        .insert(handles.products, products(PRODUCTS))
        .commit()
        .expect("products load");
    for start in (0..items).step_by(10_000) {
        let batch = line_items(start..items.min(start + 10_000), PRODUCTS);
        store
            .change()
            .insert(handles.line_items, batch)
            .commit()
            .expect("line items load");
    }
    store
}

fn sqlite(folder: &tempfile::TempDir, graph: &Graph) -> SqliteStore {
    let path = folder.path().join(format!("{}.db", fresh()));
    SqliteOptions::new()
        .synchronous(Synchronous::Normal)
        .open(path, graph)
        .expect("the folder is writable")
}

/// A number that was not given out before.
fn fresh() -> usize {
    static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

fn loading(c: &mut Criterion) {
    let (graph, handles) = receipts();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut group = c.benchmark_group("load 10,000 line items in one batch");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(10_000));
    group.bench_function("memory", |b| {
        b.iter_batched(
            || loaded(MemoryStore::new(&graph), handles, 0),
            |mut store| {
                store
                    .change()
                    .insert(handles.line_items, line_items(0..10_000, PRODUCTS))
                    .commit()
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("sqlite", |b| {
        b.iter_batched(
            || loaded(sqlite(&folder, &graph), handles, 0),
            |mut store| {
                store
                    .change()
                    .insert(handles.line_items, line_items(0..10_000, PRODUCTS))
                    .commit()
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// Inserts and removes one line item: two commits.
fn one_row<S: Store>(store: &mut S, handles: Receipts) {
    let item = LineItem {
        basket: 1,
        product: 7,
        qty: 3,
    };
    black_box(
        store
            .change()
            .insert(handles.line_items, [item.clone()])
            .commit()
            .expect("it fits"),
    );
    black_box(
        store
            .change()
            .remove(handles.line_items, [item])
            .commit()
            .expect("it is there"),
    );
}

fn one_row_changes(c: &mut Criterion) {
    let (graph, handles) = receipts();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut group = c.benchmark_group("insert and remove one line item");
    group.sample_size(20);
    for items in [1_000_u32, 100_000] {
        let mut store = loaded(MemoryStore::new(&graph), handles, items);
        group.bench_function(BenchmarkId::new("memory", items), |b| {
            b.iter(|| one_row(&mut store, handles))
        });
        let mut store = loaded(sqlite(&folder, &graph), handles, items);
        group.bench_function(BenchmarkId::new("sqlite", items), |b| {
            b.iter(|| one_row(&mut store, handles))
        });
    }
    group.finish();
}

fn look_ups(c: &mut Criterion) {
    let (graph, handles) = receipts();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut group = c.benchmark_group("look a basket's total up");
    let memory = loaded(MemoryStore::new(&graph), handles, 100_000);
    group.bench_function("memory", |b| {
        b.iter(|| memory.view(handles.totals).get(black_box(&777)))
    });
    let sqlite = loaded(sqlite(&folder, &graph), handles, 100_000);
    group.bench_function("sqlite", |b| {
        b.iter(|| sqlite.view(handles.totals).get(black_box(&777)))
    });
    group.finish();
}

criterion_group!(benches, loading, one_row_changes, look_ups);
criterion_main!(benches);
