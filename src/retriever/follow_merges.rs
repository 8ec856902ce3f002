//! Carries changes over from the segments of a commit to the merged segments that replaced them.

use std::sync::Arc;

use super::searcher::Snapshot;
use crate::{
    Result, Retriever,
    store::segment::{LiveSegment, find_article},
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

impl Retriever {
    /// Continues from the last commit. If background merges replaced segments of it, uncommitted
    /// changes are carried over to the merged segments.
    pub(super) fn follow_merges(&mut self) -> Result<()> {
        let latest = self.corpus.latest().get();
        if Arc::ptr_eq(&latest, &self.base) {
            return Ok(());
        }
        if self.changed {
            let committed = self.carried_over(&latest)?;
            let questions = self.searcher.snapshot.questions.clone();
            let uncommitted = self.segments()[self.committed..].iter().cloned();
            let segments = committed.into_iter().chain(uncommitted).collect();
            self.committed = latest.segments.len();
            self.searcher.snapshot =
                Arc::new(Snapshot { segments, questions, ..Snapshot::clone(&latest) });
            self.base = latest;
        } else {
            self.continue_from(latest);
        }
        Ok(())
    }

    /// Continues from `snapshot` without changes.
    pub(super) fn continue_from(&mut self, snapshot: Arc<Snapshot>) {
        self.base = Arc::clone(&snapshot);
        self.committed = snapshot.segments.len();
        self.searcher.snapshot = snapshot;
        self.changed = false;
    }

    /// Returns the segments of `latest` with the uncommitted changes of committed articles.
    fn carried_over(&self, latest: &Snapshot) -> Result<Vec<LiveSegment>> {
        let changed = &self.segments()[..self.committed];
        let (mut merged, kept): (Vec<_>, Vec<_>) = latest
            .segments
            .iter()
            .cloned()
            .partition(|segment| same_segment(changed, segment).is_none());
        let replaced = self.base.segments.iter().zip(changed);
        for (before, now) in replaced.filter(|(_, now)| same_segment(&kept, now).is_none()) {
            remove_in_copies(&mut merged, before, now)?;
        }
        let questions = self.searcher.snapshot.questions.as_ref();
        let is_recalibrated = match (questions, &latest.questions) {
            (Some(own), Some(latest)) => !Arc::ptr_eq(own, latest),
            (own, _) => own.is_some(),
        };
        let segments = latest.segments.iter().map(|segment| {
            if let Some(changed) = same_segment(changed, segment) {
                return Ok(changed.clone());
            }
            let merged = same_segment(&merged, segment).expect("it is merged or kept").clone();
            match questions.filter(|_| is_recalibrated) {
                Some(questions) => self.calibrated(merged, questions),
                None => Ok(merged),
            }
        });
        segments.collect()
    }
}
