//! Vector search: the interface of the indexes, exact or by a graph.

mod adjacency;
mod beam;
mod build;
mod build_stage;
mod calibrate;
mod cell_scan;
mod cells;
mod coarse_codes;
mod coded_points;
mod discrimination;
mod exact;
#[cfg(test)]
mod fixtures;
mod graph;
mod graph_build;
mod hierarchy;
mod hnsw;
mod index_choice;
mod index_file;
mod index_plan;
pub(crate) mod kernel;
mod persist;
mod points;
mod precision;
mod quantized;
mod repair;
mod row_set;
mod scan;
mod space;
mod top_k;
pub(crate) mod vectors;
mod verify;
mod wilson;

use std::time::Instant;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Cancel, Error, Interrupt, Result};
use vectors::{QueryView, contiguous, unit_query};

pub use calibrate::{Calibration, CalibrationStep, Shortfall};
pub(crate) use calibrate::{CalibrationRecord, FilterShare, FilteredRecords, MeasuredPart};
pub use exact::ExactIndex;
pub use hnsw::{HnswIndex, HnswParams};
pub use index_choice::IndexChoice;
pub use index_plan::{IndexPlan, Neighbors, Route, ScanReason};
pub(crate) use persist::{IndexRecord, SegmentIndex, open_vectors};
pub use row_set::RowSet;
pub(crate) use row_set::{to_row, to_u32};
pub(crate) use top_k::{RankedRow, TopK};
pub(crate) use vectors::VectorRow;
pub use vectors::Vectors;
pub use verify::GraphReport;

/// Finds the vectors closest to a query.
///
/// An index numbers its vectors by row, from 0. It is immutable, so any number of threads can
/// search it. A [`Retriever`](crate::Retriever) builds its indexes according to its
/// [`IndexChoice`]. A [`VectorStore`](crate::VectorStore) keeps vectors that change, with ids of
/// your own.
///
/// The trait is sealed: only [`ExactIndex`] and [`HnswIndex`] implement it, so it can get methods
/// without breaking a program.
///
/// Queries can also be `ndarray` views: [`search_array`](Self::search_array) takes one, and
/// [`search_many`](Self::search_many) the [`Vectors`] of the rows of an array, whose page has an
/// example.
///
/// # Asynchronous code
///
/// Building, opening, saving, calibrating and searching an index block: call these methods by
/// `spawn_blocking`, as [the guide](crate::guide::running_a_service#asynchronous-code) shows.
pub trait VectorIndex: sealed::Sealed + Send + Sync {
    /// Number of vectors.
    fn len(&self) -> usize;

    /// Dimension of the vectors.
    fn dim(&self) -> usize;

    /// Returns the `params.k` allowed neighbors of `query`; fewer only if fewer are allowed, or if
    /// the search was interrupted.
    ///
    /// `query` is a vector of dimension [`dim`](Self::dim) and of any length above 0.
    ///
    /// # Errors
    ///
    /// - [`Error::Setting`] if `params.k` is 0.
    /// - [`Error::Dimension`] if `query` has another dimension.
    /// - [`Error::InvalidVector`] if `query` is zero or not finite.
    /// - [`Error::RowBound`] if `params.allowed` is a set of the rows of an index of another size.
    /// - [`Error::Fraction`] if the requested recall is out of range.
    /// - [`Error::NotCalibrated`] if a recall is requested of a graph that has no calibration.
    /// - [`Error::Corrupt`] if a vector that may be a neighbor is damaged in its file.
    fn search(&self, query: &[f32], params: &SearchParams) -> Result<Neighbors>;

    /// Returns the neighbors of a query in an `ndarray` view; copies it only if its values are not
    /// contiguous.
    ///
    /// # Errors
    ///
    /// As [`search`](Self::search).
    fn search_array(&self, query: QueryView<'_>, params: &SearchParams) -> Result<Neighbors> {
        self.search(&contiguous(&query), params)
    }

    /// Returns the neighbors of each of `queries`, in their order; searches in parallel on the
    /// threads of the current `rayon` pool. Searches that compare every vector share its reading from
    /// memory.
    ///
    /// # Errors
    ///
    /// As [`search`](Self::search), for the first query that fails.
    fn search_many(&self, queries: &Vectors, params: &SearchParams) -> Result<Vec<Neighbors>> {
        search_each(self, queries, params)
    }

    /// Whether the index has no vectors.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

mod sealed {
    /// Keeps other crates from implementing [`VectorIndex`](super::VectorIndex).
    pub trait Sealed {}

    impl Sealed for super::ExactIndex {}
    impl Sealed for super::HnswIndex {}
    impl Sealed for super::SegmentIndex {}
}

/// Parameters of a search.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use passim::{SearchEffort, SearchParams};
///
/// let deadline = Some(Instant::now() + Duration::from_millis(5));
/// let params = SearchParams { k: 3, effort: SearchEffort::Ef(200), deadline, ..Default::default() };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SearchParams<'a> {
    /// Number of neighbors to find, `k >= 1`.
    pub k: usize,
    /// Trade-off between recall and search time.
    pub effort: SearchEffort,
    /// Rows that may be returned, a set with the number of vectors as its bound; `None` allows all.
    pub allowed: Option<&'a RowSet>,
    /// Time at which the search returns what it has found so far.
    pub deadline: Option<Instant>,
    /// Handle that makes the search return what it has found so far.
    pub cancel: Option<&'a Cancel>,
    /// Calibration for [`SearchEffort::Recall`]; `None` uses the one that the index keeps.
    pub calibration: Option<&'a Calibration>,
}

