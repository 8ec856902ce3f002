//! The `k` closest of a stream of neighbors.

use std::collections::BinaryHeap;

use super::closest_first;
use crate::Neighbor;

/// The at most `k` closest of the neighbors offered, in a bounded heap.
pub(super) struct TopK {
    k: usize,
    /// Max-heap: the farthest is on top.
    heap: BinaryHeap<Ranked>,
}

/// A neighbor ordered by [`closest_first`]: the farthest is the greatest.
struct Ranked(Neighbor);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        closest_first(&self.0, &other.0)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

impl TopK {
    pub(super) fn new(k: usize) -> Self {
        Self { k, heap: BinaryHeap::new() }
    }

    /// Similarity below which no neighbor is kept.
    pub(super) fn floor(&self) -> f32 {
        let last = self.heap.peek().filter(|_| self.heap.len() >= self.k);
        last.map_or(f32::NEG_INFINITY, |last| last.0.similarity)
    }

    /// Keeps `neighbor` if it is among the `k` closest.
    pub(super) fn offer(&mut self, neighbor: Neighbor) {
        if self.heap.len() < self.k {
            self.heap.push(Ranked(neighbor));
        } else if let Some(mut last) = self.heap.peek_mut()
            && closest_first(&neighbor, &last.0).is_lt()
        {
            *last = Ranked(neighbor);
        }
    }

    /// Number kept.
    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    /// The neighbors kept, closest first.
    pub(super) fn into_neighbors(self) -> Vec<Neighbor> {
        self.heap.into_sorted_vec().into_iter().map(|ranked| ranked.0).collect()
    }
}
