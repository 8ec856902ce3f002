//! Tokens of a text, and their normalization.

use std::{borrow::Cow, ops::Range};

use super::{gender_form, number, written_date::WrittenDate};
use crate::embed::{break_length, composed, decomposed};

/// Maximum length of a word in bytes; longer words are truncated.
pub(super) const MAX_WORD: usize = 128;
/// Combining marks, which follow their letter in decomposed text.
const MARKS: std::ops::RangeInclusive<char> = '\u{300}'..='\u{36F}';

/// Iterates over the byte ranges of the words in `text`: runs of letters and digits, numbers, dates,
/// acronyms with periods, gender forms, and names such as `C++`, `C#` and `.NET`.
///
/// Other punctuation separates words: `COVID-19` is two words.
pub(crate) fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let first = at + text[at..].find(is_letter_or_digit)?;
        let start = if begins_dot_net(text, first, at) { first - 1 } else { first };
        at = word_end(text, first);
        Some(start..at)
    })
}

/// Returns the end of the word that starts with the letter or digit at `start`.
fn word_end(text: &str, start: usize) -> usize {
    let rest = &text[start..];
    if let Some(date) = WrittenDate::read(rest) {
        return start + date.len;
    }
    if let Some(len) = number::length_at(text, start) {
        return start + len;
    }
    if let Some(len) = number::currency_length(text, start) {
        return start + len;
    }
    if let Some(len) = acronym_length(rest) {
        return start + len;
    }
    let len = run_length(rest);
    let (word, after) = rest.split_at(len);
    // `v1.2.3`
    if let Some(version) = word.strip_prefix(['v', 'V']).filter(|version| is_number(version)) {
        let digits = start + len - version.len();
        return number::length_at(text, digits).map_or(start + len, |len| digits + len);
    }
    let more = symbols_length(word, after).or_else(|| gender_form::ending_length(word, after));
    start + len + more.unwrap_or(0)
}

/// Returns the length of the letters and digits at the start of `text`, and of the lines that
/// continue a broken word.
fn run_length(text: &str) -> usize {
    let mut len = 0;
    loop {
        len += text[len..].find(|c| !continues_word(c)).unwrap_or(text.len() - len);
        // A soft hyphen belongs to the word even where no line ends.
        let word = text[..len].strip_suffix('\u{AD}').unwrap_or(&text[..len]);
        let is_broken = word.ends_with(char::is_alphabetic);
        match break_length(word, &text[word.len()..]).filter(|_| is_broken) {
            Some(break_length) => len = word.len() + break_length,
            None => return len,
        }
    }
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the letter at `first` begins the name `.NET`; the word before it ends at `before`.
fn begins_dot_net(text: &str, first: usize, before: usize) -> bool {
    let Some(name) = text[first..].get(..3) else { return false };
    let is_name =
        first > before && text[..first].ends_with('.') && name.eq_ignore_ascii_case("net");
    let ends = is_name && !text[first + 3..].starts_with(continues_word);
    // `example.net` is a domain.
    let is_capital = name == "NET";
    ends && (is_capital || !text[..first - 1].ends_with(is_letter_or_digit))
}

/// Returns the length of `++` after a word, or of `#` after a single letter.
fn symbols_length(word: &str, after: &str) -> Option<usize> {
    let pluses = after.bytes().take_while(|byte| *byte == b'+').count();
    let is_sharp = word.len() == 1 && after.starts_with('#');
    let len = if is_sharp { 1 } else { pluses };
    (is_sharp || pluses >= 2).then_some(len)
}

/// Returns the length of an acronym with a period after each capital, such as `N.A.T.O.`, without
/// its last period.
fn acronym_length(text: &str) -> Option<usize> {
    let mut len = 0;
    let mut letters = 0;
    while let Some(letter) = text[len..].chars().next().filter(|c| c.is_uppercase()) {
        let end = len + letter.len_utf8();
        if !text[end..].starts_with('.') {
            let is_last = !text[end..].starts_with(continues_word);
            letters += usize::from(is_last);
            len = if is_last { end + 1 } else { len };
            break;
        }
        letters += 1;
        len = end + 1;
    }
    (letters >= 2).then(|| len - 1)
}

/// Returns `word` without the periods of an acronym and the `s` of its plural: `U.S` becomes `US`,
/// `LKWs` becomes `LKW`.
pub(super) fn without_periods(word: &str) -> Cow<'_, str> {
    let is_acronym = word.contains('.') && acronym_length(word) == Some(word.len());
    let plain = if is_acronym { Cow::Owned(word.replace('.', "")) } else { Cow::Borrowed(word) };
    let base = plain
        .strip_suffix('s')
        .filter(|base| base.chars().count() >= 2 && base.chars().all(char::is_uppercase));
    match base {
        Some(base) => Cow::Owned(base.to_owned()),
        None => plain,
    }
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

/// Whether `c` may stand where a line breaks a word.
fn is_break(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '\u{2010}')
}

