//! A column of byte strings of any length, each with a checksum.

use crate::format::{
    column::Column,
    decode_error::{DecodeError, require},
    sections::{Section, Sections, short_sum},
    tag::Tag,
};

/// Byte strings by number, from 0.
#[derive(Debug)]
pub(crate) struct BytesColumn {
    bytes: Column<u8>,
    /// End of each string in `bytes`.
    ends: Column<u64>,
    checksums: Column<u32>,
}

/// The sections that a [`BytesColumn`] is stored in.
#[derive(Clone, Copy)]
pub(crate) struct BytesColumnTags {
    pub(crate) bytes: Tag,
    pub(crate) ends: Tag,
    pub(crate) checksums: Tag,
}

/// A [`BytesColumn`] under construction.
#[derive(Debug, Default)]
pub(crate) struct BytesColumnBuilder {
    bytes: Vec<u8>,
    ends: Vec<u64>,
    checksums: Vec<u32>,
}

impl BytesColumnBuilder {
    pub(crate) fn push(&mut self, string: &[u8]) {
        self.bytes.extend_from_slice(string);
        self.ends.push(self.bytes.len() as u64);
        self.checksums.push(short_sum(&[string]));
    }

    pub(crate) fn seal(self) -> BytesColumn {
        BytesColumn {
            bytes: self.bytes.into(),
            ends: self.ends.into(),
            checksums: self.checksums.into(),
        }
    }
}

impl BytesColumn {
    /// Opens the column without reading its content.
    pub(crate) fn open(sections: &Sections, tags: BytesColumnTags) -> Result<Self, DecodeError> {
        Ok(Self {
            bytes: sections.column(tags.bytes)?,
            ends: sections.column(tags.ends)?,
            checksums: sections.column(tags.checksums)?,
        })
    }

    /// Checks that the column holds `len` strings that follow each other without gaps.
    pub(crate) fn check(&self, len: usize) -> Result<(), DecodeError> {
        let has_len = self.ends.len() == len && self.checksums.len() == len;
        require(
            has_len,
            "keys, heads, texts or pieces differ in number from articles or passages",
        )?;
        let end = self.ends.last().copied().unwrap_or(0);
        let is_contiguous = self.ends.is_sorted() && end == self.bytes.len() as u64;
        require(is_contiguous, "keys, heads, texts or pieces do not follow each other")
    }

    pub(crate) fn sections(&self, tags: BytesColumnTags) -> [Section<'_>; 3] {
        [
            Section::new(tags.bytes, self.bytes.as_bytes()),
            Section::new(tags.ends, self.ends.as_bytes()),
            Section::new(tags.checksums, self.checksums.as_bytes()),
        ]
    }

    /// String `number`; `None` if its checksum does not match.
    pub(crate) fn get(&self, number: usize) -> Option<&[u8]> {
        let string = self.get_unverified(number)?;
        (self.checksums.get(number) == Some(&short_sum(&[string]))).then_some(string)
    }

    /// String `number` as text; `None` if its checksum does not match or it is not UTF-8.
    pub(crate) fn text(&self, number: usize) -> Option<&str> {
        std::str::from_utf8(self.get(number)?).ok()
    }

    /// String `number`, its checksum not compared.
    pub(crate) fn get_unverified(&self, number: usize) -> Option<&[u8]> {
        let start = if number == 0 { 0 } else { self.end(number - 1)? };
        self.bytes.get(start..self.end(number)?)
    }

    fn end(&self, number: usize) -> Option<usize> {
        usize::try_from(*self.ends.get(number)?).ok()
    }
}
