//! Brackets and quotations inside a sentence: a terminator within them does not end the sentence.

use super::char_class::is_opener;
use super::unicode::is_space;

/// The last bracketed or quoted span of the current sentence.
#[derive(Debug, Default)]
pub(super) struct Enclosure {
    /// End of the span, in bytes.
    end: usize,
    /// Brackets that open before this offset are known to have no closing bracket.
    unclosed_until: usize,
}

/// Position of a terminator relative to the current enclosure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TerminatorPlace {
    /// Outside any enclosure.
    Outside,
    /// Inside an enclosure.
    Inside,
    /// At the end of an enclosure.
    AtEnd,
}

impl Enclosure {
    /// Maximum length of a bracketed span, in bytes.
    const MAX_BRACKETED: usize = 400;

    /// Maximum length of a quoted span, in bytes; longer quotations are split into sentences.
    const MAX_QUOTED: usize = 100;

    /// Records the bracket or quotation mark at byte `at`, which follows the sentence's first word.
    pub(super) fn open(&mut self, text: &str, at: usize) {
        if at < self.end {
            return;
        }
        match text.as_bytes()[at] {
            b'(' | b'[' if at < self.unclosed_until => {}
            b'(' | b'[' => match bracket_end(text.as_bytes(), at) {
                Some(end) => self.end = end,
                None => self.unclosed_until = at + Self::MAX_BRACKETED,
            },
            _ => self.end = quote_end(text, at).unwrap_or(self.end),
        }
    }

    /// Classifies the terminator at `at..end`, closing marks included.
    pub(super) fn place(&self, at: usize, end: usize) -> TerminatorPlace {
        if at >= self.end {
            TerminatorPlace::Outside
        } else if end < self.end {
            TerminatorPlace::Inside
        } else {
            TerminatorPlace::AtEnd
        }
    }
}

/// Returns the end of the bracketed span that opens at `at`, allowing nested brackets.
fn bracket_end(bytes: &[u8], at: usize) -> Option<usize> {
    let open = bytes[at];
    let close = if open == b'(' { b')' } else { b']' };
    let mut depth = 0;
    for (len, byte) in bytes[at..].iter().take(Enclosure::MAX_BRACKETED).enumerate() {
        if *byte == open {
            depth += 1;
        } else if *byte == close {
            depth -= 1;
            if depth == 0 {
                return Some(at + len + 1);
            }
        }
    }
    None
}

/// Returns the end of the short quotation that opens at `at`, if the sentence continues after it.
///
/// A quotation after a colon is direct speech, which is split into sentences.
fn quote_end(text: &str, at: usize) -> Option<usize> {
    let before = &text[..at];
    if !before.ends_with(|c| is_space(c) || is_opener(c))
        || before.trim_end_matches(is_space).ends_with(':')
    {
        return None;
    }
    let mut chars = text[at..].chars();
    let closes: &[char] = match chars.next()? {
        '„' => &['“', '”'],
        '“' => &['”'],
        '»' => &['«'],
        '«' => &['»'],
        '"' => &['"'],
        _ => return None,
    };
    let inner = chars.as_str();
    let window = &inner[..inner.floor_char_boundary(Enclosure::MAX_QUOTED)];
    let close = window.find(closes)?;
    let after = inner[close..].trim_start_matches(closes);
    let continues = after.starts_with(is_space)
        && after.trim_start_matches(is_space).starts_with(char::is_lowercase);
    continues.then(|| text.len() - after.len())
}
