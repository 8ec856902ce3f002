//! Quantized vectors: eight bits per value, with a bound on the error of their similarities.

use rayon::prelude::*;
use xxhash_rust::xxh3::Xxh3;

use super::{
    discrimination::is_discriminative,
    kernel::{self, BLOCK, CodeBlock},
    points::Points,
    space::Space,
    to_row,
};
use crate::format::{
    column::Column,
    decode_error::{DecodeError, require},
    sections::{Section, Sections},
    tag::Tag,
};

/// Unit vectors quantized to eight bits per value, each row with its own step size.
///
/// Rows are compared by the cosine between their codes. Equal codes have similarity 1, and the
/// errors of close vectors nearly cancel. The plain dot product would favor rows with long codes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quantized {
    shape: Shape,
    /// Codes plus 128, row-major.
    blocks: Column<CodeBlock<u8>>,
    /// `1 / norm` of the codes of every row.
    inverse_norms: Column<f32>,
    /// Distance of every vector from the unit vector in the direction of its codes.
    quantization_errors: Column<f32>,
}

/// Constants of the quantization, by dimension.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shape {
    /// Blocks per row.
    width: usize,
    /// Share of the error bound that errors rarely exceed.
    likely: f32,
    /// Bound on the rounding error of a dot product in `f32`.
    rounding: f32,
}

impl Shape {
    fn of(dim: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "dimensions are below 2^16")]
        let terms = dim.max(1) as f32;
        Self {
            width: dim.div_ceil(BLOCK).max(1),
            // The error vector has a random direction: its component along the query has standard
            // deviation `length / sqrt(dim)`.
            likely: (ERROR_DEVIATIONS / terms.sqrt()).min(1.0),
            rounding: (terms + 8.0) * f32::EPSILON,
        }
    }
}

/// A borrowed view of [`Quantized`].
#[derive(Clone, Copy, Debug)]
pub(super) struct QuantizedView<'a> {
    shape: Shape,
    blocks: &'a [CodeBlock<u8>],
    inverse_norms: &'a [f32],
    quantization_errors: &'a [f32],
}

/// A query quantized to eight bits per value.
#[derive(Debug, Default)]
pub(super) struct QuantizedQuery {
    pub(super) blocks: Vec<CodeBlock<i8>>,
    /// Share of a dot product that comes from the 128 added to every code of a row.
    pub(super) bias: i32,
    pub(super) inverse_norm: f32,
    quantization_error: f32,
}

