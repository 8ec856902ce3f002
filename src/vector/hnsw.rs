//! HNSW: a graph over codes, built once, repaired, and frozen.

use std::{ops::RangeInclusive, sync::Arc};

use serde::{Deserialize, Serialize};
use tracing::instrument;

use super::{
    Calibration, IndexPlan, Neighbors, Route, RowSet, ScanReason, SearchParams, VectorIndex,
    beam::{End, LEAST_EF, Scratch, ScratchPool},
    build::link_all,
    calibrate::asked_route,
    checked,
    graph::Graph,
    hierarchy::over_sample,
    kernel,
    points::Points,
    quantized::Codes,
    repair::repair,
    row_count,
    scan::Scan,
    similarity,
    space::{Full, Space},
    top_k::TopK,
};
use crate::{Cancel, Error, Neighbor, Result, Vectors, format::column::Column, work::WorkMonitor};

/// Shape of the graph, in the symbols of Malkov & Yashunin (2018).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HnswParams {
    /// `M`: links per vector and layer (twice as many on the lowest), 2 to 255.
    /// More links, higher recall, more memory.
    pub m: usize,
    /// `efConstruction`: candidates kept while linking a vector; `m` to 65,536.
    /// More candidates, better links, longer build.
    pub ef_construction: usize,
}

impl Default for HnswParams {
    fn default() -> Self {
        Self { m: 24, ef_construction: 200 }
    }
}

/// `hnsw_rs` ends the process over 256 and keeps `m` in a `u8`; with 1 its layers have no bound.
pub(super) const M: RangeInclusive<usize> = 2..=255;

impl HnswParams {
    pub(super) fn check(self) -> Result<()> {
        Error::check_setting("m", self.m, M, "2 to 255")?;
        // hnsw_rs allocates as many places for every vector it links.
        let allowed = self.m..=1 << 16;
        Error::check_setting("ef_construction", self.ef_construction, allowed, "`m` to 65536")
    }
}

/// A hierarchical navigable small world graph.
///
/// The same vectors give the same graph, whatever the number of threads that build it.
/// Equal vectors are one point of the graph. After the build every vector is searched
/// for, and those that are not found get links from where the search ended, so that
/// every vector is found by its own query.
///
/// A search visits a small part of the graph; it may miss neighbors, fewer with a
/// higher [`SearchEffort::Ef`](crate::SearchEffort::Ef). Vectors are compared in eight bits a value,
/// and the closest again in full precision, unless the vectors are so close together that
/// eight bits do not tell them apart. Where few rows are allowed they are all compared.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use passim::{HnswIndex, HnswParams, SearchParams, VectorIndex, Vectors};
///
/// let angles = (0..100_u8).map(|i| f32::from(i) / 20.0);
/// let vectors = Vectors::normalized(2, angles.flat_map(|a| [a.cos(), a.sin()]).collect())?;
/// let index = HnswIndex::build(Arc::new(vectors), HnswParams::default())?;
/// let found = index.search(&[1.0, 0.0], &SearchParams::default())?;
/// assert_eq!(found.neighbors[0].row, 0);
/// # Ok::<(), passim::Error>(())
/// ```
///
/// # Source
///
/// Malkov & Yashunin (2018), "Efficient and robust approximate nearest neighbor search
/// using Hierarchical Navigable Small World graphs".
#[derive(Debug)]
pub struct HnswIndex {
    pub(super) vectors: Arc<Vectors>,
    pub(super) rows: u32,
    pub(super) points: Points,
    pub(super) codes: Codes,
    /// Whether codes tell neighbors apart; if not, the graph is searched in full precision.
    pub(super) by_codes: bool,
    pub(super) graph: Graph,
    /// Points that the graph does not lead to, in ascending order; compared with every query.
    pub(super) strays: Column<u32>,
    pub(super) params: HnswParams,
    pub(super) calibration: Option<Calibration>,
    pub(super) memories: ScratchPool,
}

