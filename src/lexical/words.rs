//! Where the words of a text are, and the one form in which they are written.

use std::{borrow::Cow, ops::Range};

use crate::embed::{composed, decomposed};

/// Longest word, in bytes: what is longer is cut off.
const MAX_WORD: usize = 128;
/// Marks over and under letters, which stand alone in decomposed text.
const MARKS: std::ops::RangeInclusive<char> = '\u{300}'..='\u{36F}';

/// Where the words of `text` are: runs of letters and digits. What stands between them is no part
/// of a word, so `COVID-19` is two and `3,5` too.
pub(super) fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(begins)?;
        at = text[start..].find(|c| !goes_on(c)).map_or(text.len(), |len| start + len);
        Some(start..at)
    })
}

fn begins(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphanumeric() } else { c.is_alphanumeric() }
}

fn goes_on(c: char) -> bool {
    begins(c) || MARKS.contains(&c) || is_hyphenation(c)
}

/// Whether `c` says where a word may be broken, or that it may not be.
fn is_hyphenation(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200B}'..='\u{200D}' | '\u{2060}')
}

/// `word` in lower case and composed, without what is not seen.
pub(super) fn written(word: &str) -> Cow<'_, str> {
    let plain = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if plain && word.len() <= MAX_WORD {
        return Cow::Borrowed(word);
    }
    let lower = word.chars().filter(|c| !is_hyphenation(*c)).flat_map(char::to_lowercase);
    let lower: String = lower.collect();
    let mut written = composed(&lower).into_owned();
    written.truncate(written.floor_char_boundary(MAX_WORD));
    Cow::Owned(written)
}

/// `word`, which is [`written`], without marks: `ärzte` and `arzte` are one word, as `straße`
/// and `strasse` are.
pub(super) fn folded(word: &str) -> Cow<'_, str> {
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
    fn words_are_written_in_one_way() {
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
            assert_eq!(folded(&written(word)), form, "{word}");
        }
        assert_eq!(written("A\u{308}rzte"), "ärzte");
        assert_eq!(written(&"ä".repeat(500)).len(), MAX_WORD);
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
        fn writing_it_again_changes_nothing(word in any::<String>()) {
            let once = written(&word).into_owned();
            prop_assert!(once.len() <= MAX_WORD);
            let form = folded(&once).into_owned();
            prop_assert_eq!(folded(&form), form.as_str());
        }
    }
}
