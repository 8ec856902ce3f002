//! Why bytes are not a file of this crate, and how the numbers in its header are read.

use std::{fmt::Display, ops::RangeInclusive};

use crate::Error;

/// Why bytes are not read; with the file's name it is an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecodeError {
    /// This check failed.
    Corrupt(&'static str),
    /// They are of a version that is not read.
    Version { got: u32, oldest: u32, newest: u32 },
}

impl DecodeError {
    /// The error that says what is wrong with `origin`.
    pub(crate) fn in_file(self, origin: impl Display) -> Error {
        let origin = origin.to_string();
        match self {
            Self::Corrupt(check) => Error::Corrupt { origin, check },
            Self::Version { got, oldest, newest } => Error::Version { origin, got, oldest, newest },
        }
    }
}

/// [`DecodeError::Corrupt`] unless the check `holds`.
pub(crate) fn require(holds: bool, check: &'static str) -> Result<(), DecodeError> {
    if holds { Ok(()) } else { Err(DecodeError::Corrupt(check)) }
}

/// [`DecodeError::Version`] unless `got` is one of the `versions` that are read.
pub(crate) fn require_version(got: u32, versions: RangeInclusive<u32>) -> Result<(), DecodeError> {
    let (oldest, newest) = (*versions.start(), *versions.end());
    if versions.contains(&got) { Ok(()) } else { Err(DecodeError::Version { got, oldest, newest }) }
}

/// The number at `at`, which the caller knows to lie within `bytes`.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().copied().map_or(0, u32::from_le_bytes)
}

/// The number at `at`, which the caller knows to lie within `bytes`.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().copied().map_or(0, u64::from_le_bytes)
}
