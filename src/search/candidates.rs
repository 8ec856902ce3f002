//! Candidates of the dense, the lexical and the hybrid ranking, tier by tier.

use std::time::Instant;

use rustc_hash::FxHashSet;

use super::{
    fusion::Fusion,
    identifier_matches::IdentifierMatches,
    late::{LateConstants, LateQuestion},
    recency::RecencyScale,
    view::{ArmRequest, Candidate, Candidates, PassageId, Question, Ranks, View, ids_of, rank},
};
use crate::{Query, QueryPlan, Result, lexical::WeightedTerms};

/// Number of passages that each arm finds for the first tier of a hybrid ranking. All constants of a
/// query come from them, so its first hits do not depend on the number of hits. More changed no
/// measured result.
pub(super) const FIRST_POOL: usize = 50;
/// Factor between the pools of two tiers.
pub(super) const GROWTH: usize = 4;

/// The candidates of one arm, or of a tier of both arms after fusion.
#[derive(Debug)]
pub(super) struct Ranking {
    /// Best first; equal scores by place.
    pub(super) found: Vec<Candidate>,
    /// Whether a larger pool finds nothing more.
    pub(super) is_exhausted: bool,
}

impl Ranking {
    /// Stores the rank of each passage in the field of [`Ranks`] that `field` selects.
    fn assign_ranks(mut self, field: impl Fn(&mut Ranks) -> &mut Option<usize>) -> Self {
        for (rank, candidate) in self.found.iter_mut().enumerate() {
            *field(&mut candidate.ranks) = Some(rank);
        }
        self
    }

    /// Leaves out candidates below `min_similarity`.
    fn retain_similar(mut self, min_similarity: Option<f32>) -> Self {
        let Some(min_similarity) = min_similarity else { return self };
        self.found.retain(|candidate| {
            candidate.similarity.is_some_and(|similarity| similarity >= min_similarity)
        });
        self
    }

    /// Leaves out candidates below `min_score`. If none is left, the ranking is exhausted: later
    /// candidates are those that neither arm prefers.
    fn retain_scored(mut self, min_score: Option<f32>) -> Self {
        let Some(min_score) = min_score.filter(|_| !self.found.is_empty()) else { return self };
        self.found.retain(|candidate| candidate.score >= min_score);
        self.is_exhausted |= self.found.is_empty();
        self
    }
}

/// Ranks the candidates of one query, tier by tier.
#[derive(Debug)]
pub(super) struct Tiers<'s, V> {
    view: &'s V,
    query: &'s Query,
    recency: Option<&'s RecencyScale>,
    /// The candidates of earlier tiers.
    seen: FxHashSet<PassageId>,
    /// Set by the first tier.
    fusion: Option<Fusion>,
    /// Set by the first tier.
    late: Option<LateConstants>,
}

impl<'s, V: View> Tiers<'s, V> {
    pub(super) fn new(query: &'s Query, view: &'s V, recency: Option<&'s RecencyScale>) -> Self {
        Self { view, query, recency, seen: FxHashSet::default(), fusion: None, late: None }
    }

    /// Ranks the `request.k` closest passages that no earlier tier has and that reach the minimum
    /// similarity.
    pub(super) fn dense(
        &mut self,
        vector: &[f32],
        request: &ArmRequest<'_, V::Allowed>,
        plan: &mut QueryPlan,
    ) -> Result<Ranking> {
        let mut ranking = self.nearest(vector, request, plan)?;
        self.retain_new(&mut ranking.found);
        let ranking = ranking.retain_similar(self.query.min_similarity);
        let ranking = ranking.retain_scored(self.query.min_score);
        let Some(recency) = self.recency else { return Ok(ranking) };
        let start = Instant::now();
        let spread = self.view.language_totals()?.means(vector).spread();
        let ranking = self.prefer_recent(ranking, recency, spread)?;
        plan.timings.rank += start.elapsed();
        Ok(ranking)
    }

    /// Ranks the `request.k` passages with the highest BM25 that no earlier tier has.
    pub(super) fn lexical(
        &mut self,
        terms: &WeightedTerms,
        request: &ArmRequest<'_, V::Allowed>,
        plan: &mut QueryPlan,
    ) -> Result<Ranking> {
        let mut ranking = self.matching(terms, request, plan)?;
        self.retain_new(&mut ranking.found);
        let ranking = ranking.retain_scored(self.query.min_score);
        let Some(recency) = self.recency else { return Ok(ranking) };
        let start = Instant::now();
        let ranking = self.prefer_recent(ranking, recency, terms.max_bm25())?;
        plan.timings.rank += start.elapsed();
        Ok(ranking)
    }

