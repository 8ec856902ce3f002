//! Splits a sentence over the token budget: between clauses, then words, then graphemes.

use std::ops::Range;

use super::breakpoint::Breakpoint;
use super::unicode::{
    is_grapheme_boundary, is_space, nearest_grapheme_boundary, trim, word_starts,
};

/// Distance from the place of a cut, in bytes, within which a word boundary is sought in text without spaces.
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

/// Joins consecutive `clauses` to parts of at most `len` bytes; longer ones stay as they are.
///
/// Clauses of a few tokens would each be counted by the tokenizer, and be packed one by one.
pub(super) fn join_short(clauses: &[Range<usize>], len: usize) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    for clause in clauses {
        match parts.last_mut().filter(|part| clause.end - part.start <= len) {
            Some(part) => part.end = clause.end,
            None => parts.push(clause.clone()),
        }
    }
    parts
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
    let cut = CutPoint::near(text, range, range.start + range.len() / 2, split_words)?;
    Some(cut.split(text, range))
}

/// Cuts a part of about `len` bytes, at most half as many more, from the front of `range`, inside a
/// word if need be; `None` if `range` has no more or is a single grapheme.
pub(super) fn cut_after(text: &str, range: &Range<usize>, len: usize) -> Option<Halves> {
    let longest = len + len / 2 + 1;
    if range.len() <= longest {
        return None;
    }
    // Only this far, so that the time to cut all parts is linear.
    let window = range.start..text.ceil_char_boundary(range.start + longest);
    match CutPoint::near(text, &window, range.start + len, true) {
        Some(cut) => Some(cut.split(text, range)),
        // A grapheme may be longer than a part.
        None => halves(text, range, true),
    }
}

/// A place where a range may be split.
struct CutPoint {
    at: usize,
    breakpoint: Breakpoint,
}

impl CutPoint {
    /// Returns the place inside `range` near byte `near`: between words, or inside a word only if
    /// `split_words`.
    fn near(text: &str, range: &Range<usize>, near: usize, split_words: bool) -> Option<Self> {
        let near = text.floor_char_boundary(near);
        let word = nearest_space(text, range, near).or_else(|| nearest_word(text, range, near));
        match word {
            Some(at) => Some(Self { at, breakpoint: Breakpoint::Word }),
            None if split_words => {
                let at = nearest_grapheme_boundary(text, range, near)?;
                Some(Self { at, breakpoint: Breakpoint::Grapheme })
            }
            None => None,
        }
    }

    /// Splits `range`, and trims both parts.
    fn split(self, text: &str, range: &Range<usize>) -> Halves {
        Halves {
            left: trim(text, range.start..self.at),
            right: trim(text, self.at..range.end),
            breakpoint: self.breakpoint,
        }
    }
}

/// Returns the white space inside `range` nearest to `near`.
fn nearest_space(text: &str, range: &Range<usize>, near: usize) -> Option<usize> {
    let before = text[range.start..near].rfind(is_space).map(|len| range.start + len);
    let after = text[near..range.end].find(is_space).map(|len| near + len);
    let inside = |at: &usize| {
        is_grapheme_boundary(text, *at)
            && !text[range.start..*at].trim_start_matches(is_space).is_empty()
            && !text[*at..range.end].trim_end_matches(is_space).is_empty()
    };
    let nearest = before.into_iter().chain(after).filter(inside);
    nearest.min_by_key(|at| at.abs_diff(near))
}

/// Returns the word start inside `range` nearest to `near`, within [`WORD_SEARCH_RADIUS`].
fn nearest_word(text: &str, range: &Range<usize>, near: usize) -> Option<usize> {
    let start = text.ceil_char_boundary(near.saturating_sub(WORD_SEARCH_RADIUS)).max(range.start);
    let end = text.floor_char_boundary(near + WORD_SEARCH_RADIUS).min(range.end);
    let starts = word_starts(&text[start..end]).filter(|at| *at > 0).map(|at| start + at);
    starts.filter(|at| is_grapheme_boundary(text, *at)).min_by_key(|at| at.abs_diff(near))
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
    fn short_clauses_are_joined() {
        let clauses = [0..2, 3..5, 6..8, 9..30, 31..33, 34..36];
        assert_eq!(join_short(&clauses, 8), [0..8, 9..30, 31..36]);
        assert_eq!(join_short(&clauses, 5), [0..5, 6..8, 9..30, 31..36]);
        assert_eq!(join_short(&clauses, 0), clauses);
        assert!(join_short(&[], 8).is_empty());
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
