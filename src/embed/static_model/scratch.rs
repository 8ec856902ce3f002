//! The buffers of a call, which later calls use again.

use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// Buffers that no call uses at the moment. Their number is the highest number of concurrent
/// calls so far.
#[derive(Default)]
pub(super) struct BufferPool(Mutex<Vec<EmbedScratch>>);

impl BufferPool {
    /// Calls `work` with buffers that no other call uses.
    pub(super) fn lend<T>(&self, work: impl FnOnce(&mut EmbedScratch) -> T) -> T {
        let free = self.lock().pop();
        let mut scratch = free.unwrap_or_default();
        let result = work(&mut scratch);
        if scratch.tokens.fits(KEPT_TOKENS) {
            self.lock().push(scratch);
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Vec<EmbedScratch>> {
        // A panic cannot interrupt `push` and `pop`, so the list is always valid.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_buffers_are_freed() {
        let pool = BufferPool::default();
        let capacity = |pool: &BufferPool| pool.lend(|scratch| scratch.tokens.rows.capacity());
        pool.lend(|scratch| scratch.tokens.rows.reserve_exact(KEPT_TOKENS));
        assert_eq!(capacity(&pool), KEPT_TOKENS);
        pool.lend(|scratch| scratch.tokens.rows.reserve_exact(KEPT_TOKENS + 1));
        assert_eq!(capacity(&pool), 0);
    }

    #[test]
    fn concurrent_calls_have_separate_buffers() {
        let pool = BufferPool::default();
        pool.lend(|one| {
            one.tokens.rows.push(1);
            pool.lend(|other| assert!(other.tokens.rows.is_empty()));
        });
        assert_eq!(pool.lock().len(), 2);
    }
}
