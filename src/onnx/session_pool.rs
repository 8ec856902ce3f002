//! A pool of sessions: each serves one caller at a time, on its own threads.

use std::panic::resume_unwind;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{Error, Result};

/// Lends each item to one caller at a time; a caller waits until an item is free.
///
/// Work runs on the item's own rayon pool, where nested parallel work stays and where the item is
/// returned. A caller therefore never waits for an item that its own stack holds.
pub(crate) struct SessionPool<T> {
    slots: Vec<Slot<T>>,
    /// Positions of the unused slots.
    free: Mutex<Vec<usize>>,
    given_back: Condvar,
}

struct Slot<T> {
    item: Mutex<T>,
    threads: ThreadPool,
}

/// A claim on one slot, given back when dropped.
struct Claim<'p, T> {
    pool: &'p SessionPool<T>,
    at: usize,
}

impl<T: Send> SessionPool<T> {
    /// Creates the pool with one thread per item.
    ///
    /// # Errors
    ///
    /// [`Error::Threads`] if the threads cannot be started.
    pub(crate) fn new(items: Vec<T>) -> Result<Self> {
        Self::with_threads(items, 1)
    }

    /// Creates the pool with `threads` per item for nested parallel work.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub(crate) fn with_threads(items: Vec<T>, threads: usize) -> Result<Self> {
        let free = Mutex::new((0..items.len()).collect());
        let slots = items.into_iter().map(|item| Slot::new(item, threads));
        let slots: Vec<_> = slots.collect::<Result<_>>()?;
        Ok(Self { slots, free, given_back: Condvar::new() })
    }

    /// Returns the number of callers that are served at once.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Runs `work` with the first free item.
    pub(crate) fn run<R: Send>(&self, work: impl FnOnce(&mut T) -> R + Send) -> R {
        if rayon::current_thread_index().is_none() {
            return self.install(work);
        }
        // A waiting rayon worker steals further calls and nests them until its stack overflows.
        // A plain thread only waits.
        thread::scope(|scope| match scope.spawn(|| self.install(work)).join() {
            Ok(done) => done,
            Err(panic) => resume_unwind(panic),
        })
    }

    fn install<R: Send>(&self, work: impl FnOnce(&mut T) -> R + Send) -> R {
        let claim = self.claim();
        let slot = &self.slots[claim.at];
        slot.threads.install(move || {
            // Dropped after `item`, on this thread, also if `work` panics.
            let _claim = claim;
            let mut item = slot.item.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut item)
        })
    }

    fn claim(&self) -> Claim<'_, T> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(at) = free.pop() {
                return Claim { pool: self, at };
            }
            free = self.given_back.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> Slot<T> {
    fn new(item: T, threads: usize) -> Result<Self> {
        let builder = ThreadPoolBuilder::new().num_threads(threads);
        let threads = builder
            .thread_name(|_| "passim-session".to_owned())
            .build()
            .map_err(|error| Error::Threads(error.into()))?;
        Ok(Self { item: Mutex::new(item), threads })
    }
}

impl<T> Drop for Claim<'_, T> {
    fn drop(&mut self) {
        let mut free = self.pool.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.push(self.at);
        self.pool.given_back.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use rayon::prelude::*;

    use super::*;

    #[test]
    fn an_item_is_used_by_one_caller_at_a_time() {
        let pool = SessionPool::new(vec![0_u32, 0]).unwrap();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..100).for_each(|_| pool.run(|count| *count += 1)));
            }
        });
        let counts = pool.slots.iter().map(|slot| *slot.item.lock().unwrap());
        assert_eq!(counts.sum::<u32>(), 800);
    }

    #[test]
    fn an_item_comes_back_after_a_panic() {
        let pool = SessionPool::new(vec![0]).unwrap();
        let failed = catch_unwind(AssertUnwindSafe(|| pool.run(|_| panic!("on purpose"))));
        assert!(failed.is_err());
        assert_eq!(pool.run(|item| *item), 0);
    }

    /// Rayon's issue 592: a worker that waits inside a call steals the next call. That call must not
    /// need an item that the first one holds.
    #[test]
    fn rayon_workers_call_without_deadlock() {
        let (done, watch) = mpsc::channel();
        thread::spawn(move || {
            let pool = SessionPool::new(vec![0_usize]).unwrap();
            let outer = ThreadPoolBuilder::new().num_threads(4).build().unwrap();
            // Slow enough that idle workers steal parts of the work.
            let work = |n: usize| {
                let parts = (0..8_usize).into_par_iter();
                parts.inspect(|_| thread::sleep(Duration::from_micros(100))).map(|x| x * n).sum()
            };
            let sum: usize = outer.install(|| {
                let calls = (0..100_usize).into_par_iter();
                calls.map(|n| pool.run(|_| -> usize { work(n) })).sum()
            });
            done.send(sum).unwrap();
        });
        let expected = (0..100).sum::<usize>() * (0..8).sum::<usize>();
        assert_eq!(watch.recv_timeout(Duration::from_secs(30)), Ok(expected));
    }

    /// Otherwise the stack of a worker grows with the number of calls.
    #[test]
    fn a_rayon_worker_is_in_one_call_at_a_time() {
        thread_local!(static DEPTH: Cell<usize> = const { Cell::new(0) });
        let pool = SessionPool::new(vec![()]).unwrap();
        let deepest = AtomicUsize::new(0);
        let outer = ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        outer.install(|| {
            (0..500).into_par_iter().for_each(|_| {
                DEPTH.set(DEPTH.get() + 1);
                deepest.fetch_max(DEPTH.get(), Ordering::Relaxed);
                pool.run(|()| thread::sleep(Duration::from_micros(50)));
                DEPTH.set(DEPTH.get() - 1);
            });
        });
        assert_eq!(deepest.into_inner(), 1);
    }
}
