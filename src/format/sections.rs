//! Container of every index file: a header, a table of sections, and the sections.
//!
//! `docs/FORMAT.md` specifies it. Sections start at multiples of 64 bytes, so that their numbers
//! are aligned in a mapped file. One checksum covers header and table; each section has its own.

use std::{ops::Range, path, sync::Arc};

use bytemuck::Pod;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use super::{
    codec,
    column::{Column, MappedFile},
    decode_error::{DecodeError, require, u32_at, u64_at},
    file_signature::FileSignature,
    tag::Tag,
};

const SIGNATURE: FileSignature = FileSignature {
    magic: *b"\x89PSC\r\n\x1a\n",
    oldest: 1,
    newest: 1,
    foreign: "the first bytes are not those of an index file",
};

// Offsets in the header.
const KIND_AT: usize = FileSignature::LEN;
const FILE_NUMBER_AT: usize = 16;
const LENGTH_AT: usize = 24;
const COUNT_AT: usize = 32;
const RESERVED: Range<usize> = 36..56;
const CHECKSUM_AT: usize = 56;
const HEADER_LEN: usize = 64;

// Offsets in an entry of the table. The tag is followed by 4 reserved bytes.
const TAG_AT: usize = 0;
const TAG_RESERVED_AT: usize = 4;
const OFFSET_AT: usize = 8;
const SECTION_LENGTH_AT: usize = 16;
const SECTION_CHECKSUM_AT: usize = 24;
const ENTRY_LEN: usize = 32;

/// Sections start at multiples of this number of bytes.
const ALIGNMENT: usize = 64;
/// Maximum number of sections, above that of any version.
const MAX_SECTIONS: usize = 256;

/// Kind of a file. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    /// Files of one generation.
    Manifest = 1,
    /// Articles with their passages, vectors and indexes.
    Segment = 2,
    /// Removed articles of a segment.
    Removals = 3,
    /// Calibration queries and the recall measured on them.
    Calibration = 4,
    /// An index over vectors alone.
    VectorIndex = 5,
    /// Files of one generation of a vector store.
    VectorManifest = 6,
    /// Vectors with their ids and their index.
    VectorSegment = 7,
    /// Files that a sync of a folder read.
    FileStamps = 8,
}

/// Identity of a file. Two files of the same name differ in their checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct FileId {
    /// Number of the file, unique in its index.
    pub(crate) number: u64,
    /// Length in bytes.
    pub(crate) length: u64,
    /// Checksum of header and table. It covers the sections, since the table has their checksums.
    pub(crate) checksum: u64,
}

/// A section to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Section<'a> {
    pub(crate) tag: Tag,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Section<'a> {
    pub(crate) fn new(tag: Tag, bytes: &'a [u8]) -> Self {
        Self { tag, bytes }
    }
}

/// Table of a file to write.
struct EncodedTable {
    bytes: Vec<u8>,
    /// Length of the whole file in bytes.
    file_len: usize,
}

fn encode_table(sections: &[Section]) -> EncodedTable {
    let mut end = HEADER_LEN + sections.len() * ENTRY_LEN;
    let mut table = Vec::with_capacity(sections.len() * ENTRY_LEN);
    for Section { tag, bytes } in sections {
        let start = end.next_multiple_of(ALIGNMENT);
        end = start + bytes.len();
        for field in [*tag as u64, start as u64, bytes.len() as u64, xxh3_64(bytes)] {
            table.extend(field.to_le_bytes());
        }
    }
    EncodedTable { bytes: table, file_len: end }
}

/// Encodes header and table of a file that holds `sections`, and returns its identity.
pub(crate) fn header(kind: Kind, number: u64, sections: &[Section]) -> (Vec<u8>, FileId) {
    let count = u32::try_from(sections.len()).expect("a file has at most `MAX_SECTIONS`");
    let table = encode_table(sections);
    let length = table.file_len as u64;
    let mut header = Vec::with_capacity(HEADER_LEN + table.bytes.len());
    header.extend(SIGNATURE.encode());
    header.extend((kind as u32).to_le_bytes());
    header.extend(number.to_le_bytes());
    header.extend(length.to_le_bytes());
    header.extend(count.to_le_bytes());
    header.resize(CHECKSUM_AT, 0);
    let checksum = checksum_of(&header, &table.bytes);
    header.extend(checksum.to_le_bytes());
    header.extend(table.bytes);
    (header, FileId { number, length, checksum })
}

/// Returns the zeros between a file of `written` bytes and the start of its next section.
pub(crate) fn padding(written: usize) -> &'static [u8] {
    &[0; ALIGNMENT][..written.next_multiple_of(ALIGNMENT) - written]
}

