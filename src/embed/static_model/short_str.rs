//! Strings of up to 16 bytes in one integer, so that slicing, comparing and hashing take a few
//! instructions.

/// Maximum length of a short string in bytes.
pub(super) const MAX_SHORT: usize = size_of::<u128>();

/// Up to 16 bytes, little-endian; bytes beyond the length are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ShortStr {
    bytes: u128,
    len: usize,
}

impl ShortStr {
    /// Takes the first 16 bytes of `string`, or all if there are fewer.
    #[inline]
    pub(super) fn of(string: &[u8]) -> Self {
        let len = string.len().min(MAX_SHORT);
        // Two overlapping halves make up 4 to 15 bytes.
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

    /// Takes the first `len` of `bytes`, `len <= 16`.
    #[inline]
    pub(super) fn new(bytes: u128, len: usize) -> Self {
        debug_assert!(len <= MAX_SHORT, "a short string has at most 16 bytes");
        // A shift by all 128 bits keeps every byte.
        let dropped = if len < MAX_SHORT { u128::MAX << (8 * len) } else { 0 };
        Self { bytes: bytes & !dropped, len }
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
    #[expect(clippy::cast_possible_truncation, reason = "the first eight bytes are the lowest")]
    pub(super) fn first_block(self) -> u64 {
        self.bytes as u64
    }

    /// All 16 bytes.
    #[inline]
    pub(super) fn to_bytes(self) -> [u8; MAX_SHORT] {
        self.bytes.to_le_bytes()
    }
}
