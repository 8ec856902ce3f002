//! Where a sentence that is over the budget is cut: between clauses, words, and at last graphemes.

use std::ops::Range;

use super::unicode::{
    is_grapheme_boundary, is_space, nearest_grapheme_boundary, trim, word_starts,
};
use super::unit::Breakpoint;

/// How far from the middle of a text without spaces a word boundary is looked for, in bytes.
const REACH: usize = 128;

/// The clauses of `range`, trimmed: cut after commas, semicolons, colons and line
/// breaks, and before dashes and conjunctions.
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
            clauses.extend(filled(trim(text, start..at)));
            start = at;
        }
        last = c;
    }
    clauses.extend(filled(trim(text, start..range.end)));
    clauses
}

/// Whether a clause begins in `rest`, which begins with the white space `space` after `last`.
fn begins_clause(last: char, space: char, rest: &str) -> bool {
    let window = &rest[..rest.floor_char_boundary(16)];
    let next = window.trim_start_matches(is_space);
    let word = next.split(is_space).next().filter(|word| word.len() < next.len());
    matches!(last, ',' | ';' | ':')
        || matches!(space, '\n' | '\r')
        || matches!(word, Some("–" | "—" | "-"))
        || matches!(word, Some("und" | "oder" | "aber" | "sondern" | "and" | "or" | "but"))
}

/// Cuts `range` in two near its middle: between words, or inside of a word only if
/// `hard`. Says which of the two it was.
pub(super) fn halves(
    text: &str,
    range: &Range<usize>,
    hard: bool,
) -> Option<([Range<usize>; 2], Breakpoint)> {
    let middle = text.floor_char_boundary(range.start + range.len() / 2);
    let word = nearest_space(text, range, middle).or_else(|| nearest_word(text, range, middle));
    let grapheme = || nearest_grapheme_boundary(text, range, middle).filter(|_| hard);
    let (at, cut) = match word {
        Some(at) => (at, Breakpoint::Word),
        None => (grapheme()?, Breakpoint::Grapheme),
    };
    Some(([trim(text, range.start..at), trim(text, at..range.end)], cut))
}

/// The white space inside of `range` that is nearest to `middle`.
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

/// The start of a word inside of `range` that is nearest to `middle` and not far from it.
fn nearest_word(text: &str, range: &Range<usize>, middle: usize) -> Option<usize> {
    let start = text.ceil_char_boundary(middle.saturating_sub(REACH)).max(range.start);
    let end = text.floor_char_boundary(middle + REACH).min(range.end);
    let starts = word_starts(&text[start..end]).filter(|at| *at > 0).map(|at| start + at);
    starts.filter(|at| is_grapheme_boundary(text, *at)).min_by_key(|at| at.abs_diff(middle))
}

fn filled(range: Range<usize>) -> Option<Range<usize>> {
    Some(range).filter(|range| !range.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_end_at_their_marks() {
        let text = "Er kam, sah 1,5 Siege; sie – klug – blieb und las: Rat.";
        let cut: Vec<_> =
            clauses(text, 0..text.len()).into_iter().map(|range| &text[range]).collect();
        assert_eq!(
            cut,
            ["Er kam,", "sah 1,5 Siege;", "sie", "– klug", "– blieb", "und las:", "Rat."]
        );
    }

    #[test]
    fn words_are_cut_only_if_they_must_be() {
        let text = "Donaudampfschiff";
        assert_eq!(halves(text, &(0..16), false), None);
        assert_eq!(halves(text, &(0..16), true), Some(([0..8, 8..16], Breakpoint::Grapheme)));
        assert_eq!(halves("ein Haus", &(0..8), true), Some(([0..3, 4..8], Breakpoint::Word)));
        let family = "👩‍👩‍👧";
        assert_eq!(halves(family, &(0..family.len()), true), None);
    }
}
