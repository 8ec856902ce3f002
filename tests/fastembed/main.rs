//! A crate of its own because its tests run it again as processes with a runtime of their own.
//!
//! Laws of `FastEmbedder`, with ONNX Runtime and all-MiniLM-L6-v2, which `scripts/test` provides.
#![cfg(feature = "fastembed")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod child;
mod e5;
mod failures;
#[cfg(feature = "hub")]
mod hub;
mod memory;
mod quantized;
#[cfg(feature = "qwen3")]
mod qwen3;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use passim::{
    EmbedStage, Embedder, Error, FastEmbedder, FastEmbedderBuilder, Interrupt, LongTexts, Pooling,
    Role, Vectors,
};
use rayon::prelude::*;
use tempfile::TempDir;

const TEXTS: [&str; 6] = [
    "Otters hold hands while they sleep.",
    "Der Chiphersteller hat bei Dresden ein zweites Werk eröffnet.",
    "x",
    "",
    "A licence that forbids large companies to use the weights is not an open one, say those who \
     wrote the definition; the company that made the model sees it otherwise.",
    "日本語 🦦 naïve “quotes” — 3.500",
];

/// Files that the folder of a model must hold.
const REQUIRED: [&str; 4] =
    ["model.onnx", "tokenizer.json", "config.json", "tokenizer_config.json"];

/// Returns the folder of all-MiniLM-L6-v2; without it, notes on standard error that the test does
/// not run.
fn minilm() -> Option<PathBuf> {
    model_in("PASSIM_TEST_MODEL")
}

/// Returns the folder of an ONNX model that a variable names; notes on standard error if there is
/// none or no ONNX Runtime.
fn model_in(variable: &str) -> Option<PathBuf> {
    // A linked library needs no variable.
    let runtime = cfg!(not(feature = "load-dynamic")) || set("ORT_DYLIB_PATH").is_some();
    folder_in(variable, runtime)
}

fn set(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns the folder that a variable names if its `runtime` is available; else notes on standard
/// error that the test does not run.
fn folder_in(variable: &str, runtime: bool) -> Option<PathBuf> {
    let model = set(variable).filter(|_| runtime);
    if model.is_none() {
        let test = thread::current().name().unwrap_or_default().to_owned();
        // The test harness hides the output of `eprintln!`.
        let note = format!(
            "NOT RUN: {test}: {variable}, or ORT_DYLIB_PATH, is not set; use scripts/test\n"
        );
        io::stderr().write_all(note.as_bytes()).unwrap();
    }
    model.map(PathBuf::from)
}

/// Copies the folder of a model, so that a test can change it. The weights are hard links.
fn copy_of(model: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in REQUIRED.into_iter().chain(["special_tokens_map.json"]) {
        let target = copy.path().join(name);
        if name == "model.onnx" {
            fs::hard_link(model.join(name), &target)
                .or_else(|_| fs::copy(model.join(name), &target).map(drop))
                .unwrap();
        } else {
            fs::copy(model.join(name), target).unwrap();
        }
    }
    copy
}

fn cosine(vectors: &Vectors, a: usize, b: usize) -> f32 {
    cosine_of(vectors.row(a), vectors.row(b))
}

fn cosine_of(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn rows_are_unit_vectors_of_the_models_dimension() {
    let Some(model) = minilm() else { return };
    let embedder = FastEmbedder::from_folder(&model).unwrap();
    assert_eq!(embedder.identity().name, "all-MiniLM-L6-v2");
    assert_eq!(embedder.dim(), 384);
    // 512 positions, of which [CLS] and [SEP] take two.
    assert_eq!(embedder.max_tokens(), Some(510));
    let cores = thread::available_parallelism().unwrap().get();
    assert_eq!(embedder.max_concurrency(), cores.min((4 << 30) / 90_000_000));
    let vectors = embedder.embed(Role::Passage, &TEXTS, Interrupt::none()).unwrap();
    assert_eq!((vectors.len(), vectors.dim()), (TEXTS.len(), 384));
    for row in vectors.rows() {
        let norm: f32 = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        assert!((norm - 1.0).abs() < 1e-5, "{norm}");
    }
    assert_eq!(embedder.embed(Role::Query, &[], Interrupt::none()).unwrap(), Vectors::empty(384));
}

#[test]
fn a_vector_depends_only_on_its_text() {
    let Some(model) = minilm() else { return };
    let one = FastEmbedderBuilder::from_folder(&model).sessions(1).build().unwrap();
    let many = FastEmbedder::from_folder(&model).unwrap();
    assert_eq!(one.max_concurrency(), 1);
    assert_eq!(one.identity(), many.identity());
    let expected = one.embed(Role::Passage, &TEXTS, Interrupt::none()).unwrap();
    for (row, text) in TEXTS.iter().enumerate() {
        let alone = many.embed(Role::Passage, &[text], Interrupt::none()).unwrap();
        assert_eq!(alone.row(0), expected.row(row), "{text}");
    }
    let mut reversed = TEXTS;
    reversed.reverse();
    thread::scope(|scope| {
        let calls: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| many.embed(Role::Passage, &reversed, Interrupt::none()).unwrap())
            })
            .collect();
        for call in calls {
            let vectors = call.join().unwrap();
            assert!(vectors.rows().eq(expected.rows().collect::<Vec<_>>().into_iter().rev()));
        }
    });
}

