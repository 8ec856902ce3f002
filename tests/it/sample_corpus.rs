//! The sample articles in memory, and helpers for hits.

use passim::{Hit, Mode, Retriever};
use passim_testkit::corpus;

/// All modes of a query.
pub const MODES: [Mode; 3] = [Mode::Dense, Mode::Lexical, Mode::Hybrid];

/// A retriever of the sample articles, not committed.
pub fn sample_retriever() -> Retriever {
    let mut retriever = Retriever::in_memory().unwrap();
    retriever.add(corpus::samples()).unwrap();
    retriever
}

/// The keys of the articles of `hits`, in their order.
pub fn keys<'a>(hits: impl IntoIterator<Item = &'a Hit>) -> Vec<&'a str> {
    hits.into_iter().map(|hit| hit.article.as_str()).collect()
}
