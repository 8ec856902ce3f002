//! The two arms of a search, vectors and words, over all segments, and what they find together.

use std::borrow::Cow;

use crate::{
    Found, Plan, Result, RowSet, SearchParams,
    fuse::{Ranks, Scored},
    segment::LiveSegment,
};

#[cfg(feature = "lexical")]
use super::words::Words;
#[cfg(feature = "lexical")]
use crate::{fuse::Fusion, index};

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

impl Ranking {
    /// Notes the rank of each passage in the place that is `its`.
    pub(super) fn numbered(mut self, its: impl Fn(&mut Ranks) -> &mut Option<usize>) -> Self {
        for (rank, one) in self.found.iter_mut().enumerate() {
            *its(&mut one.scored.ranks) = Some(rank);
        }
        self
    }
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
    Ok(ranking(found, params.k, plans).numbered(|ranks| &mut ranks.dense))
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
            first.scored.add(again.scored);
        }
        same
    });
    let mut found = Vec::with_capacity(candidates.len());
    for candidates in candidates.chunk_by(|a, b| a.part == b.part) {
        let segment = parts[candidates[0].part as usize].0;
        let unscored = candidates.iter().filter(|one| one.scored.bm25.is_none());
        let unscored: Vec<u32> = unscored.map(|one| one.scored.row).collect();
        let mut bm25s = words.scores(segment, &unscored)?.into_iter();
        for Placed { part, scored } in candidates {
            let similarity = match scored.similarity {
                Some(similarity) => similarity,
                None => index::similarity(vector, segment.vector(scored.row)?),
            };
            let bm25 = scored.bm25.or_else(|| bm25s.next()).unwrap_or_default();
            if similarity >= min_similarity {
                let scored = fusion.scored(scored.row, similarity, bm25, scored.ranks);
                found.push(Placed { part: *part, scored });
            }
        }
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
