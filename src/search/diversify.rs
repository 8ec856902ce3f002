//! Hits that are unlike each other: without repetitions, or from many sides.

use rustc_hash::FxHashMap;

use super::candidates::{Candidate, SegmentView};
use crate::{Query, Result, vector};

/// The vectors of `found`, in that order.
fn vectors<'s>(found: &[Candidate], parts: &[SegmentView<'s>]) -> Result<Vec<&'s [f32]>> {
    found.iter().map(|one| parts[one.part as usize].0.vector(one.scored.row)).collect()
}

/// What a query keeps of a ranking, passage by passage.
pub(super) struct Deduplicator<'q, 's> {
    query: &'q Query,
    parts: &'q [SegmentView<'s>],
    /// Passages kept of each article, which is told by its segment and its number there.
    of_article: FxHashMap<(u32, u32), usize>,
    /// Vectors of what was kept, if what repeats it is left out.
    vectors: Vec<&'s [f32]>,
}

impl<'q, 's> Deduplicator<'q, 's> {
    pub(super) fn new(query: &'q Query, parts: &'q [SegmentView<'s>]) -> Self {
        Self { query, parts, of_article: FxHashMap::default(), vectors: Vec::new() }
    }

    /// The first `wanted` of `found` that are neither repetitions of those before them nor too
    /// many of one article.
    pub(super) fn keep(mut self, found: Vec<Candidate>, wanted: usize) -> Result<Vec<Candidate>> {
        if self.query.per_article.is_none() && self.query.dedup.is_none() {
            return Ok(found.into_iter().take(wanted).collect());
        }
        let mut kept = Vec::new();
        for one in found {
            if kept.len() == wanted {
                break;
            }
            if self.is_kept(&one)? {
                kept.push(one);
            }
        }
        Ok(kept)
    }

    fn is_kept(&mut self, one: &Candidate) -> Result<bool> {
        let (segment, row) = (self.parts[one.part as usize].0, one.scored.row);
        let kept = self.of_article.entry((one.part, segment.article_of(row))).or_default();
        if self.query.per_article.is_some_and(|most| *kept >= most) {
            return Ok(false);
        }
        if let Some(least) = self.query.dedup {
            let vector = segment.vector(row)?;
            if self.vectors.iter().any(|other| vector::similarity(other, vector) >= least) {
                return Ok(false);
            }
            self.vectors.push(vector);
        }
        *kept += 1;
        Ok(true)
    }
}

/// The `wanted` of `found` that are good and unlike those before them; `diversity` is the weight of
/// being unlike, 0 to 1. Scores of `scale` count as much as a similarity of 1.
///
/// # Source
///
/// Carbonell & Goldstein (1998), *The Use of MMR, Diversity-Based Reranking*: maximal marginal
/// relevance, with the score in place of the similarity to the query.
pub(super) fn diversify(
    found: &[Candidate],
    (diversity, scale): (f32, f32),
    wanted: usize,
    parts: &[SegmentView],
) -> Result<Vec<Candidate>> {
    let vectors = vectors(found, parts)?;
    let mut closest = vec![f32::NEG_INFINITY; found.len()];
    let mut left: Vec<usize> = (0..found.len()).collect();
    let mut chosen = Vec::with_capacity(wanted.min(found.len()));
    while chosen.len() < wanted && !left.is_empty() {
        let worth = |at: &usize| {
            let alike = if chosen.is_empty() { 0.0 } else { closest[*at] };
            (1.0 - diversity) * found[*at].scored.score / scale - diversity * alike
        };
        // Of equal ones the first.
        let best =
            (0..left.len()).rev().max_by(|a, b| worth(&left[*a]).total_cmp(&worth(&left[*b])));
        let Some(best) = best else { break };
        let next = left.remove(best);
        for at in &left {
            closest[*at] = closest[*at].max(vector::similarity(vectors[next], vectors[*at]));
        }
        chosen.push(next);
    }
    Ok(chosen.into_iter().map(|at| found[at]).collect())
}
