//! BM25: what a term adds to the score of a passage, and why.

use std::{collections::BTreeSet, ops::Range};

/// How fast further occurrences of a term count less.
pub(super) const K1: f32 = 1.2;
/// How much the length of a passage counts.
const B: f32 = 0.75;

/// How lengths of passages count.
///
/// # Source
///
/// Robertson & Zaragoza (2009), *The Probabilistic Relevance Framework*, section 3.5.
#[derive(Clone, Copy)]
pub(super) struct Weigher {
    /// For each word of a passage.
    slope: f32,
}

impl Weigher {
    /// Of a corpus whose passages have `mean` words.
    pub(super) fn new(mean: f32) -> Self {
        Self { slope: if mean > 0.0 { K1 * B / mean } else { 0.0 } }
    }

    /// What a term adds that is `times` in a passage of `length` words, where the most that it
    /// adds is `top`; no more than that.
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "beyond 2^24 the last digits do not count")]
    pub(super) fn share(self, top: f32, times: u32, length: u32) -> f32 {
        let times = times as f32;
        top * (times / (times + (K1 * (1.0 - B) + self.slope * length as f32)))
    }
}

/// What a word of a question, or a part of one, adds to the score of a passage.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TermShare {
    /// Where it first is in the question, in bytes.
    pub(crate) place: Range<usize>,
    /// The terms that stand for it.
    pub(crate) terms: BTreeSet<String>,
    /// What it counts in the question: less if it is a function word or a part.
    pub(crate) weight: f32,
    /// In how many passages of the corpus it is.
    pub(crate) passages: u64,
    /// Its inverse document frequency.
    pub(crate) idf: f32,
    /// How often it is in the passage.
    pub(crate) times: u32,
    /// What it adds to the score.
    pub(crate) share: f32,
}
