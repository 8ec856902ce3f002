//! The last value that a writer published, for readers on other threads.

use std::sync::{Arc, PoisonError, RwLock};

/// The last value that a writer published. Its lock is held only to copy or to replace a pointer.
#[derive(Debug)]
pub(crate) struct Latest<T>(RwLock<Arc<T>>);

impl<T> Latest<T> {
    /// Publishes the first value.
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self(RwLock::new(value))
    }

    /// Returns the last published value.
    pub(crate) fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Publishes `value`.
    pub(crate) fn set(&self, value: Arc<T>) {
        let mut latest = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let previous = std::mem::replace(&mut *latest, value);
        drop(latest);
        // Readers do not wait while the files of the previous value are unmapped.
        drop(previous);
    }
}
