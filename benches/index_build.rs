//! Building an index: vectors per second, for several sizes and both indexes, with the recall
//! of the default settings and the bytes per vector.
//!
//! `support/datasets.rs` defines the data sets.

mod support;

use std::{cell::LazyCell, hint::black_box, sync::Arc};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use passim::{ExactIndex, HnswIndex, HnswParams, SearchEffort};

use support::datasets::{DataSet, Source};
use support::extent::sizes;
use support::indexes::{Indexes, Way};

const QUERIES: usize = 200;

/// Prints recall and size at the default settings.
fn report(data: &DataSet) {
    let indexes = Indexes::build(&data.vectors);
    let way = Way { index: &indexes.hnsw, effort: SearchEffort::default() };
    indexes.report("index_build", data, &[way]);
}

fn index_build(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("index_build");
    group.sample_size(10);
    let sources = Source::all(sizes().iter().copied().max().unwrap_or_default(), QUERIES);
    for data in sources.iter().flat_map(|source| source.cuts(sizes())) {
        let size = data.vectors.len();
        let name = |index| BenchmarkId::new(format!("{} {index}", data.name), size);
        let vectors = || Arc::clone(black_box(&data.vectors));
        let report = LazyCell::new(|| report(&data));
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(name("exact"), |bencher| {
            bencher.iter(|| ExactIndex::new(vectors()));
        });
        group.bench_function(name("hnsw"), |bencher| {
            LazyCell::force(&report);
            bencher.iter(|| HnswIndex::build(vectors(), HnswParams::default()));
        });
    }
    group.finish();
}

criterion_group!(benches, index_build);
criterion_main!(benches);
