//! The query pipeline: resolves the filter, gathers statistics, ranks candidates of both arms,
//! applies the limits, diversifies, and reads and explains the hits.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use super::{
    candidates::{Candidate, Ranking, SegmentView},
    diversify::{Deduplicator, Mmr, diversify},
    explain::explain,
    lexical_candidates::LexicalQuery,
};
use crate::{Hit, Hits, Mode, Query, QueryPlan, Result, SearchParams, Searcher};

/// Minimum number of passages that [diversity](Query::mmr) chooses from.
const MIN_POOL: usize = 100;
/// Minimum number of passages that each arm finds in hybrid mode; more changed no measured result.
const MIN_HYBRID_CANDIDATES: usize = 50;
/// Factor by which a search widens when the limits leave too few passages.
const GROWTH: usize = 4;

/// The vector of an embedded question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EmbeddedQuestion<'v> {
    /// Of length 1.
    pub(crate) vector: &'v [f32],
    pub(crate) embed_time: Duration,
}

/// A query with everything that its stages share.
pub(super) struct Search<'s> {
    pub(super) query: &'s Query,
    pub(super) segments: Vec<SegmentView<'s>>,
    /// Of length 1; empty if the mode compares no vectors.
    pub(super) vector: Cow<'s, [f32]>,
    /// `None` if the mode compares no words.
    lexical: Option<LexicalQuery>,
    deadline: Option<Instant>,
}

impl Searcher {
    /// Runs `query` up to reranking: returns `k` hits, or as many as the reranker is to score.
    pub(crate) fn retrieve(
        &self,
        question: Option<EmbeddedQuestion>,
        query: &Query,
        deadline: Option<Instant>,
    ) -> Result<Hits> {
        let mut plan = QueryPlan { mode: query.mode, ..QueryPlan::default() };
        let segments = self.resolve_filter(query, &mut plan)?;
        let vector = self.query_vector(question, query, &mut plan)?;
        let lexical = gather_statistics(query, &segments, &mut plan)?;
        let search = Search { query, segments, vector, lexical, deadline };
        let kept = search.find_enough(&mut plan)?;
        let chosen = search.choose(kept, &mut plan)?;
        let found = search.fetch(&chosen, &mut plan)?;
        Ok(Hits { found, plan: Box::new(plan) })
    }

    /// Returns all segments with the rows that the filter of `query` allows.
    fn resolve_filter(&self, query: &Query, plan: &mut QueryPlan) -> Result<Vec<SegmentView<'_>>> {
        let start = Instant::now();
        let segments = self.segment_views(query.filter.as_ref())?;
        plan.timings.filter = start.elapsed();
        plan.passages = self.passages();
        plan.allowed = segments.iter().map(SegmentView::allowed_passages).sum();
        Ok(segments)
    }

    /// Returns the vector of `query` itself, or that of the embedded question.
    fn query_vector<'v>(
        &self,
        question: Option<EmbeddedQuestion<'v>>,
        query: &Query,
        plan: &mut QueryPlan,
    ) -> Result<Cow<'v, [f32]>> {
        if let Some(question) = question {
            plan.timings.embed = question.embed_time;
        }
        if let Some(vector) = query.unit_vector(self.embedder.dim())? {
            return Ok(Cow::Owned(vector));
        }
        Ok(Cow::Borrowed(question.map_or(&[], |question| question.vector)))
    }
}

/// Analyzes the question and gathers its statistics over the corpus, if the mode compares words.
fn gather_statistics(
    query: &Query,
    segments: &[SegmentView],
    plan: &mut QueryPlan,
) -> Result<Option<LexicalQuery>> {
    if !query.mode.compares_words() {
        return Ok(None);
    }
    let start = Instant::now();
    let lexical = LexicalQuery::new(segments, &query.text)?;
    plan.timings.lexical = start.elapsed();
    Ok(Some(lexical))
}

