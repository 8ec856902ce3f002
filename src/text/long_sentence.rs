//! Splits a sentence over the token budget: between clauses, then words, then graphemes.

use std::ops::Range;

use super::breakpoint::Breakpoint;
use super::unicode::{
    is_grapheme_boundary, is_space, nearest_grapheme_boundary, trim, word_starts,
};

/// Distance from the middle, in bytes, within which a word boundary is sought in text without spaces.
const WORD_SEARCH_RADIUS: usize = 128;

/// Splits `range` into trimmed clauses: after commas, semicolons, colons and line breaks, and
/// before dashes and conjunctions.
pub(super) fn clauses(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let mut clauses = Vec::new();
    let mut start = range.start;
    let mut last = ' ';
    for (at, c) in text[range.clone()].char_indices() {
        let at = range.start + at;
        if is_space(c)
            && !is_space(last)
            && begins_clause(last, c, &text[at..range.end])
            && is_grapheme_boundary(text, at)
        {
            clauses.extend(non_empty(trim(text, start..at)));
            start = at;
        }
        last = c;
    }
    clauses.extend(non_empty(trim(text, start..range.end)));
    clauses
}

/// Whether a clause begins after the white space `space` that starts `rest` and follows `last`.
fn begins_clause(last: char, space: char, rest: &str) -> bool {
    let window = &rest[..rest.floor_char_boundary(16)];
    let next = window.trim_start_matches(is_space);
    let word = next.split(is_space).next().filter(|word| word.len() < next.len());
    matches!(last, ',' | ';' | ':')
        || matches!(space, '\n' | '\r')
        || matches!(word, Some("–" | "—" | "-"))
        || matches!(word, Some("und" | "oder" | "aber" | "sondern" | "and" | "or" | "but"))
}

/// A range split in two.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Halves {
    pub(super) left: Range<usize>,
    pub(super) right: Range<usize>,
    /// Whether the split is between words or inside one.
    pub(super) breakpoint: Breakpoint,
}

/// Splits `range` near its middle: between words, or inside a word only if `split_words`.
pub(super) fn halves(text: &str, range: &Range<usize>, split_words: bool) -> Option<Halves> {
    let middle = text.floor_char_boundary(range.start + range.len() / 2);
    let word = nearest_space(text, range, middle).or_else(|| nearest_word(text, range, middle));
    let (at, breakpoint) = match word {
        Some(at) => (at, Breakpoint::Word),
        None if split_words => {
            (nearest_grapheme_boundary(text, range, middle)?, Breakpoint::Grapheme)
        }
        None => return None,
    };
    let left = trim(text, range.start..at);
    let right = trim(text, at..range.end);
    Some(Halves { left, right, breakpoint })
}

/// Returns the white space inside `range` nearest to `middle`.
fn nearest_space(text: &str, range: &Range<usize>, middle: usize) -> Option<usize> {
    let before = text[range.start..middle].rfind(is_space).map(|len| range.start + len);
    let after = text[middle..range.end].find(is_space).map(|len| middle + len);
    let inside = |at: &usize| {
        is_grapheme_boundary(text, *at)
            && !text[range.start..*at].trim_start_matches(is_space).is_empty()
            && !text[*at..range.end].trim_end_matches(is_space).is_empty()
    };
    let nearest = before.into_iter().chain(after).filter(inside);
    nearest.min_by_key(|at| at.abs_diff(middle))
}

/// Returns the word start inside `range` nearest to `middle`, within [`WORD_SEARCH_RADIUS`].
fn nearest_word(text: &str, range: &Range<usize>, middle: usize) -> Option<usize> {
    let start = text.ceil_char_boundary(middle.saturating_sub(WORD_SEARCH_RADIUS)).max(range.start);
    let end = text.floor_char_boundary(middle + WORD_SEARCH_RADIUS).min(range.end);
    let starts = word_starts(&text[start..end]).filter(|at| *at > 0).map(|at| start + at);
    starts.filter(|at| is_grapheme_boundary(text, *at)).min_by_key(|at| at.abs_diff(middle))
}

fn non_empty(range: Range<usize>) -> Option<Range<usize>> {
    Some(range).filter(|range| !range.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_end_at_punctuation_and_conjunctions() {
        let text = "Er kam, sah 1,5 Siege; sie – klug – blieb und las: Rat.";
        let cut: Vec<_> =
            clauses(text, 0..text.len()).into_iter().map(|range| &text[range]).collect();
        assert_eq!(
            cut,
            ["Er kam,", "sah 1,5 Siege;", "sie", "– klug", "– blieb", "und las:", "Rat."]
        );
    }

    #[test]
    fn a_word_is_split_only_if_allowed() {
        let text = "Donaudampfschiff";
        assert_eq!(halves(text, &(0..16), false), None);
        let inside = Halves { left: 0..8, right: 8..16, breakpoint: Breakpoint::Grapheme };
        assert_eq!(halves(text, &(0..16), true), Some(inside));
        let between = Halves { left: 0..3, right: 4..8, breakpoint: Breakpoint::Word };
        assert_eq!(halves("ein Haus", &(0..8), true), Some(between));
        let family = "👩‍👩‍👧";
        assert_eq!(halves(family, &(0..family.len()), true), None);
    }
}
