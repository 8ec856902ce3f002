//! A crate of its own because it counts the bytes that its process allocates.
//!
//! Laws of the embedding cache: vectors are equal bit for bit, the bound holds, and a damaged file
//! never yields a wrong vector.

mod damage;
mod model;
mod retriever;

use std::{fs, path::Path, process::Command, thread};

use passim::{
    EmbedReport, EmbedStage, Embedder, EmbeddingCache, Error, Interrupt, Progress, Role,
    StaticEmbedder, Vectors,
};
use passim_testkit::{
    Seeded, child,
    counting_allocator::{self, CountingAllocator},
};

use model::RecordingModel;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Bytes of a vector in memory besides its values.
const ENTRY: usize = 160;

/// Test text number `at`.
fn text(at: usize) -> String {
    format!("Satz {at} von {}", at % 7)
}

fn texts(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(text).collect()
}

fn as_strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

/// Embeds `texts` with the cache.
fn embed(
    model: &RecordingModel,
    cache: &EmbeddingCache,
    role: Role,
    texts: &[String],
) -> (Vectors, EmbedReport) {
    let stage = EmbedStage::new(model).embed_threads(2).batch_tokens(24).cache(cache);
    stage.run(role, &as_strs(texts)).unwrap()
}

fn bits(vectors: &Vectors) -> Vec<u32> {
    vectors.as_slice().iter().map(|value| value.to_bits()).collect()
}

/// Embeds the texts in `range`, checks the vectors, and returns how many came from the cache.
fn cached(model: &RecordingModel, cache: &EmbeddingCache, range: std::ops::Range<usize>) -> usize {
    let texts = texts(range);
    let (vectors, report) = embed(model, cache, Role::Passage, &texts);
    assert_eq!(bits(&vectors), bits(&model.vectors(Role::Passage, &as_strs(&texts))));
    report.cached
}

#[test]
fn vectors_equal_the_models_and_are_embedded_once() {
    let folder = tempfile::tempdir().unwrap();
    let in_file = || EmbeddingCache::open(folder.path().join("cache"), 1 << 20).unwrap();
    for mut cache in [EmbeddingCache::in_memory(1 << 20), in_file()] {
        let models =
            [RecordingModel::new(1, 24), RecordingModel::new(2, 24), RecordingModel::new(3, 100)];
        let mut known = std::collections::HashSet::new();
        let mut random = Seeded(1);
        for round in 0..60 {
            let number = random.below(3);
            let role = [Role::Query, Role::Passage][random.below(2)];
            let given: Vec<String> =
                (0..random.below(40)).map(|_| text(random.below(90))).collect();
            let (vectors, report) = embed(&models[number], &cache, role, &given);
            let want = models[number].vectors(role, &as_strs(&given));
            assert_eq!(bits(&vectors), bits(&want), "round {round}");
            let of = |text: &String| (number, role, text.clone());
            let cached = given.iter().filter(|text| known.contains(&of(text))).count();
            let mut new: Vec<_> =
                given.iter().filter(|text| !known.contains(&of(text))).cloned().collect();
            new.sort();
            let fresh = new.len();
            new.dedup();
            assert_eq!((report.texts, report.cached), (given.len(), cached), "round {round}");
            assert_eq!(report.repeated, fresh - new.len());
            assert_eq!(report.tokens, new.len() * 4);
            assert_eq!(models[number].take_seen(), new, "round {round}");
            known.extend(given.iter().map(of));
            assert_eq!(cache.len(), known.len());
            if round % 9 == 8 && format!("{cache:?}").contains("Some") {
                drop(cache);
                cache = in_file();
                assert_eq!(cache.len(), known.len(), "all vectors are in the file");
            }
        }
    }
}

#[test]
fn the_bundled_model_is_cached_bit_for_bit() {
    let model = StaticEmbedder::bundled().unwrap();
    let texts = ["Ein Moor speichert Wasser.", "", "A bog stores water.", "漢字"];
    let folder = tempfile::tempdir().unwrap();
    let open = || EmbeddingCache::open(folder.path().join("cache"), 1 << 20).unwrap();
    let want = model.embed(Role::Passage, &texts, Interrupt::none()).unwrap();
    for cached in [0, 4] {
        let cache = open();
        let stage = EmbedStage::new(&model).cache(&cache);
        let (vectors, report) = stage.run(Role::Passage, &texts).unwrap();
        assert_eq!((bits(&vectors), report.cached), (bits(&want), cached));
    }
}

