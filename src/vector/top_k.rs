//! The `k` best of a stream of rows, by similarity or by BM25.

use std::{cmp::Ordering, collections::BinaryHeap};

/// A row with its score. Better rows are less in the order of the type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RankedRow {
    pub(crate) row: u32,
    pub(crate) score: f32,
}

/// Higher scores first, ties by row.
impl Ord for RankedRow {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.row.cmp(&other.row))
    }
}

impl PartialOrd for RankedRow {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for RankedRow {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for RankedRow {}

/// The at most `k` best of the rows offered, in a bounded heap.
pub(crate) struct TopK {
    k: usize,
    /// Max-heap: the worst row is on top.
    heap: BinaryHeap<RankedRow>,
}

impl TopK {
    pub(crate) fn new(k: usize) -> Self {
        Self { k, heap: BinaryHeap::new() }
    }

    /// Score below which no row is kept; infinite if `k` is 0.
    #[inline]
    pub(crate) fn floor(&self) -> f32 {
        if self.heap.len() < self.k {
            return f32::NEG_INFINITY;
        }
        self.heap.peek().map_or(f32::INFINITY, |worst| worst.score)
    }

    /// Keeps `row` if it is among the `k` best.
    #[inline]
    pub(crate) fn offer(&mut self, row: RankedRow) {
        if self.heap.len() < self.k {
            self.heap.push(row);
        } else if let Some(mut worst) = self.heap.peek_mut().filter(|worst| row < **worst) {
            *worst = row;
        }
    }

    /// Number kept.
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// The rows kept, best first.
    pub(crate) fn into_sorted(self) -> Vec<RankedRow> {
        self.heap.into_sorted_vec()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn top_k_equals_a_sort(
            rows in prop::collection::vec((0_u32..50, -3_i8..4), 0..60),
            k in 0_usize..20,
        ) {
            let ranked = |(row, score): (u32, i8)| RankedRow { row, score: f32::from(score) };
            let mut sorted: Vec<RankedRow> = rows.into_iter().map(ranked).collect();
            let mut top = TopK::new(k);
            for row in &sorted {
                let floor = top.floor();
                let before = top.len();
                top.offer(*row);
                prop_assert!(top.floor() >= floor && top.len() >= before);
            }
            sorted.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
            sorted.truncate(k);
            prop_assert_eq!(top.into_sorted(), sorted);
        }
    }
}
