//! Calibration of the graphs of an index by the merged result of its segments.

use std::sync::Arc;

use super::{Questions, stored_segment::StoredSegment};
use crate::{Calibration, Cancel, Result};

/// Measures the recall of the graphs of `segments` for up to `k` live neighbors of `questions`, merged
/// from all segments, and sets it as the calibration of each graph.
pub(crate) fn calibrate_all<S: StoredSegment>(
    segments: &mut [S],
    k: usize,
    questions: &Questions,
    cancel: &Cancel,
) -> Result<()> {
    if !segments.iter().any(S::has_graph) {
        return Ok(());
    }
    let parts = segments.iter().map(S::measured_part).collect::<Result<Vec<_>>>()?;
    let measured = Calibration::measure(&parts, k, &questions.vectors, cancel)?;
    share_calibration(segments, &Arc::new(measured));
    Ok(())
}

/// Calibrates the graphs as [`calibrate_all`] does if one of them has no calibration: it is new.
pub(crate) fn calibrate_new<S: StoredSegment>(
    segments: &mut [S],
    k: usize,
    questions: Option<&Questions>,
    cancel: &Cancel,
) -> Result<()> {
    let is_new = |segment: &S| segment.has_graph() && segment.calibration().is_none();
    match questions {
        Some(questions) if segments.iter().any(is_new) => {
            calibrate_all(segments, k, questions, cancel)
        }
        _ => Ok(()),
    }
}

/// Sets `calibration` as that of each graph of `segments`.
pub(crate) fn share_calibration<S: StoredSegment>(
    segments: &mut [S],
    calibration: &Arc<Calibration>,
) {
    for segment in segments.iter_mut().filter(|segment| segment.has_graph()) {
        segment.set_calibration(Some(Arc::clone(calibration)));
    }
}
