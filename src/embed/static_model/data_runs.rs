//! Data, such as base64, and codes: runs and words that belong to no language. Pieces, parts of compounds
//! and terms follow this one rule.

use std::ops::Range;

use super::viterbi::is_continuation;

/// Minimum length of a run in bytes: lines of wrapped keys have 32 to 76.
const MIN_RUN: usize = 32;
/// Length in bytes below which the [`PUNCTUATION`] of a run counts.
const LONG_RUN: usize = 64;
/// A short run has at least this many bytes for each that is no letter or digit. Base64 has 32, paths and
/// lists of numbers have 6 or fewer.
const PUNCTUATION: usize = 8;
/// ASCII characters of data that count as one token, about as many as a token of prose has.
const ASCII_PER_TOKEN: usize = 4;
/// Minimum length in bytes of a word of data.
const MIN_DATA_WORD: usize = 16;
/// Changes between letters and digits from which a word is no compound.
const CODE_CHANGES: usize = 4;
/// Maximum length in bytes of the parts of a code, on average. Those of base64 and hexadecimal digits
/// have about two, those of names such as `WindowsServer2019R2` four.
const CODE_PART: usize = 4;

/// Iterates over the byte ranges of the data in a text.
///
/// A run has no byte up to the space: no ASCII white space and no control character. It is data if it has at least [`MIN_RUN`] bytes, half of which
/// differ in [kind](KINDS) from the byte before. Of the bytes of base64, 60 % do; of German or
/// English text without spaces, 20 %; of code, tables and JSON without spaces, less than half. A run
/// of less than [`LONG_RUN`] bytes also has few bytes besides letters and digits, as paths do not.
pub(super) struct DataRuns<'t> {
    text: &'t [u8],
    /// Start of a run.
    at: usize,
}

impl<'t> DataRuns<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self { text: text.as_bytes(), at: 0 }
    }
}

impl Iterator for DataRuns<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        while let Some(window) = self.text.get(self.at..self.at + MIN_RUN) {
            // Backwards, so that most bytes of prose are never looked at.
            if let Some(space) = window.iter().rposition(is_space) {
                self.at += space + 1;
                continue;
            }
            let after = &self.text[self.at + MIN_RUN..];
            let len = MIN_RUN + after.iter().position(is_space).unwrap_or(after.len());
            let run = self.at..self.at + len;
            self.at = run.end;
            if is_data(&self.text[run.clone()]) {
                return Some(run);
            }
        }
        None
    }
}

/// Returns the number of tokens of `data`, which is UTF-8: one for four ASCII characters, and one for
/// each other one.
pub(super) fn data_tokens(data: &[u8]) -> usize {
    let ascii = data.iter().filter(|byte| byte.is_ascii()).count();
    let continuing = data.iter().filter(|byte| is_continuation(**byte)).count();
    ascii.div_ceil(ASCII_PER_TOKEN) + (data.len() - ascii - continuing)
}

/// The kind of each byte: lower case, upper case, digit, other ASCII, or of another character.
const KINDS: [u8; 256] = {
    let mut kinds = [4; 256];
    let mut byte = 0;
    while byte < 128 {
        kinds[byte as usize] = match byte {
            b'a'..=b'z' => 0,
            b'A'..=b'Z' => 1,
            b'0'..=b'9' => 2,
            _ => 3,
        };
        byte += 1;
    }
    kinds
};

/// Whether at least half of the bytes of `run` differ in kind from the byte before, and a short run has
/// few bytes besides letters and digits.
fn is_data(run: &[u8]) -> bool {
    let pairs = run.iter().zip(&run[1..]);
    let changes = pairs.filter(|(a, b)| KINDS[usize::from(**a)] != KINDS[usize::from(**b)]).count();
    let others = || run.iter().filter(|byte| !byte.is_ascii_alphanumeric()).count();
    2 * changes >= run.len() && (run.len() >= LONG_RUN || PUNCTUATION * others() <= run.len())
}

/// Whether `word`, in lower case, is data by itself: digits, or letters among which digits stand, as in
/// hashes.
pub(super) fn is_data_word(word: &[u8]) -> bool {
    let is_mixed = || CODE_PART * digit_changes(word) >= word.len();
    word.len() >= MIN_DATA_WORD && (is_mixed() || is_long_number(word))
}

/// Whether `word` has only digits, more than numbers in texts have.
fn is_long_number(word: &[u8]) -> bool {
    word.len() >= MIN_DATA_WORD && word.iter().all(u8::is_ascii_digit)
}

/// Whether letters and digits alternate in `word`, which is then no compound.
pub(super) fn is_no_compound(word: &str) -> bool {
    digit_changes(word.as_bytes()) >= CODE_CHANGES
}

/// Whether `word` is a code, such as a hash or a part of base64: many digits, or ASCII letters and
/// digits in at least five parts of [`CODE_PART`] bytes or fewer on average. A part ends between letters
/// and digits, and before a capital after a small letter.
pub(crate) fn is_code(word: &str) -> bool {
    let bytes = word.as_bytes();
    let pairs = bytes.iter().zip(bytes.get(1..).unwrap_or_default());
    let is_end = |(a, b): &(&u8, &u8)| {
        a.is_ascii_digit() != b.is_ascii_digit() || a.is_ascii_lowercase() && b.is_ascii_uppercase()
    };
    let ends = pairs.filter(is_end).count();
    let is_mixed = ends >= CODE_CHANGES
        && CODE_PART * ends >= bytes.len()
        && bytes.iter().all(u8::is_ascii_alphanumeric);
    is_mixed || is_long_number(bytes)
}

