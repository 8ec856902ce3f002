//! Explains the scores of hits.

use std::collections::BTreeSet;

use super::{
    explanation::{Explanation, WordContribution},
    late::LateQuestion,
    view::{Candidate, View, ids_of},
    word_match::QuestionWords,
};
use crate::{
    Hit, Result,
    lexical::{TermContribution, WeightedTerms, shown},
};

/// A question with what the ranking derived from it.
#[derive(Clone, Copy)]
pub(super) struct ExplainedQuestion<'q> {
    pub(super) text: &'q str,
    /// `None` if the mode compares no words.
    pub(super) terms: Option<&'q WeightedTerms>,
    /// `None` without late interaction, which needs the terms.
    pub(super) late: Option<&'q LateQuestion>,
}

/// Sets the explanations of `hits` of `question`, which were read for `candidates`.
pub(super) fn explain<V: View>(
    hits: &mut [Hit],
    candidates: &[Candidate],
    view: &V,
    question: ExplainedQuestion,
) -> Result<()> {
    for (hit, candidate) in hits.iter_mut().zip(candidates) {
        hit.explanation = Some(Box::new(explain_scores(candidate)));
    }
    let ExplainedQuestion { text, terms: Some(terms), late } = question else { return Ok(()) };
    let groups = terms.groups().iter().map(|weighted| &weighted.group);
    let words = late.map(|late| QuestionWords::new(text, groups, late));
    let contributions = view.contributions(terms, &ids_of(candidates))?;
    for (hit, contributions) in hits.iter_mut().zip(contributions) {
        let matches = words.as_ref().map(|words| words.matches(hit)).unwrap_or_default();
        if let Some(explanation) = &mut hit.explanation {
            explanation.matches = matches;
            explanation.max_bm25 = Some(terms.max_bm25());
            explanation.words = contributions.into_iter().map(WordContribution::from).collect();
        }
    }
    Ok(())
}

/// Explains the scores of `candidate`, without its words.
fn explain_scores(candidate: &Candidate) -> Explanation {
    Explanation {
        similarity: candidate.similarity,
        dense_rank: candidate.ranks.dense.map(|rank| rank + 1),
        mean_similarity: candidate.mean,
        spread: candidate.spread,
        bm25: candidate.bm25,
        baseline_share: candidate.baseline,
        late: candidate.late,
        identifiers: candidate.spread.map(|_| candidate.identifiers),
        noise_penalty: candidate.noise_penalty,
        freshness: candidate.freshness,
        recency: candidate.freshness.map(|_| candidate.recency),
        lexical_rank: candidate.ranks.lexical.map(|rank| rank + 1),
        retrieved: candidate.score,
        ..Explanation::default()
    }
}

impl From<TermContribution> for WordContribution {
    fn from(word: TermContribution) -> Self {
        // The stems of two languages can differ in their prefix alone.
        let terms: BTreeSet<&str> = word.terms.iter().map(|term| shown(term)).collect();
        Self {
            place: word.place,
            terms: terms.into_iter().map(str::to_owned).collect(),
            weight: word.weight,
            doc_freq: word.doc_freq,
            idf: word.idf,
            tf: word.tf,
            contribution: word.contribution,
        }
    }
}
