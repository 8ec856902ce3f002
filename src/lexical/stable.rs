//! Bytes of an array as the owned bytes that postings are read from, without a copy.

#![expect(unsafe_code, reason = "a promise about addresses; the comment states why it holds")]

use std::ops::Deref;

use stable_deref_trait::StableDeref;

use crate::format::column::Array;

/// Bytes that stay where they are when this is moved.
pub(super) struct Stable(Array<u8>);

impl Stable {
    pub(super) fn new(bytes: Array<u8>) -> Self {
        Self(bytes)
    }
}

impl Deref for Stable {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

// SAFETY: the bytes are on the heap behind a `Vec`, or in the mapping of a file behind an `Arc`;
// both stay where they are when their owner is moved. The array is private and is never changed:
// nobody gets it by `&mut`, and it has no interior mutability.
unsafe impl StableDeref for Stable {}
