//! Identifiers in a question: codes, numbers and names, which people expect to be found by their
//! letters.

use std::{collections::BTreeSet, ops::Range};

use super::{
    analyzer::Analyzer, number, query_terms::QuestionWord, tokenize::normalize,
    written_date::WrittenDate,
};
use crate::language::AnalyzedLanguage;

/// Maximum number of identifiers of a question, since it may be a whole text; the first ones count.
const MAX_IDENTIFIERS: usize = 8;
/// Minimum number of digits of a number that identifies.
const MIN_DIGITS: usize = 3;
/// Maximum number of letters of an abbreviation that belongs to a code: `BvR`, `GewO`, `DIN`.
const MAX_ABBREVIATION: usize = 6;
/// Minimum number of letters of a name.
const MIN_NAME: usize = 4;
/// Minimum number of letters of a known word at the end of a compound.
const MIN_TAIL: usize = 6;
/// Minimum number of letters before such a word.
const MIN_HEAD: usize = 3;
/// Endings that are removed to look up an inflected word.
const ENDINGS: [&str; 9] = ["ern", "es", "en", "er", "s", "n", "e", "ed", "ing"];

/// A code, number or name in a question.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Identifier {
    /// Byte range in the question.
    pub(crate) place: Range<usize>,
    /// The terms of each word, in order. A passage has the identifier if it has one term of each
    /// word, in this order and without other words in between.
    pub(crate) words: Vec<BTreeSet<String>>,
    /// How surely it identifies passages, `0.0..=1.0`.
    pub(crate) certainty: f32,
    /// Identifiers within this one, which count if no passage has it as a whole, unless many have all
    /// of its words.
    pub(crate) parts: Vec<Self>,
}

/// A run of words that white space does not separate.
struct WordRun<'w> {
    words: &'w [QuestionWord],
    kind: RunKind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum RunKind {
    /// Digits with letters or separators: `CVE-2024-3094`, `34a`, `17/23`, `v1.2.3`.
    Code,
    /// A number of at least [`MIN_DIGITS`] digits.
    Number,
    /// A shorter number, which identifies with a code beside it: `4 C 17/23`.
    Digits,
    /// An abbreviation, which identifies with a code beside it: `IV ZR 123/21`.
    Abbreviation,
    /// A capitalized word that is neither a known word nor a compound of known words.
    Name,
    Other,
}

impl RunKind {
    /// Returns how surely a run of this kind identifies passages by itself.
    fn certainty(self) -> Option<f32> {
        match self {
            Self::Code => Some(1.0),
            Self::Number => Some(0.5),
            Self::Name => Some(0.2),
            Self::Digits | Self::Abbreviation | Self::Other => None,
        }
    }

    /// Whether the run may stand in a code of several runs.
    fn is_in_code(self) -> bool {
        matches!(self, Self::Code | Self::Number | Self::Digits | Self::Abbreviation)
    }

    fn has_digit(self) -> bool {
        matches!(self, Self::Code | Self::Number | Self::Digits)
    }
}

impl Identifier {
    /// Finds the identifiers in `question`, which has these `words`.
    pub(super) fn find(
        question: &str,
        words: &[QuestionWord],
        analyzer: &mut Analyzer,
    ) -> Vec<Self> {
        let runs = words.chunk_by(|a, b| !has_white_space(question, a, b));
        let kinds = runs.map(|words| WordRun { words, kind: kind(question, words, analyzer) });
        let runs: Vec<WordRun> = kinds.collect();
        let sequences = runs.chunk_by(|a, b| a.continues_in(b, question));
        sequences.flat_map(Self::of_sequence).take(MAX_IDENTIFIERS).collect()
    }

    /// Returns the identifiers of adjacent runs: all runs as one, or each by itself.
    fn of_sequence(runs: &[WordRun]) -> Vec<Self> {
        let parts: Vec<Self> = runs.iter().filter_map(Self::of_run).take(MAX_IDENTIFIERS).collect();
        let has_digit = runs.iter().any(|run| run.kind.has_digit());
        let [first, .., last] = runs else { return parts };
        if !has_digit {
            return parts;
        }
        let place = first.place().start..last.place().end;
        let words = runs.iter().flat_map(|run| run.words).map(|word| word.terms.clone()).collect();
        let whole = Self { place, words, certainty: 1.0, parts };
        vec![whole]
    }

    fn of_run(run: &WordRun) -> Option<Self> {
        Some(Self {
            place: run.place(),
            words: run.words.iter().map(|word| word.terms.clone()).collect(),
            certainty: run.kind.certainty()?,
            parts: Vec::new(),
        })
    }
}

impl WordRun<'_> {
    fn place(&self) -> Range<usize> {
        let [first, .., last] = self.words else { return self.words[0].place.clone() };
        first.place.start..last.place.end
    }

    /// Whether `next` belongs to the same code: only white space and `§` stand between them.
    fn continues_in(&self, next: &Self, question: &str) -> bool {
        let gap = &question[self.place().end..next.place().start];
        let is_blank = gap.chars().all(|c| c.is_whitespace() || c == '§');
        is_blank && self.kind.is_in_code() && next.kind.is_in_code()
    }
}

/// Whether white space stands between two words.
fn has_white_space(question: &str, a: &QuestionWord, b: &QuestionWord) -> bool {
    question[a.place.end..b.place.start].contains(char::is_whitespace)
}

