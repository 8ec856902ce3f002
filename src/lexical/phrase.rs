//! Phrases: words that stand one after the other in a text.

use std::collections::BTreeSet;

use super::{
    Analyzer, analyzer::TermKind, query_terms::terms_of_words, tokenize::words,
    written_date::WrittenDate,
};
use crate::language::AnalyzedLanguage;

/// Words that stand one after the other, each in any of its forms.
#[derive(Debug)]
pub(crate) struct Phrase {
    /// The terms of each word; not empty.
    words: Vec<BTreeSet<String>>,
}

impl Phrase {
    /// The words of `text`, which has at least one.
    pub(crate) fn of(text: &str, analyzer: &mut Analyzer) -> Self {
        let words = terms_of_words(text, analyzer);
        assert!(!words.is_empty(), "the query was checked: each phrase has a word");
        Self { words }
    }

    /// The words with these terms, at least one.
    pub(crate) fn of_terms(words: Vec<BTreeSet<String>>) -> Self {
        assert!(!words.is_empty(), "an identifier has a word");
        Self { words }
    }

    /// Returns whether the phrase stands in a text.
    pub(crate) fn is_in(&self, text: &TermSequences) -> bool {
        let is_here = |terms: &[String]| {
            self.words.iter().zip(terms).all(|(alternatives, term)| alternatives.contains(term))
        };
        let sequences = [&text.terms, &text.split_dates];
        sequences.into_iter().any(|terms| terms.windows(self.words.len()).any(is_here))
    }
}

/// The words of a text, in order, without the parts of compounds.
#[derive(Debug)]
pub(crate) struct TermSequences {
    /// The term of each word.
    terms: Vec<String>,
    /// The same with day, month and year of each date as words of their own; empty without dates.
    split_dates: Vec<String>,
}

impl TermSequences {
    /// Analyzes `text`. Text of an unknown language is analyzed as German.
    pub(crate) fn of(
        text: &str,
        language: Option<AnalyzedLanguage>,
        analyzer: &mut Analyzer,
    ) -> Self {
        let mut terms = Vec::new();
        let mut split = Vec::new();
        let mut has_date = false;
        for place in words(text) {
            let word = &text[place];
            push_term(word, language, analyzer, &mut terms);
            if WrittenDate::read(word).is_some_and(|date| date.len == word.len()) {
                has_date = true;
                for part in
                    word.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty())
                {
                    push_term(part, language, analyzer, &mut split);
                }
            } else {
                push_term(word, language, analyzer, &mut split);
            }
        }
        let split_dates = if has_date { split } else { Vec::new() };
        Self { terms, split_dates }
    }
}

/// Adds the term of `word` as a whole to `terms`.
fn push_term(
    word: &str,
    language: Option<AnalyzedLanguage>,
    analyzer: &mut Analyzer,
    terms: &mut Vec<String>,
) {
    analyzer.word(word, language, |term, kind| {
        if kind == TermKind::Word {
            terms.push(term.to_owned());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_in(phrase: &str, text: &str, language: AnalyzedLanguage) -> bool {
        let mut analyzer = Analyzer::new().unwrap();
        let text = TermSequences::of(text, Some(language), &mut analyzer);
        Phrase::of(phrase, &mut analyzer).is_in(&text)
    }

    #[test]
    fn words_of_a_phrase_stand_in_order_in_any_form() {
        let text = "Die künstlichen Intelligenzen der Stadt, die Moore (Torf).";
        for (phrase, expected) in [
            ("künstliche Intelligenz", true),
            ("KUENSTLICHE INTELLIGENZ", true),
            ("Intelligenz der Stadt die Moor Torf", true),
            ("Intelligenz Stadt", false),
            ("Intelligenz künstlich", false),
            ("Torf", true),
            ("Torf der", false),
        ] {
            assert_eq!(is_in(phrase, text, AnalyzedLanguage::German), expected, "{phrase}");
        }
    }

    #[test]
    fn a_part_of_a_compound_is_no_word_of_a_phrase() {
        let text = "Die Krankenversicherung zahlt.";
        assert!(is_in("Krankenversicherungen", text, AnalyzedLanguage::German));
        assert!(!is_in("Versicherung zahlt", text, AnalyzedLanguage::German));
    }

    #[test]
    fn dates_match_as_a_whole_and_by_their_words() {
        let german = "Er kam am 5. März 2024 an.";
        for phrase in ["am 5. März 2024", "2024-03-05 an", "März 2024 an", "am 5. März", "2024"]
        {
            assert!(is_in(phrase, german, AnalyzedLanguage::German), "{phrase}");
        }
        assert!(!is_in("März an", german, AnalyzedLanguage::German));
        let english = "It closed on May 5, 2024.";
        for phrase in ["on May 5", "May 5, 2024", "5. Mai 2024"] {
            assert!(is_in(phrase, english, AnalyzedLanguage::English), "{phrase}");
        }
    }

    #[test]
    fn a_number_is_read_in_both_languages() {
        assert!(is_in("3.470 Euro", "Es kostet 3.470 Euro.", AnalyzedLanguage::German));
        assert!(is_in("3.470 Euro", "It costs 3,470 euro.", AnalyzedLanguage::English));
        assert!(is_in("3.470 percent", "It is 3.470 percent.", AnalyzedLanguage::English));
    }
}
