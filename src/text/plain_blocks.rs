//! Splits plain text into blocks by its layout: paragraphs, headings, list items, table rows.

use std::{iter::FusedIterator, ops::Range};

use super::char_class::{is_closer, is_opener, is_terminator};
use super::line_marker::{LineMarker, is_delimiter_row, is_underline};
use super::text_block::{BlockKind, TextBlock};
use super::unicode::trim;

/// Iterator over the blocks of a plain text in order; all text between blocks is white space.
#[derive(Clone, Debug)]
pub(super) struct PlainBlocks<'t> {
    text: &'t str,
    /// The next line that belongs to no block yet.
    line: SourceLine<'t>,
    /// The line after `line`.
    next_line: SourceLine<'t>,
    /// The line before `line`, unless it is blank or ends its paragraph.
    previous_line: Option<SourceLine<'t>>,
    /// Number of the previous list item while a list continues; 0 for bullets.
    list_number: Option<u32>,
}

/// A line of a text.
#[derive(Clone, Copy, Debug)]
struct SourceLine<'t> {
    /// Start of the line, in bytes.
    start: usize,
    /// Start of the next line.
    next: usize,
    /// The line without surrounding white space and quote markers (`>`).
    body: &'t str,
    /// Whether the line has quote markers.
    quoted: bool,
    /// Whether a form feed or a Unicode separator ends the line, and its paragraph with it.
    ends_paragraph: bool,
}

impl<'t> SourceLine<'t> {
    fn read(text: &'t str, start: usize) -> Self {
        let rest = &text.as_bytes()[start..];
        let len = line_len(rest);
        let end = line_end(&rest[len..]);
        let line = &text[trim(text, start..start + len)];
        Self {
            start,
            next: start + len + end.map_or(0, LineEnd::len),
            body: line.trim_start_matches(['>', ' ']),
            quoted: line.starts_with('>'),
            ends_paragraph: matches!(end, Some(LineEnd::Paragraph { .. })),
        }
    }

    fn is_blank(&self) -> bool {
        self.body.is_empty() && !self.quoted
    }

    fn is_end(&self) -> bool {
        self.start == self.next
    }
}

/// The end of a line.
#[derive(Clone, Copy)]
enum LineEnd {
    /// A line feed, a carriage return, or both.
    Line { len: usize },
    /// A form feed, U+0085, U+2028 or U+2029.
    Paragraph { len: usize },
}

impl LineEnd {
    /// Its length in bytes.
    fn len(self) -> usize {
        let (Self::Line { len } | Self::Paragraph { len }) = self;
        len
    }
}

/// Returns the line end that `rest` starts with, if any.
fn line_end(rest: &[u8]) -> Option<LineEnd> {
    Some(match rest {
        [b'\r', b'\n', ..] => LineEnd::Line { len: 2 },
        [b'\n' | b'\r', ..] => LineEnd::Line { len: 1 },
        [b'\x0C', ..] => LineEnd::Paragraph { len: 1 },
        [0xC2, 0x85, ..] => LineEnd::Paragraph { len: 2 },
        [0xE2, 0x80, 0xA8 | 0xA9, ..] => LineEnd::Paragraph { len: 3 },
        _ => return None,
    })
}

/// Returns the length of the first line of `rest`, in bytes.
///
/// It scans 32 bytes at a time, which compiles to vector instructions.
fn line_len(rest: &[u8]) -> usize {
    let may_end = |byte: &u8| matches!(*byte, b'\n' | b'\r' | b'\x0C' | 0xC2 | 0xE2);
    let mut start = 0;
    while let Some(window) = rest.get(start..).filter(|window| !window.is_empty()) {
        let window = &window[..window.len().min(32)];
        if window.iter().fold(false, |any, byte| any | may_end(byte)) {
            let mut ends = start..start + window.len();
            if let Some(end) = ends.find(|at| line_end(&rest[*at..]).is_some()) {
                return end;
            }
        }
        start += window.len();
    }
    rest.len()
}