impl Quantized {
    /// Quantizes the unit vectors `row(0)` to `row(len - 1)` of dimension `dim`.
    pub(super) fn of<'a>(dim: usize, len: usize, row: impl Fn(usize) -> &'a [f32] + Sync) -> Self {
        let shape = Shape::of(dim);
        let mut blocks = vec![CodeBlock([0; BLOCK]); len * shape.width];
        let rows = blocks.par_chunks_mut(shape.width).enumerate();
        let encoded: Vec<EncodedRow> =
            rows.map(|(at, blocks)| EncodedRow::of(row(at), blocks)).collect();
        Self {
            shape,
            blocks: blocks.into(),
            inverse_norms: encoded.iter().map(|row| row.inverse_norm).collect(),
            quantization_errors: encoded.iter().map(|row| row.quantization_error).collect(),
        }
    }

    /// Returns the codes of `rows`, in that order.
    pub(super) fn select(&self, rows: &[u32]) -> Self {
        let codes = self.view();
        let mut blocks = vec![CodeBlock([0; BLOCK]); rows.len() * codes.width()];
        let selected = blocks.par_chunks_mut(codes.width()).zip(rows);
        selected.for_each(|(blocks, row)| blocks.copy_from_slice(codes.row(*row)));
        let select = |values: &[f32]| rows.iter().map(|row| values[*row as usize]).collect();
        Self {
            shape: self.shape,
            blocks: blocks.into(),
            inverse_norms: select(codes.inverse_norms),
            quantization_errors: select(codes.quantization_errors),
        }
    }

    /// Returns the codes of `joined`, the points of equal codes among `points`, with the largest error
    /// of each.
    pub(super) fn joined(&self, points: &Points, joined: &Points) -> Self {
        let firsts: Vec<u32> = joined.rows.iter().map(|row| points.view().of_row(*row)).collect();
        let mut codes = self.select(&firsts);
        let errors = codes.quantization_errors.to_mut();
        for (row, error) in points.rows.iter().zip(&*self.quantization_errors) {
            let largest = &mut errors[joined.view().of_row(*row) as usize];
            *largest = largest.max(*error);
        }
        codes
    }

    /// Adds all codes to `hash`.
    pub(super) fn hash(&self, hash: &mut Xxh3) {
        self.blocks.iter().for_each(|block| hash.update(&block.0));
        self.inverse_norms.iter().for_each(|x| hash.update(&x.to_le_bytes()));
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.blocks)
            + size_of_val(&*self.inverse_norms)
            + size_of_val(&*self.quantization_errors)
    }

    pub(super) fn view(&self) -> QuantizedView<'_> {
        let Self { shape, blocks, inverse_norms, quantization_errors } = self;
        QuantizedView { shape: *shape, blocks, inverse_norms, quantization_errors }
    }

    /// Sections of the codes.
    pub(super) fn sections(&self) -> [Section<'_>; 3] {
        [
            Section::new(Tag::Codes, self.blocks.as_bytes()),
            Section::new(Tag::CodeNorms, self.inverse_norms.as_bytes()),
            Section::new(Tag::QuantizationErrors, self.quantization_errors.as_bytes()),
        ]
    }

    /// Opens the codes of `len` vectors of dimension `dim` in `sections`.
    pub(super) fn open(dim: usize, len: usize, sections: &Sections) -> Result<Self, DecodeError> {
        let codes = Self {
            shape: Shape::of(dim),
            blocks: sections.column(Tag::Codes)?,
            inverse_norms: sections.column(Tag::CodeNorms)?,
            quantization_errors: sections.column(Tag::QuantizationErrors)?,
        };
        let fits = len.checked_mul(codes.shape.width) == Some(codes.blocks.len())
            && codes.inverse_norms.len() == len
            && codes.quantization_errors.len() == len;
        require(fits, "the codes do not match the number of vectors")?;
        Ok(codes)
    }

    /// Checks norms and quantization errors; any bytes are valid codes.
    pub(super) fn check(&self) -> Result<(), DecodeError> {
        let valid = |values: &[f32]| values.iter().all(|x| x.is_finite() && *x >= 0.0);
        let fits = valid(&self.inverse_norms) && valid(&self.quantization_errors);
        require(fits, "a norm or a quantization error is not a number >= 0")
    }
}

impl<'a> QuantizedView<'a> {
    /// Bound on the difference between the similarity of `query` and `row` and that of their codes.
    ///
    /// By the triangle inequality, `|q·x - q'·x'| <= |q - q'| + |x - x'|`, where `q'` and
    /// `x'` are the unit vectors in the direction of the codes. A sum of `f32` has at most one
    /// rounding error per term.
    pub(super) fn error(&self, query: &QuantizedQuery, row: u32) -> f32 {
        query.quantization_error + self.quantization_errors[row as usize] + self.shape.rounding
    }

    /// Whether the codes discriminate close rows, estimated on the rows below `sample`. These must be
    /// a random sample.
    pub(super) fn is_discriminative(&self, sample: u32) -> bool {
        is_discriminative(self, sample, |probe| self.quantization_error(probe))
    }

    /// Distance of the vector of `row` from the unit vector in the direction of its codes.
    pub(super) fn quantization_error(&self, row: u32) -> f32 {
        self.quantization_errors[row as usize]
    }

    /// Blocks per row.
    pub(super) fn width(&self) -> usize {
        self.shape.width
    }

    /// Returns the codes of `row` as bytes. Norms and directions are functions of them.
    pub(super) fn bytes_of(&self, row: u32) -> &'a [u8] {
        bytemuck::cast_slice(self.row(row))
    }

    pub(super) fn row(&self, row: u32) -> &'a [CodeBlock<u8>] {
        let width = self.shape.width;
        &self.blocks[row as usize * width..][..width]
    }
}

