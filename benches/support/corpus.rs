//! Texts for benchmarks: seeded mixtures of the sample articles' sentences.

#![allow(dead_code, reason = "no file uses all of it")]

use passim::{Article, read_articles};

use crate::seeded::Seeded;

/// The sample articles.
pub fn samples() -> Vec<Article> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/articles");
    read_articles(folder).map(|article| article.expect("a sample article")).collect()
}

/// `len` texts of `words` words each, all different runs of words of the samples.
pub fn texts(seed: u64, len: usize, words: usize) -> Vec<String> {
    let samples = samples();
    let all: Vec<&str> = samples.iter().flat_map(|one| one.text.split_whitespace()).collect();
    let mut seeded = Seeded(seed);
    let start = |seeded: &mut Seeded| seeded.below(all.len() - words);
    (0..len).map(|_| start(&mut seeded)).map(|at| all[at..at + words].join(" ")).collect()
}
