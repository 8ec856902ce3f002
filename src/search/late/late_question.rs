//! The pieces of a question, with their vectors and weights.

use super::{late_similarities::LateSimilarities, piece_list::PieceList};
use crate::{
    Result,
    embed::{PieceCount, PieceRows},
    vector::kernel::{BLOCK, CodeBlock},
};

/// Maximum number of pieces of a question; the heaviest count.
const MAX_PIECES: usize = 64;

/// The pieces of a question.
pub(crate) struct LateQuestion {
    pub(super) rows: PieceRows,
    pub(super) pieces: Vec<QuestionPiece>,
}

/// A piece of a question.
pub(super) struct QuestionPiece {
    /// Its number in the model.
    pub(super) piece: u16,
    /// The values of its row, in blocks that end in zeros.
    pub(super) values: Vec<CodeBlock<i8>>,
    /// Sum of the values.
    pub(super) sum: i32,
    /// Length of the values as a vector.
    pub(super) length: f32,
    /// Length of the row, which is high for rare words, times `1 + ln n` for `n` occurrences.
    pub(super) weight: f32,
}

impl LateQuestion {
    /// Returns the pieces of `question`.
    ///
    /// # Errors
    ///
    /// The errors of [`PieceRows::bundled`].
    pub(crate) fn of(question: &str) -> Result<Self> {
        let rows = PieceRows::bundled()?;
        let mut codes = vec![CodeBlock([0; BLOCK]); rows.blocks()];
        let counted = rows.count(question).into_iter();
        let mut pieces: Vec<QuestionPiece> =
            counted.map(|counted| QuestionPiece::of(counted, &rows, &mut codes)).collect();
        // The sort is stable: of equal weights the first pieces count.
        pieces.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        pieces.truncate(MAX_PIECES);
        Ok(Self { rows, pieces })
    }

    /// Compares the pieces with those of passages.
    pub(crate) fn similarities(&self, passages: &[PieceList]) -> LateSimilarities {
        LateSimilarities::of(self, passages)
    }
}

impl QuestionPiece {
    /// Unpacks the row of a piece; `codes` is a buffer of one row.
    fn of(counted: PieceCount, rows: &PieceRows, codes: &mut [CodeBlock<u8>]) -> Self {
        let length = rows.unpack(counted.piece, codes);
        let value = |code: u8| i8::try_from(rows.value(code)).expect("values have eight bits");
        let mut values: Vec<CodeBlock<i8>> =
            codes.iter().map(|CodeBlock(codes)| CodeBlock(codes.map(value))).collect();
        let padding = rows.dim()..values.len() * BLOCK;
        for at in padding {
            values[at / BLOCK].0[at % BLOCK] = 0;
        }
        let all = values.iter().flat_map(|CodeBlock(values)| values);
        let sum = all.map(|value| i32::from(*value)).sum();
        #[expect(clippy::cast_precision_loss, reason = "a relative error of 2^-24")]
        let weight = rows.scaled(counted.piece, length) * (1.0 + (counted.count as f32).ln());
        Self { piece: counted.piece, values, sum, length, weight }
    }
}
