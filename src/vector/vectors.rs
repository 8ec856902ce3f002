//! Unit vectors: the one place where vectors are checked and scaled.

use std::path::Path;

use ndarray::{Array2, ArrayView2, Axis};

use super::kernel;
use crate::{
    Error, Result,
    format::{column::Column, decode_error::DecodeError, sections::short_sum},
};

/// Unit vectors: shape `[len, dim]`, `f32`, row-major, every row finite with L2 norm 1.
///
/// Holding a `Vectors` is the proof that nothing downstream has to check again.
///
/// # Examples
///
/// ```
/// use passim::Vectors;
///
/// let vectors = Vectors::normalized(2, vec![3.0, 4.0, 0.0, 2.0])?;
/// assert_eq!((vectors.len(), vectors.dim()), (2, 2));
/// assert_eq!(vectors.row(0), [0.6, 0.8]);
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Vectors {
    dim: usize,
    /// Whole rows, one after the other.
    values: Column<f32>,
    /// Checksums of the rows, if they are those of a file.
    sums: Option<Column<u32>>,
}

impl PartialEq for Vectors {
    fn eq(&self, other: &Self) -> bool {
        self.dim == other.dim && self.values == other.values
    }
}

impl Vectors {
    /// Scales every row of `data` (shape `[data.len() / dim, dim]`, row-major) to norm 1.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `dim` is 0, [`Error::Dimension`] if `data` is not a
    /// whole number of rows, [`Error::InvalidVector`] if a row is zero or not finite.
    pub fn normalized(dim: usize, mut data: Vec<f32>) -> Result<Self> {
        Error::check_setting("dim", dim, 1.., "1 or more")?;
        for (row, vector) in data.chunks_exact_mut(dim).enumerate() {
            scale_to_unit(vector).ok_or(Error::InvalidVector { row })?;
        }
        Self::from_rows(dim, data)
    }

    /// No vectors, of dimension `dim`.
    #[must_use]
    pub fn empty(dim: usize) -> Self {
        Self { dim, values: Column::default(), sums: None }
    }

    /// The rows of a file, whose checksums are `sums`; `None` if there are not as many. No value
    /// is looked at: whoever needs a row that is surely right asks for a
    /// [checked](Self::checked_row) one.
    pub(crate) fn in_file(dim: usize, values: Column<f32>, sums: Column<u32>) -> Option<Self> {
        let fits =
            sums.len().checked_mul(dim) == Some(values.len()) && (dim > 0 || sums.is_empty());
        fits.then_some(Self { dim, values, sums: Some(sums) })
    }

    /// Rows that were unit vectors when they were stored, bit for bit; `None` if `data`
    /// is not a whole number of them.
    pub(crate) fn stored(dim: usize, data: Vec<f32>) -> Option<Self> {
        if data.is_empty() {
            return Some(Self::empty(dim));
        }
        if dim == 0 || !data.len().is_multiple_of(dim) {
            return None;
        }
        let all = data.chunks_exact(dim).all(is_unit);
        all.then(|| Self::from_rows(dim, data).ok()).flatten()
    }

    /// Rows that are known to be unit vectors.
    fn from_rows(dim: usize, data: Vec<f32>) -> Result<Self> {
        match data.len() % dim {
            0 => Ok(Self { dim, values: data.into(), sums: None }),
            rest => Err(Error::Dimension { expected: dim, got: rest }),
        }
    }

    /// Number of vectors.
    #[must_use]
    pub fn len(&self) -> usize {
        // `dim` is 0 only where there are no values.
        self.values.len() / self.dim.max(1)
    }

