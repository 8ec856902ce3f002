//! A file of an index, taken apart and put together again, with checksums that are right.

use xxhash_rust::xxh3::xxh3_64;

const HEADER: usize = 64;
const ENTRY: usize = 32;
const ALIGNMENT: usize = 64;

/// Header and sections of a file.
#[derive(Clone, Debug)]
pub struct File {
    /// The first 32 bytes: magic, version, kind, number, length.
    head: Vec<u8>,
    pub sections: Vec<(u32, Vec<u8>)>,
}

fn number(bytes: &[u8], at: usize) -> usize {
    usize::try_from(u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())).unwrap()
}

/// Where every section of a whole file is.
pub fn places(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let entries = bytes[HEADER..HEADER + number(bytes, 32) * ENTRY].chunks_exact(ENTRY);
    entries.map(|entry| number(entry, 8)..number(entry, 8) + number(entry, 16)).collect()
}

/// Bytes of header and table.
pub fn table_end(bytes: &[u8]) -> usize {
    HEADER + number(bytes, 32) * ENTRY
}

/// What a manifest calls the file: number, length, checksum.
pub fn id(bytes: &[u8]) -> Vec<u8> {
    [&bytes[16..32], &bytes[56..64]].concat()
}

/// Makes the checksum of header and table right.
pub fn sign(bytes: &mut [u8], table_end: usize) {
    let checksum = xxh3_64(&[&bytes[..56], &bytes[HEADER..table_end]].concat());
    bytes[56..64].copy_from_slice(&checksum.to_le_bytes());
}

impl File {
    pub fn of(bytes: &[u8]) -> Self {
        let tags = (0..number(bytes, 32)).map(|at| {
            let entry = HEADER + at * ENTRY;
            u32::from_le_bytes(bytes[entry..entry + 4].try_into().unwrap())
        });
        let sections = tags.zip(places(bytes)).map(|(tag, place)| (tag, bytes[place].to_vec()));
        Self { head: bytes[..32].to_vec(), sections: sections.collect() }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.clone();
        bytes.extend((self.sections.len() as u64).to_le_bytes());
        bytes.resize(HEADER + self.sections.len() * ENTRY, 0);
        let table_end = bytes.len();
        for (at, (tag, section)) in self.sections.iter().enumerate() {
            bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
            let fields =
                [u64::from(*tag), bytes.len() as u64, section.len() as u64, xxh3_64(section)];
            let entry = HEADER + at * ENTRY;
            for (field, to) in fields.iter().zip(bytes[entry..entry + ENTRY].chunks_exact_mut(8)) {
                to.copy_from_slice(&field.to_le_bytes());
            }
            bytes.extend(section);
        }
        let length = bytes.len() as u64;
        bytes[24..32].copy_from_slice(&length.to_le_bytes());
        sign(&mut bytes, table_end);
        bytes
    }
}
