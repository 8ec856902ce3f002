//! Exact search: the query is compared with every vector.

use std::sync::Arc;

use crate::{
    Result, Vectors,
    index::{
        Effort, Found, Neighbor, Plan, Route, RowSet, ScanReason, SearchParams, VectorIndex,
        checked, closest, row_count,
    },
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
/// let found = index.search(&[0.0, 2.0], &SearchParams { k: 1, ..Default::default() })?;
/// assert_eq!(found.neighbors[0].row, 1);
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

    fn search(&self, query: &[f32], params: &SearchParams) -> Result<Found> {
        let query = checked(query, self.dim(), params)?;
        let reason = match params.effort {
            Effort::Exact => ScanReason::Asked,
            Effort::Ef(_) | Effort::Recall(_) => ScanReason::NoGraph,
        };
        Ok(scan(&query, &self.vectors, self.rows, params, reason))
    }
}

/// The rows of `vectors` closest to the unit vector `query`.
pub(super) fn scan(
    query: &[f32],
    vectors: &Vectors,
    rows: u32,
    params: &SearchParams,
    reason: ScanReason,
) -> Found {
    let neighbor = |row| Neighbor::of(query, vectors, row);
    let all: Vec<Neighbor> = match params.allowed {
        Some(allowed) => allowed.iter().take_while(|row| *row < rows).map(neighbor).collect(),
        None => (0..rows).map(neighbor).collect(),
    };
    let plan = Plan {
        route: Route::Scan(reason),
        rows: rows as usize,
        allowed: params.allowed.map_or(rows as usize, RowSet::len),
        compared: all.len(),
        reranked: 0,
        complete: true,
    };
    Found { neighbors: closest(all, params.k), plan }
}
