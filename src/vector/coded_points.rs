//! The points of a graph to build, with their codes and the precision that suits them.

use super::{
    coarse_codes::CoarseCodes,
    points::Points,
    precision::{PointSpace, Precision},
    quantized::Quantized,
};
use crate::Vectors;

/// One in this many points is in the sample that the upper layers are built over.
const SAMPLE_RATIO: u32 = 64;
/// Minimum size of the sample, if there are as many points.
const MIN_SAMPLE: u32 = 256;

/// The points of a graph to build.
pub(super) struct CodedPoints {
    pub(super) points: Points,
    pub(super) codes: Quantized,
    /// Empty if `precision` is not [`Precision::Coarse`].
    pub(super) coarse: CoarseCodes,
    pub(super) precision: Precision,
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
            return Self::in_best_precision(distinct, codes);
        }
        let joined_codes = codes.joined(&distinct, &joined);
        let joined = Self::in_best_precision(joined, joined_codes);
        // In full precision, vectors of equal codes are not equal.
        if joined.precision == Precision::Full {
            Self::in_full_precision(distinct, codes)
        } else {
            joined
        }
    }

    /// Size of the sample that the upper layers are built over: the first points, as long as the points
    /// are in the order of [`of`](Self::of).
    pub(super) fn sample(&self) -> u32 {
        sample_of(&self.points)
    }

    /// The points in the precision that suits them.
    pub(super) fn space<'a>(&'a self, vectors: &'a Vectors) -> PointSpace<'a> {
        PointSpace::new(self.precision, vectors, &self.points, &self.codes, &self.coarse)
    }

    /// Renumbers the points: `order[i]` becomes `i`. Not more than two copies of the codes are in
    /// memory at once.
    pub(super) fn reordered(self, order: &[u32]) -> Self {
        let Self { points, codes, coarse, precision } = self;
        drop(coarse);
        let codes = codes.select(order);
        let coarse = match precision {
            Precision::Coarse => CoarseCodes::of(&codes),
            Precision::Quantized | Precision::Full => CoarseCodes::default(),
        };
        Self { points: points.reordered(order), codes, coarse, precision }
    }

    /// The points in eight bits per value, if they are in four.
    pub(super) fn without_coarse_codes(self) -> Self {
        Self { coarse: CoarseCodes::default(), precision: Precision::Quantized, ..self }
    }

    /// The points in the lowest precision that discriminates close ones.
    fn in_best_precision(points: Points, codes: Quantized) -> Self {
        let sample = sample_of(&points);
        if !codes.view().is_discriminative(sample) {
            return Self::in_full_precision(points, codes);
        }
        let coarse = CoarseCodes::of(&codes);
        let has_coarse =
            coarse.is_smaller_than(&codes) && coarse.view(codes.view()).is_discriminative(sample);
        if has_coarse {
            return Self { points, codes, coarse, precision: Precision::Coarse };
        }
        let coarse = CoarseCodes::default();
        Self { points, codes, coarse, precision: Precision::Quantized }
    }

    fn in_full_precision(points: Points, codes: Quantized) -> Self {
        Self { points, codes, coarse: CoarseCodes::default(), precision: Precision::Full }
    }
}

fn sample_of(points: &Points) -> u32 {
    (points.len() / SAMPLE_RATIO).max(MIN_SAMPLE).min(points.len())
}
