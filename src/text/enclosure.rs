//! Brackets and quotations that a sentence goes around, so that stops inside of them do not end it.

use super::char_class::is_opener;
use super::unicode::is_space;

/// The last aside of the current sentence.
#[derive(Debug, Default)]
pub(super) struct Enclosure {
    /// Where it ends.
    end: usize,
    /// Up to here it is known that a bracket does not close.
    unclosed: usize,
}

/// How the place of a stop bears on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TerminatorPlace {
    /// In the sentence itself.
    Outside,
    /// In an aside.
    Inside,
    /// Last in an aside.
    AtEnd,
}

impl Enclosure {
    /// Longest content of brackets that is taken for an aside, in bytes.
    const LONGEST: usize = 400;

    /// Longest quotation that is taken for one; in a longer one sentences are parted.
    const LONGEST_QUOTE: usize = 100;

    /// Notes the bracket or quotation mark at `at` of `text`, which is after the first word of the sentence.
    pub(super) fn open(&mut self, text: &str, at: usize) {
        if at < self.end {
            return;
        }
        match text.as_bytes()[at] {
            b'(' | b'[' if at < self.unclosed => {}
            b'(' | b'[' => match bracket_end(text.as_bytes(), at) {
                Some(end) => self.end = end,
                None => self.unclosed = at + Self::LONGEST,
            },
            _ => self.end = quote_end(text, at).unwrap_or(self.end),
        }
    }

    /// Where the stop from `at` to `end` is, its closing marks counted with it.
    pub(super) fn place(&self, at: usize, end: usize) -> TerminatorPlace {
        match at < self.end {
            false => TerminatorPlace::Outside,
            true if end < self.end => TerminatorPlace::Inside,
            true => TerminatorPlace::AtEnd,
        }
    }
}

/// Where the bracket that opens at `at` is closed, brackets inside of it passed over.
fn bracket_end(bytes: &[u8], at: usize) -> Option<usize> {
    let (open, close) = if bytes[at] == b'(' { (b'(', b')') } else { (b'[', b']') };
    let mut depth = 0;
    for (len, byte) in bytes[at..].iter().take(Enclosure::LONGEST).enumerate() {
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

/// Where the short quotation ends that opens at `at`, if the sentence goes on after it
/// and it is not announced by a colon, as speech is.
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
    let window = &inner[..inner.floor_char_boundary(Enclosure::LONGEST_QUOTE)];
    let close = window.find(closes)?;
    let after = inner[close..].trim_start_matches(closes);
    let goes_on = after.starts_with(is_space)
        && after.trim_start_matches(is_space).starts_with(char::is_lowercase);
    goes_on.then(|| text.len() - after.len())
}
