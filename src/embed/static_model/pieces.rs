//! The word pieces of a model file, and the splitting of a text into them.

use std::ops::Range;

use super::{
    broken_word::joined,
    char_rules::{Composed, Uncased, composed},
    data_runs::{DataRuns, data_tokens, is_data_word},
    model_format::TextRules,
    piece_table::{MAX_PIECE, PiecePlace, PieceTable, WholeWord},
    prefix_index::{PrefixIndex, PrefixPiece},
    short_str::{MAX_SHORT, ShortStr},
    umlauts::{has_digraph, spellings},
    viterbi::{Viterbi, is_continuation},
    word_cache::WordCache,
    word_scanner::{WordSink, split},
};
use crate::format::decode_error::{DecodeError, require};

/// Number of words that are looked up together, so that their slots are prefetched.
const QUEUED: usize = 16;
/// Maximum length of a word by rules 1, in characters. Longer words are data.
const MAX_COMPOSED: usize = 256;
/// Maximum length of a word by rules 2, in characters. Longer words are unknown.
const MAX_UNCASED: usize = 100;

/// Pieces that start a word and pieces that continue one.
///
/// `training/pieces.py` implements rules 1 as well. Most words are pieces, which are found by their
/// hash. Other words are made up of pieces that the rest of the word starts with.
pub(super) struct Pieces {
    rules: TextRules,
    table: PieceTable,
    prefixes: PrefixIndex,
    /// Cost of each piece in a split, by row.
    costs: Vec<u8>,
}

/// The pieces of one text, with buffers that consecutive texts share. The buffers cache words, so
/// they belong to one [`Pieces`].
#[derive(Default)]
pub(super) struct TextPieces {
    /// Rows of the pieces, in the order of the text.
    pub(super) rows: Vec<u32>,
    /// Number of tokens without a piece.
    unknown: usize,
    word: String,
    queue: LookupQueue,
    viterbi: Viterbi,
    cache: WordCache,
}

/// Short words that wait until the prefetched slots of their pieces arrive from memory.
#[derive(Default)]
struct LookupQueue {
    words: [QueuedWord; QUEUED],
    len: usize,
}

/// A short word with its hash.
#[derive(Clone, Copy, Default)]
struct QueuedWord {
    word: ShortStr,
    hash: u64,
}

impl TextPieces {
    /// Whether the capacity of the buffers is at most `tokens` tokens and a word of `tokens` bytes.
    pub(super) fn fits(&self, tokens: usize) -> bool {
        self.rows.capacity() <= tokens && self.word.capacity() <= tokens
    }

    /// Number of tokens, with and without a piece.
    pub(super) fn len(&self) -> usize {
        self.rows.len() + self.unknown
    }
}

impl Pieces {
    /// Reads `count` front-coded pieces. The first `starts` pieces start a word, the others continue
    /// one.
    pub(super) fn read(
        section: &[u8],
        rules: TextRules,
        starts: u32,
        count: u32,
    ) -> Result<Self, DecodeError> {
        // The table stores offsets in 32 bits, and front coding expands three bytes to at most 64.
        let expanded = section.len().checked_mul(MAX_PIECE);
        let fits = expanded.is_some_and(|len| u32::try_from(len).is_ok());
        require(fits, "the vocabulary is too long")?;
        let mut pieces = Self {
            rules,
            table: PieceTable::with_capacity(starts as usize),
            prefixes: PrefixIndex::with_capacity(count as usize, starts),
            costs: Vec::with_capacity(count as usize),
        };
        let mut rest = section;
        pieces.read_list(&mut rest, 0..starts, PiecePlace::Start)?;
        pieces.read_list(&mut rest, starts..count, PiecePlace::Inside)?;
        pieces.table.flush();
        require(rest.is_empty(), "the vocabulary continues after its last piece")?;
        Ok(pieces)
    }

