//! The constants of a question, and the score of a passage by them.

use super::{
    late_question::LateQuestion,
    late_similarities::{LateSimilarities, PassageSimilarities},
};

/// Minimum cosine at which a passage has a piece of the question, for the weights.
const MATCH: f32 = 0.55;
/// Addend of the inverse passage frequency, so that a piece that all passages have still counts.
const MIN_RARITY: f32 = 0.1;

/// Mean and weight of each piece of a question over the first candidates.
#[derive(Debug)]
pub(crate) struct LateConstants {
    means: Vec<f32>,
    /// Their sum is 1.
    weights: Vec<f32>,
}

impl LateConstants {
    /// Computes the constants of `question` from its similarities to the first candidates.
    #[expect(clippy::cast_precision_loss, reason = "few candidates")]
    pub(crate) fn of(question: &LateQuestion, first: &LateSimilarities) -> Self {
        let mut means = vec![0.0; first.width];
        let mut matches = vec![0_u16; first.width];
        let mut passages = 0.0_f32;
        for passage in first.passages() {
            passages += 1.0;
            means.iter_mut().zip(passage.excesses()).for_each(|(mean, excess)| *mean += excess);
            for (matches, value) in matches.iter_mut().zip(passage.values) {
                *matches += u16::from(*value > MATCH);
            }
        }
        means.iter_mut().for_each(|mean| *mean /= passages.max(1.0));
        let rarity = |matches: u16| {
            (((passages + 1.0) / (1.0 + f32::from(matches))).ln() + MIN_RARITY).sqrt()
        };
        let weighted = question.pieces.iter().zip(matches);
        let mut weights: Vec<f32> =
            weighted.map(|(piece, matches)| piece.weight * rarity(matches)).collect();
        let sum: f32 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        Self { means, weights }
    }

    /// Returns the late score of each passage, `0.0..2.0`: the weighted sum of how much more similar
    /// each piece of the question is to it than to the mean of the first candidates.
    pub(crate) fn scores<'c>(
        &'c self,
        similarities: &'c LateSimilarities,
    ) -> impl Iterator<Item = f32> + 'c {
        let score = |passage: PassageSimilarities| {
            let excesses = passage.excesses().zip(&self.means);
            let gains = excesses.map(|(excess, mean)| (excess - mean).max(0.0));
            gains.zip(&self.weights).map(|(gain, weight)| weight * gain).sum()
        };
        similarities.passages().map(score)
    }
}
