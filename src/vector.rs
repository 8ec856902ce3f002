//! The boundary to vector indexes: what they are asked, what they answer, in which order.

mod adjacency;
mod beam;
mod build;
mod calibrate;
mod exact;
mod graph;
mod hierarchy;
mod hnsw;
mod index_choice;
mod index_plan;
pub(crate) mod kernel;
mod persist;
mod points;
mod quantized;
mod repair;
mod row_set;
mod scan;
mod space;
mod top_k;
pub(crate) mod vectors;
mod verify;
mod wilson;

use std::{cmp::Ordering, time::Instant};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Cancel, Error, Result};
use vectors::unit_query;

pub(crate) use calibrate::CalibrationRecord;
pub use calibrate::{Calibration, CalibrationStep, Shortfall};
pub use exact::ExactIndex;
pub use hnsw::{HnswIndex, HnswParams};
pub use index_choice::IndexChoice;
pub use index_plan::{IndexPlan, Neighbors, Route, ScanReason};
pub(crate) use persist::{IndexRecord, SegmentIndex};
pub use row_set::RowSet;
pub(crate) use row_set::to_row;
pub use vectors::Vectors;
pub use verify::GraphReport;

/// Finds the vectors closest to a query.
///
/// An index numbers its vectors by their rows, from 0, and never changes, so any
/// number of threads can search it. A [`Retriever`](crate::Retriever) builds its indexes
/// itself, as [`IndexChoice`] says.
pub trait VectorIndex: Send + Sync {
    /// Number of vectors indexed.
    fn len(&self) -> usize;

    /// Dimension of the vectors indexed.
    fn dim(&self) -> usize;

    /// The `params.k` allowed neighbors of `query`; fewer only if fewer are allowed, or
    /// if the search was ended early.
    ///
    /// `query` is a vector of the index's dimension, of any length but 0.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `params.k` is 0, [`Error::Dimension`] if `query` is of
    /// another dimension, [`Error::InvalidVector`] if it is zero or not finite; if a recall is
    /// asked for, [`Error::Fraction`] if it is out of range, and [`Error::NotCalibrated`] of
    /// an index with a graph whose recall was not measured; [`Error::Corrupt`] if a vector that
    /// may belong to the answer is damaged in its file.
    fn search(&self, query: &[f32], params: &SearchParams) -> Result<Neighbors>;

    /// The answer to each of `queries`, in their order, searched for in parallel on the
    /// threads of the current `rayon` pool.
    ///
    /// # Errors
    ///
    /// As [`search`](Self::search), for the first query that fails.
    fn search_many(&self, queries: &Vectors, params: &SearchParams) -> Result<Vec<Neighbors>> {
        let rows = (0..queries.len()).into_par_iter();
        rows.map(|row| self.search(queries.row(row), params)).collect()
    }

    /// Whether no vector is indexed.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What is wanted of a search.
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
    /// Number of neighbors wanted, 1 or more.
    pub k: usize,
    /// How hard to look for them.
    pub effort: SearchEffort,
    /// The rows that may be found; all, if `None`.
    pub allowed: Option<&'a RowSet>,
    /// When to end with what has been found.
    pub deadline: Option<Instant>,
    /// A handle that, once used, ends the search with what has been found.
    pub cancel: Option<&'a Cancel>,
    /// What [`SearchEffort::Recall`] goes by; if `None`, the calibration that the index keeps.
    pub calibration: Option<&'a Calibration>,
}

/// How hard a search looks for the closest vectors.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SearchEffort {
    /// `ef`: candidates that a graph search keeps; raised to `k`, and to 16, if lower.
    /// More candidates, higher recall, longer search.
    Ef(usize),
    /// Compare the query with every vector, even where there is a graph: slower, and
    /// what the graph's recall is measured by.
    Exact,
    /// As many candidates as reach this recall, over 0 to 1, by a [`Calibration`]; where no
    /// number is known to, the query is compared with every vector. It was measured for the
    /// rows allowed then, not for others.
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
    /// Whether the search is to end now.
    pub(crate) fn ended(&self) -> bool {
        self.cancel.is_some_and(Cancel::is_cancelled)
            || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// A vector of the index and how similar it is to the query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbor {
    /// Row of the vector.
    pub row: u32,
    /// Cosine of the angle to the query, -1 to 1; higher is closer.
    pub similarity: f32,
}

impl Neighbor {
    /// Row `row` of `vectors` as a neighbor of the unit vector `query`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if the row is damaged in its file.
    fn of(query: &[f32], vectors: &Vectors, row: u32) -> Result<Self> {
        Ok(Self { row, similarity: similarity(query, vectors.checked_row(row as usize)?) })
    }
}

/// Cosine between two unit vectors.
pub(crate) fn similarity(a: &[f32], b: &[f32]) -> f32 {
    // Rounding can push the dot product of equal unit vectors just above 1.
    kernel::dot(a, b).clamp(-1.0, 1.0)
}

/// The one order of neighbors: higher similarity first, then lower row.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that sorting asks for")]
pub(crate) fn closest_first(a: &Neighbor, b: &Neighbor) -> Ordering {
    b.similarity.total_cmp(&a.similarity).then(a.row.cmp(&b.row))
}

/// Checks what every search is given and returns the query as a unit vector.
fn checked(query: &[f32], dim: usize, params: &SearchParams) -> Result<Vec<f32>> {
    Error::check_setting("k", params.k, 1.., "1 or more")?;
    params.effort.check()?;
    unit_query(query, dim)
}

/// The most vectors in one index: a bit of their numbers is used otherwise.
const MAX_ROWS: usize = 1 << 31;
/// The most dimensions: sums of products of codes stay exact.
const MAX_DIMENSIONS: usize = 1 << 16;

/// Number of rows as the `u32` that indexes count with.
fn row_count(vectors: &Vectors) -> Result<u32> {
    let check = |what, got, limit| {
        if got > limit { Err(Error::TooLarge { what, got, limit }) } else { Ok(()) }
    };
    check("vectors in one index", vectors.len(), MAX_ROWS)?;
    check("dimensions of an index", vectors.dim(), MAX_DIMENSIONS)?;
    Ok(to_row(vectors.len()))
}
