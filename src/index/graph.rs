//! The frozen graph: links of every layer in flat arrays, and the search over them.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

use rustc_hash::FxHashMap;

use crate::{
    Vectors,
    index::{Neighbor, RowSet, as_rows, closest_first},
};

/// A navigable graph over rows of a matrix of unit vectors.
///
/// It holds no vector: each search is given the matrix it was built over.
#[derive(Debug)]
pub(super) struct Graph {
    /// Where every search begins, on the highest layer.
    entry: u32,
    /// Links of layer 0, on which every point is.
    base: Links,
    /// Links of layers 1 and up: points by row, a small share of all.
    upper: Vec<FxHashMap<u32, Box<[u32]>>>,
}

/// Links of all rows: those of row `i` are `targets[starts[i]..starts[i + 1]]`.
#[derive(Debug)]
struct Links {
    starts: Vec<usize>,
    targets: Vec<u32>,
}

impl Links {
    fn new(lists: &[Vec<u32>]) -> Self {
        let mut starts = Vec::with_capacity(lists.len() + 1);
        starts.push(0);
        starts.extend(lists.iter().scan(0, |end, list| {
            *end += list.len();
            Some(*end)
        }));
        Self { starts, targets: lists.concat() }
    }

    fn of(&self, row: u32) -> &[u32] {
        let row = row as usize;
        &self.targets[self.starts[row]..self.starts[row + 1]]
    }

    /// The same links with those of `added` (from, to) at the end of their lists.
    fn with(&self, added: &[(u32, u32)]) -> Self {
        let mut lists: Vec<Vec<u32>> =
            self.starts.windows(2).map(|ends| self.targets[ends[0]..ends[1]].to_vec()).collect();
        for &(from, to) in added {
            lists[from as usize].push(to);
        }
        Self::new(&lists)
    }
}

impl Graph {
    /// A graph with `base[row]` as the links of layer 0, `upper[0]` as those of layer 1
    /// and so on, searched from `entry`.
    pub(super) fn new(
        entry: u32,
        base: &[Vec<u32>],
        upper: Vec<FxHashMap<u32, Box<[u32]>>>,
    ) -> Self {
        Self { entry, base: Links::new(base), upper }
    }

    /// Adds links (from, to) to layer 0.
    pub(super) fn link(&mut self, added: &[(u32, u32)]) {
        self.base = self.base.with(added);
    }

    /// The at most `ef` points nearest to the unit vector `query` that the search comes
    /// across and that are `allowed`, closest first.
    ///
    /// # Source
    ///
    /// Malkov & Yashunin (2018), algorithm 5.
    pub(super) fn search(
        &self,
        query: &[f32],
        vectors: &Vectors,
        ef: usize,
        allowed: Option<&RowSet>,
    ) -> Vec<Neighbor> {
        let mut nearest = Neighbor::of(query, vectors, self.entry);
        for layer in self.upper.iter().rev() {
            nearest = descend(query, vectors, layer, nearest);
        }
        self.search_base(query, vectors, nearest, ef, allowed)
    }

    /// The search of layer 0 from `start`.
    ///
    /// Points that are not allowed are passed through but not kept.
    ///
    /// # Source
    ///
    /// Malkov & Yashunin (2018), algorithm 2.
    fn search_base(
        &self,
        query: &[f32],
        vectors: &Vectors,
        start: Neighbor,
        ef: usize,
        allowed: Option<&RowSet>,
    ) -> Vec<Neighbor> {
        let mut seen = RowSet::none(as_rows(vectors.len()));
        let mut frontier = BinaryHeap::new();
        let mut kept = Kept::new(ef, allowed);
        seen.insert(start.row);
        kept.offer(start);
        frontier.push(Closer(start));
        while let Some(Closer(next)) = frontier.pop() {
            if !kept.has_room_for(next) {
                break;
            }
            for &row in self.base.of(next.row) {
                if !seen.insert(row) {
                    continue;
                }
                let neighbor = Neighbor::of(query, vectors, row);
                if kept.has_room_for(neighbor) {
                    kept.offer(neighbor);
                    frontier.push(Closer(neighbor));
                }
            }
        }
        kept.closest_first()
    }
}

/// Goes from `nearest` along the links of one upper layer to where no link leads closer.
fn descend(
    query: &[f32],
    vectors: &Vectors,
    layer: &FxHashMap<u32, Box<[u32]>>,
    mut nearest: Neighbor,
) -> Neighbor {
    while let Some(links) = layer.get(&nearest.row) {
        let neighbors = links.iter().map(|row| Neighbor::of(query, vectors, *row));
        match neighbors.min_by(closest_first) {
            Some(closer) if closest_first(&closer, &nearest) == Ordering::Less => nearest = closer,
            _ => break,
        }
    }
    nearest
}

/// The closest allowed points found so far, at most `ef`.
struct Kept<'a> {
    ef: usize,
    allowed: Option<&'a RowSet>,
    /// The farthest is on top.
    heap: BinaryHeap<Reverse<Closer>>,
}

impl<'a> Kept<'a> {
    fn new(ef: usize, allowed: Option<&'a RowSet>) -> Self {
        Self { ef, allowed, heap: BinaryHeap::new() }
    }

    /// Whether `neighbor` is closer than the farthest kept, or fewer than `ef` are.
    fn has_room_for(&self, neighbor: Neighbor) -> bool {
        let farthest = self.heap.peek().filter(|_| self.heap.len() >= self.ef);
        farthest.is_none_or(|Reverse(Closer(kept))| closest_first(&neighbor, kept).is_lt())
    }

    /// Keeps `neighbor` if it is allowed, and lets go of one that is now too many.
    fn offer(&mut self, neighbor: Neighbor) {
        if self.allowed.is_none_or(|allowed| allowed.contains(neighbor.row)) {
            self.heap.push(Reverse(Closer(neighbor)));
            if self.heap.len() > self.ef {
                self.heap.pop();
            }
        }
    }

    fn closest_first(self) -> Vec<Neighbor> {
        // Ascending in `Reverse<Closer>` is descending in closeness.
        self.heap.into_sorted_vec().into_iter().map(|Reverse(Closer(neighbor))| neighbor).collect()
    }
}

/// A neighbor ordered by closeness: the closer is the greater.
#[derive(PartialEq)]
struct Closer(Neighbor);

impl Eq for Closer {}

impl PartialOrd for Closer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Closer {
    fn cmp(&self, other: &Self) -> Ordering {
        closest_first(&other.0, &self.0)
    }
}
