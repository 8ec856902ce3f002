//! The word pieces of a model file, and how they are found in a text.

use std::ops::Range;

use super::{
    char_rules::{Composed, Uncased, composed},
    model_format::TextRules,
    piece_table::{MAX_PIECE, PiecePlace, Table},
    short_str::{SHORT, ShortStr},
    viterbi::{Viterbi, is_inside},
    word_cache::WordCache,
    word_scanner::{WordSink, split},
};
use crate::format::decode_error::{DecodeError, require};

/// Words looked up together.
const QUEUED: usize = 16;
/// Longest word of rules 2, in characters.
const MAX_UNCASED: usize = 100;

/// Pieces that start a word and pieces that continue one.
///
/// `training/pieces.py` is the same algorithm as rules 1. A piece is found by its hash: nothing but whole
/// words and their beginnings is ever looked for, and most words are one piece.
pub(super) struct Pieces {
    rules: TextRules,
    table: Table,
    /// What each piece adds to the cost of a cut, by row.
    costs: Vec<u8>,
}

/// The pieces of one text, with the buffers that one text after the other uses. They remember
/// words, so they are for one [`Pieces`] only.
#[derive(Default)]
pub(super) struct TextPieces {
    /// Rows of the pieces, in their order.
    pub(super) rows: Vec<u32>,
    /// Tokens without a piece.
    unknown: usize,
    word: String,
    queue: LookupQueue,
    cut: Viterbi,
    memo: WordCache,
}

/// Short words, with their hashes, that wait until what is needed to find their pieces has come from memory.
#[derive(Default)]
struct LookupQueue {
    words: [(ShortStr, u64); QUEUED],
    len: usize,
}

impl TextPieces {
    /// Whether the buffers have room for no more than so many tokens, and words of as many bytes.
    pub(super) fn fit(&self, tokens: usize) -> bool {
        self.rows.capacity() <= tokens && self.word.capacity() <= tokens
    }

    /// Number of all tokens.
    pub(super) fn len(&self) -> usize {
        self.rows.len() + self.unknown
    }
}

impl Pieces {
    /// Reads `count` front-coded pieces, of which the first `starts` start a word.
    pub(super) fn read(
        section: &[u8],
        rules: TextRules,
        starts: u32,
        count: u32,
    ) -> Result<Self, DecodeError> {
        // Places in it have 32 bits; front coding makes at most 64 bytes of three.
        let longest = section.len().saturating_mul(MAX_PIECE);
        require(u32::try_from(longest).is_ok(), "length of the vocabulary")?;
        let table = Table::with_room(count as usize, starts);
        let mut pieces = Self { rules, table, costs: Vec::with_capacity(count as usize) };
        let mut rest = section;
        for rows in [0..starts, starts..count] {
            pieces.read_list(&mut rest, rows)?;
        }
        pieces.table.settle();
        require(rest.is_empty(), "length of the vocabulary")?;
        Ok(pieces)
    }

    /// Takes the pieces of `rows` from the front of `section`, in strictly ascending order, each
    /// as: bytes shared with the one before, bytes that follow, cost, the bytes.
    fn read_list(&mut self, section: &mut &[u8], rows: Range<u32>) -> Result<(), DecodeError> {
        let mut piece = Vec::with_capacity(MAX_PIECE);
        for row in rows {
            let (shared, cost, rest) =
                read_piece(section).ok_or(DecodeError::Corrupt("a piece is cut off"))?;
            let ascends = piece.get(shared..).is_some_and(|replaced| replaced < rest);
            require(ascends && shared + rest.len() <= MAX_PIECE, "order or length of the pieces")?;
            piece.truncate(shared);
            piece.extend_from_slice(rest);
            require(std::str::from_utf8(&piece).is_ok(), "a piece is not UTF-8")?;
            require(!piece.contains(&0), "a piece with a zero")?;
            require(self.rules == TextRules::Composed || cost == 0, "a cost that is not used")?;
            self.table.insert(&piece, row);
            self.costs.push(cost);
        }
        Ok(())
    }

    /// Sets `places` to those of the pieces that `word`, a lower-case word of letters, is cut into.
    pub(super) fn split(&self, word: &str, cut: &mut Viterbi, places: &mut Vec<Range<usize>>) {
        places.clear();
        if word.is_empty() || self.table.whole_of(word.as_bytes()).0.is_some() {
            places.push(0..word.len());
        } else {
            cut.places(&self.table, &self.costs, word.as_bytes(), places);
        }
    }

