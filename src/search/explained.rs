//! What the scores of hits are made of.

use super::{
    candidates::{Candidate, SegmentView},
    lexical_candidates::Words,
};
use crate::{Explanation, Hit, Result};

/// Gives `hits`, which are those of `found`, their explanations.
pub(super) fn explain(hits: &mut [Hit], found: &[Candidate]) {
    for (hit, Candidate { scored, .. }) in hits.iter_mut().zip(found) {
        hit.explanation = Some(Box::new(Explanation {
            similarity: scored.similarity,
            dense_rank: scored.ranks.dense.map(|rank| rank + 1),
            bm25: scored.bm25,
            baseline_share: scored.usual,
            lexical_rank: scored.ranks.lexical.map(|rank| rank + 1),
            retrieved: scored.score,
            ..Explanation::default()
        }));
    }
}

/// Adds to the explanations of `hits` what the words of the question say.
pub(super) fn explain_words(
    hits: &mut [Hit],
    found: &[Candidate],
    parts: &[SegmentView],
    words: &Words,
) -> Result<()> {
    for (hit, Candidate { part, scored }) in hits.iter_mut().zip(found) {
        if let Some(explanation) = &mut hit.explanation {
            explanation.max_bm25 = Some(words.most());
            explanation.words = words.explain(parts[*part as usize].0, scored.row)?;
        }
    }
    Ok(())
}
