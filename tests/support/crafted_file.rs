//! Files of an index with any content, put together as docs/FORMAT.md says.

#![allow(dead_code, reason = "no file uses all of it")]

use xxhash_rust::xxh3::xxh3_64;

/// What a file is for.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Manifest = 1,
    Segment = 2,
    Removals = 3,
    Calibration = 4,
}

const HEADER: usize = 64;
const ENTRY: usize = 32;

/// Number, length and checksum.
pub type FileId = [u64; 3];

/// The sections of a file, by tag.
#[derive(Clone, Debug, Default)]
pub struct CraftedFile {
    pub sections: Vec<(u32, Vec<u8>)>,
}

impl CraftedFile {
    /// The sections in `bytes`, as far as its table leads to any.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let count = number(bytes, 32, 4).min(64);
        let entry = |at: usize| -> Option<(u32, Vec<u8>)> {
            let entry = bytes.get(HEADER + at * ENTRY..)?.get(..ENTRY)?;
            let start = number(entry, 8, 8).min(bytes.len());
            let len = number(entry, 16, 8).min(bytes.len() - start);
            Some((u32::try_from(number(entry, 0, 4)).ok()?, bytes[start..start + len].to_vec()))
        };
        Self { sections: (0..count).map_while(entry).collect() }
    }

    #[must_use]
    pub fn section(&self, tag: u32) -> &[u8] {
        let found = self.sections.iter().find(|(other, _)| *other == tag);
        found.map_or(&[], |(_, bytes)| bytes)
    }

    /// Puts `bytes` in place of section `tag`, if there is one.
    pub fn replace(&mut self, tag: u32, bytes: Vec<u8>) {
        if let Some(found) = self.sections.iter_mut().find(|(other, _)| *other == tag) {
            found.1 = bytes;
        }
    }

    /// The bytes of the file, and what a manifest calls it.
    #[must_use]
    pub fn bytes(&self, kind: Kind, file_number: u64) -> (Vec<u8>, FileId) {
        let mut bytes = vec![0; HEADER + self.sections.len() * ENTRY];
        for (at, (tag, section)) in self.sections.iter().enumerate() {
            bytes.resize(bytes.len().next_multiple_of(64), 0);
            let (start, len) = (bytes.len() as u64, section.len() as u64);
            let numbers = [u64::from(*tag), start, len, xxh3_64(section)];
            put(&mut bytes, HEADER + at * ENTRY, &numbers);
            bytes.extend(section);
        }
        bytes[..8].copy_from_slice(b"\x89PSC\r\n\x1a\n");
        let (length, count) = (bytes.len() as u64, self.sections.len() as u64);
        put(&mut bytes, 8, &[1 | (kind as u64) << 32, file_number, length, count]);
        seal(&mut bytes);
        let checksum = xxh3_of_header(&bytes).unwrap_or_default();
        (bytes, [file_number, length, checksum])
    }
}

/// Makes the checksums of the header and of those sections right that the table leads to.
pub fn seal(bytes: &mut [u8]) {
    let count = number(bytes, 32, 4).min(256);
    for at in (0..count).map(|at| HEADER + at * ENTRY) {
        if at + ENTRY > bytes.len() {
            break;
        }
        let (start, len) = (number(bytes, at + 8, 8), number(bytes, at + 16, 8));
        let section = start.checked_add(len).and_then(|end| bytes.get(start..end));
        if let Some(checksum) = section.map(xxh3_64) {
            put(bytes, at + 24, &[checksum]);
        }
    }
    if let Some(checksum) = xxh3_of_header(bytes) {
        put(bytes, 56, &[checksum]);
    }
}

fn xxh3_of_header(bytes: &[u8]) -> Option<u64> {
    let table = number(bytes, 32, 4).min(256) * ENTRY;
    Some(xxh3_64(&[bytes.get(..56)?, bytes.get(HEADER..HEADER + table)?].concat()))
}

fn put(bytes: &mut [u8], at: usize, numbers: &[u64]) {
    let new: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    bytes[at..at + new.len()].copy_from_slice(&new);
}

/// The number of `len` bytes at `at`; 0 if there is none.
pub fn number(bytes: &[u8], at: usize, len: usize) -> usize {
    let mut number = [0; 8];
    if let Some(found) = bytes.get(at..).and_then(|rest| rest.get(..len)) {
        number[..len].copy_from_slice(found);
    }
    usize::try_from(u64::from_le_bytes(number)).unwrap_or(usize::MAX)
}
