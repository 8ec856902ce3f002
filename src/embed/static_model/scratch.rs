//! The buffers of a call, which later calls use again.

use super::{pieces::TextPieces, row_counts::RowCounts};
use crate::vector::kernel::WeightedRow;

/// Maximum capacity of returned buffers, in tokens and in bytes of a word. Larger ones are freed.
const KEPT_TOKENS: usize = 1 << 14;

/// Buffers that consecutive texts share, so that tokens do not allocate.
#[derive(Default)]
pub(super) struct EmbedScratch {
    pub(super) tokens: TextPieces,
    pub(super) counts: RowCounts,
    pub(super) weighted: Vec<WeightedRow>,
}

impl EmbedScratch {
    /// Whether the buffers are small enough to be reused.
    pub(super) fn is_reusable(&self) -> bool {
        self.tokens.fits(KEPT_TOKENS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_buffers_are_freed() {
        let mut scratch = EmbedScratch::default();
        scratch.tokens.rows.reserve_exact(KEPT_TOKENS);
        assert!(scratch.is_reusable());
        scratch.tokens.rows.reserve_exact(KEPT_TOKENS + 1);
        assert!(!scratch.is_reusable());
    }
}
