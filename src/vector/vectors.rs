//! Unit vectors: validation, scaling, and conversion from and to `ndarray`.

use std::{borrow::Cow, path::Path};

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

use super::kernel;
use crate::{
    Error, Result,
    format::{column::Column, decode_error::DecodeError, sections::short_sum},
};

/// Unit vectors: shape `[len, dim]`, `f32`, row-major, every row finite with L2 norm 1.
///
/// Every constructor validates the rows, so that no function that takes a `Vectors` has to.
///
/// `Vectors` converts from `ndarray` arrays and views by `TryFrom`, which scales every row to
/// norm 1, and back by [`view`](Self::view) and [`into_array`](Self::into_array).
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
///
/// ```
/// use ndarray::{array, s};
/// use passim::Vectors;
///
/// let embeddings = array![[3.0, 4.0], [0.0, 2.0], [5.0, 0.0]];
/// let first_two = Vectors::try_from(embeddings.slice(s![..2, ..]))?;
/// assert_eq!(first_two.view(), array![[0.6, 0.8], [0.0, 1.0]]);
///
/// let all = Vectors::try_from(embeddings)?;
/// assert_eq!(all.into_array().row(2), array![1.0, 0.0]);
/// # Ok::<(), passim::Error>(())
/// ```
///
/// Queries can be views as well:
///
/// ```
/// use std::sync::Arc;
/// use ndarray::array;
/// use passim::{ExactIndex, SearchParams, VectorIndex, Vectors};
///
/// let embeddings = array![[1.0, 0.0], [0.6, 0.8]];
/// let index = ExactIndex::new(Arc::new(Vectors::try_from(embeddings.view())?))?;
///
/// let queries = array![[0.0, 2.0], [5.0, 0.0]];
/// let found = index.search_array(queries.row(0), &SearchParams::default())?;
/// assert_eq!(found.neighbors[0].row, 1);
/// let found = index.search_many(&Vectors::try_from(queries)?, &SearchParams::default())?;
/// assert_eq!(found[1].neighbors[0].row, 0);
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Vectors {
    dim: usize,
    /// Row-major; a whole number of rows.
    values: Column<f32>,
    /// Checksums of the rows, if the rows are those of a file.
    sums: Option<Column<u32>>,
}

impl PartialEq for Vectors {
    fn eq(&self, other: &Self) -> bool {
        self.dim == other.dim && self.values == other.values
    }
}

/// A row of some vectors.
#[derive(Clone, Copy)]
pub(crate) struct VectorRow<'v> {
    pub(crate) vectors: &'v Vectors,
    pub(crate) row: u32,
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
        let rest = data.len() % dim;
        if rest != 0 {
            return Err(Error::Dimension { expected: dim, got: rest });
        }
        for (row, vector) in data.chunks_exact_mut(dim).enumerate() {
            if !kernel::scale_to_unit(vector) {
                return Err(Error::InvalidVector { row });
            }
        }
        Ok(Self { dim, values: data.into(), sums: None })
    }

    /// No vectors, of dimension `dim`.
    #[must_use]
    pub fn empty(dim: usize) -> Self {
        Self { dim, values: Column::default(), sums: None }
    }

    /// The rows of a file with their checksums; `None` if the lengths do not match.
    ///
    /// Values are not read here: [`checked_row`](Self::checked_row) verifies a row on access.
    pub(crate) fn in_file(dim: usize, values: Column<f32>, sums: Column<u32>) -> Option<Self> {
        let fits =
            sums.len().checked_mul(dim) == Some(values.len()) && (dim > 0 || sums.is_empty());
        fits.then_some(Self { dim, values, sums: Some(sums) })
    }

    /// Accepts stored unit vectors unchanged, bit for bit; `None` unless `data` is a whole number of
    /// unit vectors of dimension `dim`.
    pub(crate) fn stored(dim: usize, data: Vec<f32>) -> Option<Self> {
        if data.is_empty() {
            return Some(Self::empty(dim));
        }
        if dim == 0 || !data.len().is_multiple_of(dim) {
            return None;
        }
        let valid = data.chunks_exact(dim).all(is_unit);
        valid.then(|| Self { dim, values: data.into(), sums: None })
    }

    /// Number of vectors.
    #[must_use]
    pub fn len(&self) -> usize {
        // `dim` is 0 only without values.
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

    /// Vector `row`, verified by its checksum if it is in a file.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if the checksum does not match.
    pub(crate) fn checked_row(&self, row: usize) -> Result<&[f32]> {
        let values = self.row(row);
        match &self.sums {
            Some(sums) if sums[row] != sum_of(values) => {
                let path = self.values.path().unwrap_or(Path::new("an index"));
                Err(DecodeError::Corrupt("the checksum of a vector does not match")
                    .in_file(path.display()))
            }
            _ => Ok(values),
        }
    }

    /// Checksums of the rows: the low half of XXH3-64 of the values as little-endian bytes.
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
    #[expect(clippy::missing_panics_doc, reason = "every constructor makes whole rows")]
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
        Ok(Self::of_units(joined.expect("the parts have one dimension")))
    }

    /// The vectors at `rows`, in that order.
    ///
    /// # Panics
    ///
    /// If one of `rows` does not exist.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self::of_units(self.view().select(Axis(0), rows))
    }

    /// Copies the given rows of several vectors of dimension `dim`, in their order.
    ///
    /// Each row is [checked](Self::checked_row): a damaged row of a file must not get a new
    /// checksum that matches.
    ///
    /// # Errors
    ///
    /// [`Error::Dimension`] if a row does not have dimension `dim`, [`Error::Corrupt`] if a row is
    /// damaged.
    pub(crate) fn gather<'v>(
        dim: usize,
        rows: impl ExactSizeIterator<Item = VectorRow<'v>>,
    ) -> Result<Self> {
        let mut values = Vec::with_capacity(rows.len() * dim);
        for VectorRow { vectors, row } in rows {
            if vectors.dim != dim {
                return Err(Error::Dimension { expected: dim, got: vectors.dim });
            }
            values.extend_from_slice(vectors.checked_row(row as usize)?);
        }
        Ok(Self { dim, values: values.into(), sums: None })
    }

    /// All vectors as an array of shape `[len, dim]`, without a copy.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "every constructor makes whole rows")]
    pub fn view(&self) -> ArrayView2<'_, f32> {
        let view = ArrayView2::from_shape((self.len(), self.dim), &self.values);
        view.expect("`Vectors` holds whole rows")
    }

    /// The vectors as an array of shape `[len, dim]`; copies only if they are in a file.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "every constructor makes whole rows")]
    pub fn into_array(self) -> Array2<f32> {
        let shape = (self.len(), self.dim);
        let values = match self.values {
            Column::Owned(values) => values,
            mapped @ Column::Mapped(_) => mapped.to_vec(),
        };
        Array2::from_shape_vec(shape, values).expect("`Vectors` holds whole rows")
    }

    /// The rows of `array`, which are unit vectors.
    fn of_units(array: Array2<f32>) -> Self {
        Self { dim: array.ncols(), values: into_row_major(array).into(), sums: None }
    }
}

