//! The word pieces of a model file, and the greedy longest match that finds them in a text.

use super::trie::{Strings, Trie};
use super::words;
use crate::refusal::{Refusal, require};

/// A piece has at most this many bytes, so that a small file cannot ask for much memory.
const MAX_PIECE: usize = 64;

/// Pieces that start a word and pieces that continue one.
///
/// `training/pieces.py` is the same algorithm.
pub(super) struct Pieces {
    starts: Trie,
    continuations: Trie,
}

impl Pieces {
    /// Reads `count` front-coded pieces, of which the first `starts` start a word.
    pub(super) fn read(section: &[u8], starts: u32, count: u32) -> Result<Self, Refusal> {
        let mut rest = section;
        let starting = read_strings(&mut rest, starts)?;
        let continuing = read_strings(&mut rest, count - starts)?;
        require(rest.is_empty(), "length of the vocabulary")?;
        Ok(Self { starts: Trie::new(&starting, 0), continuations: Trie::new(&continuing, starts) })
    }

    /// Calls `take` with each token of `text`, in order: the row of a piece, or `None`
    /// for a character without one; `word` is a buffer.
    pub(super) fn for_each_token(
        &self,
        text: &str,
        word: &mut String,
        mut take: impl FnMut(Option<u32>),
    ) {
        words::for_each_word(text, word, |word| self.match_word(word, &mut take));
    }

    /// The longest pieces from left to right; a character without any is skipped.
    fn match_word(&self, word: &str, take: &mut impl FnMut(Option<u32>)) {
        let mut at = 0;
        while let Some(character) = word[at..].chars().next() {
            let trie = if at == 0 { &self.starts } else { &self.continuations };
            let piece = trie.longest(&word.as_bytes()[at..]);
            take(piece.map(|(row, _)| row));
            at += piece.map_or(character.len_utf8(), |(_, len)| len);
        }
    }
}

/// Takes `count` strings from the front of `section`, in strictly ascending order, each as:
/// bytes shared with the one before, bytes that follow, those bytes.
fn read_strings(section: &mut &[u8], count: u32) -> Result<Strings, Refusal> {
    let mut strings = Strings::default();
    for _ in 0..count {
        let (shared, rest) = read_string(section).ok_or(Refusal::Corrupt("a piece is cut off"))?;
        let last = strings.last();
        let ascends = last.get(shared..).is_some_and(|replaced| replaced < rest);
        require(ascends && shared + rest.len() <= MAX_PIECE, "order or length of the pieces")?;
        strings.push(shared, rest);
        require(std::str::from_utf8(strings.last()).is_ok(), "a piece is not UTF-8")?;
    }
    Ok(strings)
}

fn read_string<'s>(section: &mut &'s [u8]) -> Option<(usize, &'s [u8])> {
    let (&[shared, len], rest) = section.split_first_chunk()?;
    let (string, rest) = rest.split_at_checked(usize::from(len))?;
    *section = rest;
    Some((usize::from(shared), string))
}
