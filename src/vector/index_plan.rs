//! Result of a search of an index, and the plan it followed.

use std::fmt;

use serde::Serialize;

use crate::Neighbor;

/// Result of one search of an index.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Neighbors {
    /// The neighbors, closest first, ties by row.
    pub neighbors: Vec<Neighbor>,
    /// How the neighbors were found.
    pub plan: IndexPlan,
}

/// How an index was searched, with counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IndexPlan {
    /// Graph search or scan.
    pub route: Route,
    /// Number of vectors in the index.
    pub rows: usize,
    /// Number of vectors that the search was allowed to return.
    pub allowed: usize,
    /// Number of vectors compared, quantized or not. A scan compares the allowed ones, a graph search
    /// the points that it visits on the lowest layer.
    pub compared: usize,
    /// Number of vectors compared again in full precision.
    pub rescored: usize,
    /// False if a deadline or a cancellation interrupted the search: the neighbors are then the
    /// closest of the vectors compared so far.
    pub complete: bool,
}

/// Graph search or scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum Route {
    /// Graph search.
    Graph {
        /// `ef` of the search; see [`SearchEffort::Ef`](crate::SearchEffort::Ef).
        ef_search: usize,
    },
    /// Comparison with every allowed vector, and the reason for it.
    Scan(ScanReason),
}

/// Reason for comparing every allowed vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum ScanReason {
    /// The query requested it.
    Requested,
    /// The index has no graph.
    NoGraph,
    /// With so large an `ef_search`, comparing all vectors costs less.
    WideSearch,
    /// With so few allowed vectors, comparing them costs less than a graph search.
    FewAllowed,
    /// The graph search was abandoned after it had compared half as many vectors as are allowed:
    /// comparing the allowed ones costs less.
    BudgetSpent,
    /// The graph search ended with fewer than `k` vectors, although more are allowed.
    TooFewFound,
    /// The calibration has no `ef_search` that reaches the requested recall.
    RecallOutOfReach,
    /// A recall is requested, and was not measured for such a [filter](crate::Calibration#filters).
    FilterNotMeasured,
    /// A recall is requested, and the graph of the corpus or the
    /// [`VectorStore`](crate::VectorStore) is not [calibrated](crate::Retriever::calibrate).
    NotCalibrated,
}

impl fmt::Display for IndexPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { route, rows, allowed, compared, rescored, complete } = self;
        write!(f, "{route}: {compared} of {rows} vectors compared")?;
        if allowed < rows {
            write!(f, " ({allowed} allowed)")?;
        }
        write!(f, ", {rescored} again in full precision")?;
        if *complete { Ok(()) } else { write!(f, ", interrupted") }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Graph { ef_search } => write!(f, "graph search with ef_search {ef_search}"),
            Self::Scan(reason) => write!(f, "exact search, since {reason}"),
        }
    }
}

impl fmt::Display for ScanReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requested => "the query requests it",
            Self::NoGraph => "the index has no graph",
            Self::WideSearch => "a graph search with so large an ef_search costs more",
            Self::FewAllowed => "few vectors are allowed",
            Self::BudgetSpent => "the graph search compared too many vectors",
            Self::TooFewFound => "the graph search found too few allowed vectors",
            Self::RecallOutOfReach => "no ef_search is known to reach the requested recall",
            Self::FilterNotMeasured => "the recall was not measured for such a filter",
            Self::NotCalibrated => "the graph is not calibrated for a recall",
        })
    }
}
