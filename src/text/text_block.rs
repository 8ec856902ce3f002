//! The blocks of a text: paragraphs, headings, list items, table rows and listings, in plain text and Markdown.

use std::{iter::FusedIterator, ops::Range};

use super::char_class::{is_closer, is_dash, is_opener, is_terminator};
use super::unicode::trim;
use super::word_class::WordClass;

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    /// Lines of running text.
    Paragraph,
    /// A line that is marked as a heading, or that stands alone, is short and has no stop.
    Heading,
    /// A list item with its continuation lines.
    Item,
    /// A row of a table.
    Row,
    /// A listing between fences.
    Verbatim,
}

/// A block that no sentence goes across.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TextBlock {
    /// Where it is; not empty, without surrounding white space.
    pub(super) range: Range<usize>,
    /// What it is.
    pub(super) kind: BlockKind,
}

/// The blocks of a text, in order; outside of them it is white space.
#[derive(Clone, Debug)]
pub(super) struct TextBlocks<'t> {
    text: &'t str,
    /// The next line that is in no block yet.
    line: SourceLine<'t>,
    /// The line after it.
    ahead: SourceLine<'t>,
    /// The line before, if there is no blank line between.
    behind: Option<SourceLine<'t>>,
    /// NumberShape of the list item before, if a list goes on here.
    list: Option<u32>,
    /// Whether a fence can have a closing one; false once one had none.
    fenced: bool,
}

/// A line of a text.
#[derive(Clone, Copy, Debug)]
struct SourceLine<'t> {
    /// Where the line starts.
    start: usize,
    /// Where the next line starts.
    next: usize,
    /// The line without white space at its ends and without marks of quotation (`>`).
    body: &'t str,
    /// Whether it had marks of quotation.
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

/// Length of the first line of `rest`. It goes by stretches, which the compiler turns into vector code.
fn line_len(rest: &[u8]) -> usize {
    let ends = |byte: &u8| *byte == b'\n' || *byte == b'\r';
    let clear = rest
        .chunks(32)
        .take_while(|stretch| !stretch.iter().fold(false, |any, byte| any | ends(byte)));
    let start = rest.len().min(32 * clear.count());
    rest[start..].iter().position(ends).map_or(rest.len(), |len| start + len)
}

