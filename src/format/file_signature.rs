//! First bytes of every file of this crate: a magic number, then the version of the format.

use super::decode_error::{DecodeError, require, require_version, u32_at};

/// Magic number and readable versions of a file format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileSignature {
    /// Not text, not UTF-8, and broken by newline conversion.
    pub(crate) magic: [u8; 8],
    /// Oldest version that can be read.
    pub(crate) oldest: u32,
    /// Newest version that can be read, which is the one written.
    pub(crate) newest: u32,
    /// Error message for a file with another magic number.
    pub(crate) foreign: &'static str,
}

/// Offset of the version.
const VERSION_AT: usize = 8;

impl FileSignature {
    /// Length of magic number and version in bytes.
    pub(crate) const LEN: usize = VERSION_AT + size_of::<u32>();

    /// Encodes the magic number and the newest version.
    pub(crate) fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..VERSION_AT].copy_from_slice(&self.magic);
        bytes[VERSION_AT..].copy_from_slice(&self.newest.to_le_bytes());
        bytes
    }

    /// Checks that `file` begins with this magic number and a readable version, and that its header
    /// of `header_len` bytes is complete.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Corrupt`] for a short file or another magic number,
    /// [`DecodeError::Version`] for another version.
    pub(crate) fn check(&self, file: &[u8], header_len: usize) -> Result<(), DecodeError> {
        require(file.len() >= header_len.max(Self::LEN), "the file is shorter than its header")?;
        require(file.starts_with(&self.magic), self.foreign)?;
        require_version(u32_at(file, VERSION_AT), self.oldest..=self.newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: FileSignature =
        FileSignature { magic: *b"\x89PST\r\n\x1a\n", oldest: 2, newest: 3, foreign: "foreign" };

    #[test]
    fn a_written_signature_is_accepted() {
        let bytes = SIGNATURE.encode();
        assert_eq!(bytes, *b"\x89PST\r\n\x1a\n\x03\0\0\0");
        assert_eq!(SIGNATURE.check(&bytes, 0), Ok(()));
        let short = Err(DecodeError::Corrupt("the file is shorter than its header"));
        assert_eq!(SIGNATURE.check(&bytes, 13), short);
        assert_eq!(SIGNATURE.check(&bytes[..11], 0), short);
    }

    #[test]
    fn other_magic_numbers_and_versions_are_refused() {
        let mut bytes = SIGNATURE.encode();
        bytes[8] = 1;
        let expected = DecodeError::Version { got: 1, oldest: 2, newest: 3 };
        assert_eq!(SIGNATURE.check(&bytes, 0), Err(expected));
        bytes[3] = b'X';
        assert_eq!(SIGNATURE.check(&bytes, 0), Err(DecodeError::Corrupt("foreign")));
    }
}
