//! Citation markers: the form of the numbers that name the excerpts of a context.

use std::ops::Range;

use serde::Serialize;

use crate::{Error, Result};

/// Maximum number of excerpts that a range such as `[1-3]` names.
const MAX_RANGE: usize = 64;
/// Maximum number of bytes between the brackets of a marker.
const MAX_INSIDE: usize = 256;

/// The form of the numbers that name the excerpts of a [`Context`](crate::Context): a number between
/// two brackets, `[1]` by default.
///
/// # Examples
///
/// ```
/// use passim::CitationMarkers;
///
/// let markers = CitationMarkers::new("[^", "]")?; // notes of Markdown
/// assert_eq!(markers.marker(2), "[^2]");
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CitationMarkers {
    open: String,
    close: String,
}

impl Default for CitationMarkers {
    fn default() -> Self {
        Self { open: "[".to_owned(), close: "]".to_owned() }
    }
}

/// A marker in an answer.
pub(super) struct AnswerMarker {
    /// Byte range in the answer.
    pub(super) range: Range<usize>,
    pub(super) numbers: Vec<usize>,
}

impl CitationMarkers {
    /// Creates the form of a number between `open` and `close`.
    ///
    /// # Errors
    ///
    /// [`Error::Choice`] if one is empty, or has white space, control characters, digits, a backslash,
    /// or a character that separates numbers: a comma, a semicolon or a dash.
    pub fn new(open: impl Into<String>, close: impl Into<String>) -> Result<Self> {
        let markers = Self { open: open.into(), close: close.into() };
        for (name, bracket) in [("open", &markers.open), ("close", &markers.close)] {
            let got = if bracket.is_empty() {
                "an empty text"
            } else if bracket.contains(is_ambiguous) {
                "a text with white space, digits, a backslash or a separator of numbers"
            } else {
                continue;
            };
            return Err(Error::Choice { name, got, allowed: "brackets or letters, such as `[`" });
        }
        Ok(markers)
    }

    /// Returns the marker of an excerpt, numbered from 1.
    #[must_use]
    pub fn marker(&self, number: usize) -> String {
        format!("{}{number}{}", self.open, self.close)
    }

    /// Whether a reader may take the start of `text` for a marker.
    pub(super) fn is_at_start_of(&self, text: &str) -> bool {
        let Some(rest) = without_visible(text, &self.open) else { return false };
        let after = rest.trim_start_matches(|c: char| c.is_numeric() || is_invisible(c));
        let number = &rest[..rest.len() - after.len()];
        number.contains(char::is_numeric) && without_visible(after, &self.close).is_some()
    }

    /// Returns the markers in `answer`, in their order.
    pub(super) fn in_answer(&self, answer: &str) -> Vec<AnswerMarker> {
        let mut markers = Vec::new();
        let mut end = 0;
        for (start, _) in answer.match_indices(&self.open) {
            if start < end {
                continue;
            }
            let inside_start = start + self.open.len();
            let Some(length) = answer[inside_start..].find(&self.close) else { break };
            let inside = &answer[inside_start..inside_start + length];
            if let Some(numbers) = numbers(inside) {
                end = inside_start + length + self.close.len();
                markers.push(AnswerMarker { range: start..end, numbers });
            }
        }
        markers
    }
}

/// Whether `c` in a bracket would make a marker ambiguous.
fn is_ambiguous(c: char) -> bool {
    is_invisible(c) || c.is_numeric() || is_dash(c) || matches!(c, '\\' | ',' | ';')
}

fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2014}')
}

/// Reads numbers and ranges of numbers; `None` if `inside` is anything else.
fn numbers(inside: &str) -> Option<Vec<usize>> {
    if inside.len() > MAX_INSIDE {
        return None;
    }
    let mut numbers = Vec::new();
    for part in inside.split([',', ';']) {
        let mut ends = part.split(is_dash).map(number);
        let first = ends.next()??;
        let last = ends.next().unwrap_or(Some(first))?;
        if ends.next().is_some() || last < first || last - first >= MAX_RANGE {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

fn number(text: &str) -> Option<usize> {
    let text = text.trim();
    // A number of a language has no sign.
    text.starts_with(|c: char| c.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Returns what follows `prefix` in `text`, without the characters that a reader may overlook.
fn without_visible<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let mut rest = text;
    for c in prefix.chars() {
        rest = rest.trim_start_matches(is_invisible).strip_prefix(c)?;
    }
    Some(rest)
}

/// Whether a reader may overlook `c` at the start of a line or in a number.
pub(super) fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(markers: &CitationMarkers, answer: &str) -> Vec<(String, Vec<usize>)> {
        let found = markers.in_answer(answer).into_iter();
        found.map(|marker| (answer[marker.range].to_owned(), marker.numbers)).collect()
    }

    #[test]
    fn markers_of_an_answer_are_numbers_lists_and_ranges() {
        let markers = CitationMarkers::default();
        let answer = "Torf [1], Moor [2][3]; beide [1, 4–6] und [ 7 ]. Nicht [x], [], [1.5], [+1], \
                      [3-1], [1-2-3], [1-900], [99999999999999999999] oder [8";
        let want = [
            ("[1]", vec![1]),
            ("[2]", vec![2]),
            ("[3]", vec![3]),
            ("[1, 4–6]", vec![1, 4, 5, 6]),
            ("[ 7 ]", vec![7]),
        ];
        assert_eq!(read(&markers, answer), want.map(|(text, numbers)| (text.to_owned(), numbers)));
        let markers = CitationMarkers::new("【Quelle", "】").unwrap();
        assert_eq!(read(&markers, "[1] 【Quelle 2】"), [("【Quelle 2】".to_owned(), vec![2])]);
    }

    #[test]
    fn a_marker_inside_other_brackets_is_found() {
        let markers = CitationMarkers::default();
        assert_eq!(read(&markers, "[siehe [2]]"), [("[2]".to_owned(), vec![2])]);
    }

    #[test]
    fn ambiguous_brackets_are_refused() {
        for bracket in ["", " ", "1", "²", "a b", "\n", "\\", "-", "a,", ";", "\u{200b}"] {
            for made in [CitationMarkers::new(bracket, "]"), CitationMarkers::new("[", bracket)] {
                assert!(matches!(made, Err(Error::Choice { .. })), "{bracket:?}");
            }
        }
    }
}
