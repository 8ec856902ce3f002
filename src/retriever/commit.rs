//! Commits: one function of named stages, from the changed segments to the next generation.

use std::sync::Arc;

use tracing::instrument;

use super::{
    merge_segments::{MergePlan, MergedSegment},
    searcher::Snapshot,
};
use crate::{
    IndexChoice, Result, Retriever,
    store::{Manifest, segment::LiveSegment},
};

/// A segment with its index.
struct IndexedSegment {
    segment: LiveSegment,
    is_new: bool,
}

/// A generation that others can read.
struct PublishedGeneration {
    snapshot: Snapshot,
    /// Outcome of the last fsync. After an error a power cut can lose the generation.
    durable: Result<()>,
}

impl Retriever {
    /// Commits all changes as the next generation: merges small segments, builds graphs, writes
    /// new files and publishes them. Returns the number of the generation; it stays the same if
    /// nothing changed and no segment needs merging.
    ///
    /// A commit is atomic: after an error nothing is committed, and the changes remain for the next
    /// commit. The exception is a failed fsync of the folder, the last step: others see the new
    /// generation, but it may not survive a power cut. The next commit repeats the fsync.
    ///
    /// # Errors
    ///
    /// - [`Error::Write`](crate::Error::Write) or [`Error::Read`](crate::Error::Read) if the
    ///   folder cannot be written or read.
    /// - [`Error::Corrupt`](crate::Error::Corrupt) if a segment to merge is damaged.
    /// - [`Error::Locked`](crate::Error::Locked) if another process wrote to the folder without
    ///   the lock.
    /// - [`Error::TooLarge`](crate::Error::TooLarge) if there are more passages than an index can
    ///   hold.
    /// - [`Error::Cancelled`](crate::Error::Cancelled).
    #[instrument(
        level = "debug",
        skip_all,
        fields(passages = self.passages(), segments = self.segments().len())
    )]
    pub fn commit(&mut self) -> Result<u64> {
        let plan = MergePlan::for_commit(self.segments(), self.settings.index);
        if self.changed || !plan.keeps_all(self.segments()) {
            self.publish(plan, self.settings.index)
        } else {
            self.retry_fsync()
        }
    }

    /// Commits all live articles in one segment, the smallest and fastest form of the corpus.
    /// Returns the number of the generation.
    ///
    /// # Errors
    ///
    /// As [`commit`](Self::commit).
    #[instrument(
        level = "debug",
        skip_all,
        fields(passages = self.passages(), segments = self.segments().len())
    )]
    pub fn compact(&mut self) -> Result<u64> {
        match MergePlan::for_compaction(self.segments(), self.settings.index) {
            Some(plan) => self.publish(plan, self.settings.index),
            None => self.commit(),
        }
    }

    /// Commits without building graphs, since the commit at the end of a sync builds them once.
    pub(super) fn commit_checkpoint(&mut self) -> Result<()> {
        let plan = MergePlan::for_checkpoint(self.segments(), self.settings.checkpoint);
        self.publish(plan, IndexChoice::Exact).map(drop)
    }

    /// Publishes the segments of `plan` as the next generation. New segments are indexed as
    /// `index` chooses.
    fn publish(&mut self, plan: MergePlan, index: IndexChoice) -> Result<u64> {
        let merged = self.merge(plan)?;
        let indexed = self.build_graphs(merged, index)?;
        let segments = self.calibrate_new(indexed)?;
        let published = self.write(segments)?;
        self.remember(published)
    }

    /// Returns the segments of `plan`, the new ones without a graph.
    pub(super) fn merge_without_graphs(&self, plan: MergePlan) -> Result<Vec<LiveSegment>> {
        let merged = self.merge(plan)?;
        let indexed = self.build_graphs(merged, IndexChoice::Exact)?;
        Ok(indexed.into_iter().map(|indexed| indexed.segment).collect())
    }

    /// Indexes the vectors of the new segments.
    fn build_graphs(
        &self,
        merged: Vec<MergedSegment>,
        index: IndexChoice,
    ) -> Result<Vec<IndexedSegment>> {
        let indexed = merged.into_iter().map(|merged| match merged {
            MergedSegment::Kept(segment) => Ok(IndexedSegment { segment, is_new: false }),
            MergedSegment::New(unindexed) => {
                let segment = unindexed.seal(index, self.settings.monitor())?;
                Ok(IndexedSegment { segment, is_new: true })
            }
        });
        indexed.collect()
    }

    /// Calibrates the graphs of the new segments, if the corpus is calibrated.
    fn calibrate_new(&self, indexed: Vec<IndexedSegment>) -> Result<Vec<LiveSegment>> {
        let questions = self.searcher.snapshot.questions.as_deref();
        let calibrated = indexed.into_iter().map(|IndexedSegment { segment, is_new }| {
            match questions.filter(|_| is_new) {
                Some(questions) => self.calibrated(segment, questions),
                None => Ok(segment),
            }
        });
        calibrated.collect()
    }

    /// Writes the files of the next generation and publishes them; in memory there are none.
    #[instrument(level = "debug", skip_all, fields(segments = segments.len()))]
    fn write(&mut self, segments: Vec<LiveSegment>) -> Result<PublishedGeneration> {
        let generation = self.published.get().generation + 1;
        let questions = self.searcher.snapshot.questions.clone();
        let Some(store) = &mut self.store else {
            let snapshot = Snapshot { generation, segments, questions, ..Snapshot::default() };
            return Ok(PublishedGeneration { snapshot, durable: Ok(()) });
        };
        let manifest = Manifest {
            generation,
            chunker: self.settings.chunker.clone(),
            index: self.settings.index,
            ..store.manifest().clone()
        };
        let published = store.publish(manifest, &segments, questions.as_deref())?;
        let segments = published.segments;
        let snapshot = Snapshot {
            generation,
            manifest: store.id(),
            segments,
            bytes_on_disk: store.bytes(),
            questions,
        };
        Ok(PublishedGeneration { snapshot, durable: published.durable })
    }

    /// Continues from the published generation, and hands it to searchers that reload.
    fn remember(&mut self, published: PublishedGeneration) -> Result<u64> {
        let snapshot = Arc::new(published.snapshot);
        let generation = snapshot.generation;
        self.published.set(Arc::clone(&snapshot));
        self.committed = snapshot.segments.len();
        self.searcher.snapshot = snapshot;
        self.changed = false;
        published.durable.map(|()| generation)
    }

    /// Repeats the fsync of a generation whose fsync failed when it was published.
    fn retry_fsync(&mut self) -> Result<u64> {
        if let Some(store) = self.store.as_mut().filter(|store| store.needs_fsync()) {
            store.make_durable()?;
        }
        Ok(self.searcher.generation())
    }
}
