//! The points of a graph to build, with their codes and the precision that suits them.

use super::{
    points::Points,
    precision::{PointSpace, Precision},
    quantized::Quantized,
};
use crate::Vectors;

/// One in this many points is in the sample that the upper layers are built over.
const SAMPLE_RATIO: u32 = 64;
/// Maximum size of the sample: a single thread links it.
const MAX_SAMPLE: u32 = 1 << 14;
/// Minimum size of the sample, if there are as many points.
const MIN_SAMPLE: u32 = 256;

/// The points of a graph to build.
pub(super) struct CodedPoints {
    pub(super) points: Points,
    pub(super) codes: Quantized,
    pub(super) precision: Precision,
    /// The points below it are the sample that the upper layers are built over.
    pub(super) sample: u32,
}

impl CodedPoints {
    /// The points of the first `rows` rows of `vectors`.
    pub(super) fn of(vectors: &Vectors, rows: u32) -> Self {
        let distinct = Points::shuffled(vectors, rows);
        let codes = Quantized::of(vectors.dim(), distinct.rows.len(), |point| {
            vectors.row(distinct.rows[point] as usize)
        });
        let joined = distinct.joined(|point| codes.view().bytes_of(point));
        if joined.len() == distinct.len() {
            return Self::in_precision(
                Precision::of(&codes, sample_of(&distinct)),
                distinct,
                codes,
            );
        }
        let joined_codes = codes.joined(&distinct, &joined);
        match Precision::of(&joined_codes, sample_of(&joined)) {
            Precision::Quantized => Self::in_precision(Precision::Quantized, joined, joined_codes),
            Precision::Full => Self::in_precision(Precision::Full, distinct, codes),
        }
    }

    /// The points in the precision that suits them.
    pub(super) fn space<'a>(&'a self, vectors: &'a Vectors) -> PointSpace<'a> {
        PointSpace::new(self.precision, vectors, &self.points, &self.codes)
    }

    /// Renumbers the points: `order[i]` becomes `i`. Not more than two copies of the codes are in
    /// memory at once.
    pub(super) fn reordered(self, order: &[u32]) -> Self {
        let Self { points, codes, precision, sample } = self;
        Self { points: points.reordered(order), codes: codes.select(order), precision, sample }
    }

    fn in_precision(precision: Precision, points: Points, codes: Quantized) -> Self {
        Self { sample: sample_of(&points), points, codes, precision }
    }
}

impl Precision {
    /// The precision for `codes`, of which those below `sample` are a random sample.
    fn of(codes: &Quantized, sample: u32) -> Self {
        if codes.view().is_discriminative(sample) { Self::Quantized } else { Self::Full }
    }
}

fn sample_of(points: &Points) -> u32 {
    (points.len() / SAMPLE_RATIO).clamp(MIN_SAMPLE, MAX_SAMPLE).min(points.len())
}
