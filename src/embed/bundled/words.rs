//! What the static model takes for a word: normalisation, lower case, and the classes of characters.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// What a character does to the words around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Is part of a word.
    Letter,
    /// Is a word by itself.
    Symbol,
    /// Ends a word.
    Space,
    /// Is not there.
    Ignored,
}

/// Calls `take` with each word and each single symbol of `text`, in NFC and
/// lower case; `word` is a buffer.
pub(super) fn for_each_word(text: &str, word: &mut String, mut take: impl FnMut(&str)) {
    word.clear();
    let mut end = |word: &mut String| {
        if !word.is_empty() {
            take(word);
            word.clear();
        }
    };
    for character in nfc(text).chars().flat_map(char::to_lowercase) {
        match class(character) {
            Class::Letter => word.push(character),
            Class::Ignored => {}
            Class::Space => end(word),
            Class::Symbol => {
                end(word);
                word.push(character);
                end(word);
            }
        }
    }
    end(word);
}

/// `text` in Unicode normalisation form C: itself, if it is.
fn nfc(text: &str) -> Cow<'_, str> {
    // U+0300, whose first byte is CC, is the first character that the form can change.
    let plain = text.bytes().all(|byte| byte < 0xCC);
    if plain || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

/// The class of a lower-case character: fixed ranges, so that no version of
/// Unicode can change the words of a text.
#[expect(clippy::match_same_arms, reason = "in the order of code points")]
fn class(character: char) -> Class {
    match character {
        'a'..='z' | '0'..='9' => Class::Letter,
        '\0'..=' ' | '\x7F'..='\u{A0}' => Class::Space,
        '!'..='\x7E' => Class::Symbol,
        'ª' | 'µ' | 'º' => Class::Letter,
        '\u{AD}' => Class::Ignored,
        '¡'..='¿' | '×' | '÷' => Class::Symbol,
        '\u{C0}'..='\u{1FFF}' => Class::Letter,
        _ => class_above_letters(character),
    }
}

/// [`class`] of the characters from U+2000.
fn class_above_letters(character: char) -> Class {
    match character {
        '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' => {
            Class::Ignored
        }
        '\u{2000}'..='\u{200A}' | '\u{2028}'..='\u{202F}' | '\u{205F}' | '\u{3000}' => Class::Space,
        '\u{2010}'..='\u{2027}'
        | '\u{2030}'..='\u{205E}'
        | '\u{20A0}'..='\u{20CF}'
        | '\u{2190}'..='\u{2BFF}'
        | '\u{3001}'..='\u{303F}'
        | '\u{1F000}'..='\u{1FAFF}' => Class::Symbol,
        _ => Class::Letter,
    }
}
