//! Unit vectors: the one place where vectors are checked and scaled.

use ndarray::{Array2, ArrayView2, Axis};

use crate::{Error, Result, kernel};

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
#[derive(Clone, Debug, PartialEq)]
pub struct Vectors(Array2<f32>);

impl Vectors {
    /// Scales every row of `data` (shape `[data.len() / dim, dim]`, row-major) to norm 1.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `dim` is 0, [`Error::Dimension`] if `data` is not a
    /// whole number of rows, [`Error::Undirected`] if a row is zero or not finite.
    pub fn normalized(dim: usize, mut data: Vec<f32>) -> Result<Self> {
        Error::check_setting("dim", dim, 1.., "1 or more")?;
        for (row, vector) in data.chunks_exact_mut(dim).enumerate() {
            scale_to_unit(vector).ok_or(Error::Undirected { row })?;
        }
        Self::from_rows(dim, data)
    }

    /// No vectors, of dimension `dim`.
    #[must_use]
    pub fn empty(dim: usize) -> Self {
        Self(Array2::zeros((0, dim)))
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
        let is_unit = |row: &[f32]| (kernel::dot(row, row) - 1.0).abs() < 1e-3;
        let all = data.chunks_exact(dim).all(is_unit);
        all.then(|| Self::from_rows(dim, data).ok()).flatten()
    }

    /// Rows that are known to be unit vectors.
    fn from_rows(dim: usize, data: Vec<f32>) -> Result<Self> {
        let (len, values) = (data.len() / dim, data.len());
        Array2::from_shape_vec((len, dim), data)
            .map(Self)
            .map_err(|_| Error::Dimension { expected: dim, got: values % dim })
    }

    /// Number of vectors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.nrows()
    }

    /// Whether there is no vector.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of values in each vector.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.0.ncols()
    }

    /// Vector `row`, from 0.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        let dim = self.dim();
        &self.as_slice()[row * dim..(row + 1) * dim]
    }

    /// All vectors, in order.
    #[must_use]
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        // `dim` is 0 only for `empty(0)`, which has no values.
        self.as_slice().chunks_exact(self.dim().max(1))
    }

    /// All values, row by row.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        // Every constructor makes the standard, row-major layout.
        self.0.as_slice().unwrap_or_default()
    }

    /// The vectors of all `parts`, in order.
    ///
    /// # Errors
    ///
    /// [`Error::Dimension`] if a part does not have dimension `dim`.
    pub fn concat<'a>(dim: usize, parts: impl IntoIterator<Item = &'a Self>) -> Result<Self> {
        let mut views: Vec<ArrayView2<'a, f32>> = Vec::new();
        for part in parts {
            if part.dim() != dim {
                return Err(Error::Dimension { expected: dim, got: part.dim() });
            }
            views.push(part.0.view());
        }
        if views.is_empty() {
            return Ok(Self::empty(dim));
        }
        let joined = ndarray::concatenate(Axis(0), &views);
        joined.map(Self).map_err(|_| Error::Dimension { expected: dim, got: 0 })
    }

    /// The vectors at `rows`, in that order.
    ///
    /// # Panics
    ///
    /// If one of `rows` does not exist.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self(self.0.select(Axis(0), rows))
    }
}

/// A copy of `query`, scaled to norm 1.
///
/// # Errors
///
/// [`Error::Dimension`] if `query` does not have `dim` values,
/// [`Error::Undirected`] with row 0 if it is zero or not finite.
pub(crate) fn unit_query(query: &[f32], dim: usize) -> Result<Vec<f32>> {
    if query.len() != dim {
        return Err(Error::Dimension { expected: dim, got: query.len() });
    }
    let mut unit = query.to_vec();
    scale_to_unit(&mut unit).ok_or(Error::Undirected { row: 0 })?;
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
            assert!(matches!(error, Error::Undirected { row: got } if got == row), "{error}");
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
}
