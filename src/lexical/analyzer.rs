//! How a text becomes terms: the stems of its words, and the parts of its compounds.

use std::ops::Range;

use frostem::{Algorithm, Stemmer};
use rustc_hash::FxHashMap;

use super::{
    stop::is_stop_word,
    words::{folded, words, written},
};
use crate::{Language, Result, embed::Splitter};

/// The version of these rules, of the lists of [`stop`](super::stop) that weigh with them, and of
/// the pieces that cut compounds: terms of another one are not comparable.
pub(crate) const ANALYSIS: u32 = 2;

/// What the term of a function word begins with, and no other: no word has it.
pub(super) const FUNCTION: char = '=';
/// Shortest part of a compound, in characters.
const MIN_PART: usize = 4;
/// Words whose terms are kept, in each language.
const KEPT_WORDS: usize = 1 << 16;

/// `term` as people are told it.
pub(crate) fn shown(term: &str) -> &str {
    term.trim_start_matches(FUNCTION)
}

/// What of a word a term is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The word.
    Whole,
    /// The part of a compound that has this number, from 0.
    Piece(usize),
}

/// Turns texts into terms; the terms of words that come again are kept.
pub(crate) struct Analyzer {
    forms: Forms,
    kept: [Kept; Language::ALL.len()],
}

impl Analyzer {
    /// An analyzer that keeps no words yet.
    ///
    /// # Errors
    ///
    /// Those of [`StaticEmbedder::bundled`](crate::StaticEmbedder::bundled), whose pieces cut
    /// compounds.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { forms: Forms::new()?, kept: Default::default() })
    }

    /// Calls `take` with each term of `text`, in order: the term, where its word is in `text`,
    /// and what of it the term is. Words of an unknown language are taken for German.
    pub(crate) fn terms(
        &mut self,
        text: &str,
        language: Option<Language>,
        mut take: impl FnMut(&str, Range<usize>, Part),
    ) {
        for place in words(text) {
            self.word(&text[place.clone()], language, |term, part| {
                take(term, place.clone(), part);
            });
        }
    }

    /// Calls `take` with each term of `word`: the word, then its parts.
    pub(super) fn word(
        &mut self,
        word: &str,
        language: Option<Language>,
        mut take: impl FnMut(&str, Part),
    ) {
        let language = language.unwrap_or(Language::German);
        let Self { forms, kept } = self;
        let kept = &mut kept[language as usize];
        let places = match kept.words.get(word) {
            Some(places) => places.clone(),
            None => kept.add(word, |terms| forms.add(word, language, terms)),
        };
        for at in places {
            let (term, part) = kept.terms.get(at);
            take(term, part);
        }
    }
}

/// The terms of words.
#[derive(Default)]
struct Kept {
    words: FxHashMap<Box<str>, Range<usize>>,
    terms: TermList,
}

impl Kept {
    /// Keeps `word` with the terms that `fill` adds; returns where they are.
    fn add(&mut self, word: &str, fill: impl FnOnce(&mut TermList)) -> Range<usize> {
        if self.words.len() == KEPT_WORDS {
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

/// Terms, one after the other.
#[derive(Default)]
struct TermList {
    text: String,
    ends: Vec<(usize, Part)>,
}

impl TermList {
    fn push(&mut self, term: &str, part: Part) {
        self.text.push_str(term);
        self.ends.push((self.text.len(), part));
    }

    fn get(&self, at: usize) -> (&str, Part) {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before].0);
        let (end, part) = self.ends[at];
        (&self.text[start..end], part)
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }
}

/// Makes terms of words.
struct Forms {
    german: Stemmer,
    english: Stemmer,
    splitter: Splitter,
}

impl Forms {
    fn new() -> Result<Self> {
        Ok(Self {
            german: Stemmer::new(Algorithm::German),
            english: Stemmer::new(Algorithm::English),
            splitter: Splitter::bundled()?,
        })
    }

