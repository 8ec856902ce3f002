//! Precision in which a graph search compares vectors.

use super::{
    beam::ScoredPoint,
    coarse_codes::{CoarseCodes, CoarseView},
    points::Points,
    quantized::{Quantized, QuantizedQuery, QuantizedView},
    space::{FullPrecision, Space},
};
use crate::Vectors;

/// Precision in which a graph search compares vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    /// Four bits per value; the candidates found are compared again in eight bits, and the closest
    /// of them in full precision.
    Coarse,
    /// Eight bits per value; the closest candidates are compared again in full precision.
    Quantized,
    /// `f32`, for vectors so close together that eight bits do not discriminate them.
    Full,
}

/// The points of a graph, in the precision that its searches compare them in.
#[derive(Clone, Copy)]
pub(super) enum PointSpace<'a> {
    Coarse(CoarseView<'a>),
    Quantized(QuantizedView<'a>),
    Full(FullPrecision<'a>),
}

/// A query of a [`PointSpace`]. Only the field of the precision of that space is set.
#[derive(Default)]
pub(super) struct PointQuery {
    quantized: QuantizedQuery,
    full: Vec<f32>,
}

impl Precision {
    /// Bits per value that a graph search compares.
    pub(super) fn bits(self) -> u32 {
        match self {
            Self::Coarse => 4,
            Self::Quantized => 8,
            Self::Full => 32,
        }
    }
}

impl<'a> PointSpace<'a> {
    pub(super) fn new(
        precision: Precision,
        vectors: &'a Vectors,
        points: &'a Points,
        codes: &'a Quantized,
        coarse: &'a CoarseCodes,
    ) -> Self {
        match precision {
            Precision::Coarse => Self::Coarse(coarse.view(codes.view())),
            Precision::Quantized => Self::Quantized(codes.view()),
            Precision::Full => Self::Full(FullPrecision::new(vectors, &points.rows)),
        }
    }
}

impl Space for PointSpace<'_> {
    type Query = PointQuery;

    fn len(&self) -> u32 {
        match self {
            Self::Coarse(space) => space.len(),
            Self::Quantized(space) => space.len(),
            Self::Full(space) => space.len(),
        }
    }

    fn query(&self, unit: &[f32]) -> PointQuery {
        let mut query = PointQuery::default();
        match self {
            Self::Coarse(space) => query.quantized = space.query(unit),
            Self::Quantized(space) => query.quantized = space.query(unit),
            Self::Full(space) => query.full = space.query(unit),
        }
        query
    }

    fn load(&self, point: u32, query: &mut PointQuery) {
        match self {
            Self::Coarse(space) => space.load(point, &mut query.quantized),
            Self::Quantized(space) => space.load(point, &mut query.quantized),
            Self::Full(space) => space.load(point, &mut query.full),
        }
    }

    fn prefetch(&self, point: u32) {
        match self {
            Self::Coarse(space) => space.prefetch(point),
            Self::Quantized(space) => space.prefetch(point),
            Self::Full(space) => space.prefetch(point),
        }
    }

    fn similarities(&self, query: &PointQuery, points: &[u32], similarities: &mut Vec<f32>) {
        match self {
            Self::Coarse(space) => space.similarities(&query.quantized, points, similarities),
            Self::Quantized(space) => space.similarities(&query.quantized, points, similarities),
            Self::Full(space) => space.similarities(&query.full, points, similarities),
        }
    }

    fn refine(&self, query: &PointQuery, found: &mut Vec<ScoredPoint>) {
        if let Self::Coarse(space) = self {
            space.refine(&query.quantized, found);
        }
    }

    fn likely_error(&self, query: &PointQuery, point: u32) -> f32 {
        match self {
            Self::Coarse(space) => space.likely_error(&query.quantized, point),
            Self::Quantized(space) => space.likely_error(&query.quantized, point),
            Self::Full(space) => space.likely_error(&query.full, point),
        }
    }

    fn between(&self, a: u32, b: u32) -> f32 {
        match self {
            Self::Coarse(space) => space.between(a, b),
            Self::Quantized(space) => space.between(a, b),
            Self::Full(space) => space.between(a, b),
        }
    }
}