#[test]
fn similar_texts_are_closer_than_others() {
    let Some(model) = minilm() else { return };
    let embedder = FastEmbedder::from_folder(&model).unwrap();
    let texts = [
        "The cat sleeps on the warm sofa.",
        "A kitten is napping on the couch.",
        "The central bank raised interest rates again.",
    ];
    let vectors = embedder.embed(Role::Passage, &texts, Interrupt::none()).unwrap();
    let similar = cosine(&vectors, 0, 1);
    let other = cosine(&vectors, 0, 2);
    assert!(similar > 0.5 && other < 0.2, "{similar} {other}");
}

#[derive(serde::Deserialize)]
struct Reference {
    text: String,
    tokens: usize,
    vector: Vec<f32>,
}

/// `python3 tests/data/minilm_reference.py MODEL > tests/data/minilm_reference.json` computes the
/// reference.
#[test]
fn vectors_and_counts_equal_the_reference() {
    let Some(model) = minilm() else { return };
    let embedder = FastEmbedder::from_folder(&model).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/minilm_reference.json");
    let cases: Vec<Reference> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        assert_eq!(embedder.count_tokens(&case.text).unwrap(), case.tokens, "{}", case.text);
        let vectors = embedder.embed(Role::Passage, &[&case.text], Interrupt::none()).unwrap();
        let differences = vectors.row(0).iter().zip(&case.vector).map(|(a, b)| (a - b).abs());
        let largest = differences.fold(0.0, f32::max);
        assert!(largest < 1e-5, "{}: {largest}", case.text);
    }
}

#[test]
fn counts_exclude_special_tokens_and_have_no_limit() {
    let Some(model) = minilm() else { return };
    let embedder = FastEmbedder::from_folder(&model).unwrap();
    for (text, tokens) in [("", 0), ("otter", 1), ("Hello world", 2), ("3.500", 3)] {
        assert_eq!(embedder.count_tokens(text).unwrap(), tokens, "{text}");
    }
    assert_eq!(embedder.count_tokens(&"otter ".repeat(2000)).unwrap(), 2000);
}

/// If texts are cut, the last token within the limit counts and the first one beyond it does not.
#[test]
fn exactly_max_tokens_of_a_text_count() {
    let Some(model) = minilm() else { return };
    for prefix in ["", "passage: "] {
        for max_length in [16, 512] {
            let builder = FastEmbedderBuilder::from_folder(&model).sessions(1);
            let builder = builder.max_length(max_length).long_texts(LongTexts::Cut);
            let embedder = builder.passage_prefix(prefix).build().unwrap();
            let limit = embedder.max_tokens().unwrap();
            assert_eq!(limit, max_length - 2 - embedder.count_tokens(prefix).unwrap());
            let ending = |len: usize, last: &str| {
                let text = "otter ".repeat(len - 1) + last;
                assert_eq!(embedder.count_tokens(&text).unwrap(), len);
                embedder.embed(Role::Passage, &[&text], Interrupt::none()).unwrap()
            };
            assert_ne!(ending(limit, "cat"), ending(limit, "bank"));
            assert_eq!(ending(limit + 1, "cat"), ending(limit + 1, "bank"));
        }
    }
}

