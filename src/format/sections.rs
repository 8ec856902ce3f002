//! A file as sections of plain numbers: header, table, and checksums of both and of each.
//!
//! Every file of an index has this shape, which `docs/FORMAT.md` specifies. A section lies at
//! a multiple of 64 bytes, so that it can be used where it is mapped.

use std::{ops::Range, sync::Arc};

use bytemuck::Pod;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use super::{
    column::{Column, MappedFile},
    decode_error::{DecodeError, require, require_version, u32_at, u64_at},
};

/// Not text, not UTF-8, and broken by newline conversion.
const MAGIC: [u8; 8] = *b"\x89PSC\r\n\x1a\n";
const OLDEST: u32 = 1;
const NEWEST: u32 = 1;

// Places in the header; bytes 36 to 55 are zero.
const VERSION_AT: usize = 8;
const KIND_AT: usize = 12;
const NUMBER_AT: usize = 16;
const LENGTH_AT: usize = 24;
const COUNT_AT: usize = 32;
const RESERVED: Range<usize> = 36..56;
const CHECKSUM_AT: usize = 56;
const HEADER: usize = 64;

/// Bytes of an entry of the table: tag, zero, offset, length, checksum.
const ENTRY: usize = 32;
/// Where sections begin: at multiples of this.
const ALIGNMENT: usize = 64;
/// More sections than any version has.
const MAX_SECTIONS: usize = 256;

/// What a file is for; the numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    /// What a generation consists of.
    Manifest = 1,
    /// Articles with their passages, vectors and index.
    Segment = 2,
    /// Which articles of a segment are removed.
    Removals = 3,
    /// Questions that recall was measured on, and what was measured.
    Calibration = 4,
}

/// What a section holds; the numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Tag {
    Record = 1,
    Keys = 10,
    KeyEnds = 11,
    KeySums = 12,
    KeyOrder = 13,
    Heads = 20,
    HeadEnds = 21,
    HeadSums = 22,
    Texts = 30,
    TextEnds = 31,
    TextSums = 32,
    ContentHashes = 33,
    FirstRows = 40,
    Passages = 41,
    Vectors = 50,
    VectorSums = 51,
    Codes = 60,
    CodeNorms = 61,
    CodeChords = 62,
    Points = 70,
    PointsOfRows = 71,
    FurtherRows = 72,
    Links = 80,
    LinkCounts = 81,
    LayerPoints = 82,
    LayerBelow = 83,
    LayerLinks = 84,
    LayerLinkCounts = 85,
    Strays = 86,
    Removed = 90,
    Questions = 100,
    Lexical = 110,
}

/// Which file is meant: another of the same name has another checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct FileId {
    /// Never given twice in one index.
    pub(crate) number: u64,
    /// Length in bytes.
    pub(crate) length: u64,
    /// Checksum of the header and of the table, which holds those of the sections.
    pub(crate) checksum: u64,
}

/// A section that is to be written.
pub(crate) type Section<'a> = (Tag, &'a [u8]);

/// Header and table of a file that holds `parts`, and which file that is.
pub(crate) fn header(kind: Kind, number: u64, parts: &[Section]) -> (Vec<u8>, FileId) {
    let mut end = HEADER + parts.len() * ENTRY;
    let mut table = Vec::with_capacity(end);
    for (tag, bytes) in parts {
        let start = end.next_multiple_of(ALIGNMENT);
        end = start + bytes.len();
        for number in [*tag as u64, start as u64, bytes.len() as u64, xxh3_64(bytes)] {
            table.extend(number.to_le_bytes());
        }
    }
    let length = end as u64;
    let mut header = Vec::with_capacity(HEADER + table.len());
    header.extend(MAGIC);
    header.extend(NEWEST.to_le_bytes());
    header.extend((kind as u32).to_le_bytes());
    header.extend(number.to_le_bytes());
    header.extend(length.to_le_bytes());
    header.extend((parts.len() as u64).to_le_bytes());
    header.resize(CHECKSUM_AT, 0);
    let checksum = checksum_of(&header, &table);
    header.extend(checksum.to_le_bytes());
    header.extend(table);
    (header, FileId { number, length, checksum })
}

/// Zeros from `written` bytes up to where the next section begins.
pub(crate) fn padding(written: usize) -> &'static [u8] {
    &[0; ALIGNMENT][..written.next_multiple_of(ALIGNMENT) - written]
}

fn checksum_of(header: &[u8], table: &[u8]) -> u64 {
    let mut hasher = Xxh3Default::new();
    hasher.update(header);
    hasher.update(table);
    hasher.digest()
}

/// The checksum of a piece of a section, which may lie in several pieces of memory: the low half
/// of that of a section.
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

/// The sections of a mapped file. Header and table are checked, what is in the sections is
/// not, until it is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Sections {
    map: Arc<MappedFile>,
    id: FileId,
    table: Vec<TableEntry>,
}

#[derive(Clone, Debug)]
struct TableEntry {
    tag: u32,
    bytes: Range<usize>,
    checksum: u64,
}