/// The values of `array` in row-major order; copies only if they are in another order.
fn into_row_major(array: Array2<f32>) -> Vec<f32> {
    if !array.is_standard_layout() {
        return array.iter().copied().collect();
    }
    let len = array.len();
    let (mut values, offset) = array.into_raw_vec_and_offset();
    // The values of an array that was sliced in place are a part of its allocation.
    if let Some(offset) = offset {
        values.truncate(offset + len);
        values.drain(..offset);
    }
    values
}

/// Scales every row to norm 1. Takes over the allocation of an array in row-major order, and
/// copies the values of any other.
///
/// # Errors
///
/// [`Error::Setting`] if the array has no columns, [`Error::InvalidVector`] if a row is zero or
/// not finite.
impl TryFrom<Array2<f32>> for Vectors {
    type Error = Error;

    fn try_from(array: Array2<f32>) -> Result<Self> {
        Self::normalized(array.ncols(), into_row_major(array))
    }
}

/// Copies the rows, in any layout, and scales each to norm 1.
///
/// # Errors
///
/// [`Error::Setting`] if the view has no columns, [`Error::InvalidVector`] if a row is zero or
/// not finite.
impl TryFrom<ArrayView2<'_, f32>> for Vectors {
    type Error = Error;

    fn try_from(view: ArrayView2<'_, f32>) -> Result<Self> {
        Self::normalized(view.ncols(), view.iter().copied().collect())
    }
}

impl From<Vectors> for Array2<f32> {
    fn from(vectors: Vectors) -> Self {
        vectors.into_array()
    }
}

fn sum_of(row: &[f32]) -> u32 {
    short_sum(&[bytemuck::cast_slice(row)])
}

/// Whether `row` has norm 1, up to the rounding error of a model.
pub(crate) fn is_unit(row: &[f32]) -> bool {
    (kernel::dot(row, row) - 1.0).abs() < 1e-3
}

/// A query as a view of an array, in any layout.
pub(crate) type QueryView<'q> = ArrayView1<'q, f32>;

/// The values of `query`, copied only if they are not contiguous.
pub(crate) fn contiguous<'q>(query: &QueryView<'q>) -> Cow<'q, [f32]> {
    match query.to_slice() {
        Some(values) => Cow::Borrowed(values),
        None => Cow::Owned(query.to_vec()),
    }
}

/// Returns a copy of `query`, scaled to norm 1.
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
    if kernel::scale_to_unit(&mut unit) { Ok(unit) } else { Err(Error::InvalidVector { row: 0 }) }
}

