//! Exact index: compares the query with every vector.

use std::sync::Arc;

use super::{
    Neighbors, ScanReason, SearchEffort, SearchParams, VectorIndex, checked, persist::stored_rows,
    quantized::Quantized, row_count, scan::Scan,
};
use crate::{
    Result, Vectors,
    format::{decode_error::DecodeError, sections::Sections},
};

/// Index that compares the query with every vector: for small corpora, and the reference for
/// recall.
///
/// A search compares quantized vectors, eight bits per value, then compares the possible neighbors
/// in full precision. The result equals that of a full comparison, bit for bit.
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
    pub(super) codes: Arc<Quantized>,
    rows: u32,
}

impl ExactIndex {
    /// Builds an index of `vectors` on the threads of the current `rayon` pool.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`](crate::Error::TooLarge) for more than 2^31 vectors or 2^16 dimensions.
    pub fn new(vectors: Arc<Vectors>) -> Result<Self> {
        let rows = row_count(&vectors)?;
        let codes = Quantized::of(vectors.dim(), vectors.len(), |row| vectors.row(row));
        Ok(Self { vectors, codes: Arc::new(codes), rows })
    }

    /// The indexed vectors.
    pub(super) fn vectors(&self) -> &Vectors {
        &self.vectors
    }

    fn scan(&self) -> Scan<'_, impl Fn(u32) -> u32> {
        let Self { vectors, codes, rows } = self;
        Scan { vectors, codes: codes.view(), code_of: |row| row, rows: *rows }
    }

    /// Opens the index of `vectors`, whose codes are in `sections`.
    pub(super) fn in_sections(
        sections: &Sections,
        vectors: Arc<Vectors>,
    ) -> Result<Self, DecodeError> {
        let rows = stored_rows(&vectors)?;
        let codes = Quantized::open(vectors.dim(), vectors.len(), sections)?;
        Ok(Self { vectors, codes: Arc::new(codes), rows })
    }
}

impl VectorIndex for ExactIndex {
    fn len(&self) -> usize {
        self.vectors.len()
    }

    fn dim(&self) -> usize {
        self.vectors.dim()
    }

    fn search(&self, query: &[f32], params: &SearchParams) -> Result<Neighbors> {
        let query = checked(query, &self.vectors, params)?;
        self.scan().run(&query, params, reason(params), &[])
    }

    fn search_many(&self, queries: &Vectors, params: &SearchParams) -> Result<Vec<Neighbors>> {
        self.scan().run_each(queries, params, reason(params))
    }
}

fn reason(params: &SearchParams) -> ScanReason {
    match params.effort {
        SearchEffort::Exact => ScanReason::Requested,
        SearchEffort::Ef(_) | SearchEffort::Recall(_) => ScanReason::NoGraph,
    }
}