/// Returns the bytes of a file in the order in which they are written, as pairs of padding and
/// content: the `header`, then each section.
pub(crate) fn file_parts<'f>(
    header: &'f [u8],
    sections: &'f [Section<'f>],
) -> impl Iterator<Item = [&'f [u8]; 2]> {
    let mut written = header.len();
    let sections = sections.iter().map(move |Section { bytes, .. }| {
        let padding = padding(written);
        written += padding.len() + bytes.len();
        [padding, *bytes]
    });
    std::iter::once([[].as_slice(), header]).chain(sections)
}

fn checksum_of(header: &[u8], table: &[u8]) -> u64 {
    let mut hasher = Xxh3Default::new();
    hasher.update(header);
    hasher.update(table);
    hasher.digest()
}

/// Returns the checksum of an item within a section: the low 32 bits of XXH3-64 over `pieces`
/// joined.
pub(crate) fn short_sum(pieces: &[&[u8]]) -> u32 {
    let hash = match pieces {
        [piece] => xxh3_64(piece),
        pieces => {
            let mut hasher = Xxh3Default::new();
            for piece in pieces {
                hasher.update(piece);
            }
            hasher.digest()
        }
    };
    #[expect(clippy::cast_possible_truncation, reason = "the low half is the checksum")]
    let low = hash as u32;
    low
}

/// Sections of a mapped file.
///
/// Header and table are checked when the file is opened. The content of a section is checked only
/// by [`checked_bytes`](Self::checked_bytes), [`check`](Self::check) and
/// [`check_all`](Self::check_all).
#[derive(Clone, Debug)]
pub(crate) struct Sections {
    file: Arc<MappedFile>,
    /// Number of the [`Kind`], which can be an unknown one.
    kind: u32,
    id: FileId,
    table: Vec<TableEntry>,
}

/// Entry of the table. Invariant: `bytes` lie within the file.
#[derive(Clone, Debug)]
struct TableEntry {
    tag: u32,
    bytes: Range<usize>,
    checksum: u64,
}

impl Sections {
    /// Reads header and table of `file`.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if they are damaged, of another version, or not of this `kind`, or if the
    /// length of the file is not the recorded one.
    pub(crate) fn open(file: MappedFile, kind: Kind) -> Result<Self, DecodeError> {
        let sections = Self::open_any(file)?;
        require(sections.is_of(kind), "the file is an index file of another kind")?;
        Ok(sections)
    }

    /// Reads header and table of `file`, which can be of any kind.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), apart from the kind.
    pub(crate) fn open_any(file: MappedFile) -> Result<Self, DecodeError> {
        SIGNATURE.check(&file, HEADER_LEN)?;
        let header = &file[..HEADER_LEN];
        let length = u64_at(header, LENGTH_AT);
        require(length == file.len() as u64, "the length of the file is not the recorded one")?;
        let count = u32_at(header, COUNT_AT) as usize;
        require(count <= MAX_SECTIONS, "the header records too many sections")?;
        let table = file.get(HEADER_LEN..HEADER_LEN + count * ENTRY_LEN);
        let table = table.ok_or(DecodeError::Corrupt("the file is shorter than its table"))?;
        let checksum = u64_at(header, CHECKSUM_AT);
        let is_intact = checksum == checksum_of(&header[..CHECKSUM_AT], table);
        require(is_intact, "the checksum of the header does not match")?;
        require(is_zero(&header[RESERVED]), "the reserved bytes of the header are not zero")?;
        let kind = u32_at(header, KIND_AT);
        let id = FileId { number: u64_at(header, FILE_NUMBER_AT), length, checksum };
        let table = read_table(table, file.len())?;
        Ok(Self { file: Arc::new(file), kind, id, table })
    }

    /// Returns whether the file is of this `kind`.
    pub(crate) fn is_of(&self, kind: Kind) -> bool {
        self.kind == kind as u32
    }

    /// Returns the identity of the file.
    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    /// Returns the mapped file.
    pub(crate) fn file(&self) -> &MappedFile {
        &self.file
    }

