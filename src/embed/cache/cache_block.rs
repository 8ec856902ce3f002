//! The bytes of a cache's file: its header, and the blocks behind it.
//!
//! `docs/FORMAT.md` specifies them. A block is its head, the keys of its vectors, the
//! checksums of the vectors, and the vectors.

use xxhash_rust::xxh3::xxh3_64;

use super::recent::{Key, Namespace};
use crate::{
    Role,
    format::{
        decode_error::{DecodeError, require, require_version, u32_at, u64_at},
        sections::short_sum,
    },
};

/// Not text, not UTF-8, and broken by newline conversion.
const MAGIC: [u8; 8] = *b"\x89PSE\r\n\x1a\n";
const OLDEST: u32 = 1;
const NEWEST: u32 = 1;

// Places in the header; bytes 12 to 15 are zero.
const VERSION_AT: usize = 8;
const CHECKSUM_AT: usize = 16;
/// Bytes of the header.
pub(super) const HEADER: usize = 24;

// Places in the head of a block.
const DIM_AT: usize = 16;
const ROLE_AT: usize = 20;
const COUNT_AT: usize = 24;
const KEYS_SUM_AT: usize = 28;
const HEAD_SUM_AT: usize = 32;
/// Bytes of the head of a block.
pub(super) const HEAD: usize = 40;

/// Bytes of the hash of a text.
const TEXT: usize = 16;
/// Bytes of a key and of the checksum of its vector.
const KEY: usize = TEXT + size_of::<u32>();

/// The header of a file.
pub(super) fn header() -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..VERSION_AT].copy_from_slice(&MAGIC);
    header[VERSION_AT..][..4].copy_from_slice(&NEWEST.to_le_bytes());
    let checksum = xxh3_64(&header[..CHECKSUM_AT]);
    header[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// Refuses a file that does not begin with a header that can be read.
pub(super) fn check_header(bytes: &[u8]) -> Result<(), DecodeError> {
    require(bytes.starts_with(&MAGIC), "it does not begin as a cache of embeddings does")?;
    require(bytes.len() >= HEADER, "it is shorter than its header")?;
    require_version(u32_at(bytes, VERSION_AT), OLDEST..=NEWEST)?;
    let sum = xxh3_64(&bytes[..CHECKSUM_AT]);
    require(sum == u64_at(bytes, CHECKSUM_AT), "the checksum of its header does not match")
}

/// What the head of a block says.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockHeader {
    pub(super) origin: Namespace,
    count: u32,
    keys_sum: u32,
}

impl BlockHeader {
    /// The head in `bytes`; `None` if they are not one.
    pub(super) fn read(bytes: &[u8; HEAD]) -> Option<Self> {
        let whole = xxh3_64(&bytes[..HEAD_SUM_AT]) == u64_at(bytes, HEAD_SUM_AT);
        let role = role_of(u32_at(bytes, ROLE_AT))?;
        let model = bytes.first_chunk().copied().map(u128::from_le_bytes)?;
        let (dim, count) = (u32_at(bytes, DIM_AT), u32_at(bytes, COUNT_AT));
        let origin = Namespace { model, role, dim };
        let head = Self { origin, count, keys_sum: u32_at(bytes, KEYS_SUM_AT) };
        (whole && dim > 0 && count > 0).then_some(head)
    }

    /// Bytes of the keys and checksums that come next.
    pub(super) fn keys_bytes(&self) -> u64 {
        u64::from(self.count) * KEY as u64
    }

    /// Bytes of the vectors, which come after them; `None` if no file has so many.
    pub(super) fn vectors_bytes(&self) -> Option<u64> {
        u64::from(self.count).checked_mul(vector_bytes(self.origin))
    }

    /// The key of each vector and its checksum; `None` if `keys` are not those that were
    /// written.
    pub(super) fn keys<'k>(&self, keys: &'k [u8]) -> Option<impl Iterator<Item = (Key, u32)> + 'k> {
        let (texts, sums) = keys.split_at_checked(self.count as usize * TEXT)?;
        let origin = self.origin;
        let texts = texts.as_chunks().0.iter().copied().map(u128::from_le_bytes);
        let sums = sums.as_chunks().0.iter().copied().map(u32::from_le_bytes);
        let keys_of = texts.map(move |text| Key { origin, text });
        (short_sum(&[keys]) == self.keys_sum).then(|| keys_of.zip(sums))
    }
}

/// A block of `rows`, which are the vectors of `texts`, and the checksum of each.
pub(super) fn encode(origin: Namespace, texts: &[u128], rows: &[&[f32]]) -> (Vec<u8>, Vec<u32>) {
    let sums: Vec<u32> = rows.iter().map(|row| sum_of(row)).collect();
    let mut keys = Vec::with_capacity(texts.len() * KEY);
    keys.extend(texts.iter().flat_map(|text| text.to_le_bytes()));
    keys.extend(sums.iter().flat_map(|sum| sum.to_le_bytes()));
    let mut block = Vec::with_capacity(HEAD + keys.len() + size_of_val(rows));
    block.extend(origin.model.to_le_bytes());
    block.extend(origin.dim.to_le_bytes());
    block.extend(number_of(origin.role).to_le_bytes());
    #[expect(clippy::cast_possible_truncation, reason = "blocks have far fewer rows")]
    block.extend((texts.len() as u32).to_le_bytes());
    block.extend(short_sum(&[&keys]).to_le_bytes());
    block.extend(xxh3_64(&block).to_le_bytes());
    block.extend(keys);
    block.extend(rows.iter().flat_map(|row| bytemuck::cast_slice::<f32, u8>(row)));
    (block, sums)
}

/// The checksum of a vector.
pub(super) fn sum_of(row: &[f32]) -> u32 {
    short_sum(&[bytemuck::cast_slice(row)])
}

/// Bytes of one vector.
pub(super) fn vector_bytes(origin: Namespace) -> u64 {
    u64::from(origin.dim) * size_of::<f32>() as u64
}

/// Bytes of one vector with its key and checksum.
pub(super) fn entry_bytes(origin: Namespace) -> u64 {
    KEY as u64 + vector_bytes(origin)
}

// The numbers are part of the format.

fn number_of(role: Role) -> u32 {
    match role {
        Role::Query => 1,
        Role::Passage => 2,
    }
}

fn role_of(number: u32) -> Option<Role> {
    [Role::Query, Role::Passage].into_iter().find(|role| number_of(*role) == number)
}
