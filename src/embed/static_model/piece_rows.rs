//! The pieces of the bundled model with the values of their rows, for late interaction.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, Ordering},
};

use super::{Model, StaticEmbedder, row_counts::RowCount, scratch::EmbedScratch};
use crate::{
    Result,
    vector::kernel::{BLOCK, CodeBlock, unpack_codes},
};

/// Rows of the bundled model by piece. A row is unpacked to one code per value.
///
/// Clones share the lengths.
#[derive(Clone)]
pub(crate) struct PieceRows {
    embedder: StaticEmbedder,
    /// Bits of the length of each row's values, 0 until it is first needed.
    lengths: Arc<[AtomicU32]>,
}

/// A piece with the number of its occurrences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PieceCount {
    pub(crate) piece: u16,
    pub(crate) count: u32,
}

impl PieceRows {
    /// Returns the rows of the bundled model.
    ///
    /// # Errors
    ///
    /// The errors of [`StaticEmbedder::bundled`].
    pub(crate) fn bundled() -> Result<Self> {
        static BUNDLED: OnceLock<PieceRows> = OnceLock::new();
        if let Some(rows) = BUNDLED.get() {
            return Ok(rows.clone());
        }
        let embedder = StaticEmbedder::bundled()?;
        let count = embedder.0.layout.unknown() as usize + 1;
        let lengths = (0..count).map(|_| AtomicU32::new(0)).collect();
        Ok(BUNDLED.get_or_init(|| Self { embedder, lengths }).clone())
    }

    /// Hash of the pieces and the rows.
    pub(crate) fn hash(&self) -> u128 {
        self.embedder.0.identity.hash
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Returns the distinct pieces of `text` in the order of their first occurrence.
    pub(crate) fn count(&self, text: &str) -> Vec<PieceCount> {
        let Model { pieces, buffers, .. } = &*self.embedder.0;
        buffers.with(|EmbedScratch { tokens, counts, .. }| {
            pieces.tokenize(text, tokens);
            counts.count(&tokens.rows, |_| ());
            let counted = |RowCount { row, count }: &RowCount| PieceCount {
                piece: u16::try_from(*row).expect("the bundled model has at most 2^16 rows"),
                count: *count,
            };
            counts.distinct.iter().map(counted).collect()
        })
    }

    /// Number of values in a row.
    pub(crate) fn dim(&self) -> usize {
        self.embedder.0.layout.dim
    }

    /// Number of blocks of an unpacked row.
    pub(crate) fn blocks(&self) -> usize {
        self.embedder.0.layout.dim.div_ceil(BLOCK)
    }

    /// Unpacks the row of `piece` to `blocks`, as many as a row has; the last one ends in zeros.
    /// Returns the length of the codes' [values](Self::value) as a vector.
    pub(crate) fn unpack(&self, piece: u16, blocks: &mut [CodeBlock<u8>]) -> f32 {
        let Model { bytes, layout, .. } = &*self.embedder.0;
        let codes: &mut [u8] = bytemuck::cast_slice_mut(blocks);
        let (codes, padding) = codes.split_at_mut(layout.dim);
        unpack_codes(layout.packing, layout.row(bytes, piece.into()), codes);
        padding.fill(0);
        let cached = &self.lengths[usize::from(piece)];
        // Threads that compute it at the same time store the same bits.
        match f32::from_bits(cached.load(Ordering::Relaxed)) {
            0.0 => {
                let length = self.length(codes);
                cached.store(length.to_bits(), Ordering::Relaxed);
                length
            }
            length => length,
        }
    }

    /// Returns the length of the values of `codes` as a vector.
    fn length(&self, codes: &[u8]) -> f32 {
        let square = |code: &u8| {
            let value = i32::from(self.value(*code));
            value * value
        };
        #[expect(clippy::cast_precision_loss, reason = "a relative error of 2^-24")]
        let squares = codes.iter().map(square).sum::<i32>() as f32;
        squares.sqrt()
    }

    /// Returns what `code` of an unpacked row stands for, in steps of the row.
    pub(crate) fn value(&self, code: u8) -> i16 {
        self.embedder.0.layout.packing.value(code)
    }

    /// Returns the length of the row of `piece` as a vector, whose codes have this `length`.
    pub(crate) fn scaled(&self, piece: u16, length: f32) -> f32 {
        let Model { bytes, layout, .. } = &*self.embedder.0;
        (layout.scale(bytes, piece.into()) * length).abs()
    }
}
