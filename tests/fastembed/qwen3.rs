//! Laws of Qwen3 models in candle, with a small model of random weights: `PASSIM_TEST_QWEN3`.

mod damage;
#[cfg(feature = "hub")]
mod hub;

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use passim::{
    EmbedStage, Embedder, EmbeddingCache, Error, ExecutionProvider, FastEmbedder,
    FastEmbedderBuilder, Interrupt, LongTexts, Pooling, Role, Vectors,
};
use rayon::prelude::*;

use crate::child::child;
use crate::{TEXTS, cosine_of, folder_in};

/// Files of a model's folder.
const FILES: [&str; 4] =
    ["model.safetensors", "tokenizer.json", "config.json", "tokenizer_config.json"];

/// Returns the folder of the small Qwen3; without it, notes on standard error that the test does
/// not run.
fn qwen3() -> Option<PathBuf> {
    folder_in("PASSIM_TEST_QWEN3", true)
}

fn copy_of(model: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in FILES {
        fs::copy(model.join(name), copy.path().join(name)).unwrap();
    }
    copy
}

fn bits(vectors: &Vectors) -> Vec<Vec<u32>> {
    vectors.rows().map(|row| row.iter().map(|x| x.to_bits()).collect()).collect()
}

#[derive(serde::Deserialize)]
struct Reference {
    text: String,
    tokens: usize,
    vector: Vec<f32>,
}

/// `python3 tests/data/qwen3_reference.py MODEL > tests/data/qwen3_reference.json` computes the
/// reference.
#[test]
fn vectors_and_counts_equal_the_reference() {
    let Some(model) = qwen3() else { return };
    let whole = FastEmbedder::from_folder(&model).unwrap();
    // The same weights in 32 bits, in two files, under other names.
    let sharded = FastEmbedder::from_folder(model.join("sharded")).unwrap();
    assert_ne!(whole.identity().hash, sharded.identity().hash);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/qwen3_reference.json");
    let cases: Vec<Reference> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(cases.len(), 7);
    for Reference { text, tokens, vector } in &cases {
        assert_eq!(whole.count_tokens(text).unwrap(), *tokens, "{text}");
        let vectors = whole.embed(Role::Passage, &[text], Interrupt::none()).unwrap();
        let differences = vectors.row(0).iter().zip(vector).map(|(a, b)| (a - b).abs());
        let largest = differences.fold(0.0, f32::max);
        assert!(largest < 1e-4, "{text}: {largest}");
        assert_eq!(
            bits(&sharded.embed(Role::Passage, &[text], Interrupt::none()).unwrap()),
            bits(&vectors),
            "{text}"
        );
    }
    // The texts are different enough for the tolerance above to detect an error.
    for (at, a) in cases.iter().enumerate() {
        for b in &cases[at + 1..] {
            assert!(cosine_of(&a.vector, &b.vector) < 0.9, "{} / {}", a.text, b.text);
        }
    }
}

#[test]
fn a_folder_declares_its_model() {
    let Some(model) = qwen3() else { return };
    let copy = copy_of(&model);
    let embedder = FastEmbedder::from_folder(copy.path()).unwrap();
    let folder = copy.path().file_name().unwrap().to_str().unwrap();
    assert_eq!(embedder.identity().name, folder);
    // Each text has one token at its end.
    assert_eq!((embedder.dim(), embedder.max_tokens()), (64, Some(2_048 - 1)));
    let cores = thread::available_parallelism().unwrap().get();
    // With 4 heads, 21 runs of this length fit in 4 GiB.
    assert_eq!(embedder.max_concurrency(), cores.min(21));
    assert_eq!(embedder.embed(Role::Query, &[], Interrupt::none()).unwrap(), Vectors::empty(64));

    let whole = FastEmbedderBuilder::from_folder(copy.path()).max_length(4_096).build().unwrap();
    assert_eq!(whole.max_tokens(), Some(4_096 - 1));
    // This file declares only the length.
    fs::remove_file(copy.path().join("tokenizer_config.json")).unwrap();
    let without = FastEmbedder::from_folder(copy.path()).unwrap();
    assert_eq!(without.identity(), embedder.identity());
    // A graph takes precedence over other weights.
    fs::write(copy.path().join("model.onnx"), "no graph").unwrap();
    let error = FastEmbedder::from_folder(copy.path()).unwrap_err();
    assert!(
        matches!(&error, Error::ModelFile { path, .. } if path.ends_with("tokenizer_config.json")),
        "{error}"
    );
}

