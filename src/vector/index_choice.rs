//! Which index a corpus gets.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::SegmentIndex;
use crate::{ExactIndex, HnswIndex, HnswParams, Result, Vectors, work::WorkMonitor};

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
    pub(crate) fn build(self, vectors: Arc<Vectors>, watch: WorkMonitor) -> Result<SegmentIndex> {
        match self.graph_params(vectors.len()) {
            Some(params) => {
                let graph = HnswIndex::build_watched(watch, vectors, params)?;
                Ok(SegmentIndex::Graph(Box::new(graph)))
            }
            None => Ok(SegmentIndex::Exact(ExactIndex::new(vectors)?)),
        }
    }

    /// The shape of the graph that this choice builds over so many vectors, if it does.
    pub(crate) fn graph_params(self, vectors: usize) -> Option<HnswParams> {
        match self {
            Self::Hnsw(params) | Self::Auto(params) if self.builds_graph(vectors) => Some(params),
            _ => None,
        }
    }

    /// Whether this choice builds a graph over so many vectors.
    pub(crate) fn builds_graph(self, vectors: usize) -> bool {
        vectors >= self.graph_from()
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
