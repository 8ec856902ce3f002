//! Commits of a vector store: merges segments, builds their graphs, and publishes a generation.

use std::sync::Arc;

use tracing::instrument;

use super::{
    VectorStore, live_vectors::LiveVectors, vector_contents::VectorContents,
    vector_snapshot::VectorSnapshot,
};
use crate::{
    Result,
    store::{
        Manifest,
        calibrate_segments::calibrate_new,
        merge_policy::{PlannedRange, first_to_merge, plan_ranges},
    },
};

impl VectorStore {
    /// Commits all changes as the next generation. Returns the number of the generation; it stays
    /// the same if nothing changed.
    ///
    /// The commit writes new files and publishes them in one step. If the merge policy requires it,
    /// it merges segments before and builds their graphs, on the threads of the current `rayon`
    /// pool: call it inside `ThreadPool::install` to bound them.
    ///
    /// A commit is atomic: after an error nothing is committed, and the changes remain for the next
    /// commit. The exception is a failed fsync of the folder, the last step: others see the new
    /// generation, but it may not survive a power cut. The next commit repeats the fsync.
    ///
    /// # Errors
    ///
    /// - [`Error::Write`](crate::Error::Write) or [`Error::Read`](crate::Error::Read) if the
    ///   folder cannot be written or read.
    /// - [`Error::Corrupt`](crate::Error::Corrupt) if a segment to merge is damaged, or any segment of
    ///   a calibrated index for which the call builds a graph.
    /// - [`Error::Locked`](crate::Error::Locked) if another process wrote to the folder without the
    ///   lock.
    /// - [`Error::TooLarge`](crate::Error::TooLarge) for more than 2^31 vectors.
    /// - [`Error::Cancelled`](crate::Error::Cancelled).
    #[instrument(name = "commit_vectors", level = "debug", skip_all, fields(vectors = self.len()))]
    pub fn commit(&mut self) -> Result<u64> {
        let present = self.present();
        let sizes: Vec<_> = present.iter().map(LiveVectors::size).collect();
        let plan = plan_ranges(&sizes, self.index, first_to_merge(&sizes));
        let keeps_all = plan.iter().all(|range| matches!(range, PlannedRange::Keep(_)));
        if !self.changed && keeps_all {
            return self.retry_fsync();
        }
        let segments = plan.into_iter().map(|range| match range {
            PlannedRange::Keep(position) => Ok(present[position].clone()),
            PlannedRange::Rebuild(range) => self.rebuilt(&present[range]),
        });
        let segments = segments.collect::<Result<_>>()?;
        self.publish_calibrated(segments)
    }

    /// Commits all vectors in one segment, the smallest and fastest form of the store. Returns the
    /// number of the generation.
    ///
    /// # Errors
    ///
    /// As [`commit`](Self::commit).
    #[instrument(name = "compact_vectors", level = "debug", skip_all, fields(vectors = self.len()))]
    pub fn compact(&mut self) -> Result<u64> {
        let present = self.present();
        match present.as_slice() {
            [] => self.commit(),
            [segment] if segment.is_compact(self.index) => self.commit(),
            _ => {
                let segment = self.rebuilt(&present)?;
                self.publish_calibrated(vec![segment])
            }
        }
    }

    /// The segments with live vectors.
    fn present(&self) -> Vec<LiveVectors> {
        self.segments().iter().filter(|segment| segment.len() > 0).cloned().collect()
    }

    /// Makes one segment of `segments`.
    fn rebuilt(&self, segments: &[LiveVectors]) -> Result<LiveVectors> {
        LiveVectors::merge(segments, self.dim(), self.index, self.monitor())
    }

    /// Publishes `segments`, whose new graphs are calibrated if the store is.
    fn publish_calibrated(&mut self, mut segments: Vec<LiveVectors>) -> Result<u64> {
        let questions = self.reader.snapshot.questions.as_deref();
        let cancel = &self.settings.cancel;
        calibrate_new(&mut segments, Self::CALIBRATED_K, questions, cancel)?;
        self.publish(segments)
    }

    /// Publishes `segments` as the next generation. After an error the last commit remains.
    fn publish(&mut self, segments: Vec<LiveVectors>) -> Result<u64> {
        let mut next = VectorSnapshot::clone(&self.reader.snapshot);
        next.generation += 1;
        let mut durable = Ok(());
        next.segments = match &mut self.store {
            None => segments,
            Some(store) => {
                let contents = VectorContents { dim: next.dim, index: self.index };
                let generation = next.generation;
                let manifest = Manifest { generation, contents, ..store.manifest().clone() };
                let published = store.publish(manifest, &segments, next.questions.as_deref())?;
                next.manifest = store.id();
                durable = published.durable;
                published.segments
            }
        };
        let next = Arc::new(next);
        self.latest.set(Arc::clone(&next));
        self.continue_from(next);
        durable.map(|()| self.generation())
    }

    /// Repeats the fsync of a generation whose fsync failed when it was published.
    fn retry_fsync(&mut self) -> Result<u64> {
        if let Some(store) = self.store.as_mut().filter(|store| store.needs_fsync()) {
            store.make_durable()?;
        }
        Ok(self.generation())
    }
}
