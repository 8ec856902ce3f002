//! What a vector depends on, and a map that knows which of its entries were used last.

use std::fmt;

use lru::LruCache;
use rustc_hash::FxBuildHasher;
use xxhash_rust::xxh3::xxh3_128;

use crate::{Embedder, Role};

/// What made a vector of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Namespace {
    /// Hash of the model's identity.
    pub(super) model: u128,
    pub(super) role: Role,
    /// Values in the vector.
    pub(super) dim: u32,
}

/// What a vector depends on: equal keys, equal vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) origin: Namespace,
    /// XXH3-128 of the text.
    pub(super) text: u128,
}

impl Namespace {
    /// `None` if vectors of so many values are not kept.
    pub(super) fn of(embedder: &dyn Embedder, role: Role) -> Option<Self> {
        let dim = u32::try_from(embedder.dim()).ok().filter(|dim| *dim > 0)?;
        Some(Self { model: embedder.identity().hash, role, dim })
    }

    pub(super) fn key(self, text: &str) -> Key {
        Key { origin: self, text: xxh3_128(text.as_bytes()) }
    }

    /// Values in a vector.
    pub(super) fn dim(self) -> usize {
        self.dim as usize
    }
}

/// Values by key, in the order of their use.
pub(super) struct Recent<V>(LruCache<Key, V, FxBuildHasher>);

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self(LruCache::unbounded_with_hasher(FxBuildHasher))
    }
}

impl<V> fmt::Debug for Recent<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<V> Recent<V> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn contains(&self, key: &Key) -> bool {
        self.0.contains(key)
    }

    /// The value of `key`, which is the one used last from now on.
    pub(super) fn used(&mut self, key: &Key) -> Option<&V> {
        self.0.get(key)
    }

    /// Puts in a value as the one used last; returns the one that it replaces.
    pub(super) fn put(&mut self, key: Key, value: V) -> Option<V> {
        self.0.put(key, value)
    }

    pub(super) fn remove(&mut self, key: &Key) {
        self.0.pop(key);
    }

    /// Removes the entry that was not used for the longest time.
    pub(super) fn remove_oldest(&mut self) -> Option<(Key, V)> {
        self.0.pop_lru()
    }

    /// The keys, from the one used last to the one not used for the longest time.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.0.iter().map(|(key, _)| key)
    }
}
