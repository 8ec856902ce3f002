//! The work of the thread of background merges: copies committed segments into one, builds its graph
//! and publishes it in their place.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    slice,
    sync::Arc,
};

use rayon::ThreadPoolBuilder;
use tracing::instrument;

use super::{
    committed_corpus::{CommittedCorpus, LockedPublisher, NextSnapshot},
    follow_merges::{is_same, remove_in_copies, same_segment},
    merge_queue::MergeQueue,
    merge_segments::MergePlan,
    searcher::Snapshot,
    unindexed_segment::UnindexedSegment,
};
use crate::{
    Error, IndexChoice, Result, Retriever,
    store::{
        Questions, ReservedFile, Store, StoredSegment,
        calibrate_segments::{calibrate_all, share_calibration},
        segment::LiveSegment,
    },
    work::{ProgressCallback, WorkMonitor, panic_message},
};

/// The corpus and the settings of the thread.
pub(super) struct MergeThread {
    pub(super) corpus: Arc<CommittedCorpus>,
    pub(super) queue: Arc<MergeQueue>,
    pub(super) threads: usize,
    pub(super) index: IndexChoice,
    pub(super) dim: usize,
    pub(super) progress: Option<ProgressCallback>,
}

/// Segments that become one. Until it is dropped, commits keep them apart, and leave the file of the
/// new segment alone.
struct ClaimedMerge<'c> {
    corpus: &'c CommittedCorpus,
    /// The segments as they were when they were claimed.
    inputs: Vec<LiveSegment>,
    /// `None` in memory.
    file: Option<ReservedFile>,
}

impl ClaimedMerge<'_> {
    fn has_input(&self, segment: &LiveSegment) -> bool {
        same_segment(&self.inputs, segment).is_some()
    }
}

/// Segments that cannot be copied, since an article of theirs is damaged.
#[derive(Default)]
struct DamagedSegments {
    segments: Vec<LiveSegment>,
    /// The error of the first one, until it is reported.
    error: Option<Error>,
}

/// The segment that replaces the inputs of a merge.
struct FinishedMerge {
    segment: LiveSegment,
    /// The questions of the corpus when its graph, if there is one, was calibrated.
    questions: Option<Arc<Questions>>,
}

impl fmt::Debug for MergeThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MergeThread").field("threads", &self.threads).finish_non_exhaustive()
    }
}

impl MergeThread {
    /// Merges until no merge is due, one fails, or the queue is cancelled. Merges of damaged segments
    /// fail once the others are done.
    pub(super) fn run(self) {
        let mut damaged = DamagedSegments::default();
        loop {
            let request = self.queue.last_request();
            // A panic, such as one of the progress callback, leaves the published corpus as it was.
            let outcome = catch_unwind(AssertUnwindSafe(|| self.merge_next(&mut damaged)));
            let outcome = outcome
                .unwrap_or_else(|panic| Err(Error::MergePanic(panic_message(&*panic).into())));
            match outcome {
                Ok(true) => {}
                Ok(false) => match damaged.error.take() {
                    None if self.queue.answer(request) => return,
                    None => {}
                    // A later request can be due to other segments.
                    Some(error) if self.queue.last_request() != request => {
                        damaged.error = Some(error);
                    }
                    Some(error) => return self.fail(error),
                },
                Err(Error::Cancelled) => return self.queue.stop(),
                Err(error) => return self.fail(error),
            }
        }
    }

    fn fail(&self, error: Error) {
        tracing::warn!(%error, "a merge in the background failed");
        self.queue.fail(error);
    }

    /// Whether the last commit needs a merge.
    pub(super) fn is_due(&self) -> bool {
        self.next_inputs(&self.corpus.latest().get(), &[]).is_some()
    }

    /// Does one merge, or finds which of its segments are `damaged`; returns `false` if no merge of
    /// other segments is due.
    fn merge_next(&self, damaged: &mut DamagedSegments) -> Result<bool> {
        self.queue.cancel().check()?;
        let Some(merge) = self.claim(&damaged.segments) else { return Ok(false) };
        let pool = ThreadPoolBuilder::new()
            .num_threads(self.threads)
            .thread_name(|number| format!("passim-merge-{number}"))
            .build()
            .map_err(|error| Error::Threads(error.into()))?;
        pool.install(|| {
            let merged = self.finish(&merge).and_then(|finished| self.publish(&merge, finished));
            match merged {
                Err(error @ Error::Corrupt { .. }) => self.set_aside(&merge.inputs, error, damaged),
                merged => merged,
            }
        })?;
        Ok(true)
    }

    /// Adds those of `inputs` that cannot be copied to `damaged`.
    ///
    /// # Errors
    ///
    /// `error`, that of their merge, if each of them can be copied.
    fn set_aside(
        &self,
        inputs: &[LiveSegment],
        error: Error,
        damaged: &mut DamagedSegments,
    ) -> Result<()> {
        let known = damaged.segments.len();
        for input in inputs {
            if UnindexedSegment::is_damaged(input, self.dim, self.monitor())? {
                damaged.segments.push(input.clone());
            }
        }
        if damaged.segments.len() == known {
            return Err(error);
        }
        damaged.error.get_or_insert(error);
        Ok(())
    }