/// Returns how often a digit of `word` follows another byte, or another byte a digit.
fn digit_changes(word: &[u8]) -> usize {
    let pairs = word.iter().zip(word.get(1..).unwrap_or_default());
    pairs.filter(|(a, b)| a.is_ascii_digit() != b.is_ascii_digit()).count()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "a predicate of slice iterators")]
fn is_space(byte: &u8) -> bool {
    *byte <= b' '
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASE64: &str = "eUK98iEG8IR3YvDzy012TccHIFEVmg+J8sbayuNEuzESRf1vhN+a18Wz0HasDo9TpzVsiJE/";

    fn runs(text: &str) -> Vec<&str> {
        DataRuns::of(text).map(|run| &text[run]).collect()
    }

    #[test]
    fn base64_is_data_wherever_it_stands() {
        assert_eq!(runs(BASE64), [BASE64]);
        let twice = format!("Das Bild:\n{BASE64}\n{BASE64} zeigt ein Moor.");
        assert_eq!(runs(&twice), [BASE64; 2]);
        let uri = format!("src=\"data:image/png;base64,{BASE64}{BASE64}\"");
        assert_eq!(runs(&format!("<img {uri} alt=\"Moor\">")), [uri]);
        for len in [MIN_RUN, 48, LONG_RUN - 1, LONG_RUN] {
            assert_eq!(runs(&BASE64[..len]), [&BASE64[..len]]);
        }
        assert_eq!(runs("6ba7b81e-9d4d-1fd1-80b4-00c04fd4a0c8").len(), 1);
    }

    #[test]
    fn language_is_no_data() {
        let without_spaces = "DieMoorespeichernmehrKohlenstoffalsalleWälderderErde,".repeat(4);
        for text in [
            &BASE64[..MIN_RUN - 1],
            &without_spaces,
            "https://www.example.org/de/artikel/2026-03-05/moore-speichern-mehr-kohlenstoff.html",
            "{\"titel\":\"Moore\",\"sprache\":\"Deutsch\",\"jahr\":2026,\"stichwort\":[\"Klima\",\"Torf\"]}",
            "RindfleischetikettierungsüberwachungsaufgabenübertragungsgesetzRindfleischetikett",
            &"|---".repeat(20),
            &"ж".repeat(100),
            "/usr/lib/x86_64-linux-gnu/libc6-2.36/",
            "2026-03-05/2026-03-07/2026-03-09,2026",
            "f(x)=a1*x^2+b2*x+c3;g(y)=a4*y^2+b5*y",
            "Windows-Server-2019-R2-Datacenter-x64",
        ] {
            assert_eq!(runs(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn hashes_and_long_numbers_are_words_of_data() {
        for word in
            ["3f786850e387550fdab836ed7e6dc881de23001b", "d41d8cd98f00b204", "1234567890123456"]
        {
            assert!(is_data_word(word.as_bytes()), "{word}");
        }
        for word in [
            "d41d8cd98f00b20",
            "123456789012345",
            "iphone14promax256gb",
            "windowsserver2019r2",
            "wohnungsbaugenossenschaft",
            "б".repeat(40).as_str(),
        ] {
            assert!(!is_data_word(word.as_bytes()), "{word}");
        }
    }

    #[test]
    fn parts_of_base64_and_hashes_are_codes() {
        for word in
            ["DzSsTccHIFEVm9k2gJ8sbayuN", "a1b2c3", "550e8400e29b41d4a716", "1234567890123456"]
        {
            assert!(is_code(word), "{word}");
        }
        for word in [
            "",
            "Haus",
            "GPT4",
            "x86",
            "H2O",
            "MoorUndWaldSpeichernKohlenstoff",
            "getUserNameFromDatabase",
            "KollegInnen",
            "WindowsServer2019R2",
            "GmbHuCoKG",
            "v1.2.3a4b5c6",
            "ä1b2c3d4",
        ] {
            assert!(!is_code(word), "{word}");
        }
        assert!(is_no_compound("haus1und2baum3b") && !is_no_compound("haus1und2"));
    }

    proptest! {
        #[test]
        fn runs_are_in_order_and_without_white_space(text in "([ -~]{0,40}[\n ä]?|[A-Za-z0-9+/]{20,80} ?){0,8}") {
            let mut end = 0;
            for run in DataRuns::of(&text) {
                prop_assert!(run.start >= end && run.len() >= MIN_RUN);
                prop_assert!(!text[run.clone()].contains(|c: char| c <= ' '));
                let whole = [text[..run.start].chars().next_back(), text[run.end..].chars().next()];
                prop_assert!(whole.into_iter().flatten().all(|c| c <= ' '));
                end = run.end;
            }
        }

        #[test]
        fn words_of_any_bytes_are_read(word in any::<String>()) {
            let code = is_code(&word) && !word.bytes().all(|byte| byte.is_ascii_alphanumeric());
            prop_assert!(!code);
            is_data_word(word.as_bytes());
        }
    }
}