    /// Reads the pieces of `rows`, which occur in `place`, from the front of `section`, in strictly
    /// ascending order.
    fn read_list(
        &mut self,
        section: &mut &[u8],
        rows: Range<u32>,
        place: PiecePlace,
    ) -> Result<(), DecodeError> {
        let mut piece = Vec::with_capacity(MAX_PIECE);
        for row in rows {
            let coded =
                FrontCoded::read(section).ok_or(DecodeError::Corrupt("a piece is cut off"))?;
            let FrontCoded { shared, cost, suffix } = coded;
            let ascends = piece.get(shared..).is_some_and(|replaced| replaced < suffix);
            let fits = shared + suffix.len() <= MAX_PIECE;
            require(ascends && fits, "a piece is out of order or too long")?;
            piece.truncate(shared);
            piece.extend_from_slice(suffix);
            require(std::str::from_utf8(&piece).is_ok(), "a piece is not UTF-8")?;
            require(!piece.contains(&0), "a piece contains a zero byte")?;
            require(
                self.rules == TextRules::Composed || cost == 0,
                "a piece has a cost, which its text rules do not use",
            )?;
            if place == PiecePlace::Start {
                self.table.insert(&piece, row);
            }
            self.prefixes.push(&piece, place);
            self.costs.push(cost);
        }
        Ok(())
    }

    /// Returns the row of `word` if it is a piece that starts a word.
    pub(super) fn whole(&self, word: &str) -> Option<u32> {
        self.table.whole_of(word.as_bytes()).row
    }

    /// Returns the row and the cost of `word` if it is a piece that starts a word.
    pub(super) fn whole_with_cost(&self, word: &str) -> Option<(u32, u8)> {
        self.whole(word).map(|row| (row, self.costs[row as usize]))
    }

    /// Returns the pieces at the start of `rest`, which is not empty, that start a word, each with its
    /// cost.
    pub(super) fn words_at(&self, rest: &[u8]) -> impl Iterator<Item = (PrefixPiece, u8)> {
        let words = self.prefixes.prefixes_of(rest, PiecePlace::Start);
        words.map(|piece| (piece, self.costs[piece.row as usize]))
    }

    /// Writes the byte ranges of the pieces of `word` to `places`; `word` is a lower-case word of
    /// letters.
    pub(super) fn split(&self, word: &str, viterbi: &mut Viterbi, places: &mut Vec<Range<usize>>) {
        viterbi.places(&self.prefixes, &self.costs, word.as_bytes(), places);
    }

    /// Returns `word` with its umlauts and `ß`, if they were typed as two letters; `None` if `word` is
    /// a piece or is likelier as it is.
    ///
    /// A spelling is likelier if its pieces cost less, so `neue` and `aktuell` stay.
    pub(super) fn restored(&self, word: &[u8], viterbi: &mut Viterbi) -> Option<String> {
        let word = str::from_utf8(word).ok().filter(|word| has_digraph(word))?;
        if self.whole(word).is_some() {
            return None;
        }
        let mut cost_of = |word: &str| match self.whole(word) {
            Some(row) => u32::from(self.costs[row as usize]),
            None => viterbi.cost(&self.prefixes, &self.costs, word.as_bytes()),
        };
        let cost = cost_of(word);
        let costed = spellings(word).into_iter().map(|spelling| (cost_of(&spelling), spelling));
        let cheapest = costed.min()?;
        (cheapest.0 < cost).then_some(cheapest.1)
    }

    /// Splits `text` into tokens, in the order of the text.
    pub(super) fn tokenize(&self, text: &str, tokens: &mut TextPieces) {
        tokens.rows.clear();
        tokens.unknown = 0;
        let mut word = std::mem::take(&mut tokens.word);
        let mut tokenizer = PieceTokenizer { pieces: self, tokens };
        match self.rules {
            TextRules::Composed => tokenizer.split_composed(text, &mut word),
            TextRules::Uncased => split::<Uncased>(text, &mut word, &mut tokenizer),
        }
        tokenizer.look_up();
        tokens.word = word;
    }
}

/// A piece as the file stores it: the difference from the piece before it.
struct FrontCoded<'s> {
    /// Number of leading bytes shared with the piece before.
    shared: usize,
    cost: u8,
    /// The bytes after the shared ones.
    suffix: &'s [u8],
}

impl<'s> FrontCoded<'s> {
    /// Takes a piece from the front of `section`; `None` if it is cut off.
    fn read(section: &mut &'s [u8]) -> Option<Self> {
        let (&[shared, len, cost], rest) = section.split_first_chunk()?;
        let (suffix, rest) = rest.split_at_checked(usize::from(len))?;
        *section = rest;
        Some(Self { shared: usize::from(shared), cost, suffix })
    }
}

/// Receives the words of a text and appends their pieces to `tokens`.
struct PieceTokenizer<'a> {
    pieces: &'a Pieces,
    tokens: &'a mut TextPieces,
}

