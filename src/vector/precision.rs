//! Precision in which a graph search compares vectors.

use super::{
    coarse_codes::{CoarseCodes, CoarseView},
    points::Points,
    quantized::{Quantized, QuantizedView},
    space::FullPrecision,
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

/// Evaluates `$work` with `$space` as the space of `$points`, a [`PointSpace`].
///
/// The precision is chosen once for all comparisons, and the compiler inlines those of each precision.
macro_rules! in_precision {
    ($points:expr, |$space:ident| $work:expr) => {
        match $points {
            PointSpace::Coarse($space) => $work,
            PointSpace::Quantized($space) => $work,
            PointSpace::Full($space) => $work,
        }
    };
}

pub(super) use in_precision;
