//! HNSW: the graph is built by `hnsw_rs`, frozen, and repaired until every vector is found.

use std::{borrow::Cow, sync::Arc};

use hnsw_rs::prelude::{Distance, Hnsw};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use tracing::instrument;
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    Cancel, Error, Result, Vectors,
    index::{
        Calibration, Found, Neighbor, Plan, Route, RowSet, ScanReason, SearchParams, VectorIndex,
        calibrate::asked_route, checked, closest, exact::scan, graph::Graph, row_count,
    },
    kernel,
};

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

impl HnswParams {
    pub(super) fn check(self) -> Result<()> {
        // hnsw_rs ends the process over 256 and stores `m` as a `u8`; with 1 its
        // layers have no bound.
        Error::check_setting("m", self.m, 2..=255, "2 to 255")?;
        // hnsw_rs allocates as many places for every vector it links.
        let allowed = self.m..=1 << 16;
        Error::check_setting("ef_construction", self.ef_construction, allowed, "`m` to 65536")
    }
}

/// A hierarchical navigable small world graph.
///
/// Equal vectors are one point of the graph. After the build every vector is searched
/// for, and those that are not found get links from where the search ended, so that
/// every vector is found by its own query.
///
/// A search visits a small part of the graph; it may miss neighbors, fewer with a
/// higher [`Effort::Ef`](crate::Effort::Ef). Where few rows are allowed they are all compared.
///
/// # Examples
///
/// ```
/// use std::{borrow::Cow, sync::Arc};
/// use passim::{HnswIndex, HnswParams, SearchParams, VectorIndex, Vectors};
///
/// let angles = (0..500).map(|i| i as f32 / 100.0);
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
    vectors: Arc<Vectors>,
    rows: u32,
    /// `None` without vectors.
    graph: Option<Graph>,
    /// Points that the graph does not lead to; compared with every query.
    strays: Vec<u32>,
    twins: Twins,
    m: usize,
    pub(super) calibration: Option<Calibration>,
}

impl HnswIndex {
    /// Builds the graph over `vectors` on the threads of the current `rayon` pool.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `params` are out of range, [`Error::TooLarge`] over
    /// `u32::MAX` vectors.
    pub fn build(vectors: Arc<Vectors>, params: HnswParams) -> Result<Self> {
        Self::build_unless(&Cancel::new(), vectors, params)
    }

    /// [`build`](Self::build) that ends with [`Error::Cancelled`] when `cancel` is used.
    #[instrument(level = "debug", skip_all, fields(vectors = vectors.len(), ?params))]
    pub(super) fn build_unless(
        cancel: &Cancel,
        vectors: Arc<Vectors>,
        params: HnswParams,
    ) -> Result<Self> {
        params.check()?;
        let rows = row_count(&vectors)?;
        let twins = Twins::among(&vectors, rows);
        let mut graph = linked(&vectors, &twins.points, params, cancel)?;
        let strays = match &mut graph {
            Some(graph) => repair(graph, &vectors, &twins.points, cancel)?,
            None => Vec::new(),
        };
        Ok(Self { vectors, rows, graph, strays, twins, m: params.m, calibration: None })
    }

    /// Whether comparing all of `allowed` is less work than a graph search.
    ///
    /// A search among a share `s` of the rows visits about `ef * m / s` points, a scan
    /// compares `s * rows`.
    fn few(&self, allowed: &RowSet, ef: usize) -> bool {
        let visits = (ef * self.m).saturating_mul(self.rows as usize);
        allowed.len().saturating_mul(allowed.len()) <= visits
    }

    /// The strays among `points` that are not in `found`.
    fn strays_near(
        &self,
        query: &[f32],
        points: Option<&RowSet>,
        found: &[Neighbor],
    ) -> Vec<Neighbor> {
        let is_new = |row: &u32| {
            points.is_none_or(|points| points.contains(*row))
                && found.iter().all(|neighbor| neighbor.row != *row)
        };
        let strays = self.strays.iter().copied().filter(is_new);
        strays.map(|row| Neighbor::of(query, &self.vectors, row)).collect()
    }
}

impl VectorIndex for HnswIndex {
    fn len(&self) -> usize {
        self.vectors.len()
    }

    fn dim(&self) -> usize {
        self.vectors.dim()
    }

