//! The bundled model returns the vectors of its training code.

use passim::{Embedder, Error, Interrupt, Role, StaticEmbedder};
use serde_json::Value;

/// Written by `training/train.py`: texts, their numbers of tokens, and every [`STRIDE`]-th value of
/// their vectors.
const FIXTURE: &str = include_str!("../data/bundled_parity.jsonl");
const STRIDE: usize = 16;
const TOLERANCE: f64 = 1e-5;

#[test]
fn tokens_and_vectors_match_the_training_code() {
    let embedder = StaticEmbedder::bundled().unwrap();
    let records: Vec<Value> =
        FIXTURE.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 1000);

    let texts: Vec<&str> = records.iter().map(|record| record["text"].as_str().unwrap()).collect();
    let vectors = embedder.embed(Role::Passage, &texts, Interrupt::none()).unwrap();
    for ((record, text), vector) in records.iter().zip(texts).zip(vectors.rows()) {
        let tokens = embedder.count_tokens(text).unwrap();
        assert_eq!(Some(tokens as u64), record["tokens"].as_u64(), "tokens of {text:?}");
        let expected = record["values"].as_array().unwrap();
        assert_eq!(vector.iter().step_by(STRIDE).len(), expected.len());
        for (got, want) in vector.iter().step_by(STRIDE).zip(expected) {
            let error = (f64::from(*got) - want.as_f64().unwrap()).abs();
            assert!(error <= TOLERANCE, "{text:?} is off by {error}");
        }
    }
}

#[test]
fn a_vector_does_not_depend_on_role_or_other_texts() {
    let embedder = StaticEmbedder::bundled().unwrap();
    let texts = ["", "Ein Satz.", "日本語", "Ein Satz.", "another one"];
    let together = embedder.embed(Role::Query, &texts, Interrupt::none()).unwrap();
    for (text, vector) in texts.iter().zip(together.rows()) {
        assert_eq!(
            embedder.embed(Role::Passage, &[text], Interrupt::none()).unwrap().row(0),
            vector
        );
    }
    assert_eq!(together.row(0), together.row(2));
    assert!(embedder.embed(Role::Query, &[], Interrupt::none()).unwrap().is_empty());
}

#[test]
fn the_model_file_is_the_bundled_model() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/models/passim-de-en.psm");
    let from_file = StaticEmbedder::from_file(path).unwrap();
    assert_eq!(from_file.identity(), StaticEmbedder::bundled().unwrap().identity());
    assert!(std::fs::metadata(path).unwrap().len() < 8_000_000);

    let missing = StaticEmbedder::from_file("no/such/model.psm").unwrap_err();
    assert!(matches!(missing, Error::Read { .. }), "{missing}");
    let other = StaticEmbedder::from_file(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    assert!(matches!(other, Err(Error::Corrupt { .. })));
}
