//! The two arms of a search, vectors and words, over all segments, and what they find together.

use std::borrow::Cow;

use crate::{Found, Plan, Result, RowSet, SearchParams, fuse::Scored, segment::LiveSegment};

#[cfg(feature = "lexical")]
use super::words::Words;
#[cfg(feature = "lexical")]
use crate::fuse::Fusion;

/// Passages that each arm finds for both to rank, at least: more changed nothing where it was
/// tried.
#[cfg(feature = "lexical")]
const CANDIDATES: usize = 50;

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
        found.extend(similar.map(|one| Placed { part, scored: Scored::dense(*one) }));
        plans.push(plan);
    }
    let mut ranking = ranking(found, params.k, plans);
    let ranked = ranking.found.iter_mut().enumerate();
    ranked.for_each(|(rank, one)| one.scored.ranks.dense = Some(rank));
    Ok(ranking)
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
    let words = Words::of(parts, question)?;
    let params = SearchParams { k: params.k.max(CANDIDATES), ..*params };
    let Ranking { found: mut candidates, all, plans } =
        closest(parts, vector, &params, min_similarity)?;
    let by_words = words.best(parts, &params)?.found;
    let best = by_words.first().map_or(0.0, |best| best.scored.score);
    let fusion = Fusion::new(words.most(), best);
    candidates.extend(by_words);
    candidates.sort_by_key(|one| (one.part, one.scored.row));
    candidates.dedup_by(|again, first| {
        let same = (again.part, again.scored.row) == (first.part, first.scored.row);
        if same {
            first.scored.ranks = first.scored.ranks.or(again.scored.ranks);
        }
        same
    });
    let mut found = Vec::with_capacity(candidates.len());
    for candidates in candidates.chunk_by(|a, b| a.part == b.part) {
        let part = candidates[0].part;
        let rows: Vec<u32> = candidates.iter().map(|one| one.scored.row).collect();
        let segment = parts[part as usize].0;
        let similarities = segment.similarities(vector, &rows)?;
        let bm25s = words.scores(segment, &rows)?;
        let both = candidates.iter().zip(similarities.into_iter().zip(bm25s));
        let both = both.filter(|(_, (similarity, _))| *similarity >= min_similarity);
        found.extend(both.map(|(Placed { scored, .. }, (similarity, bm25))| {
            let scored = fusion.scored(scored.row, similarity, bm25, scored.ranks);
            Placed { part, scored }
        }));
    }
    Ok(Ranking { all, ..ranking(found, params.k, plans) })
}

/// The `k` best of `found`, which are in the order of the corpus where they are equal.
pub(super) fn ranking(mut found: Vec<Placed>, k: usize, plans: Vec<Plan>) -> Ranking {
    let all = found.len() < k;
    found.sort_by(|a, b| b.scored.score.total_cmp(&a.scored.score));
    found.truncate(k);
    Ranking { found, all, plans }
}