impl<'t> PlainBlocks<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let line = SourceLine::read(text, 0);
        let next_line = SourceLine::read(text, line.next);
        Self { text, line, next_line, previous_line: None, list_number: None }
    }

    fn advance(&mut self) {
        let continues = !self.line.is_blank() && !self.line.ends_paragraph;
        self.previous_line = continues.then_some(self.line);
        self.line = self.next_line;
        self.next_line = SourceLine::read(self.text, self.line.next);
    }

    /// Consumes the lines of one block, which starts at the current line.
    fn take_block(&mut self) -> BlockKind {
        let marker = LineMarker::of(self.line.body);
        let kind = match marker {
            _ if self.is_heading() => BlockKind::Heading,
            LineMarker::Row => BlockKind::Row,
            LineMarker::Bullet | LineMarker::Dash | LineMarker::Number(_) => BlockKind::Item,
            _ => BlockKind::Paragraph,
        };
        self.list_number = match marker {
            LineMarker::Number(number) => Some(number),
            LineMarker::Bullet | LineMarker::Dash => Some(0),
            _ => None,
        };
        self.advance();
        match (kind, marker) {
            (_, LineMarker::Rule) => return kind,
            (BlockKind::Row, _) => {
                if is_delimiter_row(self.line.body) {
                    self.advance();
                }
                return kind;
            }
            _ => {}
        }
        let is_underlined = self.previous_line.is_some() && is_underline(self.line.body);
        if is_underlined && kind != BlockKind::Item {
            self.advance();
            return BlockKind::Heading;
        }
        if kind != BlockKind::Heading {
            while !self.line.is_blank() && !self.begins_block() {
                self.advance();
            }
        }
        kind
    }

    /// Whether the current line begins a block although the previous line is not blank.
    fn begins_block(&self) -> bool {
        let Some(previous_line) = self.previous_line else { return true };
        let body = self.line.body;
        if body.is_empty() || previous_line.quoted != self.line.quoted {
            return true;
        }
        // A number or dash may be wrapped to the start of a line in mid-sentence.
        let settled = ends_clause(previous_line.body);
        match LineMarker::of(body) {
            LineMarker::Row | LineMarker::Rule | LineMarker::Bullet => true,
            LineMarker::Dash => settled || self.list_number.is_some(),
            LineMarker::Number(number) => {
                settled || self.list_number.is_some_and(|last| number == last + 1)
            }
            LineMarker::Text => settled && self.is_heading_of_long_line(),
        }
    }

    /// Whether the current line is short, has no terminator and is set off like a heading.
    fn is_heading(&self) -> bool {
        if !is_short_title(self.line.body) {
            return false;
        }
        let above = self.previous_line.is_none_or(|previous_line| ends_clause(previous_line.body));
        let set_off = self.next_line.is_blank() || self.line.ends_paragraph;
        let alone = set_off && !self.text[self.next_line.start..].trim_start().is_empty();
        above && (alone || self.is_heading_of_long_line())
    }

    /// Whether the current line is the heading of a paragraph in one long line.
    ///
    /// Text with lines this long is not wrapped, so a short line is complete.
    fn is_heading_of_long_line(&self) -> bool {
        let next = self.next_line.body;
        is_short_title(self.line.body)
            && next.len() > 2 * MAX_TITLE_BYTES
            && next.starts_with(|c: char| c.is_uppercase() || c.is_numeric() || is_opener(c))
    }
}

impl Iterator for PlainBlocks<'_> {
    type Item = TextBlock;

    fn next(&mut self) -> Option<TextBlock> {
        while self.line.is_blank() {
            if self.line.is_end() {
                return None;
            }
            self.advance();
        }
        let start = self.line.start;
        let kind = self.take_block();
        let range = trim(self.text, start..self.line.start);
        let heading = (kind == BlockKind::Heading).then(|| title_range(self.text, &range));
        Some(TextBlock { range, kind, heading })
    }
}

impl FusedIterator for PlainBlocks<'_> {}

/// Maximum length of an unmarked heading, in bytes.
const MAX_TITLE_BYTES: usize = 80;

/// Whether a line ends with a terminator or colon, so that the next line may begin a block.
fn ends_clause(line: &str) -> bool {
    line.trim_end_matches(is_closer).ends_with(|c| is_terminator(c) || c == ':')
}

/// Whether a line may be a heading: short, capitalized or numbered, without a terminator.
fn is_short_title(line: &str) -> bool {
    line.len() <= MAX_TITLE_BYTES
        && line
            .trim_start_matches(is_opener)
            .starts_with(|c: char| c.is_uppercase() || c.is_numeric())
        && line.contains(char::is_alphabetic)
        && !ends_clause(line)
        && !line.ends_with([',', ';', '-', '–', '—'])
}

/// Returns the byte range of the first line of a heading without quote markers and underline.
fn title_range(text: &str, block: &Range<usize>) -> Range<usize> {
    let block_text = &text[block.clone()];
    let title = SourceLine::read(block_text, 0).body;
    let start = block.start + block_text.find(title).expect("the title is part of its block");
    start..start + title.len()
}
