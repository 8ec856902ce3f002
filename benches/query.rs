//! Searching: queries per second, with the recall@10 that each setting has.

#[path = "support/corpus.rs"]
mod corpus;
#[path = "support/seeded.rs"]
mod seeded;

use std::{hint::black_box, sync::Arc};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use passim::{
    Article, ExactIndex, HnswIndex, HnswParams, Retriever, SearchParams, VectorIndex, Vectors, eval,
};

const DIM: usize = 384;
const SIZES: [usize; 4] = [1_000, 2_000, 4_000, 16_000];
const QUERIES: usize = 200;

/// Rows found for every query.
fn found(index: &dyn VectorIndex, queries: &Vectors, params: SearchParams) -> Vec<Vec<u32>> {
    let rows = |query| index.search(query, params, None).expect("a valid query");
    queries.rows().map(rows).map(|found| found.iter().map(|one| one.row).collect()).collect()
}

fn vector_search(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("query");
    group.throughput(Throughput::Elements(QUERIES as u64));
    for size in SIZES {
        // One cluster more than is indexed for each: near its centre, but no copies.
        let all = seeded::clustered(1, DIM, size / 50, 51, 0.6);
        let (mut indexed, mut held_out): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
        (0..all.len())
            .for_each(|row| if row % 51 == 50 { held_out.push(row) } else { indexed.push(row) });
        let queries = all.select(&held_out.into_iter().cycle().take(QUERIES).collect::<Vec<_>>());
        let vectors = Arc::new(all.select(&indexed));
        let exact = ExactIndex::new(Arc::clone(&vectors)).expect("few vectors");
        let hnsw = HnswIndex::build(vectors, HnswParams::default()).expect("valid settings");
        let truth = found(&exact, &queries, SearchParams::default());

        group.bench_function(BenchmarkId::new("exact", size), |bencher| {
            bencher.iter(|| found(&exact, black_box(&queries), SearchParams::default()));
        });
        for ef_search in [16, 32, 64, 128] {
            let params = SearchParams { ef_search, ..SearchParams::default() };
            let got = found(&hnsw, &queries, params);
            let recalls =
                got.iter().zip(&truth).map(|(got, truth)| eval::ann_recall_at_k(got, truth, 10));
            let recall = eval::mean(recalls).expect("queries with neighbors");
            println!("query/hnsw ef {ef_search}/{size}: recall@10 {recall:.4}");
            group.bench_function(
                BenchmarkId::new(format!("hnsw ef {ef_search}"), size),
                |bencher| {
                    bencher.iter(|| found(&hnsw, black_box(&queries), params));
                },
            );
        }
    }
    group.finish();
}

/// A question from text to hits: embedding, search and the texts of the hits.
fn question_to_hits(criterion: &mut Criterion) {
    let mut retriever = Retriever::in_memory().expect("the bundled model");
    let texts = corpus::texts(1, 1_000, 150).into_iter().enumerate();
    let articles = texts.map(|(at, text)| Article::new(at.to_string(), text));
    retriever.add(articles).expect("articles with keys");
    let questions = corpus::texts(2, QUERIES, 8);
    let mut group = criterion.benchmark_group("question");
    group.throughput(Throughput::Elements(QUERIES as u64));
    group.bench_function(format!("search/{} passages", retriever.passages()), |bencher| {
        bencher.iter(|| {
            questions.iter().map(|one| retriever.search(one)).collect::<Result<Vec<_>, _>>()
        });
    });
    group.bench_function(format!("search_many/{} passages", retriever.passages()), |bencher| {
        bencher.iter(|| retriever.search_many(black_box(&questions)));
    });
    group.finish();
}

criterion_group!(benches, vector_search, question_to_hits);
criterion_main!(benches);
