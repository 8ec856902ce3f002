//! Laws of the words of a text.

use proptest::prelude::*;

use super::super::{
    char_rules::{Composed, Uncased, composed, composed_class},
    short_str::ShortStr,
    word_scanner::{CharClass, WordRules, WordSink, split},
};

#[derive(Default)]
struct Collected(Vec<String>);

impl WordSink for Collected {
    fn short(&mut self, word: ShortStr) {
        self.long(std::str::from_utf8(&word.to_bytes()[..word.len()]).unwrap());
    }

    fn long(&mut self, word: &str) {
        self.0.push(word.to_owned());
    }
}

fn words_of(text: &str) -> Vec<String> {
    let mut found = Collected::default();
    split::<Composed>(&composed(text), &mut String::new(), &mut found);
    found.0
}

fn uncased_words_of(text: &str) -> Vec<String> {
    let mut found = Collected::default();
    split::<Uncased>(text, &mut String::new(), &mut found);
    found.0
}

#[test]
fn words_are_lower_case_and_symbols_stand_alone() {
    assert_eq!(
        words_of("Der Preis: 3.500 €/m²"),
        ["der", "preis", ":", "3", ".", "500", "€", "/", "m", "²"]
    );
    assert_eq!(words_of("GRÖẞE, große"), ["größe", ",", "große"]);
    assert_eq!(words_of("Schiff\u{AD}fahrt\u{200B}s\u{A0}weg"), ["schifffahrts", "weg"]);
    assert_eq!(words_of("ΟΔΟΣ 🙂👍🏽"), ["οδοσ", "🙂", "👍", "🏽"]);
    assert!(words_of(" \t\r\n\0").is_empty());
}

#[test]
fn composed_and_decomposed_text_have_equal_words() {
    assert_eq!(words_of("u\u{308}ber Cafe\u{301}"), words_of("über Café"));
}

#[test]
fn rules_2_remove_case_and_accents() {
    assert_eq!(uncased_words_of("Ärger, CAFÉ. Straße"), ["arger", ",", "cafe", ".", "straße"]);
    assert_eq!(uncased_words_of("e\u{301}te\u{301} İST"), ["ete", "ist"]);
    assert_eq!(uncased_words_of("ab\u{1}c\u{AD}d\u{200B}e\0f"), ["abcdef"]);
    assert_eq!(uncased_words_of("a\u{A0}b\u{2003}c\td"), ["a", "b", "c", "d"]);
    assert_eq!(uncased_words_of("日本語のx「ok」"), ["日", "本", "語", "のx", "「", "ok", "」"]);
    assert_eq!(uncased_words_of("3,5\u{20AC}–§7"), ["3", ",", "5€", "–", "§", "7"]);
    assert_eq!(uncased_words_of("≠ x\u{37E}"), ["=", "x", ";"]);
    assert_eq!(uncased_words_of("\u{F900}\u{FFFD}!"), ["\u{8C48}", "!"]);
}

/// The words by rules 1, character by character.
fn words_by_definition(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for character in composed(text).chars().flat_map(char::to_lowercase) {
        let class = match u8::try_from(character) {
            Ok(byte) if byte.is_ascii_alphanumeric() => CharClass::Letter,
            Ok(byte @ ..0x80) => Composed::CLASSES[usize::from(byte)],
            _ => composed_class(character),
        };
        match class {
            CharClass::Letter => words.last_mut().unwrap().push(character),
            CharClass::Symbol => words.extend([character.to_string(), String::new()]),
            CharClass::Space => words.push(String::new()),
            CharClass::Ignored => {}
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

proptest! {
    #[test]
    fn words_match_the_definition(text in "(?s)([a-zA-Z0-9]{0,20}[ -~äÖßẞé\u{301}–\u{AD}\u{A0}İ\u{0}€日]|.){0,30}") {
        prop_assert_eq!(words_of(&text), words_by_definition(&text));
    }
}
