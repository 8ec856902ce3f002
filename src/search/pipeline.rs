//! From rankings to hits: as many as are wanted of what a query lets through.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use super::{
    candidates::{Candidate, Ranking, SegmentView},
    diversify::{Deduplicator, diversify},
    explained,
    lexical_candidates::Words,
};
use crate::{Hit, Hits, Mode, Query, QueryPlan, Result, SearchParams, Searcher, Timings};

/// Passages that hits of [diversity](Query::mmr) are chosen from, at least.
const DIVERSE: usize = 100;
/// Passages that each arm finds for both to rank, at least: more changed nothing where it was
/// tried.
const CANDIDATES: usize = 50;
/// How many times more passages are looked at when too many were left out.
const MORE: usize = 4;

/// A query against a corpus, with all that is made once for it.
pub(super) struct Search<'s> {
    pub(super) query: &'s Query,
    /// The segments, each with the rows that may be found.
    pub(super) parts: Vec<SegmentView<'s>>,
    /// Of length 1; empty if no vectors are compared.
    pub(super) vector: Cow<'s, [f32]>,
    /// There if words are compared.
    words: Option<Words>,
    deadline: Option<Instant>,
}

impl Searcher {
    /// The best passages of all segments, as many as are wanted, or to be reranked; `vector` is
    /// that of the question, if it was embedded, with how long that took.
    pub(crate) fn found(
        &self,
        vector: Option<(&[f32], Duration)>,
        query: &Query,
        deadline: Option<Instant>,
    ) -> Result<Hits> {
        let (vector, embed) = vector.unwrap_or_default();
        let start = Instant::now();
        let parts = self.parts(query.filter.as_ref())?;
        let filter = start.elapsed();
        let allowed = parts.iter().map(|(segment, allowed)| match allowed {
            Some(allowed) => allowed.len(),
            None => segment.passages(),
        });
        let mut plan = QueryPlan {
            mode: query.mode,
            passages: self.passages(),
            allowed: allowed.sum(),
            timings: Timings { embed, filter, ..Timings::default() },
            ..QueryPlan::default()
        };
        let given = query.unit_vector(self.embedder.dim())?;
        let vector = given.map_or(Cow::Borrowed(vector), Cow::Owned);
        let search = Search {
            query,
            words: words(query, &parts, &mut plan.timings)?,
            parts,
            vector,
            deadline,
        };
        search.run(plan)
    }
}

/// The words of `query`, if words are compared.
fn words(query: &Query, parts: &[SegmentView], times: &mut Timings) -> Result<Option<Words>> {
    if !query.mode.compares_words() {
        return Ok(None);
    }
    let start = Instant::now();
    let words = Words::of(parts, &query.text)?;
    times.lexical = start.elapsed();
    Ok(Some(words))
}

impl Search<'_> {
    fn run(&self, mut plan: QueryPlan) -> Result<Hits> {
        let Query { k, effort, rerank, mmr, .. } = *self.query;
        let wanted = k.max(rerank.unwrap_or_default());
        let pool = mmr.map_or(wanted, |_| wanted.saturating_mul(2).max(DIVERSE));
        let (deadline, cancel) = (self.deadline, self.query.cancel.as_ref());
        let k = pool.max(least_candidates(self.query.mode));
        let mut params = SearchParams { k, effort, deadline, cancel, ..SearchParams::default() };
        loop {
            plan.candidates = params.k;
            let Ranking { found, all } = self.ranked(&params, &mut plan)?;
            let start = Instant::now();
            let mut found = Deduplicator::new(self.query, &self.parts).keep(found, pool)?;
            // A choice is no reason to look at all there is.
            let enough = if params.k > pool.saturating_mul(MORE) { wanted } else { pool };
            let more = found.len() < enough && !all;
            if more && !params.is_interrupted() {
                plan.timings.rank += start.elapsed();
                params.k = params.k.saturating_mul(MORE);
                continue;
            }
            if let Some(diversity) = mmr {
                let scale = self.scale(&found);
                found = diversify(&found, (diversity, scale), wanted, &self.parts)?;
            }
            plan.timings.rank += start.elapsed();
            plan.interrupted = more
                || plan.dense.iter().any(|plan| !plan.complete)
                || plan.lexical.iter().any(|plan| !plan.complete);
            let start = Instant::now();
            let found = self.hits(&found)?;
            plan.timings.read = start.elapsed();
            return Ok(Hits { found, plan: Box::new(plan) });
        }
    }

    /// The score that is as much as a similarity of 1: of words alone the best one, for there is
    /// no most.
    fn scale(&self, found: &[Candidate]) -> f32 {
        let best = found.first().map(|best| best.scored.score);
        best.filter(|best| !self.query.mode.compares_vectors() && *best > 0.0).unwrap_or(1.0)
    }

    /// The `params.k` best passages, by the mode of the query.
    fn ranked(&self, params: &SearchParams, plan: &mut QueryPlan) -> Result<Ranking> {
        match (self.query.mode, &self.words) {
            (Mode::Lexical, Some(words)) => return words.best(&self.parts, params, plan),
            (_, Some(words)) => return self.by_both(words, params, plan),
            (_, None) => {}
        }
        self.closest(params, plan)
    }

    /// The hits that `found` stand for, explained if the query asks for it.
    fn hits(&self, found: &[Candidate]) -> Result<Vec<Hit>> {
        let hits = found.iter().map(|one| self.parts[one.part as usize].0.hit(one.scored));
        let mut hits: Vec<Hit> = hits.collect::<Result<_>>()?;
        if self.query.explain {
            explained::explain(&mut hits, found);
            if let Some(words) = &self.words {
                explained::explain_words(&mut hits, found, &self.parts, words)?;
            }
        }
        Ok(hits)
    }
}

/// How many passages each arm finds at least.
fn least_candidates(mode: Mode) -> usize {
    if mode.compares_words() && mode.compares_vectors() { CANDIDATES } else { 0 }
}
