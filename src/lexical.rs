//! Search by words: an inverted index of a segment's passages, ranked by BM25.
//!
//! A segment's index is one array of bytes: the length and language of every passage, a term
//! dictionary and posting lists. Opening checks all bytes; later reads trust them. [`WeightedTerms`]
//! cover all segments of a corpus, so equal passages have equal scores in any segment.

mod analyzer;
mod bm25;
mod builder;

mod detect_language;
mod dictionary;
mod english_noun;
mod fingerprint;
mod gender_form;
mod german_noun;
#[cfg(feature = "postgres")]
mod hashed_groups;
mod identifier;
mod layout;
mod lexical_plan;
mod max_score;
mod merge;
mod noise;
mod norm;
mod noun_lists;
mod number;
#[cfg(feature = "postgres")]
mod passage_terms;
mod phrase;
mod posting_tail;
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
mod weighted_terms;
mod word_conditions;
mod written_date;

use crate::{
    format::{column::Column, decode_error::DecodeError},
    language::AnalyzedLanguage,
};

use dictionary::Dictionary;
use layout::{IndexLayout, InvertedBuilder};
use norm::PassageNorm;

pub(crate) use analyzer::{Analyzer, shown};
pub(crate) use bm25::TermContribution;
pub(crate) use detect_language::detect;
#[cfg(feature = "postgres")]
pub(crate) use fingerprint::current as fingerprint;
#[cfg(feature = "postgres")]
pub(crate) use hashed_groups::{HashedGroups, ReadRows};
pub(crate) use identifier::Identifier;
pub use lexical_plan::LexicalPlan;
pub(crate) use merge::MergedRow;
pub(crate) use noise::has_web_address_or_digit;
#[cfg(test)]
pub(crate) use noise::is_noise;
#[cfg(feature = "postgres")]
pub(crate) use passage_terms::{PassageTerms, term_hash};
pub(crate) use phrase::{Phrase, TermSequences};
pub(crate) use query_terms::{Group, QueryTerms};
pub(crate) use statistics::{CorpusStats, LiveIndex};
pub(crate) use tokenize::words;
pub(crate) use weighted_terms::WeightedTerms;
pub(crate) use word_conditions::WordConditions;

/// The inverted index of a segment's passages; row `i` is passage `i`.
#[derive(Debug)]
pub(crate) struct LexicalIndex {
    bytes: Column<u8>,
    layout: IndexLayout,
}

impl LexicalIndex {
    /// Returns the bytes to store.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Opens the index in `bytes`, which are not copied.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Version`] for another version of the layout; [`DecodeError::Corrupt`] if the
    /// terms come from another analysis, or if the bytes are damaged.
    pub(crate) fn open(bytes: Column<u8>) -> Result<Self, DecodeError> {
        let layout = IndexLayout::checked(&bytes)?;
        Ok(Self { bytes, layout })
    }

    /// Whether `bytes` have the current layout and analysis, unless they are damaged.
    pub(crate) fn is_current(bytes: &[u8]) -> bool {
        layout::is_current(bytes)
    }

    /// Builds the index of passages with these `norms` and terms.
    fn of(norms: &[PassageNorm], inverted: InvertedBuilder) -> Self {
        let (bytes, layout) = inverted.seal(norms);
        Self { bytes: bytes.into(), layout }
    }

    /// Number of passages.
    pub(crate) fn len(&self) -> u32 {
        self.layout.rows
    }

    /// Returns the number of terms in all passages except `removed`, whose rows are distinct.
    pub(crate) fn terms_without(&self, removed: &[u32]) -> u64 {
        let gone: u64 = removed.iter().map(|row| u64::from(self.norm(*row).length())).sum();
        self.layout.lengths - gone
    }

    /// Returns the language of passage `row`; `None` if unknown (the passage was analyzed as German).
    pub(crate) fn language(&self, row: u32) -> Option<AnalyzedLanguage> {
        self.norm(row).language()
    }

    /// Returns whether the text of passage `row` is [noise](noise::is_noise).
    pub(crate) fn is_noise(&self, row: u32) -> bool {
        self.norm(row).is_noise()
    }

    /// Returns the stored norm of every passage.
    fn norms(&self) -> &[[u8; 4]] {
        self.layout.norms(&self.bytes)
    }

    fn norm(&self, row: u32) -> PassageNorm {
        PassageNorm::of(self.norms(), row)
    }

    fn dictionary(&self) -> Dictionary<'_> {
        self.layout.dictionary(&self.bytes)
    }

    /// Returns the posting lists of all terms, concatenated.
    fn postings(&self) -> &[u8] {
        self.layout.postings(&self.bytes)
    }
}
