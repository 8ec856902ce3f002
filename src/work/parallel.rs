//! Parallel map on plain threads.
//!
//! Jobs may call models, whose tokenizers use `rayon`. A `rayon` worker that waits inside a job may
//! take another job of its pool and deadlock, so jobs never run on a `rayon` pool.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::Result;

/// Runs the jobs `0..jobs` on at most `workers` threads, and returns their values in job order.
///
/// Each thread takes the next free job. After an error or a panic no further job starts. With one
/// worker, or if no thread can be started, the jobs run on the current thread.
///
/// # Errors
///
/// An error that a job returned.
///
/// # Panics
///
/// If a job panics; the panic continues on the current thread.
pub(crate) fn parallel_map<T: Send>(
    workers: usize,
    jobs: usize,
    job: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let workers = workers.min(jobs);
    if workers <= 1 {
        return (0..jobs).map(job).collect();
    }
    let queue = JobQueue { jobs, next: AtomicUsize::new(0), finished: Mutex::default() };
    thread::scope(|scope| {
        let start = |_| thread::Builder::new().spawn_scoped(scope, || queue.drain(&job)).ok();
        // If some threads cannot be started, the others or this one do the work.
        let threads: Vec<_> = (0..workers).filter_map(start).collect();
        let mut outcome = if threads.is_empty() { queue.drain(&job) } else { Ok(()) };
        for thread in threads {
            match thread.join() {
                Ok(drained) => outcome = outcome.and(drained),
                // A panic in the user's progress callback reaches the user's thread.
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        outcome
    })?;
    Ok(queue.into_values())
}

/// Free jobs, and the values of the finished ones.
struct JobQueue<T> {
    jobs: usize,
    /// The next free job; at least `jobs` if there is none.
    next: AtomicUsize,
    finished: Mutex<Vec<FinishedJob<T>>>,
}

struct FinishedJob<T> {
    job: usize,
    value: T,
}

impl<T> JobQueue<T> {
    /// Runs free jobs until none is left.
    fn drain(&self, run: &impl Fn(usize) -> Result<T>) -> Result<()> {
        let _guard = StopOnPanic(self);
        loop {
            let job = self.next.fetch_add(1, Ordering::Relaxed);
            if job >= self.jobs {
                return Ok(());
            }
            let value = run(job).inspect_err(|_| self.stop())?;
            // No job runs under the lock, so a poisoned list is complete.
            let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
            finished.push(FinishedJob { job, value });
        }
    }

    /// Removes the free jobs: after an error, their values are not needed.
    fn stop(&self) {
        self.next.store(self.jobs, Ordering::Relaxed);
    }

    /// Returns the values in job order.
    fn into_values(self) -> Vec<T> {
        let mut finished = self.finished.into_inner().unwrap_or_else(PoisonError::into_inner);
        finished.sort_unstable_by_key(|finished| finished.job);
        finished.into_iter().map(|finished| finished.value).collect()
    }
}

/// Removes the free jobs if its thread panics.
struct StopOnPanic<'q, T>(&'q JobQueue<T>);

impl<T> Drop for StopOnPanic<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::Error;

    #[test]
    fn values_come_in_job_order_for_any_number_of_workers() {
        for workers in [0, 1, 3, 9] {
            let squares = parallel_map(workers, 7, |job| Ok(job * job)).unwrap();
            assert_eq!(squares, [0, 1, 4, 9, 16, 25, 36], "{workers} workers");
        }
        assert!(parallel_map(4, 0, Ok).unwrap().is_empty());
    }

    #[test]
    fn an_error_ends_the_call() {
        let fail = |job| if job == 2 { Err(Error::EmptyQuery) } else { Ok(job) };
        for workers in [1, 3] {
            assert!(matches!(parallel_map(workers, 1000, fail), Err(Error::EmptyQuery)));
        }
    }

    #[test]
    fn a_panic_reaches_the_calling_thread() {
        let job = |job| {
            assert_ne!(job, 2, "job 2 panics");
            Ok(())
        };
        let run = || parallel_map(3, 1000, job);
        let panic = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        assert!(panic.downcast_ref::<String>().unwrap().contains("job 2 panics"));
    }
}
