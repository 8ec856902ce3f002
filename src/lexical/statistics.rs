//! Statistics of a corpus: its size, and how frequent the terms of a question are.

use super::{
    LexicalIndex, QueryTerms,
    bm25::{Bm25, K1},
};

/// The index of a segment with its removed rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiveIndex<'a> {
    pub(crate) index: &'a LexicalIndex,
    /// Ascending.
    pub(crate) removed: &'a [u32],
    /// Sum of the lengths of the live passages, in terms.
    pub(crate) terms: u64,
}

/// Counts of all live passages of a corpus for the groups of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CorpusStats {
    pub(crate) passages: u64,
    /// Sum of the lengths of all passages, in terms.
    pub(crate) terms: u64,
    /// By group: sum over its terms of the number of passages with the term.
    pub(crate) doc_freqs: Vec<u64>,
}

/// The weights of a question's groups of terms in a corpus.
#[derive(Debug)]
pub(crate) struct CorpusWeights {
    passages: u64,
    /// Sum of the lengths of all passages, in terms.
    terms: u64,
    /// Number of passages with a term of each group.
    doc_freqs: Vec<u64>,
    /// Weight of each group times its inverse document frequency.
    weighted_idfs: Vec<f32>,
    /// Groups by descending upper bound, ties in the order of the question.
    order: Vec<usize>,
}

impl CorpusStats {
    /// Counts the live passages of `indexes` for the groups of `terms`.
    pub(crate) fn gather<'a>(
        terms: &QueryTerms,
        indexes: impl IntoIterator<Item = LiveIndex<'a>>,
    ) -> Self {
        let groups = terms.groups();
        let mut stats = Self { passages: 0, terms: 0, doc_freqs: vec![0; groups.len()] };
        for LiveIndex { index, removed, terms } in indexes {
            stats.passages += u64::from(index.len()) - removed.len() as u64;
            stats.terms += terms;
            for (group, doc_freq) in groups.iter().zip(&mut stats.doc_freqs) {
                let all = group.terms.iter().map(|term| index.doc_freq(term, removed));
                *doc_freq += all.map(u64::from).sum::<u64>();
            }
        }
        stats
    }
}

impl CorpusWeights {
    /// Weighs the groups of `terms` by the counts of a corpus.
    pub(crate) fn new(terms: &QueryTerms, stats: CorpusStats) -> Self {
        let groups = terms.groups();
        let CorpusStats { passages, terms: lengths, mut doc_freqs } = stats;
        // A passage with several terms of a group is counted for each of them. Such passages are
        // rare, since a passage is analyzed in one language.
        for doc_freq in &mut doc_freqs {
            *doc_freq = passages.min(*doc_freq);
        }
        let weighted = groups.iter().zip(&doc_freqs);
        let weighted = weighted.map(|(group, doc_freq)| group.weight * idf(*doc_freq, passages));
        let weighted_idfs: Vec<f32> = weighted.collect();
        let mut order: Vec<usize> = (0..weighted_idfs.len()).collect();
        order.sort_by(|a, b| weighted_idfs[*b].total_cmp(&weighted_idfs[*a]));
        Self { passages, terms: lengths, doc_freqs, weighted_idfs, order }
    }

    /// Returns the supremum of all scores. A passage that repeats the question approaches it; terms
    /// that no passage has count like the rarest ones.
    pub(crate) fn max_bm25(&self) -> f32 {
        (K1 + 1.0) * self.weighted_idfs.iter().sum::<f32>()
    }

    /// Returns the groups by descending upper bound, ties in the order of the question.
    pub(super) fn order(&self) -> impl Iterator<Item = usize> {
        self.order.iter().copied()
    }

    /// Returns the number of passages with a term of `group`.
    pub(super) fn doc_freq(&self, group: usize) -> u64 {
        self.doc_freqs[group]
    }

    /// Returns the inverse document frequency of `group`.
    pub(super) fn idf(&self, group: usize) -> f32 {
        idf(self.doc_freqs[group], self.passages)
    }

    /// Returns the maximum contribution of `group` to a score.
    pub(super) fn upper_bound(&self, group: usize) -> f32 {
        (K1 + 1.0) * self.weighted_idfs[group]
    }

    /// Returns BM25 with the mean length of a passage.
    #[expect(clippy::cast_precision_loss, reason = "a mean needs no more digits")]
    pub(super) fn bm25(&self) -> Bm25 {
        Bm25::new(self.terms as f32 / self.passages.max(1) as f32)
    }
}

/// `ln(1 + (passages - doc_freq + 0.5) / (doc_freq + 0.5))`, which is never negative.
///
/// # Source
///
/// Robertson & Zaragoza (2009), *The Probabilistic Relevance Framework*; Lucene adds the 1.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a weight")]
fn idf(doc_freq: u64, passages: u64) -> f32 {
    let doc_freq = doc_freq as f64;
    let passages = passages as f64;
    ((passages - doc_freq + 0.5) / (doc_freq + 0.5)).ln_1p() as f32
}
