//! The small index in `tests/data/v1`.

use std::path::{Path, PathBuf};

use passim::{Article, Chunker, HnswParams, IndexChoice, Retriever, RetrieverBuilder};

use crate::{FakeEmbedder, corpus::repository};

/// The folder of the index.
pub fn folder() -> PathBuf {
    repository().join("tests/data/v1")
}

/// The articles of the index, including the removed ones.
pub fn articles() -> Vec<Article> {
    let lines = include_str!("../../data/v1.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).expect("an article a line")).collect()
}

/// Keys of the articles that are removed.
pub const REMOVED: [&str; 2] = ["glas.md", "leuchtturm.txt"];

/// The questions that the index is calibrated with.
pub const QUESTIONS: [&str; 4] = [
    "Was speichert ein Moor?",
    "Why is my clock slow in summer?",
    "Wann fährt die Straßenbahn?",
    "How is window glass made?",
];

/// The settings that the index is written and opened with.
pub fn builder() -> RetrieverBuilder {
    let chunker = Chunker::default().max_tokens(24).overlap_sentences(1);
    let builder = Retriever::builder().embedder(FakeEmbedder::of_version_1()).chunker(chunker);
    builder.embed_threads(1).verify_model(true).merge_threads(0)
}

/// Writes the index: a segment with a graph, articles of which are removed, and an exact one.
pub fn write(path: &Path) {
    let mut first = articles();
    let rest = first.split_off(first.len() - 1);
    let params = HnswParams { m: 4, ef_construction: 20 };
    let mut retriever =
        builder().index(IndexChoice::Hnsw(params)).create(path).expect("an empty folder");
    retriever.add(first).expect("articles with keys");
    retriever.commit().expect("a disk with room");
    drop(retriever);

    let mut retriever =
        builder().index(IndexChoice::Auto(params)).open(path).expect("the index that was written");
    retriever.add(rest).expect("articles with keys");
    for key in REMOVED {
        assert!(retriever.remove(key).expect("an index that is whole"), "{key}");
    }
    retriever.calibrate(0.5, &QUESTIONS).expect("questions that are not empty");
    assert_eq!(retriever.commit().expect("a disk with room"), 2);
}
