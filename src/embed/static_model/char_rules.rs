//! The rules by which models split texts into words (`docs/MODEL_FORMAT.md`). The classes of
//! characters are fixed ranges, independent of the version of Unicode.

use std::borrow::Cow;

use unicode_normalization::{
    IsNormalized, UnicodeNormalization, char::decompose_canonical, char::is_combining_mark,
    is_nfc_quick,
};

use super::word_scanner::{CharClass, WordRules};

/// Rules 1: composed letters in lower case.
pub(super) struct Composed;

/// Rules 2: the uncased tokenizer of BERT, which removes case and accents.
pub(super) struct Uncased;

impl WordRules for Composed {
    const CLASSES: [CharClass; 128] = {
        let mut classes = [CharClass::Symbol; 128];
        let mut byte = 0;
        while byte < 128 {
            match byte {
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                    classes[byte as usize] = CharClass::Letter;
                }
                ..=b' ' | 0x7F => classes[byte as usize] = CharClass::Space,
                _ => {}
            }
            byte += 1;
        }
        classes
    };

    fn expand(character: char, mut take: impl FnMut(char, CharClass)) {
        match character {
            'ß'..='ÿ' if character != '÷' => take(character, CharClass::Letter),
            // Letters without capitals, and small letters: the rules below give the same.
            '\u{430}'..='\u{45F}' | '\u{4E00}'..='\u{9FFF}' => take(character, CharClass::Letter),
            _ => character.to_lowercase().for_each(|lower| take(lower, composed_class(lower))),
        }
    }
}

impl WordRules for Uncased {
    const CLASSES: [CharClass; 128] = {
        let mut classes = Composed::CLASSES;
        let mut byte = 0;
        while byte < 128 {
            if matches!(byte, ..b' ' | 0x7F) && !matches!(byte, b'\t' | b'\n' | b'\r') {
                classes[byte as usize] = CharClass::Ignored;
            }
            byte += 1;
        }
        classes
    };

    fn expand(character: char, mut take: impl FnMut(char, CharClass)) {
        match character {
            '\u{FFFD}' => {}
            _ if is_invisible(character) => {}
            _ if character.is_whitespace() => take(' ', CharClass::Space),
            _ if is_ideograph(character) => {
                decompose_canonical(character, |part| take(part, CharClass::Symbol));
            }
            _ => decompose_canonical(character, |part| {
                if !is_combining_mark(part) {
                    part.to_lowercase().for_each(|lower| take(lower, uncased_class(lower)));
                }
            }),
        }
    }
}

/// Returns `text` in Unicode normalization form C.
pub(crate) fn composed(text: &str) -> Cow<'_, str> {
    if is_surely_composed(text) || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

/// Returns the characters of `text` in Unicode normalization form KD.
pub(crate) fn decomposed(text: &str) -> impl Iterator<Item = char> {
    text.nfkd()
}

/// Returns whether `text` has only characters that normalization form C never changes, whatever stands
/// beside them: a fast sufficient test.
fn is_surely_composed(text: &str) -> bool {
    const CHUNK: usize = 32;
    // The first byte of U+0300; those of later characters are not lower.
    const FIRST: u8 = 0xCC;
    let is_stable = |rest: &str| rest.chars().next().is_some_and(is_stable);
    text.as_bytes().chunks(CHUNK).zip((0..).step_by(CHUNK)).all(|(chunk, start)| {
        let all_below = chunk.iter().fold(0, |max, &byte| byte.max(max)) < FIRST;
        let may_change = |(byte, at): (&u8, usize)| *byte >= FIRST && !is_stable(&text[at..]);
        all_below || !chunk.iter().zip(start..).any(may_change)
    })
}

/// Whether `character` is punctuation, a currency sign, or a letter of Cyrillic, Chinese, Japanese or
/// Korean that neither decomposes nor composes with others.
fn is_stable(character: char) -> bool {
    matches!(
        character,
        '\u{2010}'..='\u{2027}'
            | '\u{2030}'..='\u{205E}'
            | '\u{20A0}'..='\u{20CF}'
            | '\u{400}'..='\u{482}'
            | '\u{48A}'..='\u{52F}'
            | '\u{3041}'..='\u{3096}'
            | '\u{30A1}'..='\u{30FA}'
            | '\u{4E00}'..='\u{9FFF}'
            | '\u{AC00}'..='\u{D7A3}'
    )
}