impl Sections {
    /// The sections of `map`, which must be a whole file of this `kind`.
    pub(crate) fn open(map: MappedFile, kind: Kind) -> Result<Self, DecodeError> {
        let header =
            map.get(..HEADER).ok_or(DecodeError::Corrupt("it is shorter than its header"))?;
        require(header.starts_with(&MAGIC), "it does not begin as a file of an index does")?;
        require_version(u32_at(header, VERSION_AT), OLDEST..=NEWEST)?;
        let length = u64_at(header, LENGTH_AT);
        require(length == map.len() as u64, "its length is not the one that was written")?;
        let count = u32_at(header, COUNT_AT) as usize;
        require(count <= MAX_SECTIONS, "it says it has more sections than there are")?;
        let table = map.get(HEADER..HEADER + count * ENTRY);
        let table = table.ok_or(DecodeError::Corrupt("it is shorter than its table"))?;
        let checksum = u64_at(header, CHECKSUM_AT);
        let sum = checksum_of(&header[..CHECKSUM_AT], table);
        require(sum == checksum, "the checksum of its header does not match")?;
        require(
            header[RESERVED].iter().all(|byte| *byte == 0),
            "its header is not zero where spare",
        )?;
        let right_kind = u32_at(header, KIND_AT) == kind as u32;
        require(right_kind, "it is a file of an index, but of another kind")?;
        let id = FileId { number: u64_at(header, NUMBER_AT), length, checksum };
        let table = entries(table, map.len())?;
        Ok(Self { map: Arc::new(map), id, table })
    }

    /// Which file this is.
    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    /// The file itself.
    pub(crate) fn map(&self) -> &MappedFile {
        &self.map
    }

    /// The numbers in a section; their checksum is not looked at.
    pub(crate) fn array<T: Pod>(&self, tag: Tag) -> Result<Column<T>, DecodeError> {
        let bytes = self.section(tag)?.bytes.clone();
        let numbers = Column::mapped(&self.map, bytes);
        numbers.ok_or(DecodeError::Corrupt("a section is not a whole number of values"))
    }

    /// The bytes of a section, whose checksum is looked at.
    pub(crate) fn checked_bytes(&self, tag: Tag) -> Result<&[u8], DecodeError> {
        let section = self.section(tag)?;
        section.check(&self.map)?;
        Ok(&self.map[section.bytes.clone()])
    }

    /// Looks at the checksums of the sections `tags`, those that there are.
    pub(crate) fn check(&self, tags: &[Tag]) -> Result<(), DecodeError> {
        let asked = |section: &&TableEntry| tags.iter().any(|tag| *tag as u32 == section.tag);
        self.table.iter().filter(asked).try_for_each(|section| section.check(&self.map))
    }

    /// Looks at every byte of the file.
    pub(crate) fn check_all(&self) -> Result<(), DecodeError> {
        let mut end = HEADER + self.table.len() * ENTRY;
        for section in &self.table {
            let padding = &self.map[end..section.bytes.start];
            require(padding.iter().all(|byte| *byte == 0), "it is not zero between sections")?;
            section.check(&self.map)?;
            end = section.bytes.end;
        }
        Ok(())
    }

    /// Where a section is, for hints to the system.
    pub(crate) fn place(&self, tag: Tag) -> Result<Range<usize>, DecodeError> {
        Ok(self.section(tag)?.bytes.clone())
    }

    fn section(&self, tag: Tag) -> Result<&TableEntry, DecodeError> {
        let section = self.table.iter().find(|section| section.tag == tag as u32);
        section.ok_or(DecodeError::Corrupt("a section is missing"))
    }
}

impl TableEntry {
    fn check(&self, map: &MappedFile) -> Result<(), DecodeError> {
        let sum = xxh3_64(&map[self.bytes.clone()]);
        require(sum == self.checksum, "the checksum of a section does not match")
    }
}

/// The entries of `table`. Each section begins at the first possible place after the one
/// before, and the last one ends with the file.
fn entries(table: &[u8], length: usize) -> Result<Vec<TableEntry>, DecodeError> {
    let mut end = HEADER + table.len();
    let mut sections: Vec<TableEntry> = Vec::with_capacity(table.len() / ENTRY);
    for entry in table.chunks_exact(ENTRY) {
        let start = end.next_multiple_of(ALIGNMENT);
        let placed = u64_at(entry, 8) == start as u64 && u32_at(entry, 4) == 0;
        require(placed, "a section is not where it should be")?;
        let (tag, section_length) = (u32_at(entry, 0), u64_at(entry, 16));
        require(sections.iter().all(|other| other.tag != tag), "a section is there twice")?;
        let section_end =
            usize::try_from(section_length).ok().and_then(|len| start.checked_add(len));
        let inside = section_end.filter(|end| *end <= length);
        end = inside.ok_or(DecodeError::Corrupt("a section goes beyond the end of the file"))?;
        sections.push(TableEntry { tag, bytes: start..end, checksum: u64_at(entry, 24) });
    }
    require(end == length, "it goes on after its last section")?;
    Ok(sections)
}
