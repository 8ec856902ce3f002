//! The passages that have an identifier of the question.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    candidates::FIRST_POOL,
    text_conditions::PhraseCheck,
    view::{ArmRequest, Candidate, Candidates, PassageId, View, ids_of},
};
use crate::{
    Result,
    lexical::{Identifier, Phrase, WeightedTerms},
};

/// Number of articles with all words of an identifier above which it counts as common. Their texts
/// are not read, since a question about `COVID-19` in a corpus about it would wait for all of them.
const COMMON: f32 = 16.0;
/// Minimum number of passages of a corpus for each article with a rare identifier.
const MIN_PASSAGES: f32 = 8.0;

/// Passages with identifiers of a question.
#[derive(Debug, Default)]
pub(super) struct IdentifierMatches {
    /// The sum of `certainty * rarity` of the identifiers that a passage has.
    scores: FxHashMap<PassageId, f32>,
    /// Whether a search was interrupted.
    pub(super) is_interrupted: bool,
}

/// The passages that have an identifier.
struct Holders {
    passages: Vec<PassageId>,
    /// Number of their articles.
    articles: f32,
}

/// The search for the identifiers of a question.
struct IdentifierSearch<'s, V: View> {
    view: &'s V,
    terms: &'s WeightedTerms,
    request: ArmRequest<'s, V::Allowed>,
    matches: IdentifierMatches,
}

impl IdentifierMatches {
    /// Finds the passages of `request` that have an identifier of the question, which has these
    /// `terms`. Its `k` is not used.
    pub(super) fn find<V: View>(
        view: &V,
        terms: &WeightedTerms,
        request: &ArmRequest<'_, V::Allowed>,
    ) -> Result<Self> {
        let request = ArmRequest { k: FIRST_POOL, ..*request };
        let mut search = IdentifierSearch { view, terms, request, matches: Self::default() };
        for identifier in terms.identifiers() {
            if !search.add(identifier)? {
                for part in &identifier.parts {
                    search.add(part)?;
                }
            }
        }
        Ok(search.matches)
    }

    /// The passages that have a rare identifier.
    pub(super) fn passages(&self) -> impl Iterator<Item = PassageId> {
        self.scores.keys().copied()
    }

    /// Returns the score of a passage, `>= 0.0`.
    pub(super) fn score(&self, passage: PassageId) -> f32 {
        self.scores.get(&passage).copied().unwrap_or(0.0)
    }
}

impl<V: View> IdentifierSearch<'_, V> {
    /// Adds the passages with `identifier`; returns whether there is one.
    fn add(&mut self, identifier: &Identifier) -> Result<bool> {
        let holders = self.holders(identifier)?;
        let rarity = rarity(holders.articles, self.view.passages());
        if rarity > 0.0 {
            for passage in &holders.passages {
                let score = self.matches.scores.entry(*passage).or_default();
                *score += identifier.certainty * rarity;
            }
        }
        Ok(!holders.passages.is_empty())
    }

    fn holders(&mut self, identifier: &Identifier) -> Result<Holders> {
        let terms = self.terms.only(&identifier.words);
        let doc_freqs = terms.groups().iter().map(|group| group.doc_freq);
        let doc_freq = doc_freqs.min().unwrap_or(0);
        if doc_freq == 0 {
            return Ok(Holders { passages: Vec::new(), articles: 0.0 });
        }
        let mut found = self.with_all_words(&terms)?;
        if articles_of(self.view, &found)? > COMMON {
            return Ok(Holders { passages: ids_of(&found), articles: f32::INFINITY });
        }
        let is_cut = found.len() == FIRST_POOL;
        if identifier.words.len() > 1 {
            found = with_phrase(self.view, found, &identifier.words)?;
        }
        // Beyond the pool, as many articles in relation have the identifier as within it.
        let beyond = if is_cut { ratio(doc_freq, FIRST_POOL) } else { 1.0 };
        let articles = articles_of(self.view, &found)? * beyond;
        Ok(Holders { passages: ids_of(&found), articles })
    }

    /// Returns the best passages that have all of `terms`.
    fn with_all_words(&mut self, terms: &WeightedTerms) -> Result<Vec<Candidate>> {
        let Candidates { found, plans, .. } = self.view.matching(terms, &self.request)?;
        self.matches.is_interrupted |= plans.iter().any(|plan| !plan.complete);
        let contributions = self.view.contributions(terms, &ids_of(&found))?;
        let with_all = found.into_iter().zip(&contributions);
        let with_all = with_all.filter(|(_, groups)| groups.iter().all(|group| group.tf > 0));
        Ok(with_all.map(|(candidate, _)| candidate).collect())
    }
}

/// Returns the number of articles of `candidates`, at most [`FIRST_POOL`].
#[expect(clippy::cast_precision_loss, reason = "a small number")]
fn articles_of<V: View>(view: &V, candidates: &[Candidate]) -> Result<f32> {
    let articles = view.articles(&ids_of(candidates))?;
    Ok(articles.into_iter().collect::<FxHashSet<_>>().len() as f32)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn ratio(doc_freq: u64, pool: usize) -> f32 {
    doc_freq as f32 / pool as f32
}

/// Returns those of `candidates` whose words with these terms follow each other.
fn with_phrase<V: View>(
    view: &V,
    candidates: Vec<Candidate>,
    words: &[BTreeSet<String>],
) -> Result<Vec<Candidate>> {
    if candidates.is_empty() {
        return Ok(candidates);
    }
    let mut check = PhraseCheck::requiring(Phrase::of_terms(words.to_vec()))?;
    let passages = view.read(&ids_of(&candidates))?;
    let mut found = Vec::new();
    for (passage, candidate) in passages.into_iter().zip(candidates) {
        if check.is_met_by(&passage.into_hit(&candidate)) {
            found.push(candidate);
        }
    }
    Ok(found)
}

/// Returns how rare an identifier is that this many articles of a corpus have, `0.0..=1.0`.
///
/// In a corpus of few passages, one that has a name says little.
fn rarity(articles: f32, passages: usize) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "a bound of few passages")]
    let is_rare = articles >= 1.0 && articles * MIN_PASSAGES <= passages as f32;
    if is_rare { articles.recip() } else { 0.0 }
}
