//! A pool of scratch values, whose buffers consecutive calls reuse.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Scratch values that no call uses now.
///
/// Their number is at most the highest number of concurrent calls so far.
pub(crate) struct ScratchPool<T> {
    /// Boxed, so that a call moves no buffers.
    free: Mutex<Vec<Box<T>>>,
    is_kept: fn(&T) -> bool,
}

impl<T: Default> ScratchPool<T> {
    /// An empty pool that frees a returned value unless `is_kept` accepts it.
    pub(crate) fn keeping(is_kept: fn(&T) -> bool) -> Self {
        Self { free: Mutex::default(), is_kept }
    }

    /// Calls `work` with a value that no other call uses.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let free = self.free().pop();
        let mut scratch = free.unwrap_or_default();
        let result = work(&mut scratch);
        if (self.is_kept)(&scratch) {
            self.free().push(scratch);
        }
        result
    }
}

impl<T> ScratchPool<T> {
    fn free(&self) -> MutexGuard<'_, Vec<Box<T>>> {
        // `work` runs without the lock, and a panic cannot interrupt `push` or `pop`: a poisoned
        // list is valid.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An empty pool that keeps every returned value.
impl<T: Default> Default for ScratchPool<T> {
    fn default() -> Self {
        Self::keeping(|_| true)
    }
}

impl<T> fmt::Debug for ScratchPool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScratchPool").field("free", &self.free().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_values_are_freed() {
        let pool: ScratchPool<Vec<u8>> = ScratchPool::keeping(|buffer| buffer.len() <= 2);
        pool.with(|buffer| buffer.extend([1, 2]));
        assert_eq!(pool.with(|buffer| buffer.clone()), [1, 2]);
        pool.with(|buffer| buffer.push(3));
        assert!(pool.with(|buffer| buffer.is_empty()));
    }

    #[test]
    fn concurrent_calls_have_separate_values() {
        let pool: ScratchPool<Vec<u8>> = ScratchPool::default();
        pool.with(|one| {
            one.push(1);
            pool.with(|other| assert!(other.is_empty()));
        });
        assert_eq!(pool.free().len(), 2);
    }
}
