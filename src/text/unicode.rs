//! Grapheme boundaries, word starts and white space, by `unicode-segmentation`.

use std::ops::Range;

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

/// Whether `c` is white space or a byte order mark.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || c == '\u{FEFF}'
}

/// Whether byte `at`, a character boundary, is a grapheme boundary of `text`.
pub(crate) fn is_grapheme_boundary(text: &str, at: usize) -> bool {
    if at == 0 || at == text.len() {
        return true;
    }
    let before = text.as_bytes()[at - 1];
    let after = text.as_bytes()[at];
    if before.is_ascii() && after.is_ascii() {
        return before != b'\r' || after != b'\n';
    }
    let boundary = GraphemeCursor::new(at, text.len(), true).is_boundary(text, 0);
    boundary.expect("the cursor sees the whole text")
}

/// Returns `range` without white space at its ends; an empty range if it holds nothing else.
///
/// White space that forms one grapheme with its neighbour, such as a space under a combining
/// mark, stays.
pub(crate) fn trim(text: &str, range: Range<usize>) -> Range<usize> {
    let slice = &text[range.clone()];
    let mut start = range.end - slice.trim_start_matches(is_space).len();
    let mut end = range.start + slice.trim_end_matches(is_space).len();
    if start >= end {
        return start..start;
    }
    while start > range.start && !is_grapheme_boundary(text, start) {
        start = text.floor_char_boundary(start - 1);
    }
    while end < range.end && !is_grapheme_boundary(text, end) {
        end = text.ceil_char_boundary(end + 1);
    }
    start..end
}

/// Returns a grapheme boundary inside `range`: at `near`, else the one before it, else the one after.
///
/// `None` if `range` is a single grapheme.
pub(crate) fn nearest_grapheme_boundary(
    text: &str,
    range: &Range<usize>,
    near: usize,
) -> Option<usize> {
    let slice = &text[range.clone()];
    let near = slice.floor_char_boundary(near - range.start);
    if near > 0 && is_grapheme_boundary(slice, near) {
        return Some(range.start + near);
    }
    let mut cursor = GraphemeCursor::new(near, slice.len(), true);
    let before = cursor.prev_boundary(slice, 0).expect("the cursor sees the whole slice");
    if let Some(at) = before.filter(|&at| at > 0) {
        return Some(range.start + at);
    }
    let mut cursor = GraphemeCursor::new(near, slice.len(), true);
    let after = cursor.next_boundary(slice, 0).expect("the cursor sees the whole slice");
    after.filter(|&at| at < slice.len()).map(|at| range.start + at)
}

/// Iterates over the starts of the words of `text` by UAX #29, without punctuation and white space.
pub(crate) fn word_starts(text: &str) -> impl Iterator<Item = usize> {
    text.unicode_word_indices().map(|(at, _)| at)
}
