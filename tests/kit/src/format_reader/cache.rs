//! A reader of embedding caches, written from `docs/FORMAT.md`; it uses no code of the library.

use std::{fs, path::Path};

use xxhash_rust::xxh3::xxh3_64;

/// A vector of the cache, with its key.
#[derive(Debug, PartialEq)]
pub struct CachedVector {
    pub model: u128,
    /// 1 for a question, 2 for a passage.
    pub role: u32,
    /// XXH3-128 of the text.
    pub text: u128,
    pub vector: Vec<f32>,
}

/// All vectors of the file, in its order.
pub fn read(path: &Path) -> Vec<CachedVector> {
    let bytes = fs::read(path).unwrap();
    let (header, mut rest) = bytes.split_at(24);
    assert_eq!(header[..8], [0x89, 0x50, 0x53, 0x45, 0x0D, 0x0A, 0x1A, 0x0A]);
    assert_eq!((u32_at(header, 8), u32_at(header, 12)), (1, 0));
    assert_eq!(u64_at(header, 16), xxh3_64(&header[..16]));
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (head, behind) = rest.split_at(40);
        assert_eq!(u64_at(head, 32), xxh3_64(&head[..32]));
        let [dim, count] = [16, 24].map(|at| u32_at(head, at) as usize);
        let [role, sum] = [20, 28].map(|at| u32_at(head, at));
        let (keys, behind) = behind.split_at(count * 20);
        assert_eq!(sum, low_half(keys));
        let (vectors, behind) = behind.split_at(count * dim * 4);
        for (row, vector) in vectors.chunks_exact(dim * 4).enumerate() {
            assert_eq!(u32_at(keys, count * 16 + row * 4), low_half(vector));
            let vector = vector.chunks_exact(4).map(|value| f32::from_bits(u32_at(value, 0)));
            let vector = vector.collect();
            let model = u128_at(head, 0);
            all.push(CachedVector { model, role, text: u128_at(keys, row * 16), vector });
        }
        rest = behind;
    }
    all
}

fn low_half(bytes: &[u8]) -> u32 {
    u32_at(&xxh3_64(bytes).to_le_bytes(), 0)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn u128_at(bytes: &[u8], at: usize) -> u128 {
    u128::from_le_bytes(bytes[at..at + 16].try_into().unwrap())
}
