//! Analysis of a text into terms: the stems of its words and of the parts of compounds.

use std::{borrow::Cow, ops::Range};

use frostem::{Algorithm, Stemmer};
use rustc_hash::FxHashMap;

use super::{
    english_noun, gender_form,
    german_noun::{self, NounForm},
    number,
    stop_words::is_stop_word,
    tokenize::{MAX_WORD, fold_diacritics, normalize, without_periods, words},
    written_date::WrittenDate,
};
use crate::{
    Result,
    embed::{CompoundSplitter, is_code},
    language::AnalyzedLanguage,
};

/// Prefix of the terms of stop words. No other term has it, since it is neither letter nor digit.
pub(super) const STOP_PREFIX: char = '=';
/// Prefix of the stems of English words, so that stems of different languages do not meet.
pub(super) const ENGLISH_PREFIX: char = '~';
/// Acronyms that are stop words in lower case.
const ACRONYMS: [&str; 3] = ["IT", "US", "WHO"];
/// Maximum number of words whose terms are cached, per language.
const CACHED_WORDS: usize = 1 << 16;

/// Returns `term` for display, without its prefix.
pub(crate) fn shown(term: &str) -> &str {
    term.trim_start_matches([STOP_PREFIX, ENGLISH_PREFIX])
}

/// The part of a word that a term stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TermKind {
    /// The word.
    Word,
    /// A part of a compound word, by its number from 0.
    CompoundPart(usize),
}

/// Turns texts into terms, and caches the terms of words.
pub(crate) struct Analyzer {
    stemmers: WordAnalyzer,
    /// By language, and last that of texts of an unknown language.
    caches: [TermCache; AnalyzedLanguage::ALL.len() + 1],
}

impl Analyzer {
    /// Creates an analyzer with empty caches.
    ///
    /// # Errors
    ///
    /// As [`StaticEmbedder::bundled`](crate::StaticEmbedder::bundled), whose pieces split compounds.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { stemmers: WordAnalyzer::new()?, caches: Default::default() })
    }

    /// Calls `take` with each term of `text`, in order: the term, the byte range of its word, and its
    /// kind. Text of an unknown language is analyzed as German, and its numbers in every language.
    pub(crate) fn terms(
        &mut self,
        text: &str,
        language: Option<AnalyzedLanguage>,
        mut take: impl FnMut(&str, Range<usize>, TermKind),
    ) {
        for place in words(text) {
            self.word(&text[place.clone()], language, |term, kind| {
                take(term, place.clone(), kind);
            });
        }
    }

    /// Calls `take` with each term of `word`: first its stem, then the stems of its parts.
    pub(super) fn word(
        &mut self,
        word: &str,
        language: Option<AnalyzedLanguage>,
        mut take: impl FnMut(&str, TermKind),
    ) {
        let Self { stemmers, caches } = self;
        let cache = &mut caches[language.map_or(AnalyzedLanguage::ALL.len(), |it| it as usize)];
        let places = match cache.words.get(word) {
            Some(places) => places.clone(),
            // Data has so many codes that they would replace the words of texts.
            None if has_no_forms(word) => {
                return take(&fold_diacritics(&normalize(word)), TermKind::Word);
            }
            None => cache.insert(word, |terms| stemmers.add(word, language, terms)),
        };
        for at in places {
            let (term, kind) = cache.terms.get(at);
            take(term, kind);
        }
    }

    /// Whether the bundled model knows `word`, which is normalized, or words that make it up.
    pub(super) fn is_known(&mut self, word: &str) -> bool {
        self.stemmers.splitter.is_known(word)
    }
}

/// Cached terms of words.
#[derive(Default)]
struct TermCache {
    /// Positions in `terms` of the terms of each word.
    words: FxHashMap<Box<str>, Range<usize>>,
    terms: TermList,
}

impl TermCache {
    /// Caches `word` with the terms that `fill` adds; returns their positions.
    fn insert(&mut self, word: &str, fill: impl FnOnce(&mut TermList)) -> Range<usize> {
        if self.words.len() == CACHED_WORDS {
            self.words.clear();
            self.terms.clear();
        }
        let start = self.terms.ends.len();
        fill(&mut self.terms);
        let places = start..self.terms.ends.len();
        self.words.insert(word.into(), places.clone());
        places
    }
}