    /// Returns the segments of the smallest merge that is due, none of which is `damaged`.
    fn next_inputs(
        &self,
        snapshot: &Snapshot,
        damaged: &[LiveSegment],
    ) -> Option<Vec<LiveSegment>> {
        let segments = snapshot.segments.iter();
        let undamaged = segments.filter(|segment| same_segment(damaged, segment).is_none());
        let undamaged: Vec<LiveSegment> = undamaged.cloned().collect();
        MergePlan::for_background(&undamaged, self.index).into_smallest_merge()
    }

    /// Chooses the next merge; `None` if none is due.
    fn claim(&self, damaged: &[LiveSegment]) -> Option<ClaimedMerge<'_>> {
        let mut publisher = self.corpus.lock();
        let inputs = self.next_inputs(&self.corpus.latest().get(), damaged)?;
        publisher.set_merging(inputs.iter().map(|input| Arc::clone(input.sealed())).collect());
        let file = publisher.store().map(Store::reserve_file);
        Some(ClaimedMerge { corpus: &self.corpus, inputs, file })
    }

    /// Copies the inputs, builds and calibrates the graph, and writes the file.
    #[instrument(name = "background_merge", level = "debug", skip_all)]
    fn finish(&self, merge: &ClaimedMerge) -> Result<FinishedMerge> {
        let copied = UnindexedSegment::merge(&merge.inputs, self.dim, self.monitor())?;
        let segment = copied.seal(self.index, self.monitor())?;
        let latest = self.corpus.latest().get();
        let segment = self.calibrated(segment, merge, &latest)?;
        self.queue.cancel().check()?;
        let segment = match &merge.file {
            Some(file) => file.write(&segment)?,
            None => segment,
        };
        Ok(FinishedMerge { segment, questions: latest.questions.clone() })
    }

    /// Publishes the finished merge with the removals since it was claimed.
    fn publish(&self, merge: &ClaimedMerge, finished: FinishedMerge) -> Result<()> {
        let mut finished = finished;
        loop {
            let publisher = self.corpus.lock();
            let latest = self.corpus.latest().get();
            if is_same(latest.questions.as_ref(), finished.questions.as_ref()) {
                return publish_locked(publisher, &latest, merge, finished.segment);
            }
            // No commit waits while the graph is calibrated with the new questions.
            drop(publisher);
            finished.segment = self.calibrated(finished.segment, merge, &latest)?;
            finished.questions.clone_from(&latest.questions);
        }
    }

    /// Calibrates the graph of `segment`, which replaces the inputs of `merge` in `latest`, if there
    /// is one and the corpus is calibrated.
    fn calibrated(
        &self,
        segment: LiveSegment,
        merge: &ClaimedMerge,
        latest: &Snapshot,
    ) -> Result<LiveSegment> {
        let Some(questions) = latest.questions.as_deref().filter(|_| segment.has_graph()) else {
            return Ok(segment);
        };
        let others = latest.segments.iter().filter(|other| !merge.has_input(other));
        let mut segments: Vec<LiveSegment> = others.cloned().chain([segment]).collect();
        let cancel = self.queue.cancel();
        calibrate_all(&mut segments, Retriever::CALIBRATED_K, questions, cancel)?;
        Ok(segments.pop().expect("the merged segment is the last one"))
    }

    fn monitor(&self) -> WorkMonitor<'_> {
        let progress = self.progress.as_deref().map(|progress| progress as &(dyn Fn(_) + Sync));
        WorkMonitor::new(self.queue.cancel(), progress)
    }
}

impl Drop for ClaimedMerge<'_> {
    fn drop(&mut self) {
        let mut publisher = self.corpus.lock();
        publisher.set_merging(Vec::new());
        if let (Some(file), Some(store)) = (&self.file, publisher.store()) {
            store.release(file);
        }
    }
}

/// Publishes `latest` with `merged` in the place of the inputs of `merge`.
fn publish_locked(
    mut publisher: LockedPublisher,
    latest: &Snapshot,
    merge: &ClaimedMerge,
    mut merged: LiveSegment,
) -> Result<()> {
    for input in &merge.inputs {
        let now = same_segment(&latest.segments, input);
        let now = now.expect("a commit keeps the segments that are merged");
        remove_in_copies(slice::from_mut(&mut merged), input, now)?;
    }
    let is_input = |segment: &LiveSegment| merge.has_input(segment);
    let position = latest.segments.iter().position(is_input).expect("a merge has an input");
    let mut segments = latest.segments.clone();
    if let Some(calibration) = merged.calibration() {
        share_calibration(&mut segments, calibration);
    }
    segments[position] = merged;
    segments.retain(|segment| segment.articles() > 0 && !is_input(segment));
    let next = NextSnapshot {
        // The content is that of the last commit.
        generation: latest.generation,
        segments,
        questions: latest.questions.clone(),
        settings: None,
    };
    publisher.publish(next)?.durable
}
