//! The writer of a shared retriever: one change at a time, and commits by a schedule.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use crate::{
    CommitSchedule, Error, Result, Retriever, retriever::started_commit::without_panic,
    work::FairMutex,
};

/// A retriever that several threads change, one after the other, and the state of its commits.
///
/// The state is written only by the thread that holds the retriever. The background thread waits for
/// the state, so writes do not disturb it.
pub(super) struct ScheduledWriter {
    /// Locked, before the retriever, by what no commit may run beside.
    commits: FairMutex<()>,
    /// `None` once it is closed.
    retriever: FairMutex<Option<Retriever>>,
    schedule: CommitSchedule,
    state: Mutex<CommitState>,
    /// Wakes the background thread after a change of the state.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct CommitState {
    /// `None` if a commit would do nothing.
    pending: Option<PendingChanges>,
    /// The failure of the last commit in the background, until a commit succeeds.
    failure: Option<CommitFailure>,
    is_closed: bool,
}

/// The changes that the next commit publishes or fsyncs.
#[derive(Clone, Copy, Debug)]
struct PendingChanges {
    since: Instant,
    /// Number of passages that were added or removed.
    passages: usize,
}

#[derive(Debug)]
struct CommitFailure {
    error: Arc<Error>,
    /// Number of failures in a row.
    count: u32,
    retry_at: Instant,
}