/// A list of terms in one string.
#[derive(Default)]
struct TermList {
    text: String,
    /// End and kind of each term.
    ends: Vec<TermEnd>,
}

/// End of a term in a [`TermList`], in bytes, with its kind.
struct TermEnd {
    at: usize,
    kind: TermKind,
}

impl TermList {
    fn push(&mut self, term: &str, kind: TermKind) {
        self.text.push_str(term);
        self.ends.push(TermEnd { at: self.text.len(), kind });
    }

    fn get(&self, at: usize) -> (&str, TermKind) {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before].at);
        let end = &self.ends[at];
        (&self.text[start..end.at], end.kind)
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }
}

/// Stems words and the parts of compounds.
struct WordAnalyzer {
    german: Stemmer,
    english: Stemmer,
    splitter: CompoundSplitter,
}

impl WordAnalyzer {
    fn new() -> Result<Self> {
        Ok(Self {
            german: Stemmer::new(Algorithm::German),
            english: Stemmer::new(Algorithm::English),
            splitter: CompoundSplitter::bundled()?,
        })
    }

    /// Adds the terms of `word`, which has forms, to `terms`.
    fn add(&mut self, word: &str, language: Option<AnalyzedLanguage>, terms: &mut TermList) {
        let is_known = language.is_some();
        let language = language.unwrap_or(AnalyzedLanguage::German);
        let date = WrittenDate::read(word).filter(|date| date.len == word.len());
        if let Some(date) = date {
            terms.push(&date.term(), TermKind::Word);
            for (number, part) in date.words().enumerate() {
                let part = self.stem(&normalize(&part), language);
                terms.push(&part, TermKind::CompoundPart(number));
            }
        } else if let Some(number) = number::canonical(without_v(word), language) {
            terms.push(&normalize(&number), TermKind::Word);
            let english = number::canonical(without_v(word), AnalyzedLanguage::English);
            if let Some(other) = english.filter(|other| !is_known && *other != number) {
                terms.push(&normalize(&other), TermKind::CompoundPart(0));
            }
        } else if let Some(base) = gender_form::base(word) {
            self.add_noun(&normalize(base), language, terms);
        } else {
            self.add_word(word, language, terms);
        }
    }

    /// Adds the terms of a word that is neither a date nor a number.
    fn add_word(&mut self, word: &str, language: AnalyzedLanguage, terms: &mut TermList) {
        let plain = without_periods(word);
        let normal = normalize(&plain);
        let word = self.splitter.restored(&normal).map_or(normal, Cow::Owned);
        if is_stop_word(&word, language) && !ACRONYMS.contains(&&*plain) {
            // Stems of other words can equal stop words: `Sicherheit` is not `sich`.
            terms.push(&format!("{STOP_PREFIX}{}", fold_diacritics(&word)), TermKind::Word);
        } else {
            self.add_noun(&word, language, terms);
        }
    }

    /// Adds the terms of a word and of its parts.
    ///
    /// A word is split before its diacritics are folded; its parts are stemmed like words. The pieces
    /// that split words do not depend on the corpus, so neither do the terms.
    fn add_noun(&mut self, word: &str, language: AnalyzedLanguage, terms: &mut TermList) {
        let whole = self.stem(word, language);
        terms.push(&whole, TermKind::Word);
        let places = self.splitter.split(word).to_vec();
        let text = |place: &Range<usize>| &word[place.clone()];
        let parts = places
            .iter()
            .enumerate()
            .filter(|(at, place)| places[..*at].iter().all(|other| text(other) != text(place)));
        for (number, (_, place)) in parts.enumerate() {
            let part = self.stem(text(place), language);
            // The stem of a part can equal that of the word.
            if part != whole {
                terms.push(&part, TermKind::CompoundPart(number));
            }
        }
    }

    /// Returns the stem of `word`, which is normalized. Words that start with a digit have none.
    fn stem(&self, word: &str, language: AnalyzedLanguage) -> String {
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return fold_diacritics(word).into_owned();
        }
        match language {
            AnalyzedLanguage::German => match german_noun::reduce(word) {
                NounForm::Stem(stem) => stem,
                NounForm::Word(word) => self.german.stem(&fold_diacritics(&word)).into_owned(),
            },
            AnalyzedLanguage::English => {
                let singular = english_noun::singular(word);
                format!("{ENGLISH_PREFIX}{}", self.english.stem(&fold_diacritics(&singular)))
            }
        }
    }
}

