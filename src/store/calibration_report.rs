//! Report of the recall of the graphs of an index.

use serde::Serialize;

use super::{Questions, StoredSegment};
use crate::{Calibration, CalibrationStep, Result, SearchParams, Shortfall};

/// Whether and how the graphs of an index reach a recall.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CalibrationReport {
    /// The requested recall, `0.0 < target_recall <= 1.0`.
    pub target_recall: f32,
    /// Number of neighbors per question that the figures refer to: the default `k` of a search.
    pub k: usize,
    /// Number of questions that the recall was measured on.
    pub questions: usize,
    /// The graphs of the index. Segments without a graph are always searched exactly.
    pub graphs: Vec<GraphCalibration>,
}

/// Whether and how one graph of an index reaches a recall.
///
/// The recall is that of the merged result of all segments, so graphs that were measured together
/// have the same outcome.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GraphCalibration {
    /// Number of live passages in the graph; vectors in a [`VectorStore`](crate::VectorStore).
    pub passages: usize,
    /// The smallest `ef_search` that is proven to reach the recall. Without one, queries by this
    /// recall compare every passage, and the shortfall names the reason and the remedy.
    pub outcome: Result<CalibrationStep, Shortfall>,
    /// The measured recall of each `ef_search`, in ascending order.
    pub ladder: Vec<CalibrationStep>,
    /// The outcomes for random filters, by descending share.
    pub filters: Vec<FilterCalibration>,
}

/// Whether and how searches with a filter reach a recall.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FilterCalibration {
    /// Share of the passages that the filter allows, in `0.0..1.0`.
    pub share: f64,
    /// As that of [`GraphCalibration`].
    pub outcome: Result<CalibrationStep, Shortfall>,
}

impl CalibrationReport {
    /// Returns whether every graph is proven to reach the recall without a filter; `true` without a
    /// graph.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.graphs.iter().all(|graph| graph.outcome.is_ok())
    }

    /// Reports whether the graphs of `segments` reach the recall of `questions`.
    pub(crate) fn of<S: StoredSegment>(segments: &[S], questions: &Questions) -> Self {
        let target_recall = questions.target_recall;
        let k = SearchParams::default().k;
        let graph = |segment: &S| {
            let calibration = segment.calibration()?;
            let filter = |share| FilterCalibration {
                share,
                outcome: calibration.reach_filtered(share, target_recall, k),
            };
            Some(GraphCalibration {
                passages: segment.live_vectors(),
                outcome: calibration.reach(target_recall, k),
                ladder: calibration.steps(k),
                filters: Calibration::FILTER_SHARES.map(filter).into(),
            })
        };
        let graphs = segments.iter().filter_map(graph).collect();
        Self { target_recall, k, questions: questions.vectors.len(), graphs }
    }
}
