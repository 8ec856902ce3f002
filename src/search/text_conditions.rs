//! Conditions of a query on the words of passages.

use crate::{
    Hit, Language, Query, Result,
    lexical::{Analyzer, Phrase, TermSequences, WordConditions},
};

/// The words and phrases that a passage must or must not have.
#[derive(Default)]
pub(super) struct TextConditions {
    /// Looked up before the search. The words of a required phrase are required.
    pub(super) words: WordConditions,
    /// Checked on the texts of candidates; `None` without phrases.
    pub(super) phrases: Option<PhraseCheck>,
}

impl TextConditions {
    /// The conditions of `query`, each of which has a word.
    pub(super) fn of(query: &Query) -> Result<Self> {
        let Query { required, required_phrases, excluded, excluded_phrases, .. } = query;
        let phrases = required_phrases.len() + excluded_phrases.len();
        if required.len() + excluded.len() + phrases == 0 {
            return Ok(Self::default());
        }
        let mut analyzer = Analyzer::new()?;
        let mut words = WordConditions::default();
        for text in required.iter().chain(required_phrases) {
            words.require(text, &mut analyzer);
        }
        for text in excluded {
            words.exclude(text, &mut analyzer);
        }
        let mut phrases_of =
            |texts: &[String]| texts.iter().map(|text| Phrase::of(text, &mut analyzer)).collect();
        let required = phrases_of(required_phrases);
        let excluded = phrases_of(excluded_phrases);
        let check = PhraseCheck { required, excluded, analyzer };
        Ok(Self { words, phrases: (phrases > 0).then_some(check) })
    }
}

/// Checks the phrases of a query on texts.
pub(super) struct PhraseCheck {
    required: Vec<Phrase>,
    excluded: Vec<Phrase>,
    analyzer: Analyzer,
}

impl PhraseCheck {
    /// Checks that `phrase` is there.
    pub(super) fn requiring(phrase: Phrase) -> Result<Self> {
        let analyzer = Analyzer::new()?;
        Ok(Self { required: vec![phrase], excluded: Vec::new(), analyzer })
    }

    /// Whether `hit` has all required phrases and no excluded one, each within its title, its heading
    /// or its text.
    pub(super) fn is_met_by(&mut self, hit: &Hit) -> bool {
        let language = hit.language.and_then(Language::analyzed);
        let parts = hit.embedded_parts();
        let parts = parts.iter().map(|part| TermSequences::of(part, language, &mut self.analyzer));
        let parts: Vec<TermSequences> = parts.collect();
        let has = |phrase: &Phrase| parts.iter().any(|part| phrase.is_in(part));
        self.required.iter().all(has) && !self.excluded.iter().any(has)
    }
}
