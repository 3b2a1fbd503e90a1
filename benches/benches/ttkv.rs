//! The map that remembers: reads of now and of then, and writes, against the depth of the history.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use deltaview::ttkv::{SqliteTimeMap, Time};
use deltaview::{SqliteOptions, Synchronous};

const KEYS: u32 = 10;

/// A map of so many versions of each of ten keys, and a time in the middle.
fn filled(folder: &tempfile::TempDir, depth: u32) -> (SqliteTimeMap<u32, String>, Time) {
    let options = SqliteOptions::new().synchronous(Synchronous::Off);
    let path = folder.path().join(format!("{depth}.db"));
    let map = SqliteTimeMap::open_with(path, "rows", &options).expect("the folder is writable");
    let value = "a value of some length, as they are".to_string();
    let mut middle = Time::MIN;
    for version in 0..depth {
        let time = map
            .put_many((0..KEYS).map(|key| (key, &value)))
            .expect("it fits");
        if version == depth / 2 {
            middle = time;
        }
    }
    (map, middle)
}

fn depths(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut group = c.benchmark_group("a map of ten keys, by versions of each");
    group.sample_size(20);
    for depth in [10_u32, 1_000, 100_000] {
        let (map, middle) = filled(&folder, depth);
        group.bench_function(BenchmarkId::new("get", depth), |b| {
            b.iter(|| map.get(black_box(&7)))
        });
        group.bench_function(BenchmarkId::new("get_at", depth), |b| {
            b.iter(|| map.get_at(black_box(&7), middle))
        });
        group.bench_function(BenchmarkId::new("iterate now", depth), |b| {
            b.iter(|| map.iter().expect("it is there").count())
        });
        let value = "a value".to_string();
        group.bench_function(BenchmarkId::new("put", depth), |b| {
            b.iter(|| map.put(black_box(&7), &value))
        });
    }
    group.finish();
}

criterion_group!(benches, depths);
criterion_main!(benches);
