//! Laws of multilingual-e5-small, which has prompts and the Unigram tokenizer of XLM-R:
//! `PASSIM_TEST_E5`, and `PASSIM_TEST_E5_INT8` in eight bits.

use std::fs;
use std::path::{Path, PathBuf};

use passim::{
    Embedder, Error, FastEmbedder, FastEmbedderBuilder, Interrupt, PrefixSource, Role, Vectors,
};
use tempfile::TempDir;

use crate::{copy_of, cosine_of, model_in};

const PROMPT_FILE: &str = "config_sentence_transformers.json";

const PREFIXES: [(Role, &str); 2] = [(Role::Query, "query: "), (Role::Passage, "passage: ")];

fn e5() -> Option<PathBuf> {
    model_in("PASSIM_TEST_E5")
}

fn int8() -> Option<PathBuf> {
    model_in("PASSIM_TEST_E5_INT8")
}

/// Opens a folder with a single session: each takes over 100 MB.
fn open(folder: &Path) -> FastEmbedder {
    FastEmbedderBuilder::from_folder(folder).sessions(1).build().unwrap()
}

fn embed(embedder: &FastEmbedder, role: Role, text: &str) -> Vectors {
    embedder.embed(role, &[text], Interrupt::none()).unwrap()
}

#[derive(serde::Deserialize)]
struct Reference {
    role: String,
    text: String,
    tokens: usize,
    vector: Vec<f32>,
}

impl Reference {
    fn role(&self) -> Role {
        if self.role == "query" { Role::Query } else { Role::Passage }
    }
}

/// `python3 tests/data/e5_reference.py MODEL > tests/data/e5_reference.json` computes the reference.
fn references() -> Vec<Reference> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/e5_reference.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The vectors of the reference are those of token numbers that `SentencePiece` found: another number
/// anywhere gives another vector.
#[test]
fn tokens_and_vectors_equal_the_reference() {
    let Some(model) = e5() else { return };
    let embedder = open(&model);
    assert_eq!((embedder.dim(), embedder.identity().name.as_str()), (384, "multilingual-e5-small"));
    let cases = references();
    assert_eq!(cases.len(), 12);
    for case in &cases {
        assert_eq!(embedder.count_tokens(&case.text).unwrap(), case.tokens, "{}", case.text);
        let vectors = embed(&embedder, case.role(), &case.text);
        let differences = vectors.row(0).iter().zip(&case.vector).map(|(a, b)| (a - b).abs());
        let largest = differences.fold(0.0, f32::max);
        assert!(largest < 1e-5, "{}: {largest}", case.text);
    }
    // The texts are different enough for the tolerance above to detect an error.
    for (at, a) in cases.iter().enumerate() {
        for b in &cases[at + 1..] {
            assert!(cosine_of(&a.vector, &b.vector) < 0.97, "{} / {}", a.text, b.text);
        }
    }
}

#[test]
fn characters_are_normalized_before_they_are_counted() {
    let Some(model) = int8() else { return };
    let embedder = open(&model);
    let count = |text: &str| embedder.count_tokens(text).unwrap();
    for (text, plain) in [
        ("ﬁnden", "finden"),
        ("ＡＢＣ", "ABC"),
        ("u\u{308}ber", "über"),
        ("ｶﾜｳｿ", "カワウソ"),
        ("½", "1⁄2"),
        ("a\u{3000}b", "a b"),
        ("otter\u{ad}\u{1}s", "otter\u{ad}s"),
    ] {
        assert_eq!(count(text), count(plain), "{text}");
        let [a, b] = [text, plain].map(|text| embed(&embedder, Role::Query, text));
        assert_eq!(a, b, "{text}");
    }
    // Any run of spaces is one space, and one at the end is a token.
    assert_eq!(count(&["otter", "otter"].join(&" ".repeat(1_000))), count("otter otter"));
    assert_eq!(count(&" ".repeat(1_000)), count(" "));
    assert_eq!(count("otter   "), count("otter") + 1);
    assert_eq!((count(""), count("\u{1}")), (0, 0));
    assert_eq!(count(&"otter ".repeat(3_000)), 3_000 * count("otter") + 1);
}

