//! What a graph is searched with: similarities of a query to points, by number.

use super::kernel;
use crate::Vectors;

/// Points, from 0, that a query can be compared with.
pub(super) trait Space: Sync {
    /// A query made ready for comparing.
    type Query: Default;

    /// Number of points.
    fn len(&self) -> u32;

    /// The unit vector `unit` as a query.
    fn query(&self, unit: &[f32]) -> Self::Query;

    /// Point `point` as a query.
    fn point(&self, point: u32) -> Self::Query {
        let mut query = Self::Query::default();
        self.load(point, &mut query);
        query
    }

    /// Makes `query` the point `point`, in the memory it has.
    fn load(&self, point: u32, query: &mut Self::Query);

    /// Asks for what `point` is compared by to be brought into the cache.
    fn prefetch(&self, point: u32);

    /// The similarities of `query` to `points`, in their order, in place of what is in
    /// `similarities`.
    fn similarities(&self, query: &Self::Query, points: &[u32], similarities: &mut Vec<f32>);

    /// How far the true similarity of `query` and `point` is likely to be from the one told,
    /// at most.
    fn likely_error(&self, query: &Self::Query, point: u32) -> f32;

    /// The similarity of two points.
    fn between(&self, a: u32, b: u32) -> f32 {
        let mut similarities = Vec::with_capacity(1);
        self.similarities(&self.point(a), &[b], &mut similarities);
        similarities[0]
    }
}

/// Points that are rows of a matrix, compared in full precision.
#[derive(Clone, Copy)]
pub(super) struct FullPrecision<'a> {
    dim: usize,
    values: &'a [f32],
    /// The row of every point.
    rows: &'a [u32],
}

impl<'a> FullPrecision<'a> {
    /// The points that are the `rows` of `vectors`.
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

    fn between(&self, a: u32, b: u32) -> f32 {
        kernel::dot(self.vector(a), self.vector(b))
    }
}
