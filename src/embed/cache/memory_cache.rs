//! Vectors in memory, within a bound.

use super::recent::{Key, Recent};

/// Bytes that an entry takes beside the values of its vector, about: key, links to the entries
/// used before and after it, its place in the map, and what the allocator adds.
const ENTRY: usize = 160;

/// The vectors used last.
#[derive(Debug)]
pub(super) struct Memory {
    limit: usize,
    bytes: usize,
    vectors: Recent<Box<[f32]>>,
}

impl Memory {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, bytes: 0, vectors: Recent::default() }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.vectors.len()
    }

    /// Appends the vector of `key` to `values`; false if it is not there.
    pub(super) fn find(&mut self, key: &Key, values: &mut Vec<f32>) -> bool {
        let vector = self.vectors.used(key);
        vector.inspect(|vector| values.extend_from_slice(vector)).is_some()
    }

    /// Keeps `vector`, and of the others as many as there is room for.
    pub(super) fn keep(&mut self, key: Key, vector: &[f32]) {
        if cost(vector) > self.limit {
            return;
        }
        self.bytes += cost(vector);
        if let Some(replaced) = self.vectors.put(key, vector.into()) {
            self.bytes -= cost(&replaced);
        }
        while self.bytes > self.limit {
            let Some((_, oldest)) = self.vectors.remove_oldest() else { break };
            self.bytes -= cost(&oldest);
        }
    }
}

fn cost(vector: &[f32]) -> usize {
    size_of_val(vector) + ENTRY
}
