//! Strings of up to 16 bytes as one number, so that they are cut, compared and hashed in a few
//! steps.

/// Most bytes of a short string.
pub(super) const SHORT: usize = size_of::<u128>();

/// Up to 16 bytes, in order from the lowest; those that it does not have are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ShortStr {
    bytes: u128,
    len: usize,
}

impl ShortStr {
    /// The first bytes of `string`, as many as there are and fit.
    #[inline]
    pub(super) fn of(string: &[u8]) -> Self {
        let len = string.len().min(SHORT);
        // Fewer than 16 are put together of two halves that overlap.
        let bytes = if let Some(chunk) = string.first_chunk() {
            u128::from_le_bytes(*chunk)
        } else if let Some((first, last)) = string.first_chunk::<8>().zip(string.last_chunk()) {
            let [first, last] = [first, last].map(|half| u128::from(u64::from_le_bytes(*half)));
            first | last << (8 * (len - 8))
        } else if let Some((first, last)) = string.first_chunk::<4>().zip(string.last_chunk()) {
            let [first, last] = [first, last].map(|half| u128::from(u32::from_le_bytes(*half)));
            first | last << (8 * (len - 4))
        } else {
            string.iter().rev().fold(0, |bytes, &byte| bytes << 8 | u128::from(byte))
        };
        Self { bytes, len }
    }

    /// The first `len` of `bytes`, at most 16.
    #[inline]
    pub(super) fn new(bytes: u128, len: usize) -> Self {
        // All bits of the bytes that are not kept.
        let others = u128::MAX.checked_shl(8 * u32::try_from(len).unwrap_or(0)).unwrap_or(0);
        Self { bytes: bytes & !others, len }
    }

    #[inline]
    pub(super) fn len(self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn bytes(self) -> u128 {
        self.bytes
    }

    /// The first eight bytes.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the others are not wanted")]
    pub(super) fn first_block(self) -> u64 {
        self.bytes as u64
    }

    /// All 16 bytes.
    #[inline]
    pub(super) fn to_bytes(self) -> [u8; SHORT] {
        self.bytes.to_le_bytes()
    }

    /// The first `len` bytes, of which there are as many.
    #[inline]
    pub(super) fn first(self, len: usize) -> Self {
        Self::new(self.bytes, len)
    }
}
