//! Splits compounds into words of the bundled model, for the lexical index.

use std::ops::Range;

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::{
    Model, RowCount, StaticEmbedder,
    compound_parts::{
        DERIVATIONS, ENDINGS, LINKS, NO_HEADS, NO_PARTS, NOUN_ENDINGS, NOUN_LINK, PREFIXES,
        SHORT_PARTS, VERB_PREFIXES,
    },
    compound_path::{CompoundPart, CompoundPath},
    data_runs::is_no_compound,
    viterbi::Viterbi,
};
use crate::{
    Result,
    vector::kernel::{dot, scale_sum_to_unit},
};

/// Minimum length in bytes of the letters beside the only part that is a piece: `Kamera` is no part
/// of `Kamerad`, and `Bank` none of `Bankrott`.
const MIN_REST: usize = 5;
/// Minimum length in bytes of a word with two parts that are pieces, or one beside other letters.
const MIN_PIECES: usize = 8;
/// Minimum sum of the cosines of a word with its first and with its last part. It was chosen on 64
/// compounds, of which 61 reach it, and on 200 other words, of which few do.
const MIN_SIMILARITY: f32 = 0.25;
/// The same for long words of long parts, which few words are by chance: `Arbeitsmarkt` has 0.10.
const MIN_LONG_SIMILARITY: f32 = -0.08;
/// Minimum length of a long word in characters.
const LONG_WORD: usize = 12;
/// Minimum length of a long part in characters.
const LONG_PART: usize = 5;
/// Minimum length in bytes of a part that may itself be a compound.
const MIN_COMPOUND: usize = 6;
/// Maximum number of times that a part is split again.
const MAX_DEPTH: usize = 2;
/// Maximum number of parts whose parts are cached, per depth.
const MAX_KNOWN: usize = 1 << 14;

/// The places of the parts of words.
type PlacesByPart = FxHashMap<Box<str>, Box<[Range<usize>]>>;

/// Splits words. Its buffers are reused by the next word.
pub(crate) struct CompoundSplitter {
    embedder: StaticEmbedder,
    viterbi: Viterbi,
    path: CompoundPath,
    /// The word that was split last: a question has each word in several languages.
    word: String,
    /// The places of the parts of `word`.
    places: Vec<Range<usize>>,
    /// The places of the parts of parts, by part and the depth that is left. Compounds share parts.
    known: [PlacesByPart; MAX_DEPTH],
}

impl CompoundSplitter {
    /// Creates a splitter with the pieces of the bundled model.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`StaticEmbedder::bundled`].
    pub(crate) fn bundled() -> Result<Self> {
        Ok(Self {
            embedder: StaticEmbedder::bundled()?,
            viterbi: Viterbi::default(),
            path: CompoundPath::default(),
            word: String::new(),
            places: Vec::new(),
            known: Default::default(),
        })
    }

