//! A state of a vector store: its segments, and the searches that join their results.

use std::sync::Arc;

use super::{
    id_search::{IdNeighbor, IdNeighbors, IdSearchParams},
    live_vectors::LiveVectors,
};
use crate::{
    Error, Neighbors, Result, SearchParams, Vectors,
    format::sections::FileId,
    store::{Generation, Questions, stored_segment::StoredSegment},
    vector::{FilterShare, SegmentIndex, vectors::unit_query},
};

/// A published generation or, in a writer, one with uncommitted changes.
#[derive(Clone, Debug)]
pub(crate) struct VectorSnapshot {
    pub(super) dim: usize,
    pub(super) generation: u64,
    /// Identifies the manifest file; `None` in memory.
    pub(super) manifest: Option<FileId>,
    /// Ids are unique among their live vectors.
    pub(super) segments: Vec<LiveVectors>,
    /// Queries that graphs are calibrated with; `None` before the first calibration.
    pub(super) questions: Option<Arc<Questions>>,
}

/// A live vector of a store.
#[derive(Clone, Copy, Debug)]
pub(super) struct LivePlace {
    /// Position of its segment.
    pub(super) segment: usize,
    pub(super) row: u32,
}

impl From<Generation<LiveVectors>> for VectorSnapshot {
    fn from(generation: Generation<LiveVectors>) -> Self {
        let Generation { id, manifest, segments, questions } = generation;
        Self {
            dim: manifest.contents.dim,
            generation: manifest.generation,
            manifest: Some(id),
            segments,
            questions,
        }
    }
}

impl VectorSnapshot {
    /// The empty store before its first commit.
    pub(super) fn empty(dim: usize, manifest: Option<FileId>) -> Self {
        Self { dim, generation: 0, manifest, segments: Vec::new(), questions: None }
    }

    /// Number of live vectors.
    pub(super) fn len(&self) -> usize {
        self.segments.iter().map(LiveVectors::len).sum()
    }

    /// The place of the live vector with this id.
    pub(super) fn find(&self, id: u64) -> Result<Option<LivePlace>> {
        // Recent vectors are looked up more often than old ones.
        for (segment, live) in self.segments.iter().enumerate().rev() {
            if let Some(row) = live.find(id)? {
                return Ok(Some(LivePlace { segment, row }));
            }
        }
        Ok(None)
    }

    /// The vector with this id, compared with its checksum.
    pub(super) fn get(&self, id: u64) -> Result<Option<&[f32]>> {
        let Some(LivePlace { segment, row }) = self.find(id)? else { return Ok(None) };
        self.segments[segment].sealed().checked_vector(row).map(Some)
    }

    /// The ids of all vectors, in ascending order.
    pub(super) fn ids(&self) -> Result<Vec<u64>> {
        let mut ids = Vec::with_capacity(self.len());
        for segment in &self.segments {
            ids.extend(segment.live_ids()?);
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// Returns the neighbors of `query`.
    pub(super) fn search(&self, query: &[f32], params: &IdSearchParams) -> Result<IdNeighbors> {
        // A store without segments refuses what all others refuse.
        unit_query(query, self.dim)?;
        let mut found = self.search_each(1, params, |index, search, share| {
            Ok(vec![index.search_calibrated(query, search, share)?])
        })?;
        Ok(found.pop().unwrap_or_default())
    }

    /// Returns the neighbors of each of `queries`, in their order.
    pub(super) fn search_many(
        &self,
        queries: &Vectors,
        params: &IdSearchParams,
    ) -> Result<Vec<IdNeighbors>> {
        if queries.dim() != self.dim {
            return Err(Error::Dimension { expected: self.dim, got: queries.dim() });
        }
        self.search_each(queries.len(), params, |index, search, share| {
            index.search_many_calibrated(queries, search, share)
        })
    }

    /// Calls `search` for the index of each segment and joins the neighbors of each of `queries`
    /// queries.
    fn search_each(
        &self,
        queries: usize,
        params: &IdSearchParams,
        search: impl Fn(&SegmentIndex, &SearchParams, FilterShare) -> Result<Vec<Neighbors>>,
    ) -> Result<Vec<IdNeighbors>> {
        Error::check_setting("k", params.k, 1.., "1 or more")?;
        params.effort.check()?;
        let mut found = vec![IdNeighbors::default(); queries];
        let allowed = self.segments.iter().map(|segment| segment.allowed_by(params.filter));
        let allowed = allowed.collect::<Result<Vec<_>>>()?;
        let counts = self.segments.iter().zip(&allowed).map(|(segment, allowed)| {
            allowed.as_ref().map_or_else(|| segment.len(), |rows| rows.len())
        });
        let counts: Vec<usize> = counts.collect();
        let index = FilterShare::of(counts.iter().sum(), self.len());
        for ((segment, allowed), count) in self.segments.iter().zip(&allowed).zip(counts) {
            let share = FilterShare { index, segment: FilterShare::of(count, segment.len()) };
            let params = SearchParams {
                allowed: allowed.as_deref(),
                calibration: segment.calibration().map(Arc::as_ref),
                ..params.of_segment()
            };
            let in_segment = search(segment.sealed().index()?, &params, share)?;
            let ids = segment.sealed().ids()?;
            for (found, Neighbors { neighbors, plan }) in found.iter_mut().zip(in_segment) {
                found.plans.push(plan);
                found.neighbors.extend(neighbors.into_iter().map(|neighbor| IdNeighbor {
                    id: ids[neighbor.row as usize],
                    similarity: neighbor.similarity,
                }));
            }
        }
        for found in &mut found {
            keep_closest(&mut found.neighbors, params.k);
        }
        Ok(found)
    }
}

/// Keeps the `k` closest of `neighbors`, closest first, ties by id.
fn keep_closest(neighbors: &mut Vec<IdNeighbor>, k: usize) {
    neighbors.sort_unstable_by(|a, b| {
        b.similarity.total_cmp(&a.similarity).then_with(|| a.id.cmp(&b.id))
    });
    neighbors.truncate(k);
}
