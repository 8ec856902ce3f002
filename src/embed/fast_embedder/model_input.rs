//! An input of the model: a whole text, or a piece of a long text.

use std::borrow::Cow;

use crate::{
    Result,
    onnx::{CountedText, ModelTokenizer},
};

/// A text, or a piece of a long text, with its prefix.
pub(super) struct ModelInput<'t> {
    /// Position of the text in the call.
    pub(super) row: usize,
    /// The piece with the prefix.
    pub(super) text: Cow<'t, str>,
    /// Length of `text` in tokens.
    pub(super) tokens: usize,
    /// Weight in the mean over the pieces of the text; `None` for a whole text.
    weight: Option<f32>,
}

impl<'t> ModelInput<'t> {
    /// Makes the input of a whole text, the text number `row`.
    pub(super) fn whole(
        row: usize,
        prefix: &str,
        text: CountedText<'t>,
        tokenizer: &ModelTokenizer,
    ) -> Result<Self> {
        if prefix.is_empty() {
            let CountedText { text, tokens } = text;
            return Ok(Self { row, text: text.into(), tokens, weight: None });
        }
        let text = [prefix, text.text].concat();
        Ok(Self { row, tokens: tokenizer.count(&text)?, text: text.into(), weight: None })
    }

    /// Makes the input of a part of the text number `row`, weighted by its length.
    pub(super) fn part(
        row: usize,
        prefix: &str,
        part: CountedText<'t>,
        tokenizer: &ModelTokenizer,
    ) -> Result<Self> {
        #[expect(clippy::cast_precision_loss, reason = "a relative error of 2^-24")]
        let weight = Some(part.tokens as f32);
        Ok(Self { weight, ..Self::whole(row, prefix, part, tokenizer)? })
    }

    /// Adds the vector of this piece to `row`, the sum over its text, which is normalized later.
    pub(super) fn add(&self, vector: Vec<f32>, row: &mut [f32]) {
        let weight = match self.weight {
            None => 1.0,
            Some(weight) => weight / vector.iter().map(|x| x * x).sum::<f32>().sqrt(),
        };
        row.iter_mut().zip(vector).for_each(|(sum, x)| *sum += weight * x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_weighted_by_their_lengths() {
        let piece =
            |weight| ModelInput { row: 0, text: "".into(), tokens: 1, weight: Some(weight) };
        let mut row = [0.0; 2];
        piece(3.0).add(vec![5.0, 0.0], &mut row);
        piece(1.0).add(vec![0.0, 0.5], &mut row);
        assert_eq!(row.map(f32::to_bits), [3.0_f32, 1.0].map(f32::to_bits));
    }
}
