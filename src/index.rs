//! The boundary to vector indexes: what they are asked, what they answer, in which order.

mod exact;
mod graph;
mod hnsw;
mod rows;

use std::{cmp::Ordering, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Cancel, Error, Result, Vectors, kernel, vectors::unit_query};

pub use exact::ExactIndex;
pub use hnsw::{HnswIndex, HnswParams};
pub use rows::RowSet;
pub(crate) use rows::as_rows;

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

    /// The `params.k` neighbors of `query` among the rows `allowed` (all, if `None`),
    /// closest first, ties by row; fewer only if fewer are allowed.
    ///
    /// `query` is a vector of the index's dimension, of any length but 0.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `params.k` is 0, [`Error::Dimension`] if `query` is of
    /// another dimension, [`Error::Undirected`] if it is zero or not finite.
    fn search(
        &self,
        query: &[f32],
        params: SearchParams,
        allowed: Option<&RowSet>,
    ) -> Result<Vec<Neighbor>>;

    /// Whether no vector is indexed.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How many neighbors are wanted, and how hard to look for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchParams {
    /// Number of neighbors wanted, 1 or more.
    pub k: usize,
    /// `ef`: candidates that a graph search keeps; raised to `k`, and to 16, if lower.
    /// More candidates, higher recall, longer search.
    pub ef_search: usize,
    /// Compare the query with every vector, even where there is a graph: slower, and
    /// what the graph's recall is measured by.
    pub exact: bool,
}

impl Default for SearchParams {
    fn default() -> Self {
        Self { k: 10, ef_search: 96, exact: false }
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
    fn of(query: &[f32], vectors: &Vectors, row: u32) -> Self {
        // Rounding can push the dot product of equal unit vectors just above 1.
        let similarity = kernel::dot(query, vectors.row(row as usize)).clamp(-1.0, 1.0);
        Self { row, similarity }
    }
}

/// The one order of neighbors: higher similarity first, then lower row.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that sorting asks for")]
pub(crate) fn closest_first(a: &Neighbor, b: &Neighbor) -> Ordering {
    b.similarity.total_cmp(&a.similarity).then(a.row.cmp(&b.row))
}

/// The `k` closest of `neighbors`, closest first.
fn closest(mut neighbors: Vec<Neighbor>, k: usize) -> Vec<Neighbor> {
    if k < neighbors.len() {
        neighbors.select_nth_unstable_by(k, closest_first);
        neighbors.truncate(k);
    }
    neighbors.sort_unstable_by(closest_first);
    neighbors
}

/// Checks what every search is given and returns the query as a unit vector.
fn checked(query: &[f32], dim: usize, params: SearchParams) -> Result<Vec<f32>> {
    Error::check_setting("k", params.k, 1.., "1 or more")?;
    unit_query(query, dim)
}

/// Which index a [`Retriever`](crate::Retriever) builds over its passages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum IndexChoice {
    /// Compare the query with every passage.
    Exact,
    /// Search a graph, whatever the number of passages.
    Hnsw(HnswParams),
    /// The faster of the two: a graph from [`IndexChoice::GRAPH_FROM`] passages.
    Auto(HnswParams),
}

impl IndexChoice {
    /// From this number of vectors on [`IndexChoice::Auto`] builds a graph. Its search is
    /// faster with fewer, too (`cargo bench --bench query`), but by too little to be worth
    /// the build and the neighbors it misses.
    pub const GRAPH_FROM: usize = 8_192;

    /// Checks the settings before any work is done.
    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self::Exact => Ok(()),
            Self::Hnsw(params) | Self::Auto(params) => params.check(),
        }
    }

    /// Builds the chosen index over `vectors`.
    pub(crate) fn build(
        self,
        vectors: Arc<Vectors>,
        cancel: &Cancel,
    ) -> Result<Box<dyn VectorIndex>> {
        match self {
            Self::Hnsw(params) | Self::Auto(params) if vectors.len() >= self.graph_from() => {
                Ok(Box::new(HnswIndex::build_unless(cancel, vectors, params)?))
            }
            _ => Ok(Box::new(ExactIndex::new(vectors)?)),
        }
    }

    /// From how many vectors on this choice builds a graph.
    pub(crate) fn graph_from(self) -> usize {
        match self {
            Self::Exact => usize::MAX,
            Self::Hnsw(_) => 0,
            Self::Auto(_) => Self::GRAPH_FROM,
        }
    }
}

impl Default for IndexChoice {
    fn default() -> Self {
        Self::Auto(HnswParams::default())
    }
}

/// Number of rows as the `u32` that indexes count with.
fn row_count(vectors: &Vectors) -> Result<u32> {
    u32::try_from(vectors.len()).map_err(|_| Error::TooLarge {
        what: "vectors in one index",
        got: vectors.len(),
        limit: u32::MAX as usize,
    })
}
