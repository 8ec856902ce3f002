//! Coarse codes: four bits per value, with which a graph search compares half as many bytes.

use rayon::prelude::*;

use super::{
    beam::ScoredPoint,
    discrimination::is_discriminative,
    kernel::{self, BLOCK, CodeBlock},
    quantized::{BIAS, Quantized, QuantizedQuery, QuantizedView, cosine},
    space::Space,
    to_row,
};
use crate::format::{
    column::Column,
    decode_error::{DecodeError, require},
    sections::{Section, Sections},
    tag::Tag,
};

/// The upper four bits of [`Quantized`] codes, rounded.
///
/// Queries keep eight bits. What a search finds is compared again with all eight bits.
///
/// # Source
///
/// Codes of two levels: Aguerrebere et al. (2023), "Similarity search in the blink of an eye with
/// compressed indices".
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CoarseCodes {
    /// Codes plus 8, row-major. A block holds two blocks of eight-bit codes: the first in the lower
    /// four bits of its bytes, the second in the upper four.
    blocks: Column<CodeBlock<u8>>,
    /// `1 / norm` of the codes of every row.
    inverse_norms: Column<f32>,
}

/// A borrowed view of [`CoarseCodes`], and of the codes that they are the upper bits of.
#[derive(Clone, Copy, Debug)]
pub(super) struct CoarseView<'a> {
    codes: QuantizedView<'a>,
    /// Blocks per row.
    width: usize,
    blocks: &'a [CodeBlock<u8>],
    inverse_norms: &'a [f32],
}

/// Added to stored codes.
const COARSE_BIAS: u8 = 8;
/// The eight-bit codes that share a coarse code.
const STEP: u8 = 16;

impl CoarseCodes {
    /// The coarse codes of `codes`.
    pub(super) fn of(codes: &Quantized) -> Self {
        let codes = codes.view();
        let width = width(codes.width());
        let mut blocks = vec![CodeBlock([0; BLOCK]); codes.len() as usize * width];
        let rows = blocks.par_chunks_mut(width).enumerate();
        let inverse_norms: Vec<f32> =
            rows.map(|(row, coarse)| encode(codes.row(to_row(row)), coarse)).collect();
        Self { blocks: blocks.into(), inverse_norms: inverse_norms.into() }
    }

    /// Whether there are no codes: none were made, or the file is of an earlier version.
    pub(super) fn is_empty(&self) -> bool {
        self.inverse_norms.is_empty()
    }

    /// Whether they take fewer blocks than `codes`.
    pub(super) fn is_smaller_than(&self, codes: &Quantized) -> bool {
        self.blocks.len() < codes.view().len() as usize * codes.view().width()
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.blocks) + size_of_val(&*self.inverse_norms)
    }

    /// The view with `codes`, of the same points.
    pub(super) fn view<'a>(&'a self, codes: QuantizedView<'a>) -> CoarseView<'a> {
        let Self { blocks, inverse_norms } = self;
        CoarseView { codes, width: width(codes.width()), blocks, inverse_norms }
    }

    /// Sections of the codes.
    pub(super) fn sections(&self) -> [Section<'_>; 2] {
        [
            Section::new(Tag::CoarseCodes, self.blocks.as_bytes()),
            Section::new(Tag::CoarseCodeNorms, self.inverse_norms.as_bytes()),
        ]
    }

    /// Opens the coarse codes of `codes`, or none, in `sections`.
    pub(super) fn open(codes: QuantizedView, sections: &Sections) -> Result<Self, DecodeError> {
        let coarse = Self {
            blocks: sections.optional_column(Tag::CoarseCodes)?,
            inverse_norms: sections.optional_column(Tag::CoarseCodeNorms)?,
        };
        let len = if coarse.is_empty() { 0 } else { codes.len() as usize };
        let fits =
            coarse.inverse_norms.len() == len && coarse.blocks.len() == len * width(codes.width());
        require(fits, "the coarse codes do not match the number of vectors")?;
        Ok(coarse)
    }

    /// Checks the norms; any bytes are valid codes.
    pub(super) fn check(&self) -> Result<(), DecodeError> {
        let valid = self.inverse_norms.iter().all(|x| x.is_finite() && *x >= 0.0);
        require(valid, "a norm of coarse codes is not a number >= 0")
    }
}

/// Blocks of coarse codes for this many blocks of codes.
fn width(blocks: usize) -> usize {
    blocks.div_ceil(2)
}

/// Writes the coarse codes of `row`; returns `1 / norm` of them, 0 if all are 0.
fn encode(row: &[CodeBlock<u8>], coarse: &mut [CodeBlock<u8>]) -> f32 {
    const ZERO: CodeBlock<u8> = CodeBlock([BIAS; BLOCK]);
    let mut squares = 0;
    for (pair, coarse) in row.chunks(2).zip(coarse) {
        let second = pair.get(1).unwrap_or(&ZERO);
        for ((low, high), coarse) in pair[0].0.iter().zip(&second.0).zip(&mut coarse.0) {
            let codes = [low, high].map(|code| code.saturating_add(STEP / 2) / STEP);
            *coarse = codes[0] | codes[1] << 4;
            squares += codes
                .map(|code| (i32::from(code) - i32::from(COARSE_BIAS)).pow(2))
                .iter()
                .sum::<i32>();
        }
    }
    #[expect(clippy::cast_possible_truncation, reason = "rounded to the nearest")]
    let inverse_norm = (1.0 / f64::from(squares).sqrt()) as f32;
    if squares == 0 { 0.0 } else { inverse_norm }
}

