//! The terms of a passage by their hashes, for a store that keeps them outside of an inverted index.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use super::{Analyzer, noise::is_noise};
use crate::language::AnalyzedLanguage;

/// The terms of a passage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PassageTerms {
    /// Hashes of the distinct terms, ascending.
    pub(crate) hashes: Vec<i64>,
    /// Frequency of each of `hashes`.
    pub(crate) tfs: Vec<u32>,
    /// Number of terms, with repetitions.
    pub(crate) length: u32,
    /// Whether web addresses and digits make up at least half of the text.
    pub(crate) is_noise: bool,
}

impl PassageTerms {
    /// Counts the terms of `text`, which is in `language`.
    pub(crate) fn of(
        text: &str,
        language: Option<AnalyzedLanguage>,
        analyzer: &mut Analyzer,
    ) -> Self {
        let mut counts: BTreeMap<i64, u32> = BTreeMap::new();
        let mut length: u32 = 0;
        analyzer.terms(text, language, |term, _, _| {
            length = length.saturating_add(1);
            *counts.entry(term_hash(term)).or_default() += 1;
        });
        let (hashes, tfs) = counts.into_iter().unzip();
        Self { hashes, tfs, length, is_noise: is_noise(text) }
    }
}

/// Returns the hash that stands for `term`. A corpus of a million terms has two of one hash with a
/// probability below `1e-7`.
pub(crate) fn term_hash(term: &str) -> i64 {
    xxh3_64(term.as_bytes()).cast_signed()
}
