//! Index files with any content, written as `docs/FORMAT.md` specifies.
//!
//! Reading accepts any bytes: missing parts are empty or 0.

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

/// Kinds of files, by their number in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Manifest = 1,
    Segment = 2,
    Removals = 3,
    Calibration = 4,
    VectorIndex = 5,
    VectorManifest = 6,
    VectorSegment = 7,
}

const HEADER: usize = 64;
const ENTRY: usize = 32;
const ALIGNMENT: usize = 64;
/// Sections of a file at most.
const MAX_SECTIONS: usize = 256;

/// Number, length and checksum of a file, as a manifest states them.
pub type FileId = [u64; 3];

/// A section of a file.
#[derive(Clone, Debug)]
pub struct Section {
    pub tag: u32,
    pub bytes: Vec<u8>,
}

/// The sections of a file, in its order.
#[derive(Clone, Debug, Default)]
pub struct CraftedFile {
    /// Each with its tag.
    pub sections: Vec<Section>,
}

impl CraftedFile {
    /// The sections of the file `bytes`, as far as its table leads to any.
    pub fn of(bytes: &[u8]) -> Self {
        let count = number(bytes, 32, 4).min(64);
        let section = |at: usize| -> Option<Section> {
            let entry = bytes.get(HEADER + at * ENTRY..)?.get(..ENTRY)?;
            let start = number(entry, 8, 8).min(bytes.len());
            let len = number(entry, 16, 8).min(bytes.len() - start);
            let tag = u32::try_from(number(entry, 0, 4)).ok()?;
            Some(Section { tag, bytes: bytes[start..start + len].to_vec() })
        };
        Self { sections: (0..count).map_while(section).collect() }
    }

    /// A file of one section.
    pub fn of_section(tag: u32, bytes: Vec<u8>) -> Self {
        Self { sections: vec![Section { tag, bytes }] }
    }

    /// The position of section `tag`.
    pub fn position(&self, tag: u32) -> Option<usize> {
        self.sections.iter().position(|section| section.tag == tag)
    }

    /// The bytes of section `tag`.
    pub fn section(&self, tag: u32) -> &[u8] {
        self.position(tag).map_or(&[], |at| &self.sections[at].bytes)
    }

    /// Replaces the bytes of section `tag`, if the file has it.
    pub fn replace(&mut self, tag: u32, bytes: Vec<u8>) {
        if let Some(at) = self.position(tag) {
            self.sections[at].bytes = bytes;
        }
    }

    /// The bytes of the file, and its id.
    pub fn bytes(&self, kind: Kind, file_number: u64) -> (Vec<u8>, FileId) {
        self.bytes_of_kind(kind as u64, file_number)
    }

    /// The bytes of the file with kind and number of the file `original`.
    pub fn bytes_like(&self, original: &[u8]) -> Vec<u8> {
        let kind = number(original, 12, 4) as u64;
        self.bytes_of_kind(kind, number(original, 16, 8) as u64).0
    }

    fn bytes_of_kind(&self, kind: u64, file_number: u64) -> (Vec<u8>, FileId) {
        let mut bytes = vec![0; HEADER + self.sections.len() * ENTRY];
        for (at, section) in self.sections.iter().enumerate() {
            bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
            let start = bytes.len() as u64;
            let len = section.bytes.len() as u64;
            let entry = [u64::from(section.tag), start, len, xxh3_64(&section.bytes)];
            put(&mut bytes, HEADER + at * ENTRY, &entry);
            bytes.extend(&section.bytes);
        }
        bytes[..8].copy_from_slice(b"\x89PSC\r\n\x1a\n");
        let length = bytes.len() as u64;
        let count = self.sections.len() as u64;
        put(&mut bytes, 8, &[1 | kind << 32, file_number, length, count]);
        seal(&mut bytes);
        let id = file_id(&bytes);
        (bytes, id)
    }
}

/// The byte ranges of the sections of a valid file.
pub fn section_ranges(bytes: &[u8]) -> Vec<Range<usize>> {
    let entries = bytes[HEADER..table_end(bytes)].chunks_exact(ENTRY);
    let range = |entry: &[u8]| {
        let start = number(entry, 8, 8);
        start..start + number(entry, 16, 8)
    };
    entries.map(range).collect()
}

/// Bytes of header and table.
pub fn table_end(bytes: &[u8]) -> usize {
    HEADER + number(bytes, 32, 4).min(MAX_SECTIONS) * ENTRY
}

/// The id of the file `bytes`, as a manifest states it.
pub fn file_id(bytes: &[u8]) -> FileId {
    [16, 24, 56].map(|at| number(bytes, at, 8) as u64)
}

/// Corrects the checksums of the header and of those sections that the table leads to.
pub fn seal(bytes: &mut [u8]) {
    for entry in (HEADER..table_end(bytes)).step_by(ENTRY) {
        if entry + ENTRY > bytes.len() {
            break;
        }
        let start = number(bytes, entry + 8, 8);
        let len = number(bytes, entry + 16, 8);
        let section = start.checked_add(len).and_then(|end| bytes.get(start..end));
        if let Some(checksum) = section.map(xxh3_64) {
            put(bytes, entry + 24, &[checksum]);
        }
    }
    sign(bytes, table_end(bytes));
}

/// Corrects the checksum of the header and a table that ends at `table_end`, if they are there.
pub fn sign(bytes: &mut [u8], table_end: usize) {
    if let (Some(head), Some(table)) = (bytes.get(..56), bytes.get(HEADER..table_end)) {
        let checksum = xxh3_64(&[head, table].concat());
        put(bytes, 56, &[checksum]);
    }
}

/// Writes `numbers` at `at`.
pub fn put(bytes: &mut [u8], at: usize, numbers: &[u64]) {
    let new: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    bytes[at..at + new.len()].copy_from_slice(&new);
}

/// The little-endian number of `len` bytes at `at`; 0 if `bytes` end before.
pub fn number(bytes: &[u8], at: usize, len: usize) -> usize {
    let mut number = [0; 8];
    if let Some(found) = bytes.get(at..).and_then(|rest| rest.get(..len)) {
        number[..len].copy_from_slice(found);
    }
    usize::try_from(u64::from_le_bytes(number)).unwrap_or(usize::MAX)
}
