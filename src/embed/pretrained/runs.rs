//! What the model reads in one run: pieces of texts, all of the same length.

use std::borrow::Cow;

use crate::{Result, onnx::Tokens};

/// A text, or a part of one that is too long, as the model reads it.
pub(super) struct Piece<'t> {
    /// Which text it is of.
    pub(super) row: usize,
    /// With the prefix.
    pub(super) text: Cow<'t, str>,
    /// Length of that.
    pub(super) tokens: usize,
    /// How much it counts among the pieces of its text; `None` if it is the whole text.
    share: Option<f32>,
}

impl<'t> Piece<'t> {
    pub(super) fn new(
        row: usize,
        prefix: &str,
        part: &'t str,
        share: Option<usize>,
        tokens: &Tokens,
    ) -> Result<Self> {
        let text: Cow<str> =
            if prefix.is_empty() { part.into() } else { [prefix, part].concat().into() };
        let tokens = tokens.count(&text)?;
        #[expect(clippy::cast_precision_loss, reason = "a share of a mean")]
        let share = share.map(|tokens| tokens as f32);
        Ok(Self { row, text, tokens, share })
    }

    /// Adds its vector to that of its text, which is scaled later.
    pub(super) fn add(&self, vector: Vec<f32>, row: &mut [f32]) {
        let weight = match self.share {
            None => 1.0,
            Some(share) => share / vector.iter().map(|x| x * x).sum::<f32>().sqrt(),
        };
        row.iter_mut().zip(vector).for_each(|(sum, x)| *sum += weight * x);
    }
}

/// Pieces that share a run: of the same length, with no more than `together` tokens in all, or
/// single ones. `pieces` are in the order of their lengths.
pub(super) fn runs<'p, 't>(
    pieces: &'p [Piece<'t>],
    together: usize,
) -> impl Iterator<Item = &'p [Piece<'t>]> {
    pieces
        .chunk_by(|a, b| a.tokens == b.tokens)
        .flat_map(move |alike| alike.chunks((together / alike[0].tokens.max(1)).max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_lengths(lengths: &[usize]) -> Vec<Piece<'static>> {
        let piece = |&tokens: &usize| Piece { row: 0, text: "".into(), tokens, share: None };
        lengths.iter().map(piece).collect()
    }

    fn lengths(pieces: &[usize], together: usize) -> Vec<Vec<usize>> {
        let pieces = of_lengths(pieces);
        runs(&pieces, together).map(|run| run.iter().map(|piece| piece.tokens).collect()).collect()
    }

    #[test]
    fn only_texts_of_the_same_length_share_a_run() {
        let expected: [&[usize]; 5] = [&[0, 0], &[4, 4], &[4], &[5], &[30]];
        assert_eq!(lengths(&[0, 0, 4, 4, 4, 5, 30], 10), expected);
        assert!(lengths(&[2, 2, 2], 0).iter().all(|run| run.len() == 1));
        assert!(lengths(&[], 10).is_empty());
    }

    #[test]
    fn pieces_count_by_their_lengths() {
        let mut pieces = of_lengths(&[1, 1]);
        (pieces[0].share, pieces[1].share) = (Some(3.0), Some(1.0));
        let mut row = [0.0; 2];
        pieces[0].add(vec![5.0, 0.0], &mut row);
        pieces[1].add(vec![0.0, 0.5], &mut row);
        assert_eq!(row.map(f32::to_bits), [3.0_f32, 1.0].map(f32::to_bits));
    }
}