    /// Whether there is no vector.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of values in each vector.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Vector `row`, from 0.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dim..(row + 1) * self.dim]
    }

    /// Vector `row`; of a file, after its checksum was compared.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it does not match.
    pub(crate) fn checked_row(&self, row: usize) -> Result<&[f32]> {
        let values = self.row(row);
        match &self.sums {
            Some(sums) if sums[row] != sum_of(values) => {
                let path = self.values.path().unwrap_or(Path::new("an index"));
                Err(DecodeError::Corrupt("the checksum of a vector does not match")
                    .about(path.display()))
            }
            _ => Ok(values),
        }
    }

    /// The checksum of every row: the low half of XXH3-64 of its values as little-endian bytes.
    pub(crate) fn sums(&self) -> Column<u32> {
        self.sums.clone().unwrap_or_else(|| self.rows().map(sum_of).collect())
    }

    /// All vectors, in order.
    #[must_use]
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dim.max(1))
    }

    /// All values, row by row.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        &self.values
    }

    /// The vectors of all `parts`, in order.
    ///
    /// # Errors
    ///
    /// [`Error::Dimension`] if a part does not have dimension `dim`.
    pub fn concat<'a>(dim: usize, parts: impl IntoIterator<Item = &'a Self>) -> Result<Self> {
        let parts: Vec<&Self> = parts.into_iter().collect();
        if let Some(other) = parts.iter().find(|part| part.dim != dim) {
            return Err(Error::Dimension { expected: dim, got: other.dim });
        }
        if parts.is_empty() {
            return Ok(Self::empty(dim));
        }
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        let joined = ndarray::concatenate(Axis(0), &views);
        joined.map(Self::of).map_err(|_| Error::Dimension { expected: dim, got: 0 })
    }

    /// The vectors at `rows`, in that order.
    ///
    /// # Panics
    ///
    /// If one of `rows` does not exist.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self::of(self.view().select(Axis(0), rows))
    }

    /// Copies of rows of several vectors of dimension `dim`, part by part. Each row is
    /// [checked](Self::checked_row), so that what is damaged in a file does not get a new
    /// checksum that matches.
    ///
    /// # Errors
    ///
    /// [`Error::Dimension`] if a part does not have dimension `dim`, [`Error::Corrupt`] if a
    /// row is damaged.
    pub(crate) fn gather(dim: usize, parts: &[(&Self, &[u32])]) -> Result<Self> {
        let rows: usize = parts.iter().map(|(_, rows)| rows.len()).sum();
        let mut values = Vec::with_capacity(rows * dim);
        for (part, rows) in parts {
            if part.dim != dim {
                return Err(Error::Dimension { expected: dim, got: part.dim });
            }
            for row in *rows {
                values.extend_from_slice(part.checked_row(*row as usize)?);
            }
        }
        Ok(Self { dim, values: values.into(), sums: None })
    }

    fn view(&self) -> ArrayView2<'_, f32> {
        let empty = || ArrayView2::from(&[[0.0; 0]; 0]);
        // Every constructor makes whole rows, so there is always such a view.
        ArrayView2::from_shape((self.len(), self.dim), &self.values).unwrap_or_else(|_| empty())
    }

    /// The rows of `array`, which has the standard, row-major layout.
    fn of(array: Array2<f32>) -> Self {
        let dim = array.ncols();
        let (values, _) = array.into_raw_vec_and_offset();
        Self { dim, values: values.into(), sums: None }
    }
}

fn sum_of(row: &[f32]) -> u32 {
    short_sum(&[bytemuck::cast_slice(row)])
}

/// Whether `row` has norm 1, but for the rounding of whoever made it.
pub(crate) fn is_unit(row: &[f32]) -> bool {
    (kernel::dot(row, row) - 1.0).abs() < 1e-3
}

/// A copy of `query`, scaled to norm 1.
///
/// # Errors
///
/// [`Error::Dimension`] if `query` does not have `dim` values,
/// [`Error::InvalidVector`] with row 0 if it is zero or not finite.
pub(crate) fn unit_query(query: &[f32], dim: usize) -> Result<Vec<f32>> {
    if query.len() != dim {
        return Err(Error::Dimension { expected: dim, got: query.len() });
    }
    let mut unit = query.to_vec();
    scale_to_unit(&mut unit).ok_or(Error::InvalidVector { row: 0 })?;
    Ok(unit)
}

/// Scales `vector` to norm 1; `None` if it has no direction.
///
/// A vector of norm 1 stays as it is, bit for bit. Of others the largest value is brought to 1
/// first, so that neither very large nor very small vectors are lost when their values are
/// squared.
fn scale_to_unit(vector: &mut [f32]) -> Option<()> {
    if (kernel::dot(vector, vector) - 1.0).abs() <= UNIT {
        return Some(());
    }
    let largest = vector.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
    if vector.iter().any(|x| !x.is_finite()) || largest == 0.0 {
        return None;
    }
    divide(vector, largest);
    divide(vector, kernel::dot(vector, vector).sqrt());
    Some(())
}

/// How far the square of a norm of 1 may be off, by rounding.
const UNIT: f32 = 1e-6;