#[test]
fn a_long_text_is_split_and_its_pieces_are_pooled() {
    let Some(model) = minilm() else { return };
    let builder = || FastEmbedderBuilder::from_folder(&model).sessions(1);
    let embedder = builder().passage_prefix("passage: ").max_length(64).build().unwrap();
    assert_eq!((embedder.long_texts(), embedder.max_tokens()), (LongTexts::Split, Some(60)));
    let otters = "otter sleep river ".repeat(20);
    let banks = "bank rates inflation ".repeat(10);
    let embed = |texts: &[&str]| embedder.embed(Role::Passage, texts, Interrupt::none()).unwrap();

    // The text splits into two pieces of 45 tokens.
    let long = [otters.as_str(), &banks].concat();
    assert_eq!(embedder.count_tokens(&long).unwrap(), 90);
    let (first, second) = long.split_at(long.match_indices(' ').nth(44).unwrap().0 + 1);
    let parts = embed(&[first, second, &long, "otter"]);
    let mean = parts.row(0).iter().zip(parts.row(1)).map(|(a, b)| 45.0 * a + 45.0 * b).collect();
    let mean = Vectors::normalized(384, mean).unwrap();
    let off = mean.row(0).iter().zip(parts.row(2)).map(|(a, b)| (a - b).abs());
    assert!(off.fold(0.0, f32::max) < 1e-6);
    assert_eq!(embed(&["otter"]).row(0), parts.row(3));

    // The end of a very long text counts as well, and the report counts the split texts.
    let long = "otter ".repeat(2_000) + &banks;
    let other = "otter ".repeat(2_030);
    let (vectors, report) =
        EmbedStage::new(&embedder).run(Role::Passage, &[&long, &other]).unwrap();
    assert_eq!((report.tokens, report.split, report.truncated), (4_060, 2, 0));
    assert_ne!(vectors.row(0), vectors.row(1));

    let cutting = builder().max_length(64).long_texts(LongTexts::Cut).build().unwrap();
    assert_ne!(cutting.identity(), builder().max_length(64).build().unwrap().identity());
    let (vectors, report) = EmbedStage::new(&cutting).run(Role::Passage, &[&long, &other]).unwrap();
    assert_eq!((report.tokens, report.split, report.truncated), (4_060, 0, 2));
    assert_eq!(vectors.row(0), vectors.row(1));
}

/// A prefix without a space at its end changes the tokens of the word after it.
#[test]
fn a_prefix_never_displaces_text() {
    let Some(model) = minilm() else { return };
    let builder = FastEmbedderBuilder::from_folder(&model).sessions(1);
    let embedder = builder.passage_prefix("q").max_length(32).build().unwrap();
    let limit = embedder.max_tokens().unwrap();
    let ending = |last: &str| {
        let text = "otter ".repeat(limit - 1) + last;
        assert_eq!(embedder.count_tokens(&text).unwrap(), limit);
        embedder.embed(Role::Passage, &[&text], Interrupt::none()).unwrap()
    };
    assert!(embedder.count_tokens("qotter").unwrap() > 2);
    assert_ne!(ending("cat"), ending("bank"));
}

#[test]
fn each_role_has_its_prefix() {
    let Some(model) = minilm() else { return };
    let plain = FastEmbedder::from_folder(&model).unwrap();
    let builder = FastEmbedderBuilder::from_folder(&model).sessions(1);
    let prefixed = builder.query_prefix("query: ").passage_prefix("a longer prefix: ");
    let prefixed = prefixed.build().unwrap();
    let text = "Why do otters sleep?";
    let embed = |embedder: &FastEmbedder, role, text: &str| {
        embedder.embed(role, &[text], Interrupt::none()).unwrap()
    };
    assert_eq!(embed(&plain, Role::Query, text), embed(&plain, Role::Passage, text));
    for (role, prefix) in [(Role::Query, "query: "), (Role::Passage, "a longer prefix: ")] {
        let spelled = format!("{prefix}{text}");
        assert_eq!(embed(&prefixed, role, text), embed(&plain, role, &spelled), "{prefix}");
        assert_ne!(embed(&prefixed, role, text), embed(&plain, role, text), "{prefix}");
    }
    assert_eq!(prefixed.count_tokens(text).unwrap(), plain.count_tokens(text).unwrap());
    assert_eq!(prefixed.max_tokens(), Some(510 - 4));
}

