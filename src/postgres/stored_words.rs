//! The words and pieces of a passage as its row holds them.

use super::connection::Params;
use crate::{
    Error, Result,
    embed::PieceRows,
    language::AnalyzedLanguage,
    lexical::{Analyzer, PassageTerms},
    search::late::PieceList,
};

/// Makes the words and pieces of passages.
pub(super) struct WordMaker {
    analyzer: Analyzer,
    piece_rows: PieceRows,
}

/// The words and pieces of a passage.
pub(super) struct StoredWords {
    /// Hashes of the distinct terms, ascending.
    pub(super) terms: Vec<i64>,
    /// Frequency of each of `terms`.
    tfs: Vec<i16>,
    /// Number of terms, with repetitions.
    pub(super) length: u32,
    is_noise: bool,
    pieces: Vec<u8>,
}

impl WordMaker {
    /// # Errors
    ///
    /// As [`StaticEmbedder::bundled`](crate::StaticEmbedder::bundled).
    pub(super) fn new() -> Result<Self> {
        Ok(Self { analyzer: Analyzer::new()?, piece_rows: PieceRows::bundled()? })
    }

    /// Analyzes the embedded `text` of a passage of the article of `key`.
    ///
    /// # Errors
    ///
    /// [`Error::NotStorable`] if a word occurs more than 32,767 times.
    pub(super) fn words(
        &mut self,
        text: &str,
        language: Option<AnalyzedLanguage>,
        key: &str,
    ) -> Result<StoredWords> {
        let PassageTerms { hashes, tfs, length, is_noise } =
            PassageTerms::of(text, language, &mut self.analyzer);
        let tfs: Option<Vec<i16>> = tfs.iter().map(|tf| i16::try_from(*tf).ok()).collect();
        let reason = "a passage has one word more than 32,767 times";
        let tfs = tfs.ok_or_else(|| Error::NotStorable { key: key.to_owned(), reason })?;
        let pieces = PieceList::of(text, &self.piece_rows).to_bytes();
        Ok(StoredWords { terms: hashes, tfs, length, is_noise, pieces })
    }
}

impl StoredWords {
    /// The columns of [`push`](Self::push).
    pub(super) const COLUMNS: [&str; 5] = ["is_noise", "len", "pieces", "terms", "tfs"];

    /// Adds the values of the columns.
    pub(super) fn push(&self, params: &mut Params<'_>) -> String {
        let values = [
            params.boolean(self.is_noise),
            params.int4(i32::try_from(self.length).unwrap_or(i32::MAX)),
            params.bytes(self.pieces.clone()),
            params.int8s(self.terms.clone()),
            params.int2s(self.tfs.clone()),
        ];
        values.join(", ")
    }
}
