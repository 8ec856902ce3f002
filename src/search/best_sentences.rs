//! The best sentences of hits, for a context whose budget no hit fits into.

use std::ops::Range;

use super::{
    context::{Context, Packing},
    excerpts::Excerpt,
    hit::Hit,
};
use crate::{Result, Vectors, text::sentences_of, vector};

/// Maximum number of sentences that are compared with the question.
const MAX_SENTENCES: usize = 64;

/// A sentence of a hit.
pub(super) struct HitSentence {
    /// Rank of the hit, from 0.
    rank: usize,
    /// Number of the sentence in the hit, from 0.
    number: usize,
    /// Byte range in the text of the hit.
    range: Range<usize>,
}

/// Returns the first sentences of `hits`, in their order, each once.
pub(super) fn sentences(hits: &[Hit]) -> Vec<HitSentence> {
    let mut sentences: Vec<HitSentence> = Vec::new();
    for (rank, hit) in hits.iter().enumerate() {
        for (number, range) in sentences_of(&hit.text, hit.markup).enumerate() {
            let sentence = HitSentence { rank, number, range };
            // Neighboring passages can share sentences.
            let place = sentence.place(hits);
            if sentences.iter().all(|other| other.place(hits) != place) {
                sentences.push(sentence);
            }
            if sentences.len() == MAX_SENTENCES {
                return sentences;
            }
        }
    }
    sentences
}

impl HitSentence {
    /// The text that is compared with the question.
    pub(super) fn text(&self, hits: &[Hit]) -> String {
        let hit = &hits[self.rank];
        hit.markup.text_of(&hit.text[self.range.clone()]).into_owned()
    }

    fn place<'h>(&self, hits: &'h [Hit]) -> (&'h str, usize, usize) {
        let Hit { article, range, .. } = &hits[self.rank];
        (article, range.start + self.range.start, range.start + self.range.end)
    }
}

/// Orders `sentences`, whose vectors are `vectors`, by their similarity to `question`.
pub(super) fn sort_by_similarity(
    sentences: Vec<HitSentence>,
    vectors: &Vectors,
    question: &[f32],
) -> Vec<HitSentence> {
    let similarities = vectors.rows().map(|vector| vector::similarity(question, vector));
    let mut compared: Vec<(f32, HitSentence)> = similarities.zip(sentences).collect();
    compared.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    compared.into_iter().map(|(_, sentence)| sentence).collect()
}

/// Packs those of `sentences`, best first, that fit. They stand in the order of the hits; neighboring
/// sentences are one excerpt.
pub(super) fn pack(
    packing: &Packing,
    hits: &[Hit],
    sentences: Vec<HitSentence>,
) -> Result<Context> {
    let mut context = packing.pack([])?;
    let mut packed: Vec<HitSentence> = Vec::new();
    for sentence in sentences {
        let place =
            packed.partition_point(|one| (one.rank, one.number) < (sentence.rank, sentence.number));
        packed.insert(place, sentence);
        let extended = packing.without_budget().pack(excerpts(hits, &packed))?;
        if extended.tokens <= packing.budget && extended.left_out == 0 {
            context = extended;
        } else {
            packed.remove(place);
        }
    }
    context.left_out = context.count_left_out(hits);
    Ok(context)
}

/// Returns the excerpts of `sentences`, which ascend by hit and place.
fn excerpts(hits: &[Hit], sentences: &[HitSentence]) -> Vec<Excerpt> {
    let are_neighbors = |before: &HitSentence, after: &HitSentence| {
        (before.rank, before.number + 1) == (after.rank, after.number)
    };
    sentences.chunk_by(are_neighbors).map(|run| excerpt(hits, run)).collect()
}

/// Returns the excerpt of `run`, neighboring sentences of a hit.
fn excerpt(hits: &[Hit], run: &[HitSentence]) -> Excerpt {
    let hit = &hits[run[0].rank];
    let range = run[0].range.start..run[run.len() - 1].range.end;
    Excerpt {
        article: hit.article.clone(),
        title: hit.title.clone(),
        text: hit.text[range.clone()].to_owned(),
        range: hit.range.start + range.start..hit.range.start + range.end,
        score: hit.score,
        hits: vec![hit.range.clone()],
    }
}
