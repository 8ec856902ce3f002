//! The points of a graph to build, with their codes and the precision that suits them.

use std::iter;

use super::{
    coarse_codes::CoarseCodes,
    points::Points,
    precision::{PointSpace, Precision},
    quantized::Quantized,
    to_row,
};
use crate::Vectors;

/// One in this many points of a layer is in the sample that the layer above has.
const SAMPLE_RATIO: u32 = 64;
/// Minimum size of a sample, if there are as many points.
const MIN_SAMPLE: u32 = 256;
/// Maximum size of a sample whose points are inserted one after the other.
const MAX_INSERTED: u32 = 1_024;

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

    /// The points in the precision that suits them.
    pub(super) fn space<'a>(&'a self, vectors: &'a Vectors) -> PointSpace<'a> {
        PointSpace::new(self.precision, vectors, &self.points, &self.codes, &self.coarse)
    }

    /// Renumbers the first `order.len()` points: `order[i]` becomes `i`. The rest keep their numbers. Not
    /// more than two copies of the codes are in memory at once.
    pub(super) fn reordered(self, mut order: Vec<u32>) -> Self {
        let Self { points, codes, coarse, precision } = self;
        drop(coarse);
        order.extend(to_row(order.len())..points.len());
        let codes = codes.select(&order);
        let coarse = match precision {
            Precision::Coarse => CoarseCodes::of(&codes),
            Precision::Quantized | Precision::Full => CoarseCodes::default(),
        };
        Self { points: points.reordered(&order), codes, coarse, precision }
    }

    /// The points in eight bits per value, if they are in four.
    pub(super) fn without_coarse_codes(self) -> Self {
        Self { coarse: CoarseCodes::default(), precision: Precision::Quantized, ..self }
    }

    /// The points in the lowest precision that discriminates close ones.
    fn in_best_precision(points: Points, codes: Quantized) -> Self {
        let sample = sample_size(points.len());
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

/// Numbers of points on the layers from layer 1 on, if layer 0 has `points`: each layer has a sample of the
/// one below. The last sample is small enough to be inserted, which makes the layers above it.
pub(super) fn sample_sizes(points: u32) -> Vec<u32> {
    let next = |size: &u32| (*size > MAX_INSERTED).then(|| sample_size(*size));
    iter::successors(Some(sample_size(points)), next).collect()
}

/// Size of the sample of a layer of `points` points.
fn sample_size(points: u32) -> u32 {
    (points / SAMPLE_RATIO).max(MIN_SAMPLE).min(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_large_samples_are_drawn() {
        assert_eq!(sample_sizes(1), [1]);
        assert_eq!(sample_sizes(300), [256]);
        assert_eq!(sample_sizes(64 * MAX_INSERTED + 63), [MAX_INSERTED]);
        assert_eq!(sample_sizes(64 * MAX_INSERTED + 64), [MAX_INSERTED + 1, MIN_SAMPLE]);
        assert_eq!(sample_sizes(1 << 31), [1 << 25, 1 << 19, 1 << 13, MIN_SAMPLE]);
    }
}
