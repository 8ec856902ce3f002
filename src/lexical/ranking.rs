//! Search of a segment: its best rows, the scores of given rows, and the parts of a score.
//!
//! All three add the contributions of the groups in the order of their upper bounds, so that a
//! passage has the same score, bit for bit.

use super::{
    LexicalIndex, TermContribution, WeightedTerms,
    dictionary::TermEntry,
    max_score::{MaxScore, Steps},
    norm::PassageNorm,
    postings::{END, PostingCursor},
    term_group::TermGroupCursor,
    weighted_terms::WeightedGroup,
};
use crate::{LexicalPlan, RowSet, vector::RankedRow};

/// The best rows of a segment.
#[derive(Debug)]
pub(crate) struct Matches {
    /// Rows with their scores, best first.
    pub(crate) rows: Vec<RankedRow>,
    /// How the rows were found.
    pub(crate) plan: LexicalPlan,
}

impl LexicalIndex {
    /// Returns the number of rows with `term`, except the `removed` rows, which ascend.
    pub(super) fn doc_freq(&self, term: &str, removed: &[u32]) -> u32 {
        let Some(entry) = self.dictionary().find(term.as_bytes()) else { return 0 };
        if removed.is_empty() {
            return entry.doc_freq;
        }
        entry.doc_freq - self.cursor(&entry).count_among(removed)
    }

    /// Finds the `n` best of the `allowed` rows, or of all: higher scores first, ties by row.
    ///
    /// Rows without any of the terms are left out. Once `stop` returns true, the search returns the
    /// best of the rows scored so far.
    pub(crate) fn best(
        &self,
        terms: &WeightedTerms,
        n: usize,
        allowed: Option<&RowSet>,
        stop: impl Fn() -> bool,
    ) -> Matches {
        self.best_in_steps(terms, n, allowed, Steps::default(), stop)
    }

    /// [`best`](Self::best) in steps of other sizes, which do not change the result.
    pub(super) fn best_in_steps(
        &self,
        terms: &WeightedTerms,
        n: usize,
        allowed: Option<&RowSet>,
        steps: Steps,
        stop: impl Fn() -> bool,
    ) -> Matches {
        let cursors = self.group_cursors(terms);
        let words = cursors.len();
        let passages = self.len() as usize;
        let mut search = MaxScore::new(self.norms(), cursors, terms.bm25(), n, steps);
        let sparse = allowed.filter(|allowed| allowed.len() * steps.min_sparsity <= passages);
        let mut sparse_rows = sparse.map(RowSet::iter);
        let complete = loop {
            let has_more = match &mut sparse_rows {
                Some(rows) => search.look_up(rows),
                None => search.score_window(allowed),
            };
            if !has_more || stop() {
                break !has_more;
            }
        };
        let scored = search.scored();
        let plan = LexicalPlan { passages, words, scored, complete };
        Matches { rows: search.into_best(), plan }
    }

    /// Returns the scores of `rows`, which ascend; 0 for rows without any term.
    pub(crate) fn scores(&self, terms: &WeightedTerms, rows: &[u32]) -> Vec<f32> {
        let bm25 = terms.bm25();
        let norms = self.norms();
        let mut scores = vec![0.0; rows.len()];
        if rows.is_empty() {
            return scores;
        }
        for mut cursor in self.group_cursors(terms) {
            for (&row, score) in rows.iter().zip(&mut scores) {
                if cursor.seek(row) == row {
                    let length = PassageNorm::of(norms, row).length();
                    *score += bm25.contribution(cursor.upper_bound, cursor.tf(), length);
                }
            }
        }
        scores
    }

    /// Returns the contribution of each group of `terms` to the score of `row`, by descending upper
    /// bound. Summed in this order, they give the score bit for bit.
    pub(crate) fn explain(&self, terms: &WeightedTerms, row: u32) -> Vec<TermContribution> {
        terms.contributions(self.norm(row).length(), |weighted| {
            let mut cursor = self.group_cursor(weighted);
            if cursor.seek(row) == row { cursor.tf() } else { 0 }
        })
    }

    /// Returns the cursors of all groups that have a row, by descending upper bound.
    fn group_cursors(&self, terms: &WeightedTerms) -> Vec<TermGroupCursor<'_>> {
        let cursors = terms.groups().iter().map(|weighted| self.group_cursor(weighted));
        cursors.filter(|cursor| cursor.row != END).collect()
    }

    fn group_cursor(&self, weighted: &WeightedGroup) -> TermGroupCursor<'_> {
        let dictionary = self.dictionary();
        let terms = weighted.group.terms.iter();
        let entries = terms.filter_map(|term| dictionary.find(term.as_bytes()));
        let cursors = entries.map(|entry| self.cursor(&entry)).collect();
        TermGroupCursor::new(weighted.upper_bound(), cursors)
    }

    /// Returns a cursor over the rows of a term.
    pub(super) fn cursor(&self, entry: &TermEntry) -> PostingCursor<'_> {
        PostingCursor::new(entry.doc_freq, &self.postings()[entry.list.clone()])
    }
}
