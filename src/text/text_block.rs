//! Splits plain text and Markdown into blocks: paragraphs, headings, list items, table rows, code.

use std::{iter::FusedIterator, ops::Range};

use super::char_class::{is_closer, is_opener, is_terminator};
use super::line_marker::{LineMarker, heading_text, is_delimiter_row, is_fence, is_underline};
use super::unicode::trim;

/// Kind of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    /// Running text.
    Paragraph,
    /// A marked heading, or a short separate line without a terminator.
    Heading,
    /// A list item with its continuation lines.
    Item,
    /// A row of a table.
    Row,
    /// A fenced code block.
    Verbatim,
}

/// A block of text; no sentence crosses its ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TextBlock {
    /// Byte range; not empty, without surrounding white space.
    pub(super) range: Range<usize>,
    pub(super) kind: BlockKind,
}

/// Iterator over the blocks of a text in order; all text between blocks is white space.
#[derive(Clone, Debug)]
pub(super) struct TextBlocks<'t> {
    text: &'t str,
    /// The next line that belongs to no block yet.
    line: SourceLine<'t>,
    /// The line after `line`.
    next_line: SourceLine<'t>,
    /// The line before `line`, unless blank.
    previous_line: Option<SourceLine<'t>>,
    /// Number of the previous list item while a list continues; 0 for bullets.
    list_number: Option<u32>,
    /// Whether to look for fenced code; false after a fence without a closing fence.
    may_be_fenced: bool,
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
}

impl<'t> SourceLine<'t> {
    fn read(text: &'t str, start: usize) -> Self {
        let rest = &text.as_bytes()[start..];
        let len = line_len(rest);
        let newline =
            if rest[len..].starts_with(b"\r\n") { 2 } else { rest.len().min(len + 1) - len };
        let line = &text[trim(text, start..start + len)];
        let body = line.trim_start_matches(['>', ' ']);
        Self { start, next: start + len + newline, body, quoted: line.starts_with('>') }
    }

    fn is_blank(&self) -> bool {
        self.body.is_empty() && !self.quoted
    }

    fn is_end(&self) -> bool {
        self.start == self.next
    }
}

/// Returns the length of the first line of `rest`, in bytes.
///
/// It scans 32 bytes at a time, which compiles to vector instructions.
fn line_len(rest: &[u8]) -> usize {
    let ends = |byte: &u8| *byte == b'\n' || *byte == b'\r';
    let clear =
        rest.chunks(32).take_while(|chunk| !chunk.iter().fold(false, |any, byte| any | ends(byte)));
    let start = rest.len().min(32 * clear.count());
    rest[start..].iter().position(ends).map_or(rest.len(), |len| start + len)
}

impl<'t> TextBlocks<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let line = SourceLine::read(text, 0);
        let next_line = SourceLine::read(text, line.next);
        Self { text, line, next_line, previous_line: None, list_number: None, may_be_fenced: true }
    }

    fn advance(&mut self) {
        self.previous_line = (!self.line.is_blank()).then_some(self.line);
        self.line = self.next_line;
        self.next_line = SourceLine::read(self.text, self.line.next);
    }

    /// Consumes the lines of one block, which starts at the current line.
    fn take_block(&mut self) -> BlockKind {
        if let Some(end) = self.fenced_end() {
            while self.line.start < end {
                self.advance();
            }
            return BlockKind::Verbatim;
        }
        let marker = LineMarker::of(self.line.body);
        let is_heading = marker == LineMarker::Heading || self.is_plain_heading();
        let kind = match marker {
            _ if is_heading => BlockKind::Heading,
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
            (BlockKind::Heading, LineMarker::Heading) | (_, LineMarker::Rule) => return kind,
            (BlockKind::Row, _) => {
                if is_delimiter_row(self.line.body) {
                    self.advance();
                }
                return kind;
            }
            _ => {}
        }
        if is_underline(self.line.body) && kind != BlockKind::Item {
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
            LineMarker::Heading | LineMarker::Row | LineMarker::Rule | LineMarker::Bullet => true,
            LineMarker::Dash => settled || self.list_number.is_some(),
            LineMarker::Number(number) => {
                settled || self.list_number.is_some_and(|last| number == last + 1)
            }
            LineMarker::Text => {
                (self.may_be_fenced && is_fence(body))
                    || (settled && self.is_heading_of_long_line())
            }
        }
    }

    /// Whether the current line is short, has no terminator and is set off like a heading.
    fn is_plain_heading(&self) -> bool {
        if !is_short_title(self.line.body) {
            return false;
        }
        let above = self.previous_line.is_none_or(|previous_line| ends_clause(previous_line.body));
        let alone =
            self.next_line.is_blank() && !self.text[self.next_line.start..].trim_start().is_empty();
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

    /// Returns the end of the fenced code block that begins with the current line, if any.
    fn fenced_end(&mut self) -> Option<usize> {
        if !self.may_be_fenced || !is_fence(self.line.body) {
            return None;
        }
        let fence = &self.line.body[..3];
        let mut line = self.next_line;
        while !line.is_end() {
            if line.body.starts_with(fence) {
                return Some(line.next);
            }
            line = SourceLine::read(self.text, line.next);
        }
        // Scanning again from each later fence would take quadratic time.
        self.may_be_fenced = false;
        None
    }
}

impl Iterator for TextBlocks<'_> {
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
        Some(TextBlock { range, kind })
    }
}

impl FusedIterator for TextBlocks<'_> {}

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

/// Returns the byte range of the text of a heading block, without markers and underline.
pub(super) fn heading_range(text: &str, block: &Range<usize>) -> Range<usize> {
    let block_text = &text[block.clone()];
    let line = SourceLine::read(block_text, 0).body;
    let inner = heading_text(line).unwrap_or(line);
    let start =
        block.start + block_text.find(inner).expect("the heading text is part of its block");
    start..start + inner.len()
}
