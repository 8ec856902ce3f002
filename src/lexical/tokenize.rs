//! Tokens of a text, and their normalization.

use std::{borrow::Cow, ops::Range};

use crate::embed::{composed, decomposed};

/// Maximum length of a word in bytes; longer words are truncated.
const MAX_WORD: usize = 128;
/// Combining marks, which follow their letter in decomposed text.
const MARKS: std::ops::RangeInclusive<char> = '\u{300}'..='\u{36F}';

/// Iterates over the byte ranges of the words in `text`, which are runs of letters and digits.
/// Punctuation separates words: `COVID-19` and `3,5` are two words each.
pub(super) fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(is_letter_or_digit)?;
        at = text[start..].find(|c| !continues_word(c)).map_or(text.len(), |len| start + len);
        Some(start..at)
    })
}

fn is_letter_or_digit(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphanumeric() } else { c.is_alphanumeric() }
}

fn continues_word(c: char) -> bool {
    is_letter_or_digit(c) || MARKS.contains(&c) || is_hyphenation(c)
}

/// Whether `c` is an invisible character that allows or forbids a line break within a word.
fn is_hyphenation(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200B}'..='\u{200D}' | '\u{2060}')
}

/// Returns `word` in lower case and composed, without hyphenation characters.
pub(super) fn normalize(word: &str) -> Cow<'_, str> {
    let plain = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if plain && word.len() <= MAX_WORD {
        return Cow::Borrowed(word);
    }
    let lower = word.chars().filter(|c| !is_hyphenation(*c)).flat_map(char::to_lowercase);
    let lower: String = lower.collect();
    let mut normalized = composed(&lower).into_owned();
    normalized.truncate(normalized.floor_char_boundary(MAX_WORD));
    Cow::Owned(normalized)
}

/// Returns `word`, which is [normalized](normalize), without diacritics: `ärzte` becomes `arzte`,
/// `straße` becomes `strasse`.
pub(super) fn fold_diacritics(word: &str) -> Cow<'_, str> {
    if word.is_ascii() {
        return Cow::Borrowed(word);
    }
    let mut folded = String::with_capacity(word.len());
    for c in decomposed(word).filter(|c| !MARKS.contains(c)).flat_map(char::to_lowercase) {
        match c {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            _ => folded.push(c),
        }
    }
    Cow::Owned(folded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        words(text).map(|place| &text[place]).collect()
    }

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        assert_eq!(texts("COVID-19, 3,5 % (U.S.)"), ["COVID", "19", "3", "5", "U", "S"]);
        assert_eq!(
            texts("Wohnungs\u{AD}bau für A\u{308}rzte"),
            ["Wohnungs\u{AD}bau", "für", "A\u{308}rzte"]
        );
        assert!(texts(" - \u{308} _").is_empty());
    }

    #[test]
    fn words_have_one_normal_form() {
        for (word, form) in [
            ("A\u{308}rzte", "arzte"),
            ("ÄRZTE", "arzte"),
            ("Wohnungs\u{AD}bau", "wohnungsbau"),
            ("STRASSE", "strasse"),
            ("Straße", "strasse"),
            ("STRAẞE", "strasse"),
            ("Øresund", "oresund"),
            ("ﬁnden", "finden"),
            ("İzmir", "izmir"),
            ("GPT4", "gpt4"),
        ] {
            assert_eq!(fold_diacritics(&normalize(word)), form, "{word}");
        }
        assert_eq!(normalize("A\u{308}rzte"), "ärzte");
        assert_eq!(normalize(&"ä".repeat(500)).len(), MAX_WORD);
    }

    proptest! {
        #[test]
        fn all_letters_and_digits_are_in_words(text in any::<String>()) {
            let mut in_word = vec![false; text.len()];
            for place in words(&text) {
                prop_assert!(!text[place.clone()].is_empty());
                in_word[place].fill(true);
            }
            for (at, c) in text.char_indices() {
                prop_assert!(in_word[at] || !c.is_alphanumeric());
            }
        }

        #[test]
        fn folding_again_changes_nothing(word in any::<String>()) {
            let once = normalize(&word).into_owned();
            prop_assert!(once.len() <= MAX_WORD);
            let form = fold_diacritics(&once).into_owned();
            prop_assert_eq!(fold_diacritics(&form), form.as_str());
        }
    }
}