/// Effort of a search: higher effort means higher recall and longer search.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SearchEffort {
    /// `ef`: number of candidates that a graph search keeps, raised to `max(k, 16)`. A search by codes of
    /// four bits keeps an eighth more.
    Ef(usize),
    /// Compare the query with every vector, even if the index has a graph. The recall of a graph is
    /// measured against this search.
    Exact,
    /// The smallest `ef` that reaches this recall, in `0.0..=1.0` without 0, by a [`Calibration`].
    ///
    /// If the calibration has no such `ef`, the query is compared with every vector. Without a
    /// calibration, an `HnswIndex` returns [`Error::NotCalibrated`], and a corpus or a `VectorStore`
    /// compares every vector. The recall
    /// holds for searches among the rows that the calibration was measured on, and for random
    /// [filters](Calibration#filters) of the measured shares.
    Recall(f32),
}

impl SearchEffort {
    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self::Recall(target) => Error::check_fraction("recall", target),
            Self::Ef(_) | Self::Exact => Ok(()),
        }
    }
}

impl Default for SearchEffort {
    fn default() -> Self {
        Self::Ef(96)
    }
}

impl Default for SearchParams<'_> {
    fn default() -> Self {
        Self {
            k: 10,
            effort: SearchEffort::default(),
            allowed: None,
            deadline: None,
            cancel: None,
            calibration: None,
        }
    }
}

impl SearchParams<'_> {
    /// Whether the deadline has passed or the search is cancelled.
    pub(crate) fn is_interrupted(&self) -> bool {
        Interrupt::new(self.deadline, self.cancel).is_due()
    }
}

/// A vector of the index and its similarity to the query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbor {
    /// Row of the vector.
    pub row: u32,
    /// Cosine of the angle to the query, in `-1.0..=1.0`; higher is closer.
    pub similarity: f32,
}

impl Neighbor {
    /// Compares row `row` of `vectors` with the unit vector `query`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if the row is damaged in its file.
    fn of(query: &[f32], vectors: &Vectors, row: u32) -> Result<Self> {
        Ok(Self { row, similarity: similarity(query, vectors.checked_row(row as usize)?) })
    }

    /// Returns the rows that `closest` kept, closest first, ties by row.
    fn sorted(closest: TopK) -> Vec<Self> {
        let neighbor = |ranked: RankedRow| Self { row: ranked.row, similarity: ranked.score };
        closest.into_sorted().into_iter().map(neighbor).collect()
    }

    /// Returns the row as a [`TopK`] ranks it.
    fn ranked(self) -> RankedRow {
        RankedRow { row: self.row, score: self.similarity }
    }
}

/// Cosine between two unit vectors.
pub(crate) fn similarity(a: &[f32], b: &[f32]) -> f32 {
    // Rounding can push the dot product of equal unit vectors just above 1.
    kernel::dot(a, b).clamp(-1.0, 1.0)
}

/// Searches for each of `queries` alone, in parallel.
fn search_each<I: VectorIndex + ?Sized>(
    index: &I,
    queries: &Vectors,
    params: &SearchParams,
) -> Result<Vec<Neighbors>> {
    let rows = (0..queries.len()).into_par_iter();
    rows.map(|row| index.search(queries.row(row), params)).collect()
}

/// Validates the arguments of a search and returns the query as a unit vector.
fn checked(query: &[f32], vectors: &Vectors, params: &SearchParams) -> Result<Vec<f32>> {
    Error::check_setting("k", params.k, 1.., "1 or more")?;
    params.effort.check()?;
    let bound = params.allowed.map(RowSet::bound);
    if let Some(got) = bound.filter(|bound| *bound as usize != vectors.len()) {
        return Err(Error::RowBound { expected: vectors.len(), got });
    }
    unit_query(query, vectors.dim())
}

/// Maximum number of vectors in one index: a graph search packs a flag into the row number.
const MAX_ROWS: usize = 1 << 31;
/// Maximum dimension: up to it, dot products of codes are exact in `i32`.
pub(crate) const MAX_DIMENSIONS: usize = 1 << 16;

/// Returns the number of rows, after checking the limits of an index.
fn row_count(vectors: &Vectors) -> Result<u32> {
    check_limit("vectors in one index", vectors.len(), MAX_ROWS)?;
    check_limit("dimensions of an index", vectors.dim(), MAX_DIMENSIONS)?;
    Ok(to_row(vectors.len()))
}

fn check_limit(what: &'static str, got: usize, limit: usize) -> Result<()> {
    if got > limit { Err(Error::TooLarge { what, got, limit }) } else { Ok(()) }
}