impl CoarseView<'_> {
    /// Whether the codes discriminate close rows; see [`QuantizedView::is_discriminative`].
    pub(super) fn is_discriminative(&self, sample: u32) -> bool {
        is_discriminative(self, sample, |probe| {
            let mut own = Vec::with_capacity(1);
            self.similarities(&self.point(probe), &[probe], &mut own);
            (2.0 - 2.0 * own[0]).max(0.0).sqrt() + self.codes.quantization_error(probe)
        })
    }
}

impl Space for CoarseView<'_> {
    type Query = QuantizedQuery;

    fn len(&self) -> u32 {
        self.codes.len()
    }

    fn query(&self, unit: &[f32]) -> QuantizedQuery {
        self.codes.query(unit)
    }

    fn load(&self, point: u32, query: &mut QuantizedQuery) {
        self.codes.load(point, query);
    }

    fn prefetch(&self, point: u32) {
        kernel::prefetch(&self.blocks[point as usize * self.width..][..self.width]);
        kernel::prefetch(&self.inverse_norms[point as usize..][..1]);
    }

    fn prefetch_load(&self, point: u32) {
        self.codes.prefetch(point);
    }

    fn similarities(&self, query: &QuantizedQuery, points: &[u32], similarities: &mut Vec<f32>) {
        similarities.clear();
        let bias = query.bias / i32::from(BIAS) * i32::from(COARSE_BIAS);
        let mut dots = [0; BLOCK];
        for points in points.chunks(dots.len()) {
            let dots = &mut dots[..points.len()];
            kernel::coarse_dots(&query.blocks, self.blocks, points, dots);
            similarities.extend(points.iter().zip(dots).map(|(point, dot)| {
                cosine(*dot - bias, query.inverse_norm, self.inverse_norms[*point as usize])
            }));
        }
    }

    /// An eighth more. Then the closest `ef_search` points by eight bits are among them about as often
    /// as a search by eight bits finds them.
    fn beam_width(&self, ef_search: usize) -> usize {
        ef_search + ef_search / 8
    }

    fn refine(&self, query: &QuantizedQuery, found: &mut Vec<ScoredPoint>) {
        let points: Vec<u32> = found.iter().map(|found| found.point()).collect();
        for point in &points {
            self.codes.prefetch(*point);
        }
        let mut similarities = Vec::with_capacity(points.len());
        self.codes.similarities(query, &points, &mut similarities);
        found.clear();
        found.extend(ScoredPoint::each(&points, &similarities));
        found.sort_unstable();
    }

    fn likely_error(&self, query: &QuantizedQuery, point: u32) -> f32 {
        self.codes.likely_error(query, point)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Vectors;

    /// The cosine between the codes of `query` and the codes of `row` divided by 16, rounded.
    fn cosine_of_codes(codes: QuantizedView, query: u32, row: u32) -> f64 {
        let codes_of = |row| codes.bytes_of(row).iter().map(|code| f64::from(*code) - 128.0);
        let coarse = codes_of(row).map(|code| (code / 16.0 + 0.5).floor().min(7.0));
        let norm = |codes: &[f64]| codes.iter().map(|x| x * x).sum::<f64>().sqrt();
        let [query, coarse] = [codes_of(query).collect::<Vec<_>>(), coarse.collect()];
        let dot: f64 = query.iter().zip(&coarse).map(|(x, y)| x * y).sum();
        dot / (norm(&query) * norm(&coarse))
    }

    proptest! {
        #[test]
        fn similarities_are_cosines_of_upper_bits(
            (dim, values) in (1_usize..300).prop_flat_map(|dim| (Just(dim), prop::collection::vec(-1.0_f32..1.0, dim * 5))),
        ) {
            let nonzero = values.chunks_exact(dim).all(|row| row.iter().any(|x| *x != 0.0));
            prop_assume!(nonzero);
            let vectors = Vectors::normalized(dim, values).unwrap();
            let codes = Quantized::of(dim, 5, |row| vectors.row(row));
            let coarse = CoarseCodes::of(&codes);
            prop_assert_eq!(coarse.is_smaller_than(&codes), dim > 64);
            let space = coarse.view(codes.view());
            let query = space.point(4);
            let rows = [3, 0, 4, 1, 2];
            let mut similarities = Vec::new();
            space.similarities(&query, &rows, &mut similarities);
            for (row, similarity) in rows.iter().zip(&similarities) {
                let want = cosine_of_codes(codes.view(), 4, *row);
                prop_assert!((f64::from(*similarity) - want).abs() < 1e-5, "{similarity} is not {want}");
            }

            let mut found = ScoredPoint::all(&rows, &similarities);
            space.refine(&query, &mut found);
            codes.view().similarities(&query, &rows, &mut similarities);
            let mut want = ScoredPoint::all(&rows, &similarities);
            want.sort_unstable();
            prop_assert_eq!(found, want);
        }
    }
}