    /// Returns the path of the file, for error messages.
    pub(crate) fn path(&self) -> path::Display<'_> {
        self.file.path().display()
    }

    /// Returns the numbers of a section without checking its checksum.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Corrupt`] if the section is missing, or no whole number of values.
    pub(crate) fn column<T: Pod>(&self, tag: Tag) -> Result<Column<T>, DecodeError> {
        let bytes = self.byte_range(tag)?;
        let numbers = Column::mapped(&self.file, bytes);
        numbers.ok_or(DecodeError::Corrupt("a section is not a whole number of values"))
    }

    /// Returns the numbers of a section that a file may lack, unchecked; none if it is missing.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Corrupt`] if the section is no whole number of values.
    pub(crate) fn optional_column<T: Pod>(&self, tag: Tag) -> Result<Column<T>, DecodeError> {
        match self.entry(tag) {
            Ok(_) => self.column(tag),
            Err(_) => Ok(Column::default()),
        }
    }

    /// Returns the record of a section that a file may lack; the default if it is missing.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Corrupt`] if its checksum does not match, or if it cannot be decoded.
    pub(crate) fn optional_record<T: DeserializeOwned + Default>(
        &self,
        tag: Tag,
    ) -> Result<T, DecodeError> {
        if self.entry(tag).is_err() {
            return Ok(T::default());
        }
        let record = codec::decode(self.checked_bytes(tag)?);
        record.ok_or(DecodeError::Corrupt("a record cannot be decoded"))
    }

    /// Checks the checksum of a section and returns its bytes.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Corrupt`] if the section is missing or its checksum does not match.
    pub(crate) fn checked_bytes(&self, tag: Tag) -> Result<&[u8], DecodeError> {
        let entry = self.entry(tag)?;
        entry.check(&self.file)?;
        Ok(&self.file[entry.bytes.clone()])
    }

    /// Checks the checksums of the sections `tags`; missing sections pass.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Corrupt`] if a checksum does not match.
    pub(crate) fn check(&self, tags: &[Tag]) -> Result<(), DecodeError> {
        for entry in &self.table {
            if tags.iter().any(|tag| *tag as u32 == entry.tag) {
                entry.check(&self.file)?;
            }
        }
        Ok(())
    }

    /// Checks every byte of the file: all checksums, and the zeros between the sections.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Corrupt`] for the first one that does not match.
    pub(crate) fn check_all(&self) -> Result<(), DecodeError> {
        let mut end = HEADER_LEN + self.table.len() * ENTRY_LEN;
        for entry in &self.table {
            let padding = &self.file[end..entry.bytes.start];
            require(is_zero(padding), "the bytes between two sections are not zero")?;
            entry.check(&self.file)?;
            end = entry.bytes.end;
        }
        Ok(())
    }

    /// Returns the byte range of a section in the file.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Corrupt`] if the section is missing.
    pub(crate) fn byte_range(&self, tag: Tag) -> Result<Range<usize>, DecodeError> {
        Ok(self.entry(tag)?.bytes.clone())
    }

    fn entry(&self, tag: Tag) -> Result<&TableEntry, DecodeError> {
        let entry = self.table.iter().find(|entry| entry.tag == tag as u32);
        entry.ok_or(DecodeError::Corrupt("a section is missing"))
    }
}

impl TableEntry {
    fn check(&self, file: &MappedFile) -> Result<(), DecodeError> {
        let checksum = xxh3_64(&file[self.bytes.clone()]);
        require(checksum == self.checksum, "the checksum of a section does not match")
    }
}

/// Reads the entries of `table` for a file of `file_len` bytes.
///
/// Each section must start at the first aligned offset after the previous one, and the last one
/// must end with the file.
fn read_table(table: &[u8], file_len: usize) -> Result<Vec<TableEntry>, DecodeError> {
    let mut end = HEADER_LEN + table.len();
    let mut entries: Vec<TableEntry> = Vec::with_capacity(table.len() / ENTRY_LEN);
    for bytes in table.chunks_exact(ENTRY_LEN) {
        let entry = read_entry(bytes, end.next_multiple_of(ALIGNMENT), file_len)?;
        let is_new = entries.iter().all(|other| other.tag != entry.tag);
        require(is_new, "the table lists a section twice")?;
        end = entry.bytes.end;
        entries.push(entry);
    }
    require(end == file_len, "the file continues after its last section")?;
    Ok(entries)
}

/// Reads an entry whose section must start at offset `start` and end within `file_len` bytes.
fn read_entry(entry: &[u8], start: usize, file_len: usize) -> Result<TableEntry, DecodeError> {
    let is_placed = u64_at(entry, OFFSET_AT) == start as u64;
    let is_reserved_zero = u32_at(entry, TAG_RESERVED_AT) == 0;
    require(is_placed, "a section does not start after the previous one")?;
    require(is_reserved_zero, "the reserved bytes of a table entry are not zero")?;
    let length = usize::try_from(u64_at(entry, SECTION_LENGTH_AT)).ok();
    let end = length.and_then(|length| start.checked_add(length)).filter(|end| *end <= file_len);
    let end = end.ok_or(DecodeError::Corrupt("a section exceeds the end of the file"))?;
    Ok(TableEntry {
        tag: u32_at(entry, TAG_AT),
        bytes: start..end,
        checksum: u64_at(entry, SECTION_CHECKSUM_AT),
    })
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
