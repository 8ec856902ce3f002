//! Cells: the points, each in the cell of the sampled point nearest to it.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    adjacency::Links,
    beam::{Beam, ScoredPoint, Traversal},
    build_stage::{BuildStage, PROGRESS_INTERVAL},
    graph::{LayerView, UpperLayers, inverse},
    space::Space,
    to_row,
};
use crate::{
    Result,
    work::{ScratchPool, WorkMonitor},
};

/// Number of nearest cells in which the neighbors of a point are searched for.
const NEAR_CELLS: usize = 32;

/// Maximum number of points of a part of a cell. A sampled point can be the nearest to very many points;
/// without a maximum, all of them would be compared with each other.
const MAX_PART: u32 = 1_024;

/// The cells of a sample of the points: each point is in the cell of the sampled point nearest to it.
///
/// Cells are numbered so that close ones follow each other. Points are numbered by cell; in a cell, by
/// distance from its sampled point, which is the first.
pub(super) struct Cells {
    /// First point of every cell, then the number of points.
    starts: Vec<u32>,
    /// The nearest cells of every point, nearest first, stored as if they were links.
    near: Links,
}

/// The cells, and the order in which they number the points.
pub(super) struct Division {
    pub(super) cells: Cells,
    /// The points by their numbers before: `order[i]` becomes `i`.
    pub(super) order: Vec<u32>,
}

/// A point in its cell; the order is by cell, then closest to the sampled point first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    cell: u32,
    point: ScoredPoint,
}

impl Division {
    /// Divides the first `points` points of `space`. The sample is on the lowest layer of `upper`, and
    /// its points are the first ones.
    ///
    /// # Source
    ///
    /// Cells whose sampled points are searched by a graph: Baranchuk et al. (2018), "Revisiting the
    /// inverted indices for billion-scale approximate nearest neighbors".
    pub(super) fn of<S: Space>(
        space: &S,
        points: u32,
        upper: &UpperLayers,
        monitor: WorkMonitor,
    ) -> Result<Self> {
        let sample = upper.layers().next().expect("a layer has the sample");
        let near_sampled = NearSampled::of(space, points, upper, sample, monitor)?;
        // Close cells are close in memory.
        let cell_of = inverse(&sample.links.by_breadth(0..to_row(sample.points.len())));
        let members = near_sampled.members(&cell_of);
        let order: Vec<u32> = members.iter().map(|member| member.point.point()).collect();
        let sampled = near_sampled.lists.view();
        let mut near = Links::none(order.len(), sampled.max_degree());
        for (point, old) in (0..).zip(&order) {
            let cells = sampled.of(*old).iter().map(|sampled| cell_of[*sampled as usize]);
            near.set(point, &cells.collect::<Vec<_>>());
        }
        Ok(Self { cells: Cells { starts: starts(&members), near }, order })
    }
}

/// The sampled points nearest to every point, nearest first.
struct NearSampled {
    lists: Links,
    /// The similarity of every point to the nearest one.
    similarities: Vec<f32>,
}

impl NearSampled {
    fn of<S: Space>(
        space: &S,
        points: u32,
        upper: &UpperLayers,
        sample: LayerView,
        monitor: WorkMonitor,
    ) -> Result<Self> {
        let beams = ScratchPool::default();
        let near_of = |point| {
            monitor.check()?;
            Ok(beams.with(|beam| near_sampled(space, upper, sample, beam, point)))
        };
        let mut lists = Links::none(points as usize, NEAR_CELLS.min(sample.points.len()));
        let mut similarities = Vec::with_capacity(points as usize);
        for chunk in chunks(0..points, PROGRESS_INTERVAL) {
            BuildStage::Divide.report(monitor, chunk.start, points);
            let near = chunk.clone().into_par_iter().map(near_of);
            let near = near.collect::<Result<Vec<Vec<ScoredPoint>>>>()?;
            for (point, near) in chunk.zip(near) {
                similarities.push(near[0].similarity());
                let list: Vec<u32> = near.iter().map(|sampled| sampled.point()).collect();
                lists.set(point, &list);
            }
        }
        Ok(Self { lists, similarities })
    }

    /// The points in the order of their new numbers; `cell_of` are the cells of sampled points.
    fn members(&self, cell_of: &[u32]) -> Vec<Member> {
        let members = self.lists.view().lists().zip(&self.similarities).zip(0..);
        let members = members.map(|((near, similarity), point)| Member {
            cell: cell_of[near[0] as usize],
            point: ScoredPoint::new(*similarity, point),
        });
        let mut members: Vec<Member> = members.collect();
        members.par_sort_unstable();
        members
    }
}

/// First point of every cell of `members`, then their number.
fn starts(members: &[Member]) -> Vec<u32> {
    let mut starts = vec![0];
    for cell in members.chunk_by(|a, b| a.cell == b.cell) {
        starts.push(starts[starts.len() - 1] + to_row(cell.len()));
    }
    starts
}

