//! What a search found, and how it went about it.

use std::fmt;

use serde::Serialize;

use crate::Neighbor;

/// The answer of one search of an index.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Neighbors {
    /// The neighbors, closest first, ties by row.
    pub neighbors: Vec<Neighbor>,
    /// How they were found.
    pub plan: IndexPlan,
}

/// How an index was searched, and why that way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IndexPlan {
    /// The way taken.
    pub route: Route,
    /// Vectors in the index.
    pub rows: usize,
    /// Vectors that the search was allowed to return.
    pub allowed: usize,
    /// Vectors that the query was compared with, by their codes where there are codes.
    pub compared: usize,
    /// Vectors compared in full precision after their codes were.
    pub reranked: usize,
    /// False if a deadline or a cancel handle ended the search early: the neighbors are then
    /// the best of those compared until then.
    pub complete: bool,
}

/// The way a search took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum Route {
    /// Along the links of the graph, keeping this many candidates.
    Graph {
        /// Candidates kept.
        ef_search: usize,
    },
    /// Comparing every allowed vector, for this reason.
    Scan(ScanReason),
}

/// Why every allowed vector was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum ScanReason {
    /// The query asked for it.
    Requested,
    /// The index has no graph.
    NoGraph,
    /// So many candidates were to be kept that comparing all vectors costs less.
    WideSearch,
    /// So few vectors are allowed that comparing them costs less than a graph search.
    FewAllowed,
    /// The graph search came upon too few allowed vectors.
    TooFewFound,
    /// No `ef_search` is known to reach the recall that was asked for.
    RecallOutOfReach,
}

impl fmt::Display for IndexPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { route, rows, allowed, compared, reranked, complete } = self;
        write!(f, "{route}: {compared} of {rows} vectors compared")?;
        if allowed < rows {
            write!(f, " ({allowed} allowed)")?;
        }
        write!(f, ", {reranked} again in full precision")?;
        if *complete { Ok(()) } else { write!(f, ", ended early") }
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
            Self::Requested => "the query asks for it",
            Self::NoGraph => "the index has no graph",
            Self::WideSearch => "so large an ef_search costs more",
            Self::FewAllowed => "few vectors are allowed",
            Self::TooFewFound => "the graph search found too few allowed vectors",
            Self::RecallOutOfReach => "no ef_search is known to reach the recall asked for",
        })
    }
}