    /// Ranks the `request.k` best passages of each arm that no earlier tier has and that reach the
    /// minimum similarity.
    pub(super) fn hybrid(
        &mut self,
        question: Question,
        late: Option<&LateQuestion>,
        request: &ArmRequest<'_, V::Allowed>,
        plan: &mut QueryPlan,
    ) -> Result<Ranking> {
        let dense = self.nearest(question.vector, request, plan)?;
        let lexical = self.matching(question.terms, request, plan)?;
        let start = Instant::now();
        let mut found = merge(dense.found, lexical.found);
        if self.fusion.is_none() {
            found = self.identified(found, question.terms, request, plan)?;
        }
        self.retain_new(&mut found);
        self.view.complete(&question, &mut found)?;
        plan.timings.rank += start.elapsed();
        if let Some(late) = late {
            self.compare_pieces(late, &mut found, plan)?;
        }
        let start = Instant::now();
        let fusion = match &self.fusion {
            Some(fusion) => fusion,
            None => self.fusion.insert(Fusion::new(self.view, &question, &found)?),
        };
        fusion.score(self.query.weights, &mut found);
        let spread = fusion.spread();
        // Every passage has a vector, so the lexical arm adds nothing once the dense arm is exhausted.
        let fused = Ranking { found, is_exhausted: dense.is_exhausted };
        let fused = fused.retain_similar(self.query.min_similarity);
        let mut fused = fused.retain_scored(self.query.min_score);
        if let Some(recency) = self.recency {
            recency.add_to(&mut fused.found, spread, self.view)?;
        }
        let found = rank(self.view, fused.found, usize::MAX)?;
        plan.timings.rank += start.elapsed();
        Ok(Ranking { found, ..fused })
    }

    /// Adds the part of recency, in multiples of `unit`, and ranks again.
    fn prefer_recent(
        &self,
        mut ranking: Ranking,
        recency: &RecencyScale,
        unit: f32,
    ) -> Result<Ranking> {
        recency.add_to(&mut ranking.found, unit, self.view)?;
        let found = rank(self.view, ranking.found, usize::MAX)?;
        Ok(Ranking { found, ..ranking })
    }

    /// Adds the passages with identifiers of the question, with the scores of these.
    fn identified(
        &self,
        candidates: Vec<Candidate>,
        terms: &WeightedTerms,
        request: &ArmRequest<'_, V::Allowed>,
        plan: &mut QueryPlan,
    ) -> Result<Vec<Candidate>> {
        if self.query.weights.identifier == 0.0 {
            return Ok(candidates);
        }
        let matches = IdentifierMatches::find(self.view, terms, request)?;
        for lexical in &mut plan.lexical {
            lexical.complete &= !matches.is_interrupted;
        }
        let identified = matches.passages().map(|passage| Candidate::scored(passage, 0.0));
        let mut candidates = merge(candidates, identified.collect());
        for candidate in &mut candidates {
            candidate.identifiers = matches.score(candidate.id);
        }
        Ok(candidates)
    }

    /// Sets the late scores of `candidates`.
    fn compare_pieces(
        &mut self,
        question: &LateQuestion,
        candidates: &mut [Candidate],
        plan: &mut QueryPlan,
    ) -> Result<()> {
        let start = Instant::now();
        let similarities = question.similarities(&self.view.pieces(&ids_of(candidates))?);
        let constants = self.late.get_or_insert_with(|| LateConstants::of(question, &similarities));
        for (candidate, score) in candidates.iter_mut().zip(constants.scores(&similarities)) {
            candidate.late = Some(score);
        }
        plan.timings.late += start.elapsed();
        Ok(())
    }

    /// Leaves out the candidates of earlier tiers.
    fn retain_new(&mut self, candidates: &mut Vec<Candidate>) {
        candidates.retain(|candidate| self.seen.insert(candidate.id));
    }

    /// Finds the `request.k` closest passages.
    ///
    /// It is exhausted once a passage is below the minimum similarity: whatever a larger pool finds
    /// is less similar still.
    fn nearest(
        &self,
        vector: &[f32],
        request: &ArmRequest<'_, V::Allowed>,
        plan: &mut QueryPlan,
    ) -> Result<Ranking> {
        let start = Instant::now();
        let Candidates { found, is_exhausted, plans } = self.view.nearest(vector, request)?;
        plan.dense = plans;
        plan.timings.dense += start.elapsed();
        let last = found.last().and_then(|candidate| candidate.similarity);
        let is_below =
            last.zip(self.query.min_similarity).is_some_and(|(last, minimum)| last < minimum);
        let ranking = Ranking { found, is_exhausted: is_exhausted || is_below };
        Ok(ranking.assign_ranks(|ranks| &mut ranks.dense))
    }

    /// Finds the `request.k` passages with the highest BM25.
    fn matching(
        &self,
        terms: &WeightedTerms,
        request: &ArmRequest<'_, V::Allowed>,
        plan: &mut QueryPlan,
    ) -> Result<Ranking> {
        let start = Instant::now();
        let Candidates { found, is_exhausted, plans } = self.view.matching(terms, request)?;
        plan.lexical = plans;
        plan.timings.lexical += start.elapsed();
        Ok(Ranking { found, is_exhausted }.assign_ranks(|ranks| &mut ranks.lexical))
    }
}

/// Merges the candidates of two arms: each passage once, by ascending id.
fn merge(mut candidates: Vec<Candidate>, others: Vec<Candidate>) -> Vec<Candidate> {
    candidates.extend(others);
    candidates.sort_by_key(|candidate| candidate.id);
    candidates.dedup_by(|again, first| {
        let is_same = again.id == first.id;
        if is_same {
            first.add(again);
        }
        is_same
    });
    candidates
}
