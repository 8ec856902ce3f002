//! Words that follow each other in a text.

use std::{collections::BTreeSet, ops::Range};

use super::{Analyzer, analyzer::TermKind};
use crate::language::AnalyzedLanguage;

/// Maximum number of words of a phrase.
pub(super) const MAX_WORDS: usize = 64;

/// Whether `text` in `language` has words that follow each other and have one term each of the words
/// of a phrase. A phrase of no words, or of more than [`MAX_WORDS`], is in no text.
///
/// # Source
///
/// The algorithm Shift-And of Baeza-Yates & Gonnet (1992), over words.
pub(crate) fn has_phrase(
    text: &str,
    language: Option<AnalyzedLanguage>,
    phrase: &[BTreeSet<String>],
    analyzer: &mut Analyzer,
) -> bool {
    let Some(last) = phrase.len().checked_sub(1).filter(|last| *last < MAX_WORDS) else {
        return false;
    };
    let mut is_found = false;
    // Bit `i` is set if the words up to the previous one are the first `i` words of the phrase.
    let mut begun = 1_u64;
    let mut before: Option<Range<usize>> = None;
    let mut matched = 0;
    analyzer.terms(text, language, |term, place, kind| {
        if before.as_ref() != Some(&place) {
            begun = (matched << 1) | 1;
            matched = 0;
            before = Some(place);
        }
        if kind == TermKind::Word {
            let equal = phrase.iter().enumerate().filter(|(_, word)| word.contains(term));
            matched |= equal.fold(0, |bits, (number, _)| bits | (1 << number)) & begun;
            is_found |= matched >> last & 1 == 1;
        }
    });
    is_found
}