/// Returns different texts, many of which have the same length in tokens.
fn texts() -> Vec<String> {
    let subjects = ["otters", "badger", "judges", "trains", "bishop"];
    let verbs = ["sleep", "shout", "sings", "argue"];
    let sentences = subjects.iter().flat_map(|subject| {
        verbs.map(|verb| format!("Most {subject} {verb} when nobody looks, 7 % of them at night."))
    });
    sentences.chain(TEXTS.map(str::to_owned)).chain([TEXTS.concat().repeat(3)]).collect()
}

#[test]
fn vectors_are_independent_of_batch_order_and_sessions() {
    let Some(model) = qwen3() else { return };
    let open = |sessions, threads| {
        let builder = FastEmbedderBuilder::from_folder(&model).sessions(sessions);
        builder.threads(threads).build().unwrap()
    };
    let cores = thread::available_parallelism().unwrap().get();
    let embedders = [open(1, 1), open(cores, 1), open(1, cores)];
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let lengths: Vec<_> =
        texts.iter().map(|text| embedders[0].count_tokens(text).unwrap()).collect();
    let commonest = lengths.iter().map(|a| lengths.iter().filter(|b| *b == a).count()).max();
    assert!(commonest.unwrap() >= 3, "{lengths:?}");

    let alone = texts
        .iter()
        .map(|text| embedders[0].embed(Role::Passage, &[text], Interrupt::none()).unwrap());
    let alone: Vec<_> = alone.flat_map(|vectors| bits(&vectors)).collect();
    for embedder in &embedders {
        assert_eq!(embedder.identity(), embedders[0].identity());
        let embed = |texts: &[&str]| {
            bits(&embedder.embed(Role::Passage, texts, Interrupt::none()).unwrap())
        };
        assert!(embed(&texts) == alone);
        for (batch, expected) in texts.chunks(7).zip(alone.chunks(7)) {
            assert!(embed(batch) == expected);
        }
        let reversed: Vec<&str> = texts.iter().rev().copied().collect();
        assert!(embed(&reversed).into_iter().rev().eq(alone.iter().cloned()));
        let (vectors, _) = EmbedStage::new(embedder).run(Role::Passage, &texts).unwrap();
        assert!(bits(&vectors) == alone);
    }
}

#[test]
fn each_role_has_its_prefix() {
    let Some(model) = qwen3() else { return };
    let plain = FastEmbedder::from_folder(&model).unwrap();
    let builder = FastEmbedderBuilder::from_folder(&model).query_prefix("Query:");
    let prefixed = builder.passage_prefix("a longer prefix: ").build().unwrap();
    assert_ne!(plain.identity(), prefixed.identity());
    let text = "Why do otters sleep?";
    let embed = |embedder: &FastEmbedder, role, text: &str| {
        embedder.embed(role, &[text], Interrupt::none()).unwrap()
    };
    assert_eq!(embed(&plain, Role::Query, text), embed(&plain, Role::Passage, text));
    for (role, prefix) in [(Role::Query, "Query:"), (Role::Passage, "a longer prefix: ")] {
        let spelled = format!("{prefix}{text}");
        assert_eq!(embed(&prefixed, role, text), embed(&plain, role, &spelled), "{prefix}");
        assert_ne!(embed(&prefixed, role, text), embed(&plain, role, text), "{prefix}");
    }
    let longest = plain.count_tokens("a longer prefix: ").unwrap();
    assert_eq!(prefixed.max_tokens(), Some(2_048 - 1 - longest));
}

