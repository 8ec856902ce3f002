//! HNSW: approximate search of a navigable graph.

use std::{ops::RangeInclusive, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    Calibration, IndexPlan, Neighbors, Route, RowSet, ScanReason, SearchParams, TopK, VectorIndex,
    beam::{Beam, End, MIN_EF, Restriction, Traversal},
    calibrate::{FilterShare, requested_route},
    checked,
    coarse_codes::CoarseCodes,
    graph::Graph,
    kernel,
    points::Points,
    precision::{PointSpace, Precision, in_precision},
    quantized::Quantized,
    scan::Scan,
    search_each,
    space::Space,
};
use crate::{
    Error, Neighbor, Result, Vectors,
    format::{column::Column, settings_text::json_text},
    work::ScratchPool,
};

/// Shape of the graph, in the symbols of Malkov & Yashunin (2018).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HnswParams {
    /// `M`: links per vector and layer, in `2..=255`; twice as many on the lowest layer.
    /// More links give higher recall and use more memory.
    pub m: usize,
    /// `efConstruction`: closest candidates kept for the links of a vector, in `m..=65_536`.
    /// More candidates give better links and a longer build.
    pub ef_construction: usize,
}

json_text!(HnswParams, "set of graph parameters");

impl Default for HnswParams {
    fn default() -> Self {
        Self { m: 24, ef_construction: 200 }
    }
}

/// Range of `m`: `hnsw_rs` stores it in a `u8` and exits the process above 256; with 1, its number
/// of layers has no bound.
pub(super) const M: RangeInclusive<usize> = 2..=255;

impl HnswParams {
    pub(super) fn check(self) -> Result<()> {
        Error::check_setting("m", self.m, M, "2 to 255")?;
        // `hnsw_rs` allocates `ef_construction` entries for every vector it links.
        let allowed = self.m..=1 << 16;
        Error::check_setting("ef_construction", self.ef_construction, allowed, "`m` to 65536")
    }
}

/// A hierarchical navigable small world graph.
///
/// The same vectors give the same graph, for any number of threads that build it. The highest
/// layers are built by insertion. On each other layer, every vector is compared with those around the
/// sampled vectors near it; searches along the resulting links then find the rest.
///
/// Equal vectors share one point of the graph, as do vectors of equal codes. After the build, a
/// repair searches for every vector. If the search misses the vector, repair links to it from one of
/// the closest points that the search finds. Points that cannot be made findable are compared with
/// every query. So every vector is found by its own query.
///
/// A search visits a small part of the graph and may miss neighbors, fewer with a
/// higher [`SearchEffort::Ef`](crate::SearchEffort::Ef). It compares vectors in four bits per
/// value, the candidates that it keeps in eight bits, then the closest in full precision. If vectors
/// have at most 64 values, or if four bits do not discriminate them, it compares in eight bits, then
/// in full precision, or in full precision only. If few rows are allowed, or `ef` times `m` reaches
/// the number of rows, it compares all of them.
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
/// using Hierarchical Navigable Small World graphs". First links within parts of the vectors: Manohar et
/// al. (2024), "`ParlayANN`: scalable and deterministic parallel graph-based approximate nearest neighbor
/// search algorithms", section on HCNNG. Parts by a sample that is searched by a graph: Baranchuk et al.
/// (2018), "Revisiting the inverted indices for billion-scale approximate nearest neighbors".
#[derive(Debug)]
pub struct HnswIndex {
    pub(super) vectors: Arc<Vectors>,
    pub(super) rows: u32,
    pub(super) points: Points,
    pub(super) codes: Quantized,
    /// Empty unless `precision` is [`Precision::Coarse`].
    pub(super) coarse: CoarseCodes,
    pub(super) precision: Precision,
    pub(super) graph: Graph,
    /// Points that repair could not make findable along the links, ascending. Every query is
    /// compared with all of them.
    pub(super) always_compared: Column<u32>,
    pub(super) params: HnswParams,
    pub(super) calibration: Option<Calibration>,
    pub(super) beams: ScratchPool<Beam>,
}

impl HnswIndex {
    /// The parameters that the graph was built with.
    #[must_use]
    pub fn params(&self) -> HnswParams {
        self.params
    }

    /// The calibration by which searches reach a requested recall, if there is one.
    #[must_use]
    pub fn calibration(&self) -> Option<&Calibration> {
        self.calibration.as_ref()
    }

