//! The token before a terminator: number, letter or abbreviation, and the token before it.

use super::char_class::is_opener;
use super::unicode::is_space;
use super::word_class::WordClass;

/// Maximum length of a token, in bytes; a longer one is neither abbreviation nor number.
const MAX_TOKEN_BYTES: usize = 64;

/// Maximum parts of an abbreviation (`i. d. R.` has three).
const MAX_PARTS: usize = 4;

/// A token with a terminator after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct PrecedingToken<'t> {
    /// The sentence before the token.
    head: &'t str,
    /// The token without opening marks; empty if white space precedes the terminator.
    pub(super) text: &'t str,
}

impl<'t> PrecedingToken<'t> {
    /// Returns the token at the end of `before`, the sentence up to the terminator.
    pub(super) fn at_end_of(before: &'t str) -> Self {
        let text = last_token(before);
        Self { head: &before[..before.len() - text.len()], text }
    }

    /// Returns the token before this one, without opening marks.
    pub(super) fn previous(&self) -> &'t str {
        last_token(self.head.trim_end_matches(|c| is_space(c) || is_opener(c)))
    }

    /// Whether it is the first token of the sentence.
    pub(super) fn is_first(&self) -> bool {
        is_bare(self.head)
    }

    /// Whether it consists of digits and the separators `.`, `,`, `:`, `/`, `-` and `–`.
    pub(super) fn is_number(&self) -> bool {
        self.text.starts_with(|c: char| c.is_ascii_digit())
            && self
                .text
                .chars()
                .all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | ':' | '/' | '-' | '–'))
    }

    /// Whether it is near the start of the sentence, as in `At 5 p.m.`
    pub(super) fn is_early(&self) -> bool {
        self.head.len() <= 12
    }

    /// Whether it is a single letter.
    pub(super) fn is_letter(&self) -> bool {
        let mut chars = self.text.chars();
        chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
    }

    /// Whether it is a sequence of letters separated by periods: `U.S`, `N.A.T.O`.
    fn is_dotted(&self) -> bool {
        let mut parts = self.text.split('.');
        self.text.contains('.')
            && parts.all(|part| part.chars().count() == 1 && part.chars().all(char::is_alphabetic))
    }

    /// Whether it is a word of three letters or more that ends in lowercase, and no abbreviation.
    pub(super) fn is_lowercase_word(&self) -> bool {
        self.text.chars().nth(2).is_some()
            && self.text.chars().all(char::is_alphabetic)
            && self.text.ends_with(char::is_lowercase)
            && self.abbreviation(false).is_none()
    }

    /// Whether it consists of two capitals or more.
    pub(super) fn is_in_capitals(&self) -> bool {
        is_in_capitals(self.text)
    }

    /// Whether it has at most five letters, the first one a capital: `Rubr`.
    pub(super) fn is_short_title(&self) -> bool {
        self.text.chars().count() <= 5
            && self.text.starts_with(char::is_uppercase)
            && self.text.chars().all(char::is_alphabetic)
            && !self.is_in_capitals()
    }

    /// Whether it has two to five letters, among them no vowel and not only capitals: `Pkt`.
    pub(super) fn is_unpronounceable(&self) -> bool {
        (2..=5).contains(&self.text.len())
            && self.text.bytes().all(|byte| byte.is_ascii_alphabetic())
            && !self.text.contains(['a', 'e', 'i', 'o', 'u', 'y', 'A', 'E', 'I', 'O', 'U', 'Y'])
            && !self.is_in_capitals()
    }

    /// Returns the class of the abbreviation that ends with this token, if any; its case may differ
    /// if the text is `in_capitals`.
    pub(super) fn abbreviation(&self, in_capitals: bool) -> Option<WordClass> {
        self.listed(in_capitals).or_else(|| {
            let is_compound_of = |end: &str| self.text.len() > 4 && self.text.ends_with(end);
            if self.is_dotted() || is_compound_of("str") {
                Some(WordClass::Ambiguous)
            } else if is_compound_of("nr") {
                Some(WordClass::BeforeNumber)
            } else {
                None
            }
        })
    }

    /// Returns the class of the longest listed abbreviation that ends with this token.
    ///
    /// Spaces between the parts of an abbreviation are ignored.
    fn listed(&self, in_capitals: bool) -> Option<WordClass> {
        let mut head = self.head;
        let mut text = self.text;
        let mut key = String::new();
        let mut longest = None;
        for _ in 0..MAX_PARTS {
            let part = last_letters(text);
            if part.is_empty() || part.len() > MAX_TOKEN_BYTES / MAX_PARTS {
                break;
            }
            key.insert_str(0, part);
            let rest = &text[..text.len() - part.len()];
            let is_first = rest.is_empty() && is_bare(head);
            if !rest.ends_with('.') {
                let found = lookup(&key, is_first);
                longest = found.or_else(|| lookup_capitals(&key, in_capitals)).or(longest);
            }
            if let Some(earlier_part) = rest.strip_suffix('.') {
                text = earlier_part;
            } else if let Some(before) = head.trim_end_matches(is_space).strip_suffix('.')
                && rest.is_empty()
            {
                text = last_token(before);
                head = &before[..before.len() - text.len()];
            } else {
                break;
            }
            key.insert(0, '.');
        }
        longest
    }
}

/// Looks up `key`; at the start of a sentence also in lowercase.
fn lookup(key: &str, is_first: bool) -> Option<WordClass> {
    let found = WordClass::of_abbreviation(key);
    if found.is_some() || !is_first || !key.starts_with(|c: char| c.is_ascii_uppercase()) {
        return found;
    }
    WordClass::of_abbreviation(&format!("{}{}", key[..1].to_ascii_lowercase(), &key[1..]))
}

/// Looks up `key`, which is written in capitals, with one capital and with none.
fn lookup_capitals(key: &str, in_capitals: bool) -> Option<WordClass> {
    if !in_capitals || !is_in_capitals(key) {
        return None;
    }
    let title = title_case(key);
    WordClass::of_abbreviation(&title).or_else(|| WordClass::of_abbreviation(&title.to_lowercase()))
}

/// Whether `word` consists of two capitals or more.
pub(super) fn is_in_capitals(word: &str) -> bool {
    word.chars().nth(1).is_some() && word.chars().all(char::is_uppercase)
}

/// Returns `word` with its first letter as it is and the others in lowercase.
pub(super) fn title_case(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next();
    first.into_iter().chain(chars.flat_map(char::to_lowercase)).collect()
}

/// Returns the text after the last white space, without opening marks, cut to [`MAX_TOKEN_BYTES`].
fn last_token(text: &str) -> &str {
    let window = &text[text.ceil_char_boundary(text.len().saturating_sub(MAX_TOKEN_BYTES))..];
    let token = match window.rfind(is_space) {
        Some(at) => window[at..].trim_start_matches(is_space),
        None => window,
    };
    token.trim_start_matches(is_opener)
}

/// Returns the trailing letters of `token`.
fn last_letters(token: &str) -> &str {
    let rest = token.trim_end_matches(char::is_alphabetic);
    &token[rest.len()..]
}

/// Whether `head`, the start of a sentence, is short and holds no letter or digit.
fn is_bare(head: &str) -> bool {
    head.len() <= MAX_TOKEN_BYTES && !head.contains(char::is_alphanumeric)
}

/// Whether `text` is a Roman numeral of two or more letters I, V and X.
pub(super) fn is_roman(text: &str) -> bool {
    text.len() > 1 && text.bytes().all(|b| matches!(b, b'I' | b'V' | b'X'))
}
