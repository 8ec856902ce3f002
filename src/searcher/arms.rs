//! The two arms of a search, vectors and words, over all segments, and what they find together.

use std::borrow::Cow;

use crate::{Found, Plan, Result, RowSet, SearchParams, fuse::Scored, segment::LiveSegment};

#[cfg(feature = "lexical")]
use crate::lexical::{Statistics, Terms};

/// Passages that each arm finds for both to rank, at least.
#[cfg(feature = "lexical")]
const CANDIDATES: usize = 100;

/// A segment with the rows that a search may return; all, if `None`.
pub(super) type Part<'s> = (&'s LiveSegment, Option<Cow<'s, RowSet>>);

/// A passage by the number of its part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) part: u32,
    pub(super) scored: Scored,
}

/// What an arm, or both, found.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    /// Best first; equal ones in the order of the corpus.
    pub(super) found: Vec<Placed>,
    /// Whether there is nothing else to be found.
    pub(super) all: bool,
    /// How vectors were searched.
    pub(super) plans: Vec<Plan>,
}

/// The `params.k` closest passages that are at least this similar.
pub(super) fn closest(
    parts: &[Part],
    vector: &[f32],
    params: &SearchParams,
    min_similarity: f32,
) -> Result<Ranking> {
    let (mut found, mut plans) = (Vec::new(), Vec::new());
    for (part, (segment, allowed)) in (0..).zip(parts) {
        let Found { neighbors, plan } = segment.closest(vector, params, allowed.as_deref())?;
        let similar = neighbors.iter().filter(|one| one.similarity >= min_similarity);
        found.extend(similar.map(|one| Placed { part, scored: Scored::dense(one) }));
        plans.push(plan);
    }
    Ok(ranking(found, params.k, plans))
}

/// The `params.k` passages whose words fit best.
#[cfg(feature = "lexical")]
pub(super) fn by_words(parts: &[Part], question: &str, params: &SearchParams) -> Result<Ranking> {
    let terms = Terms::of(question);
    best_by_words(parts, &terms, &statistics(parts, &terms)?, params)
}

/// The `params.k` best of the candidates of both arms, ranked by both, of those that are at
/// least this similar.
#[cfg(feature = "lexical")]
pub(super) fn by_both(
    parts: &[Part],
    vector: &[f32],
    question: &str,
    params: &SearchParams,
    min_similarity: f32,
) -> Result<Ranking> {
    let terms = Terms::of(question);
    let statistics = statistics(parts, &terms)?;
    let params = SearchParams { k: params.k.max(CANDIDATES), ..*params };
    let Ranking { found: mut candidates, all, plans } =
        closest(parts, vector, &params, min_similarity)?;
    candidates.extend(best_by_words(parts, &terms, &statistics, &params)?.found);
    candidates.sort_by_key(|one| (one.part, one.scored.row));
    let mut found = Vec::with_capacity(candidates.len());
    for candidates in candidates.chunk_by(|a, b| a.part == b.part) {
        let part = candidates[0].part;
        let mut rows: Vec<u32> = candidates.iter().map(|one| one.scored.row).collect();
        rows.dedup();
        let segment = parts[part as usize].0;
        let similarities = segment.similarities(vector, &rows)?;
        let words = segment.lexical()?.scores(&terms, &statistics, &rows)?;
        let scored = rows.into_iter().zip(similarities).zip(words);
        let scored = scored.filter(|((_, similarity), _)| *similarity >= min_similarity);
        found.extend(scored.map(|((row, similarity), bm25)| {
            let scored = Scored::hybrid(row, similarity, bm25, statistics.most());
            Placed { part, scored }
        }));
    }
    Ok(Ranking { all, ..ranking(found, params.k, plans) })
}

#[cfg(feature = "lexical")]
fn statistics(parts: &[Part], terms: &Terms) -> Result<Statistics> {
    let indexes = parts.iter().map(|(segment, _)| Ok((segment.lexical()?, segment.live_rows())));
    Ok(Statistics::gather(terms, &indexes.collect::<Result<Vec<_>>>()?))
}

#[cfg(feature = "lexical")]
fn best_by_words(
    parts: &[Part],
    terms: &Terms,
    statistics: &Statistics,
    params: &SearchParams,
) -> Result<Ranking> {
    let mut found = Vec::new();
    for (part, (segment, allowed)) in (0..).zip(parts) {
        let (lexical, allowed) = (segment.lexical()?, allowed.as_deref());
        let best = lexical.best(terms, statistics, params.k, allowed, || params.ended())?;
        let scored = best.into_iter().map(|(row, bm25)| Scored::lexical(row, bm25));
        found.extend(scored.map(|scored| Placed { part, scored }));
    }
    Ok(ranking(found, params.k, Vec::new()))
}

/// The `k` best of `found`, which are in the order of the corpus where they are equal.
fn ranking(mut found: Vec<Placed>, k: usize, plans: Vec<Plan>) -> Ranking {
    let all = found.len() < k;
    found.sort_by(|a, b| b.scored.score.total_cmp(&a.scored.score));
    found.truncate(k);
    Ranking { found, all, plans }
}
