//! Words cut into the pieces of the bundled model, for the search by words.

use std::ops::Range;

use super::{Model, StaticEmbedder, viterbi::Viterbi};
use crate::Result;

/// Cuts words, with the buffers that one word after the other uses.
pub(crate) struct CompoundSplitter {
    embedder: StaticEmbedder,
    cut: Viterbi,
    places: Vec<Range<usize>>,
}

impl CompoundSplitter {
    /// Cuts by the pieces of the bundled model.
    ///
    /// # Errors
    ///
    /// Those of [`StaticEmbedder::bundled`].
    pub(crate) fn bundled() -> Result<Self> {
        let embedder = StaticEmbedder::bundled()?;
        Ok(Self { embedder, cut: Viterbi::default(), places: Vec::new() })
    }

    /// A hash of all pieces and their costs.
    pub(crate) fn fingerprint(&self) -> u64 {
        let Model { bytes, layout, .. } = &*self.embedder.0;
        xxhash_rust::xxh3::xxh3_64(&bytes[layout.vocabulary.clone()])
    }

    /// Where the pieces of `word`, a lower-case word, are in it: those of the least cost together,
    /// or the word if it is a piece. Characters without a piece are in none.
    pub(crate) fn split(&mut self, word: &str) -> &[Range<usize>] {
        let Self { embedder, cut, places } = self;
        embedder.0.pieces.split(word, cut, places);
        places
    }
}
