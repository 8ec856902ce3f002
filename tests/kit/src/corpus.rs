//! The sample articles, and seeded texts of their words.

use std::path::{Path, PathBuf};

use passim::{Article, read_articles};

use crate::Seeded;

/// The folder of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The sample articles, in `examples/articles`.
pub fn samples() -> Vec<Article> {
    let folder = repository().join("examples/articles");
    read_articles(folder).map(|article| article.expect("a sample article")).collect()
}

/// `len` texts of `words` words each: runs of words of the sample articles.
pub fn texts(seed: u64, len: usize, words: usize) -> Vec<String> {
    let samples = samples();
    let all: Vec<&str> = samples.iter().flat_map(|one| one.text.split_whitespace()).collect();
    let mut seeded = Seeded(seed);
    let mut text = || {
        let start = seeded.below(all.len() - words);
        all[start..start + words].join(" ")
    };
    (0..len).map(|_| text()).collect()
}

/// Articles of one text each, as [`texts`] makes them; their keys are their numbers.
pub fn articles(seed: u64, len: usize, words: usize) -> impl Iterator<Item = Article> {
    let texts = texts(seed, len, words).into_iter().enumerate();
    texts.map(|(at, text)| Article::new(at.to_string(), text))
}
