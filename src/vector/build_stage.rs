//! Stages of the build of a layer, and their progress.

use crate::work::WorkMonitor;

/// A stage of the build of a layer; each counts as a quarter of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum BuildStage {
    /// Points are divided into cells.
    Divide,
    /// Points are linked to close ones in the cells near them.
    Cells,
    /// Points are linked again, to close ones that a search finds.
    Search,
    /// Points that no search finds are linked. Only the lowest layer is repaired.
    Repair,
}

const STAGES: usize = 4;

/// Points of a stage between two reports. A point of a stage counts as a quarter of a vector, so a report
/// is due at least once per 2,048 vectors.
pub(super) const PROGRESS_INTERVAL: u32 = 8_192;

impl BuildStage {
    /// Reports that the stage is done for `done` of the `points` of a layer.
    pub(super) fn report(self, monitor: WorkMonitor, done: u32, points: u32) {
        let linked = self as usize * points as usize + done as usize;
        monitor.report_linked(linked / STAGES, points as usize);
    }
}