    fn space(&self) -> PointSpace<'_> {
        let Self { precision, vectors, points, codes, coarse, .. } = self;
        PointSpace::new(*precision, vectors, points, codes, coarse)
    }

    /// Number of rows that `params` allow.
    fn allowed(&self, params: &SearchParams) -> usize {
        params.allowed.map_or(self.rows as usize, RowSet::len)
    }

    fn requested_route(&self, params: &SearchParams) -> Result<Route> {
        let share = FilterShare::of(self.allowed(params), self.rows as usize);
        let share = FilterShare { index: share, segment: share };
        requested_route(params, self.calibration.as_ref(), share)
    }

    /// Returns the `requested` route with an `ef_search` that suffices for `k`, or a scan if that
    /// costs less.
    fn choose_route(&self, requested: Route, params: &SearchParams) -> Route {
        let Route::Graph { ef_search } = requested else { return requested };
        // Repair ensures that every point is found from `MIN_EF` on.
        let ef = ef_search.max(params.k).max(MIN_EF);
        let allowed = self.allowed(params);
        // A search follows about `ef * m` links. With about `rows` links it compares most rows, and
        // a scan of all rows costs less.
        if ef >= allowed || ef * self.params.m >= self.rows as usize {
            return Route::Scan(ScanReason::WideSearch);
        }
        if params.allowed.is_none() {
            return Route::Graph { ef_search: ef };
        }
        // Let `s` be the allowed share of the rows. A graph search compares about `width * m / s`
        // points. A scan compares `s * rows`, each in less than half the time (measured). No product
        // overflows: `allowed` is below 2^32, the number of rows is at most 2^31, as is `ef * m`, and
        // `width` is at most twice `ef`.
        let width = in_precision!(self.space(), |space| space.beam_width(ef));
        let visits = (width * self.params.m) as u64 * u64::from(self.rows);
        if (allowed as u64).pow(2) <= 2 * visits {
            return Route::Scan(ScanReason::FewAllowed);
        }
        Route::Graph { ef_search: ef }
    }

    fn scan(&self) -> Scan<'_, impl Fn(u32) -> u32 + Sync> {
        let points = self.points.view();
        Scan {
            vectors: &self.vectors,
            codes: self.codes.view(),
            code_of: move |row| points.of_row(row),
            rows: self.rows,
        }
    }

    /// Searches the graph, or gives up and returns the reason for a scan.
    fn search_graph(&self, unit: &[f32], params: &SearchParams, ef: usize) -> Result<GraphOutcome> {
        in_precision!(self.space(), |space| self.search_space(&space, unit, params, ef))
    }

    /// Searches the graph over the points of `space`; see [`search_graph`](Self::search_graph).
    fn search_space<S: Space>(
        &self,
        space: &S,
        unit: &[f32],
        params: &SearchParams,
        ef: usize,
    ) -> Result<GraphOutcome> {
        let query = space.query(unit);
        let traversal = Traversal {
            space,
            links: self.graph.base.view(),
            query: &query,
            entry: self.graph.upper.entry(space, &query),
            ef: space.beam_width(ef),
            target: None,
        };
        let is_interrupted = || params.is_interrupted();
        self.beams.with(|beam| {
            let end = match params.allowed {
                None => beam.search(&traversal, is_interrupted),
                Some(allowed) => {
                    let points = self.points.view();
                    let restriction = Restriction {
                        is_allowed: |point| points.rows_of(point).any(|row| allowed.contains(row)),
                        // With more comparisons, a scan costs less.
                        budget: allowed.len() / 2,
                    };
                    beam.search_allowed(&traversal, &restriction, is_interrupted)
                }
            };
            let candidates = self.rescore_candidates(&traversal, beam);
            let RescoreOutcome { closest, rescored } = self.rescore(unit, params, &candidates)?;
            let is_short = end == End::Complete && closest.len() < params.k;
            let neighbors = Neighbor::sorted(closest);
            if end == End::OverBudget || is_short {
                let reason =
                    if is_short { ScanReason::TooFewFound } else { ScanReason::BudgetSpent };
                return Ok(GraphOutcome::GivenUp { reason, known: neighbors });
            }
            let plan = IndexPlan {
                route: Route::Graph { ef_search: ef },
                rows: self.rows as usize,
                allowed: self.allowed(params),
                compared: beam.compared(),
                rescored,
                complete: end == End::Complete,
            };
            Ok(GraphOutcome::Found(Neighbors { neighbors, plan }))
        })
    }

    /// Returns the points that `beam` found, closest first, then the points that are always compared.
    fn rescore_candidates<S: Space>(
        &self,
        traversal: &Traversal<S>,
        beam: &Beam,
    ) -> Vec<RescoreCandidate> {
        let always_compared = &*self.always_compared;
        let mut found = beam.found().to_vec();
        traversal.space.refine(traversal.query, &mut found);
        let found = found.into_iter().map(|found| RescoreCandidate {
            point: found.point(),
            upper_bound: found.similarity()
                + traversal.space.likely_error(traversal.query, found.point()),
        });
        let found = found.filter(|found| always_compared.binary_search(&found.point).is_err());
        let others = always_compared
            .iter()
            .map(|point| RescoreCandidate { point: *point, upper_bound: f32::INFINITY });
        found.chain(others).collect()
    }

    /// Compares `candidates` in full precision, except those that cannot be among the closest.
    fn rescore(
        &self,
        unit: &[f32],
        params: &SearchParams,
        candidates: &[RescoreCandidate],
    ) -> Result<RescoreOutcome> {
        let points = self.points.view();
        let is_allowed = |row: u32| params.allowed.is_none_or(|allowed| allowed.contains(row));
        for candidate in candidates.iter().take(params.k) {
            let first = points.rows[candidate.point as usize];
            kernel::prefetch(self.vectors.row(first as usize));
        }
        let mut closest = TopK::new(params.k);
        let mut rescored = 0;
        for candidate in candidates {
            if candidate.upper_bound < closest.floor() {
                continue;
            }
            let compare = |row| Neighbor::of(unit, &self.vectors, row);
            let first = compare(points.rows[candidate.point as usize])?;
            rescored += 1;
            for row in points.rows_of(candidate.point) {
                if !is_allowed(row) {
                    continue;
                }
                let mut neighbor = Neighbor { row, ..first };
                if points.is_distinct(row) {
                    neighbor = compare(row)?;
                    rescored += 1;
                }
                closest.offer(neighbor.ranked());
            }
        }
        Ok(RescoreOutcome { closest, rescored })
    }
}

