//! Reranking: orders hits by the scores of a reranker.

use std::time::Instant;

use super::{
    explanation::Reranked,
    hit::{Hit, Hits},
    hit_groups::page_of_groups,
    query::Query,
};
use crate::{Error, Interrupt, Reranker, Result};

/// Reranks the first of `hits` if `query` asks for it, and returns its page.
///
/// Hits whose reranking is interrupted keep their order, and their plan says so.
pub(crate) fn rerank(
    mut hits: Hits,
    query: &Query,
    reranker: Option<&dyn Reranker>,
    interrupt: Interrupt<'_>,
) -> Result<Hits> {
    if let (Some(candidates), Some(reranker), [_, ..]) = (query.rerank, reranker, &hits[..]) {
        let start = Instant::now();
        let candidates = candidates.min(hits.len());
        let first = &mut hits.found[..candidates];
        match order_by_score(reranker, &query.text, first, interrupt) {
            Ok(()) => hits.plan.reranked = true,
            Err(Error::TimedOut | Error::Cancelled) => {
                hits.plan.interrupted = Some(interrupt.reason());
            }
            Err(error) => return Err(error),
        }
        hits.plan.timings.rerank = start.elapsed();
        if query.group_by_article.is_some() {
            hits.found = page_of_groups(hits.found, query);
            return Ok(hits);
        }
        hits.found.drain(..query.offset.min(hits.found.len()));
    }
    if query.group_by_article.is_none() {
        hits.found.truncate(query.k);
    }
    Ok(hits)
}

/// Orders `hits` by the scores that `reranker` gives them, best first.
fn order_by_score(
    reranker: &dyn Reranker,
    question: &str,
    hits: &mut [Hit],
    interrupt: Interrupt<'_>,
) -> Result<()> {
    interrupt.check()?;
    let texts: Vec<String> = hits.iter().map(Hit::text_in_context).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let scores = reranker.call_score(question, &texts, interrupt)?;
    for ((hit, score), rank_before) in hits.iter_mut().zip(scores).zip(1..) {
        // Adding 0 turns -0 into 0.
        hit.score = score + 0.0;
        if let Some(explanation) = &mut hit.explanation {
            explanation.reranked = Some(Reranked { rank_before, score: hit.score });
        }
    }
    // The sort is stable: hits of equal scores keep their order.
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(())
}