    /// Adds the terms of `word` to `terms`.
    ///
    /// The parts are cut from the word as it is written, and are words themselves: they are cut by
    /// pieces that no corpus changes, so what a word's terms are never changes either.
    fn add(&mut self, word: &str, language: Language, terms: &mut TermList) {
        let word = written(word);
        if is_stop_word(&word, language) {
            // Stems of other words can be function words: `Sicherheit` is not `sich`.
            terms.push(&format!("{FUNCTION}{}", folded(&word)), Part::Whole);
            return;
        }
        let stemmer = match language {
            Language::German => self.german,
            Language::English => self.english,
        };
        let folded_word = folded(&word);
        let whole = stemmer.stem(&folded_word);
        terms.push(&whole, Part::Whole);
        let places = self.splitter.split(&word);
        let text = |place: &Range<usize>| &word[place.clone()];
        let parts = places.iter().enumerate().filter(|(at, place)| {
            let again = || places[..*at].iter().any(|other| text(other) == text(place));
            place.len() < word.len() && text(place).chars().count() >= MIN_PART && !again()
        });
        for (number, (_, place)) in parts.enumerate() {
            let part = folded(text(place));
            let part = stemmer.stem(&part);
            // An ending that was cut off leaves the word.
            if part != whole {
                terms.push(&part, Part::Piece(number));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn terms(text: &str, language: Language) -> Vec<(String, Part)> {
        let mut all = Vec::new();
        let take = |term: &str, _, part| all.push((term.to_owned(), part));
        Analyzer::new().unwrap().terms(text, Some(language), take);
        all
    }

    fn wholes(text: &str, language: Language) -> Vec<String> {
        let all = terms(text, language).into_iter();
        all.filter(|(_, part)| *part == Part::Whole).map(|(term, _)| term).collect()
    }

    #[test]
    fn words_that_differ_in_endings_are_one_term() {
        let german = wholes("Ärzte Arzt Häuser Haus Straßen Strasse", Language::German);
        assert_eq!(german, ["arzt", "arzt", "haus", "haus", "strass", "strass"]);
        let english = wholes("connections connected running runs", Language::English);
        assert_eq!(english, ["connect", "connect", "run", "run"]);
    }

    #[test]
    fn the_version_stands_for_the_pieces() {
        let pieces = Splitter::bundled().unwrap().fingerprint();
        let message = "compounds are cut by other pieces now: raise ANALYSIS";
        assert_eq!((ANALYSIS, pieces), (2, 4_013_763_635_343_344_022), "{message}");
    }

    #[test]
    fn compounds_have_parts() {
        let compound = terms("Bundesverfassungsgericht", Language::German);
        let parts = [("bundesverfass", Part::Piece(0)), ("gericht", Part::Piece(1))];
        assert_eq!(compound[1..], parts.map(|(term, part)| (term.to_owned(), part)));
        assert_eq!(terms("Haus", Language::German).len(), 1);
    }

    #[test]
    fn the_places_of_words_are_told() {
        let text = "Die „Ärzte“.";
        let mut places = Vec::new();
        let take = |_: &str, place: Range<usize>, _| places.push(&text[place]);
        Analyzer::new().unwrap().terms(text, Some(Language::German), take);
        assert_eq!(places, ["Die", "Ärzte"]);
    }

    proptest! {
        #[test]
        fn any_word_has_terms(word in "\\w{1,200}", again in any::<String>()) {
            for language in Language::ALL {
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
            for language in Language::ALL {
                terms(&word, language);
            }
        }

        #[test]
        fn what_is_kept_changes_nothing(words in prop::collection::vec("[a-zäöüß]{1,12}", 1..30)) {
            let mut analyzer = Analyzer::new().unwrap();
            let mut all = || {
                let mut all = Vec::new();
                for word in &words {
                    let take = |term: &str, part| all.push((term.to_owned(), part));
                    analyzer.word(word, Some(Language::German), take);
                }
                all
            };
            let first = all();
            prop_assert_eq!(all(), first);
        }
    }
}
