//! Spaces: similarities between a query and the points of a graph.

use super::{beam::ScoredPoint, kernel};
use crate::Vectors;

/// Points, numbered from 0, that a query can be compared with.
pub(super) trait Space: Sync {
    /// A query prepared for comparisons.
    type Query: Default + Send;

    /// Number of points.
    fn len(&self) -> u32;

    /// Prepares the unit vector `unit`.
    fn query(&self, unit: &[f32]) -> Self::Query;

    /// Prepares point `point` as a query.
    fn point(&self, point: u32) -> Self::Query {
        let mut query = Self::Query::default();
        self.load(point, &mut query);
        query
    }

    /// Sets `query` to point `point`, reusing its allocation.
    fn load(&self, point: u32, query: &mut Self::Query);

    /// Prefetches the values of `point` into the cache.
    fn prefetch(&self, point: u32);

    /// Prefetches what [`load`](Self::load) reads of `point`.
    fn prefetch_load(&self, point: u32) {
        self.prefetch(point);
    }

    /// Replaces the content of `similarities` by those of `query` and `points`, in their order.
    fn similarities(&self, query: &Self::Query, points: &[u32], similarities: &mut Vec<f32>);

    /// Returns the number of points that a search with `ef_search` keeps while it traverses the graph:
    /// more than `ef_search`, if the similarities are too coarse to tell which these are.
    fn beam_width(&self, ef_search: usize) -> usize {
        ef_search
    }

    /// Compares `found` again, if the space has points in a higher precision than that of
    /// [`similarities`](Self::similarities), and sorts it: closest first.
    fn refine(&self, _: &Self::Query, _: &mut Vec<ScoredPoint>) {}

    /// Bound that the error of [refined](Self::refine) similarities rarely exceeds, compared with full
    /// precision.
    fn likely_error(&self, query: &Self::Query, point: u32) -> f32;
}

/// Points compared in full precision.
#[derive(Clone, Copy)]
pub(super) struct FullPrecision<'a> {
    dim: usize,
    values: &'a [f32],
    /// Row of every point.
    rows: &'a [u32],
}

impl<'a> FullPrecision<'a> {
    /// The points whose vectors are `rows` of `vectors`.
    pub(super) fn new(vectors: &'a Vectors, rows: &'a [u32]) -> Self {
        Self { dim: vectors.dim(), values: vectors.as_slice(), rows }
    }

    fn vector(&self, point: u32) -> &'a [f32] {
        &self.values[self.rows[point as usize] as usize * self.dim..][..self.dim]
    }
}

impl Space for FullPrecision<'_> {
    type Query = Vec<f32>;

    fn len(&self) -> u32 {
        super::to_row(self.rows.len())
    }

    fn query(&self, unit: &[f32]) -> Vec<f32> {
        unit.to_vec()
    }

    fn load(&self, point: u32, query: &mut Vec<f32>) {
        query.clear();
        query.extend_from_slice(self.vector(point));
    }

    fn prefetch(&self, point: u32) {
        kernel::prefetch(self.vector(point));
    }

    fn similarities(&self, query: &Vec<f32>, points: &[u32], similarities: &mut Vec<f32>) {
        similarities.clear();
        similarities.extend(points.iter().map(|point| kernel::dot(query, self.vector(*point))));
    }

    fn likely_error(&self, _: &Vec<f32>, _: u32) -> f32 {
        0.0
    }
}
