//! Counts how often each row occurs in a text.

/// A row with the number of its occurrences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowCount {
    pub(super) row: u32,
    pub(super) count: u32,
}

/// A hash table of rows, which keeps them in the order of their first occurrence.
#[derive(Default)]
pub(super) struct RowCounts {
    /// The rows in the order of their first occurrence.
    pub(super) distinct: Vec<RowCount>,
    /// Slots with linear probing: the position in `distinct` plus 1, or 0 if the slot is free.
    slots: Vec<u32>,
}

impl RowCounts {
    /// Counts `rows`; calls `first` with each row at its first occurrence.
    pub(super) fn count(&mut self, rows: &[u32], mut first: impl FnMut(u32)) {
        self.distinct.clear();
        self.slots.clear();
        // At most half of the slots are used.
        self.slots.resize((2 * rows.len()).next_power_of_two(), 0);
        let mask = self.slots.len() - 1;
        for &row in rows {
            let mut slot = row.wrapping_mul(0x9e37_79b1).rotate_left(16) as usize & mask;
            loop {
                match self.slots[slot] {
                    0 => {
                        first(row);
                        self.distinct.push(RowCount { row, count: 1 });
                        let position = u32::try_from(self.distinct.len());
                        self.slots[slot] = position.expect("a model file has fewer than 2^32 rows");
                        break;
                    }
                    position if self.distinct[position as usize - 1].row == row => {
                        let count = &mut self.distinct[position as usize - 1].count;
                        // The weight of a piece stops growing at 2^32 - 1 occurrences.
                        *count = count.saturating_add(1);
                        break;
                    }
                    _ => slot = (slot + 1) & mask,
                }
            }
        }
    }
}
