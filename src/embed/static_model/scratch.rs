//! The buffers of a call, kept for the next one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::pieces::TextPieces;
use crate::vector::kernel::WeightedRow;

/// Buffers with room for more tokens, or for a longer word, are not kept.
const KEPT_TOKENS: usize = 1 << 14;

/// Buffers that one text after the other uses, so that no token allocates.
#[derive(Default)]
pub(super) struct EmbedScratch {
    pub(super) tokens: TextPieces,
    pub(super) counts: Counts,
    pub(super) shares: Vec<WeightedRow>,
}

/// Buffers that no call uses now: as many as there were calls at the same time.
#[derive(Default)]
pub(super) struct SpareBuffers(Mutex<Vec<EmbedScratch>>);

impl SpareBuffers {
    /// Calls `work` with buffers that no other call has.
    pub(super) fn lend<T>(&self, work: impl FnOnce(&mut EmbedScratch) -> T) -> T {
        let spare = self.lock().pop();
        let mut scratch = spare.unwrap_or_default();
        let result = work(&mut scratch);
        if scratch.tokens.fit(KEPT_TOKENS) {
            self.lock().push(scratch);
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Vec<EmbedScratch>> {
        // What is in it is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often each row occurs in a text.
#[derive(Default)]
pub(super) struct Counts {
    /// Rows in the order in which they first occur, and how often they do.
    pub(super) distinct: Vec<(u32, u32)>,
    /// By hash, one more than where the row is in `distinct`; 0 where there is none.
    places: Vec<u32>,
}

impl Counts {
    /// Counts `rows`; `first` is called with each that was not there before.
    pub(super) fn count(&mut self, rows: &[u32], mut first: impl FnMut(u32)) {
        self.distinct.clear();
        self.places.clear();
        // At most half full.
        self.places.resize((2 * rows.len()).next_power_of_two(), 0);
        let mask = self.places.len() - 1;
        for &row in rows {
            let mut at = row.wrapping_mul(0x9e37_79b1).rotate_left(16) as usize & mask;
            loop {
                match self.places[at] {
                    0 => {
                        first(row);
                        self.distinct.push((row, 1));
                        self.places[at] = u32::try_from(self.distinct.len()).unwrap_or(u32::MAX);
                        break;
                    }
                    place if self.distinct[place as usize - 1].0 == row => {
                        let times = &mut self.distinct[place as usize - 1].1;
                        *times = times.saturating_add(1);
                        break;
                    }
                    _ => at = (at + 1) & mask,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_kept_unless_they_are_large() {
        let spare = SpareBuffers::default();
        let room = |spare: &SpareBuffers| spare.lend(|scratch| scratch.tokens.rows.capacity());
        spare.lend(|scratch| scratch.tokens.rows.reserve_exact(KEPT_TOKENS));
        assert_eq!(room(&spare), KEPT_TOKENS);
        spare.lend(|scratch| scratch.tokens.rows.reserve_exact(KEPT_TOKENS + 1));
        assert_eq!(room(&spare), 0);
    }

    #[test]
    fn calls_at_the_same_time_have_buffers_of_their_own() {
        let spare = SpareBuffers::default();
        spare.lend(|one| {
            one.tokens.rows.push(1);
            spare.lend(|other| assert!(other.tokens.rows.is_empty()));
        });
        assert_eq!(spare.lock().len(), 2);
    }
}
