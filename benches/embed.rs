//! Embedding with the bundled model: texts per second by length and number of workers.

#[path = "support/corpus.rs"]
mod corpus;
#[path = "support/seeded.rs"]
mod seeded;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use passim::{EmbedStage, Embedder, Role, StaticEmbedder};

const TEXTS: usize = 2_000;

fn embed(criterion: &mut Criterion) {
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

criterion_group!(benches, embed);
criterion_main!(benches);