/// Returns `word` in lower case and composed, without hyphenation characters and line breaks.
pub(super) fn normalize(word: &str) -> Cow<'_, str> {
    if word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let start = &word[..word.len().min(MAX_WORD)];
        let is_lower = !start.bytes().any(|byte| byte.is_ascii_uppercase());
        return if is_lower { start.into() } else { start.to_ascii_lowercase().into() };
    }
    let lower =
        word.chars().filter(|c| !is_hyphenation(*c) && !is_break(*c)).flat_map(char::to_lowercase);
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
        assert_eq!(texts("COVID-19, x86 (3D)"), ["COVID", "19", "x86", "3D"]);
        assert_eq!(
            texts("Wohnungs\u{AD}bau für A\u{308}rzte"),
            ["Wohnungs\u{AD}bau", "für", "A\u{308}rzte"]
        );
        assert!(texts(" - \u{308} _").is_empty());
    }

    #[test]
    fn numbers_dates_and_names_with_symbols_are_one_word() {
        for (text, expected) in [
            ("3,5 % von 3.470 km", vec!["3,5", "von", "3.470", "km"]),
            ("EUR3.470 (CHF5)", vec!["EUR", "3.470", "CHF", "5"]),
            ("5km, 10-20, 24/7", vec!["5", "km", "10", "20", "24", "7"]),
            ("v1.2.3 (10.0.19041)", vec!["v1.2.3", "10.0.19041"]),
            ("Am 5. März 2024.", vec!["Am", "5. März 2024"]),
            (
                "N.A.T.O. and U.S. or d.h. z.B.",
                vec!["N.A.T.O", "and", "U.S", "or", "d", "h", "z", "B"],
            ),
            ("Vitamin C. Er", vec!["Vitamin", "C", "Er"]),
            ("C++17, C#, F# or .NET", vec!["C++", "17", "C#", "F#", "or", ".NET"]),
            ("ASP.NET .net a.net", vec!["ASP", ".NET", ".net", "a", "net"]),
            ("Kund:innen, Leser*in: in", vec!["Kund:innen", "Leser*in", "in"]),
            ("Zeile #3 +++", vec!["Zeile", "3"]),
            ("Auf-\nsichtsrat, Haupt-\nund", vec!["Auf-\nsichtsrat", "Haupt", "und"]),
            ("Auf\u{AD}\nsichts\u{AD}rat tagt", vec!["Auf\u{AD}\nsichts\u{AD}rat", "tagt"]),
            ("Auf-\u{2028}sichtsrat", vec!["Auf-\u{2028}sichtsrat"]),
            ("Auf-\u{85}sichtsrat", vec!["Auf-\u{85}sichtsrat"]),
            ("AUF-\nSICHTSRAT, EU-\nUSA", vec!["AUF-\nSICHTSRAT", "EU", "USA"]),
        ] {
            assert_eq!(texts(text), expected, "{text}");
        }
    }

    #[test]
    fn acronyms_lose_their_periods_and_plurals() {
        for (word, plain) in [
            ("N.A.T.O", "NATO"),
            ("U.S", "US"),
            ("LKWs", "LKW"),
            ("PCs", "PC"),
            ("Ms", "Ms"),
            ("SMS", "SMS"),
            ("Haus", "Haus"),
            ("1.2", "1.2"),
            (".NET", ".NET"),
        ] {
            assert_eq!(without_periods(word), plain, "{word}");
        }
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
            ("Auf-\n  sichtsrat", "aufsichtsrat"),
            ("AUF\u{AD}\nSICHTSRAT", "aufsichtsrat"),
            ("Auf-\u{2028}sichtsrat", "aufsichtsrat"),
            ("Auf-\u{85}sichtsrat", "aufsichtsrat"),
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
