//! Splits compounds into words of the bundled model, for the lexical index.

use std::ops::Range;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::{
    Model, RowCount, StaticEmbedder,
    compound_parts::{DERIVATIONS, ENDINGS, LINKS, NO_HEADS, NO_PARTS, SHORT_PARTS},
    viterbi::Viterbi,
};
use crate::{
    Result,
    vector::kernel::{dot, scale_sum_to_unit},
};

/// Minimum length of a part that [`SHORT_PARTS`] does not list, in characters.
const MIN_PART: usize = 4;
/// Minimum length in bytes of the letters beside the only part that is a piece: `Kamera` is no part
/// of `Kamerad`, and `Rind` none of `Rinde`.
const MIN_REST: usize = 4;
/// Minimum length of any part in bytes.
const MIN_BYTES: usize = 3;
/// Cost of letters between two parts, as of a piece.
const LINK_COST: u32 = 20;
/// Cost of an ending of the last part.
const ENDING_COST: u32 = 8;
/// Minimum sum of the cosines of a word with its first and with its last part. It was chosen on 64
/// compounds, of which 61 reach it, and on 200 other words, of which few do.
const MIN_SIMILARITY: f32 = 0.25;

/// Splits words. Its buffers are reused by the next word.
pub(crate) struct CompoundSplitter {
    embedder: StaticEmbedder,
    viterbi: Viterbi,
    steps: Vec<CompoundStep>,
    /// The word that was split last: a question has each word in several languages.
    word: String,
    /// The places of the parts of `word`.
    places: Vec<Range<usize>>,
}

/// The last part of the cheapest path to a byte offset.
#[derive(Clone, Copy)]
struct CompoundStep {
    /// Cost of the path; `u32::MAX` if no path ends here.
    cost: u32,
    /// Byte offset where the part starts.
    from: usize,
    /// Row of the word that the part starts with.
    row: u32,
}

/// No path.
const UNREACHED: CompoundStep = CompoundStep { cost: u32::MAX, from: 0, row: u32::MAX };

impl CompoundSplitter {
    /// Creates a splitter with the pieces of the bundled model.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`StaticEmbedder::bundled`].
    pub(crate) fn bundled() -> Result<Self> {
        let embedder = StaticEmbedder::bundled()?;
        Ok(Self {
            embedder,
            viterbi: Viterbi::default(),
            steps: Vec::new(),
            word: String::new(),
            places: Vec::new(),
        })
    }

    /// Hash of all pieces and their costs, and of the lists of parts.
    pub(crate) fn fingerprint(&self) -> u64 {
        let Model { bytes, layout, .. } = &*self.embedder.0;
        let lists = [&SHORT_PARTS[..], &NO_PARTS, &NO_HEADS, &DERIVATIONS, &LINKS, &ENDINGS];
        let lists = lists.map(|list| list.join(" ")).join("\n");
        let vocabulary = xxh3_64(&bytes[layout.vocabulary.clone()]);
        xxh3_64_with_seed(lists.as_bytes(), vocabulary)
    }

    /// Returns `word`, a lower-case word, with the umlauts and the `ß` that were typed as two letters;
    /// `None` if it has none.
    pub(crate) fn restored(&mut self, word: &str) -> Option<String> {
        self.embedder.0.pieces.restored(word.as_bytes(), &mut self.viterbi)
    }

    /// Returns the byte ranges of the parts of `word`, a lower-case word; none if it is no compound.
    ///
    /// The parts are words of the model, with the letters that link them. A word that the model
    /// knows is a compound only if its vector is similar to those of its parts. A word without such
    /// parts, which the model does not know, has its pieces of the lowest total cost as parts.
    pub(crate) fn split(&mut self, word: &str) -> &[Range<usize>] {
        if self.word != word {
            self.find(word);
            word.clone_into(&mut self.word);
        }
        &self.places
    }

    /// Whether `word`, a lower-case word, is a word of the model or made up of such words.
    pub(crate) fn is_known(&mut self, word: &str) -> bool {
        self.word.clear();
        self.places.clear();
        let is_known = self.embedder.0.pieces.whole(word).is_some() || self.find_words(word);
        self.places.clear();
        is_known
    }