impl ScheduledWriter {
    pub(super) fn new(retriever: Retriever, schedule: CommitSchedule) -> Self {
        let state = CommitState { pending: pending(&retriever, None), ..CommitState::default() };
        Self {
            commits: FairMutex::new(()),
            retriever: FairMutex::new(Some(retriever)),
            schedule,
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Runs `change` once no other change runs. A commit may write its files meanwhile.
    ///
    /// # Errors
    ///
    /// - [`Error::BackgroundCommit`] if the last commit in the background failed. Nothing changes.
    /// - [`Error::Closed`] after [`close`](Self::close).
    /// - The error of `change`.
    pub(super) fn write<T>(&self, change: impl FnOnce(&mut Retriever) -> Result<T>) -> Result<T> {
        self.run(|retriever| {
            if let Some(failure) = &self.state().failure {
                return Err(Error::BackgroundCommit(Arc::clone(&failure.error)));
            }
            change(retriever)
        })
    }

    /// As [`write`](Self::write), once no commit runs.
    ///
    /// # Errors
    ///
    /// As `write`.
    pub(super) fn write_alone<T>(
        &self,
        change: impl FnOnce(&mut Retriever) -> Result<T>,
    ) -> Result<T> {
        let _turn = self.commits.lock();
        self.write(change)
    }

    /// Runs `action` once no other change or commit runs, even after a failed commit.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub(super) fn run_alone<T>(
        &self,
        action: impl FnOnce(&mut Retriever) -> Result<T>,
    ) -> Result<T> {
        let _turn = self.commits.lock();
        self.run(action)
    }

    /// Runs `action` once no other change runs, even after a failed commit.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] after [`close`](Self::close), or the error of `action`.
    pub(super) fn run<T>(&self, action: impl FnOnce(&mut Retriever) -> Result<T>) -> Result<T> {
        let mut open = self.retriever.lock();
        let retriever = open.as_mut().ok_or(Error::Closed)?;
        // A panic, such as one of the iterator of a sync, can leave changes to commit.
        let outcome = catch_unwind(AssertUnwindSafe(|| action(retriever)));
        self.note_changes(retriever);
        outcome.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Commits all changes once no other commit runs. Changes wait while it starts and ends, but not
    /// while it writes files, unless commits merge segments.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] after [`close`](Self::close), or the error of the commit.
    pub(super) fn commit(&self) -> Result<u64> {
        let _turn = self.commits.lock();
        self.commit_in_turn()
    }

    /// As [`commit`](Self::commit), by the caller that has locked `commits`.
    fn commit_in_turn(&self) -> Result<u64> {
        let commit = {
            let mut open = self.retriever.lock();
            let retriever = open.as_mut().ok_or(Error::Closed)?;
            let Some(commit) = without_panic(|| retriever.begin_commit())? else {
                let committed = without_panic(|| retriever.commit_changes());
                self.note_changes(retriever);
                return committed;
            };
            // Later changes are pending since now.
            self.state().pending = None;
            self.note_changes(retriever);
            commit
        };
        let published = commit.publish();
        let mut open = self.retriever.lock();
        let retriever = open.as_mut().expect("closing waits for commits");
        let committed = retriever.end_commit(commit, published);
        self.note_changes(retriever);
        committed
    }

    /// Commits all changes and drops the retriever, which releases the lock of its folder. Does
    /// nothing if it is closed.
    ///
    /// # Errors
    ///
    /// The error of the commit. The writer then stays open, and keeps the changes.
    pub(super) fn close(&self) -> Result<()> {
        let _turn = self.commits.lock();
        let mut open = self.retriever.lock();
        if let Some(retriever) = open.as_mut() {
            let committed = without_panic(|| retriever.commit_changes());
            self.note_changes(retriever);
            committed?;
        }
        *open = None;
        self.end();
        Ok(())
    }

    /// Drops the retriever with its uncommitted changes.
    pub(super) fn discard(&self) {
        let _turn = self.commits.lock();
        *self.retriever.lock() = None;
        self.end();
    }

    /// Lets the background thread end.
    fn end(&self) {
        self.state().is_closed = true;
        self.changed.notify_one();
    }

    /// Commits by the schedule until the writer is closed. The work of the background thread.
    pub(super) fn commit_by_schedule(&self) {
        while self.wait_until_due() {
            // No later commit can succeed before the failure of this one is noted.
            let _turn = self.commits.lock();
            match self.commit_in_turn() {
                Ok(_) => {}
                Err(Error::Closed) => return,
                Err(error) => self.note_failure(error),
            }
        }
    }

    /// Waits until a commit is due; returns `false` once the writer is closed.
    fn wait_until_due(&self) -> bool {
        let mut state = self.state();
        while !state.is_closed {
            let now = Instant::now();
            state = match self.next_commit(&state) {
                Some(due) if due <= now => return true,
                Some(due) => {
                    let waited = self.changed.wait_timeout(state, due - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        false
    }

    /// Returns when the next commit starts; `None` if only a further change can start one.
    fn next_commit(&self, state: &CommitState) -> Option<Instant> {
        let pending = state.pending?;
        if let Some(failure) = &state.failure {
            return Some(failure.retry_at);
        }
        if self.schedule.is_reached(pending.passages) {
            return Some(pending.since);
        }
        // An interval too long for the clock never ends.
        pending.since.checked_add(self.schedule.interval()?)
    }

    /// Updates the state after `retriever` was changed or committed.
    fn note_changes(&self, retriever: &Retriever) {
        let mut state = self.state();
        state.pending = pending(retriever, state.pending);
        if state.pending.is_none() {
            // A commit succeeded, or the changes were rolled back.
            state.failure = None;
        }
        self.changed.notify_one();
    }

    fn note_failure(&self, error: Error) {
        tracing::warn!(%error, "a commit in the background failed");
        let mut state = self.state();
        let count = state.failure.as_ref().map_or(0, |failure| failure.count).saturating_add(1);
        let retry_at = Instant::now() + self.schedule.retry_delay(count);
        state.failure = Some(CommitFailure { error: Arc::new(error), count, retry_at });
    }

    fn state(&self) -> MutexGuard<'_, CommitState> {
        // No code under this lock panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the pending changes of `retriever`, which has `before` since its last change or commit.
fn pending(retriever: &Retriever, before: Option<PendingChanges>) -> Option<PendingChanges> {
    let since = before.map_or_else(Instant::now, |pending| pending.since);
    let passages = retriever.uncommitted_passages();
    retriever.needs_commit().then_some(PendingChanges { since, passages })
}