#[cfg(test)]
mod tests {
    use ndarray::{array, s};

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
    fn unit_vectors_stay_unchanged() {
        let values: Vec<f32> = (0..3_840_u16).map(|i| (f32::from(i) * 0.7).sin()).collect();
        let once = Vectors::normalized(384, values).unwrap();
        let twice = Vectors::normalized(384, once.as_slice().to_vec()).unwrap();
        assert_eq!(once, twice);
    }

    #[test]
    fn parts_are_concatenated_and_selected() {
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
    fn rows_and_checksums_of_a_file_match_in_number() {
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
    fn a_damaged_row_is_an_error() {
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

        let rows = |of_damaged: [u32; 2]| {
            let from_damaged = of_damaged.map(|row| VectorRow { vectors: &damaged, row });
            let from_whole = [VectorRow { vectors: &whole, row: 1 }];
            [&from_damaged[..], &from_whole].concat().into_iter()
        };
        assert_eq!(Vectors::gather(2, rows([2, 0])).unwrap(), whole.select(&[2, 0, 1]));
        let error = Vectors::gather(2, rows([2, 1])).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }));
        let error = Vectors::gather(3, rows([2, 0])).unwrap_err();
        assert!(matches!(error, Error::Dimension { expected: 3, got: 2 }));
    }

    #[test]
    fn row_checksums_follow_the_format() {
        let one = Vectors::normalized(1, vec![5.0]).unwrap();
        let whole = xxhash_rust::xxh3::xxh3_64(&1.0_f32.to_le_bytes());
        assert_eq!(u64::from(one.sums()[0]), whole & 0xFFFF_FFFF);
    }

    #[test]
    fn arrays_become_vectors_without_a_copy() {
        let array = array![[3.0, 4.0], [0.0, 2.0]];
        let values = array.as_ptr();
        let vectors = Vectors::try_from(array).unwrap();
        assert_eq!(vectors.as_slice(), [0.6, 0.8, 0.0, 1.0]);
        assert_eq!(vectors.view(), array![[0.6, 0.8], [0.0, 1.0]]);
        let array = vectors.into_array();
        assert_eq!(array.as_ptr(), values);
        assert_eq!(array, array![[0.6, 0.8], [0.0, 1.0]]);
    }

    #[test]
    fn arrays_of_any_layout_become_vectors() {
        let array = array![[9.0, 9.0, 9.0], [3.0, 4.0, 0.0], [0.0, 2.0, 1.0], [9.0, 9.0, 9.0]];
        let rows = s![1..3, ..2];
        let want = Vectors::normalized(2, vec![3.0, 4.0, 0.0, 2.0]).unwrap();
        assert_eq!(Vectors::try_from(array.slice(rows)).unwrap(), want);
        assert_eq!(Vectors::try_from(array.clone().slice_move(rows)).unwrap(), want);
        let by_column = array![[3.0, 0.0], [4.0, 2.0]].reversed_axes();
        assert_eq!(Vectors::try_from(by_column.view()).unwrap(), want);
        assert_eq!(Vectors::try_from(by_column).unwrap(), want);
        let whole_rows = array.clone().slice_move(s![1..3, ..]);
        assert_eq!(
            Vectors::try_from(whole_rows).unwrap(),
            Vectors::try_from(array.slice(s![1..3, ..])).unwrap()
        );
        let reversed = array.slice_move(s![1..3;-1, ..2]);
        assert_eq!(Vectors::try_from(reversed).unwrap(), want.select(&[1, 0]));
    }

    #[test]
    fn arrays_with_invalid_rows_are_refused() {
        for invalid in [0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let array = array![[1.0, 0.0], [invalid, 0.0]];
            let by_view = Vectors::try_from(array.view());
            assert!(matches!(by_view, Err(Error::InvalidVector { row: 1 })), "{invalid}");
            assert!(matches!(Vectors::try_from(array), Err(Error::InvalidVector { row: 1 })));
        }
        for rows in [0, 3] {
            let no_columns = Vectors::try_from(Array2::zeros((rows, 0)));
            assert!(matches!(no_columns, Err(Error::Setting { name: "dim", got: 0, .. })));
        }
    }

    #[test]
    fn arrays_keep_the_shape_of_empty_and_stored_vectors() {
        let none = Vectors::try_from(Array2::zeros((0, 5))).unwrap();
        assert_eq!((none.len(), none.dim()), (0, 5));
        for dim in [0, 5] {
            assert_eq!(Vectors::empty(dim).view().dim(), (0, dim));
            assert_eq!(Array2::from(Vectors::empty(dim)).dim(), (0, dim));
        }
        let stored = in_file(2, vec![0.6, 0.8], Column::from(vec![1])).unwrap();
        assert_eq!(stored.into_array(), array![[0.6, 0.8]]);
    }
}
