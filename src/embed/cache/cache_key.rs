//! The key of a cached vector: everything that the vector depends on.

use xxhash_rust::xxh3::xxh3_128;

use crate::{Embedder, Role};

/// The vectors of one model in one role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Namespace {
    /// Hash of the model's identity.
    pub(super) model: u128,
    pub(super) role: Role,
    /// Values of a vector, `dim >= 1`.
    pub(super) dim: u32,
}

/// Equal keys have equal vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct CacheKey {
    pub(super) namespace: Namespace,
    /// XXH3-128 of the text.
    pub(super) text: u128,
}

impl Namespace {
    /// Returns `None` if vectors of `dim` values are not cached: the file stores `dim` in 32 bits.
    pub(super) fn of(embedder: &dyn Embedder, role: Role, dim: usize) -> Option<Self> {
        let dim = u32::try_from(dim).ok().filter(|dim| *dim > 0)?;
        Some(Self { model: embedder.identity().hash, role, dim })
    }

    pub(super) fn key(self, text: &str) -> CacheKey {
        CacheKey { namespace: self, text: xxh3_128(text.as_bytes()) }
    }

    /// Values of a vector.
    pub(super) fn dim(self) -> usize {
        self.dim as usize
    }
}