#[test]
fn a_long_text_is_split_or_cut() {
    let Some(model) = qwen3() else { return };
    let builder = || FastEmbedderBuilder::from_folder(&model).max_length(64);
    let embedder = builder().passage_prefix("p: ").build().unwrap();
    let long = "Most otters sleep at night. ".repeat(7);
    let tokens = embedder.count_tokens(&long).unwrap();
    let limit = embedder.max_tokens().unwrap();
    assert!(tokens > limit && tokens <= 2 * limit - 8, "{tokens} {limit}");
    let embed = |texts: &[&str]| embedder.embed(Role::Passage, texts, Interrupt::none()).unwrap();

    // The text is split between two words near its middle.
    let whole = embed(&[&long]);
    let off = |at: usize| {
        let (first, second) = long.split_at(at);
        let parts = embed(&[first, second]);
        #[expect(clippy::cast_precision_loss, reason = "few tokens")]
        let [a, b] = [first, second].map(|part| embedder.count_tokens(part).unwrap() as f32);
        let mean = parts.row(0).iter().zip(parts.row(1)).map(|(x, y)| a * x + b * y).collect();
        let mean = Vectors::normalized(64, mean).unwrap();
        mean.row(0).iter().zip(whole.row(0)).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
    };
    let places = long.match_indices(' ').flat_map(|(at, _)| [at, at + 1]);
    let closest = places.filter(|at| *at < long.len()).map(off).fold(f32::INFINITY, f32::min);
    assert!(closest < 1e-6, "{closest}");

    let other = long.clone() + "Judges argue.";
    let run = |embedder: &FastEmbedder| {
        EmbedStage::new(embedder).run(Role::Passage, &[&long, &other]).unwrap()
    };
    let (vectors, report) = run(&embedder);
    assert_eq!((report.split, report.truncated), (2, 0));
    assert_ne!(vectors.row(0), vectors.row(1));
    let cutting = builder().long_texts(LongTexts::Cut).build().unwrap();
    assert_ne!(cutting.identity(), builder().build().unwrap().identity());
    let (vectors, report) = run(&cutting);
    assert_eq!((report.split, report.truncated), (0, 2));
    assert_eq!(vectors.row(0), vectors.row(1));
    // The last token within the limit counts, the first beyond it does not.
    let ending = |length: usize, last: &str| {
        let text = "7".repeat(length - 1) + last;
        assert_eq!(cutting.count_tokens(&text).unwrap(), length);
        cutting.embed(Role::Passage, &[&text], Interrupt::none()).unwrap()
    };
    assert_ne!(ending(63, "8"), ending(63, "9"));
    assert_eq!(ending(64, "8"), ending(64, "9"));
}

#[test]
fn every_change_of_vectors_changes_the_identity() {
    let Some(model) = qwen3() else { return };
    let copy = copy_of(&model);
    let folder = || FastEmbedderBuilder::from_folder(copy.path());
    let hash = |builder: FastEmbedderBuilder| builder.build().unwrap().identity().hash;
    assert_eq!(hash(folder()), hash(FastEmbedderBuilder::from_folder(&model)));
    // The model's own pooling is the same setting.
    assert_eq!(hash(folder()), hash(folder().pooling(Pooling::LastToken)));
    fs::create_dir(copy.path().join("1_Pooling")).unwrap();
    let pooling = r#"{"pooling_mode_mean_tokens": false, "pooling_mode_lasttoken": true}"#;
    fs::write(copy.path().join("1_Pooling/config.json"), pooling).unwrap();
    let mut hashes = vec![
        hash(folder()),
        hash(folder().query_prefix("q: ")),
        hash(folder().passage_prefix("q: ")),
        hash(folder().max_length(256)),
    ];
    assert_eq!(hashes[0], hash(FastEmbedderBuilder::from_folder(&model)));
    let mut changed = |name: &str, change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let path = copy.path().join(name);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, change(bytes.clone())).unwrap();
        hashes.push(hash(folder()));
        fs::write(&path, bytes).unwrap();
    };
    changed("config.json", &|bytes| {
        String::from_utf8(bytes).unwrap().replace("1000000", "10000").into_bytes()
    });
    changed("tokenizer.json", &|bytes| {
        String::from_utf8(bytes).unwrap().replace(r#""type": "NFC""#, r#""type": "NFKC""#).into()
    });
    changed("model.safetensors", &|mut bytes| {
        *bytes.last_mut().unwrap() ^= 1;
        bytes
    });
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 7);
}

#[test]
fn the_error_for_an_unsupported_setting_names_it() {
    let Some(model) = qwen3() else { return };
    let builder = || FastEmbedderBuilder::from_folder(&model);
    for (builder, expected) in [
        (builder().sessions(0), "sessions"),
        (builder().threads(0), "threads"),
        (builder().max_length(4_097), "max_length"),
        (builder().max_length(7), "max_length"),
        (builder().max_length(8), "max_length"),
        (builder().run_tokens(192), "run_tokens"),
    ] {
        let error = builder.build().unwrap_err();
        assert!(matches!(error, Error::Setting { name, .. } if name == expected), "{error}");
    }
    let error = builder().providers(&[ExecutionProvider::CoreMl]).build().unwrap_err();
    assert!(matches!(error, Error::Choice { name: "providers", got: "coreml", .. }), "{error}");
    for pooling in [Pooling::Mean, Pooling::Cls] {
        let error = builder().pooling(pooling).build().unwrap_err();
        assert!(matches!(error, Error::Choice { name: "pooling", .. }), "{error}");
        assert!(error.to_string().contains("`LastToken` alone"), "{error}");
    }
}

