//! The byte layout of a cache file: a header, then blocks. `docs/FORMAT.md` specifies it.
//!
//! A block consists of its head, the keys of its vectors, the checksums of the vectors, and the
//! vectors.

use xxhash_rust::xxh3::xxh3_64;

use super::cache_key::{CacheKey, Namespace};
use crate::{
    Role,
    format::{
        decode_error::{DecodeError, require, u32_at, u64_at},
        file_signature::FileSignature,
        sections::short_sum,
    },
};

const SIGNATURE: FileSignature = FileSignature {
    magic: *b"\x89PSE\r\n\x1a\n",
    oldest: 1,
    newest: 1,
    foreign: "the first bytes are not those of an embedding cache",
};

// Offsets in the header; bytes 12 to 15 are zero.
const CHECKSUM_AT: usize = 16;
/// Length of the header in bytes.
pub(super) const HEADER: usize = 24;

// Offsets in the head of a block.
const DIM_AT: usize = 16;
const ROLE_AT: usize = 20;
const COUNT_AT: usize = 24;
const KEYS_SUM_AT: usize = 28;
const HEAD_SUM_AT: usize = 32;
/// Length of the head of a block in bytes.
pub(super) const HEAD: usize = 40;

/// Length of the hash of a text in bytes.
const TEXT: usize = 16;
/// Length of a text hash and the checksum of its vector in bytes.
const KEY: usize = TEXT + size_of::<u32>();

/// Returns the header of a file.
pub(super) fn header() -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..FileSignature::LEN].copy_from_slice(&SIGNATURE.encode());
    let checksum = xxh3_64(&header[..CHECKSUM_AT]);
    header[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// Checks that `bytes` are a valid header of a readable version.
pub(super) fn check_header(bytes: &[u8]) -> Result<(), DecodeError> {
    SIGNATURE.check(bytes, HEADER)?;
    let sum = xxh3_64(&bytes[..CHECKSUM_AT]);
    require(sum == u64_at(bytes, CHECKSUM_AT), "the checksum of its header does not match")
}

/// The decoded head of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockHeader {
    pub(super) namespace: Namespace,
    count: u32,
    keys_sum: u32,
}

impl BlockHeader {
    /// Decodes the head in `bytes`; `None` if its checksum or a field is invalid.
    pub(super) fn read(bytes: &[u8; HEAD]) -> Option<Self> {
        let is_intact = xxh3_64(&bytes[..HEAD_SUM_AT]) == u64_at(bytes, HEAD_SUM_AT);
        let role = role_of(u32_at(bytes, ROLE_AT))?;
        let model = bytes.first_chunk().expect("a head is longer than the hash of a model");
        let dim = u32_at(bytes, DIM_AT);
        let count = u32_at(bytes, COUNT_AT);
        let namespace = Namespace { model: u128::from_le_bytes(*model), role, dim };
        let head = Self { namespace, count, keys_sum: u32_at(bytes, KEYS_SUM_AT) };
        (is_intact && dim > 0 && count > 0).then_some(head)
    }

    /// Returns the length in bytes of the keys and checksums, which follow the head.
    pub(super) fn keys_bytes(&self) -> u64 {
        u64::from(self.count) * KEY as u64
    }

    /// Returns the length in bytes of the vectors, which follow the checksums; `None` if it
    /// overflows.
    pub(super) fn vectors_bytes(&self) -> Option<u64> {
        u64::from(self.count).checked_mul(vector_bytes(self.namespace))
    }

    /// Decodes `keys`; `None` if their checksum does not match.
    pub(super) fn keys<'k>(
        &self,
        keys: &'k [u8],
    ) -> Option<impl Iterator<Item = KeyEntry> + use<'k>> {
        let (texts, sums) = keys.split_at_checked(self.count as usize * TEXT)?;
        if short_sum(&[keys]) != self.keys_sum {
            return None;
        }
        let namespace = self.namespace;
        let texts = texts.as_chunks().0.iter().copied().map(u128::from_le_bytes);
        let sums = sums.as_chunks().0.iter().copied().map(u32::from_le_bytes);
        let entry =
            move |(text, checksum)| KeyEntry { key: CacheKey { namespace, text }, checksum };
        Some(texts.zip(sums).map(entry))
    }
}

/// Key of a stored vector with the checksum of the vector.
pub(super) struct KeyEntry {
    pub(super) key: CacheKey,
    pub(super) checksum: u32,
}

/// The bytes of a block with the checksum of each of its vectors.
pub(super) struct EncodedBlock {
    pub(super) bytes: Vec<u8>,
    pub(super) checksums: Vec<u32>,
}

/// Encodes `rows`, the vectors of `texts`, as a block.
pub(super) fn encode(namespace: Namespace, texts: &[u128], rows: &[&[f32]]) -> EncodedBlock {
    let checksums: Vec<u32> = rows.iter().map(|row| sum_of(row)).collect();
    let mut keys = Vec::with_capacity(texts.len() * KEY);
    keys.extend(texts.iter().flat_map(|text| text.to_le_bytes()));
    keys.extend(checksums.iter().flat_map(|sum| sum.to_le_bytes()));
    let count = u32::try_from(texts.len()).expect("a block has at most `BLOCK_ROWS` vectors");
    let mut bytes = Vec::with_capacity(HEAD + keys.len() + rows.len() * namespace.dim() * 4);
    bytes.extend(namespace.model.to_le_bytes());
    bytes.extend(namespace.dim.to_le_bytes());
    bytes.extend(number_of(namespace.role).to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes.extend(short_sum(&[&keys]).to_le_bytes());
    bytes.extend(xxh3_64(&bytes).to_le_bytes());
    bytes.extend(keys);
    bytes.extend(rows.iter().flat_map(|row| bytemuck::cast_slice::<f32, u8>(row)));
    EncodedBlock { bytes, checksums }
}

/// Returns the checksum of a vector.
pub(super) fn sum_of(row: &[f32]) -> u32 {
    short_sum(&[bytemuck::cast_slice(row)])
}

/// Returns the length of a vector in bytes.
pub(super) fn vector_bytes(namespace: Namespace) -> u64 {
    u64::from(namespace.dim) * size_of::<f32>() as u64
}

/// Returns the length of a vector with its key and checksum in bytes.
pub(super) fn entry_bytes(namespace: Namespace) -> u64 {
    KEY as u64 + vector_bytes(namespace)
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
