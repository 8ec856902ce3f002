//! Requests for background merges by the writer, and the answers of their thread.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{Cancel, Error, Result};

/// Requests for background merges, and their outcome.
#[derive(Debug, Default)]
pub(super) struct MergeQueue {
    state: Mutex<QueueState>,
    /// Wakes those that wait for merges.
    changed: Condvar,
    /// Ends the running merge.
    cancel: Cancel,
}

#[derive(Debug, Default)]
struct QueueState {
    /// Number of requests.
    requested: u64,
    /// The last request after which no merge was left, or one failed.
    answered: u64,
    is_running: bool,
    /// The failure of a merge, until a caller takes it.
    failure: Option<Arc<Error>>,
    /// The requests that the last failure answered, until no merge is left.
    failed: Option<FailedRequests>,
    /// Number of failures in a row.
    failures: u32,
    retry_at: Option<Instant>,
}

/// The failure that answered the requests up to one.
#[derive(Debug)]
struct FailedRequests {
    last: u64,
    cause: Arc<Error>,
}

/// Number of a request for merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MergeRequest(u64);

/// Delay of the first repetition of a failed merge. It doubles with each failure.
const MIN_RETRY: Duration = Duration::from_secs(1);
/// Maximum delay of a repetition.
const MAX_RETRY: Duration = Duration::from_mins(5);
/// Time between two checks of the cancellation handle of a caller that waits.
const CHECK_INTERVAL: Duration = Duration::from_millis(10);

impl MergeQueue {
    /// Requests merges. Returns whether a thread has to be started for them.
    pub(super) fn request(&self) -> (MergeRequest, bool) {
        let mut state = self.state();
        state.requested += 1;
        let is_first = !std::mem::replace(&mut state.is_running, true);
        (MergeRequest(state.requested), is_first)
    }

    /// The last request, if the thread has not answered it.
    pub(super) fn running_request(&self) -> Option<MergeRequest> {
        let state = self.state();
        state.is_running.then_some(MergeRequest(state.requested))
    }

    /// Whether a merge failed so recently that only a call repeats it.
    pub(super) fn is_pausing(&self) -> bool {
        self.state().retry_at.is_some_and(|retry_at| Instant::now() < retry_at)
    }

    /// The handle that ends the running merge.
    pub(super) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// The last request, which the thread answers if it finds no merge to do from now on.
    pub(super) fn last_request(&self) -> MergeRequest {
        MergeRequest(self.state().requested)
    }

    /// Notes that no merge is left. Returns `false` if there was a request after `request`; the
    /// thread then goes on.
    pub(super) fn answer(&self, request: MergeRequest) -> bool {
        let mut state = self.state();
        state.answered = request.0;
        state.is_running = state.requested != request.0;
        (state.failed, state.failures, state.retry_at) = (None, 0, None);
        self.changed.notify_all();
        !state.is_running
    }

    /// Notes that the thread ends because a merge failed.
    pub(super) fn fail(&self, error: Error) {
        let mut state = self.state();
        let delay = MIN_RETRY.saturating_mul(1 << state.failures.min(16)).min(MAX_RETRY);
        state.retry_at = Some(Instant::now() + delay);
        state.failures = state.failures.saturating_add(1);
        let cause = Arc::new(error);
        state.failed = Some(FailedRequests { last: state.requested, cause: Arc::clone(&cause) });
        state.failure = Some(cause);
        state.answered = state.requested;
        state.is_running = false;
        self.changed.notify_all();
    }

    /// Notes that the thread ends because it was cancelled. Its requests stay unanswered.
    pub(super) fn stop(&self) {
        self.state().is_running = false;
        self.changed.notify_all();
    }

    /// Forgets earlier failures, once their segments are replaced.
    pub(super) fn forget_failures(&self) {
        let mut state = self.state();
        (state.failure, state.failed) = (None, None);
        (state.failures, state.retry_at) = (0, None);
    }

    /// Returns the failure of a merge that no caller has taken yet.
    ///
    /// # Errors
    ///
    /// [`Error::BackgroundMerge`] with its cause.
    pub(super) fn take_failure(&self) -> Result<()> {
        let failure = self.state().failure.take();
        failure.map_or(Ok(()), |cause| Err(Error::BackgroundMerge(cause)))
    }

    /// Waits until `request` is answered or the thread is stopped. Returns whether it is answered.
    ///
    /// # Errors
    ///
    /// - [`Error::BackgroundMerge`] if a merge failed, also if another caller has taken the failure.
    /// - [`Error::Cancelled`] by `cancel`; the merges go on.
    pub(super) fn wait(&self, request: MergeRequest, cancel: &Cancel) -> Result<bool> {
        let mut state = self.state();
        while state.is_running && state.answered < request.0 {
            cancel.check()?;
            let waited = self.changed.wait_timeout(state, CHECK_INTERVAL);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        match &state.failed {
            Some(failed) if request.0 <= failed.last => {
                let cause = Arc::clone(&failed.cause);
                state.failure = None;
                Err(Error::BackgroundMerge(cause))
            }
            _ => Ok(state.answered >= request.0),
        }
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        // No code under this lock panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reaches_every_caller_that_waits_for_it() {
        let queue = MergeQueue::default();
        let cancel = Cancel::new();
        let failed = |outcome: Result<bool>| matches!(outcome, Err(Error::BackgroundMerge(_)));
        let (request, is_first) = queue.request();
        assert!(is_first);
        queue.fail(Error::Cancelled);
        assert!(queue.take_failure().is_err());
        assert!(queue.take_failure().is_ok(), "a commit reports it once");
        assert!(failed(queue.wait(request, &cancel)) && failed(queue.wait(request, &cancel)));
        let (next, is_first) = queue.request();
        assert!(is_first && queue.answer(queue.last_request()));
        assert!(queue.wait(next, &cancel).unwrap() && queue.wait(request, &cancel).unwrap());
    }

    #[test]
    fn pauses_grow_until_no_merge_is_left() {
        let queue = MergeQueue::default();
        let pause = || {
            queue.fail(Error::Cancelled);
            let retry_at = queue.state().retry_at.unwrap();
            retry_at.saturating_duration_since(Instant::now())
        };
        let [first, second] = [pause(), pause()];
        assert!(first <= MIN_RETRY && second > MIN_RETRY, "{first:?} {second:?}");
        queue.request();
        assert!(queue.answer(queue.last_request()) && !queue.is_pausing());
        assert!(pause() <= MIN_RETRY);
    }
}
