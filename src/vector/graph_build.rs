//! Build of an HNSW index: codes, upper layers, links, repair.

use std::sync::Arc;

use tracing::instrument;

use super::{
    build::{link_all, sort_links},
    build_stage::BuildStage,
    cells::Division,
    coded_points::{CodedPoints, sample_sizes},
    graph::{Graph, UpperLayers, inverse},
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
    /// Once the upper layers are built, `progress` is called at least once per 4,096 distinct vectors,
    /// from any of the threads, with counts that only grow. The lowest layer is built in four stages,
    /// and each counts as a quarter: cells, links by cells, links by search, repair. `cancel` is read at
    /// least once per 64 vectors.
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
        let build = GraphBuild { vectors: &vectors, params, monitor };
        let sample_sizes = sample_sizes(coded.points.len());
        let repaired = build.repaired(build.link_layers(coded, &sample_sizes)?)?;
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

/// A graph over the first points of `coded`.
struct CodedGraph {
    graph: Graph,
    coded: CodedPoints,
}

/// A graph in which searches find all points but the `lost` ones.
struct RepairedGraph {
    graph: Graph,
    coded: CodedPoints,
    /// Ascending.
    lost: Vec<u32>,
}

/// Builds the layers of a graph, the highest ones first.
struct GraphBuild<'a> {
    vectors: &'a Vectors,
    params: HnswParams,
    monitor: WorkMonitor<'a>,
}

