//! Search by words: an inverted index of a segment's passages, ranked by BM25.
//!
//! A segment's index is one array of bytes: the length and language of every passage, a term
//! dictionary and posting lists. It is checked as a whole when it is opened, and trusted after
//! that. The weight of a term depends on all segments of a corpus, so [`Statistics`] are gathered
//! over all of them: equal passages have equal scores, whatever segments they are in.

mod analyzer;
mod bm25;
mod builder;
mod detect_language;
mod dictionary;
mod fingerprint;
mod layout;
mod lexical_plan;
mod max_score;
mod merge;
mod norm;
mod postings;
mod query_terms;
mod ranking;
mod statistics;
mod stop_words;
mod term_group;
#[cfg(test)]
mod tests;
mod tokenize;
mod varint;

use crate::{
    Language,
    format::{column::Column, decode_error::DecodeError},
};

use dictionary::Dictionary;
use layout::{IndexLayout, InvertedBuilder};
use norm::PassageNorm;

pub(crate) use analyzer::{Analyzer, shown};
pub(crate) use bm25::TermContribution;
pub(crate) use detect_language::detect;
pub use lexical_plan::LexicalPlan;
pub(crate) use merge::MergedRow;
#[cfg(test)]
pub(crate) use query_terms::Group;
pub(crate) use query_terms::QueryTerms;
pub(crate) use statistics::{CorpusStats, Live, Statistics};

/// The inverted index of a segment's passages; row `i` is passage `i`.
#[derive(Debug)]
pub(crate) struct LexicalIndex {
    bytes: Column<u8>,
    layout: IndexLayout,
}

impl LexicalIndex {
    /// The bytes to be stored.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The index in `bytes`, which are not copied.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Version`] if they have another layout; [`DecodeError::Corrupt`] if they have terms
    /// by another analysis, or are not a whole index.
    pub(crate) fn open(bytes: Column<u8>) -> Result<Self, DecodeError> {
        let layout = IndexLayout::checked(&bytes)?;
        Ok(Self { bytes, layout })
    }

    /// Whether `bytes` have the present layout and analysis, if they are an index at all.
    pub(crate) fn is_current(bytes: &[u8]) -> bool {
        layout::is_current(bytes)
    }

    /// The index of passages with these `norms` and terms.
    fn of(norms: &[PassageNorm], inverted: InvertedBuilder) -> Self {
        let (bytes, layout) = inverted.seal(norms);
        Self { bytes: bytes.into(), layout }
    }

    /// Number of passages.
    pub(crate) fn len(&self) -> u32 {
        self.layout.rows
    }

    /// Sum of the lengths of all passages but those of `removed`, which are different rows.
    pub(crate) fn terms_without(&self, removed: &[u32]) -> u64 {
        let gone: u64 = removed.iter().map(|row| u64::from(self.norm(*row).length())).sum();
        self.layout.lengths - gone
    }

    /// The language whose rules the terms of passage `row` follow, if it is known.
    pub(crate) fn language(&self, row: u32) -> Option<Language> {
        self.norm(row).language()
    }

    /// The norm of every passage, as it is stored.
    fn norms(&self) -> &[[u8; 4]] {
        self.layout.norms(&self.bytes)
    }

    fn norm(&self, row: u32) -> PassageNorm {
        PassageNorm::of(self.norms(), row)
    }

    fn dictionary(&self) -> Dictionary<'_> {
        self.layout.dictionary(&self.bytes)
    }

    /// The posting lists of all terms, one behind the other.
    fn postings(&self) -> &[u8] {
        self.layout.postings(&self.bytes)
    }
}
