//! One operator at a time, in memory: a change of a hundred rows and its reverse, by the size of the state.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use deltaview_benches::operators::{OPERATORS, Size};

fn operators(c: &mut Criterion) {
    for (name, make) in OPERATORS {
        let mut group = c.benchmark_group(name);
        let change = 100;
        group
            .sample_size(20)
            .throughput(Throughput::Elements(2 * u64::from(change)));
        for state in [1_000, 100_000] {
            let mut kernel = make(Size { state, change });
            group.bench_function(BenchmarkId::from_parameter(state), |b| b.iter(&mut kernel));
        }
        group.finish();
    }
}

criterion_group!(benches, operators);
criterion_main!(benches);