impl GraphBuild<'_> {
    /// Links the points `coded`. The first `sample_sizes[0]` of them become layer 1, the first
    /// `sample_sizes[1]` layer 2, and so on.
    fn link_layers(&self, mut coded: CodedPoints, sample_sizes: &[u32]) -> Result<CodedGraph> {
        let (inserted, below) = sample_sizes.split_last().expect("layer 1 has a sample");
        let mut upper = in_precision!(coded.space(self.vectors), |space| {
            over_sample(&space, *inserted, self.params, self.monitor)?
        });
        for points in below.iter().rev() {
            let mut layer = self.link_layer(*points, upper, coded, self.monitor.silent())?;
            in_precision!(layer.coded.space(self.vectors), |space| {
                sort_links(&space, &mut layer.graph.base);
            });
            upper = layer.graph.into_upper_layers();
            coded = layer.coded;
        }
        self.link_layer(coded.points.len(), upper, coded, self.monitor)
    }

    /// Links the first `points` points, a sample of which has the layers `upper`, and numbers them by
    /// cell.
    fn link_layer(
        &self,
        points: u32,
        mut upper: UpperLayers,
        coded: CodedPoints,
        monitor: WorkMonitor,
    ) -> Result<CodedGraph> {
        let Division { cells, order } = in_precision!(coded.space(self.vectors), |space| {
            Division::of(&space, points, &upper, monitor)?
        });
        upper.renumber(&inverse(&order));
        let coded = coded.reordered(order);
        let base = in_precision!(coded.space(self.vectors), |space| {
            link_all(&space, &upper, cells, self.params, monitor)?
        });
        Ok(CodedGraph { graph: Graph { upper, base }, coded })
    }

    /// Repairs a graph. If coarse codes lose too many points, near-duplicates that they do not tell
    /// apart, searches compare eight bits.
    fn repaired(&self, linked: CodedGraph) -> Result<RepairedGraph> {
        let CodedGraph { mut graph, mut coded } = linked;
        let mut lost = self.repair(&mut graph, &coded, self.monitor)?;
        if coded.precision == Precision::Coarse && lost.len() > MAX_LOST {
            tracing::debug!(lost = lost.len(), "four bits do not tell the points apart");
            coded = coded.without_coarse_codes();
            // What this repairs was reported before.
            lost = self.repair(&mut graph, &coded, self.monitor.silent())?;
        }
        graph.base = graph.base.without_spare_room();
        BuildStage::Repair.report(self.monitor, coded.points.len(), coded.points.len());
        Ok(RepairedGraph { graph, coded, lost })
    }

    /// Repairs the graph of the points `coded` in their precision; returns the lost points.
    fn repair(
        &self,
        graph: &mut Graph,
        coded: &CodedPoints,
        monitor: WorkMonitor,
    ) -> Result<Vec<u32>> {
        in_precision!(coded.space(self.vectors), |space| repair(graph, &space, monitor))
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, mem, sync::Mutex};

    use rayon::ThreadPoolBuilder;

    use super::*;
    use crate::{
        Error,
        vector::{
            fixtures::{noise, separate_clusters, unmonitored, vectors},
            graph::LayerView,
            space::Space,
            to_row,
        },
    };

    const POINTS: u32 = 3_000;
    const SAMPLE_SIZES: [u32; 3] = [900, 300, 50];
    const PARAMS: HnswParams = HnswParams { m: 6, ef_construction: 40 };

    fn linked(vectors: &Vectors, monitor: WorkMonitor) -> Result<CodedGraph> {
        let build = GraphBuild { vectors, params: PARAMS, monitor };
        build.link_layers(CodedPoints::of(vectors, POINTS), &SAMPLE_SIZES)
    }

    /// Checks that each point of `layer` has links, closest first.
    fn check_links<S: Space>(space: &S, layer: LayerView) {
        let mut similarities = Vec::new();
        for (point, list) in layer.points.iter().zip(layer.links.lists()) {
            let targets: Vec<u32> = list.iter().map(|to| layer.points[*to as usize]).collect();
            space.similarities(&space.point(*point), &targets, &mut similarities);
            assert!(!list.is_empty() && similarities.is_sorted_by(|a, b| a >= b), "point {point}");
        }
    }

    #[test]
    fn each_layer_has_a_sample_of_the_layer_below() {
        let sets = [
            (Precision::Coarse, 96, 0.0),
            (Precision::Quantized, 8, 0.0),
            (Precision::Full, 8, 3e4),
        ];
        for (precision, dim, center) in sets {
            let value = |at: usize| noise(at) + if at.is_multiple_of(dim) { center } else { 0.0 };
            let vectors = vectors(dim, POINTS, value);
            let CodedGraph { graph, coded } =
                unmonitored(|monitor| linked(&vectors, monitor)).unwrap();
            assert_eq!(coded.precision, precision);
            graph.check().unwrap();
            let layers: Vec<LayerView> = graph.upper.layers().collect();
            let sizes = layers.iter().map(|layer| to_row(layer.points.len()));
            assert!(sizes.take(SAMPLE_SIZES.len()).eq(SAMPLE_SIZES));
            // `hnsw_rs` may leave a point alone on a layer.
            for layer in layers.iter().take(SAMPLE_SIZES.len() - 1) {
                in_precision!(coded.space(&vectors), |space| check_links(&space, *layer));
            }
            let mut below: Vec<u32> = (0..POINTS).collect();
            for layer in layers {
                let points = layer.below.iter().map(|place| below[*place as usize]);
                assert!(points.eq(layer.points.iter().copied()));
                below = layer.points.to_vec();
            }
        }
    }

    /// On each layer that is linked by cells, each of three clusters has more cells than are near a point.
    #[test]
    fn links_lead_to_all_large_clusters() {
        const CLUSTERS: usize = 3;
        let vectors = separate_clusters(CLUSTERS, POINTS);
        let CodedGraph { graph, coded } = unmonitored(|monitor| linked(&vectors, monitor)).unwrap();
        let cluster = |point: &u32| coded.points.rows[*point as usize] as usize % CLUSTERS;
        let is_everywhere = |points: &mut dyn Iterator<Item = u32>| {
            points.map(|point| cluster(&point)).collect::<HashSet<_>>().len() == CLUSTERS
        };
        assert!(is_everywhere(&mut graph.base.view().by_breadth([0]).into_iter()));
        for layer in graph.upper.layers().take(SAMPLE_SIZES.len() - 1) {
            let reached = layer.links.by_breadth([0]);
            assert!(is_everywhere(&mut reached.iter().map(|place| layer.points[*place as usize])));
        }
    }

    #[test]
    fn layers_do_not_depend_on_the_number_of_threads() {
        let vectors = vectors(96, POINTS, noise);
        let graphs = [1, 2, 8].map(|threads| {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let linked = pool.install(|| unmonitored(|monitor| linked(&vectors, monitor)));
            linked.unwrap().graph
        });
        assert!(graphs.iter().all(|graph| *graph == graphs[0]));
    }

    #[test]
    fn upper_layers_report_nothing_and_can_be_cancelled() {
        let vectors = vectors(8, POINTS, noise);
        let reports = Mutex::new(Vec::new());
        let report = |progress| reports.lock().unwrap().push(progress);
        let cancel = Cancel::new();
        let monitor = WorkMonitor::new(&cancel, Some(&report));
        linked(&vectors, monitor).unwrap();
        let done = mem::take(&mut *reports.lock().unwrap())
            .into_iter()
            .map(|Progress { done, total, .. }| (done, total));
        let stages = [0, 750, 1_500].map(|done| (done, POINTS as usize));
        assert!(done.eq(stages));

        cancel.cancel();
        assert!(matches!(linked(&vectors, monitor), Err(Error::Cancelled)));
        assert!(reports.into_inner().unwrap().is_empty());
    }
}
