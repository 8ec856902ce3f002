//! The inputs of the model: whole texts, or pieces of long texts.

use std::borrow::Cow;

use crate::{Result, onnx::Tokens};

/// A text, or a piece of a long text, with its prefix.
pub(super) struct TextPiece<'t> {
    /// Position of the text.
    pub(super) row: usize,
    /// With the prefix.
    pub(super) text: Cow<'t, str>,
    /// Length of `text` in tokens.
    pub(super) tokens: usize,
    /// Weight in the mean over the pieces of the text; `None` if it is the whole text.
    share: Option<f32>,
}

impl<'t> TextPiece<'t> {
    pub(super) fn new(
        row: usize,
        prefix: &str,
        (part, length): (&'t str, usize),
        alone: bool,
        tokens: &Tokens,
    ) -> Result<Self> {
        #[expect(clippy::cast_precision_loss, reason = "a share of a mean")]
        let share = (!alone).then_some(length as f32);
        if prefix.is_empty() {
            return Ok(Self { row, text: part.into(), tokens: length, share });
        }
        let text = [prefix, part].concat();
        let tokens = tokens.count(&text)?;
        let text = Cow::Owned(text);
        Ok(Self { row, text, tokens, share })
    }

    /// Adds the vector of this piece to `row`, the sum of its text, which is normalized later.
    pub(super) fn add(&self, vector: Vec<f32>, row: &mut [f32]) {
        let weight = match self.share {
            None => 1.0,
            Some(share) => share / vector.iter().map(|x| x * x).sum::<f32>().sqrt(),
        };
        row.iter_mut().zip(vector).for_each(|(sum, x)| *sum += weight * x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_count_by_their_lengths() {
        let piece = |share| TextPiece { row: 0, text: "".into(), tokens: 1, share: Some(share) };
        let mut row = [0.0; 2];
        piece(3.0).add(vec![5.0, 0.0], &mut row);
        piece(1.0).add(vec![0.0, 0.5], &mut row);
        assert_eq!(row.map(f32::to_bits), [3.0_f32, 1.0].map(f32::to_bits));
    }
}
