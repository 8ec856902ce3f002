//! The word pieces of a model file, and the greedy longest match that finds them in a text.

use std::ops::Range;

use super::{
    format::TextRules,
    rules::{Composed, Uncased, composed},
    short::Short,
    table::{MAX_PIECE, Place, Table},
    words::{Words, split},
};
use crate::refusal::{Refusal, require};

/// Words that wait together.
const QUEUED: usize = 16;
/// Longest word of rules 2, in characters.
const MAX_UNCASED: usize = 100;

/// Pieces that start a word and pieces that continue one.
///
/// `training/pieces.py` is the same algorithm. A piece is found by its hash: nothing but whole
/// words and their beginnings is ever looked for, and most words are one piece.
pub(super) struct Pieces {
    rules: TextRules,
    table: Table,
}

/// The pieces of one text, with the buffers that one text after the other uses.
#[derive(Default)]
pub(super) struct Tokens {
    /// Rows of the pieces, in their order.
    pub(super) rows: Vec<u32>,
    /// Tokens without a piece.
    unknown: usize,
    word: String,
    queue: Queue,
}

/// Short words, with their hashes, that wait until what is needed to find their pieces has come from memory.
#[derive(Default)]
struct Queue {
    words: [(Short, u64); QUEUED],
    len: usize,
}

impl Tokens {
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
    ) -> Result<Self, Refusal> {
        let table = Table::with_room(count as usize, starts);
        let mut pieces = Self { rules, table };
        let mut rest = section;
        for rows in [0..starts, starts..count] {
            pieces.read_list(&mut rest, rows)?;
        }
        pieces.table.settle();
        require(rest.is_empty(), "length of the vocabulary")?;
        Ok(pieces)
    }

    /// Takes the pieces of `rows` from the front of `section`, in strictly ascending order, each
    /// as: bytes shared with the one before, bytes that follow, those bytes.
    fn read_list(&mut self, section: &mut &[u8], rows: Range<u32>) -> Result<(), Refusal> {
        let mut piece = Vec::with_capacity(MAX_PIECE);
        for row in rows {
            let (shared, rest) =
                read_piece(section).ok_or(Refusal::Corrupt("a piece is cut off"))?;
            let ascends = piece.get(shared..).is_some_and(|replaced| replaced < rest);
            require(ascends && shared + rest.len() <= MAX_PIECE, "order or length of the pieces")?;
            piece.truncate(shared);
            piece.extend_from_slice(rest);
            require(std::str::from_utf8(&piece).is_ok(), "a piece is not UTF-8")?;
            self.table.insert(&piece, row);
        }
        Ok(())
    }

    /// Finds the tokens of `text`, in order.
    pub(super) fn tokenize(&self, text: &str, tokens: &mut Tokens) {
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

fn read_piece<'s>(section: &mut &'s [u8]) -> Option<(usize, &'s [u8])> {
    let (&[shared, len], rest) = section.split_first_chunk()?;
    let (piece, rest) = rest.split_at_checked(usize::from(len))?;
    *section = rest;
    Some((usize::from(shared), piece))
}

/// Takes words, and keeps their pieces.
struct Found<'a> {
    pieces: &'a Pieces,
    tokens: &'a mut Tokens,
}

impl Words for Found<'_> {
    #[inline]
    fn short(&mut self, word: Short) {
        let hash = self.pieces.table.fetch(word);
        let queue = &mut self.tokens.queue;
        queue.words[queue.len] = (word, hash);
        queue.len += 1;
        if queue.len == QUEUED {
            self.look_up();
        }
    }

    fn long(&mut self, word: &str) {
        self.look_up();
        let over = self.pieces.rules == TextRules::Uncased
            && word.len() > MAX_UNCASED
            && word.chars().count() > MAX_UNCASED;
        if over {
            self.tokens.unknown += 1;
        } else {
            self.cut_long(word.as_bytes());
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
                None => self.cut_short(word),
            }
        }
    }

    /// The longest pieces of `word`, which is ASCII, from left to right. A character without any
    /// is skipped by rules 1; by rules 2 the whole word is unknown then.
    fn cut_short(&mut self, word: Short) {
        let before = self.tokens.rows.len();
        let (mut rest, mut place) = (word, Place::Start);
        while rest.len() > 0 {
            let piece = self.pieces.table.longest(rest, place);
            if self.take(piece, before) {
                return;
            }
            rest = rest.after(piece.map_or(1, |(_, len)| len));
            place = Place::Inside;
        }
    }

    /// [`cut_short`](Self::cut_short) of any word.
    fn cut_long(&mut self, word: &[u8]) {
        let before = self.tokens.rows.len();
        let (mut rest, mut place) = (word, Place::Start);
        while !rest.is_empty() {
            let piece = self.pieces.table.longest_of(rest, place);
            if self.take(piece, before) {
                return;
            }
            let inside = |byte: &&u8| **byte & 0xC0 == 0x80;
            let character = 1 + rest[1..].iter().take_while(inside).count();
            rest = &rest[piece.map_or(character, |(_, len)| len)..];
            place = Place::Inside;
        }
    }

    /// Takes a piece of a word whose pieces are those after the first `before`; `true` if the
    /// rest of the word does not count.
    #[inline]
    fn take(&mut self, piece: Option<(u32, usize)>, before: usize) -> bool {
        if let Some((row, _)) = piece {
            self.tokens.rows.push(row);
            return false;
        }
        self.tokens.unknown += 1;
        let all = self.pieces.rules == TextRules::Uncased;
        if all {
            self.tokens.rows.truncate(before);
        }
        all
    }
}
