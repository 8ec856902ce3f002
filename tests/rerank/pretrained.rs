//! Laws of `FastReranker`, with a small cross-encoder. Its random weights do not rank, but run
//! like trained ones.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;

use passim::{
    Article, Error, FastReranker, FastRerankerBuilder, Interrupt, LongTexts, Query, Reranker,
    Retriever,
};
use rayon::prelude::*;

const QUESTION: &str = "Why do otters hold hands?";

/// Returns the folder of the cross-encoder; without it, notes on standard error that the test does
/// not run.
fn cross_encoder() -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    // A linked library needs no variable.
    let runtime = cfg!(not(feature = "load-dynamic")) || set("ORT_DYLIB_PATH").is_some();
    let model = set("PASSIM_TEST_RERANKER").filter(|_| runtime);
    if model.is_none() {
        let test = thread::current().name().unwrap_or_default().to_owned();
        // The test harness hides the output of `eprintln!`.
        let note = format!(
            "NOT RUN: {test}: ORT_DYLIB_PATH and PASSIM_TEST_RERANKER are not set; use scripts/test\n"
        );
        io::stderr().write_all(note.as_bytes()).unwrap();
        return None;
    }
    model.map(PathBuf::from)
}

/// Creates a folder with the tokenizer of `model` and the graph in its subfolder `variant`.
fn copy_of(model: &Path, variant: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let plain =
        ["tokenizer.json", "config.json", "special_tokens_map.json", "tokenizer_config.json"];
    let files = plain.iter().map(|name| model.join(name));
    let graph = fs::read_dir(model.join(variant)).unwrap().map(|entry| entry.unwrap().path());
    for file in files.chain(graph).filter(|file| file.is_file()) {
        fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
    }
    folder
}

fn passages() -> Vec<String> {
    (0..60)
        .map(|n| "Otters hold hands while they sleep. ".repeat(n % 7) + &format!("Number {n}."))
        .collect()
}

fn bits(scores: &[f32]) -> Vec<u32> {
    scores.iter().map(|score| score.to_bits()).collect()
}

#[derive(serde::Deserialize)]
struct Reference {
    question: String,
    passage: String,
    score: f32,
}

/// `python3 tests/data/reranker_reference.py MODEL > tests/data/reranker_reference.json` computes
/// the reference.
#[test]
fn scores_equal_the_reference() {
    let Some(model) = cross_encoder() else { return };
    let external = copy_of(&model, "external");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/reranker_reference.json");
    let cases: Vec<Reference> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(cases.len(), 5);
    for folder in [&model, external.path()] {
        let reranker = FastReranker::from_folder(folder).unwrap();
        for case in &cases {
            let score =
                reranker.score(&case.question, &[&case.passage], Interrupt::none()).unwrap()[0];
            assert!((score - case.score).abs() < 1e-4, "{}: {score}", case.passage);
        }
    }
}

#[test]
fn a_score_depends_only_on_its_pair() {
    let Some(model) = cross_encoder() else { return };
    let int8 = copy_of(&model, "int8");
    let passages = passages();
    let passages: Vec<&str> = passages.iter().map(String::as_str).collect();
    for folder in [&model, int8.path()] {
        let build = |sessions| FastRerankerBuilder::from_folder(folder).sessions(sessions).build();
        let one = build(1).unwrap();
        let many = build(8).unwrap();
        assert_eq!(one.identity(), many.identity());
        let expected = one.score(QUESTION, &passages, Interrupt::none()).unwrap();
        assert_eq!(
            bits(&many.score(QUESTION, &passages, Interrupt::none()).unwrap()),
            bits(&expected)
        );
        for (passage, score) in passages.iter().zip(&expected) {
            assert_eq!(
                bits(&many.score(QUESTION, &[passage], Interrupt::none()).unwrap()),
                [score.to_bits()]
            );
        }
        let mut reversed = passages.clone();
        reversed.reverse();
        let mut scores = many.score(QUESTION, &reversed, Interrupt::none()).unwrap();
        scores.reverse();
        assert_eq!(bits(&scores), bits(&expected));
        assert!(one.score(QUESTION, &[], Interrupt::none()).unwrap().is_empty());
    }
}

#[test]
fn a_long_passage_has_the_score_of_its_best_piece() {
    let Some(model) = cross_encoder() else { return };
    let build = |long_texts| {
        let builder = FastRerankerBuilder::from_folder(&model).max_length(43);
        builder.long_texts(long_texts).build().unwrap()
    };
    let splitting = build(LongTexts::Split);
    let cutting = build(LongTexts::Cut);
    assert_ne!(splitting.identity(), cutting.identity());
    // Special tokens: [CLS], and a [SEP] after question and passage.
    assert_eq!(splitting.max_tokens(), 40);
    // The question has 6 tokens, so 34 are left for the passage.
    let question = "otter ".repeat(6);
    let score = |reranker: &FastReranker, passage: &str| {
        reranker.score(&question, &[passage], Interrupt::none()).unwrap()[0]
    };
    let first = "otter ".repeat(30);
    let second = "bank rates ".repeat(15);
    let long = [first.as_str(), &second].concat();
    let best = score(&splitting, &first).max(score(&splitting, &second));
    assert_eq!(score(&splitting, &long).to_bits(), best.to_bits());

    let end = |last: &str| "otter ".repeat(33) + last;
    assert_ne!(score(&cutting, &end("cat")).to_bits(), score(&cutting, &end("bank")).to_bits());
    let beyond = |last: &str| "otter ".repeat(34) + last;
    assert_eq!(
        score(&cutting, &beyond("cat")).to_bits(),
        score(&cutting, &beyond("bank")).to_bits()
    );
}

