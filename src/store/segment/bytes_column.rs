//! Pieces of bytes of any length, one behind the other, each with its checksum.

use crate::format::{
    column::Column,
    decode_error::{DecodeError, require},
    sections::{Section, Sections, Tag, short_sum},
};

/// Byte strings by number, from 0.
#[derive(Debug)]
pub(crate) struct BytesColumn {
    bytes: Column<u8>,
    /// Where each of them ends.
    ends: Column<u64>,
    sums: Column<u32>,
}

/// The sections that blobs are in.
#[derive(Clone, Copy)]
pub(crate) struct BytesColumnTags {
    pub(crate) bytes: Tag,
    pub(crate) ends: Tag,
    pub(crate) sums: Tag,
}

/// BytesColumn that are being gathered.
#[derive(Debug, Default)]
pub(crate) struct BytesColumnBuilder {
    bytes: Vec<u8>,
    ends: Vec<u64>,
    sums: Vec<u32>,
}

impl BytesColumnBuilder {
    pub(crate) fn push(&mut self, blob: &[u8]) {
        self.bytes.extend_from_slice(blob);
        self.ends.push(self.bytes.len() as u64);
        self.sums.push(short_sum(&[blob]));
    }

    pub(crate) fn seal(self) -> BytesColumn {
        BytesColumn { bytes: self.bytes.into(), ends: self.ends.into(), sums: self.sums.into() }
    }
}

impl BytesColumn {
    /// The blobs in `sections`; nothing of them is looked at.
    pub(crate) fn open(sections: &Sections, tags: BytesColumnTags) -> Result<Self, DecodeError> {
        let bytes = sections.array(tags.bytes)?;
        Ok(Self { bytes, ends: sections.array(tags.ends)?, sums: sections.array(tags.sums)? })
    }

    /// Refuses blobs that are not `len` or do not follow each other.
    pub(crate) fn check(&self, len: usize) -> Result<(), DecodeError> {
        let whole = self.ends.len() == len && self.sums.len() == len;
        require(whole, "it has another number of keys, titles or texts than of articles")?;
        let end = self.ends.last().copied().unwrap_or(0);
        let ordered = self.ends.is_sorted() && end == self.bytes.len() as u64;
        require(ordered, "its keys, titles or texts do not follow each other")
    }

    pub(crate) fn parts(&self, tags: BytesColumnTags) -> [Section<'_>; 3] {
        [
            (tags.bytes, self.bytes.as_bytes()),
            (tags.ends, self.ends.as_bytes()),
            (tags.sums, self.sums.as_bytes()),
        ]
    }

    /// Blob `at`; `None` if its checksum does not match.
    pub(crate) fn get(&self, at: usize) -> Option<&[u8]> {
        self.get_unverified(at).filter(|blob| self.sums.get(at) == Some(&short_sum(&[blob])))
    }

    /// Blob `at`; `None` if its checksum does not match, or it is not text.
    pub(crate) fn text(&self, at: usize) -> Option<&str> {
        std::str::from_utf8(self.get(at)?).ok()
    }

    /// Blob `at`, whatever it is.
    pub(crate) fn get_unverified(&self, at: usize) -> Option<&[u8]> {
        let place = |end: &u64| usize::try_from(*end).ok();
        let start = if at == 0 { 0 } else { place(self.ends.get(at - 1)?)? };
        self.bytes.get(start..place(self.ends.get(at)?)?)
    }
}
