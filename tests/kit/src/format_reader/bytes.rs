//! Records and sectioned files as `docs/FORMAT.md` specifies them.

use std::{collections::BTreeMap, fs, ops::Range, path::Path};

use xxhash_rust::xxh3::xxh3_64;

/// The rest of a record, which is still to be read.
#[derive(Debug)]
pub struct Record<'b>(&'b [u8]);

impl<'b> Record<'b> {
    /// Reads `bytes` with `read`, which must leave nothing.
    pub fn whole<T>(bytes: &'b [u8], read: impl FnOnce(&mut Self) -> T) -> T {
        let mut record = Self(bytes);
        let value = read(&mut record);
        assert!(record.0.is_empty(), "{} bytes after a record", record.0.len());
        value
    }

    fn take(&mut self, len: usize) -> &'b [u8] {
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }

    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().unwrap()
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    pub fn size(&mut self) -> usize {
        self.u64().try_into().unwrap()
    }

    pub fn u128(&mut self) -> u128 {
        u128::from_le_bytes(self.array())
    }

    pub fn f32(&mut self) -> f32 {
        f32::from_le_bytes(self.array())
    }

    pub fn f64(&mut self) -> f64 {
        f64::from_le_bytes(self.array())
    }

    pub fn bool(&mut self) -> bool {
        let [byte] = self.array();
        assert!(byte < 2, "a bool is {byte}");
        byte == 1
    }

    pub fn text(&mut self) -> String {
        let len = self.size();
        String::from_utf8(self.take(len).to_vec()).unwrap()
    }

    pub fn list<T>(&mut self, read: impl Fn(&mut Self) -> T) -> Vec<T> {
        (0..self.u64()).map(|_| read(self)).collect()
    }

    pub fn optional<T>(&mut self, read: impl Fn(&mut Self) -> T) -> Option<T> {
        self.bool().then(|| read(self))
    }
}

/// The reference from one file to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    pub number: u64,
    pub length: u64,
    pub checksum: u64,
}

impl FileId {
    pub fn read(record: &mut Record) -> Self {
        Self { number: record.u64(), length: record.u64(), checksum: record.u64() }
    }
}

/// A file whose header, table, sections and checksums follow the specification.
#[derive(Debug)]
pub struct File {
    pub kind: u32,
    pub id: FileId,
    bytes: Vec<u8>,
    sections: BTreeMap<u32, Range<usize>>,
}

const HEADER: usize = 64;
const ENTRY: usize = 32;

struct Header {
    kind: u32,
    id: FileId,
    /// Number of sections.
    sections: usize,
}

impl Header {
    fn read(record: &mut Record) -> Self {
        assert_eq!(record.array(), *b"\x89PSC\r\n\x1a\n");
        assert_eq!(record.u32(), 1, "the version");
        let kind = record.u32();
        let number = record.u64();
        let length = record.u64();
        let sections = record.u32() as usize;
        assert!(sections <= 256);
        assert_eq!(record.array(), [0; 20], "reserved bytes");
        Self { kind, id: FileId { number, length, checksum: record.u64() }, sections }
    }
}

impl File {
    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let header = Record::whole(&bytes[..HEADER], Header::read);
        assert_eq!(header.id.length, bytes.len() as u64);
        let table = HEADER..HEADER + header.sections * ENTRY;
        assert_eq!(header.id.checksum, xxh3_64(&[&bytes[..56], &bytes[table.clone()]].concat()));
        let mut end = table.end;
        let mut sections = BTreeMap::new();
        for entry in bytes[table].chunks(ENTRY) {
            let (tag, place) = section(entry, &bytes, end);
            end = place.end;
            assert!(sections.insert(tag, place).is_none(), "section {tag} twice");
        }
        assert_eq!(end, bytes.len(), "the file ends with its last section");
        Self { kind: header.kind, id: header.id, bytes, sections }
    }

    /// The tags of its sections, ascending.
    pub fn tags(&self) -> Vec<u32> {
        self.sections.keys().copied().collect()
    }

    pub fn section(&self, tag: u32) -> &[u8] {
        &self.bytes[self.sections[&tag].clone()]
    }

    /// The record, which is all of section 1.
    pub fn record<T>(&self, read: impl FnOnce(&mut Record) -> T) -> T {
        assert!(self.section(1).len() <= 1 << 24);
        Record::whole(self.section(1), read)
    }

    /// The elements of a section, of `N` bytes each.
    pub fn arrays<const N: usize>(&self, tag: u32) -> Vec<[u8; N]> {
        let (arrays, rest) = self.section(tag).as_chunks();
        assert!(rest.is_empty(), "section {tag} ends within an element");
        arrays.to_vec()
    }

    pub fn u16s(&self, tag: u32) -> Vec<u16> {
        self.arrays(tag).into_iter().map(u16::from_le_bytes).collect()
    }

    pub fn u32s(&self, tag: u32) -> Vec<u32> {
        self.arrays(tag).into_iter().map(u32::from_le_bytes).collect()
    }

    pub fn u64s(&self, tag: u32) -> Vec<u64> {
        self.arrays(tag).into_iter().map(u64::from_le_bytes).collect()
    }

    pub fn f32s(&self, tag: u32) -> Vec<f32> {
        self.arrays(tag).into_iter().map(f32::from_le_bytes).collect()
    }

    /// The byte strings of sections `tag` to `tag + 2`, `count` of them.
    pub fn strings(&self, tag: u32, count: usize) -> Vec<&[u8]> {
        let bytes = self.section(tag);
        let ends = self.u64s(tag + 1);
        let checksums = self.u32s(tag + 2);
        assert_eq!((ends.len(), checksums.len()), (count, count), "section {tag}");
        let mut start = 0;
        let mut strings = Vec::with_capacity(count);
        for (end, checksum) in ends.into_iter().zip(checksums) {
            let string = &bytes[start..usize::try_from(end).unwrap()];
            assert_eq!(checksum32(string), checksum, "section {tag} at {start}");
            start += string.len();
            strings.push(string);
        }
        assert_eq!(start, bytes.len(), "section {tag}");
        strings
    }
}

/// The tag and place of the section that `entry` describes; `end` is the end of the previous one.
fn section(entry: &[u8], bytes: &[u8], end: usize) -> (u32, Range<usize>) {
    Record::whole(entry, |entry| {
        let tag = entry.u32();
        let zero = entry.u32();
        let start = entry.size();
        let len = entry.size();
        let checksum = entry.u64();
        assert_eq!((zero, start), (0, end.next_multiple_of(64)), "section {tag}");
        assert!(bytes[end..start].iter().all(|byte| *byte == 0), "before section {tag}");
        assert_eq!(xxh3_64(&bytes[start..start + len]), checksum, "section {tag}");
        (tag, start..start + len)
    })
}

/// The low half of XXH3-64.
#[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
pub fn checksum32(bytes: &[u8]) -> u32 {
    xxh3_64(bytes) as u32
}
