//! Deduplication, limits per article, and maximal marginal relevance.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::{
    candidates::FIRST_POOL,
    view::{ArticleId, Candidate, View, ids_of},
};
use crate::{Query, Result, vector};

/// Filters a ranking by `Query::per_article` and `Query::dedup`, best passage first.
pub(super) struct Deduplicator<'q, V> {
    query: &'q Query,
    view: &'q V,
    kept_of_article: FxHashMap<ArticleId, usize>,
    /// Vectors of the kept passages; empty without `Query::dedup`.
    kept_vectors: Vec<Cow<'q, [f32]>>,
}

impl<'q, V: View> Deduplicator<'q, V> {
    pub(super) fn new(query: &'q Query, view: &'q V) -> Self {
        Self { query, view, kept_of_article: FxHashMap::default(), kept_vectors: Vec::new() }
    }

    /// Keeps the first `wanted` of `tier` that repeat no kept passage and exceed no limit of their
    /// article.
    pub(super) fn keep(&mut self, tier: Vec<Candidate>, wanted: usize) -> Result<Vec<Candidate>> {
        if self.query.per_article.is_none() && self.query.dedup.is_none() {
            return Ok(tier.into_iter().take(wanted).collect());
        }
        let mut kept = Vec::new();
        // Most passages are kept, so a batch of this size is rarely too large.
        for batch in tier.chunks(wanted.clamp(1, FIRST_POOL)) {
            let ids = ids_of(batch);
            let articles = self.view.articles(&ids)?;
            let vectors = match self.query.dedup {
                Some(_) => self.view.vectors(&ids)?.into_iter().map(Some).collect(),
                None => vec![None; ids.len()],
            };
            for ((candidate, article), vector) in batch.iter().zip(articles).zip(vectors) {
                if kept.len() == wanted {
                    return Ok(kept);
                }
                if self.try_keep(article, vector) {
                    kept.push(*candidate);
                }
            }
        }
        Ok(kept)
    }

    /// Records a passage as kept, unless a limit excludes it.
    fn try_keep(&mut self, article: ArticleId, vector: Option<Cow<'q, [f32]>>) -> bool {
        let kept = self.kept_of_article.entry(article).or_insert(0);
        if self.query.per_article.is_some_and(|limit| *kept >= limit) {
            return false;
        }
        if let (Some(threshold), Some(vector)) = (self.query.dedup, vector) {
            if self.kept_vectors.iter().any(|kept| vector::similarity(kept, &vector) >= threshold) {
                return false;
            }
            self.kept_vectors.push(vector);
        }
        *kept += 1;
        true
    }
}

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
