//! BM25: how much a term adds to the score of a passage.

use std::{collections::BTreeSet, ops::Range};

/// Saturation of term frequencies.
pub(super) const K1: f32 = 1.2;
/// Weight of a passage's length.
const B: f32 = 0.75;

/// BM25 with the mean length of a corpus.
///
/// `contribution = upper_bound * tf / (tf + K1 * (1 - B + B * length / mean_length))`
///
/// # Source
///
/// Robertson & Zaragoza (2009), *The Probabilistic Relevance Framework*, section 3.5.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bm25 {
    /// `K1 * B / mean_length`; 0 for an empty corpus.
    slope: f32,
}

impl Bm25 {
    /// Returns BM25 for a corpus whose passages have `mean_length` terms on average.
    pub(super) fn new(mean_length: f32) -> Self {
        Self { slope: if mean_length > 0.0 { K1 * B / mean_length } else { 0.0 } }
    }

    /// Returns the contribution of a term with frequency `tf` to the score of a passage of `length`
    /// terms; at most `upper_bound`.
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "digits beyond 2^24 do not change a score")]
    pub(super) fn contribution(self, upper_bound: f32, tf: u32, length: u32) -> f32 {
        let tf = tf as f32;
        upper_bound * (tf / (tf + (K1 * (1.0 - B) + self.slope * length as f32)))
    }
}

/// The contribution of a word of a question, or of a part of a compound, to a score.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TermContribution {
    /// Byte range of its first occurrence in the question.
    pub(crate) place: Range<usize>,
    /// The terms that stand for it.
    pub(crate) terms: BTreeSet<String>,
    /// Its weight in the question: lower for stop words and parts of compounds.
    pub(crate) weight: f32,
    /// Number of passages in the corpus with one of the terms.
    pub(crate) doc_freq: u64,
    /// Inverse document frequency.
    pub(crate) idf: f32,
    /// Number of occurrences in the passage.
    pub(crate) tf: u32,
    /// Addend of the score.
    pub(crate) contribution: f32,
}