    fn search(&self, query: &[f32], params: &SearchParams) -> Result<Found> {
        let query = checked(query, self.dim(), params)?;
        let SearchParams { k, allowed, .. } = *params;
        let route = asked_route(params, self.calibration.as_ref())?;
        let candidates = allowed.map_or(self.len(), RowSet::len);
        if let Some(graph) = &self.graph
            && let Route::Graph { ef_search } = route
            // With less, some of the points that the repair made sure of would be missed.
            && let ef = ef_search.max(k).max(REPAIR_EF)
            && ef < candidates
            && allowed.is_none_or(|allowed| !self.few(allowed, ef))
        {
            let points = self.twins.points_of(allowed);
            let points = points.as_deref();
            let mut found = graph.search(&query, &self.vectors, ef, points);
            found.extend(self.strays_near(&query, points, &found));
            let neighbors = self.twins.expand(found, allowed);
            if neighbors.len() >= k {
                let plan = Plan {
                    route: Route::Graph { ef_search: ef },
                    rows: self.len(),
                    allowed: candidates,
                    compared: 0,
                    reranked: 0,
                    complete: true,
                };
                return Ok(Found { neighbors: closest(neighbors, k), plan });
            }
            return Ok(scan(&query, &self.vectors, self.rows, params, ScanReason::TooFewFound));
        }
        let reason = match route {
            Route::Scan(reason) => reason,
            Route::Graph { .. } => ScanReason::Asked,
        };
        Ok(scan(&query, &self.vectors, self.rows, params, reason))
    }
}

/// Which rows are equal: the graph holds one point for them all, since equal points
/// crowd all others out of each other's links.
#[derive(Debug)]
struct Twins {
    /// The first row of every distinct vector, in ascending order.
    points: Vec<u32>,
    /// The further rows of the points that have some.
    further: FxHashMap<u32, Vec<u32>>,
}

impl Twins {
    fn among(vectors: &Vectors, rows: u32) -> Self {
        let bits = |row: u32| vectors.row(row as usize).iter().map(|x| x.to_bits());
        let mut firsts: FxHashMap<u64, Vec<u32>> = FxHashMap::default();
        let mut further: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
        let mut points = Vec::new();
        for row in 0..rows {
            let bytes: Vec<u8> = bits(row).flat_map(u32::to_le_bytes).collect();
            let alike = firsts.entry(xxh3_64(&bytes)).or_default();
            if let Some(first) = alike.iter().find(|first| bits(**first).eq(bits(row))) {
                further.entry(*first).or_default().push(row);
            } else {
                alike.push(row);
                points.push(row);
            }
        }
        Self { points, further }
    }

    /// The points of which at least one row is allowed.
    fn points_of<'a>(&self, allowed: Option<&'a RowSet>) -> Option<Cow<'a, RowSet>> {
        let mut points = Cow::Borrowed(allowed?);
        for (&point, rows) in &self.further {
            if rows.iter().any(|row| points.contains(*row)) && !points.contains(point) {
                points.to_mut().insert(point);
            }
        }
        Some(points)
    }

    /// The allowed rows of the points `found`.
    fn expand(&self, found: Vec<Neighbor>, allowed: Option<&RowSet>) -> Vec<Neighbor> {
        if self.further.is_empty() {
            return found;
        }
        let rows_of = |point: Neighbor| {
            let further = self.further.get(&point.row).into_iter().flatten();
            let rows = std::iter::once(point.row).chain(further.copied());
            rows.map(move |row| Neighbor { row, ..point })
        };
        let rows = found.into_iter().flat_map(rows_of);
        rows.filter(|hit| allowed.is_none_or(|allowed| allowed.contains(hit.row))).collect()
    }
}

/// `1 - dot` between rows of the matrix, the distance that the graph is built by.
///
/// The graph holds row numbers, not vectors: `hnsw_rs` would keep a copy of each.
struct RowDistance<'a>(&'a Vectors);

impl Distance<u32> for RowDistance<'_> {
    fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
        // Clamped, so that rounding makes no distance negative, which hnsw_rs refuses.
        (1.0 - kernel::dot(self.0.row(a[0] as usize), self.0.row(b[0] as usize))).max(0.0)
    }
}

/// The layers that `hnsw_rs` has room for.
const MAX_LAYERS: usize = 16;
/// Points inserted one by one before threads join: on an (almost) empty graph, threads
/// that start together can leave a point without links.
const SERIAL_POINTS: usize = 64;

