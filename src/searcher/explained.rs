//! What the scores of hits are made of.

use crate::{
    Explanation, Hit, Query, Result,
    searcher::arms::{Part, Placed},
};

/// Gives `hits`, which are those of `found`, their explanations.
pub(super) fn explain(
    hits: &mut [Hit],
    found: &[Placed],
    parts: &[Part],
    query: &Query,
) -> Result<()> {
    for (hit, Placed { scored, .. }) in hits.iter_mut().zip(found) {
        hit.explanation = Some(Box::new(Explanation {
            similarity: scored.similarity,
            dense_rank: scored.ranks.dense.map(|rank| rank + 1),
            bm25: scored.bm25,
            lexical_rank: scored.ranks.lexical.map(|rank| rank + 1),
            retrieved: scored.score,
            ..Explanation::default()
        }));
    }
    #[cfg(feature = "lexical")]
    if query.mode.compares_words() {
        return explain_words(hits, found, parts, query);
    }
    #[cfg(not(feature = "lexical"))]
    let _ = (parts, query);
    Ok(())
}

#[cfg(feature = "lexical")]
fn explain_words(hits: &mut [Hit], found: &[Placed], parts: &[Part], query: &Query) -> Result<()> {
    let words = super::words::Words::of(parts, &query.text)?;
    for (hit, Placed { part, scored }) in hits.iter_mut().zip(found) {
        if let Some(explanation) = &mut hit.explanation {
            explanation.most_bm25 = Some(words.most());
            explanation.words = words.explain(parts[*part as usize].0, scored.row)?;
        }
    }
    Ok(())
}