/// Result of a graph search.
enum GraphOutcome {
    Found(Neighbors),
    /// A scan must follow; `known` holds the neighbors found so far.
    GivenUp {
        reason: ScanReason,
        known: Vec<Neighbor>,
    },
}

/// A point to be compared in full precision.
struct RescoreCandidate {
    point: u32,
    /// Similarity that the point is unlikely to exceed.
    upper_bound: f32,
}

/// Result of comparing candidates in full precision.
struct RescoreOutcome {
    closest: TopK,
    /// Number of vectors compared.
    rescored: usize,
}

impl VectorIndex for HnswIndex {
    fn len(&self) -> usize {
        self.vectors.len()
    }

    fn dim(&self) -> usize {
        self.vectors.dim()
    }

    fn search(&self, query: &[f32], params: &SearchParams) -> Result<Neighbors> {
        let query = checked(query, &self.vectors, params)?;
        let requested = self.requested_route(params)?;
        let ef_search = match self.choose_route(requested, params) {
            Route::Graph { ef_search } => ef_search,
            Route::Scan(reason) => return self.scan().run(&query, params, reason, &[]),
        };
        match self.search_graph(&query, params, ef_search)? {
            GraphOutcome::Found(found) => Ok(found),
            GraphOutcome::GivenUp { reason, known } => {
                self.scan().run(&query, params, reason, &known)
            }
        }
    }

    fn search_many(&self, queries: &Vectors, params: &SearchParams) -> Result<Vec<Neighbors>> {
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        params.effort.check()?;
        match self.choose_route(self.requested_route(params)?, params) {
            Route::Graph { .. } => search_each(self, queries, params),
            Route::Scan(reason) => self.scan().run_each(queries, params, reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;
    use crate::{SearchEffort, vector::to_row};

    const DIM: usize = 96;
    const K: usize = 40;

    /// Mean recall@[`K`] of searches with [`SearchEffort::Ef`] of [`K`], for every 20th vector.
    fn recall_with_few_candidates(index: &HnswIndex) -> f64 {
        let search = |row: u32, effort| {
            let params = SearchParams { k: K, effort, ..SearchParams::default() };
            index.search(index.vectors.row(row as usize), &params).unwrap().neighbors
        };
        let queries = (0..index.rows).step_by(20);
        let count = queries.len();
        let found = queries.map(|row| {
            let exact = search(row, SearchEffort::Exact);
            let found = search(row, SearchEffort::Ef(K));
            exact.iter().filter(|neighbor| found.contains(neighbor)).count()
        });
        f64::from(to_row(found.sum())) / f64::from(to_row(count * K))
    }

    #[test]
    fn four_bits_find_as_much_as_eight() {
        let noise = |at: u32| f32::from(xxh3_64(&at.to_le_bytes()).to_le_bytes()[0]) - 127.5;
        let values = (0..4_000 * to_row(DIM)).map(noise);
        let vectors = Arc::new(Vectors::normalized(DIM, values.collect()).unwrap());
        let params = HnswParams { m: 16, ef_construction: 100 };
        let mut index = HnswIndex::build(vectors, params).unwrap();
        assert_eq!(index.precision, Precision::Coarse);
        let with_four = recall_with_few_candidates(&index);
        index.precision = Precision::Quantized;
        let with_eight = recall_with_few_candidates(&index);
        assert!(with_four > with_eight - 0.01, "{with_four} is less than {with_eight}");
    }
}