impl Space for QuantizedView<'_> {
    type Query = QuantizedQuery;

    fn len(&self) -> u32 {
        to_row(self.inverse_norms.len())
    }

    fn query(&self, unit: &[f32]) -> QuantizedQuery {
        let mut row = vec![CodeBlock([0; BLOCK]); self.shape.width];
        let encoded = EncodedRow::of(unit, &mut row);
        let mut query = QuantizedQuery {
            inverse_norm: encoded.inverse_norm,
            quantization_error: encoded.quantization_error,
            ..QuantizedQuery::default()
        };
        query.load(&row);
        query
    }

    fn load(&self, point: u32, query: &mut QuantizedQuery) {
        query.inverse_norm = self.inverse_norms[point as usize];
        query.quantization_error = self.quantization_errors[point as usize];
        query.load(self.row(point));
    }

    fn prefetch(&self, point: u32) {
        kernel::prefetch(self.row(point));
        kernel::prefetch(&self.inverse_norms[point as usize..][..1]);
    }

    fn likely_error(&self, query: &QuantizedQuery, point: u32) -> f32 {
        let Shape { likely, rounding, .. } = self.shape;
        likely * (query.quantization_error + self.quantization_errors[point as usize]) + rounding
    }

    fn similarities(&self, query: &QuantizedQuery, points: &[u32], similarities: &mut Vec<f32>) {
        similarities.clear();
        let mut dots = [0; BLOCK];
        for points in points.chunks(dots.len()) {
            let dots = &mut dots[..points.len()];
            kernel::code_dots(&query.blocks, self.blocks, points, dots);
            similarities.extend(points.iter().zip(dots).map(|(point, dot)| {
                cosine(*dot - query.bias, query.inverse_norm, self.inverse_norms[*point as usize])
            }));
        }
    }
}

/// Standard deviations of an error that a search allows for.
const ERROR_DEVIATIONS: f32 = 3.0;

impl QuantizedQuery {
    /// Sets the query to the codes of `row`.
    fn load(&mut self, row: &[CodeBlock<u8>]) {
        self.blocks.resize(row.len(), CodeBlock([0; BLOCK]));
        let mut sum = 0;
        for (to, from) in self.blocks.iter_mut().zip(row) {
            for (to, from) in to.0.iter_mut().zip(&from.0) {
                *to = unbiased(*from);
            }
            sum += to.0.iter().map(|code| i32::from(*code)).sum::<i32>();
        }
        self.bias = sum * i32::from(BIAS);
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "its rounding error is far below the quantization error"
)]
pub(super) fn cosine(dot: i32, inverse_norm: f32, other: f32) -> f32 {
    dot as f32 * inverse_norm * other
}

/// Added to stored codes: the kernels multiply unsigned bytes by signed ones.
pub(super) const BIAS: u8 = 128;
/// The largest code, which the largest value of a vector maps to.
const LARGEST: f32 = 127.0;

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 255")]
fn biased(rounded: f32) -> u8 {
    (rounded + f32::from(BIAS)) as u8
}

fn unbiased(code: u8) -> i8 {
    code.wrapping_sub(BIAS).cast_signed()
}

/// Properties of the codes of a row; fields as in [`Quantized`].
struct EncodedRow {
    inverse_norm: f32,
    quantization_error: f32,
}

impl EncodedRow {
    /// Writes the codes of `unit` to `row`.
    fn of(unit: &[f32], row: &mut [CodeBlock<u8>]) -> Self {
        let largest = unit.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
        let mut codes: Vec<f32> = unit.iter().map(|x| rounded(x * (LARGEST / largest))).collect();
        for (block, codes) in row.iter_mut().zip(codes.chunks(BLOCK)) {
            block.0 = [BIAS; BLOCK];
            block.0.iter_mut().zip(codes).for_each(|(slot, code)| *slot = biased(*code));
        }
        let square = |code: &u8| i32::from(unbiased(*code)).pow(2);
        let squares = row.iter().map(|block| block.0.iter().map(square).sum::<i32>());
        let norm = f64::from(squares.sum::<i32>()).sqrt();
        #[expect(clippy::cast_possible_truncation, reason = "rounded to the nearest")]
        let inverse_norm = (1.0 / norm) as f32;
        for (code, x) in codes.iter_mut().zip(unit) {
            *code = x - *code * inverse_norm;
        }
        Self { inverse_norm, quantization_error: kernel::dot(&codes, &codes).sqrt() }
    }
}

/// Rounds `x`, with `|x| <= LARGEST`, to an integer: the sum with 1.5 * 2^23 has no bits left for a
/// fraction.
fn rounded(x: f32) -> f32 {
    const NO_FRACTION: f32 = 12_582_912.0;
    (x + NO_FRACTION) - NO_FRACTION
}
