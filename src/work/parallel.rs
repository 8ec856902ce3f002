//! Work shared out to plain threads, never to those of a `rayon` pool: what a model does may wait
//! for such threads itself.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::Result;

/// Does jobs 0 to `jobs` on up to `workers` threads, and returns what they gave in the order of
/// the jobs.
///
/// Each thread takes the next job that none has taken. After an error, or a panic, no more jobs
/// are taken.
///
/// # Errors
///
/// One of those that jobs returned.
pub(crate) fn parallel_map<T: Send>(
    workers: usize,
    jobs: usize,
    job: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let workers = workers.min(jobs);
    if workers <= 1 {
        return (0..jobs).map(job).collect();
    }
    let queue = JobQueue { jobs, next: AtomicUsize::new(0), done: Mutex::default() };
    thread::scope(|scope| {
        let start = |_| thread::Builder::new().spawn_scoped(scope, || queue.drain(&job)).ok();
        // Those that cannot be started leave their work to the others, or to this thread.
        let threads: Vec<_> = (0..workers).filter_map(start).collect();
        let mut outcome = if threads.is_empty() { queue.drain(&job) } else { Ok(()) };
        for thread in threads {
            match thread.join() {
                Ok(done) => outcome = outcome.and(done),
                // A panic of the user's model goes on in the user's thread.
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        outcome
    })?;
    Ok(queue.in_order())
}

/// The jobs that no thread has taken, and what the others gave.
struct JobQueue<T> {
    jobs: usize,
    next: AtomicUsize,
    done: Mutex<Vec<(usize, T)>>,
}

impl<T> JobQueue<T> {
    /// Does jobs until none is left.
    fn drain(&self, job: &impl Fn(usize) -> Result<T>) -> Result<()> {
        let _guard = StopOnPanic(self);
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            if at >= self.jobs {
                return Ok(());
            }
            let given = job(at).inspect_err(|_| self.stop())?;
            self.done.lock().unwrap_or_else(PoisonError::into_inner).push((at, given));
        }
    }

    /// Leaves nothing for the other threads to do: the result is lost anyway.
    fn stop(&self) {
        self.next.store(self.jobs, Ordering::Relaxed);
    }

    fn in_order(self) -> Vec<T> {
        let mut done = self.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_unstable_by_key(|(at, _)| *at);
        done.into_iter().map(|(_, given)| given).collect()
    }
}

/// Stops all threads when one of them panics.
struct StopOnPanic<'q, T>(&'q JobQueue<T>);

impl<T> Drop for StopOnPanic<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
    }
}
