//! Where graphemes and words begin, and what counts as white space: the one home of `unicode-segmentation`.

use std::ops::Range;

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

/// White space, or the byte order mark that some editors leave in a text.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || c == '\u{FEFF}'
}

/// Whether no grapheme of `text` goes across `at`, which lies between characters.
pub(crate) fn is_grapheme_boundary(text: &str, at: usize) -> bool {
    if at == 0 || at == text.len() {
        return true;
    }
    let (before, after) = (text.as_bytes()[at - 1], text.as_bytes()[at]);
    if before.is_ascii() && after.is_ascii() {
        return (before, after) != (b'\r', b'\n');
    }
    // The cursor sees the whole text, so it never has to ask for more of it.
    GraphemeCursor::new(at, text.len(), true).is_boundary(text, 0).unwrap_or(true)
}

/// `range` without the white space at its ends, or an empty range.
///
/// White space that is one grapheme with its neighbour (a space under a
/// combining mark) is not cut off.
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

/// The grapheme boundary inside of `range` that is nearest to `near`, if it holds more than one grapheme.
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
    let before = cursor.prev_boundary(slice, 0).ok().flatten().filter(|&at| at > 0);
    let after = || {
        let mut cursor = GraphemeCursor::new(near, slice.len(), true);
        cursor.next_boundary(slice, 0).ok().flatten().filter(|&at| at < slice.len())
    };
    before.or_else(after).map(|at| range.start + at)
}

/// The starts of the words of `text` in the sense of UAX #29, marks and white space left out.
pub(crate) fn word_starts(text: &str) -> impl Iterator<Item = usize> {
    text.unicode_word_indices().map(|(at, _)| at)
}
