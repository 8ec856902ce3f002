//! Exact search: the query is compared with every vector.

use std::sync::Arc;

use crate::{
    Result, Vectors,
    index::{Neighbor, RowSet, SearchParams, VectorIndex, checked, closest, row_count},
};

/// Compares the query with every vector: the right choice for small corpora and the
/// reference for recall.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use passim::{ExactIndex, SearchParams, VectorIndex, Vectors};
///
/// let vectors = Vectors::normalized(2, vec![1.0, 0.0, 0.6, 0.8])?;
/// let index = ExactIndex::new(Arc::new(vectors))?;
/// let neighbors = index.search(&[0.0, 2.0], SearchParams { k: 1, ..Default::default() }, None)?;
/// assert_eq!(neighbors[0].row, 1);
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ExactIndex {
    vectors: Arc<Vectors>,
    rows: u32,
}

impl ExactIndex {
    /// An index of `vectors`.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`](crate::Error::TooLarge) over `u32::MAX` vectors.
    pub fn new(vectors: Arc<Vectors>) -> Result<Self> {
        let rows = row_count(&vectors)?;
        Ok(Self { vectors, rows })
    }
}

impl VectorIndex for ExactIndex {
    fn len(&self) -> usize {
        self.vectors.len()
    }

    fn dim(&self) -> usize {
        self.vectors.dim()
    }

    fn search(
        &self,
        query: &[f32],
        params: SearchParams,
        allowed: Option<&RowSet>,
    ) -> Result<Vec<Neighbor>> {
        let query = checked(query, self.dim(), params)?;
        Ok(scan(&query, &self.vectors, self.rows, params.k, allowed))
    }
}

/// The `k` rows of `vectors` closest to the unit vector `query` among those `allowed`.
pub(super) fn scan(
    query: &[f32],
    vectors: &Vectors,
    rows: u32,
    k: usize,
    allowed: Option<&RowSet>,
) -> Vec<Neighbor> {
    let neighbor = |row| Neighbor::of(query, vectors, row);
    let all = match allowed {
        Some(allowed) => allowed.iter().take_while(|row| *row < rows).map(neighbor).collect(),
        None => (0..rows).map(neighbor).collect(),
    };
    closest(all, k)
}
