//! Choice of the index of a corpus or a vector store.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::SegmentIndex;
use crate::{
    Error, ExactIndex, HnswIndex, HnswParams, Result, Vectors,
    format::settings_text::{read_settings, write_settings},
    work::WorkMonitor,
};

/// Index that a [`Retriever`](crate::Retriever) builds over its passages, or a
/// [`VectorStore`](crate::VectorStore) over its vectors.
///
/// In JSON it is `"exact"`, `{"hnsw": {"m": 24, "ef_construction": 200}}` or `{"auto": {…}}`, where
/// parameters may be left out. `FromStr` also reads `exact`, `hnsw` and `auto` without parameters.
///
/// # Examples
///
/// ```
/// use passim::{HnswParams, IndexChoice};
///
/// let dense: IndexChoice = r#"{"hnsw": {"m": 48}}"#.parse()?;
/// assert_eq!(dense, IndexChoice::Hnsw(HnswParams { m: 48, ..HnswParams::default() }));
/// assert_eq!("auto".parse::<IndexChoice>()?, IndexChoice::default());
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum IndexChoice {
    /// No graph: compare the query with every vector.
    Exact,
    /// A graph, for any number of vectors.
    Hnsw(HnswParams),
    /// A graph from [`IndexChoice::GRAPH_FROM`] vectors on, where it is faster.
    Auto(HnswParams),
}

impl IndexChoice {
    /// Minimum number of vectors for which [`IndexChoice::Auto`] builds a graph.
    ///
    /// With fewer vectors, the gain in search time (`cargo bench --bench query`) is not worth the
    /// build and the missed neighbors.
    pub const GRAPH_FROM: usize = 8_192;

    /// Checks the settings before any work is done.
    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self::Exact => Ok(()),
            Self::Hnsw(params) | Self::Auto(params) => params.check(),
        }
    }

    /// Builds the chosen index over `vectors`.
    pub(crate) fn build(self, vectors: Arc<Vectors>, monitor: WorkMonitor) -> Result<SegmentIndex> {
        match self.graph_params(vectors.len()) {
            Some(params) => {
                let graph = HnswIndex::build_with(monitor, vectors, params)?;
                Ok(SegmentIndex::Graph(Box::new(graph)))
            }
            None => Ok(SegmentIndex::Exact(ExactIndex::new(vectors)?)),
        }
    }

    /// Returns the parameters of the graph over this many vectors; `None` without a graph.
    pub(crate) fn graph_params(self, vectors: usize) -> Option<HnswParams> {
        match self {
            Self::Hnsw(params) | Self::Auto(params) if self.builds_graph(vectors) => Some(params),
            _ => None,
        }
    }

    /// Whether the index of this many vectors is a graph.
    pub(crate) fn builds_graph(self, vectors: usize) -> bool {
        vectors >= self.graph_from()
    }

    /// Minimum number of vectors for which the index is a graph.
    pub(crate) fn graph_from(self) -> usize {
        match self {
            Self::Exact => usize::MAX,
            Self::Hnsw(_) => 0,
            Self::Auto(_) => Self::GRAPH_FROM,
        }
    }
}

/// Reads JSON, or a name without parameters, and checks it.
impl FromStr for IndexChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let choice = match text {
            "exact" => Self::Exact,
            "hnsw" => Self::Hnsw(HnswParams::default()),
            "auto" => Self::default(),
            json => read_settings("index choice", json)?,
        };
        choice.check()?;
        Ok(choice)
    }
}

/// Writes JSON on one line.
impl fmt::Display for IndexChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_settings(f, self)
    }
}

impl Default for IndexChoice {
    fn default() -> Self {
        Self::Auto(HnswParams::default())
    }
}