impl WordSink for PieceTokenizer<'_> {
    #[inline]
    fn short(&mut self, word: ShortStr) {
        // Single bytes are found without a hash.
        let is_byte = word.len() == 1;
        let hash = if is_byte { 0 } else { self.pieces.table.prefetch_whole(word) };
        let queue = &mut self.tokens.queue;
        queue.words[queue.len] = QueuedWord { word, hash };
        queue.len += 1;
        if queue.len == QUEUED {
            self.look_up();
        }
    }

    fn long(&mut self, word: &str) {
        if word.len() <= MAX_SHORT {
            return self.short(ShortStr::of(word.as_bytes()));
        }
        let is_long = word.len() > MAX_COMPOSED && word.chars().nth(MAX_COMPOSED).is_some();
        if is_long && self.pieces.rules == TextRules::Composed {
            self.tokens.unknown += data_tokens(word.as_bytes());
            return;
        }
        self.look_up();
        let WholeWord { row, hash } = self.pieces.table.whole_of(word.as_bytes());
        match row {
            Some(row) => self.tokens.rows.push(row),
            None => self.split(word.as_bytes(), hash),
        }
    }
}

impl PieceTokenizer<'_> {
    /// Appends the pieces of `text` by rules 1; `word` is a buffer. Data has no pieces.
    fn split_composed(&mut self, text: &str, word: &mut String) {
        let mut start = 0;
        for run in DataRuns::of(text) {
            split::<Composed>(&composed(&joined(&text[start..run.start])), word, self);
            self.tokens.unknown += data_tokens(text[run.clone()].as_bytes());
            start = run.end;
        }
        split::<Composed>(&composed(&joined(&text[start..])), word, self);
    }

    /// Looks up the queued words and appends their pieces.
    fn look_up(&mut self) {
        for at in 0..std::mem::take(&mut self.tokens.queue.len) {
            let QueuedWord { word, hash } = self.tokens.queue.words[at];
            match self.pieces.table.whole(word, hash) {
                Some(row) => self.tokens.rows.push(row),
                None => self.split(&word.to_bytes()[..word.len()], hash),
            }
        }
    }

    /// Appends the pieces of a word that is not a piece itself, from the cache if it is there.
    fn split(&mut self, word: &[u8], hash: u64) {
        let TextPieces { rows, cache, .. } = &mut *self.tokens;
        if let Some(cached) = cache.get(word, hash) {
            rows.extend_from_slice(cached);
            return;
        }
        let rows_before = self.tokens.rows.len();
        let unknown_before = self.tokens.unknown;
        self.split_uncached(word);
        let TextPieces { rows, unknown, cache, .. } = &mut *self.tokens;
        if *unknown == unknown_before {
            cache.insert(word, hash, &rows[rows_before..]);
        }
    }

    /// Appends the pieces of `word` by the rules of the model.
    fn split_uncached(&mut self, word: &[u8]) {
        match self.pieces.rules {
            TextRules::Composed if is_data_word(word) => {
                self.tokens.unknown += data_tokens(word);
            }
            TextRules::Composed => {
                let TextPieces { rows, unknown, viterbi, .. } = &mut *self.tokens;
                let restored = self.pieces.restored(word, viterbi);
                if let Some(row) = restored.as_deref().and_then(|word| self.pieces.whole(word)) {
                    rows.push(row);
                } else {
                    let Pieces { prefixes, costs, .. } = self.pieces;
                    let word = restored.as_deref().map_or(word, str::as_bytes);
                    *unknown += viterbi.cheapest(prefixes, costs, word, rows);
                }
            }
            TextRules::Uncased => self.split_greedily(word),
        }
    }

    /// Appends the longest pieces of `word` from left to right. A word is one unknown token if a
    /// character has no piece, or if it has more than [`MAX_UNCASED`] characters.
    fn split_greedily(&mut self, word: &[u8]) {
        let rows_before = self.tokens.rows.len();
        let characters = word.iter().filter(|byte| !is_continuation(**byte)).count();
        let mut rest = word;
        let mut place = PiecePlace::Start;
        while !rest.is_empty() {
            let piece = self.pieces.prefixes.prefixes_of(rest, place).next();
            let Some(piece) = piece.filter(|_| characters <= MAX_UNCASED) else {
                self.tokens.rows.truncate(rows_before);
                self.tokens.unknown += 1;
                return;
            };
            self.tokens.rows.push(piece.row);
            rest = &rest[piece.len..];
            place = PiecePlace::Inside;
        }
    }
}
