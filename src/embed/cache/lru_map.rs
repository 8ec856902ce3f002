//! A map whose entries are ordered by their last use.

use std::fmt;

use lru::LruCache;
use rustc_hash::FxBuildHasher;

use super::cache_key::CacheKey;

/// Values by key, ordered by their last use.
pub(super) struct LruMap<V>(LruCache<CacheKey, V, FxBuildHasher>);

impl<V> Default for LruMap<V> {
    fn default() -> Self {
        Self(LruCache::unbounded_with_hasher(FxBuildHasher))
    }
}

impl<V> fmt::Debug for LruMap<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LruMap").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<V> LruMap<V> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn contains(&self, key: &CacheKey) -> bool {
        self.0.contains(key)
    }

    /// Returns the value of `key` and marks it as the last one used.
    pub(super) fn get(&mut self, key: &CacheKey) -> Option<&V> {
        self.0.get(key)
    }

    /// Inserts `value` as the last one used; returns the value that it replaces.
    pub(super) fn insert(&mut self, key: CacheKey, value: V) -> Option<V> {
        self.0.put(key, value)
    }

    pub(super) fn remove(&mut self, key: &CacheKey) {
        self.0.pop(key);
    }

    /// Removes the least recently used entry and returns its value.
    pub(super) fn remove_oldest(&mut self) -> Option<V> {
        self.0.pop_lru().map(|(_, value)| value)
    }

    /// Returns the keys, most recently used first.
    pub(super) fn keys(&self) -> impl Iterator<Item = &CacheKey> {
        self.0.iter().map(|(key, _)| key)
    }
}
