//! Candidates of the dense and the hybrid ranking over all segments.

use std::{borrow::Cow, time::Instant};

use super::{
    fusion::{ArmScores, Fusion, Ranks, Scored},
    lexical_candidates::LexicalQuery,
    pipeline::Search,
};
use crate::{QueryPlan, Result, RowSet, SearchParams, store::segment::LiveSegment, vector};

/// A segment and the rows of it that a search may return.
pub(super) struct SegmentView<'s> {
    pub(super) segment: &'s LiveSegment,
    /// `None` allows all rows.
    pub(super) allowed: Option<Cow<'s, RowSet>>,
}

/// A passage with the position of its segment in [`Search::segments`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) part: u32,
    pub(super) scored: Scored,
}

impl Candidate {
    /// Returns the segment of the candidate.
    pub(super) fn segment<'s>(&self, segments: &[SegmentView<'s>]) -> &'s LiveSegment {
        segments[self.part as usize].segment
    }

    /// Orders candidates as the corpus does.
    fn position(&self) -> [u32; 2] {
        [self.part, self.scored.row]
    }
}

/// The candidates of one arm, or of both after fusion.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    /// Best first; equal scores in the order of the corpus.
    pub(super) found: Vec<Candidate>,
    /// Whether a larger `k` finds nothing more.
    pub(super) exhausted: bool,
}

impl Ranking {
    /// Ranks the `k` best of `found`, which lists equal scores in the order of the corpus.
    pub(super) fn of(mut found: Vec<Candidate>, k: usize) -> Self {
        let exhausted = found.len() < k;
        found.sort_by(|a, b| b.scored.score.total_cmp(&a.scored.score));
        found.truncate(k);
        Self { found, exhausted }
    }

    /// Stores the rank of each passage in the field of [`Ranks`] that `field` selects.
    pub(super) fn assign_ranks(mut self, field: impl Fn(&mut Ranks) -> &mut Option<usize>) -> Self {
        for (rank, candidate) in self.found.iter_mut().enumerate() {
            *field(&mut candidate.scored.ranks) = Some(rank);
        }
        self
    }
}

impl Search<'_> {
    /// Ranks the `params.k` closest passages that reach the minimum similarity.
    pub(super) fn dense_candidates(
        &self,
        params: &SearchParams,
        plan: &mut QueryPlan,
    ) -> Result<Ranking> {
        let start = Instant::now();
        let mut found = Vec::new();
        plan.dense.clear();
        for (part, view) in (0..).zip(&self.segments) {
            let closest = view.segment.closest(&self.vector, params, view.allowed.as_deref())?;
            let similar = closest.neighbors.iter().filter(|one| self.is_similar(one.similarity));
            found.extend(similar.map(|one| Candidate { part, scored: Scored::dense(*one) }));
            plan.dense.push(closest.plan);
        }
        plan.timings.dense += start.elapsed();
        Ok(Ranking::of(found, params.k).assign_ranks(|ranks| &mut ranks.dense))
    }

    /// Ranks the `params.k` best candidates of both arms that reach the minimum similarity.
    pub(super) fn hybrid_candidates(
        &self,
        lexical: &LexicalQuery,
        params: &SearchParams,
        plan: &mut QueryPlan,
    ) -> Result<Ranking> {
        let dense = self.dense_candidates(params, plan)?;
        let by_words = lexical.candidates(&self.segments, params, plan)?;
        let start = Instant::now();
        let merged = merge(dense.found, by_words.found);
        let mut fused = self.fuse(merged, lexical)?;
        fused.retain(|one| one.scored.similarity.is_some_and(|it| self.is_similar(it)));
        plan.timings.rank += start.elapsed();
        Ok(Ranking { exhausted: dense.exhausted, ..Ranking::of(fused, params.k) })
    }

    /// Scores `candidates` by both arms.
    fn fuse(
        &self,
        mut candidates: Vec<Candidate>,
        lexical: &LexicalQuery,
    ) -> Result<Vec<Candidate>> {
        let mut scores = Vec::with_capacity(candidates.len());
        for of_segment in candidates.chunk_by(|a, b| a.part == b.part) {
            self.complete(of_segment, lexical, &mut scores)?;
        }
        let fusion = Fusion::new(lexical.max_bm25(), &scores);
        for (candidate, scores) in candidates.iter_mut().zip(&scores) {
            fusion.score(&mut candidate.scored, scores);
        }
        Ok(candidates)
    }

    /// Appends both scores of `candidates`, which belong to one segment; computes the score of an
    /// arm that did not find a candidate.
    fn complete(
        &self,
        candidates: &[Candidate],
        lexical: &LexicalQuery,
        scores: &mut Vec<ArmScores>,
    ) -> Result<()> {
        let Some(first) = candidates.first() else { return Ok(()) };
        let segment = first.segment(&self.segments);
        let unscored = candidates.iter().filter(|one| one.scored.bm25.is_none());
        let rows: Vec<u32> = unscored.map(|one| one.scored.row).collect();
        let mut bm25s = lexical.scores(segment, &rows)?.into_iter();
        let index = segment.lexical()?;
        for Candidate { scored, .. } in candidates {
            let similarity = match scored.similarity {
                Some(similarity) => similarity,
                None => vector::similarity(&self.vector, segment.vector(scored.row)?),
            };
            let bm25 = scored.bm25.or_else(|| bm25s.next());
            let bm25 = bm25.expect("each row without a BM25 was scored");
            let language = index.language(scored.row);
            scores.push(ArmScores { similarity, bm25, language });
        }
        Ok(())
    }

    fn is_similar(&self, similarity: f32) -> bool {
        self.query.min_similarity.is_none_or(|least| similarity >= least)
    }
}

/// Merges the candidates of two arms: each passage once, in the order of the corpus.
fn merge(mut candidates: Vec<Candidate>, others: Vec<Candidate>) -> Vec<Candidate> {
    candidates.extend(others);
    candidates.sort_by_key(Candidate::position);
    candidates.dedup_by(|again, first| {
        let same = again.position() == first.position();
        if same {
            first.scored.add(again.scored);
        }
        same
    });
    candidates
}
