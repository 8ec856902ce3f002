//! From rankings to hits: as many as are wanted of what a query lets through.

use std::time::Instant;

use rustc_hash::FxHashMap;

use crate::{
    Hit, Hits, Mode, Query, Result, SearchParams, Searcher,
    searcher::{
        apart::{diversify, keep_distinct},
        arms::{self, Part, Placed, Ranking},
        explained,
    },
    vectors::unit_query,
};

#[cfg(feature = "lexical")]
use super::words::Words;

/// Passages that hits of [diversity](Query::diversity) are chosen from, at least.
const DIVERSE: usize = 100;
/// How many times more passages are looked at when too many of one article were among them.
const MORE: usize = 4;

impl Searcher {
    /// The best passages of all segments, as many as are wanted, or to be reranked; `vector` is
    /// that of the question, if vectors are compared.
    pub(super) fn found(
        &self,
        vector: Option<&[f32]>,
        query: &Query,
        deadline: Option<Instant>,
    ) -> Result<Hits> {
        let wanted = query.k.max(query.rerank.unwrap_or_default());
        let parts = self.parts(query.filter.as_ref())?;
        let given = query.vector.as_deref();
        let given = given.map(|vector| unit_query(vector, self.embedder.dim())).transpose()?;
        let vector = given.as_deref().or(vector).unwrap_or_default();
        let (effort, cancel) = (query.effort, query.cancel.as_ref());
        let k = if query.diversity.is_some() { wanted.max(DIVERSE) } else { wanted };
        let mut params = SearchParams { k, effort, deadline, cancel, ..SearchParams::default() };
        loop {
            let Ranking { mut found, all, plans } = ranked(&parts, vector, query, &params)?;
            keep(&mut found, query, wanted, &parts)?;
            if found.len() < wanted && !all && !params.ended() {
                params.k = params.k.saturating_mul(MORE);
                continue;
            }
            // Vectors and their plans tell themselves whether all were looked at.
            let ended = query.mode != Mode::Dense && params.ended();
            return Ok(Hits { found: hits(&found, query, &parts)?, plans, ended });
        }
    }
}

/// Keeps the `wanted` best that `query` lets through.
fn keep(found: &mut Vec<Placed>, query: &Query, wanted: usize, parts: &[Part]) -> Result<()> {
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

/// The hits that `found` stand for, explained if `query` asks for it.
fn hits(found: &[Placed], query: &Query, parts: &[Part]) -> Result<Vec<Hit>> {
    let hits = found.iter().map(|one| parts[one.part as usize].0.hit(one.scored));
    let mut hits: Vec<Hit> = hits.collect::<Result<_>>()?;
    if query.explain {
        explained::explain(&mut hits, found);
        #[cfg(feature = "lexical")]
        if query.mode.compares_words() {
            explained::explain_words(&mut hits, found, parts, &query.text)?;
        }
    }
    Ok(hits)
}

/// The `params.k` best passages, by the mode of `query`.
fn ranked(parts: &[Part], vector: &[f32], query: &Query, params: &SearchParams) -> Result<Ranking> {
    let least = query.min_similarity.unwrap_or(f32::NEG_INFINITY);
    match query.mode {
        Mode::Dense => arms::closest(parts, vector, params, least),
        #[cfg(feature = "lexical")]
        Mode::Lexical => Words::of(parts, &query.text)?.best(parts, params),
        #[cfg(feature = "lexical")]
        Mode::Hybrid => arms::by_both(parts, vector, &query.text, params, least),
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
