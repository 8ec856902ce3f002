//! Searching: queries per second, with the recall@10 that each setting has.
//!
//! The vectors are seeded clusters. With `PASSIM_BENCH_TEXT=FILE` they are the lines of a
//! text file, embedded with the bundled model, and the queries are the first eight words of
//! its last lines, which are not indexed.

#[path = "support/corpus.rs"]
mod corpus;
#[path = "support/seeded.rs"]
mod seeded;

use std::{hint::black_box, sync::Arc};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use passim::{
    Article, Effort, EmbedStage, ExactIndex, HnswIndex, HnswParams, Retriever, Role, SearchParams,
    StaticEmbedder, VectorIndex, Vectors, eval,
};

const SIZES: [usize; 4] = [1_000, 4_000, 8_000, 16_000];
const QUERIES: usize = 200;

/// Rows found for every query.
fn found(index: &dyn VectorIndex, queries: &Vectors, params: SearchParams<'_>) -> Vec<Vec<u32>> {
    let rows = |query| index.search(query, &params).expect("a valid query").neighbors;
    queries.rows().map(rows).map(|found| found.iter().map(|one| one.row).collect()).collect()
}

/// `size` vectors to index, and queries that are not among them.
fn seeded_vectors(size: usize) -> (Vectors, Vectors) {
    // One vector more than is indexed for each cluster: near its centre, but no copy.
    let all = seeded::clustered(1, 384, size / 50, 51, 0.6);
    let (held_out, indexed): (Vec<_>, Vec<_>) = (0..all.len()).partition(|row| row % 51 == 50);
    let queries: Vec<usize> = held_out.into_iter().cycle().take(QUERIES).collect();
    (all.select(&indexed), all.select(&queries))
}

/// The first `size` of `lines` to index, and queries from the last; `None` if they are too few.
fn text_vectors(lines: &[String], size: usize) -> Option<(Vectors, Vectors)> {
    let (rest, last) = lines.split_at_checked(lines.len().checked_sub(QUERIES)?)?;
    let words = |line: &String| line.split_whitespace().take(8).collect::<Vec<_>>().join(" ");
    let questions: Vec<String> = last.iter().map(words).collect();
    let embedder = StaticEmbedder::bundled().expect("the bundled model");
    let embed = |role, texts: &[String]| {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        EmbedStage::new(&embedder).run(role, &texts).expect("texts are embedded").0
    };
    Some((embed(Role::Passage, rest.get(..size)?), embed(Role::Query, &questions)))
}

fn vector_search(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("query");
    group.throughput(Throughput::Elements(QUERIES as u64));
    let file = std::env::var_os("PASSIM_BENCH_TEXT")
        .map(|path| std::fs::read_to_string(path).expect("a text file"));
    let lines: Option<Vec<String>> = file.map(|text| text.lines().map(str::to_owned).collect());
    for size in SIZES {
        let data = match &lines {
            Some(lines) => text_vectors(lines, size),
            None => Some(seeded_vectors(size)),
        };
        let Some((vectors, queries)) = data else {
            println!("query/{size}: NOT RUN, the file has too few lines");
            continue;
        };
        let vectors = Arc::new(vectors);
        let exact = ExactIndex::new(Arc::clone(&vectors)).expect("few vectors");
        let hnsw = HnswIndex::build(vectors, HnswParams::default()).expect("valid settings");
        let truth = found(&exact, &queries, SearchParams::default());

        group.bench_function(BenchmarkId::new("exact", size), |bencher| {
            bencher.iter(|| found(&exact, black_box(&queries), SearchParams::default()));
        });
        for ef_search in [32, 64, 96, 128] {
            let params = SearchParams { effort: Effort::Ef(ef_search), ..SearchParams::default() };
            let got = found(&hnsw, &queries, params);
            let recalls = got.iter().zip(&truth);
            let recalls = recalls.map(|(got, truth)| eval::ann_recall_at_k(got, truth, 10));
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
