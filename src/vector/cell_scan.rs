//! Scan of cells: the points closest to each of a group of points, in the cells near it.

use std::ops::Range;

use super::{
    beam::ScoredPoint,
    cells::{Cells, chunks},
    space::Space,
};

/// Points of a cell compared at once: their codes stay in the cache for all points of a group.
const BLOCK_SIZE: u32 = 128;
/// One in this many points of a cell is a strided one: there are fewer of them, so they lead farther.
const STRIDE: usize = 8;
/// Number of closest strided points to find.
const STRIDED_LIMIT: usize = 32;

/// Finds candidates for the links of points.
pub(super) struct CellScan<'a, S> {
    pub(super) space: &'a S,
    pub(super) cells: &'a Cells,
    /// Number of closest points to find.
    pub(super) limit: usize,
}

/// Points to compare with a point, by its place in the group; the order is by these points.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Visit {
    start: u32,
    end: u32,
    member: usize,
}

impl<S: Space> CellScan<'_, S> {
    /// Returns candidates for the links of each point of `group`, itself included: of the points in the
    /// cells near it the closest ones, the closest strided ones and the sampled ones.
    ///
    /// The closest ones can all be in one cluster. Links to strided and sampled points leave it.
    pub(super) fn candidates(&self, group: Range<u32>) -> Vec<Vec<ScoredPoint>> {
        let queries: Vec<S::Query> = group.clone().map(|point| self.space.point(point)).collect();
        let mut found: Vec<Found> = group.clone().map(|_| Found::none(self.limit)).collect();
        let mut similarities = Vec::new();
        // Each part of a cell is read once for the whole group.
        for visits in self.visits(group.clone()).chunk_by(|a, b| a.start == b.start) {
            for block in chunks(visits[0].start..visits[0].end, BLOCK_SIZE) {
                let block: Vec<u32> = block.collect();
                for point in &block {
                    self.space.prefetch(*point);
                }
                let is_sampled = self.cells.is_sampled(block[0]);
                for visit in visits {
                    self.space.similarities(&queries[visit.member], &block, &mut similarities);
                    found[visit.member].offer(&block, &similarities, is_sampled);
                }
            }
        }
        found.into_iter().map(Found::all).collect()
    }

    fn visits(&self, group: Range<u32>) -> Vec<Visit> {
        let visits = group.enumerate().flat_map(|(member, point)| {
            let parts = self.cells.parts_near(point);
            parts.map(move |Range { start, end }| Visit { start, end, member })
        });
        let mut visits: Vec<Visit> = visits.collect();
        visits.sort_unstable();
        visits
    }
}

/// The points found for one point.
struct Found {
    closest: NearestPoints,
    strided: NearestPoints,
    sampled: Vec<ScoredPoint>,
}

impl Found {
    fn none(limit: usize) -> Self {
        let strided = NearestPoints::of(STRIDED_LIMIT);
        Self { closest: NearestPoints::of(limit), strided, sampled: Vec::new() }
    }

    /// Offers a block of points; `is_sampled` tells whether the first one is sampled, as no other is.
    fn offer(&mut self, block: &[u32], similarities: &[f32], is_sampled: bool) {
        let points = ScoredPoint::each(block, similarities);
        self.closest.offer(points.clone());
        self.strided.offer(points.clone().step_by(STRIDE));
        self.sampled.extend(points.take(usize::from(is_sampled)));
    }

    /// All points found; some of them twice.
    fn all(mut self) -> Vec<ScoredPoint> {
        let NearestPoints { mut points, .. } = self.closest.without_farther();
        points.append(&mut self.strided.without_farther().points);
        points.append(&mut self.sampled);
        points
    }
}

/// Factor on the number of closest points to keep before farther ones are dropped.
const BUFFER_FACTOR: usize = 3;

/// The closest of the points offered.
struct NearestPoints {
    limit: usize,
    /// Similarity of the farthest of the `limit` closest points so far; others are dropped.
    floor: f32,
    /// The closest points, and some that are farther.
    points: Vec<ScoredPoint>,
}

impl NearestPoints {
    fn of(limit: usize) -> Self {
        Self { limit, floor: f32::NEG_INFINITY, points: Vec::new() }
    }

    fn offer(&mut self, points: impl Iterator<Item = ScoredPoint>) {
        self.points.extend(points.filter(|point| point.similarity() > self.floor));
        if self.points.len() > BUFFER_FACTOR * self.limit {
            self.drop_farther();
        }
    }

    fn drop_farther(&mut self) {
        if self.points.len() > self.limit {
            let (_, farthest, _) = self.points.select_nth_unstable(self.limit - 1);
            self.floor = farthest.similarity();
            self.points.truncate(self.limit);
        }
    }

    fn without_farther(mut self) -> Self {
        self.drop_farther();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        HnswParams,
        vector::{
            fixtures::{Divided, divided, noise, vectors},
            space::FullPrecision,
        },
    };

    const POINTS: u32 = 3_000;
    const LIMIT: usize = 20;

    fn closest(mut points: Vec<ScoredPoint>, limit: usize) -> Vec<ScoredPoint> {
        points.sort_unstable();
        points.truncate(limit);
        points
    }

    /// With a sample of 2, cells have several parts.
    #[test]
    fn candidates_are_the_closest_strided_and_sampled_points() {
        let vectors = vectors(4, POINTS, noise);
        let rows: Vec<u32> = (0..POINTS).collect();
        for sample in [2, 64] {
            let space = FullPrecision::new(&vectors, &rows);
            let Divided { cells, order, .. } = divided(&space, sample, HnswParams::default());
            let space = FullPrecision::new(&vectors, &order);
            let scan = CellScan { space: &space, cells: &cells, limit: LIMIT };
            let mut similarities = Vec::new();
            for part in cells.parts() {
                for (point, candidates) in part.clone().zip(scan.candidates(part)) {
                    space.similarities(&space.point(point), &rows, &mut similarities);
                    let all = ScoredPoint::all(&rows, &similarities);
                    let compared = |of_part: fn(Range<u32>) -> Vec<u32>| -> Vec<ScoredPoint> {
                        let points = cells.parts_near(point).flat_map(of_part);
                        points.map(|point| all[point as usize]).collect()
                    };
                    let every = compared(Range::collect);
                    assert!(every.len() < rows.len());
                    let mut expected = closest(every, LIMIT);
                    let strided = compared(|part| part.step_by(STRIDE).collect());
                    expected.extend(closest(strided, STRIDED_LIMIT));
                    let first = compared(|part| vec![part.start]);
                    expected.extend(first.iter().filter(|first| cells.is_sampled(first.point())));
                    let limit = expected.len();
                    assert_eq!(closest(candidates, usize::MAX), closest(expected, limit));
                }
            }
        }
    }
}
