//! From rankings to hits: as many as are wanted of what a query lets through.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use rustc_hash::FxHashMap;

use crate::{
    Hit, Hits, Query, QueryPlan, Result, SearchParams, Searcher, Times,
    searcher::{
        apart::{diversify, keep_distinct},
        arms::{Part, Placed, Ranking},
        explained,
    },
    vectors::unit_query,
};

#[cfg(feature = "lexical")]
use super::words::Words;
#[cfg(feature = "lexical")]
use crate::Mode;

/// Passages that hits of [diversity](Query::diversity) are chosen from, at least.
const DIVERSE: usize = 100;
/// How many times more passages are looked at when too many of one article were among them.
const MORE: usize = 4;

/// A query against a corpus, with all that is made once for it.
pub(super) struct Search<'s> {
    pub(super) query: &'s Query,
    /// The segments, each with the rows that may be found.
    pub(super) parts: Vec<Part<'s>>,
    /// Of length 1; empty if no vectors are compared.
    pub(super) vector: Cow<'s, [f32]>,
    /// There if words are compared.
    #[cfg(feature = "lexical")]
    words: Option<Words>,
    deadline: Option<Instant>,
}

impl Searcher {
    /// The best passages of all segments, as many as are wanted, or to be reranked; `vector` is
    /// that of the question, if it was embedded, with how long that took.
    pub(super) fn found(
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
        #[cfg_attr(not(feature = "lexical"), expect(unused_mut, reason = "words take time"))]
        let mut plan = QueryPlan {
            mode: query.mode,
            passages: self.passages(),
            allowed: allowed.sum(),
            times: Times { embed, filter, ..Times::default() },
            ..QueryPlan::default()
        };
        let given = query.vector.as_deref();
        let given = given.map(|vector| unit_query(vector, self.embedder.dim())).transpose()?;
        let vector = given.map_or(Cow::Borrowed(vector), Cow::Owned);
        let search = Search {
            query,
            #[cfg(feature = "lexical")]
            words: words(query, &parts, &mut plan.times)?,
            parts,
            vector,
            deadline,
        };
        search.run(plan)
    }
}

/// The words of `query`, if words are compared.
#[cfg(feature = "lexical")]
fn words(query: &Query, parts: &[Part], times: &mut Times) -> Result<Option<Words>> {
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
        let Query { k, effort, rerank, diversity, .. } = *self.query;
        let wanted = k.max(rerank.unwrap_or_default());
        let k = if diversity.is_some() { wanted.max(DIVERSE) } else { wanted };
        let (deadline, cancel) = (self.deadline, self.query.cancel.as_ref());
        let mut params = SearchParams { k, effort, deadline, cancel, ..SearchParams::default() };
        loop {
            plan.candidates = params.k;
            let Ranking { mut found, all } = self.ranked(&params, &mut plan)?;
            let start = Instant::now();
            self.keep(&mut found, wanted)?;
            plan.times.rank += start.elapsed();
            let more = found.len() < wanted && !all;
            if more && !params.ended() {
                params.k = params.k.saturating_mul(MORE);
                continue;
            }
            plan.ended = more
                || plan.dense.iter().any(|plan| !plan.complete)
                || plan.lexical.iter().any(|plan| !plan.complete);
            let start = Instant::now();
            let found = self.hits(&found)?;
            plan.times.read = start.elapsed();
            return Ok(Hits { found, plan: Box::new(plan) });
        }
    }

    /// The `params.k` best passages, by the mode of the query.
    fn ranked(&self, params: &SearchParams, plan: &mut QueryPlan) -> Result<Ranking> {
        #[cfg(feature = "lexical")]
        match (self.query.mode, &self.words) {
            (Mode::Lexical, Some(words)) => return words.best(&self.parts, params, plan),
            (_, Some(words)) => return self.by_both(words, params, plan),
            (_, None) => {}
        }
        self.closest(params, plan)
    }

    /// Keeps the `wanted` best that the query lets through.
    fn keep(&self, found: &mut Vec<Placed>, wanted: usize) -> Result<()> {
        let Self { query, parts, .. } = self;
        if let Some(most) = query.per_article {
            keep_of_each_article(found, most, parts);
        }
        if let Some(most) = query.distinct {
            keep_distinct(found, most, parts)?;
        }
        if let Some(diversity) = query.diversity {
            diversify(found, diversity, wanted, parts)?;
        }
        found.truncate(wanted);
        Ok(())
    }

    /// The hits that `found` stand for, explained if the query asks for it.
    fn hits(&self, found: &[Placed]) -> Result<Vec<Hit>> {
        let hits = found.iter().map(|one| self.parts[one.part as usize].0.hit(one.scored));
        let mut hits: Vec<Hit> = hits.collect::<Result<_>>()?;
        if self.query.explain {
            explained::explain(&mut hits, found);
            #[cfg(feature = "lexical")]
            if let Some(words) = &self.words {
                explained::explain_words(&mut hits, found, &self.parts, words)?;
            }
        }
        Ok(hits)
    }
}

/// Keeps the `most` best passages of each article.
fn keep_of_each_article(found: &mut Vec<Placed>, most: usize, parts: &[Part]) {
    let mut kept: FxHashMap<(u32, u32), usize> = FxHashMap::default();
    found.retain(|one| {
        let article = parts[one.part as usize].0.article_of(one.scored.row);
        let kept = kept.entry((one.part, article)).or_default();
        *kept += 1;
        *kept <= most
    });
}
