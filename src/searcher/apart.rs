//! Hits that are unlike each other: without repetitions, or from many sides.

use crate::{
    Result, index,
    searcher::arms::{Part, Placed},
};

/// The vectors of `found`, in that order.
fn vectors<'s>(found: &[Placed], parts: &[Part<'s>]) -> Result<Vec<&'s [f32]>> {
    found.iter().map(|one| parts[one.part as usize].0.vector(one.scored.row)).collect()
}

/// Leaves out what is at least as similar as `most` to something before it.
pub(super) fn keep_distinct(found: &mut Vec<Placed>, most: f32, parts: &[Part]) -> Result<()> {
    let mut kept: Vec<&[f32]> = Vec::new();
    let mut is_new = vectors(found, parts)?.into_iter().map(|vector| {
        let new = kept.iter().all(|one| index::similarity(one, vector) < most);
        if new {
            kept.push(vector);
        }
        new
    });
    found.retain(|_| is_new.next().unwrap_or(true));
    Ok(())
}

/// Puts first the `wanted` that are good and unlike those before them; `diversity` is the weight of
/// being unlike, 0 to 1.
///
/// # Source
///
/// Carbonell & Goldstein (1998), *The Use of MMR, Diversity-Based Reranking*: maximal marginal
/// relevance, with the score in place of the similarity to the query.
pub(super) fn diversify(
    found: &mut Vec<Placed>,
    diversity: f32,
    wanted: usize,
    parts: &[Part],
) -> Result<()> {
    let vectors = vectors(found, parts)?;
    let mut closest = vec![f32::NEG_INFINITY; found.len()];
    let mut left: Vec<usize> = (0..found.len()).collect();
    let mut chosen = Vec::with_capacity(wanted.min(found.len()));
    while chosen.len() < wanted && !left.is_empty() {
        let worth = |at: &usize| {
            let alike = if chosen.is_empty() { 0.0 } else { closest[*at] };
            (1.0 - diversity) * found[*at].scored.score - diversity * alike
        };
        // Of equal ones the first.
        let best =
            (0..left.len()).rev().max_by(|a, b| worth(&left[*a]).total_cmp(&worth(&left[*b])));
        let Some(best) = best else { break };
        let next = left.remove(best);
        for at in &left {
            closest[*at] = closest[*at].max(index::similarity(vectors[next], vectors[*at]));
        }
        chosen.push(next);
    }
    *found = chosen.into_iter().map(|at| found[at]).collect();
    Ok(())
}
