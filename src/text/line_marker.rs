//! Markers of a line: list items, table rows, rules, underlines, bold lines.

use super::char_class::{is_dash, is_terminator};
use super::word_class::WordClass;

/// Markup at the start of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineMarker {
    /// `|`: a table row.
    Row,
    /// `---` or `***`: a thematic break.
    Rule,
    /// `- `, `* `, `+ ` or `• `: a list item.
    Bullet,
    /// `– ` or `— `: a list item, direct speech, or a wrapped sentence.
    Dash,
    /// `2. `, `1.2 `, `2) `, `(b) `: a list item or a wrapped sentence; holds the last number.
    Number(u32),
    /// No marker.
    Text,
}

impl LineMarker {
    pub(super) fn of(line: &str) -> Self {
        match line.as_bytes() {
            [b'|', ..] => Self::Row,
            [b'-' | b'*' | b'_' | b'=', ..] if is_rule(line) => Self::Rule,
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

/// Returns the text of a line that is bold as a whole, without `**` and a colon after it.
pub(super) fn bold_text(line: &str) -> Option<&str> {
    let inner = line.strip_prefix("**")?.trim_end_matches(':').strip_suffix("**")?;
    (!inner.is_empty() && !inner.contains("**") && !inner.ends_with(is_terminator)).then_some(inner)
}

/// Returns the last number of `1.`, `1.2`, `1)` or `(1)`, or the position of the letter of `a)` or `(a)`.
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

/// Whether `line` is a thematic break: three or more equal characters of `-`, `*`, `_`, `=`, spaces allowed.
fn is_rule(line: &str) -> bool {
    let Some(first) = line.bytes().next() else { return false };
    line.len() >= 3
        && line.bytes().all(|byte| byte == first || byte == b' ')
        && line.bytes().filter(|byte| *byte == first).count() >= 3
}

/// Whether `line` is the underline of a setext heading.
pub(super) fn is_underline(line: &str) -> bool {
    line.len() >= 3
        && (line.bytes().all(|byte| byte == b'=') || line.bytes().all(|byte| byte == b'-'))
}

/// Whether `line` is a table delimiter row, `|---|---|`.
pub(super) fn is_delimiter_row(line: &str) -> bool {
    line.starts_with('|') && line.bytes().all(|byte| matches!(byte, b'|' | b'-' | b':' | b' '))
}
