//! A guess whether a text is German or English, for the rules in which the two differ: in German
//! a capital says little, since nouns have one, and a number with a stop is an ordinal; in English
//! a capital begins a sentence or a name, and a stop after a number ends a sentence.

use super::word_class::WordClass;
use crate::Language;

/// How much of a text is read for the guess, in bytes.
const READ: usize = 300;

/// By how many words one language must lead for no more to be read.
const ENOUGH: i32 = 3;

/// The language of `text` by its function words, if there are any.
pub(crate) fn guess(text: &str) -> Option<Language> {
    let read = &text[..text.floor_char_boundary(READ)];
    let mut balance = 0;
    for word in read.split([' ', '\n']) {
        balance += evidence(word);
        if balance.abs() == ENOUGH {
            break;
        }
    }
    match balance {
        0 => None,
        1.. => Some(Language::English),
        _ => Some(Language::German),
    }
}

/// Positive for an English word, negative for a German one, 0 if it can be both or neither.
fn evidence(word: &str) -> i32 {
    if WordClass::English.contains(word) {
        return 1;
    }
    let german =
        WordClass::German.contains(word) || word.contains(['ä', 'ö', 'ü', 'ß', 'Ä', 'Ö', 'Ü']);
    -i32::from(german)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_words_decide() {
        assert_eq!(guess("He was born on May 3."), Some(Language::English));
        assert_eq!(guess("Er kam am 3. Mai."), Some(Language::German));
        assert_eq!(guess("Kapitel 3. Methoden"), None);
    }
}
