//! Searching: queries per second of one thread, with the recall@10 of each setting and the
//! bytes per vector.
//!
//! `support/datasets.rs` defines the data sets.

mod support;

use std::{cell::LazyCell, hint::black_box};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use passim::{Chunker, Mode, Query, Retriever, Weights};
use passim_testkit::corpus;
use rayon::ThreadPoolBuilder;

use support::datasets::{DataSet, Source};
use support::extent::sizes;
use support::indexes::{Indexes, Way};

const QUERIES: usize = 200;
const LADDER: [usize; 4] = [32, 64, 96, 128];

/// Builds the indexes of `data`; prints their recall and size.
fn built(data: &DataSet) -> Indexes {
    let indexes = Indexes::build(&data.vectors);
    indexes.report("query", data, &LADDER.map(|ef_search| Way::graph(&indexes, ef_search)));
    indexes
}

fn vector_search(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("query");
    group.sample_size(10).throughput(Throughput::Elements(QUERIES as u64));
    let sources = Source::all(sizes().iter().copied().max().unwrap_or_default(), QUERIES);
    for data in sources.iter().flat_map(|source| source.cuts(sizes())) {
        let name = |index| BenchmarkId::new(format!("{} {index}", data.name), data.vectors.len());
        // Built lazily, for the first benchmark that the command line selects.
        let indexes = LazyCell::new(|| built(&data));
        group.bench_function(name("exact".to_owned()), |bencher| {
            let way = Way::exact(&indexes);
            bencher.iter(|| way.answers(black_box(&data.queries)));
        });
        // On one thread, so that only the shared reading of codes makes the difference.
        let one_thread = ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
        group.bench_function(name("exact, together".to_owned()), |bencher| {
            let indexes = &*indexes;
            bencher.iter(|| one_thread.install(|| indexes.truth(black_box(&data.queries))));
        });
        for ef_search in LADDER {
            group.bench_function(name(format!("hnsw ef {ef_search}")), |bencher| {
                let way = Way::graph(&indexes, ef_search);
                bencher.iter(|| way.answers(black_box(&data.queries)));
            });
        }
    }
    group.finish();
}

/// Measures a question from text to hits: embedding, search and the texts of the hits.
fn question_to_hits(criterion: &mut Criterion) {
    let mut retriever = Retriever::in_memory().expect("the bundled model");
    retriever.add(corpus::articles(1, 1_000, 150)).expect("articles with keys");
    let questions = corpus::texts(2, QUERIES, 8);
    let mut group = criterion.benchmark_group("question");
    group.throughput(Throughput::Elements(QUERIES as u64));
    let passages = retriever.passages();
    let mut modes = vec![Mode::Dense, Mode::default()];
    modes.dedup();
    for mode in modes {
        let queries: Vec<_> = questions.iter().map(|one| Query::new(one).mode(mode)).collect();
        group.bench_function(format!("search/{mode:?}/{passages} passages"), |bencher| {
            bencher.iter(|| {
                queries
                    .iter()
                    .map(|one| retriever.search(one.clone()))
                    .collect::<Result<Vec<_>, _>>()
            });
        });
        group.bench_function(format!("search_many/{mode:?}/{passages} passages"), |bencher| {
            bencher.iter(|| retriever.search_many(black_box(&queries)));
        });
    }
    group.finish();
}

/// Measures late interaction: a hybrid search over passages of 200 words with it and without.
fn late_interaction(criterion: &mut Criterion) {
    let mut retriever = Retriever::builder()
        .chunker(Chunker::default().max_tokens(400))
        .in_memory()
        .expect("the bundled model");
    retriever.add(corpus::articles(3, 1_000, 200)).expect("articles with keys");
    let questions = corpus::texts(4, QUERIES, 10);
    let mut group = criterion.benchmark_group("late");
    group.throughput(Throughput::Elements(QUERIES as u64));
    for late in [0.0, Weights::default().late] {
        let weights = Weights { late, ..Weights::default() };
        group.bench_function(
            format!("weight {late}/{} passages", retriever.passages()),
            |bencher| {
                bencher.iter(|| {
                    let search = |one: &String| retriever.search(Query::new(one).weights(weights));
                    questions.iter().map(search).collect::<Result<Vec<_>, _>>()
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, vector_search, question_to_hits, late_interaction);
criterion_main!(benches);
