//! The small index that tests/data/v1 holds.

#![allow(dead_code, reason = "no file uses all of it")]

use std::path::{Path, PathBuf};

use passim::{Article, Chunker, HnswParams, IndexChoice, Retriever, RetrieverBuilder};

use crate::hash_embedder::HashEmbedder;

/// Where it is.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/v1")
}

/// The articles of the index in tests/data/v1, those removed included.
pub fn articles() -> Vec<Article> {
    let lines = include_str!("../data/v1.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Keys of the articles that are removed again.
pub const REMOVED: [&str; 2] = ["glas.md", "leuchtturm.txt"];

/// What the index is calibrated with.
pub const QUESTIONS: [&str; 4] = [
    "Was speichert ein Moor?",
    "Why is my clock slow in summer?",
    "Wann fährt die Straßenbahn?",
    "How is window glass made?",
];

/// The settings that the index is written and opened with.
pub fn builder() -> RetrieverBuilder {
    let chunker = Chunker::default().max_tokens(24).overlap_sentences(1);
    let builder = Retriever::builder().embedder(HashEmbedder::default()).chunker(chunker);
    builder.embed_threads(1).verify_model(true)
}

/// Writes the index: a segment with a graph, articles of which are removed, and an exact one.
pub fn write(path: &Path) {
    let mut first = articles();
    let rest = first.split_off(first.len() - 1);
    let params = HnswParams { m: 4, ef_construction: 20 };
    let mut retriever = builder().index(IndexChoice::Hnsw(params)).create(path).unwrap();
    retriever.add(first).unwrap();
    retriever.commit().unwrap();
    drop(retriever);

    let mut retriever = builder().index(IndexChoice::Auto(params)).open(path).unwrap();
    retriever.add(rest).unwrap();
    for key in REMOVED {
        assert!(retriever.remove(key).unwrap(), "{key}");
    }
    retriever.calibrate(0.5, &QUESTIONS).unwrap();
    assert_eq!(retriever.commit().unwrap(), 2);
}
