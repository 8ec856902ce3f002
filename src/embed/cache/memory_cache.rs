//! Cached vectors in memory, within a bound.

use super::{cache_key::CacheKey, lru_map::LruMap};

/// Approximate bytes of an entry besides the values of its vector. They hold the key, two links of
/// the order of use, a slot in the map, and the overhead of the allocator.
const ENTRY_BYTES: usize = 160;

/// The most recently used vectors.
#[derive(Debug)]
pub(super) struct MemoryCache {
    /// Maximum of `bytes`.
    limit: usize,
    bytes: usize,
    vectors: LruMap<Box<[f32]>>,
}

impl MemoryCache {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, bytes: 0, vectors: LruMap::default() }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.vectors.len()
    }

    /// Appends the vector of `key` to `values`; returns whether there is one.
    pub(super) fn find(&mut self, key: &CacheKey, values: &mut Vec<f32>) -> bool {
        let Some(vector) = self.vectors.get(key) else { return false };
        values.extend_from_slice(vector);
        true
    }

    /// Inserts `vector` and removes the least recently used vectors that exceed the limit. A
    /// vector that exceeds the limit by itself is not inserted.
    pub(super) fn insert(&mut self, key: CacheKey, vector: &[f32]) {
        if cost(vector) > self.limit {
            return;
        }
        self.bytes += cost(vector);
        if let Some(replaced) = self.vectors.insert(key, vector.into()) {
            self.bytes -= cost(&replaced);
        }
        while self.bytes > self.limit {
            let oldest = self.vectors.remove_oldest().expect("an empty cache has no bytes");
            self.bytes -= cost(&oldest);
        }
    }
}

/// Returns the bytes that `vector` takes in memory.
fn cost(vector: &[f32]) -> usize {
    size_of_val(vector) + ENTRY_BYTES
}
