//! The two arms of a search, vectors and words, over all segments, and what they find together.

use std::{borrow::Cow, time::Instant};

use super::{
    fusion::{Fusion, Ranks, Scored},
    lexical_candidates::Words,
    pipeline::Search,
};
use crate::{
    Language, QueryPlan, Result, RowSet, SearchParams, store::segment::LiveSegment, vector,
};

/// A segment with the rows that a search may return; all, if `None`.
pub(super) type SegmentView<'s> = (&'s LiveSegment, Option<Cow<'s, RowSet>>);

/// A passage by the number of its part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) part: u32,
    pub(super) scored: Scored,
}

/// What an arm, or both, found.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    /// Best first; equal ones in the order of the corpus.
    pub(super) found: Vec<Candidate>,
    /// Whether there is nothing else to be found.
    pub(super) all: bool,
}

impl Ranking {
    /// The `k` best of `found`, which are in the order of the corpus where they are equal.
    pub(super) fn of(mut found: Vec<Candidate>, k: usize) -> Self {
        let all = found.len() < k;
        found.sort_by(|a, b| b.scored.score.total_cmp(&a.scored.score));
        found.truncate(k);
        Self { found, all }
    }

    /// Notes the rank of each passage in the place that is `its`.
    pub(super) fn numbered(mut self, its: impl Fn(&mut Ranks) -> &mut Option<usize>) -> Self {
        for (rank, one) in self.found.iter_mut().enumerate() {
            *its(&mut one.scored.ranks) = Some(rank);
        }
        self
    }
}

impl Search<'_> {
    /// The `params.k` closest passages that are similar enough.
    pub(super) fn closest(&self, params: &SearchParams, plan: &mut QueryPlan) -> Result<Ranking> {
        let (start, mut found) = (Instant::now(), Vec::new());
        plan.dense.clear();
        for (part, (segment, allowed)) in (0..).zip(&self.parts) {
            let of_segment = segment.closest(&self.vector, params, allowed.as_deref())?;
            let similar = of_segment.neighbors.iter().filter(|one| self.is_close(one.similarity));
            found.extend(similar.map(|one| Candidate { part, scored: Scored::dense(*one) }));
            plan.dense.push(of_segment.plan);
        }
        plan.timings.dense += start.elapsed();
        Ok(Ranking::of(found, params.k).numbered(|ranks| &mut ranks.dense))
    }

    fn is_close(&self, similarity: f32) -> bool {
        self.query.min_similarity.is_none_or(|least| similarity >= least)
    }
}

impl Search<'_> {
    /// The `params.k` best of the candidates of both arms, ranked by both, of those that are
    /// similar enough.
    pub(super) fn by_both(
        &self,
        words: &Words,
        params: &SearchParams,
        plan: &mut QueryPlan,
    ) -> Result<Ranking> {
        let by_vectors = self.closest(params, plan)?;
        let by_words = words.best(&self.parts, params, plan)?.found;
        let start = Instant::now();
        let mut candidates = united(by_vectors.found, by_words);
        let mut known = Vec::with_capacity(candidates.len());
        for candidates in candidates.chunk_by(|a, b| a.part == b.part) {
            self.complete(candidates, words, &mut known)?;
        }
        let fusion = Fusion::new(words.most(), &known);
        for (candidate, (mut scored, language)) in candidates.iter_mut().zip(known) {
            fusion.score(&mut scored, language);
            candidate.scored = scored;
        }
        candidates.retain(|one| one.scored.similarity.is_some_and(|it| self.is_close(it)));
        plan.timings.rank += start.elapsed();
        Ok(Ranking { all: by_vectors.all, ..Ranking::of(candidates, params.k) })
    }

    /// Adds `candidates`, which are of one segment, to `known`, each with its language and with
    /// what an arm has not told yet.
    fn complete(
        &self,
        candidates: &[Candidate],
        words: &Words,
        known: &mut Vec<(Scored, Option<Language>)>,
    ) -> Result<()> {
        let Some(Candidate { part, .. }) = candidates.first() else { return Ok(()) };
        let segment = self.parts[*part as usize].0;
        let unscored = candidates.iter().filter(|one| one.scored.bm25.is_none());
        let unscored: Vec<u32> = unscored.map(|one| one.scored.row).collect();
        let mut bm25s = words.scores(segment, &unscored)?.into_iter();
        let lexical = segment.lexical()?;
        for Candidate { mut scored, .. } in candidates.iter().copied() {
            if scored.similarity.is_none() {
                let vector = segment.vector(scored.row)?;
                scored.similarity = Some(vector::similarity(&self.vector, vector));
            }
            scored.bm25 = scored.bm25.or_else(|| bm25s.next());
            known.push((scored, lexical.language(scored.row)));
        }
        Ok(())
    }
}

/// The candidates of two arms, each once, in the order of the corpus.
fn united(mut candidates: Vec<Candidate>, others: Vec<Candidate>) -> Vec<Candidate> {
    candidates.extend(others);
    candidates.sort_by_key(|one| (one.part, one.scored.row));
    candidates.dedup_by(|again, first| {
        let same = (again.part, again.scored.row) == (first.part, first.scored.row);
        if same {
            first.scored.add(again.scored);
        }
        same
    });
    candidates
}
