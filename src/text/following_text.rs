//! Classifies the text after a terminator by its first word, symbol or punctuation mark.

use super::char_class::{is_dash, is_opener, is_symbol};
use super::preceding_token::{is_in_capitals, title_case};
use super::unicode::is_space;
use super::word_class::WordClass;

/// Maximum number of opening marks, dashes and ellipses skipped before the first word.
const MAX_MARKS: usize = 8;

/// Class of the first character after opening marks and white space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FollowingStart {
    /// End of the text.
    Nothing,
    /// A lowercase word.
    Lower,
    /// A capitalized word, or a name with an inner capital such as `iPhone`.
    Upper,
    /// A number.
    Digit,
    /// A letter of a script without case.
    Letter,
    /// The label of an item on the same line: `(b)`, `(ii)` or `2)`.
    Item,
    /// A symbol that stands for a word, such as `§` or `€`.
    Symbol,
    /// Punctuation that continues the sentence, such as a comma.
    Mark,
}

/// The text after a terminator and its closing marks.
#[derive(Clone, Copy, Debug)]
pub(super) struct FollowingText<'t> {
    /// Class of its first character.
    pub(super) start: FollowingStart,
    /// The text from that character on.
    rest: &'t str,
}

impl<'t> FollowingText<'t> {
    /// Classifies `after`, which starts with white space.
    pub(super) fn read(after: &'t str) -> Self {
        if after.trim_start_matches(is_space).is_empty() {
            return Self { start: FollowingStart::Nothing, rest: "" };
        }
        if starts_with_label(after.trim_start_matches(is_space)) {
            return Self { start: FollowingStart::Item, rest: "" };
        }
        let rest = skip_marks(after);
        let start = match rest.chars().next() {
            Some(c) if c.is_lowercase() && !has_inner_capital(first_word(rest)) => {
                FollowingStart::Lower
            }
            Some(c) if c.is_uppercase() || c.is_lowercase() => FollowingStart::Upper,
            Some(c) if c.is_numeric() => FollowingStart::Digit,
            Some(c) if c.is_alphabetic() => FollowingStart::Letter,
            Some(c) if is_symbol(c) => FollowingStart::Symbol,
            _ => FollowingStart::Mark,
        };
        Self { start, rest }
    }

    /// Returns the first word; empty if the text starts with a non-letter.
    pub(super) fn word(&self) -> &'t str {
        first_word(self.rest)
    }

    /// Whether the first word is a function word, capitalized only at the start of a sentence.
    pub(super) fn begins_sentence(&self) -> bool {
        let word = self.word();
        let joined = self.rest[word.len()..].starts_with(['-', '\u{2010}', '\u{2011}', '.']);
        !joined && WordClass::SentenceStarter.contains(word)
    }

    /// Whether its first word is in capitals and would begin a sentence in another case.
    pub(super) fn begins_sentence_in_capitals(&self) -> bool {
        self.is_in_capitals() && WordClass::SentenceStarter.contains(&title_case(self.word()))
    }

    /// Whether its first word consists of two capitals or more.
    pub(super) fn is_in_capitals(&self) -> bool {
        is_in_capitals(self.word())
    }

    /// Whether it can be the start of a sentence: a capital, an item or the end of the text.
    pub(super) fn may_begin_sentence(&self) -> bool {
        matches!(self.start, FollowingStart::Nothing | FollowingStart::Upper | FollowingStart::Item)
    }

    /// Whether it starts with a number such as `3.2`: parts of one or two digits with periods.
    pub(super) fn is_section_number(&self) -> bool {
        let end = self.rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let number = self.rest[..end.unwrap_or(self.rest.len())].trim_end_matches('.');
        number.contains('.') && number.split('.').all(|part| (1..=2).contains(&part.len()))
    }

    /// Whether it starts with a speech tag such as `Anna said`: a subject, then a speech verb.
    pub(super) fn is_speech_tag(&self) -> bool {
        let window = &self.rest[..self.rest.floor_char_boundary(64)];
        let mut words = window.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
        let Some(subject) = words.next() else { return false };
        (subject == "I" || !WordClass::SentenceStarter.contains(subject))
            && words.take(3).any(|word| WordClass::SpeechVerb.contains(word))
    }
}

/// Whether `text` starts with the label of an item and a space: a letter, a number of up to three
/// digits or a lowercase Roman numeral, in brackets or before one.
fn starts_with_label(text: &str) -> bool {
    let text = text.strip_prefix('(').unwrap_or(text);
    let window = &text.as_bytes()[..text.len().min(8)];
    let Some(end) = window.iter().position(|byte| *byte == b')') else { return false };
    let is_label = match &window[..end] {
        [byte] => byte.is_ascii_alphanumeric(),
        label => {
            (label.len() <= 3 && label.iter().all(u8::is_ascii_digit) && !label.is_empty())
                || (label.len() > 1 && label.iter().all(|byte| b"ivx".contains(byte)))
        }
    };
    is_label && text[end + 1..].starts_with(is_space)
}

/// Skips opening marks, dashes, ellipses and white space.
fn skip_marks(text: &str) -> &str {
    let mut rest = text.trim_start_matches(is_space);
    for _ in 0..MAX_MARKS {
        let Some(c) = rest.chars().next() else { break };
        let after = &rest[c.len_utf8()..];
        let skipped = if is_opener(c) || c == '>' || c == '•' {
            after
        } else if c == '…' || rest.starts_with("...") {
            after.trim_start_matches('.').trim_start_matches([']', ')'])
        } else if is_dash(c) && after.starts_with(is_space) {
            after
        } else {
            break;
        };
        rest = skipped.trim_start_matches(is_space);
    }
    rest
}

fn first_word(text: &str) -> &str {
    let window = &text[..text.floor_char_boundary(48)];
    let len = window.find(|c: char| !c.is_alphabetic()).unwrap_or(window.len());
    &window[..len]
}

/// Whether `word` has a capital, as in `iPhone` or `eBay`.
fn has_inner_capital(word: &str) -> bool {
    word.chars().any(char::is_uppercase)
}
