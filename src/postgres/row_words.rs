//! The words of a row of `passages`, for its BM25.

use super::{candidate_row::damaged, connection::ResultRow};
use crate::{
    Result,
    lexical::{HashedGroups, TermContribution},
};

/// The terms of a passage with their frequencies.
#[derive(Debug)]
pub(super) struct RowWords {
    /// Number of terms, with repetitions.
    length: u32,
    /// Hashes of the distinct terms, ascending.
    terms: Vec<i64>,
    /// Frequency of each of `terms`.
    tfs: Vec<i16>,
}

impl RowWords {
    /// The columns that are decoded.
    pub(super) const COLUMNS: &str = "len, terms, tfs";

    /// Decodes the columns, of which `first` is the first one.
    pub(super) fn decode(row: &ResultRow, first: usize) -> Result<Self> {
        let length: i32 = row.get(first)?;
        let words = Self {
            length: length.unsigned_abs(),
            terms: row.get(first + 1)?,
            tfs: row.get(first + 2)?,
        };
        let is_valid = words.terms.len() == words.tfs.len();
        if is_valid { Ok(words) } else { Err(damaged("terms and frequencies differ in number")) }
    }

    /// Returns the BM25 of the passage.
    pub(super) fn bm25(&self, groups: &HashedGroups) -> f32 {
        groups.score(self.length, |term| self.tf(term))
    }

    /// Returns the contribution of each group of the question to the BM25 of the passage.
    pub(super) fn contributions(&self, groups: &HashedGroups) -> Vec<TermContribution> {
        groups.explain(self.length, |term| self.tf(term))
    }

    fn tf(&self, term: i64) -> u32 {
        let at = self.terms.binary_search(&term);
        at.map_or(0, |at| u32::from(self.tfs[at].unsigned_abs()))
    }
}
