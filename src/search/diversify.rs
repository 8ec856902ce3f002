//! Deduplication, limits per article, and maximal marginal relevance.

use rustc_hash::FxHashMap;

use super::candidates::{Candidate, SegmentView};
use crate::{Query, Result, vector};

/// Filters a ranking by `Query::per_article` and `Query::dedup`, best passage first.
pub(super) struct Deduplicator<'q, 's> {
    query: &'q Query,
    segments: &'q [SegmentView<'s>],
    kept_of_article: FxHashMap<ArticlePlace, usize>,
    /// Vectors of the kept passages; empty without `Query::dedup`.
    kept_vectors: Vec<&'s [f32]>,
}

/// An article by the position of its segment and its number there.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct ArticlePlace {
    part: u32,
    article: u32,
}

impl<'q, 's> Deduplicator<'q, 's> {
    pub(super) fn new(query: &'q Query, segments: &'q [SegmentView<'s>]) -> Self {
        Self { query, segments, kept_of_article: FxHashMap::default(), kept_vectors: Vec::new() }
    }

    /// Keeps the first `wanted` of `found` that repeat no kept passage and exceed no limit of
    /// their article.
    pub(super) fn keep(mut self, found: Vec<Candidate>, wanted: usize) -> Result<Vec<Candidate>> {
        if self.query.per_article.is_none() && self.query.dedup.is_none() {
            return Ok(found.into_iter().take(wanted).collect());
        }
        let mut kept = Vec::new();
        for candidate in found {
            if kept.len() == wanted {
                break;
            }
            if self.try_keep(&candidate)? {
                kept.push(candidate);
            }
        }
        Ok(kept)
    }

    /// Records `candidate` as kept, unless a limit excludes it.
    fn try_keep(&mut self, candidate: &Candidate) -> Result<bool> {
        let segment = candidate.segment(self.segments);
        let row = candidate.scored.row;
        let place = ArticlePlace { part: candidate.part, article: segment.article_of(row) };
        let kept = self.kept_of_article.entry(place).or_insert(0);
        if self.query.per_article.is_some_and(|limit| *kept >= limit) {
            return Ok(false);
        }
        if let Some(threshold) = self.query.dedup {
            let vector = segment.vector(row)?;
            if self.kept_vectors.iter().any(|kept| vector::similarity(kept, vector) >= threshold) {
                return Ok(false);
            }
            self.kept_vectors.push(vector);
        }
        *kept += 1;
        Ok(true)
    }
}

/// Weights of maximal marginal relevance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mmr {
    /// Weight of being unlike the chosen hits, `0.0..=1.0`.
    pub(super) weight: f32,
    /// Score that weighs as much as a similarity of 1.
    pub(super) scale: f32,
}

/// Chooses `wanted` of `found` that score high and differ from those chosen before.
///
/// # Source
///
/// Carbonell & Goldstein (1998), *The Use of MMR, Diversity-Based Reranking*: maximal marginal
/// relevance, with the score in place of the similarity to the query.
pub(super) fn diversify(
    found: &[Candidate],
    mmr: Mmr,
    wanted: usize,
    segments: &[SegmentView],
) -> Result<Vec<Candidate>> {
    let vectors = found.iter().map(|one| one.segment(segments).vector(one.scored.row));
    let vectors: Vec<&[f32]> = vectors.collect::<Result<_>>()?;
    let mut closest = vec![f32::NEG_INFINITY; found.len()];
    let mut left: Vec<usize> = (0..found.len()).collect();
    let mut chosen = Vec::with_capacity(wanted.min(found.len()));
    while chosen.len() < wanted {
        let relevance = |at: usize| {
            let redundancy = if chosen.is_empty() { 0.0 } else { closest[at] };
            let score = found[at].scored.score / mmr.scale;
            (1.0 - mmr.weight) * score - mmr.weight * redundancy
        };
        // `max_by` returns the last maximum; in reverse order this is the best ranked.
        let positions = (0..left.len()).rev();
        let best = positions.max_by(|a, b| relevance(left[*a]).total_cmp(&relevance(left[*b])));
        let Some(best) = best else { break };
        let next = left.remove(best);
        for at in &left {
            closest[*at] = closest[*at].max(vector::similarity(vectors[next], vectors[*at]));
        }
        chosen.push(next);
    }
    Ok(chosen.into_iter().map(|at| found[at]).collect())
}
