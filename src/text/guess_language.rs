//! Guesses whether a text is German or English by its function words.
//!
//! The sentence rules of the two languages differ. German capitalizes nouns and writes ordinals
//! with a period. In English a capital marks a sentence start or a name, and a period after a
//! number ends the sentence.

use super::{quotation::outside_quotations, word_class::WordClass};
use crate::language::AnalyzedLanguage;

/// Length of the text prefix that is read, in bytes. It is longer than most quotations.
const PREFIX_BYTES: usize = 1_000;

/// Lead, in words, at which reading stops. A quotation in the other language can lead by less.
const SUFFICIENT_LEAD: i32 = 8;

/// Guesses the language of `text`; `None` without evidence or on a tie. Words in quotation marks
/// decide only where no others do.
pub(crate) fn guess(text: &str) -> Option<AnalyzedLanguage> {
    let read = &text[..text.floor_char_boundary(PREFIX_BYTES)];
    by_words(&outside_quotations(read)).or_else(|| by_words(read))
}

fn by_words(read: &str) -> Option<AnalyzedLanguage> {
    let mut balance = 0;
    for word in read.split([' ', '\n']) {
        balance += evidence(word);
        if balance.abs() == SUFFICIENT_LEAD {
            break;
        }
    }
    match balance {
        0 => None,
        1.. => Some(AnalyzedLanguage::English),
        _ => Some(AnalyzedLanguage::German),
    }
}

/// Returns 1 for an English word, -1 for a German word, 0 for any other.
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
    fn function_words_decide_the_language() {
        assert_eq!(guess("He was born on May 3."), Some(AnalyzedLanguage::English));
        assert_eq!(guess("Er kam am 3. Mai."), Some(AnalyzedLanguage::German));
        assert_eq!(guess("Kapitel 3. Methoden"), None);
    }

    #[test]
    fn a_quotation_does_not_decide_the_language() {
        let text = "\u{201e}We are here and it is the end\u{201c}, sagte er. Die Halle war leer, und \
                    der Regen fiel auf das Dach, das er in dem Jahr nicht mehr bezahlen konnte.";
        assert_eq!(guess(text), Some(AnalyzedLanguage::German));
    }
}