#[test]
fn memory_evicts_the_least_recently_used() {
    let model = RecordingModel::new(1, 10);
    let cache = EmbeddingCache::in_memory(3 * (ENTRY + 40) + 39);
    assert_eq!(cached(&model, &cache, 0..3), 0);
    assert_eq!(cached(&model, &cache, 0..1), 1, "0 is used again");
    assert_eq!(cached(&model, &cache, 3..4), 0, "1 is evicted");
    assert_eq!(cached(&model, &cache, 0..1), 1);
    assert_eq!(cached(&model, &cache, 2..4), 2);
    assert_eq!(cached(&model, &cache, 1..2), 0);
    assert_eq!((cache.len(), cache.bytes()), (3, 600));
    let large = RecordingModel::new(2, 200);
    assert_eq!((cached(&large, &cache, 0..1), cached(&large, &cache, 0..1)), (0, 0), "too large");
    assert_eq!(
        cached(&model, &cache, 1..4),
        3,
        "1 evicted 0; the vector that is too large evicted none"
    );
    let nothing = EmbeddingCache::in_memory(0);
    assert_eq!((cached(&model, &nothing, 0..3), cached(&model, &nothing, 0..3)), (0, 0));
    assert!(nothing.is_empty());
}

#[test]
fn a_file_is_bounded_and_keeps_the_most_recently_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let model = RecordingModel::new(1, 10);
    let limit = 6_000;
    let open = || EmbeddingCache::open(&path, limit).unwrap();
    let mut cache = open();
    let length = || usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
    let mut shrunk = 0;
    for at in 0..400 {
        let before = length();
        assert_eq!(cached(&model, &cache, at..at + 1), 0);
        // Text 0 is used every time, so it is never evicted.
        assert_eq!(cached(&model, &cache, 0..1), 1, "{at}");
        assert!(length() <= limit, "{} bytes", length());
        assert_eq!(cache.bytes(), length() as u64);
        shrunk += usize::from(length() < before);
        if at % 50 == 49 {
            drop(cache);
            cache = open();
        }
    }
    assert!(shrunk > 3, "it was rewritten {shrunk} times");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let kept = cache.len();
    assert_eq!(cached(&model, &cache, 400 - (kept - 1)..400), kept - 1, "the last are cached");

    let many = (400..).take_while(|_| length() <= 4_096);
    let last = many.inspect(|at| _ = cached(&model, &cache, *at..at + 1)).last().unwrap_or(399);
    drop(cache);
    let cache = EmbeddingCache::open(&path, 4_096).unwrap();
    assert!(length() <= 2_048 && cache.len() > 15, "a smaller bound holds at once: {cache:?}");
    assert_eq!(cached(&model, &cache, last - 4..last + 1), 5);
    let large = RecordingModel::new(2, 1_000);
    assert_eq!((cached(&large, &cache, 0..2), cached(&large, &cache, 0..2)), (0, 0));
    assert_eq!(
        cached(&model, &cache, last - 4..last + 1),
        5,
        "a vector that never fits evicts none"
    );
}

#[test]
fn a_batch_over_the_bound_is_cached_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let cache = EmbeddingCache::open(folder.path().join("cache"), 4_096).unwrap();
    let model = RecordingModel::new(1, 10);
    let texts = texts(0..500);
    let stage = EmbedStage::new(&model).batch_tokens(1 << 20).cache(&cache);
    stage.run(Role::Passage, &as_strs(&texts)).unwrap();
    assert!(cache.bytes() <= 4_096 && cache.len() > 30, "{cache:?}");
    assert_eq!(cached(&model, &cache, 490..500), 10);
}

#[test]
fn threads_share_a_cache() {
    let folder = tempfile::tempdir().unwrap();
    let in_file = EmbeddingCache::open(folder.path().join("cache"), 20_000).unwrap();
    for cache in [EmbeddingCache::in_memory(20_000), in_file] {
        let models = [RecordingModel::new(1, 16), RecordingModel::new(2, 30)];
        thread::scope(|scope| {
            for seed in 0..6 {
                let cache = cache.clone();
                let model = &models[usize::from(seed % 2 == 0)];
                scope.spawn(move || {
                    let mut random = Seeded(seed);
                    for _ in 0..60 {
                        let start = random.below(300);
                        cached(model, &cache, start..start + random.below(60));
                        assert!(cache.bytes() <= 20_000);
                    }
                });
            }
        });
        assert!(cache.len() > 20);
    }
}