impl<'t> TextBlocks<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let line = SourceLine::read(text, 0);
        let ahead = SourceLine::read(text, line.next);
        Self { text, line, ahead, behind: None, list: None, fenced: true }
    }

    fn advance(&mut self) {
        self.behind = (!self.line.is_blank()).then_some(self.line);
        self.line = self.ahead;
        self.ahead = SourceLine::read(self.text, self.line.next);
    }

    /// Takes the lines of one block; the current line is its first.
    fn take_block(&mut self) -> BlockKind {
        if let Some(end) = self.listing_end() {
            while self.line.start < end {
                self.advance();
            }
            return BlockKind::Verbatim;
        }
        let mark = LineMarker::of(self.line.body);
        let heading = mark == LineMarker::Heading || self.is_plain_heading();
        let kind = match mark {
            _ if heading => BlockKind::Heading,
            LineMarker::Row => BlockKind::Row,
            LineMarker::Bullet | LineMarker::Dash | LineMarker::Number(_) => BlockKind::Item,
            _ => BlockKind::Paragraph,
        };
        self.list = match mark {
            LineMarker::Number(number) => Some(number),
            LineMarker::Bullet | LineMarker::Dash => Some(0),
            _ => None,
        };
        self.advance();
        match (kind, mark) {
            (BlockKind::Heading, LineMarker::Heading) | (_, LineMarker::Rule) => return kind,
            (BlockKind::Row, _) => {
                if is_row_rule(self.line.body) {
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

    /// Whether the current line begins a block although the one before is not blank.
    fn begins_block(&self) -> bool {
        let Some(behind) = self.behind else { return true };
        let body = self.line.body;
        if body.is_empty() || behind.quoted != self.line.quoted {
            return true;
        }
        // A number or dash can also be wrapped to the start of a line in mid-sentence.
        let settled = ends_clause(behind.body);
        match LineMarker::of(body) {
            LineMarker::Heading | LineMarker::Row | LineMarker::Rule | LineMarker::Bullet => true,
            LineMarker::Dash => settled || self.list.is_some(),
            LineMarker::Number(number) => {
                settled || self.list.is_some_and(|last| number == last + 1)
            }
            LineMarker::Text => {
                (self.fenced && is_fence(body)) || (settled && self.is_heading_of_long_line())
            }
        }
    }

    /// Whether the current line is short, has no stop and is set off as a heading is.
    fn is_plain_heading(&self) -> bool {
        if !is_short_title(self.line.body) {
            return false;
        }
        let above = self.behind.is_none_or(|behind| ends_clause(behind.body));
        let alone = self.ahead.is_blank() && !self.text[self.ahead.start..].trim_start().is_empty();
        above && (alone || self.is_heading_of_long_line())
    }

    /// Whether the current line stands above one that is a paragraph of its own:
    /// a line this short is not wrapped if the next is this long.
    fn is_heading_of_long_line(&self) -> bool {
        let next = self.ahead.body;
        is_short_title(self.line.body)
            && next.len() > 2 * MAX_TITLE_BYTES
            && next.starts_with(|c: char| c.is_uppercase() || c.is_numeric() || is_opener(c))
    }

    /// Where the listing ends that begins with the current line, if one does.
    fn listing_end(&mut self) -> Option<usize> {
        if !self.fenced || !is_fence(self.line.body) {
            return None;
        }
        let fence = &self.line.body[..3];
        let mut line = self.ahead;
        while !line.is_end() {
            if line.body.starts_with(fence) {
                return Some(line.next);
            }
            line = SourceLine::read(self.text, line.next);
        }
        // Looking again at each later fence would take quadratic time.
        self.fenced = false;
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

/// Longest heading that is not marked as one, in bytes.
const MAX_TITLE_BYTES: usize = 80;

/// What the beginning of a line shows about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineMarker {
    /// `# ` to `###### `, or a line all in bold.
    Heading,
    /// `|`, a table row.
    Row,
    /// `---` or `***`, a rule.
    Rule,
    /// `- `, `* `, `+ ` or `• `, a list item.
    Bullet,
    /// `– ` or `— `, a list item, speech or the middle of a sentence.
    Dash,
    /// `2. `, `1.2 `, `2) `, `(b) `, a list item or the middle of a sentence.
    Number(u32),
    /// None of these.
    Text,
}

impl LineMarker {
    fn of(line: &str) -> Self {
        match line.as_bytes() {
            [b'#', ..] => heading_text(line).map_or(Self::Text, |_| Self::Heading),
            [b'|', ..] => Self::Row,
            [b'-' | b'*' | b'_' | b'=', ..] if is_rule(line) => Self::Rule,
            [b'*', b'*', ..] if heading_text(line).is_some() => Self::Heading,
            [b'-' | b'*' | b'+', b' ' | b'\t', ..] => Self::Bullet,
            [b'(' | b'0'..=b'9' | b'a'..=b'z', ..] => number(line).map_or(Self::Text, Self::Number),
            [0x80..=0xFF, ..] => match line.split_once([' ', '\t', '\u{A0}']) {
                Some(("•" | "◦" | "▪" | "‣" | "·", _)) => Self::Bullet,
                Some((dash, _)) if dash.chars().all(is_dash) => Self::Dash,
                _ => Self::Text,
            },
            _ => Self::Text,
        }
    }
}

/// The text of a line that Markdown marks as a heading, without its marks.
fn heading_text(line: &str) -> Option<&str> {
    if let Some(bold) = line.strip_prefix("**") {
        let inner = bold.trim_end_matches(':').strip_suffix("**")?;
        return (!inner.is_empty() && !inner.contains("**") && !inner.ends_with(is_terminator))
            .then_some(inner);
    }
    let marked = line.trim_start_matches('#');
    let level = line.len() - marked.len();
    let inner = marked.trim_end_matches('#').trim();
    ((1..=6).contains(&level) && marked.starts_with([' ', '\t']) && !inner.is_empty())
        .then_some(inner)
}

/// The last number of `1.`, `1.2`, `1)`, `(1)`, or that of the letter of `a)`, `(a)`.
fn number(line: &str) -> Option<u32> {
    let (label, rest) = line.split_once([' ', '\t'])?;
    let inner = label.strip_prefix('(').unwrap_or(label);
    let bracketed = inner.strip_suffix(')');
    let inner = bracketed.unwrap_or(inner);
    if let [letter @ b'a'..=b'z'] = inner.as_bytes() {
        return bracketed.map(|_| u32::from(letter - b'a') + 1);
    }
    let numbers = inner.strip_suffix('.').unwrap_or(inner);
    let dotted = inner.len() > numbers.len() || (bracketed.is_none() && numbers.contains('.'));
    if label.len() > 8
        || !(dotted || bracketed.is_some())
        || (label.starts_with('(') && bracketed.is_none())
    {
        return None;
    }
    let month = rest
        .split(|c: char| !c.is_alphabetic())
        .next()
        .is_some_and(|word| WordClass::AfterOrdinal.contains(word));
    let mut parts = numbers.split('.').map(|part| part.parse().ok().filter(|_| part.len() <= 3));
    let last = parts.next_back()?;
    if month || parts.any(|part: Option<u32>| part.is_none()) { None } else { last }
}

/// Three or more of the same of `-`, `*`, `_` and `=`, also with spaces between.
fn is_rule(line: &str) -> bool {
    let Some(first) = line.bytes().next() else { return false };
    line.len() >= 3
        && line.bytes().all(|byte| byte == first || byte == b' ')
        && line.bytes().filter(|byte| *byte == first).count() >= 3
}

/// The second line of a heading that Markdown calls setext.
fn is_underline(line: &str) -> bool {
    line.len() >= 3
        && (line.bytes().all(|byte| byte == b'=') || line.bytes().all(|byte| byte == b'-'))
}

/// The row `|---|---|` under the head of a table.
fn is_row_rule(line: &str) -> bool {
    line.starts_with('|') && line.bytes().all(|byte| matches!(byte, b'|' | b'-' | b':' | b' '))
}

fn is_fence(line: &str) -> bool {
    line.starts_with("```") || line.starts_with("~~~")
}

/// Whether a line ends with a stop or colon, so that the next may begin something new.
fn ends_clause(line: &str) -> bool {
    line.trim_end_matches(is_closer).ends_with(|c| is_terminator(c) || c == ':')
}

/// Whether a line can be a heading: short, begun like one, without a stop.
fn is_short_title(line: &str) -> bool {
    line.len() <= MAX_TITLE_BYTES
        && line
            .trim_start_matches(is_opener)
            .starts_with(|c: char| c.is_uppercase() || c.is_numeric())
        && line.contains(char::is_alphabetic)
        && !ends_clause(line)
        && !line.ends_with([',', ';', '-', '–', '—'])
}

/// The part of a heading block that is its text, without marks and underline.
pub(super) fn heading_range(text: &str, block: &Range<usize>) -> Range<usize> {
    let block_text = &text[block.clone()];
    let line = SourceLine::read(block_text, 0).body;
    let inner = heading_text(line).unwrap_or(line);
    let start = block.start + block_text.find(inner).unwrap_or_default();
    start..start + inner.len()
}