/// Whether `word` is a code or too long for a word. Its term is the same in all languages.
fn has_no_forms(word: &str) -> bool {
    is_code(word) || word.len() > MAX_WORD
}

/// Returns a version without its `v`: `v1.2` becomes `1.2`.
fn without_v(word: &str) -> &str {
    let version = word.strip_prefix(['v', 'V']);
    version.filter(|version| version.starts_with(|c: char| c.is_ascii_digit())).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn terms(text: &str, language: AnalyzedLanguage) -> Vec<(String, TermKind)> {
        let mut all = Vec::new();
        let take = |term: &str, _, kind| all.push((term.to_owned(), kind));
        Analyzer::new().unwrap().terms(text, Some(language), take);
        all
    }

    fn wholes(text: &str, language: AnalyzedLanguage) -> Vec<String> {
        let all = terms(text, language).into_iter();
        all.filter(|(_, part)| *part == TermKind::Word).map(|(term, _)| term).collect()
    }

    #[test]
    fn words_that_differ_in_endings_are_one_term() {
        let german = wholes("Ärzte Arzt Häuser Haus Straßen Strasse", AnalyzedLanguage::German);
        assert_eq!(german, ["arzt", "arzt", "haus", "haus", "strass", "strass"]);
        let english = wholes("connections connected running runs", AnalyzedLanguage::English);
        assert_eq!(english, ["~connect", "~connect", "~run", "~run"]);
    }

    #[test]
    fn numbers_dates_acronyms_and_gender_forms_are_words() {
        let german = wholes(
            "3.470 U.S. US 5.3.2024 LKWs C++ C .NET Kund:innen Kunde KollegInnen Kollege v1.2.3",
            AnalyzedLanguage::German,
        );
        let expected = [
            "3470",
            "us",
            "us",
            "2024-03-05",
            "lkw",
            "c++",
            "c",
            ".net",
            "kund",
            "kund",
            "kolleg",
            "kolleg",
            "1.2.3",
        ];
        assert_eq!(german, expected);
        assert_eq!(
            wholes("3.470 NATO N.A.T.O.", AnalyzedLanguage::English),
            ["3.470", "~nato", "~nato"]
        );
    }

    #[test]
    fn compounds_have_parts() {
        let compound = terms("Bundesverfassungsgericht", AnalyzedLanguage::German);
        let parts = ["bundesverfass", "bund", "verfass", "gericht"].into_iter().enumerate();
        let parts = parts.map(|(at, part)| (part.to_owned(), TermKind::CompoundPart(at)));
        assert!(compound[1..].iter().cloned().eq(parts), "{compound:?}");
        assert_eq!(terms("Haus", AnalyzedLanguage::German).len(), 1);
    }

    #[test]
    fn terms_have_the_places_of_their_words() {
        let text = "Die „Ärzte“.";
        let mut places = Vec::new();
        let take = |_: &str, place: Range<usize>, _| places.push(&text[place]);
        Analyzer::new().unwrap().terms(text, Some(AnalyzedLanguage::German), take);
        assert_eq!(places, ["Die", "Ärzte"]);
    }

    proptest! {
        #[test]
        fn any_word_has_terms(word in "\\w{1,200}", again in any::<String>()) {
            for language in AnalyzedLanguage::ALL {
                for text in [&word, &again] {
                    for (term, _) in terms(text, language) {
                        prop_assert!(term.len() <= 256, "{}", term);
                    }
                }
            }
        }

        #[test]
        fn words_of_suffixes_are_stemmed(
            word in "(ge|ver|un|über|ue|qu|y|bb|ä){0,4}(lich|keit|heit|isch|ung|end|ig|ern|er|s|nen|ß|ation|ing|edly|ies|'s|fulness|bl|li){0,6}"
        ) {
            for language in AnalyzedLanguage::ALL {
                terms(&word, language);
            }
        }

        #[test]
        fn cached_terms_equal_fresh_ones(words in prop::collection::vec("[a-zäöüß]{1,12}", 1..30)) {
            let mut analyzer = Analyzer::new().unwrap();
            let mut all = || {
                let mut all = Vec::new();
                for word in &words {
                    let take = |term: &str, kind| all.push((term.to_owned(), kind));
                    analyzer.word(word, Some(AnalyzedLanguage::German), take);
                }
                all
            };
            let first = all();
            prop_assert_eq!(all(), first);
        }
    }
}