/// Returns the class of a lower-case character other than ASCII.
#[expect(clippy::match_same_arms, reason = "in the order of code points")]
pub(super) fn composed_class(character: char) -> CharClass {
    match character {
        // The lower case of U+0130 and U+212A starts with an ASCII letter.
        ..='\x7F' => CharClass::Letter,
        '\u{80}'..='\u{A0}' => CharClass::Space,
        'ª' | 'µ' | 'º' => CharClass::Letter,
        '\u{AD}' => CharClass::Ignored,
        '¡'..='¿' | '×' | '÷' => CharClass::Symbol,
        '\u{C0}'..='\u{1FFF}' => CharClass::Letter,
        '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' => {
            CharClass::Ignored
        }
        '\u{2000}'..='\u{200A}' | '\u{2028}'..='\u{202F}' | '\u{205F}' | '\u{3000}' => {
            CharClass::Space
        }
        '\u{2010}'..='\u{2027}'
        | '\u{2030}'..='\u{205E}'
        | '\u{20A0}'..='\u{20CF}'
        | '\u{2190}'..='\u{2BFF}'
        | '\u{3001}'..='\u{303F}'
        | '\u{1F000}'..='\u{1FAFF}' => CharClass::Symbol,
        _ => CharClass::Letter,
    }
}

/// Returns the class of a character that replaces one other than ASCII, in lower case and without accents.
fn uncased_class(character: char) -> CharClass {
    let symbol = match character {
        // Some characters decompose to ASCII.
        '\0'..='\x7F' => !character.is_ascii_alphanumeric(),
        _ => is_punctuation(character),
    };
    if symbol { CharClass::Symbol } else { CharClass::Letter }
}

/// Returns whether `character`, not ASCII, is of Unicode category Cc, Cf or Co (private use).
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{80}'..='\u{9F}' | '\u{AD}' | '\u{600}'..='\u{605}' | '\u{61C}' | '\u{6DD}' | '\u{70F}'
        | '\u{890}'..='\u{891}' | '\u{8E2}' | '\u{180E}' | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206F}'
        | '\u{E000}'..='\u{F8FF}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0001}'
        | '\u{110BD}' | '\u{110CD}' | '\u{13430}'..='\u{1343F}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0020}'..='\u{E007F}' | '\u{F0000}'..='\u{FFFFD}' | '\u{100000}'..='\u{10FFFD}')
}

/// Returns whether `character` is a Chinese ideograph. Each ideograph is a word.
fn is_ideograph(character: char) -> bool {
    matches!(character,
        '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}' | '\u{20000}'..='\u{2A6DF}'
        | '\u{2A700}'..='\u{2B73F}' | '\u{2B740}'..='\u{2B81F}' | '\u{2B920}'..='\u{2CEAF}'
        | '\u{F900}'..='\u{FAFF}' | '\u{2F800}'..='\u{2FA1F}')
}

