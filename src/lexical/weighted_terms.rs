//! The terms of a question, weighted by their frequency in a corpus.

use std::collections::BTreeSet;

use super::{
    CorpusStats, Identifier, QueryTerms, TermContribution,
    bm25::{Bm25, K1},
    query_terms::Group,
};

/// The groups of terms of a question with their weights in a corpus.
#[derive(Debug)]
pub(crate) struct WeightedTerms {
    /// By descending upper bound, ties in the order of the question.
    groups: Vec<WeightedGroup>,
    identifiers: Vec<Identifier>,
    max_bm25: f32,
    bm25: Bm25,
}

/// A group of terms with its weight in a corpus.
#[derive(Clone, Debug)]
pub(crate) struct WeightedGroup {
    pub(crate) group: Group,
    /// Number of passages with a term of the group.
    pub(crate) doc_freq: u64,
    /// Inverse document frequency.
    pub(super) idf: f32,
}

impl WeightedTerms {
    /// Weighs the groups of `terms` by `stats`, which were counted for them.
    #[expect(clippy::cast_precision_loss, reason = "a mean needs no more digits")]
    pub(crate) fn new(terms: QueryTerms, stats: &CorpusStats) -> Self {
        let passages = stats.passages;
        let (groups, identifiers) = terms.into_parts();
        let groups = groups.into_iter().zip(&stats.doc_freqs);
        let groups = groups.map(|(group, doc_freq)| {
            // A passage with several terms of a group is counted for each of them. Such passages are
            // rare, since a passage is analyzed in one language.
            let doc_freq = passages.min(*doc_freq);
            WeightedGroup { group, doc_freq, idf: idf(doc_freq, passages) }
        });
        let mut groups: Vec<WeightedGroup> = groups.collect();
        // Summed before sorting: the bits of a sum depend on the order of its addends.
        let weighted_idfs: f32 = groups.iter().map(WeightedGroup::weighted_idf).sum();
        groups.sort_by(|a, b| b.weighted_idf().total_cmp(&a.weighted_idf()));
        let bm25 = Bm25::new(stats.terms as f32 / passages.max(1) as f32);
        Self { groups, identifiers, max_bm25: (K1 + 1.0) * weighted_idfs, bm25 }
    }

    /// Returns the groups of `words`, given by the terms of each, alone.
    pub(crate) fn only(&self, words: &[BTreeSet<String>]) -> Self {
        let is_of =
            |group: &&WeightedGroup| words.iter().any(|word| !group.group.terms.is_disjoint(word));
        let groups: Vec<WeightedGroup> = self.groups.iter().filter(is_of).cloned().collect();
        let weighted_idfs: f32 = groups.iter().map(WeightedGroup::weighted_idf).sum();
        let max_bm25 = (K1 + 1.0) * weighted_idfs;
        Self { groups, identifiers: Vec::new(), max_bm25, bm25: self.bm25 }
    }

    /// The identifiers in the order of the question.
    pub(crate) fn identifiers(&self) -> &[Identifier] {
        &self.identifiers
    }

    /// Returns the groups by descending upper bound, ties in the order of the question.
    pub(crate) fn groups(&self) -> &[WeightedGroup] {
        &self.groups
    }

    /// Returns the supremum of all scores. A passage that repeats the question approaches it; terms
    /// that no passage has count like the rarest ones.
    pub(crate) fn max_bm25(&self) -> f32 {
        self.max_bm25
    }

    /// Returns the contribution of each group to the score of a passage of `length` terms, by
    /// descending upper bound; `tf` returns the frequency of a group in the passage. Summed in this
    /// order, they give the score bit for bit.
    pub(super) fn contributions(
        &self,
        length: u32,
        mut tf: impl FnMut(&WeightedGroup) -> u32,
    ) -> Vec<TermContribution> {
        let contribution = |weighted: &WeightedGroup| {
            let tf = tf(weighted);
            let upper_bound = weighted.upper_bound();
            let contribution =
                if tf == 0 { 0.0 } else { self.bm25.contribution(upper_bound, tf, length) };
            let WeightedGroup { group, doc_freq, idf } = weighted;
            TermContribution {
                place: group.place.clone(),
                terms: group.terms.clone(),
                weight: group.weight,
                doc_freq: *doc_freq,
                idf: *idf,
                tf,
                contribution,
            }
        };
        self.groups.iter().map(contribution).collect()
    }

    /// Returns BM25 with the mean length of a passage.
    pub(super) fn bm25(&self) -> Bm25 {
        self.bm25
    }
}

impl WeightedGroup {
    /// Returns the maximum contribution of the group to a score.
    pub(super) fn upper_bound(&self) -> f32 {
        (K1 + 1.0) * self.weighted_idf()
    }

    fn weighted_idf(&self) -> f32 {
        self.group.weight * self.idf
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
