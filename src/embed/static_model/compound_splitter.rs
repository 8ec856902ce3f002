//! Splits words into the pieces of the bundled model, for the lexical index.

use std::ops::Range;

use super::{Model, StaticEmbedder, viterbi::Viterbi};
use crate::Result;

/// Splits words. Its buffers are reused by the next word.
pub(crate) struct CompoundSplitter {
    embedder: StaticEmbedder,
    viterbi: Viterbi,
    places: Vec<Range<usize>>,
}

impl CompoundSplitter {
    /// Creates a splitter with the pieces of the bundled model.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`StaticEmbedder::bundled`].
    pub(crate) fn bundled() -> Result<Self> {
        let embedder = StaticEmbedder::bundled()?;
        Ok(Self { embedder, viterbi: Viterbi::default(), places: Vec::new() })
    }

    /// Hash of all pieces and their costs.
    pub(crate) fn fingerprint(&self) -> u64 {
        let Model { bytes, layout, .. } = &*self.embedder.0;
        xxhash_rust::xxh3::xxh3_64(&bytes[layout.vocabulary.clone()])
    }

    /// Returns the byte ranges of the pieces of `word`, a lower-case word: the whole word if it is a
    /// piece, otherwise the pieces of the lowest total cost. Characters that no piece covers are in
    /// no range.
    pub(crate) fn split(&mut self, word: &str) -> &[Range<usize>] {
        let Self { embedder, viterbi, places } = self;
        embedder.0.pieces.split(word, viterbi, places);
        places
    }
}
