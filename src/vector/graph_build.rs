//! Build of an HNSW index: codes, upper layers, links, repair.

use std::sync::Arc;

use tracing::instrument;

use super::{
    build::link_all,
    cells::Division,
    coded_points::CodedPoints,
    graph::{Graph, inverse},
    hierarchy::over_sample,
    precision::{PointSpace, Precision, in_precision},
    repair::repair,
    row_count,
};
use crate::{
    Cancel, HnswIndex, HnswParams, Progress, Result, Vectors,
    work::{ScratchPool, WorkMonitor},
};

/// Maximum number of points that searches of coarse codes may lose. Every query is compared with each
/// of them.
const MAX_LOST: usize = 16;

impl HnswIndex {
    /// Builds the graph over `vectors` on the threads of the current `rayon` pool.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) if `params` are out of range,
    /// [`Error::TooLarge`](crate::Error::TooLarge) for more than 2^31 vectors or 2^16 dimensions.
    pub fn build(vectors: Arc<Vectors>, params: HnswParams) -> Result<Self> {
        Self::build_with(WorkMonitor::new(&Cancel::new(), None), vectors, params)
    }

    /// Builds the graph as [`build`](Self::build) does, reports its progress and ends early once
    /// `cancel` is used.
    ///
    /// `progress` is called at least once per 4,096 distinct vectors, from any of the threads, with
    /// counts that only grow; each of the four stages of a build counts as a quarter of it. `cancel` is read
    /// at least once per 64 vectors.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build); [`Error::Cancelled`](crate::Error::Cancelled).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use passim::{Cancel, Error, HnswIndex, HnswParams, Vectors};
    ///
    /// let angles = (0..100_u8).map(|i| f32::from(i) / 20.0);
    /// let vectors = Vectors::normalized(2, angles.flat_map(|a| [a.cos(), a.sin()]).collect())?;
    /// let cancel = Cancel::new(); // a clone of it cancels from another thread
    /// let built = HnswIndex::build_monitored(
    ///     Arc::new(vectors),
    ///     HnswParams::default(),
    ///     &cancel,
    ///     |progress| println!("{} of {}", progress.done, progress.total),
    /// );
    /// assert!(!matches!(built, Err(Error::Cancelled)));
    /// # Ok::<(), passim::Error>(())
    /// ```
    pub fn build_monitored(
        vectors: Arc<Vectors>,
        params: HnswParams,
        cancel: &Cancel,
        progress: impl Fn(Progress) + Sync,
    ) -> Result<Self> {
        Self::build_with(WorkMonitor::new(cancel, Some(&progress)), vectors, params)
    }

    #[instrument(
        name = "build_graph",
        level = "debug",
        skip_all,
        fields(vectors = vectors.len(), ?params)
    )]
    pub(super) fn build_with(
        monitor: WorkMonitor,
        vectors: Arc<Vectors>,
        params: HnswParams,
    ) -> Result<Self> {
        params.check()?;
        let rows = row_count(&vectors)?;
        let coded = CodedPoints::of(&vectors, rows);
        let mut upper = in_precision!(coded.space(&vectors), |space| {
            over_sample(&space, coded.sample(), params, monitor)?
        });
        let Division { cells, order } = in_precision!(coded.space(&vectors), |space| {
            Division::of(&space, &upper, monitor)?
        });
        let coded = coded.reordered(&order);
        upper.renumber(&inverse(&order));
        let base = in_precision!(coded.space(&vectors), |space| {
            link_all(&space, &upper, cells, params, monitor)?
        });
        let repaired = repaired(Graph { upper, base }, coded, &vectors, monitor)?;
        let RepairedGraph { graph, coded, lost } = repaired;
        let CodedPoints { points, codes, coarse, precision } = coded;
        Ok(Self {
            vectors,
            rows,
            points,
            codes,
            coarse,
            precision,
            graph,
            always_compared: lost.into(),
            params,
            calibration: None,
            beams: ScratchPool::default(),
        })
    }
}

/// A graph in which searches find all points but the `lost` ones.
struct RepairedGraph {
    graph: Graph,
    coded: CodedPoints,
    /// Ascending.
    lost: Vec<u32>,
}

/// Repairs `graph` over the points `coded`. If coarse codes lose too many points, near-duplicates that
/// they do not tell apart, searches compare eight bits.
fn repaired(
    mut graph: Graph,
    mut coded: CodedPoints,
    vectors: &Vectors,
    monitor: WorkMonitor,
) -> Result<RepairedGraph> {
    let mut lost =
        in_precision!(coded.space(vectors), |space| repair(&mut graph, &space, monitor)?);
    if coded.precision == Precision::Coarse && lost.len() > MAX_LOST {
        tracing::debug!(lost = lost.len(), "four bits do not tell the points apart");
        coded = coded.without_coarse_codes();
        lost = in_precision!(coded.space(vectors), |space| repair(&mut graph, &space, monitor)?);
    }
    graph.base = graph.base.without_spare_room();
    Ok(RepairedGraph { graph, coded, lost })
}
