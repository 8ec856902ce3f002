//! The passages that have an identifier of the question.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    candidates::FIRST_POOL,
    view::{ArmRequest, PassageId, View, ids_of},
};
use crate::{
    Language, Result,
    lexical::{Analyzer, Identifier, WeightedTerms, has_phrase},
};

/// Number of articles from which on an identifier is not rare.
const COMMON: f32 = 16.0;
/// Minimum number of passages of a corpus for each article with a rare identifier.
const MIN_PASSAGES: f32 = 8.0;

/// Passages with identifiers of a question.
#[derive(Debug, Default)]
pub(super) struct IdentifierMatches {
    /// The sum of `certainty * rarity` of the identifiers that a passage has.
    scores: FxHashMap<PassageId, f32>,
}

/// The passages that have an identifier.
struct Holders {
    passages: Vec<PassageId>,
    /// Number of their articles.
    articles: f32,
}

impl IdentifierMatches {
    /// Finds the passages of `request` that have an identifier of the question, which has these
    /// `terms`. Its `k` is not used.
    pub(super) fn find<V: View>(
        view: &V,
        terms: &WeightedTerms,
        request: &ArmRequest<'_, V::Allowed>,
    ) -> Result<Self> {
        let mut matches = Self::default();
        for identifier in terms.identifiers() {
            if !matches.add(identifier, view, terms, request)? {
                for part in &identifier.parts {
                    matches.add(part, view, terms, request)?;
                }
            }
        }
        Ok(matches)
    }

    /// The passages that have a rare identifier.
    pub(super) fn passages(&self) -> impl Iterator<Item = PassageId> {
        self.scores.keys().copied()
    }

    /// Returns the score of a passage, `>= 0.0`.
    pub(super) fn score(&self, passage: PassageId) -> f32 {
        self.scores.get(&passage).copied().unwrap_or(0.0)
    }

    /// Adds the passages with `identifier`; returns whether there is one.
    fn add<V: View>(
        &mut self,
        identifier: &Identifier,
        view: &V,
        terms: &WeightedTerms,
        request: &ArmRequest<'_, V::Allowed>,
    ) -> Result<bool> {
        let holders = Holders::find(identifier, view, terms, request)?;
        let rarity = rarity(holders.articles, view.passages());
        if rarity > 0.0 {
            for passage in &holders.passages {
                *self.scores.entry(*passage).or_default() += identifier.certainty * rarity;
            }
        }
        Ok(!holders.passages.is_empty())
    }
}

impl Holders {
    fn find<V: View>(
        identifier: &Identifier,
        view: &V,
        terms: &WeightedTerms,
        request: &ArmRequest<'_, V::Allowed>,
    ) -> Result<Self> {
        let terms = terms.only(&identifier.words);
        let doc_freqs = terms.groups().iter().map(|group| group.doc_freq);
        let doc_freq = doc_freqs.min().unwrap_or(0);
        if doc_freq == 0 {
            return Ok(Self { passages: Vec::new(), articles: 0.0 });
        }
        let request = ArmRequest { k: FIRST_POOL, ..*request };
        let found = view.matching(&terms, &request)?.found;
        let contributions = view.contributions(&terms, &ids_of(&found))?;
        let with_all = found.iter().zip(&contributions).filter(|(_, groups)| {
            groups.iter().all(|group| group.tf > 0)
        });
        let mut passages: Vec<PassageId> = with_all.map(|(candidate, _)| candidate.id).collect();
        if identifier.words.len() > 1 {
            passages = with_phrase(view, passages, &identifier.words)?;
        }
        let articles: FxHashSet<_> = view.articles(&passages)?.into_iter().collect();
        #[allow(clippy::cast_precision_loss)]
        let mut articles = articles.len() as f32;
        if passages.len() == FIRST_POOL {
            // The others are as many to an article as those that were found.
            articles *= doc_freq as f32 / FIRST_POOL as f32;
        }
        Ok(Self { passages, articles })
    }
}

/// Returns those of `passages` in which the words with these terms follow each other.
fn with_phrase<V: View>(
    view: &V,
    passages: Vec<PassageId>,
    words: &[BTreeSet<String>],
) -> Result<Vec<PassageId>> {
    if passages.is_empty() {
        return Ok(passages);
    }
    let mut analyzer = Analyzer::new()?;
    let texts = view.read(&passages)?;
    let mut found = Vec::new();
    for (passage, stored) in passages.into_iter().zip(texts) {
        let language = stored.language.and_then(Language::analyzed);
        if has_phrase(&stored.text_in_context(), language, words, &mut analyzer) {
            found.push(passage);
        }
    }
    Ok(found)
}

/// Returns how rare an identifier is that this many articles of a corpus have, `0.0..=1.0`.
fn rarity(articles: f32, passages: usize) -> f32 {
    if articles * MIN_PASSAGES > passages as f32 || articles < 1.0 {
        return 0.0;
    }
    (1.0 - articles.ln() / COMMON.ln()).max(0.0)
}
