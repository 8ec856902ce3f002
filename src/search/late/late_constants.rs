//! The constants of a question, and the score of a passage by them.

use super::{
    late_question::LateQuestion,
    late_similarities::{LateSimilarities, PassageSimilarities},
};

/// Minimum cosine at which a passage has a piece of the question, for the weights.
const MATCH: f32 = 0.55;
/// Cosines are summed in steps of `2^-30`, so that the mean does not depend on the order of the
/// candidates, which is that of the segments.
const STEPS: f64 = 1_073_741_824.0;
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
    pub(crate) fn of(question: &LateQuestion, first: &LateSimilarities) -> Self {
        let mut columns = vec![PieceStats::default(); first.width];
        let mut passages = 0_u16;
        for passage in first.passages() {
            passages += 1;
            for ((column, excess), value) in
                columns.iter_mut().zip(passage.excesses()).zip(passage.values)
            {
                column.add(excess, *value);
            }
        }
        let weighted = columns.iter().zip(&question.pieces);
        let mut weights: Vec<f32> =
            weighted.map(|(column, piece)| piece.weight * column.rarity(passages)).collect();
        let sum: f32 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= sum;
        }
        Self { means: columns.iter().map(|column| column.mean(passages)).collect(), weights }
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

/// What the first candidates have of one piece of the question.
#[derive(Clone, Copy, Default)]
struct PieceStats {
    /// Sum of the excesses, in steps.
    sum: i64,
    /// Number of candidates that have the piece.
    matches: u16,
}

impl PieceStats {
    #[expect(clippy::cast_possible_truncation, reason = "a cosine times 2^30")]
    fn add(&mut self, excess: f32, value: f32) {
        self.sum += (f64::from(excess) * STEPS) as i64;
        self.matches += u16::from(value > MATCH);
    }

    /// Returns the mean excess over `passages` candidates.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "cosines")]
    fn mean(self, passages: u16) -> f32 {
        (self.sum as f64 / STEPS / f64::from(passages.max(1))) as f32
    }

    /// Returns how rare the piece is among `passages` candidates; a soft inverse passage frequency.
    fn rarity(self, passages: u16) -> f32 {
        let share = (f32::from(passages) + 1.0) / (f32::from(self.matches) + 1.0);
        (share.ln() + MIN_RARITY).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{embed::PieceRows, search::late::PieceList};

    const TEXTS: [&str; 5] = [
        "Moore speichern Kohlenstoff und Wasser.",
        "Peat bogs store carbon and water.",
        "Die Brücke wird im Sommer erneuert.",
        "Railway bridges are repaired at night.",
        "Ein Sauerteig braucht Zeit und Wärme.",
    ];

    fn scores(question: &str, texts: &[&str]) -> Vec<f32> {
        let rows = PieceRows::bundled().unwrap();
        let lists: Vec<PieceList> = texts.iter().map(|text| PieceList::of(text, &rows)).collect();
        let question = LateQuestion::of(question).unwrap();
        let similarities = question.similarities(&lists);
        LateConstants::of(&question, &similarities).scores(&similarities).collect()
    }

    #[test]
    fn a_single_candidate_has_score_zero() {
        assert_eq!(scores("Was speichern Moore?", &TEXTS[..1]), [0.0]);
        assert_eq!(scores("Was speichern Moore?", &[TEXTS[0]; 3]), [0.0; 3]);
    }

    #[test]
    fn passages_in_the_other_language_are_found() {
        let german = scores("Was speichern Moore?", &TEXTS);
        assert!(german[..2].iter().all(|score| *score > german[2]), "{german:?}");
        let english = scores("Who repairs bridges?", &TEXTS);
        assert!(english[2..4].iter().all(|score| *score > english[0]), "{english:?}");
    }

    #[test]
    fn the_order_of_candidates_changes_no_score() {
        let mut reversed = TEXTS;
        reversed.reverse();
        let mut scores_reversed = scores("Wie lange braucht Teig?", &reversed);
        scores_reversed.reverse();
        assert_eq!(scores("Wie lange braucht Teig?", &TEXTS), scores_reversed);
    }

    #[test]
    fn scores_are_finite_whatever_the_texts() {
        for question in ["", "東京", "!!!", "a", &"Moor ".repeat(500)] {
            for score in scores(question, &["", "!", "Moor", TEXTS[0]]) {
                assert!((0.0..2.0).contains(&score), "{question}: {score}");
            }
        }
    }
}