/// Finds the points of `sample` nearest to `point`. A sampled point comes first in its own list, even if its
/// code is closer to another one.
fn near_sampled<S: Space>(
    space: &S,
    upper: &UpperLayers,
    sample: LayerView,
    beam: &mut Beam,
    point: u32,
) -> Vec<ScoredPoint> {
    let query = space.point(point);
    let traversal = Traversal {
        space,
        // On the layer of the sample, places are point numbers.
        links: sample.links,
        query: &query,
        entry: upper.entry(space, &query),
        ef: NEAR_CELLS,
        target: None,
    };
    beam.search(&traversal, || false);
    let is_sampled = (point as usize) < sample.points.len();
    let own = is_sampled.then(|| ScoredPoint::new(f32::INFINITY, point));
    let others = beam.found().iter().filter(|near| near.point() != point);
    own.into_iter().chain(others.copied()).take(NEAR_CELLS).collect()
}

impl Cells {
    /// Number of points.
    pub(super) fn len(&self) -> u32 {
        self.starts[self.starts.len() - 1]
    }

    /// The points of every cell.
    pub(super) fn ranges(&self) -> impl Iterator<Item = Range<u32>> {
        self.starts.windows(2).map(|bounds| bounds[0]..bounds[1])
    }

    /// The parts of the cells, of at most [`MAX_PART`] points. The first part of a cell begins with its
    /// sampled point.
    pub(super) fn parts(&self) -> impl Iterator<Item = Range<u32>> {
        self.ranges().flat_map(|cell| chunks(cell, MAX_PART))
    }

    /// The parts in which the neighbors of `point` are searched for: the first part of each cell near it,
    /// and its own part.
    pub(super) fn parts_near(&self, point: u32) -> impl Iterator<Item = Range<u32>> {
        let near = self.near.view().of(point);
        let first_parts = near.iter().map(|cell| self.part(*cell, 0));
        let own = (point - self.starts[near[0] as usize]) / MAX_PART;
        first_parts.chain((own > 0).then(|| self.part(near[0], own)))
    }

    /// Whether `point` is sampled.
    pub(super) fn is_sampled(&self, point: u32) -> bool {
        self.starts.binary_search(&point).is_ok()
    }

    fn part(&self, cell: u32, part: u32) -> Range<u32> {
        let start = self.starts[cell as usize] + part * MAX_PART;
        start..self.starts[cell as usize + 1].min(start + MAX_PART)
    }
}

/// `points` in chunks of at most `size`.
pub(super) fn chunks(points: Range<u32>, size: u32) -> impl Iterator<Item = Range<u32>> {
    let end = points.end;
    points.step_by(size as usize).map(move |start| start..end.min(start + size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        HnswParams, Vectors,
        vector::{
            fixtures::{Divided, divided, noise, vectors},
            space::FullPrecision,
        },
    };

    const POINTS: u32 = 2_000;
    const SAMPLE: u32 = 40;

    #[test]
    fn each_point_is_in_the_cell_of_the_nearest_sampled_point() {
        let vectors = vectors(4, POINTS, noise);
        let rows: Vec<u32> = (0..POINTS).collect();
        let space = FullPrecision::new(&vectors, &rows);
        let Divided { cells, order, .. } = divided(&space, SAMPLE, HnswParams::default());

        let mut points = order.clone();
        points.sort_unstable();
        assert_eq!(points, rows);
        assert_eq!(cells.ranges().count(), SAMPLE as usize);
        let sampled: Vec<u32> = cells.ranges().map(|cell| order[cell.start as usize]).collect();
        let mut similarities = Vec::new();
        for (number, cell) in (0..).zip(cells.ranges()) {
            for point in cell {
                let query = space.point(order[point as usize]);
                space.similarities(&query, &sampled, &mut similarities);
                let mut nearest = ScoredPoint::all(&(0..SAMPLE).collect::<Vec<_>>(), &similarities);
                nearest.sort_unstable();
                let nearest = nearest[..NEAR_CELLS].iter().map(|cell| cell.point());
                let near = cells.near.view().of(point);
                assert_eq!(nearest.collect::<Vec<_>>(), near, "point {point}");
                assert_eq!(near[0], number);
            }
        }
    }

    #[test]
    fn equal_points_are_divided_as_well() {
        let vectors = Vectors::normalized(2, vec![1.0; 200]).unwrap();
        let rows: Vec<u32> = (0..100).collect();
        let space = FullPrecision::new(&vectors, &rows);
        for sample in [1, 10, 100] {
            let Divided { cells, mut order, .. } = divided(&space, sample, HnswParams::default());
            assert_eq!(cells.ranges().count(), sample as usize);
            order.sort_unstable();
            assert_eq!(order, rows);
        }
    }

    #[test]
    fn a_large_cell_is_searched_in_parts() {
        let vectors = vectors(4, POINTS, noise);
        let rows: Vec<u32> = (0..POINTS).collect();
        let space = FullPrecision::new(&vectors, &rows);
        let Divided { cells, .. } = divided(&space, 1, HnswParams::default());
        let (first, second) = (0..MAX_PART, MAX_PART..POINTS);
        assert_eq!(cells.parts().collect::<Vec<_>>(), [first.clone(), second.clone()]);
        for point in 0..POINTS {
            let near: Vec<Range<u32>> = cells.parts_near(point).collect();
            let own = second.contains(&point).then(|| second.clone());
            let expected: Vec<Range<u32>> = [first.clone()].into_iter().chain(own).collect();
            assert_eq!(near, expected, "point {point}");
            assert_eq!(cells.is_sampled(point), point == 0);
        }
    }
}
