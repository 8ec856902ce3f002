//! Commits: one function of named stages, from the changed segments to the next generation.

use std::sync::Arc;

use tracing::instrument;

use super::{
    committed_corpus::{CommittedSettings, LockedPublisher, NextSnapshot, PublishedSnapshot},
    merge_segments::{MergePlan, MergedSegment},
};
use crate::{
    IndexChoice, Result, Retriever,
    store::{calibrate_segments::calibrate_new, segment::LiveSegment},
};

impl Retriever {
    /// Commits all changes as the next generation: writes new files, publishes them, and starts the
    /// merges that follow. Returns the number of the generation; it stays the same if nothing changed.
    ///
    /// A commit writes little more than the changes. Merging segments and building their graphs is
    /// left to the background; [`wait_for_merges`](Self::wait_for_merges) waits for it. Meanwhile
    /// searches compare all passages that wait for a graph. Merges change no article, so they
    /// leave the number of the generation as it is. With
    /// [`merge_threads(0)`](crate::RetrieverBuilder::merge_threads) the commit merges, too.
    ///
    /// A commit is atomic: after an error nothing is committed, and the changes remain for the next
    /// commit. The exception is a failed fsync of the folder, the last step: others see the new
    /// generation, but it may not survive a power cut. The next commit repeats the fsync.
    ///
    /// # Errors
    ///
    /// - [`Error::BackgroundMerge`](crate::Error::BackgroundMerge) if a merge failed since the last
    ///   call that reported it. The next call commits.
    /// - [`Error::Write`](crate::Error::Write) or [`Error::Read`](crate::Error::Read) if the
    ///   folder cannot be written or read.
    /// - [`Error::Corrupt`](crate::Error::Corrupt) if a segment of a calibrated index is damaged and the
    ///   call measures the calibration; without background merges also if a segment to merge is.
    /// - [`Error::Locked`](crate::Error::Locked) if another process wrote to the folder without
    ///   the lock.
    /// - [`Error::TooLarge`](crate::Error::TooLarge) if there are more passages than an index can
    ///   hold.
    /// - [`Error::Cancelled`](crate::Error::Cancelled).
    pub fn commit(&mut self) -> Result<u64> {
        self.merges.queue().take_failure()?;
        self.commit_changes()
    }

    /// Commits, even if a merge failed.
    #[instrument(
        name = "commit",
        level = "debug",
        skip_all,
        fields(passages = self.passages(), segments = self.segments().len())
    )]
    pub(super) fn commit_changes(&mut self) -> Result<u64> {
        if !self.merges.are_on() {
            return self.commit_merged();
        }
        if let Some(commit) = self.begin_commit()? {
            let published = commit.publish();
            return self.end_commit(commit, published);
        }
        let generation = self.retry_fsync()?;
        self.start_merges();
        Ok(generation)
    }

    /// Commits, and merges as the policy requires.
    pub(super) fn commit_merged(&mut self) -> Result<u64> {
        let plan = MergePlan::for_commit(self.segments(), self.settings.index);
        if self.changed || !plan.keeps_all(self.segments()) {
            let corpus = Arc::clone(&self.corpus);
            self.publish(corpus.lock(), plan, self.settings.index)
        } else {
            self.retry_fsync()
        }
    }

    /// Commits all live articles in one segment, the smallest and fastest form of the corpus.
    /// Returns the number of the generation.
    ///
    /// It waits for its merge, which replaces those in the background.
    ///
    /// # Errors
    ///
    /// As [`commit`](Self::commit), and [`Error::Corrupt`](crate::Error::Corrupt) if a segment is
    /// damaged.
    #[instrument(
        level = "debug",
        skip_all,
        fields(passages = self.passages(), segments = self.segments().len())
    )]
    pub fn compact(&mut self) -> Result<u64> {
        self.merges.stop();
        let generation = self.compact_alone();
        match generation {
            Ok(_) => self.merges.queue().forget_failures(),
            Err(_) => self.start_merges(),
        }
        generation
    }

    /// Compacts while no merge runs.
    fn compact_alone(&mut self) -> Result<u64> {
        self.follow_merges()?;
        match MergePlan::for_compaction(self.segments(), self.settings.index) {
            Some(plan) => {
                let corpus = Arc::clone(&self.corpus);
                self.publish(corpus.lock(), plan, self.settings.index)
            }
            None => self.commit_changes(),
        }
    }

    /// Commits without building graphs and without starting merges, since the commit at the end of a
    /// sync starts them once.
    pub(super) fn commit_checkpoint(&mut self) -> Result<()> {
        let corpus = Arc::clone(&self.corpus);
        let publisher = corpus.lock();
        self.follow_merges()?;
        let checkpoint = self.settings.checkpoint;
        let plan = MergePlan::for_checkpoint(self.segments(), checkpoint, publisher.merging());
        let monitor = self.settings.monitor();
        let segments = plan.merge_undamaged(self.embedder().dim(), monitor)?;
        self.publish_segments(publisher, segments).map(drop)
    }

    /// Publishes the segments of `plan` as the next generation. New segments are indexed as
    /// `index` chooses.
    fn publish(
        &mut self,
        publisher: LockedPublisher,
        plan: MergePlan,
        index: IndexChoice,
    ) -> Result<u64> {
        let merged = plan.merge(self.embedder().dim(), self.settings.monitor())?;
        let segments = self.build_graphs(merged, index)?;
        self.publish_segments(publisher, segments)
    }

    /// Publishes `segments` as the next generation, their new graphs calibrated.
    fn publish_segments(
        &mut self,
        mut publisher: LockedPublisher,
        mut segments: Vec<LiveSegment>,
    ) -> Result<u64> {
        let questions = self.searcher.snapshot.questions.as_deref();
        calibrate_new(&mut segments, Self::CALIBRATED_K, questions, &self.settings.cancel)?;
        let PublishedSnapshot { snapshot, durable } = publisher.publish(NextSnapshot {
            generation: self.base.generation + 1,
            segments,
            questions: self.searcher.snapshot.questions.clone(),
            settings: Some(self.committed_settings()),
        })?;
        let generation = snapshot.generation;
        self.continue_from(snapshot);
        durable.map(|()| generation)
    }

    /// Returns the segments of `plan`, the new ones without a graph.
    pub(super) fn merge_without_graphs(&self, plan: MergePlan) -> Result<Vec<LiveSegment>> {
        plan.merge_without_graphs(self.embedder().dim(), self.settings.monitor())
    }

    /// Indexes the vectors of the new segments.
    fn build_graphs(
        &self,
        merged: Vec<MergedSegment>,
        index: IndexChoice,
    ) -> Result<Vec<LiveSegment>> {
        let indexed = merged.into_iter().map(|merged| match merged {
            MergedSegment::Kept(segment) => Ok(segment),
            MergedSegment::New(unindexed) => unindexed.seal(index, self.settings.monitor()),
        });
        indexed.collect()
    }

    pub(super) fn committed_settings(&self) -> CommittedSettings {
        CommittedSettings { chunker: self.settings.chunker.clone(), index: self.settings.index }
    }

    /// Repeats the fsync of a generation whose fsync failed when it was published.
    pub(super) fn retry_fsync(&mut self) -> Result<u64> {
        if self.corpus.needs_fsync() {
            self.corpus.lock().retry_fsync()?;
        }
        Ok(self.searcher.generation())
    }
}
