//! The query pipeline: resolves the filter and the words, gathers statistics, ranks candidates of both arms,
//! applies the limits, diversifies, and reads and explains the hits.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use rustc_hash::FxHashMap;

use super::{
    candidates::{FIRST_POOL, GROWTH, Ranking, Tiers},
    diversify::{Mmr, diversify},
    explain::{ExplainedQuestion, explain},
    hit_groups::{group_candidates, groups_of},
    late::LateQuestion,
    post_filter::PostFilter,
    recency::RecencyScale,
    text_conditions::{PhraseCheck, TextConditions},
    view::{ArmRequest, Candidate, PassageId, Question, View, ids_of},
};
use crate::{
    Hit, Hits, Interrupt, Mode, Query, QueryPlan, Result,
    lexical::{Analyzer, QueryTerms, WeightedTerms, WordConditions, has_web_address_or_digit},
};

/// The vector of an embedded question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EmbeddedQuestion<'v> {
    /// Of length 1.
    pub(crate) vector: &'v [f32],
    pub(crate) embed_time: Duration,
}

/// Runs `query` up to reranking: returns the hits of its page, or all up to its end if a reranker is
/// to order the first ones.
pub(crate) fn retrieve<V: View>(
    view: &V,
    question: Option<EmbeddedQuestion>,
    query: &Query,
    interrupt: Interrupt<'_>,
) -> Result<Hits> {
    let mut plan = QueryPlan { mode: query.mode, ..QueryPlan::default() };
    let TextConditions { words, phrases } = TextConditions::of(query)?;
    let allowed = resolve_conditions(view, query, &words, &mut plan)?;
    let vector = query_vector(view, question, query, &mut plan)?;
    let terms = gather_statistics(view, query, &mut plan)?;
    let late = late_question(query, &mut plan)?;
    let recency = RecencyScale::of(query, view)?;
    let search = Search { query, view, allowed, vector, terms, late, recency, interrupt };
    let tiers = search.find_enough(phrases, &mut plan)?;
    let chosen = search.choose(&tiers, &mut plan)?;
    let found = search.fetch(search.page(&chosen), &mut plan)?;
    Ok(Hits { found, plan: Box::new(plan) })
}

/// Resolves the filter of `query` and its conditions on `words` into the passages that they allow.
fn resolve_conditions<V: View>(
    view: &V,
    query: &Query,
    words: &WordConditions,
    plan: &mut QueryPlan,
) -> Result<V::Allowed> {
    let start = Instant::now();
    let allowed = view.allowed(query.filter.as_ref(), words)?;
    plan.timings.filter = start.elapsed();
    plan.passages = view.passages();
    plan.allowed = view.allowed_passages(&allowed);
    Ok(allowed)
}

/// Returns the vector of `query` itself, or that of the embedded question.
fn query_vector<'q, V: View>(
    view: &V,
    question: Option<EmbeddedQuestion<'q>>,
    query: &Query,
    plan: &mut QueryPlan,
) -> Result<Cow<'q, [f32]>> {
    if let Some(question) = question {
        plan.timings.embed = question.embed_time;
    }
    if let Some(vector) = query.unit_vector(view.dim())? {
        return Ok(Cow::Owned(vector));
    }
    let Some(question) = question else {
        assert!(!query.mode.compares_vectors(), "the caller embeds the question of such a mode");
        return Ok(Cow::Borrowed(&[]));
    };
    Ok(Cow::Borrowed(question.vector))
}

/// Analyzes the question and gathers its statistics over the corpus, if the mode compares words.
fn gather_statistics<V: View>(
    view: &V,
    query: &Query,
    plan: &mut QueryPlan,
) -> Result<Option<WeightedTerms>> {
    if !query.mode.compares_words() {
        return Ok(None);
    }
    let start = Instant::now();
    let terms = QueryTerms::of(&query.text, &mut Analyzer::new()?);
    let stats = view.corpus_stats(&terms)?;
    let terms = WeightedTerms::new(terms, &stats);
    plan.timings.lexical = start.elapsed();
    Ok(Some(terms))
}

