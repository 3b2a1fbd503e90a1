//! Views with history: writes and reads of now and of then, against the depth of the history, and without any.

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use deltaview::prelude::*;
use deltaview::{Retention, Synchronous};
use deltaview_benches::Product;

const KEYS: u32 = 4;

/// A keyed table with a view that is the table itself, with history or without.
fn graph(has_history: bool) -> (Graph, TableHandle<Product, u32>, ViewHandle<Product, u32>) {
    let (graph, (products, view)) = Graph::build("prices", |g| {
        let products = g.table("products", Product::by_id());
        let view = products.view_by("prices", Product::by_id());
        if has_history {
            g.with_history(view, Retention::Forever);
        }
        (products.handle(), view)
    })
    .expect("the graph is right");
    (graph, products, view)
}

/// The change of a time: every product gets another price.
fn reprice<S: Store>(store: &mut S, products: TableHandle<Product, u32>, price: i64) -> i64 {
    let rows = (0..KEYS).map(|id| Product { id, price });
    let change = store.change().upsert(products, rows);
    change.commit().expect("it fits").time()
}

/// Measures a store with so many versions of each row.
fn measure<S: Store>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    mut store: S,
    handles: (TableHandle<Product, u32>, ViewHandle<Product, u32>),
    (name, depth): (&str, i64),
) {
    let (products, view) = handles;
    let mut last = 0;
    for version in 0..depth {
        last = reprice(&mut store, products, version);
    }
    let has_history = store.graph().has_history();
    let kept = if has_history { "with" } else { "without" };
    let id = |what: &str| BenchmarkId::new(format!("{name}, {what}, {kept} history"), depth);
    group.bench_function(id("get now"), |b| {
        b.iter(|| store.view(view).get(black_box(&2)));
    });
    group.bench_function(id("iterate now"), |b| {
        b.iter(|| store.view(view).iter().expect("it is there").count());
    });
    if has_history {
        // Each place in the tree is as near as another: some of all depths.
        let times = [last / 2, last / 3, last - 1, last * 5 / 7].map(|time| time.max(1));
        group.bench_function(id("get as of then"), |b| {
            let mut next = times.iter().cycle();
            b.iter(|| {
                let time = *next.next().expect("it goes round");
                let then = store.view(view).as_of(time).expect("it is kept");
                then.get(black_box(&2))
            });
        });
        group.bench_function(id("iterate as of then"), |b| {
            b.iter(|| {
                let then = store.view(view).as_of(last / 2).expect("it is kept");
                then.iter().expect("it is there").count()
            });
        });
        group.bench_function(id("the last ten versions"), |b| {
            b.iter(|| {
                let versions = store.view(view).versions(&2).expect("it is kept");
                versions.take(10).count()
            });
        });
    }
    let mut price = depth;
    group.bench_function(id("write"), |b| {
        b.iter(|| {
            price += 1;
            reprice(&mut store, products, price)
        });
    });
}

fn depths(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut group = c.benchmark_group("four rows, by versions of each");
    group.sample_size(20);
    for depth in [10, 1_000, 100_000] {
        for has_history in [true, false] {
            let (graph, products, view) = graph(has_history);
            let handles = (products, view);
            let store = MemoryStore::new(&graph);
            measure(&mut group, store, handles, ("memory", depth));
            let path = folder.path().join(format!("{depth} {has_history}.db"));
            let options = SqliteOptions::new().synchronous(Synchronous::Off);
            let store = options.open(path, &graph).expect("the folder is writable");
            measure(&mut group, store, handles, ("SQLite", depth));
        }
    }
    group.finish();
}

criterion_group!(benches, depths);
criterion_main!(benches);
