//! A question by the hashes of its terms: which rows to read, and the BM25 of each.

use super::{
    TermContribution, WeightedTerms, max_score::SLACK, passage_terms::term_hash,
    weighted_terms::WeightedGroup,
};

/// The groups of a question that occur in the corpus, with the hashes of their terms.
#[derive(Debug)]
pub(crate) struct HashedGroups<'t> {
    terms: &'t WeightedTerms,
    /// By descending upper bound.
    groups: Vec<HashedGroup<'t>>,
    /// Sum of the upper bounds from each group on, and 0 at the end.
    suffix_bounds: Vec<f32>,
}

#[derive(Debug)]
struct HashedGroup<'t> {
    weighted: &'t WeightedGroup,
    hashes: Vec<i64>,
}

/// The scores of the rows that were read so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadRows {
    /// Number of rows that have a score.
    pub(crate) scored: usize,
    /// The `k`-th best score; `None` if there are fewer.
    pub(crate) kth_score: Option<f32>,
}

impl<'t> HashedGroups<'t> {
    /// Hashes the groups of `terms`.
    pub(crate) fn new(terms: &'t WeightedTerms) -> Self {
        let groups = terms.groups().iter().filter(|weighted| weighted.doc_freq > 0);
        let groups = groups.map(|weighted| HashedGroup {
            weighted,
            hashes: weighted.group.terms.iter().map(|term| term_hash(term)).collect(),
        });
        let groups: Vec<HashedGroup> = groups.collect();
        let mut suffix_bounds = vec![0.0; groups.len() + 1];
        let mut sum = 0.0;
        for (at, group) in groups.iter().enumerate().rev() {
            sum += group.weighted.upper_bound();
            suffix_bounds[at] = sum * SLACK;
        }
        Self { terms, groups, suffix_bounds }
    }

    /// Returns the number of groups.
    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Returns the hashes of the terms of the `groups`.
    pub(crate) fn hashes(&self, groups: std::ops::Range<usize>) -> Vec<i64> {
        self.groups[groups].iter().flat_map(|group| group.hashes.iter().copied()).collect()
    }

    /// Returns the number of leading groups whose rows must be read to find the `k` best, after the
    /// rows of the first `read` groups were read. It is `read` if these suffice.
    ///
    /// The last groups are not essential if the sum of their upper bounds is below the `k`-th best
    /// score, as in `MaxScore` (Turtle & Flood 1995). Without a `k`-th score, rarer groups are read
    /// first, until as many rows as are missing can be expected.
    pub(crate) fn essential(&self, read: usize, rows: ReadRows, k: usize) -> usize {
        if let Some(kth_score) = rows.kth_score {
            let is_beaten = |bound: &f32| *bound < kth_score;
            let beaten = self.suffix_bounds[read..].iter().position(is_beaten);
            return beaten.map_or(self.len(), |further| read + further);
        }
        let missing = k.saturating_sub(rows.scored) as u64;
        let mut expected = 0;
        let mut end = read;
        while end < self.len() && (end == read || expected < missing) {
            expected += self.groups[end].weighted.doc_freq;
            end += 1;
        }
        end
    }

    /// Returns the BM25 of a passage of `length` terms, in which a term has the frequency that `tf`
    /// returns for its hash.
    pub(crate) fn score(&self, length: u32, tf: impl Fn(i64) -> u32) -> f32 {
        let bm25 = self.terms.bm25();
        let mut score = 0.0;
        for group in &self.groups {
            let tf = group.tf(&tf);
            if tf > 0 {
                score += bm25.contribution(group.weighted.upper_bound(), tf, length);
            }
        }
        score
    }

    /// Returns the contribution of each group of the question to the BM25 of such a passage.
    pub(crate) fn explain(&self, length: u32, tf: impl Fn(i64) -> u32) -> Vec<TermContribution> {
        self.terms.contributions(length, |weighted| {
            let group = self.groups.iter().find(|group| std::ptr::eq(group.weighted, weighted));
            group.map_or(0, |group| group.tf(&tf))
        })
    }
}

impl HashedGroup<'_> {
    fn tf(&self, tf: &impl Fn(i64) -> u32) -> u32 {
        self.hashes.iter().fold(0, |sum: u32, hash| sum.saturating_add(tf(*hash)))
    }
}