#[test]
fn every_change_of_vectors_changes_the_identity() {
    let Some(model) = minilm() else { return };
    let copy = copy_of(&model);
    let build = |builder: FastEmbedderBuilder| {
        let embedder = builder.sessions(1).build().unwrap();
        (
            embedder.identity().hash,
            embedder.embed(Role::Query, &["otters"], Interrupt::none()).unwrap(),
        )
    };
    let folder = || FastEmbedderBuilder::from_folder(copy.path());
    let (plain, mean) = build(folder());
    let (cls, first) = build(folder().pooling(Pooling::Cls));
    assert_ne!(mean, first);
    let mut hashes = vec![
        plain,
        cls,
        build(folder().query_prefix("q: ")).0,
        build(folder().passage_prefix("q: ")).0,
        build(folder().max_length(256)).0,
    ];
    let tokenizer = fs::read_to_string(copy.path().join("tokenizer.json")).unwrap();
    let respelled = tokenizer.replace("\"otter\"", "\"ottter\"");
    assert_ne!(tokenizer, respelled);
    fs::write(copy.path().join("tokenizer.json"), respelled).unwrap();
    hashes.push(build(folder()).0);
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 6);
    // The identity depends neither on the folder's name nor on where the pooling is declared.
    fs::write(copy.path().join("tokenizer.json"), tokenizer).unwrap();
    assert_eq!(build(folder()).0, FastEmbedder::from_folder(&model).unwrap().identity().hash);
    fs::create_dir(copy.path().join("1_Pooling")).unwrap();
    let pooling = r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#;
    fs::write(copy.path().join("1_Pooling/config.json"), pooling).unwrap();
    assert_eq!(build(folder()), (cls, first));
}

#[test]
fn folders_of_both_layouts_are_the_same_model() {
    let Some(model) = minilm() else { return };
    let copy = copy_of(&model);
    fs::create_dir(copy.path().join("onnx")).unwrap();
    fs::rename(copy.path().join("model.onnx"), copy.path().join("onnx/model.onnx")).unwrap();
    fs::remove_file(copy.path().join("special_tokens_map.json")).unwrap();
    // Some exports declare no padding token and no limit.
    fs::write(copy.path().join("tokenizer_config.json"), "{}").unwrap();
    let other = FastEmbedder::from_folder(copy.path()).unwrap();
    let plain = FastEmbedder::from_folder(&model).unwrap();
    assert_eq!(other.max_tokens(), plain.max_tokens());
    let embed =
        |embedder: &FastEmbedder| embedder.embed(Role::Passage, &TEXTS, Interrupt::none()).unwrap();
    assert_eq!(embed(&other), embed(&plain));
}

#[test]
fn the_error_for_a_setting_out_of_range_names_it() {
    let Some(model) = minilm() else { return };
    let builder = || FastEmbedderBuilder::from_folder(&model);
    let long = "otter ".repeat(510);
    for (builder, expected) in [
        (builder().sessions(0), "sessions"),
        (builder().threads(0), "threads"),
        (builder().max_length(513), "max_length"),
        (builder().max_length(7), "max_length"),
        (builder().max_length(9), "max_length"),
        (builder().query_prefix(&long), "max_length"),
    ] {
        let error = builder.build().unwrap_err();
        assert!(matches!(error, Error::Setting { name, .. } if name == expected), "{error}");
    }
    let many = builder().sessions(999).threads(1).build().unwrap();
    assert_eq!(many.max_concurrency(), thread::available_parallelism().unwrap().get());
}

#[test]
fn calls_from_rayon_workers_return() {
    let Some(model) = minilm() else { return };
    let (done, watch) = mpsc::channel();
    thread::spawn(move || {
        let embedder = FastEmbedderBuilder::from_folder(model).sessions(1).build().unwrap();
        let embed = |n: usize| {
            embedder.embed(Role::Passage, &[TEXTS[n % TEXTS.len()]; 3], Interrupt::none())
        };
        let rows: usize = (0..100).into_par_iter().map(|n| embed(n).unwrap().len()).sum();
        done.send(rows).unwrap();
    });
    assert_eq!(watch.recv_timeout(Duration::from_mins(2)), Ok(300));
}
