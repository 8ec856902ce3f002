//! Splits a text into sentences, returned as byte ranges.

use std::{iter::FusedIterator, ops::Range};

use super::char_class::is_terminator;
use super::enclosure::Enclosure;
use super::guess_language::guess;
use super::sentence_boundary::Terminator;
use super::text_block::{BlockKind, TextBlock, TextBlocks};
use super::unicode::{is_grapheme_boundary, is_space, trim};
use crate::{Markup, language::AnalyzedLanguage};

/// Splits `text` into sentences by the rules of German and English.
///
/// A sentence ends at a terminator that is not part of an abbreviation, number, date, name,
/// address or bracket. It also ends where a paragraph, heading, list item or table row ends; a
/// line break inside a paragraph does not end it. Closing quotation marks and brackets belong to
/// the sentence before them. Markdown is not read: see [`markdown_sentences`].
///
/// The ranges are ordered, disjoint and non-empty, and start and end at grapheme boundaries.
/// They have no white space or byte order mark at their ends, and all text between them is white
/// space. The time is linear in the length of the text.
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
    sentences_of(text, Markup::Plain)
}

/// Splits the Markdown text `text` into sentences, like [`sentences`].
///
/// A heading, a table's header row and a code block are one sentence each. Front matter, comments,
/// tags without text, thematic breaks and link definitions belong to no sentence.
///
/// # Examples
///
/// ```
/// let text = "# Moore\n\n<!-- Entwurf -->\nSie speichern Wasser. Sie wachsen.";
/// let sentences: Vec<&str> =
///     passim::markdown_sentences(text).map(|range| &text[range]).collect();
/// assert_eq!(sentences, ["# Moore", "Sie speichern Wasser.", "Sie wachsen."]);
/// ```
#[must_use]
pub fn markdown_sentences(text: &str) -> Sentences<'_> {
    sentences_of(text, Markup::Markdown)
}

/// Splits `text`, which is marked up as `markup`, into sentences.
pub(crate) fn sentences_of(text: &str, markup: Markup) -> Sentences<'_> {
    Sentences {
        text,
        blocks: TextBlocks::new(text, markup),
        rest: 0..0,
        splitter: SentenceSplitter::default(),
    }
}

/// Iterator over the byte ranges of sentences, returned by [`sentences`] and [`markdown_sentences`].
#[derive(Clone, Debug)]
pub struct Sentences<'t> {
    text: &'t str,
    blocks: TextBlocks<'t>,
    /// Remainder of the current block.
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

/// Splits blocks into sentences and keeps the guessed language from block to block.
#[derive(Clone, Debug, Default)]
pub(super) struct SentenceSplitter {
    /// Whether the current block is a single sentence.
    is_whole: bool,
    /// Start of the current block until its language is guessed.
    unguessed_start: Option<usize>,
    /// The last guessed language.
    language: Option<AnalyzedLanguage>,
}

impl SentenceSplitter {
    /// Starts with `block` of `text`.
    pub(super) fn enter(&mut self, text: &str, block: &TextBlock) {
        debug_assert!(block.range.end <= text.len());
        self.is_whole =
            matches!(block.kind, BlockKind::Heading | BlockKind::TableHeader | BlockKind::Verbatim);
        self.unguessed_start = Some(block.range.start);
    }

    /// Removes the first sentence from `rest`, the remainder of the current block.
    pub(super) fn split_first(&mut self, text: &str, rest: &mut Range<usize>) -> Range<usize> {
        let start = rest.start;
        let end = if self.is_whole { rest.end } else { self.first_end(text, rest) };
        let sentence = trim(text, start..end);
        rest.start = trim(text, end..rest.end).start;
        sentence
    }

    /// Returns the end of the first sentence of `rest`.
    fn first_end(&mut self, text: &str, rest: &Range<usize>) -> usize {
        let block = &text[..rest.end];
        let body = &block[rest.start..];
        // A sentence holds a letter or digit: terminators before the first one do not end it.
        let Some(mut at) = body.find(char::is_alphanumeric) else { return rest.end };
        let mut enclosure = Enclosure::default();
        while let Some(found) = next_mark(body.as_bytes(), at) {
            if !body[found..].starts_with(is_terminator) {
                enclosure.open(body, found);
                at = body.ceil_char_boundary(found + 1);
                continue;
            }
            let mut terminator = Terminator::read(body, found);
            let place = enclosure.place(found, terminator.end);
            if terminator.ends_sentence(place, &mut || self.language(block))
                && splits_at(body, terminator.end)
            {
                return rest.start + terminator.end;
            }
            at = terminator.marks_end;
        }
        rest.end
    }

    /// Guesses the language of the current block; `text` ends where the block ends.
    fn language(&mut self, text: &str) -> AnalyzedLanguage {
        if let Some(start) = self.unguessed_start.take() {
            self.language = guess(&text[start..]).or(self.language);
        }
        self.language.unwrap_or(AnalyzedLanguage::German)
    }
}

/// Whether `end` and the start of the next sentence are both grapheme boundaries of `text`.
fn splits_at(text: &str, end: usize) -> bool {
    let next = text.len() - text[end..].trim_start_matches(is_space).len();
    is_grapheme_boundary(text, end) && is_grapheme_boundary(text, next)
}

/// Returns the next byte from `at` on that can start a terminator, opening bracket or quotation mark.
fn next_mark(bytes: &[u8], at: usize) -> Option<usize> {
    bytes[at..].iter().position(|byte| MARKS[usize::from(*byte)]).map(|len| at + len)
}

/// Bytes that [`next_mark`] finds: ASCII marks, and the lead bytes of all others in UTF-8.
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