    /// Hash of all pieces and their costs, and of the lists of parts.
    pub(crate) fn fingerprint(&self) -> u64 {
        let Model { bytes, layout, .. } = &*self.embedder.0;
        let lists = [
            &SHORT_PARTS[..],
            &NO_PARTS,
            &NO_HEADS,
            &DERIVATIONS,
            &LINKS,
            &ENDINGS,
            &NOUN_ENDINGS,
            &[NOUN_LINK],
            &PREFIXES,
            &VERB_PREFIXES,
        ];
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
    /// The parts of a part follow it.
    ///
    /// The parts are words of the model, with their prefixes and endings and the letters that link
    /// them. A word that the model knows is a compound only if its vector is similar to those of its
    /// parts. A word that is not made up of words of the model has the words among its pieces of the
    /// lowest total cost as parts.
    pub(crate) fn split(&mut self, word: &str) -> &[Range<usize>] {
        if self.word != word {
            self.find(word);
            word.clone_into(&mut self.word);
        }
        &self.places
    }

    /// Whether `word`, a lower-case word, is a word of the model or made up of such words.
    pub(crate) fn is_known(&mut self, word: &str) -> bool {
        let is_word = self.embedder.0.pieces.whole(word).is_some();
        is_word || !self.path.cheapest(word, &self.embedder).is_empty()
    }

    /// Writes the places of the parts of `word` to `places`.
    fn find(&mut self, word: &str) {
        self.places.clear();
        let is_unknown = !is_no_compound(word)
            && !self.add_parts(word, 0, MAX_DEPTH)
            && self.embedder.0.pieces.whole(word).is_none();
        if is_unknown && word.len() >= MIN_PIECES {
            self.add_pieces(word);
        }
    }

    /// Adds the places of the parts of `word`, which starts at byte `start` of the word that is split,
    /// and those of their parts down to `depth`; returns whether words of the model make up `word`.
    fn add_parts(&mut self, word: &str, start: usize, depth: usize) -> bool {
        let parts = self.path.cheapest(word, &self.embedder);
        match &parts[..] {
            [] => return false,
            // A form of another word has the parts of that.
            [only] => self.add_parts_of(word, only, start, depth),
            _ => {
                let whole = self.embedder.0.pieces.whole(word);
                if whole.is_none_or(|whole| self.is_similar_to_parts(word, whole, &parts)) {
                    for part in &parts {
                        self.places.push(start + part.place.start..start + part.place.end);
                        self.add_parts_of(word, part, start, depth);
                    }
                }
            }
        }
        true
    }

    /// Adds the places of the parts of `part` of `word`, if it is a compound itself.
    fn add_parts_of(&mut self, word: &str, part: &CompoundPart, start: usize, depth: usize) {
        let base = &word[part.base.clone()];
        let Some(depth) = depth.checked_sub(1).filter(|_| base.len() >= MIN_COMPOUND) else {
            return;
        };
        let start = start + part.base.start;
        let first = self.places.len();
        if let Some(places) = self.known[depth].get(base) {
            self.places.extend(places.iter().map(|place| start + place.start..start + place.end));
            return;
        }
        self.add_parts(base, start, depth);
        if self.known[depth].len() == MAX_KNOWN {
            self.known[depth].clear();
        }
        let found = self.places[first..].iter();
        let found = found.map(|place| place.start - start..place.end - start).collect();
        self.known[depth].insert(base.into(), found);
    }

    /// Adds the words among the cheapest pieces of `word`.
    fn add_pieces(&mut self, word: &str) {
        let pieces = &self.embedder.0.pieces;
        pieces.split(word, &mut self.viterbi, &mut self.places);
        self.places.retain(|place| {
            let piece = &word[place.clone()];
            is_long_part(piece) && pieces.whole(piece).is_some() && !is_in(&NO_HEADS, piece)
        });
        if let [only] = &self.places[..]
            && !stands_beside_word(word, only)
        {
            self.places.clear();
        }
    }

    /// Whether the vector of row `whole` of `word` is similar to those of the first and the last part.
    fn is_similar_to_parts(&self, word: &str, whole: u32, parts: &[CompoundPart]) -> bool {
        let is_long = |text: &str, min: usize| text.chars().nth(min - 1).is_some();
        let are_long = parts.iter().all(|part| is_long(&word[part.place.clone()], LONG_PART));
        let is_rarely_by_chance = are_long && is_long(word, LONG_WORD);
        let min = if is_rarely_by_chance { MIN_LONG_SIMILARITY } else { MIN_SIMILARITY };
        let ends = [parts.first(), parts.last()].into_iter().flatten();
        ends.map(|part| cosine(&self.embedder, whole, part.row)).sum::<f32>() >= min
    }
}

/// Returns the cosine of two rows of the model.
pub(super) fn cosine(embedder: &StaticEmbedder, first: u32, second: u32) -> f32 {
    let model = &*embedder.0;
    let vector = |row| {
        let mut vector = vec![0.0; model.layout.dim];
        model.sum(&[model.weighted(RowCount { row, count: 1 })], &mut vector);
        scale_sum_to_unit(&mut vector);
        vector
    };
    dot(&vector(first), &vector(second))
}

/// Whether the letters beside the only known part of `word`, at `place`, may also be a word.
fn stands_beside_word(word: &str, place: &Range<usize>) -> bool {
    let is_derived = DERIVATIONS.iter().any(|ending| word[place.end..].ends_with(ending));
    word.len() - place.len() >= MIN_REST && !is_derived
}

/// Whether `word`, a word of the model, may be a part of a compound.
pub(super) fn is_part(word: &str) -> bool {
    is_long_part(word) || is_in(&SHORT_PARTS, word)
}

/// Whether `word`, a word of the model, may be a part of a compound without being listed.
pub(super) fn is_long_part(word: &str) -> bool {
    /// Minimum length in characters.
    const MIN_PART: usize = 4;
    word.chars().nth(MIN_PART - 1).is_some() && !is_in(&NO_PARTS, word)
}

/// Whether the sorted `list` holds `word`.
pub(super) fn is_in(list: &[&str], word: &str) -> bool {
    list.binary_search(&word).is_ok()
}
