//! Building an index: vectors per second, for several sizes and both indexes.

#[path = "support/seeded.rs"]
mod seeded;

use std::{hint::black_box, sync::Arc};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use passim::{ExactIndex, HnswIndex, HnswParams};

const DIM: usize = 384;
const SIZES: [usize; 3] = [1_000, 4_000, 16_000];

fn index_build(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("index_build");
    group.sample_size(10);
    for size in SIZES {
        let vectors = Arc::new(seeded::clustered(1, DIM, size / 50, 50, 0.6));
        group.throughput(Throughput::Elements(size as u64));
        group.bench_with_input(BenchmarkId::new("exact", size), &vectors, |bencher, vectors| {
            bencher.iter(|| ExactIndex::new(Arc::clone(black_box(vectors))));
        });
        group.bench_with_input(BenchmarkId::new("hnsw", size), &vectors, |bencher, vectors| {
            bencher.iter(|| HnswIndex::build(Arc::clone(vectors), HnswParams::default()));
        });
    }
    group.finish();
}

criterion_group!(benches, index_build);
criterion_main!(benches);