/// Returns the kind of the run of these `words`, which are not empty.
fn kind(question: &str, words: &[QuestionWord], analyzer: &mut Analyzer) -> RunKind {
    let text = &question[words[0].place.start..words[words.len() - 1].place.end];
    if text.contains(|c: char| c.is_ascii_digit()) {
        return numeric_kind(text, words.len());
    }
    if words.len() == 1 && is_abbreviation(text) {
        return RunKind::Abbreviation;
    }
    let words = words.iter().map(|word| &question[word.place.clone()]);
    let is_name =
        words.clone().all(is_capitalized) && words.clone().any(|word| is_unknown(word, analyzer));
    if is_name { RunKind::Name } else { RunKind::Other }
}

/// Returns the kind of a run with a digit, which has this many words.
fn numeric_kind(text: &str, words: usize) -> RunKind {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_date = WrittenDate::read(text).is_some_and(|date| date.len == text.len());
    let is_plain = digits == text.len();
    if is_date || is_ordinal(text) {
        RunKind::Other
    } else if words == 1 && (is_plain || is_amount(text)) {
        if digits >= MIN_DIGITS { RunKind::Number } else { RunKind::Digits }
    } else {
        RunKind::Code
    }
}

/// Whether `text` is a number with separators, and not a version.
fn is_amount(text: &str) -> bool {
    let readings = AnalyzedLanguage::ALL.map(|language| number::canonical(text, language));
    readings.into_iter().flatten().any(|reading| reading.bytes().filter(|b| *b == b'.').count() < 2)
}

/// Whether `text` is digits and then small letters: an ordinal, a decade or a unit, such as `19th`,
/// `20er`, `1980s`, `50km`.
fn is_ordinal(text: &str) -> bool {
    let ending = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_word = ending.chars().all(char::is_lowercase) && ending.len() < text.len();
    is_word && (ending == "s" || ending.chars().count() > 1)
}

/// Whether `text` is an abbreviation: capitals, or a capital after a small letter.
fn is_abbreviation(text: &str) -> bool {
    let letters = text.chars().count();
    let capitals = text.chars().filter(|c| c.is_uppercase()).count();
    let all_letters = text.chars().all(char::is_alphabetic);
    let is_mixed = capitals > 1 || text.chars().skip(1).any(char::is_uppercase);
    all_letters && letters <= MAX_ABBREVIATION && (is_mixed || capitals == letters)
}

/// Whether `word` is a capital followed by small letters.
fn is_capitalized(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(char::is_uppercase) && letters.all(char::is_lowercase)
}

/// Whether `word` is long enough for a name, and the bundled model knows neither the word, nor parts
/// that make it up, nor a word at its end, inflected or not.
fn is_unknown(word: &str, analyzer: &mut Analyzer) -> bool {
    let word = normalize(word);
    let bases = ENDINGS.iter().filter_map(|ending| word.strip_suffix(ending));
    let mut forms = bases.chain([&*word]).filter(|form| form.chars().count() >= MIN_NAME);
    word.chars().count() >= MIN_NAME
        && !forms.any(|form| analyzer.is_known(form) || has_known_tail(form, analyzer))
}

/// Whether `word` ends in a long word of the bundled model, as compounds do.
fn has_known_tail(word: &str, analyzer: &mut Analyzer) -> bool {
    let places = word.char_indices().map(|(at, _)| at);
    let mut tails = places.skip(MIN_HEAD).map(|at| &word[at..]);
    tails.any(|tail| tail.chars().count() >= MIN_TAIL && analyzer.is_known(tail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexical::QueryTerms;

    fn found(question: &str) -> Vec<(&str, usize)> {
        let terms = QueryTerms::of(question, &mut Analyzer::new().unwrap());
        let shown = terms.identifiers().iter();
        shown.map(|found| (&question[found.place.clone()], found.parts.len())).collect()
    }

    #[test]
    fn codes_numbers_and_names_are_identifiers() {
        for (question, expected) in [
            ("Was ist CVE-2024-3094?", vec![("CVE-2024-3094", 0)]),
            ("Gilt § 34a GewO noch?", vec![("34a GewO", 1)]),
            ("Urteil IV ZR 123/21 des Gerichts", vec![("IV ZR 123/21", 1)]),
            ("Urteil 4 C 17/23 des Gerichts", vec![("4 C 17/23", 1)]),
            ("What changed in v1.2.3, and in 10.0.19041?", vec![("v1.2.3", 0), ("10.0.19041", 0)]),
            ("Was sagte Jandewicz dazu?", vec![("Jandewicz", 0)]),
            ("Rechnung 4711 von Quorx-Zabel", vec![("4711", 0), ("Quorx-Zabel", 0)]),
            ("Wer zahlt 3.470 Euro?", vec![("3.470", 0)]),
        ] {
            assert_eq!(found(question), expected, "{question}");
        }
    }

    #[test]
    fn ordinary_words_and_short_numbers_are_none() {
        for question in [
            "Wer trägt die Kosten der Krankenversicherung und der Gebäudesanierung?",
            "Welche Häuser, Straßen und Überweisungen sind am 5. März 2024 betroffen?",
            "Which Countries and Cities of the United Nations have 12 or 20 members?",
            "the regirung of kolenstoff",
            "Die EU, die USA und die NATO in den 1980s, am 19th Tag und in den 20er Jahren",
        ] {
            assert_eq!(found(question), [], "{question}");
        }
    }

    #[test]
    fn only_the_first_identifiers_of_a_text_count() {
        let codes = (100..200).map(|number| format!("und Nr. A-{number}"));
        let text = codes.collect::<Vec<_>>().join(" ");
        assert_eq!(found(&text).len(), MAX_IDENTIFIERS);
    }
}
