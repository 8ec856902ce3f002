//! Candidates of the dense, the lexical and the hybrid ranking.

use std::time::Instant;

use super::{
    fusion::fuse,
    view::{ArmRequest, Candidate, Candidates, Question, Ranks, View, rank},
};
use crate::{QueryPlan, Result, lexical::WeightedTerms};

/// The candidates of one arm, or of both after fusion.
#[derive(Debug)]
pub(super) struct Ranking {
    /// Best first; equal scores by place.
    pub(super) found: Vec<Candidate>,
    /// Whether a larger `k` finds nothing more.
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
}

/// Ranks the `request.k` closest passages that reach the minimum similarity.
pub(super) fn dense<V: View>(
    view: &V,
    vector: &[f32],
    min_similarity: Option<f32>,
    request: &ArmRequest<'_, V::Allowed>,
    plan: &mut QueryPlan,
) -> Result<Ranking> {
    let start = Instant::now();
    let Candidates { found, is_exhausted, plans } = view.nearest(vector, request)?;
    plan.dense = plans;
    let similar = Ranking { found, is_exhausted }.retain_similar(min_similarity);
    plan.timings.dense += start.elapsed();
    // Whatever a larger `k` finds is less similar still.
    let is_exhausted = similar.is_exhausted || similar.found.len() < request.k;
    Ok(Ranking { is_exhausted, ..similar }.assign_ranks(|ranks| &mut ranks.dense))
}

/// Ranks the `request.k` passages with the highest BM25.
pub(super) fn lexical<V: View>(
    view: &V,
    terms: &WeightedTerms,
    request: &ArmRequest<'_, V::Allowed>,
    plan: &mut QueryPlan,
) -> Result<Ranking> {
    let start = Instant::now();
    let Candidates { found, is_exhausted, plans } = view.matching(terms, request)?;
    plan.lexical = plans;
    plan.timings.lexical += start.elapsed();
    Ok(Ranking { found, is_exhausted }.assign_ranks(|ranks| &mut ranks.lexical))
}

/// Ranks the `request.k` best candidates of both arms that reach the minimum similarity.
pub(super) fn hybrid<V: View>(
    view: &V,
    question: Question,
    min_similarity: Option<f32>,
    request: &ArmRequest<'_, V::Allowed>,
    plan: &mut QueryPlan,
) -> Result<Ranking> {
    let dense = dense(view, question.vector, min_similarity, request, plan)?;
    let lexical = lexical(view, question.terms, request, plan)?;
    let start = Instant::now();
    let mut found = merge(dense.found, lexical.found);
    view.complete(&question, &mut found)?;
    fuse(&mut found, question.terms.max_bm25());
    // Every passage has a vector, so the lexical arm adds nothing once the dense arm is exhausted.
    let fused = Ranking { found, is_exhausted: dense.is_exhausted }.retain_similar(min_similarity);
    let found = rank(view, fused.found, request.k)?;
    plan.timings.rank += start.elapsed();
    Ok(Ranking { found, ..fused })
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