    /// Finds the tokens of `text`, in order.
    pub(super) fn tokenize(&self, text: &str, tokens: &mut TextPieces) {
        tokens.rows.clear();
        tokens.unknown = 0;
        let mut word = std::mem::take(&mut tokens.word);
        let mut found = Found { pieces: self, tokens };
        match self.rules {
            TextRules::Composed => split::<Composed>(&composed(text), &mut word, &mut found),
            TextRules::Uncased => split::<Uncased>(text, &mut word, &mut found),
        }
        found.look_up();
        tokens.word = word;
    }
}

/// Bytes shared with the piece before, cost, and the bytes that follow.
fn read_piece<'s>(section: &mut &'s [u8]) -> Option<(usize, u8, &'s [u8])> {
    let (&[shared, len, cost], rest) = section.split_first_chunk()?;
    let (piece, rest) = rest.split_at_checked(usize::from(len))?;
    *section = rest;
    Some((usize::from(shared), cost, piece))
}

/// Takes words, and keeps their pieces.
struct Found<'a> {
    pieces: &'a Pieces,
    tokens: &'a mut TextPieces,
}

impl WordSink for Found<'_> {
    #[inline]
    fn short(&mut self, word: ShortStr) {
        let hash = self.pieces.table.fetch(word);
        let queue = &mut self.tokens.queue;
        queue.words[queue.len] = (word, hash);
        queue.len += 1;
        if queue.len == QUEUED {
            self.look_up();
        }
    }

    fn long(&mut self, word: &str) {
        if word.len() <= SHORT {
            return self.short(ShortStr::of(word.as_bytes()));
        }
        self.look_up();
        let (whole, hash) = self.pieces.table.whole_of(word.as_bytes());
        match whole {
            Some(row) => self.tokens.rows.push(row),
            None => self.cut(word.as_bytes(), hash),
        }
    }
}

impl Found<'_> {
    /// Finds the pieces of the words that wait.
    fn look_up(&mut self) {
        for at in 0..std::mem::take(&mut self.tokens.queue.len) {
            let (word, hash) = self.tokens.queue.words[at];
            match self.pieces.table.whole(word, hash) {
                Some(row) => self.tokens.rows.push(row),
                None => self.cut(&word.to_bytes()[..word.len()], hash),
            }
        }
    }

    /// Finds the pieces of a word that is none: those that are kept, if it was cut before.
    fn cut(&mut self, word: &[u8], hash: u64) {
        let TextPieces { rows, unknown, memo, .. } = &mut *self.tokens;
        if let Some(kept) = memo.get(word, hash) {
            rows.extend_from_slice(kept);
            return;
        }
        let (rows_before, unknown_before) = (rows.len(), *unknown);
        self.cut_anew(word);
        let TextPieces { rows, unknown, memo, .. } = &mut *self.tokens;
        if *unknown == unknown_before {
            memo.put(word, hash, &rows[rows_before..]);
        }
    }

    /// Finds the pieces of a word by the rules of the model.
    fn cut_anew(&mut self, word: &[u8]) {
        match self.pieces.rules {
            TextRules::Composed => {
                let Pieces { table, costs, .. } = self.pieces;
                let TextPieces { rows, unknown, cut, .. } = &mut *self.tokens;
                *unknown += cut.cheapest(table, costs, word, rows);
            }
            TextRules::Uncased => self.cut_greedily(word),
        }
    }

    /// The longest pieces of `word` from left to right; a word with a character without any is
    /// unknown as a whole, as is one that is too long.
    fn cut_greedily(&mut self, word: &[u8]) {
        let before = self.tokens.rows.len();
        let characters = word.iter().filter(|byte| !is_inside(**byte)).count();
        let (mut rest, mut place) = (word, PiecePlace::Start);
        while !rest.is_empty() {
            let piece = self.pieces.table.starts_of(rest, place).next();
            let Some((row, len)) = piece.filter(|_| characters <= MAX_UNCASED) else {
                self.tokens.rows.truncate(before);
                self.tokens.unknown += 1;
                return;
            };
            self.tokens.rows.push(row);
            rest = &rest[len..];
            place = PiecePlace::Inside;
        }
    }
}