/// Weights may have gigabytes.
#[test]
fn settings_are_checked_before_weights_are_read() {
    let Some(model) = qwen3() else { return };
    let copy = copy_of(&model);
    fs::remove_file(copy.path().join("model.safetensors")).unwrap();
    let builder = || FastEmbedderBuilder::from_folder(copy.path());
    let provider = ExecutionProvider::Cuda { device: 0 };
    for (builder, expected) in [
        (builder().providers(&[provider]), "providers"),
        (builder().run_tokens(192), "run_tokens"),
        (builder().pooling(Pooling::Cls), "pooling"),
    ] {
        let error = builder.build().unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let error = builder().build().unwrap_err();
    assert!(matches!(error, Error::ModelFile { .. }), "{error}");
}

/// A run of this length takes gigabytes, so one session uses all cores.
#[test]
fn memory_bounds_the_sessions_unless_their_number_is_set() {
    let Some(model) = qwen3() else { return };
    let copy = copy_of(&model);
    let config = fs::read_to_string(model.join("config.json")).unwrap();
    assert!(config.contains("4096"));
    fs::write(copy.path().join("config.json"), config.replace("4096", "32768")).unwrap();
    let builder = || FastEmbedderBuilder::from_folder(copy.path()).max_length(32_768);
    assert_eq!(builder().build().unwrap().max_concurrency(), 1);
    let cores = thread::available_parallelism().unwrap().get();
    assert_eq!(builder().sessions(cores).build().unwrap().max_concurrency(), cores);
}

/// `transformers` 5 writes `rope_parameters` in place of `rope_theta` and `rope_scaling`.
#[test]
fn both_spellings_of_plain_positions_are_equal() {
    let Some(model) = qwen3() else { return };
    let copy = copy_of(&model);
    let config = fs::read(model.join("config.json")).unwrap();
    let mut config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    let fields = config.as_object_mut().unwrap();
    fields.remove("rope_scaling").unwrap();
    let base = fields.remove("rope_theta").unwrap();
    let mut embed = |base: &serde_json::Value| {
        config["rope_parameters"] =
            serde_json::json!({ "rope_theta": base, "rope_type": "default" });
        fs::write(copy.path().join("config.json"), config.to_string()).unwrap();
        FastEmbedder::from_folder(copy.path())
            .unwrap()
            .embed(Role::Passage, &TEXTS, Interrupt::none())
            .unwrap()
    };
    let old = FastEmbedder::from_folder(&model)
        .unwrap()
        .embed(Role::Passage, &TEXTS, Interrupt::none())
        .unwrap();
    assert_eq!(bits(&embed(&base)), bits(&old));
    assert_ne!(bits(&embed(&serde_json::json!(100))), bits(&old));
}

#[test]
fn onnx_runtime_is_not_needed() {
    let Some(model) = qwen3() else { return };
    let nowhere = ("ORT_DYLIB_PATH", OsStr::new("/nowhere"));
    let said = child("open", &[("PASSIM_TEST_FOLDER", model.as_os_str()), nowhere]);
    assert_eq!(said, "64 dimensions\n");
}

#[test]
fn calls_from_rayon_workers_and_plain_threads_return() {
    let Some(model) = qwen3() else { return };
    let (done, watch) = mpsc::channel();
    thread::spawn(move || {
        let open = || FastEmbedderBuilder::from_folder(&model).sessions(1).threads(2);
        // A rayon worker opens the model.
        let (embedder, _) = rayon::join(|| open().build().unwrap(), || open().build().unwrap());
        let embed = |n: usize| {
            embedder.embed(Role::Passage, &[TEXTS[n % TEXTS.len()]; 3], Interrupt::none())
        };
        let workers = |range: std::ops::Range<usize>| -> usize {
            range.into_par_iter().map(|n| embed(n).unwrap().len()).sum()
        };
        let rows = thread::scope(|scope| {
            let plain = [(); 3].map(|()| scope.spawn(|| embed(1).unwrap().len()));
            let rows = workers(0..100);
            rows + plain.map(|call| call.join().unwrap()).iter().sum::<usize>()
        });
        done.send(rows).unwrap();
    });
    assert_eq!(watch.recv_timeout(Duration::from_mins(2)), Ok(309));
}

#[test]
fn vectors_are_kept_in_a_cache() {
    let Some(model) = qwen3() else { return };
    let embedder = FastEmbedder::from_folder(model).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let embed = |role| {
        let cache = EmbeddingCache::open(folder.path().join("cache"), 1 << 20).unwrap();
        EmbedStage::new(&embedder).cache(&cache).run(role, &TEXTS).unwrap()
    };
    let (first, report) = embed(Role::Passage);
    assert_eq!(report.cached, 0);
    let (again, report) = embed(Role::Passage);
    assert_eq!((report.cached, report.tokens), (TEXTS.len(), 0));
    assert_eq!(bits(&again), bits(&first));
    assert_eq!(embed(Role::Query).1.cached, 0);
}
