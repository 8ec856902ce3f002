//! A commit beside background merges, in three steps, of which only the first and the last need the
//! retriever: a shared retriever adds articles while files are written.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{
    committed_corpus::{CommittedCorpus, CommittedSettings, NextSnapshot, PublishedSnapshot},
    follow_merges::{calibrate_carried, carry_over},
    merge_segments::MergePlan,
    searcher::Snapshot,
};
use crate::{
    Cancel, Error, Result, Retriever,
    work::{WorkMonitor, panic_message},
};

/// The changes that a commit publishes.
pub(super) struct StartedCommit {
    corpus: Arc<CommittedCorpus>,
    /// The corpus with the changes.
    changed: Arc<Snapshot>,
    /// The commit that the changes were made to.
    base: Arc<Snapshot>,
    /// Number of leading segments of `changed` that belong to `base`.
    committed: usize,
    settings: CommittedSettings,
    dim: usize,
    cancel: Cancel,
}

/// Runs a step of a commit, and returns a panic, such as one of the progress callback, as an error.
///
/// Code of the user runs before the retriever changes, so a panic leaves the changes for the next
/// commit.
pub(super) fn without_panic<T>(step: impl FnOnce() -> Result<T>) -> Result<T> {
    let done = catch_unwind(AssertUnwindSafe(step));
    done.unwrap_or_else(|panic| Err(Error::CommitPanic(panic_message(&*panic).into())))
}

impl StartedCommit {
    /// Joins small segments, writes and publishes. Changes of the retriever since the commit was
    /// started are no part of it. A panic is an error, so that the commit can be ended.
    pub(super) fn publish(&self) -> Result<PublishedSnapshot> {
        without_panic(|| self.try_publish())
    }

    fn try_publish(&self) -> Result<PublishedSnapshot> {
        let mut publisher = self.corpus.lock();
        let latest = self.corpus.latest().get();
        let (committed, added) = self.changed.segments.split_at(self.committed);
        let mut segments = carry_over(&self.base, committed, &latest)?;
        segments.extend_from_slice(added);
        let questions = self.changed.questions.as_ref();
        calibrate_carried(&mut segments, committed, questions, &latest, &self.cancel)?;
        let plan = MergePlan::for_small_commit(&segments, publisher.merging());
        let monitor = WorkMonitor::new(&self.cancel, None);
        publisher.publish(NextSnapshot {
            generation: latest.generation + 1,
            segments: plan.merge_undamaged(self.dim, monitor)?,
            questions: questions.cloned(),
            settings: Some(self.settings.clone()),
        })
    }
}

impl Retriever {
    /// Starts a commit of all changes; `None` if commits merge, or if nothing changed.
    ///
    /// Until [`end_commit`](Self::end_commit), articles can be added and removed, and nothing else.
    pub(super) fn begin_commit(&mut self) -> Result<Option<StartedCommit>> {
        if !self.merges.are_on() || !self.changed {
            return Ok(None);
        }
        self.follow_merges()?;
        // The model may panic, so it is asked before anything changes.
        let dim = self.embedder().dim();
        let settings = self.committed_settings();
        let changed = Arc::clone(&self.searcher.snapshot);
        let commit = StartedCommit {
            corpus: Arc::clone(&self.corpus),
            base: std::mem::replace(&mut self.base, Arc::clone(&changed)),
            committed: std::mem::replace(&mut self.committed, changed.segments.len()),
            changed,
            settings,
            dim,
            cancel: self.settings.cancel.clone(),
        };
        self.changed = false;
        self.is_committing = true;
        Ok(Some(commit))
    }

    /// Continues from the published snapshot with the changes since the commit was started, and
    /// starts merges. After an error the changes of the commit are uncommitted again.
    pub(super) fn end_commit(
        &mut self,
        commit: StartedCommit,
        published: Result<PublishedSnapshot>,
    ) -> Result<u64> {
        self.is_committing = false;
        match published {
            Ok(PublishedSnapshot { snapshot, durable }) => {
                // The commit is published, so an error here is left to the next call that follows.
                if let Err(error) = self.follow_merges() {
                    tracing::warn!(%error, "the writer does not follow its commit yet");
                }
                durable?;
                self.start_merges();
                Ok(snapshot.generation)
            }
            Err(error) => {
                self.base = commit.base;
                self.committed = commit.committed;
                self.changed = true;
                Err(error)
            }
        }
    }
}