#[test]
fn the_prompts_of_the_folder_are_its_prefixes() {
    let Some(model) = int8() else { return };
    let folder = open(&model);
    let copy = copy_of(&model);
    let plain = open(copy.path());
    for (role, prefix) in PREFIXES {
        assert_eq!(folder.prefix(role).text, prefix);
        assert_eq!(folder.prefix(role).source, PrefixSource::ModelFile);
        assert_eq!(plain.prefix(role).text, "");
        assert_eq!(plain.prefix(role).source, PrefixSource::Unset);
        for text in ["Warum schlafen Otter?", ""] {
            let spelled = embed(&plain, role, &[prefix, text].concat());
            assert_eq!(embed(&folder, role, text), spelled, "{prefix}");
        }
    }
    assert_ne!(embed(&folder, Role::Query, "otter"), embed(&folder, Role::Passage, "otter"));
    // `query: ` has four tokens, and an input two special ones.
    assert_eq!(folder.max_tokens(), Some(512 - 4 - 2));
    // Whoever sets a prefix, the same text is the same model.
    assert_ne!(folder.identity(), plain.identity());
    let builder = FastEmbedderBuilder::from_folder(copy.path()).sessions(1);
    let set = builder.query_prefix("query: ").passage_prefix("passage: ").build().unwrap();
    assert_eq!(set.identity(), folder.identity());
    assert_eq!(set.prefix(Role::Query).source, PrefixSource::Builder);
}

/// Copies the folder of a model, with `prompts` as its prompt file.
fn prompted(model: &Path, prompts: &str) -> TempDir {
    let copy = copy_of(model);
    fs::write(copy.path().join(PROMPT_FILE), prompts).unwrap();
    copy
}

#[test]
fn prefixes_of_the_builder_replace_the_prompts() {
    let Some(model) = int8() else { return };
    let builder = FastEmbedderBuilder::from_folder(&model).sessions(1);
    let embedder = builder.query_prefix("").build().unwrap();
    assert_eq!(embedder.prefix(Role::Query).text, "");
    assert_eq!(embedder.prefix(Role::Query).source, PrefixSource::Builder);
    assert_eq!(embedder.prefix(Role::Passage).text, "passage: ");

    let damaged = prompted(&model, r#"{"prompts": "query: "}"#);
    let builder = || FastEmbedderBuilder::from_folder(damaged.path()).sessions(1);
    let error = builder().query_prefix("query: ").build().unwrap_err();
    let names_file = matches!(&error, Error::ModelFile { path, .. } if path.ends_with(PROMPT_FILE));
    assert!(names_file, "{error}");
    // Nothing of the file is needed.
    builder().query_prefix("query: ").passage_prefix("passage: ").build().unwrap();
}

#[test]
fn question_and_answer_meet_across_languages() {
    let Some(model) = e5() else { return };
    let embedder = FastEmbedder::from_folder(&model).unwrap();
    // Over 200 MB of weights: one session has all cores.
    assert_eq!(embedder.max_concurrency(), 1);
    let question =
        embed(&embedder, Role::Query, "Warum halten Otter sich im Schlaf an den Pfoten?");
    let similarity =
        |text| cosine_of(question.row(0), embed(&embedder, Role::Passage, text).row(0));
    let answer = similarity("Otters hold hands while they sleep, so that they do not drift apart.");
    let other = similarity("The central bank raised its rates again.");
    assert!(answer > other + 0.05, "{answer} {other}");
}

#[test]
fn vectors_in_eight_bits_are_close_to_the_original() {
    let Some(model) = int8() else { return };
    let embedder = open(&model);
    for case in references() {
        let vectors = embed(&embedder, case.role(), &case.text);
        let cosine = cosine_of(vectors.row(0), &case.vector);
        assert!(cosine > 0.98, "{cosine}: {}", case.text);
    }
}
