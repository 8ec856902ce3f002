//! Diversification of hits by maximal marginal relevance.

use std::borrow::Cow;

use super::view::{Candidate, View, ids_of};
use crate::{Result, vector};

/// Weights of maximal marginal relevance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mmr {
    /// Weight of the difference from the chosen hits, in `0.0..=1.0`.
    pub(super) weight: f32,
    /// Score that weighs as much as a similarity of 1.
    pub(super) scale: f32,
}

/// Chooses `wanted` candidates that score high and differ from those chosen before. All candidates
/// of a tier are chosen before any of the next.
///
/// # Source
///
/// Carbonell & Goldstein (1998), *The Use of MMR, Diversity-Based Reranking*: maximal marginal
/// relevance, with the score in place of the similarity to the query.
pub(super) fn diversify<V: View>(
    tiers: &[Vec<Candidate>],
    mmr: Mmr,
    wanted: usize,
    view: &V,
) -> Result<Vec<Candidate>> {
    let mut chosen = Chosen::default();
    for tier in tiers {
        chosen.add_from(tier, &view.vectors(&ids_of(tier))?, mmr, wanted);
    }
    Ok(chosen.candidates)
}

/// The candidates chosen so far, in the order of choice, with their vectors.
#[derive(Default)]
struct Chosen<'v> {
    candidates: Vec<Candidate>,
    vectors: Vec<Cow<'v, [f32]>>,
}

impl<'v> Chosen<'v> {
    /// Chooses from `tier`, whose vectors are `vectors`, until `wanted` candidates are chosen.
    fn add_from(
        &mut self,
        tier: &[Candidate],
        vectors: &[Cow<'v, [f32]>],
        mmr: Mmr,
        wanted: usize,
    ) {
        let closest = |vector: &Cow<[f32]>| self.redundancy(vector);
        let mut closest: Vec<f32> = vectors.iter().map(closest).collect();
        let mut left: Vec<usize> = (0..tier.len()).collect();
        while self.candidates.len() < wanted {
            let relevance = |at: usize| {
                let redundancy = if self.candidates.is_empty() { 0.0 } else { closest[at] };
                let score = tier[at].score / mmr.scale;
                (1.0 - mmr.weight) * score - mmr.weight * redundancy
            };
            // `max_by` returns the last maximum; in reverse order this is the best ranked.
            let positions = (0..left.len()).rev();
            let best = positions.max_by(|a, b| relevance(left[*a]).total_cmp(&relevance(left[*b])));
            let Some(best) = best else { break };
            let next = left.remove(best);
            for at in &left {
                closest[*at] = closest[*at].max(vector::similarity(&vectors[next], &vectors[*at]));
            }
            self.candidates.push(tier[next]);
            self.vectors.push(vectors[next].clone());
        }
    }

    /// Returns the similarity of `vector` to the closest chosen candidate.
    fn redundancy(&self, vector: &[f32]) -> f32 {
        let similarities = self.vectors.iter().map(|chosen| vector::similarity(chosen, vector));
        similarities.fold(f32::NEG_INFINITY, f32::max)
    }
}
