//! Runs of bytes that are data, such as base64, and no language.

use std::ops::Range;

/// Minimum length of a run in bytes: a line of base64 in a certificate has 64, in mail 76.
const MIN_RUN: usize = 64;
/// ASCII characters of data that count as one token, about as many as a token of prose has.
const ASCII_PER_TOKEN: usize = 4;

/// Iterates over the byte ranges of the data in a text.
///
/// A run has no ASCII white space. It is data if it has at least [`MIN_RUN`] bytes, half of which
/// differ in [kind](KINDS) from the byte before. Of the bytes of base64, 60 % do; of German or
/// English text without spaces, 20 %; of code, tables and JSON without spaces, less than half.
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

/// Returns the number of tokens of `data`: one for four ASCII characters, and one for each other one.
pub(super) fn data_tokens(data: &str) -> usize {
    let ascii = data.bytes().filter(u8::is_ascii).count();
    ascii.div_ceil(ASCII_PER_TOKEN) + data.chars().filter(|c| !c.is_ascii()).count()
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

/// Whether at least half of the bytes of `run` differ in kind from the byte before.
fn is_data(run: &[u8]) -> bool {
    let pairs = run.iter().zip(&run[1..]);
    let changes = pairs.filter(|(a, b)| KINDS[usize::from(**a)] != KINDS[usize::from(**b)]).count();
    2 * changes >= run.len()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "a predicate of slice iterators")]
fn is_space(byte: &u8) -> bool {
    *byte <= b' '
}

#[cfg(test)]
mod tests {
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
        assert_eq!(runs(&BASE64[..MIN_RUN]), [&BASE64[..MIN_RUN]]);
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
        ] {
            assert_eq!(runs(text), [""; 0], "{text}");
        }
    }
}