fn divide(vector: &mut [f32], by: f32) {
    for x in vector {
        *x /= by;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_checked_and_scaled() {
        let vectors = Vectors::normalized(3, vec![1e30, 0.0, 1e30, 1e-40, 0.0, 0.0]).unwrap();
        for row in vectors.rows() {
            assert!((kernel::dot(row, row) - 1.0).abs() < 1e-6, "{row:?}");
        }
        for (data, row) in
            [(vec![1.0, 0.0, 0.0, 0.0], 1), (vec![f32::NAN, 1.0], 0), (vec![1.0, f32::INFINITY], 0)]
        {
            let error = Vectors::normalized(2, data).unwrap_err();
            assert!(matches!(error, Error::InvalidVector { row: got } if got == row), "{error}");
        }
        assert!(matches!(Vectors::normalized(2, vec![1.0; 3]), Err(Error::Dimension { .. })));
        assert!(matches!(Vectors::normalized(0, vec![]), Err(Error::Setting { .. })));
    }

    #[test]
    fn unit_vectors_stay_as_they_are() {
        let values: Vec<f32> = (0..3_840_u16).map(|i| (f32::from(i) * 0.7).sin()).collect();
        let once = Vectors::normalized(384, values).unwrap();
        let twice = Vectors::normalized(384, once.as_slice().to_vec()).unwrap();
        assert_eq!(once, twice);
    }

    #[test]
    fn parts_are_joined_and_selected() {
        let a = Vectors::normalized(2, vec![1.0, 0.0]).unwrap();
        let b = Vectors::normalized(2, vec![0.0, 1.0, -1.0, 0.0]).unwrap();
        let all = Vectors::concat(2, [&a, &b]).unwrap();
        assert_eq!(all.select(&[2, 0]).as_slice(), [-1.0, 0.0, 1.0, 0.0]);
        assert!(Vectors::concat(2, []).unwrap().is_empty());
        assert!(matches!(Vectors::concat(3, [&a]), Err(Error::Dimension { expected: 3, got: 2 })));
    }

    fn in_file(dim: usize, values: Vec<f32>, sums: Column<u32>) -> Option<Vectors> {
        Vectors::in_file(dim, values.into(), sums)
    }

    #[test]
    fn rows_of_a_file_are_as_many_as_their_checksums() {
        let sums = || Column::from(vec![1_u32, 2]);
        assert_eq!(in_file(2, vec![0.0; 4], sums()).unwrap().len(), 2);
        for (dim, values, sums) in [
            (2, vec![0.0; 2], sums()),
            (2, vec![0.0; 5], sums()),
            (2, vec![0.0; 4], Column::default()),
            (0, vec![], sums()),
            (0, vec![0.0], Column::default()),
            (usize::MAX, vec![0.0; 2], sums()),
        ] {
            assert!(in_file(dim, values, sums).is_none());
        }
        assert!(in_file(0, vec![], Column::default()).unwrap().is_empty());
    }

    #[test]
    fn a_damaged_row_is_not_taken_for_a_vector() {
        let whole = Vectors::normalized(2, vec![1.0, 0.0, 0.6, 0.8, 0.0, 1.0]).unwrap();
        let stored = in_file(2, whole.as_slice().to_vec(), whole.sums()).unwrap();
        assert_eq!(stored, whole);
        assert_eq!(stored.sums(), whole.sums());
        let mut values = whole.as_slice().to_vec();
        values[3] = 0.800_000_1;
        let damaged = in_file(2, values, whole.sums()).unwrap();
        assert_ne!(damaged, whole);
        assert_eq!(damaged.checked_row(0).unwrap(), whole.row(0));
        assert!(matches!(damaged.checked_row(1), Err(Error::Corrupt { .. })));

        let rows = [(&damaged, &[2, 0][..]), (&whole, &[1])];
        assert_eq!(Vectors::gather(2, &rows).unwrap(), whole.select(&[2, 0, 1]));
        let error = Vectors::gather(2, &[(&whole, &[1]), (&damaged, &[1])]).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }));
        let error = Vectors::gather(3, &rows).unwrap_err();
        assert!(matches!(error, Error::Dimension { expected: 3, got: 2 }));
    }

    #[test]
    fn the_checksum_of_a_row_is_that_of_the_format() {
        let one = Vectors::normalized(1, vec![5.0]).unwrap();
        let whole = xxhash_rust::xxh3::xxh3_64(&1.0_f32.to_le_bytes());
        assert_eq!(u64::from(one.sums()[0]), whole & 0xFFFF_FFFF);
    }
}