/// Cuts the question into pieces, if the mode compares both meaning and words of a text.
fn late_question(query: &Query, plan: &mut QueryPlan) -> Result<Option<LateQuestion>> {
    let is_asked = query.mode == Mode::Hybrid && query.weights.late > 0.0;
    if !is_asked || query.vector.is_some() {
        return Ok(None);
    }
    let start = Instant::now();
    let question = LateQuestion::of(&query.text)?;
    plan.timings.late = start.elapsed();
    Ok(Some(question))
}

/// A query with everything that its stages share.
struct Search<'s, V: View> {
    query: &'s Query,
    view: &'s V,
    allowed: V::Allowed,
    /// Of length 1; empty if the mode compares no vectors.
    vector: Cow<'s, [f32]>,
    /// `None` if the mode compares no words.
    terms: Option<WeightedTerms>,
    /// `None` without late interaction.
    late: Option<LateQuestion>,
    /// `None` if recency changes no score.
    recency: Option<RecencyScale>,
    interrupt: Interrupt<'s>,
}

impl<V: View> Search<'_, V> {
    /// Ranks candidates and applies the limits, tier by tier, until enough are left.
    ///
    /// A tier comes after all earlier ones, so the first hits do not depend on the number of hits.
    fn find_enough(
        &self,
        phrases: Option<PhraseCheck>,
        plan: &mut QueryPlan,
    ) -> Result<Vec<Vec<Candidate>>> {
        let mut request = ArmRequest {
            k: self.first_pool(),
            allowed: &self.allowed,
            effort: self.query.effort,
            interrupt: self.interrupt,
        };
        let mut tiers = Tiers::new(self.query, self.view, self.recency.as_ref());
        let mut filter = PostFilter::new(self.query, self.view, phrases, self.interrupt);
        let mut kept: Vec<Vec<Candidate>> = Vec::new();
        let mut missing = self.wanted();
        loop {
            plan.candidates = request.k;
            let Ranking { found, is_exhausted } = self.candidates(&request, &mut tiers, plan)?;
            let start = Instant::now();
            // Diversification chooses from the whole tier, and groups have hits of the whole tier.
            let needs_tier = self.query.mmr.is_some() || self.query.group_by_article.is_some();
            let limit = if needs_tier { found.len() } else { missing };
            let mut tier = filter.keep(found, limit)?;
            if self.query.group_by_article.is_some() {
                tier.found = group_candidates(self.view, tier.found)?;
            }
            plan.timings.rank += start.elapsed();
            missing = missing.saturating_sub(tier.found.len());
            kept.push(tier.found);
            let is_short = !self.is_enough(&kept) && (tier.is_interrupted || !is_exhausted);
            if !is_short || request.interrupt.is_due() {
                let is_complete = !is_short && !tier.is_interrupted && plan.is_searched_whole();
                plan.interrupted = (!is_complete).then(|| self.interrupt.reason());
                return Ok(kept);
            }
            request.k = request.k.saturating_mul(GROWTH);
        }
    }

    /// Whether there are as many groups as the query asks for, and as many candidates as it reranks.
    fn is_enough(&self, tiers: &[Vec<Candidate>]) -> bool {
        let groups: usize = tiers.iter().map(|tier| groups_of(tier).count()).sum();
        let candidates: usize = tiers.iter().map(Vec::len).sum();
        groups >= self.last_group() && candidates >= self.query.rerank.unwrap_or(0)
    }

    /// Ranks the next tier by the mode of the query.
    fn candidates(
        &self,
        request: &ArmRequest<'_, V::Allowed>,
        tiers: &mut Tiers<V>,
        plan: &mut QueryPlan,
    ) -> Result<Ranking> {
        match &self.terms {
            None => tiers.dense(&self.vector, request, plan),
            Some(terms) if self.query.mode == Mode::Lexical => tiers.lexical(terms, request, plan),
            Some(terms) => {
                let is_prose = !has_web_address_or_digit(&self.query.text);
                let question = Question { vector: &self.vector, terms, is_prose };
                tiers.hybrid(question, self.late.as_ref(), request, plan)
            }
        }
    }

    /// Diversifies the candidates of `tiers`, if the query asks for it.
    fn choose(&self, tiers: &[Vec<Candidate>], plan: &mut QueryPlan) -> Result<Vec<Candidate>> {
        let Some(weight) = self.query.mmr else { return Ok(tiers.concat()) };
        let start = Instant::now();
        let mmr = Mmr { weight, scale: self.score_scale(tiers) };
        let best = tiers.iter().map(|tier| groups_of(tier).map(|group| group[0]).collect());
        let best: Vec<Vec<Candidate>> = best.collect();
        let chosen = diversify(&best, mmr, self.wanted(), self.view)?;
        let groups = tiers.iter().flat_map(|tier| groups_of(tier));
        let groups: FxHashMap<PassageId, &[Candidate]> =
            groups.map(|group| (group[0].id, group)).collect();
        let chosen = chosen.iter().flat_map(|best| groups[&best.id]).copied().collect();
        plan.timings.rank += start.elapsed();
        Ok(chosen)
    }

    /// Reads the hits, and explains them if the query asks for it.
    fn fetch(&self, chosen: &[Candidate], plan: &mut QueryPlan) -> Result<Vec<Hit>> {
        let start = Instant::now();
        let passages = self.view.read(&ids_of(chosen))?.into_iter();
        let hits = passages.zip(chosen).map(|(passage, candidate)| passage.into_hit(candidate));
        let mut hits: Vec<Hit> = hits.collect();
        if self.query.explain {
            let question = ExplainedQuestion {
                text: &self.query.text,
                terms: self.terms.as_ref(),
                late: self.late.as_ref(),
            };
            explain(&mut hits, chosen, self.view, question)?;
        }
        plan.timings.read = start.elapsed();
        Ok(hits)
    }

    /// Returns the candidates that leave the pipeline. A reranker orders the first ones, so none of
    /// them is skipped before.
    fn page<'c>(&self, chosen: &'c [Candidate]) -> &'c [Candidate] {
        if self.query.rerank.is_some() {
            return chosen;
        }
        let lengths = |groups: usize| groups_of(chosen).take(groups).map(<[Candidate]>::len).sum();
        let start: usize = lengths(self.query.offset);
        let end: usize = lengths(self.last_group());
        &chosen[start..end]
    }

    /// Returns the number of groups up to the last one of the page; without grouping, each candidate
    /// is one.
    fn last_group(&self) -> usize {
        self.query.offset.saturating_add(self.query.k)
    }

    /// Returns the maximum number of groups that are ranked.
    fn wanted(&self) -> usize {
        self.last_group().max(self.query.rerank.unwrap_or(0))
    }

    /// Returns the number of passages that each arm finds for the first tier.
    ///
    /// If one arm ranks alone, a larger pool does not change the order.
    fn first_pool(&self) -> usize {
        let ranks_tier = self.query.mode == Mode::Hybrid
            || self.query.mmr.is_some()
            || self.query.group_by_article.is_some()
            || self.recency.is_some();
        if ranks_tier { FIRST_POOL } else { self.wanted() }
    }

    /// Returns the score that weighs as much as a similarity of 1: 1 if the mode compares vectors,
    /// else the best score. BM25 is not in `0.0..=1.0`.
    fn score_scale(&self, tiers: &[Vec<Candidate>]) -> f32 {
        let best = tiers.iter().flatten().next().map(|best| best.score);
        best.filter(|best| !self.query.mode.compares_vectors() && *best > 0.0).unwrap_or(1.0)
    }
}
