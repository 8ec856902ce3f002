//! What stands before a stop: the token it is written on, and the token before that.

use super::char_class::is_opener;
use super::unicode::is_space;
use super::word_class::WordClass;

/// The longest token that is looked at, in bytes; a longer one is no abbreviation and no number.
const LONGEST: usize = 64;

/// The most parts of an abbreviation (`i. d. R.` has three).
const MAX_PARTS: usize = 4;

/// A token with a stop after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct PrecedingToken<'t> {
    /// The sentence before the token.
    head: &'t str,
    /// The token without its stop and without opening marks; empty if there is a space before the stop.
    pub(super) text: &'t str,
}

impl<'t> PrecedingToken<'t> {
    /// The token at the end of `before`, which is the sentence up to the stop.
    pub(super) fn at_end_of(before: &'t str) -> Self {
        let text = last_token(before);
        Self { head: &before[..before.len() - text.len()], text }
    }

    /// The token before this one, without opening marks.
    pub(super) fn previous(&self) -> &'t str {
        last_token(self.head.trim_end_matches(|c| is_space(c) || is_opener(c)))
    }

    /// Whether nothing but marks comes before it in the sentence.
    pub(super) fn is_first(&self) -> bool {
        is_bare(self.head)
    }

    /// Digits only, or digits with stops, commas, colons, slashes and dashes between them.
    pub(super) fn is_number(&self) -> bool {
        self.text.starts_with(|c: char| c.is_ascii_digit())
            && self
                .text
                .chars()
                .all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | ':' | '/' | '-' | '–'))
    }

    /// Whether it stands near the start of the sentence, as in `At 5 p.m.`
    pub(super) fn is_early(&self) -> bool {
        self.head.len() <= 12
    }

    /// A single letter.
    pub(super) fn is_letter(&self) -> bool {
        let mut chars = self.text.chars();
        chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
    }

    /// Single letters with stops between them: `U.S`, `N.A.T.O`.
    fn is_dotted(&self) -> bool {
        let mut parts = self.text.split('.');
        self.text.contains('.')
            && parts.all(|part| part.chars().count() == 1 && part.chars().all(char::is_alphabetic))
    }

    /// What it abbreviates, alone or with the tokens before it.
    pub(super) fn abbreviation(&self) -> Option<WordClass> {
        self.listed().or_else(|| {
            let street = self.text.len() > 4 && self.text.ends_with("str");
            let number = self.text.len() > 4 && self.text.ends_with("nr");
            match (self.is_dotted() || street, number) {
                (true, _) => Some(WordClass::Ambiguous),
                (_, true) => Some(WordClass::BeforeNumber),
                _ => None,
            }
        })
    }

    /// The longest abbreviation of the lists that ends with this token, whether it
    /// is written with spaces between its parts or without.
    fn listed(&self) -> Option<WordClass> {
        let mut before = (self.head, self.text);
        let mut key = String::new();
        let mut longest = None;
        for _ in 0..MAX_PARTS {
            let (head, text) = before;
            let part = last_letters(text);
            if part.is_empty() || part.len() > LONGEST / MAX_PARTS {
                break;
            }
            key.insert_str(0, part);
            let rest = &text[..text.len() - part.len()];
            let first = rest.is_empty() && is_bare(head);
            if !rest.ends_with('.') {
                longest = lookup(&key, first).or(longest);
            }
            before = match rest.strip_suffix('.') {
                Some(rest) => (head, rest),
                None if rest.is_empty() => {
                    match head.trim_end_matches(is_space).strip_suffix('.') {
                        Some(head) => {
                            let text = last_token(head);
                            (&head[..head.len() - text.len()], text)
                        }
                        None => break,
                    }
                }
                None => break,
            };
            key.insert(0, '.');
        }
        longest
    }
}

/// Looks `key` up, at the start of a sentence also without its capital.
fn lookup(key: &str, first: bool) -> Option<WordClass> {
    let found = WordClass::of_abbreviation(key);
    if found.is_some() || !first || !key.starts_with(|c: char| c.is_ascii_uppercase()) {
        return found;
    }
    WordClass::of_abbreviation(&format!("{}{}", key[..1].to_ascii_lowercase(), &key[1..]))
}

/// The characters after the last white space of `text`, without opening marks; empty if there are too many.
fn last_token(text: &str) -> &str {
    let window = &text[text.ceil_char_boundary(text.len().saturating_sub(LONGEST))..];
    let token = match window.rfind(is_space) {
        Some(at) => window[at..].trim_start_matches(is_space),
        None => window,
    };
    token.trim_start_matches(is_opener)
}

/// The letters at the end of `token`.
fn last_letters(token: &str) -> &str {
    let rest = token.trim_end_matches(char::is_alphabetic);
    &token[rest.len()..]
}

/// Whether `head`, the beginning of a sentence, holds marks at most.
fn is_bare(head: &str) -> bool {
    head.len() <= LONGEST && !head.contains(char::is_alphanumeric)
}

/// Whether `text` is a Roman numeral of two or more of the letters I, V and X.
pub(super) fn is_roman(text: &str) -> bool {
    text.len() > 1 && text.bytes().all(|b| matches!(b, b'I' | b'V' | b'X'))
}
