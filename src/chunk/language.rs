//! A guess whether a text is German or English, for the rules in which the two differ.

/// The two languages whose rules are known; a text in any other is treated as one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Language {
    /// A capital says little, since nouns have one; a number with a stop is an ordinal.
    #[default]
    German,
    /// A capital begins a sentence or a name; a stop after a number ends a sentence.
    English,
}

/// How much of a text is read for the guess, in bytes.
const READ: usize = 1_000;

impl Language {
    /// The language of `text` by its function words, if there are any.
    pub(super) fn guess(text: &str) -> Option<Self> {
        let read = &text[..text.floor_char_boundary(READ)];
        let words = read.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
        let balance: i32 = words.map(evidence).sum();
        match balance {
            0 => None,
            1.. => Some(Self::English),
            _ => Some(Self::German),
        }
    }
}

/// Positive for an English word, negative for a German one, 0 if it can be both or neither.
fn evidence(word: &str) -> i32 {
    match word {
        "the" | "The" | "of" | "and" | "to" | "is" | "were" | "are" | "on" | "that" | "with"
        | "it" | "It" | "he" | "He" | "she" | "She" | "this" | "This" | "they" | "They"
        | "from" | "which" | "his" | "her" | "at" | "for" | "by" | "be" | "has" | "have"
        | "had" | "not" | "you" | "You" | "I" | "a" | "A" | "In" | "or" | "we" | "We" | "But"
        | "but" | "do" | "there" | "There" | "been" | "would" | "said" => 1,
        "der" | "Der" | "das" | "Das" | "und" | "ist" | "nicht" | "ein" | "eine" | "einen"
        | "einem" | "einer" | "den" | "dem" | "des" | "von" | "mit" | "auf" | "für" | "sich"
        | "im" | "Im" | "zu" | "er" | "Er" | "sie" | "Sie" | "es" | "Es" | "wurde" | "wird"
        | "auch" | "als" | "aus" | "nach" | "bei" | "wie" | "wir" | "Wir" | "ich" | "Ich"
        | "oder" | "aber" | "Aber" | "sind" | "hatte" | "haben" | "am" | "Am" | "vom" | "zum"
        | "zur" | "seit" | "um" | "kam" | "Die" | "sagte" | "noch" | "dann" | "Dann" => -1,
        _ if word.contains(['ä', 'ö', 'ü', 'ß', 'Ä', 'Ö', 'Ü']) => -1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_words_decide() {
        assert_eq!(Language::guess("He was born on May 3."), Some(Language::English));
        assert_eq!(Language::guess("Er kam am 3. Mai."), Some(Language::German));
        assert_eq!(Language::guess("Kapitel 3. Methoden"), None);
    }
}
