//! Texts per second with the bundled model, and with the transformer model in the folder
//! `PASSIM_TEST_MODEL` if that is set; cost of looking up and keeping vectors in a cache.

use std::hint::black_box;

use criterion::{
    BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
    measurement::WallTime,
};
use passim::{EmbedStage, Embedder, EmbeddingCache, Role, StaticEmbedder};
use passim_testkit::corpus;

const TEXTS: usize = 2_000;
/// Bound of the cache in bytes, above the size of all vectors.
const ROOM: usize = 1 << 30;

fn bundled(criterion: &mut Criterion) {
    let embedder = StaticEmbedder::bundled().expect("the bundled model");
    let mut group = criterion.benchmark_group("embed");
    by_length_and_threads(&mut group, &embedder, TEXTS, &[8, 100, 300]);
    group.finish();
}

/// Embeds `len` texts of each number of `words`, on one thread and on the model's maximum.
fn by_length_and_threads(
    group: &mut BenchmarkGroup<'_, WallTime>,
    embedder: &dyn Embedder,
    len: usize,
    words: &[usize],
) {
    group.throughput(Throughput::Elements(len as u64));
    for words in words {
        let texts = corpus::texts(1, len, *words);
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        for threads in [1, embedder.max_concurrency()] {
            let name = BenchmarkId::new(format!("{threads} threads"), format!("{words} words"));
            let stage = EmbedStage::new(embedder).embed_threads(threads);
            group.bench_function(name, |bencher| {
                bencher.iter(|| stage.run(Role::Passage, black_box(&texts)));
            });
        }
    }
}

/// In a hit run all texts are cached, in a miss run none. The excess of a miss run over a run
/// without a cache is the cost of looking up and keeping.
fn cache(criterion: &mut Criterion) {
    let embedder = StaticEmbedder::bundled().expect("the bundled model");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let memory = || EmbeddingCache::in_memory(ROOM);
    let file = || {
        let path = folder.path().join("cache");
        // The file does not exist in the first iteration.
        _ = std::fs::remove_file(&path);
        EmbeddingCache::open(path, ROOM).expect("a cache in a file")
    };
    let mut group = criterion.benchmark_group("cache");
    group.throughput(Throughput::Elements(TEXTS as u64));
    for words in [8, 100, 300] {
        let texts = corpus::texts(1, TEXTS, words);
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let stage = || EmbedStage::new(&embedder).embed_threads(1);
        let length = format!("{words} words");
        group.bench_function(BenchmarkId::new("none", &length), |bencher| {
            bencher.iter(|| stage().run(Role::Passage, black_box(&texts)));
        });
        let places: [(&str, &dyn Fn() -> EmbeddingCache); 2] =
            [("memory", &memory), ("file", &file)];
        for (place, open) in places {
            let cached = stage().cache(&open());
            cached.run(Role::Passage, &texts).expect("vectors");
            group.bench_function(BenchmarkId::new(format!("hit, {place}"), &length), |bencher| {
                bencher.iter(|| cached.run(Role::Passage, black_box(&texts)));
            });
            drop(cached);
            group.bench_function(BenchmarkId::new(format!("miss, {place}"), &length), |bencher| {
                let empty = || stage().cache(&open());
                let run = |stage: &mut EmbedStage| stage.run(Role::Passage, black_box(&texts));
                bencher.iter_batched_ref(empty, run, BatchSize::PerIteration);
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
    by_length_and_threads(&mut group, &embedder, 64, &[8, 100]);
    group.finish();
}

#[cfg(feature = "fastembed")]
criterion_group!(benches, bundled, cache, transformer);
#[cfg(not(feature = "fastembed"))]
criterion_group!(benches, bundled, cache);
criterion_main!(benches);