#[test]
fn every_change_of_scores_changes_the_identity() {
    let Some(model) = cross_encoder() else { return };
    let external = copy_of(&model, "external");
    let identity = |folder: &Path| FastReranker::from_folder(folder).unwrap().identity().hash;
    let before = identity(external.path());
    assert_ne!(
        before,
        FastRerankerBuilder::from_folder(external.path())
            .max_length(64)
            .build()
            .unwrap()
            .identity()
            .hash
    );
    let weights = external.path().join("model.onnx.data");
    let mut bytes = fs::read(&weights).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(weights, bytes).unwrap();
    assert_ne!(before, identity(external.path()));
}

#[test]
fn a_question_that_leaves_no_room_is_an_error() {
    let Some(model) = cross_encoder() else { return };
    let reranker = FastRerankerBuilder::from_folder(&model).max_length(43).build().unwrap();
    assert!(reranker.score(&"otter ".repeat(20), &["x"], Interrupt::none()).is_ok());
    let error = reranker.score(&"otter ".repeat(21), &["x"], Interrupt::none()).unwrap_err();
    assert!(matches!(error, Error::QueryTooLong { tokens: 21, limit: 20 }), "{error}");
}

#[test]
fn errors_name_the_wrong_file_or_setting() {
    let Some(model) = cross_encoder() else { return };
    let builder = || FastRerankerBuilder::from_folder(&model);
    for (builder, expected) in [
        (builder().sessions(0), "sessions"),
        (builder().threads(0), "threads"),
        (builder().max_length(18), "max_length"),
        (builder().max_length(513), "max_length"),
    ] {
        let error = builder.build().unwrap_err();
        assert!(matches!(error, Error::Setting { name, .. } if name == expected), "{error}");
    }
    assert!(matches!(FastReranker::from_folder("no/such/folder"), Err(Error::ModelFile { .. })));
    // A classifier with two classes has no single score.
    let classifier = copy_of(&model, "external");
    let config = fs::read_to_string(model.join("config.json")).unwrap();
    let two = config.replace(r#""0": "LABEL_0""#, r#""0": "no", "1": "yes""#);
    assert_ne!(config, two);
    fs::write(classifier.path().join("config.json"), two).unwrap();
    let error = FastReranker::from_folder(classifier.path()).unwrap_err();
    assert!(matches!(error, Error::Model { .. }), "{error}");
    // An embedding model has no scores.
    let Some(embedder) = env::var_os("PASSIM_TEST_MODEL").filter(|name| !name.is_empty()) else {
        return;
    };
    let error = FastReranker::from_folder(embedder).unwrap_err();
    assert!(matches!(error, Error::Model { .. }), "{error}");
}

#[cfg(feature = "hub")]
#[test]
fn the_error_for_an_unknown_name_lists_the_known_names() {
    let error = FastReranker::from_name("BGERerankerTiny").unwrap_err();
    let Error::UnknownModel { known, .. } = error else { panic!("{error}") };
    assert_eq!(known[..2], ["BGERerankerV2M3", "JINARerankerV2BaseMultilingual"]);
}

#[test]
fn searches_rerank_with_it_also_on_rayon_workers() {
    let Some(model) = cross_encoder() else { return };
    let reranker = FastReranker::from_folder(&model).unwrap();
    let articles = passages().into_iter().enumerate();
    let articles = articles.map(|(n, text)| Article::new(n.to_string(), text));
    let mut retriever = Retriever::builder().reranker(reranker).in_memory().unwrap();
    retriever.add(articles).unwrap();
    let query = || Query::new(QUESTION).k(5).rerank(20);
    let hits = retriever.search(query()).unwrap();
    assert!(hits.is_sorted_by(|a, b| a.score >= b.score) && hits.len() == 5);

    let reranker = FastReranker::from_folder(&model).unwrap();
    let texts: Vec<&str> = hits.iter().map(|hit| hit.text.as_str()).collect();
    let scores = reranker.score(QUESTION, &texts, Interrupt::none()).unwrap();
    assert_eq!(bits(&scores), hits.iter().map(|hit| hit.score.to_bits()).collect::<Vec<_>>());

    let queries = vec![query(); 40];
    assert!(retriever.search_many(&queries).unwrap().iter().all(|others| *others == hits));
    assert!((0..40).into_par_iter().all(|_| retriever.search(query()).unwrap() == hits));
}

/// Changes the last byte of the declared shape of the output: its second dimension.
#[test]
fn a_graph_with_several_scores_is_refused() {
    let Some(model) = cross_encoder() else { return };
    let copy = copy_of(&model, ".");
    let path = copy.path().join("model.onnx");
    let mut graph = fs::read(&path).unwrap();
    let declared = b"\x0a\x02\x08\x01";
    let name = graph.windows(6).rposition(|bytes| bytes == b"logits").unwrap();
    let at = name + graph[name..].windows(4).position(|bytes| bytes == declared).unwrap();
    graph[at + 3] = 2;
    fs::write(path, graph).unwrap();
    let error = FastReranker::from_folder(copy.path()).unwrap_err();
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    assert!(matches!(error, Error::Model { .. }), "{error}");
    assert!(cause.unwrap().contains("[None, Some(2)]"));
}