/// Returns whether `character`, up to U+FFFF, is punctuation (Unicode categories P).
fn is_punctuation(character: char) -> bool {
    matches!(character,
        '\u{A1}' | '\u{A7}' | '\u{AB}' | '\u{B6}'..='\u{B7}' | '\u{BB}' | '\u{BF}' | '\u{37E}'
        | '\u{387}' | '\u{55A}'..='\u{55F}' | '\u{589}'..='\u{58A}' | '\u{5BE}' | '\u{5C0}'
        | '\u{5C3}' | '\u{5C6}' | '\u{5F3}'..='\u{5F4}' | '\u{609}'..='\u{60A}'
        | '\u{60C}'..='\u{60D}' | '\u{61B}' | '\u{61D}'..='\u{61F}' | '\u{66A}'..='\u{66D}'
        | '\u{6D4}' | '\u{700}'..='\u{70D}' | '\u{7F7}'..='\u{7F9}' | '\u{830}'..='\u{83E}'
        | '\u{85E}' | '\u{964}'..='\u{965}' | '\u{970}' | '\u{9FD}' | '\u{A76}' | '\u{AF0}'
        | '\u{C77}' | '\u{C84}' | '\u{DF4}' | '\u{E4F}' | '\u{E5A}'..='\u{E5B}'
        | '\u{F04}'..='\u{F12}' | '\u{F14}' | '\u{F3A}'..='\u{F3D}' | '\u{F85}'
        | '\u{FD0}'..='\u{FD4}' | '\u{FD9}'..='\u{FDA}' | '\u{104A}'..='\u{104F}' | '\u{10FB}'
        | '\u{1360}'..='\u{1368}' | '\u{1400}' | '\u{166E}' | '\u{169B}'..='\u{169C}'
        | '\u{16EB}'..='\u{16ED}' | '\u{1735}'..='\u{1736}' | '\u{17D4}'..='\u{17D6}'
        | '\u{17D8}'..='\u{17DA}' | '\u{1800}'..='\u{180A}' | '\u{1944}'..='\u{1945}'
        | '\u{1A1E}'..='\u{1A1F}' | '\u{1AA0}'..='\u{1AA6}' | '\u{1AA8}'..='\u{1AAD}'
        | '\u{1B5A}'..='\u{1B60}' | '\u{1B7D}'..='\u{1B7E}' | '\u{1BFC}'..='\u{1BFF}'
        | '\u{1C3B}'..='\u{1C3F}' | '\u{1C7E}'..='\u{1C7F}' | '\u{1CC0}'..='\u{1CC7}' | '\u{1CD3}'
        | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{2043}' | '\u{2045}'..='\u{2051}'
        | '\u{2053}'..='\u{205E}' | '\u{207D}'..='\u{207E}' | '\u{208D}'..='\u{208E}'
        | '\u{2308}'..='\u{230B}' | '\u{2329}'..='\u{232A}' | '\u{2768}'..='\u{2775}'
        | '\u{27C5}'..='\u{27C6}' | '\u{27E6}'..='\u{27EF}' | '\u{2983}'..='\u{2998}'
        | '\u{29D8}'..='\u{29DB}' | '\u{29FC}'..='\u{29FD}' | '\u{2CF9}'..='\u{2CFC}'
        | '\u{2CFE}'..='\u{2CFF}' | '\u{2D70}' | '\u{2E00}'..='\u{2E2E}' | '\u{2E30}'..='\u{2E4F}'
        | '\u{2E52}'..='\u{2E5D}' | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}'
        | '\u{3014}'..='\u{301F}' | '\u{3030}' | '\u{303D}' | '\u{30A0}' | '\u{30FB}'
        | '\u{A4FE}'..='\u{A4FF}' | '\u{A60D}'..='\u{A60F}' | '\u{A673}' | '\u{A67E}'
        | '\u{A6F2}'..='\u{A6F7}' | '\u{A874}'..='\u{A877}' | '\u{A8CE}'..='\u{A8CF}'
        | '\u{A8F8}'..='\u{A8FA}' | '\u{A8FC}' | '\u{A92E}'..='\u{A92F}' | '\u{A95F}'
        | '\u{A9C1}'..='\u{A9CD}' | '\u{A9DE}'..='\u{A9DF}' | '\u{AA5C}'..='\u{AA5F}'
        | '\u{AADE}'..='\u{AADF}' | '\u{AAF0}'..='\u{AAF1}' | '\u{ABEB}' | '\u{FD3E}'..='\u{FD3F}'
        | '\u{FE10}'..='\u{FE19}' | '\u{FE30}'..='\u{FE52}' | '\u{FE54}'..='\u{FE61}' | '\u{FE63}'
        | '\u{FE68}' | '\u{FE6A}'..='\u{FE6B}' | '\u{FF01}'..='\u{FF03}' | '\u{FF05}'..='\u{FF0A}'
        | '\u{FF0C}'..='\u{FF0F}' | '\u{FF1A}'..='\u{FF1B}' | '\u{FF1F}'..='\u{FF20}'
        | '\u{FF3B}'..='\u{FF3D}' | '\u{FF3F}' | '\u{FF5B}' | '\u{FF5D}' | '\u{FF5F}'..='\u{FF65}')
}

#[cfg(test)]
mod tests {
    use unicode_normalization::char::canonical_combining_class;

    use super::*;

    #[test]
    fn stable_characters_are_composed_beside_any_others() {
        for character in ('\0'..=char::MAX).filter(|character| is_stable(*character)) {
            let is_composed = is_nfc_quick(std::iter::once(character)) == IsNormalized::Yes;
            assert!(is_composed && canonical_combining_class(character) == 0, "{character:?}");
        }
    }

    #[test]
    fn letters_that_are_taken_as_they_are_have_no_other_form() {
        for character in ('\u{430}'..='\u{45F}').chain('\u{4E00}'..='\u{9FFF}') {
            assert!(character.to_lowercase().eq([character]), "{character:?}");
            assert_eq!(composed_class(character), CharClass::Letter, "{character:?}");
        }
    }
}
