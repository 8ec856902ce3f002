//! Rows of eight-bit codes in aligned blocks: every row is a whole number of blocks, so that
//! no kernel has a remainder to deal with.

/// Codes in a block: one register of the widest kernel, one line of the cache.
pub(crate) const BLOCK: usize = 64;

/// 64 codes, aligned to 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct Block<T>(pub(crate) [T; BLOCK]);

// SAFETY: zeros are a block of codes; bytes are initialised whatever they are.
unsafe impl bytemuck::Zeroable for Block<u8> {}
// SAFETY: `repr(C)` over 64 bytes, aligned to 64: a block is its bytes, without padding, and
// any bytes are one.
unsafe impl bytemuck::Pod for Block<u8> {}