    /// Writes the places of the parts of `word` to `places`.
    fn find(&mut self, word: &str) {
        self.places.clear();
        let has_words = self.find_words(word);
        let whole = self.embedder.0.pieces.whole(word);
        if let (Some(whole), true) = (whole, has_words) {
            if !self.is_similar_to_parts(whole) {
                self.places.clear();
            }
        } else if whole.is_none() && !has_words {
            self.embedder.0.pieces.split(word, &mut self.viterbi, &mut self.places);
            let is_part = |place: &Range<usize>| {
                let piece = &word[place.clone()];
                piece.chars().count() >= MIN_PART && !is_in(&NO_HEADS, piece)
            };
            self.places.retain(is_part);
            if let [only] = &self.places[..]
                && !stands_beside_word(word, only)
            {
                self.places.clear();
            }
        }
    }

    /// Finds the cheapest split of `word` into two or more words, writes it to `places`, and returns
    /// whether there is one.
    fn find_words(&mut self, word: &str) -> bool {
        let Some(last) = word.len().checked_sub(MIN_BYTES).filter(|last| *last >= MIN_BYTES) else {
            return false;
        };
        self.steps.clear();
        self.steps.resize(word.len() + 1, UNREACHED);
        self.steps[0].cost = 0;
        for from in 0..=last {
            if self.steps[from].cost < u32::MAX {
                self.extend(word, from);
            }
        }
        let mut to = word.len();
        if self.steps[to].cost == u32::MAX {
            return false;
        }
        while to > 0 {
            let CompoundStep { from, .. } = self.steps[to];
            self.places.push(from..to);
            to = from;
        }
        self.places.reverse();
        true
    }

    /// Extends the path to offset `from` by each word that stands there.
    fn extend(&mut self, word: &str, from: usize) {
        let Self { embedder, steps, .. } = self;
        let rest = &word[from..];
        for (piece, cost) in embedder.0.pieces.words_at(rest.as_bytes()) {
            if !is_part(&rest[..piece.len]) {
                continue;
            }
            let cost = steps[from].cost + u32::from(cost);
            let after = &rest[piece.len..];
            if from > 0 && ENDINGS.contains(&after) && !is_in(&NO_HEADS, rest) {
                let ending = if after.is_empty() { 0 } else { ENDING_COST };
                let step = CompoundStep { cost: cost + ending, from, row: piece.row };
                offer(&mut steps[word.len()], step);
            }
            for link in LINKS {
                if after.len() > link.len() && after.starts_with(link) {
                    let cost = cost + if link.is_empty() { 0 } else { LINK_COST };
                    let to = from + piece.len + link.len();
                    offer(&mut steps[to], CompoundStep { cost, from, row: piece.row });
                }
            }
        }
    }

    /// Whether the vector of row `whole` is similar to those of the first and the last part.
    fn is_similar_to_parts(&self, whole: u32) -> bool {
        let vector = self.vector(whole);
        let ends = [self.places.first(), self.places.last()].into_iter().flatten();
        let cosines = ends.map(|place| dot(&vector, &self.vector(self.steps[place.end].row)));
        cosines.sum::<f32>() >= MIN_SIMILARITY
    }

    /// Returns the unit vector of `row`.
    fn vector(&self, row: u32) -> Vec<f32> {
        let model = &*self.embedder.0;
        let mut vector = vec![0.0; model.layout.dim];
        model.sum(&[model.weighted(RowCount { row, count: 1 })], &mut vector);
        scale_sum_to_unit(&mut vector);
        vector
    }
}

/// Replaces `step` by `other` if that is cheaper.
fn offer(step: &mut CompoundStep, other: CompoundStep) {
    if other.cost < step.cost {
        *step = other;
    }
}

/// Whether the letters beside the only known part of `word`, at `place`, may also be a word.
fn stands_beside_word(word: &str, place: &Range<usize>) -> bool {
    let is_derived = DERIVATIONS.iter().any(|ending| word[place.end..].ends_with(ending));
    word.len() - place.len() >= MIN_REST && !is_derived
}

/// Whether `word`, a word of the model, may be a part of a compound.
fn is_part(word: &str) -> bool {
    let is_long = word.chars().count() >= MIN_PART;
    if is_long { !is_in(&NO_PARTS, word) } else { is_in(&SHORT_PARTS, word) }
}

/// Whether the sorted `list` holds `word`.
fn is_in(list: &[&str], word: &str) -> bool {
    list.binary_search(&word).is_ok()
}
