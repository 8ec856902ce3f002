//! Aligned blocks of eight-bit codes. A row is a whole number of blocks, so kernels handle no
//! remainder.

/// Codes per block: one register of the widest kernel, one cache line.
pub(crate) const BLOCK: usize = 64;

/// 64 codes, aligned to 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct CodeBlock<T>(pub(crate) [T; BLOCK]);

// SAFETY: 64 zero bytes are a valid block.
unsafe impl bytemuck::Zeroable for CodeBlock<u8> {}
// SAFETY: `repr(C)` over 64 bytes, aligned to 64: a block has no padding, and any bytes are valid.
unsafe impl bytemuck::Pod for CodeBlock<u8> {}
