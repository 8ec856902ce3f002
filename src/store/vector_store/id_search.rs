//! Parameters and results of a search by ids.

use std::{fmt, time::Instant};

use crate::{Cancel, IndexPlan, SearchEffort, SearchParams};

/// Parameters of a search of a [`VectorStore`](crate::VectorStore).
///
/// # Examples
///
/// ```
/// use passim::{IdFilter, IdSearchParams, SearchEffort};
///
/// let effort = SearchEffort::Recall(0.98);
/// let filter = Some(IdFilter::Among(&[17, 4, 99]));
/// let params = IdSearchParams { k: 3, effort, filter, ..IdSearchParams::default() };
/// # assert_eq!(params.k, 3);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct IdSearchParams<'a> {
    /// Number of neighbors to find, `k >= 1`.
    pub k: usize,
    /// Trade-off between recall and search time. A recall needs
    /// [`VectorStore::calibrate`](crate::VectorStore::calibrate); without it, and in segments
    /// without a graph, the query is compared with every vector.
    pub effort: SearchEffort,
    /// Vectors that may be returned; `None` allows all.
    pub filter: Option<IdFilter<'a>>,
    /// Time at which the search returns what it has found so far.
    pub deadline: Option<Instant>,
    /// Handle that makes the search return what it has found so far.
    pub cancel: Option<&'a Cancel>,
}

impl Default for IdSearchParams<'_> {
    fn default() -> Self {
        let SearchParams { k, effort, .. } = SearchParams::default();
        Self { k, effort, filter: None, deadline: None, cancel: None }
    }
}

impl<'a> IdSearchParams<'a> {
    /// The parameters of the search of each segment, without the filter.
    pub(super) fn of_segment(&self) -> SearchParams<'a> {
        let Self { k, effort, deadline, cancel, .. } = *self;
        SearchParams { k, effort, deadline, cancel, ..SearchParams::default() }
    }
}

/// Vectors that a search may return.
///
/// A filter is exact: a search finds `k` of the allowed vectors if there are so many. If few are
/// allowed, it compares all of them.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum IdFilter<'a> {
    /// The vectors with these ids, in any order; ids that the store lacks are passed over.
    Among(&'a [u64]),
    /// The vectors whose id satisfies the predicate. It is called once for the id of each vector
    /// of the store.
    Where(&'a (dyn Fn(u64) -> bool + Sync)),
}

impl fmt::Debug for IdFilter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Among(ids) => f.debug_tuple("Among").field(ids).finish(),
            Self::Where(_) => f.debug_tuple("Where").finish_non_exhaustive(),
        }
    }
}

/// A vector of a store and its similarity to the query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IdNeighbor {
    /// Id of the vector.
    pub id: u64,
    /// Cosine of the angle to the query, in `-1.0..=1.0`; higher is closer.
    pub similarity: f32,
}

/// Result of a search of a [`VectorStore`](crate::VectorStore).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct IdNeighbors {
    /// The neighbors, closest first, ties by id.
    pub neighbors: Vec<IdNeighbor>,
    /// How each segment was searched, the oldest first.
    pub plans: Vec<IndexPlan>,
}

impl IdNeighbors {
    /// Whether no deadline and no cancellation interrupted the search. Otherwise the neighbors are
    /// the closest of the vectors compared so far.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.plans.iter().all(|plan| plan.complete)
    }
}