/// One point in this many is in the sample that the upper layers are built over.
const SAMPLE_SHARE: u32 = 64;
/// The largest sample: it is linked by one thread.
const LARGEST_SAMPLE: u32 = 1 << 14;
/// The smallest sample, or all points if they are fewer.
const LEAST_SAMPLE: u32 = 256;

impl HnswIndex {
    /// Builds the graph over `vectors` on the threads of the current `rayon` pool.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `params` are out of range, [`Error::TooLarge`] over 2^31
    /// vectors, or 2^16 dimensions.
    pub fn build(vectors: Arc<Vectors>, params: HnswParams) -> Result<Self> {
        Self::build_watched(WorkMonitor::new(&Cancel::new(), None), vectors, params)
    }

    /// [`build`](Self::build) that is watched: it tells how far it is, and may be cancelled.
    #[instrument(
        name = "build_graph",
        level = "debug",
        skip_all,
        fields(vectors = vectors.len(), ?params)
    )]
    pub(super) fn build_watched(
        watch: WorkMonitor,
        vectors: Arc<Vectors>,
        params: HnswParams,
    ) -> Result<Self> {
        params.check()?;
        let rows = row_count(&vectors)?;
        let points = Points::shuffled(&vectors, rows);
        let codes = Codes::of(vectors.dim(), points.rows.len(), |point| {
            vectors.row(points.rows[point] as usize)
        });
        let sample = (points.len() / SAMPLE_SHARE).clamp(LEAST_SAMPLE, LARGEST_SAMPLE);
        let sample = sample.min(points.len());
        let by_codes = codes.view().tell_apart(sample);
        let graph = if by_codes {
            linked(&codes.view(), sample, params, watch)?
        } else {
            linked(&Full::new(&vectors, &points.rows), sample, params, watch)?
        };
        let order = graph.by_breadth();
        let graph = graph.reordered(&order);
        let (points, codes) = (points.reordered(&order), codes.select(&order));
        let mut index = Self {
            vectors,
            rows,
            points,
            codes,
            by_codes,
            graph,
            strays: Column::default(),
            params,
            calibration: None,
            memories: ScratchPool::default(),
        };
        index.repair(watch)?;
        Ok(index)
    }

    fn repair(&mut self, watch: WorkMonitor) -> Result<()> {
        let strays = if self.by_codes {
            repair(&mut self.graph, &self.codes.view(), watch)?
        } else {
            repair(&mut self.graph, &Full::new(&self.vectors, &self.points.rows), watch)?
        };
        self.strays = strays.into();
        Ok(())
    }

    /// The way to search for what is asked: along the graph with this `ef`, or not.
    fn route(&self, asked: Route, params: &SearchParams) -> Result<usize, ScanReason> {
        let ef_search = match asked {
            Route::Graph { ef_search } => ef_search,
            Route::Scan(reason) => return Err(reason),
        };
        // With less, some of the points that the repair made sure of would be missed.
        let ef = ef_search.max(params.k).max(LEAST_EF);
        let allowed = params.allowed.map_or(self.rows as usize, RowSet::len);
        // A walk along about as many links as there are rows compares most of them, each at a
        // higher price than a scan.
        if ef >= allowed || ef * self.params.m >= self.rows as usize {
            return Err(ScanReason::WideSearch);
        }
        // A search among a share `s` of the rows visits about `ef * m / s` points, a scan
        // compares `s * rows`, each in less than half the time (measured).
        let visits = (ef * self.params.m).saturating_mul(self.rows as usize);
        if params.allowed.is_some() && allowed.saturating_mul(allowed) <= visits.saturating_mul(2) {
            return Err(ScanReason::FewAllowed);
        }
        Ok(ef)
    }

    fn scan(&self, query: &[f32], params: &SearchParams, reason: ScanReason) -> Result<Neighbors> {
        let (vectors, points) = (&*self.vectors, self.points.view());
        let code_of = |row| points.of_row(row);
        Scan { vectors, codes: self.codes.view(), code_of, rows: self.rows }
            .run(query, params, reason)
    }

    /// Searches the graph; `None` if it does not lead to `k` allowed rows.
    fn walk<S: Space>(
        &self,
        space: &S,
        query: &[f32],
        params: &SearchParams,
        ef: usize,
    ) -> Result<Option<Neighbors>> {
        let ready = space.query(query);
        let start = [self.graph.upper.entry(space, &ready)];
        let (graph, points) = ((space, self.graph.base.view()), self.points.view());
        let ended = || params.ended();
        self.memories.with(|scratch| {
            let end = match params.allowed {
                None => scratch.walk(graph, &ready, &start, ef, ended),
                Some(allowed) => {
                    let is_allowed = |point| points.rows_of(point).any(|row| allowed.contains(row));
                    // A walk that costs as much as a scan leads away from what is allowed.
                    let among = (is_allowed, allowed.len() / 2);
                    scratch.walk_among(graph, &ready, &start, ef, among, ended)
                }
            };
            self.reranked(space, (query, &ready), params, scratch, end, ef)
        })
    }

    /// Compares what a walk found in full precision, as far as it may be among the closest.
    fn reranked<S: Space>(
        &self,
        space: &S,
        (query, ready): (&[f32], &S::Query),
        params: &SearchParams,
        scratch: &Scratch,
        end: End,
        ef: usize,
    ) -> Result<Option<Neighbors>> {
        let mut closest = TopK::new(params.k);
        let mut reranked = 0;
        let (points, strays) = (self.points.view(), &*self.strays);
        let row_of = |point: u32| points.rows[point as usize] as usize;
        let first = scratch.pool.found().iter().take(params.k);
        first.for_each(|one| kernel::prefetch(self.vectors.row(row_of(one.point()))));
        let is_allowed = |row| params.allowed.is_none_or(|allowed| allowed.contains(row));
        let is_stray = |point| strays.binary_search(&point).is_ok();
        let found = scratch.pool.found().iter().filter(|one| !is_stray(one.point()));
        let likely = found
            .map(|one| (one.point(), one.similarity() + space.likely_error(ready, one.point())));
        let strays = strays.iter().map(|point| (*point, f32::INFINITY));
        for (point, most) in likely.chain(strays) {
            if most < closest.floor() {
                continue;
            }
            let similarity = similarity(query, self.vectors.checked_row(row_of(point))?);
            reranked += 1;
            let rows = points.rows_of(point).filter(|row| is_allowed(*row));
            rows.for_each(|row| closest.offer(Neighbor { row, similarity }));
        }
        let complete = end != End::ArticleDigest;
        if end == End::OverBudget || complete && closest.len() < params.k {
            return Ok(None);
        }
        let plan = IndexPlan {
            route: Route::Graph { ef_search: ef },
            rows: self.rows as usize,
            allowed: params.allowed.map_or(self.rows as usize, RowSet::len),
            compared: scratch.compared(),
            reranked,
            complete,
        };
        Ok(Some(Neighbors { neighbors: closest.into_neighbors(), plan }))
    }
}

/// The graph over the points of `space`.
fn linked<S: Space>(
    space: &S,
    sample: u32,
    params: HnswParams,
    watch: WorkMonitor,
) -> Result<Graph> {
    let upper = over_sample(space, sample, params, watch)?;
    link_all(space, upper, params, watch)
}

impl VectorIndex for HnswIndex {
    fn len(&self) -> usize {
        self.vectors.len()
    }

    fn dim(&self) -> usize {
        self.vectors.dim()
    }

    fn search(&self, query: &[f32], params: &SearchParams) -> Result<Neighbors> {
        let query = checked(query, self.dim(), params)?;
        let asked = asked_route(params, self.calibration.as_ref())?;
        let ef = match self.route(asked, params) {
            Ok(ef) => ef,
            Err(reason) => return self.scan(&query, params, reason),
        };
        let found = if self.by_codes {
            self.walk(&self.codes.view(), &query, params, ef)
        } else {
            self.walk(&Full::new(&self.vectors, &self.points.rows), &query, params, ef)
        };
        match found? {
            Some(found) => Ok(found),
            None => self.scan(&query, params, ScanReason::TooFewFound),
        }
    }
}