#[test]
fn progress_counts_cached_texts_first() {
    let model = RecordingModel::new(1, 8);
    let cache = EmbeddingCache::in_memory(1 << 20);
    cached(&model, &cache, 0..30);
    let seen = std::sync::Mutex::new(Vec::<Progress>::new());
    let note = |progress| seen.lock().unwrap().push(progress);
    let stage = EmbedStage::new(&model).batch_tokens(8).cache(&cache).progress(&note);
    let (_, report) = stage.run(Role::Passage, &as_strs(&texts(0..50))).unwrap();
    let seen = seen.into_inner().unwrap();
    assert_eq!((seen[0].done, seen[0].total, seen[0].tokens), (30, 50, 0));
    assert!(seen.is_sorted_by_key(|progress| (progress.done, progress.tokens)));
    assert_eq!(seen.last().map(|last| (last.done, last.tokens)), Some((50, report.tokens)));
    assert_eq!((report.cached, report.tokens), (30, 80));
}

#[test]
fn a_file_cannot_be_opened_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let cache = EmbeddingCache::open(&path, 4_096).unwrap();
    let clone = cache.clone();
    let refused = |path: &Path| {
        let error = EmbeddingCache::open(path, 4_096).unwrap_err();
        assert!(matches!(&error, Error::CacheInUse { path: named } if named == path), "{error}");
    };
    refused(&path);
    drop(cache);
    refused(&path);
    // A rewrite replaces the file; the new one is locked as well.
    cached(&RecordingModel::new(1, 10), &clone, 0..200);
    refused(&path);
    drop(clone);
    assert!(EmbeddingCache::open(&path, 4_096).is_ok());
    let error = EmbeddingCache::open(&path, 4_095).unwrap_err();
    assert!(matches!(error, Error::Setting { name: "bytes", got: 4_095, .. }), "{error}");
    let error = EmbeddingCache::open(folder.path(), 4_096).unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");
}

#[test]
fn unwritable_vectors_stay_in_memory_and_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("below");
    fs::create_dir(&below).unwrap();
    let model = RecordingModel::new(1, 10);
    let path = below.join("cache");
    let cache = EmbeddingCache::open(&path, 4_096).unwrap();
    cached(&model, &cache, 0..60);
    // Without its folder, the file cannot be rewritten.
    fs::remove_dir_all(&below).unwrap();
    let texts = texts(60..120);
    let before = cache.len();
    let stage = EmbedStage::new(&model).embed_threads(1).batch_tokens(8).cache(&cache);
    model.take_seen();
    for attempt in 1..4 {
        let error = stage.run(Role::Passage, &as_strs(&texts)).unwrap_err();
        assert!(matches!(error, Error::Write { .. }), "{error}");
        assert_eq!(model.take_seen().len(), 2, "one more batch is tried");
        assert_eq!(cache.len(), before + 2 * attempt);
    }
}

/// The entry point of the child processes of other tests.
#[test]
#[ignore = "other tests run it in a child process"]
fn in_child() {
    match child::task() {
        Some(task) if task.name == "write too much" => write_too_much(&task.folder),
        Some(_) => take_memory(),
        None => {}
    }
}

fn write_too_much(folder: &Path) {
    let model = RecordingModel::new(1, 100);
    let cache = EmbeddingCache::open(folder.join("cache"), 1 << 20).unwrap();
    let texts = texts(0..2_000);
    let stage = EmbedStage::new(&model).embed_threads(1).cache(&cache);
    for max_seen in [1_999, 256] {
        let error = stage.run(Role::Passage, &as_strs(&texts)).unwrap_err();
        assert!(matches!(error, Error::Write { .. }), "{error}");
        assert!((1..=max_seen).contains(&model.take_seen().len()));
    }
}

fn take_memory() {
    let model = RecordingModel::new(1, 64);
    let cache = EmbeddingCache::in_memory(usize::MAX);
    let texts = texts(0..20_000);
    let ((), taken) = counting_allocator::peak_growth(|| {
        for part in texts.chunks(100) {
            embed(&model, &cache, Role::Query, part);
            model.take_seen();
        }
    });
    let counted = usize::try_from(cache.bytes()).unwrap();
    assert_eq!(counted, 20_000 * (ENTRY + 256));
    assert!(taken.abs_diff(counted) < counted / 6, "{taken} bytes are used, {counted} counted");
}

fn run_child(by: &[&str], task: &str, folder: &Path) {
    let mut child: Command = child::command(by, task, folder);
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn counted_memory_is_close_to_the_memory_used() {
    run_child(&[], "take memory", Path::new("."));
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let limited = "trap '' XFSZ; ulimit -f 250; exec \"$0\" \"$@\"";
    run_child(&["sh", "-c", limited], "write too much", folder.path());
    let model = RecordingModel::new(1, 100);
    let cache = EmbeddingCache::open(folder.path().join("cache"), 1 << 20).unwrap();
    let there = cache.len();
    assert!(there >= 256, "{there} vectors were written");
    assert_eq!(cached(&model, &cache, 0..2_000), there);
    assert_eq!(cached(&model, &cache, 0..2_000), 2_000);
}
