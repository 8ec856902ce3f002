//! Carries changes over from the segments of a commit to the merged segments that replaced them.

use std::sync::Arc;

use super::searcher::Snapshot;
use crate::{
    Cancel, Result, Retriever,
    store::{
        Questions, StoredSegment,
        calibrate_segments::calibrate_all,
        segment::{LiveSegment, find_article},
    },
};

/// Finds the segment of `segments` that has the articles of `segment`, removed or not.
pub(super) fn same_segment<'s>(
    segments: &'s [LiveSegment],
    segment: &LiveSegment,
) -> Option<&'s LiveSegment> {
    segments.iter().find(|other| Arc::ptr_eq(other.sealed(), segment.sealed()))
}

/// Removes from the `merged` segments, which are copies of the articles of `before`, those that
/// `now`, a later state of `before`, lacks.
///
/// The key of an article finds its copy: it is unique among the live articles of a corpus.
pub(super) fn remove_in_copies(
    merged: &mut [LiveSegment],
    before: &LiveSegment,
    now: &LiveSegment,
) -> Result<()> {
    if before.articles() == now.articles() {
        return Ok(());
    }
    for number in before.live().filter(|number| !now.is_live(*number)) {
        if let Some(place) = find_article(merged, before.sealed().key(number)?)? {
            merged[place.segment].remove(place.number)?;
        }
    }
    Ok(())
}

/// Whether both are the same value, or none.
pub(super) fn is_same<T>(left: Option<&Arc<T>>, right: Option<&Arc<T>>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => Arc::ptr_eq(left, right),
        (left, right) => left.is_none() && right.is_none(),
    }
}

impl Retriever {
    /// Continues from the last commit. If background merges replaced segments of it, uncommitted
    /// changes are carried over to the merged segments.
    pub(super) fn follow_merges(&mut self) -> Result<()> {
        let latest = self.corpus.latest().get();
        if self.is_committing || Arc::ptr_eq(&latest, &self.base) {
            return Ok(());
        }
        if !self.changed {
            self.continue_from(latest);
            return Ok(());
        }
        let (committed, added) = self.segments().split_at(self.committed);
        let mut segments = carry_over(&self.base, committed, &latest)?;
        segments.extend_from_slice(added);
        let questions = self.searcher.snapshot.questions.clone();
        let cancel = &self.settings.cancel;
        calibrate_carried(&mut segments, committed, questions.as_ref(), &latest, cancel)?;
        self.committed = latest.segments.len();
        self.searcher.snapshot =
            Arc::new(Snapshot { segments, questions, ..Snapshot::clone(&latest) });
        self.base = latest;
        Ok(())
    }

    /// Continues from `snapshot` without changes.
    pub(super) fn continue_from(&mut self, snapshot: Arc<Snapshot>) {
        self.base = Arc::clone(&snapshot);
        self.committed = snapshot.segments.len();
        self.searcher.snapshot = snapshot;
        self.changed = false;
    }
}

/// Returns the segments of `latest` with the changes of `changed`, the segments of `base` after
/// articles were removed from them. Segments of `latest` that are not among them are copies of their
/// articles.
pub(super) fn carry_over(
    base: &Snapshot,
    changed: &[LiveSegment],
    latest: &Snapshot,
) -> Result<Vec<LiveSegment>> {
    let mut segments = Vec::with_capacity(latest.segments.len());
    let mut copies = Vec::new();
    for segment in &latest.segments {
        if let Some(changed) = same_segment(changed, segment) {
            let mut changed = changed.clone();
            changed.share_removals(segment);
            segments.push(Carried::Changed(changed));
        } else {
            segments.push(Carried::Copy(copies.len()));
            copies.push(segment.clone());
        }
    }
    for (before, now) in base.segments.iter().zip(changed) {
        if same_segment(&latest.segments, now).is_none() {
            remove_in_copies(&mut copies, before, now)?;
        }
    }
    let carried = segments.into_iter().map(|segment| match segment {
        Carried::Changed(segment) => segment,
        Carried::Copy(position) => copies[position].clone(),
    });
    Ok(carried.collect())
}

/// A segment of the last commit with uncommitted changes.
enum Carried {
    Changed(LiveSegment),
    /// Position among the copies.
    Copy(usize),
}

/// Gives the graphs of `segments`, those of `latest` and later ones without a graph, their calibration
/// for `questions`. If `latest` has the same questions, they get its calibration. If the questions are
/// uncommitted, the `changed` graphs were calibrated with them; if there are others, all are measured
/// again.
pub(super) fn calibrate_carried(
    segments: &mut [LiveSegment],
    changed: &[LiveSegment],
    questions: Option<&Arc<Questions>>,
    latest: &Snapshot,
    cancel: &Cancel,
) -> Result<()> {
    if is_same(questions, latest.questions.as_ref()) {
        for (segment, committed) in segments.iter_mut().zip(&latest.segments) {
            segment.set_calibration(committed.calibration().cloned());
        }
        return Ok(());
    }
    let is_copy =
        |segment: &LiveSegment| segment.has_graph() && same_segment(changed, segment).is_none();
    match questions {
        Some(questions) if segments.iter().any(is_copy) => {
            calibrate_all(segments, Retriever::CALIBRATED_K, questions, cancel)
        }
        _ => Ok(()),
    }
}