impl Search<'_> {
    /// Ranks candidates and applies the limits; widens the search while the limits leave too few.
    fn find_enough(&self, plan: &mut QueryPlan) -> Result<Vec<Candidate>> {
        let pool = self.pool();
        let mut params = SearchParams {
            k: pool.max(min_candidates(self.query.mode)),
            effort: self.query.effort,
            deadline: self.deadline,
            cancel: self.query.cancel.as_ref(),
            ..SearchParams::default()
        };
        loop {
            plan.candidates = params.k;
            let Ranking { found, exhausted } = self.candidates(&params, plan)?;
            let start = Instant::now();
            let kept = Deduplicator::new(self.query, &self.segments).keep(found, pool)?;
            plan.timings.rank += start.elapsed();
            // Diversification is best effort: stop widening once `wanted` hits remain.
            let is_wide = params.k > pool.saturating_mul(GROWTH);
            let enough = if is_wide { self.wanted() } else { pool };
            let is_short = kept.len() < enough && !exhausted;
            if !is_short || params.is_interrupted() {
                plan.interrupted = is_short || !plan.is_searched_whole();
                return Ok(kept);
            }
            params.k = params.k.saturating_mul(GROWTH);
        }
    }

    /// Ranks the `params.k` best passages by the mode of the query.
    fn candidates(&self, params: &SearchParams, plan: &mut QueryPlan) -> Result<Ranking> {
        match &self.lexical {
            None => self.dense_candidates(params, plan),
            Some(lexical) if self.query.mode == Mode::Lexical => {
                lexical.candidates(&self.segments, params, plan)
            }
            Some(lexical) => self.hybrid_candidates(lexical, params, plan),
        }
    }

    /// Diversifies `kept`, if the query asks for it.
    fn choose(&self, kept: Vec<Candidate>, plan: &mut QueryPlan) -> Result<Vec<Candidate>> {
        let Some(weight) = self.query.mmr else { return Ok(kept) };
        let start = Instant::now();
        let mmr = Mmr { weight, scale: self.score_scale(&kept) };
        let chosen = diversify(&kept, mmr, self.wanted(), &self.segments)?;
        plan.timings.rank += start.elapsed();
        Ok(chosen)
    }

    /// Reads the hits, and explains them if the query asks for it.
    fn fetch(&self, chosen: &[Candidate], plan: &mut QueryPlan) -> Result<Vec<Hit>> {
        let start = Instant::now();
        let hits = chosen.iter().map(|one| one.segment(&self.segments).hit(one.scored));
        let mut hits: Vec<Hit> = hits.collect::<Result<_>>()?;
        if self.query.explain {
            explain(&mut hits, chosen, &self.segments, self.lexical.as_ref())?;
        }
        plan.timings.read = start.elapsed();
        Ok(hits)
    }

    /// Returns the number of hits that leave the pipeline, before reranking.
    fn wanted(&self) -> usize {
        self.query.rerank.map_or(self.query.k, |rerank| rerank.max(self.query.k))
    }

    /// Returns the number of passages to keep, from which diversification chooses.
    fn pool(&self) -> usize {
        let wanted = self.wanted();
        self.query.mmr.map_or(wanted, |_| wanted.saturating_mul(2).max(MIN_POOL))
    }

    /// Returns the score that weighs as much as a similarity of 1. BM25 has no upper bound, so
    /// lexical scores are scaled by the top hit.
    fn score_scale(&self, kept: &[Candidate]) -> f32 {
        let best = kept.first().map(|best| best.scored.score);
        best.filter(|best| !self.query.mode.compares_vectors() && *best > 0.0).unwrap_or(1.0)
    }
}

/// Returns the minimum number of passages that each arm finds.
fn min_candidates(mode: Mode) -> usize {
    if mode.compares_words() && mode.compares_vectors() { MIN_HYBRID_CANDIDATES } else { 0 }
}
