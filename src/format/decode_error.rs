//! Errors of bytes that are not a file of this crate, and reads of the numbers in a header.

use std::{fmt::Display, ops::RangeInclusive};

use crate::Error;

/// Reason why bytes cannot be decoded; [`in_file`](Self::in_file) adds where they come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecodeError {
    /// The bytes are damaged or of another kind; the text states the fault.
    Corrupt(&'static str),
    /// The bytes have a format version outside `oldest..=newest`.
    Version { got: u32, oldest: u32, newest: u32 },
}

impl DecodeError {
    /// Adds `origin`, the file that holds the bytes.
    pub(crate) fn in_file(self, origin: impl Display) -> Error {
        let origin = origin.to_string();
        match self {
            Self::Corrupt(fault) => Error::Corrupt { origin, fault },
            Self::Version { got, oldest, newest } => Error::Version { origin, got, oldest, newest },
        }
    }
}

/// Checks a condition that every valid file satisfies; `fault` completes the message
/// "FILE is damaged or of another kind: ...".
///
/// # Errors
///
/// [`DecodeError::Corrupt`] with `fault` if `holds` is false.
pub(crate) fn require(holds: bool, fault: &'static str) -> Result<(), DecodeError> {
    if holds { Ok(()) } else { Err(DecodeError::Corrupt(fault)) }
}

/// Checks that `versions`, the readable ones, contain `got`.
///
/// # Errors
///
/// [`DecodeError::Version`] if they do not.
pub(crate) fn require_version(got: u32, versions: RangeInclusive<u32>) -> Result<(), DecodeError> {
    if versions.contains(&got) {
        return Ok(());
    }
    let oldest = *versions.start();
    let newest = *versions.end();
    Err(DecodeError::Version { got, oldest, newest })
}

/// Reads the little-endian number at offset `at`.
///
/// # Panics
///
/// If `bytes` end before the number does: the caller checks the length first.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let number = bytes[at..].first_chunk().expect("the caller checked that 4 bytes follow");
    u32::from_le_bytes(*number)
}

/// Reads the little-endian number at offset `at`.
///
/// # Panics
///
/// If `bytes` end before the number does: the caller checks the length first.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let number = bytes[at..].first_chunk().expect("the caller checked that 8 bytes follow");
    u64::from_le_bytes(*number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_little_endian_at_their_offset() {
        let bytes = [9, 1, 2, 0, 0, 0, 0, 0, 3];
        assert_eq!(u32_at(&bytes, 1), 0x0201);
        assert_eq!(u64_at(&bytes, 1), (3 << 56) + 0x0201);
    }

    #[test]
    #[should_panic(expected = "4 bytes follow")]
    fn a_read_past_the_end_panics() {
        u32_at(&[0; 7], 4);
    }

    #[test]
    fn versions_outside_the_range_are_errors() {
        assert_eq!(require_version(2, 2..=3), Ok(()));
        for got in [1, 4] {
            let expected = DecodeError::Version { got, oldest: 2, newest: 3 };
            assert_eq!(require_version(got, 2..=3), Err(expected));
        }
    }
}
