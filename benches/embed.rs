//! Embedding: texts per second with the bundled model, and, if `PASSIM_TEST_MODEL` names the
//! folder of a transformer model, with that one.

#[path = "support/corpus.rs"]
mod corpus;
#[path = "support/seeded.rs"]
mod seeded;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use passim::{EmbedStage, Embedder, Role, StaticEmbedder};

const TEXTS: usize = 2_000;

fn bundled(criterion: &mut Criterion) {
    let embedder = StaticEmbedder::bundled().expect("the bundled model");
    let mut group = criterion.benchmark_group("embed");
    group.throughput(Throughput::Elements(TEXTS as u64));
    for words in [8, 100, 300] {
        let texts = corpus::texts(1, TEXTS, words);
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        for workers in [1, embedder.max_workers()] {
            let name = BenchmarkId::new(format!("{workers} workers"), format!("{words} words"));
            let stage = EmbedStage::new(&embedder).workers(workers);
            group.bench_function(name, |bencher| {
                bencher.iter(|| stage.run(Role::Passage, black_box(&texts)));
            });
        }
    }
    group.finish();
}

#[cfg(feature = "fastembed")]
fn transformer(criterion: &mut Criterion) {
    let Some(folder) = std::env::var_os("PASSIM_TEST_MODEL").filter(|name| !name.is_empty()) else {
        eprintln!("NOT RUN: the transformer model: PASSIM_TEST_MODEL is not set");
        return;
    };
    let embedder = passim::FastEmbedder::from_folder(folder).expect("a model that runs");
    let mut group = criterion.benchmark_group("embed by transformer");
    group.sample_size(10);
    for words in [8, 100] {
        let texts = corpus::texts(1, 64, words);
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        group.throughput(Throughput::Elements(texts.len() as u64));
        for workers in [1, embedder.max_workers()] {
            let name = BenchmarkId::new(format!("{workers} workers"), format!("{words} words"));
            let stage = EmbedStage::new(&embedder).workers(workers);
            group.bench_function(name, |bencher| {
                bencher.iter(|| stage.run(Role::Passage, black_box(&texts)));
            });
        }
    }
    group.finish();
}

#[cfg(feature = "fastembed")]
criterion_group!(benches, bundled, transformer);
#[cfg(not(feature = "fastembed"))]
criterion_group!(benches, bundled);
criterion_main!(benches);