/// Links `points` into a graph; `None` if there are none.
fn linked(
    vectors: &Vectors,
    points: &[u32],
    params: HnswParams,
    cancel: &Cancel,
) -> Result<Option<Graph>> {
    let ef = params.ef_construction.min(points.len());
    let hnsw = Hnsw::new(params.m, points.len(), MAX_LAYERS, ef, RowDistance(vectors));
    let mut order = points.to_vec();
    // Articles come in groups of like passages; inserted in that order, the groups
    // would lose their links to each other.
    order.sort_by_key(|row| xxh3_64(&row.to_le_bytes()));
    let insert = |row: &u32| {
        cancel.check()?;
        hnsw.insert_slice((std::slice::from_ref(row), *row as usize));
        Ok(())
    };
    let (first, rest) = order.split_at(order.len().min(SERIAL_POINTS));
    first.iter().try_for_each(insert)?;
    rest.par_iter().try_for_each(insert)?;
    Ok(frozen(&hnsw, vectors.len()))
}

/// Copies the links out of `hnsw`; `None` if it is empty.
fn frozen(hnsw: &Hnsw<u32, RowDistance>, rows: usize) -> Option<Graph> {
    let points = hnsw.get_point_indexation();
    let top = usize::from(points.get_max_level_observed());
    let entry = points.get_layer_iterator(top).next()?.get_v()[0];
    let mut base = vec![Vec::new(); rows];
    let mut upper = vec![FxHashMap::default(); top];
    for point in (0..=top).flat_map(|level| points.get_layer_iterator(level)) {
        let row = point.get_v()[0];
        let level = usize::from(point.get_point_id().0);
        // Links above a point's own level are left from its descent.
        let layers = point.get_neighborhood_id().into_iter().take(level + 1);
        for (layer, links) in layers.enumerate() {
            let targets = links.iter().filter_map(|link| u32::try_from(link.d_id).ok());
            match layer.checked_sub(1) {
                None => base[row as usize] = targets.collect(),
                Some(above) => drop(upper[above].insert(row, targets.collect())),
            }
        }
    }
    Some(Graph::new(entry, &base, upper))
}

/// Candidates kept by the search that must find every point: few, so that points found
/// with them are found with any usual `ef_search`.
const REPAIR_EF: usize = 16;
/// Rounds of repair, after which the points still not found are compared with every query.
const REPAIR_ROUNDS: usize = 24;
/// Links that one point may be given in one round: strays come in groups, and one link
/// into a group often leads to all of it.
const REPAIR_LINKS: usize = 4;

/// Links every point that a search for its own vector does not find from the point
/// where that search ends, and returns those that are still not found.
fn repair(
    graph: &mut Graph,
    vectors: &Vectors,
    points: &[u32],
    cancel: &Cancel,
) -> Result<Vec<u32>> {
    let missing = |graph: &Graph, among: &[u32]| -> Result<Vec<(u32, u32)>> {
        cancel.check()?;
        Ok(among.par_iter().filter_map(|point| missing_link(graph, vectors, *point)).collect())
    };
    let mut strays = missing(graph, points)?;
    for round in 0..REPAIR_ROUNDS {
        if strays.is_empty() {
            break;
        }
        tracing::debug!(round, points = strays.len(), "linking points that are not found");
        strays.sort_unstable();
        let by_source = strays.chunk_by(|a, b| a.0 == b.0);
        let added = by_source.flat_map(|links| links.iter().take(REPAIR_LINKS)).copied();
        graph.link(&added.collect::<Vec<_>>());
        let lost: Vec<u32> = strays.iter().map(|link| link.1).collect();
        strays = missing(graph, &lost)?;
        if strays.is_empty() || round + 1 == REPAIR_ROUNDS {
            // New links can lead a search astray that went right before.
            strays = missing(graph, points)?;
        }
    }
    Ok(strays.into_iter().map(|link| link.1).collect())
}

/// A link to `point` from where a search for it ends; `None` if it is found.
fn missing_link(graph: &Graph, vectors: &Vectors, point: u32) -> Option<(u32, u32)> {
    let found = graph.search(vectors.row(point as usize), vectors, REPAIR_EF, None);
    let lost = found.iter().all(|neighbor| neighbor.row != point);
    found.first().filter(|_| lost).map(|nearest| (nearest.row, point))
}
