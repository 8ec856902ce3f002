//! The sentences of a text, as byte ranges.

use std::{iter::FusedIterator, ops::Range};

use super::char_class::is_terminator;
use super::enclosure::Enclosure;
use super::guess_language::guess;
use super::sentence_boundary::Terminator;
use super::text_block::{BlockKind, TextBlock, TextBlocks};
use super::unicode::{is_grapheme_boundary, is_space, trim};
use crate::Language;

/// The sentences of `text`, for German and English.
///
/// A sentence ends at a stop that is not part of an abbreviation, number, date,
/// name, address or bracket, and wherever a paragraph, heading, list item or
/// table row ends; a line break inside a paragraph does not end it. Closing
/// quotation marks and brackets belong to the sentence before them. A listing
/// between code fences is one sentence.
///
/// The ranges are in order and do not overlap, are not empty, have no white
/// space (nor byte order mark) at their ends, and begin and end between
/// graphemes; outside of them the text is white space. The time is linear in
/// the length of the text.
///
/// # Examples
///
/// ```
/// let text = "Am 3. Oktober z. B. kam Dr. Weiß. „Bleiben Sie?“, fragte er. Nein!";
/// let sentences: Vec<&str> = passim::sentences(text).map(|range| &text[range]).collect();
/// assert_eq!(
///     sentences,
///     ["Am 3. Oktober z. B. kam Dr. Weiß.", "„Bleiben Sie?“, fragte er.", "Nein!"]
/// );
/// ```
#[must_use]
pub fn sentences(text: &str) -> Sentences<'_> {
    Sentences {
        text,
        blocks: TextBlocks::new(text),
        rest: 0..0,
        splitter: SentenceSplitter::default(),
    }
}

/// Iterator over the byte ranges of sentences; made by [`sentences`].
#[derive(Clone, Debug)]
pub struct Sentences<'t> {
    text: &'t str,
    blocks: TextBlocks<'t>,
    /// What is left of the current block.
    rest: Range<usize>,
    splitter: SentenceSplitter,
}

impl Iterator for Sentences<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            let block = self.blocks.next()?;
            self.rest = block.range.clone();
            self.splitter.enter(self.text, &block);
        }
        Some(self.splitter.split_first(self.text, &mut self.rest))
    }
}

impl FusedIterator for Sentences<'_> {}

/// Splits blocks into sentences; remembers the language from block to block.
#[derive(Clone, Debug, Default)]
pub(super) struct SentenceSplitter {
    /// Whether the current block is one sentence whatever it holds.
    whole: bool,
    /// Where the current block starts, until its language was asked for.
    unread: Option<usize>,
    /// The language last guessed, if one was.
    language: Option<Language>,
}

impl SentenceSplitter {
    /// Begins with `block` of `text`.
    pub(super) fn enter(&mut self, text: &str, block: &TextBlock) {
        debug_assert!(block.range.end <= text.len());
        self.whole = matches!(block.kind, BlockKind::Heading | BlockKind::Verbatim);
        self.unread = Some(block.range.start);
    }

    /// Takes the first sentence off `rest`, the rest of the current block.
    pub(super) fn split_first(&mut self, text: &str, rest: &mut Range<usize>) -> Range<usize> {
        let start = rest.start;
        let end = if self.whole { rest.end } else { self.first_end(text, rest) };
        let sentence = trim(text, start..end);
        rest.start = trim(text, end..rest.end).start;
        sentence
    }

    /// Where the first sentence of `rest` ends.
    fn first_end(&mut self, text: &str, rest: &Range<usize>) -> usize {
        let block = &text[..rest.end];
        let body = &block[rest.start..];
        // A sentence holds a letter or digit: stops before the first of them end nothing.
        let Some(mut at) = body.find(char::is_alphanumeric) else { return rest.end };
        let mut asides = Enclosure::default();
        while let Some(found) = next_mark(body.as_bytes(), at) {
            if !body[found..].starts_with(is_terminator) {
                asides.open(body, found);
                at = body.ceil_char_boundary(found + 1);
                continue;
            }
            let mut stop = Terminator::read(body, found);
            let place = asides.place(found, stop.end);
            if stop.ends_sentence(place, || self.language(block)) && splits_at(body, stop.end) {
                return rest.start + stop.end;
            }
            at = stop.marks_end;
        }
        rest.end
    }

    /// The language of `block`, which begins where the text does and ends where the block ends.
    fn language(&mut self, block: &str) -> Language {
        if let Some(start) = self.unread.take() {
            self.language = guess(&block[start..]).or(self.language);
        }
        self.language.unwrap_or(Language::German)
    }
}

/// Whether a sentence can end at `end` of `text` without cutting a grapheme, there or where the next begins.
fn splits_at(text: &str, end: usize) -> bool {
    let next = text.len() - text[end..].trim_start_matches(is_space).len();
    is_grapheme_boundary(text, end) && is_grapheme_boundary(text, next)
}

/// The next byte from `at` on that can begin a stop, an opening bracket or a quotation mark.
fn next_mark(bytes: &[u8], at: usize) -> Option<usize> {
    bytes[at..].iter().position(|byte| MARKS[usize::from(*byte)]).map(|len| at + len)
}

/// The bytes that [`next_mark`] finds: ASCII ones, and the first bytes of the others.
const MARKS: [bool; 256] = {
    let mut marks = [false; 256];
    let bytes = *b".!?([\"\xC2\xD6\xD8\xDB\xE0\xE2\xE3\xEF";
    let mut at = 0;
    while at < bytes.len() {
        marks[bytes[at] as usize] = true;
        at += 1;
    }
    marks
};
