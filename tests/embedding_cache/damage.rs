//! Torn, damaged, forged and foreign files: the cache returns correct vectors or an error.

use std::{fs, path::PathBuf};

use passim::{EmbeddingCache, Error, Role};
use passim_testkit::{Seeded, counting_allocator::peak_growth};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::{as_strs, bits, embed, model::RecordingModel, text, texts};

const LIMIT: usize = 1 << 16;
const HEADER: usize = 24;

/// A file of several blocks: two models in both roles.
struct Sample {
    _folder: tempfile::TempDir,
    path: PathBuf,
    bytes: Vec<u8>,
    models: [RecordingModel; 2],
}

impl Sample {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let models = [RecordingModel::new(1, 4), RecordingModel::new(u128::MAX / 3, 6)];
        let sample = Self { _folder: folder, bytes: Vec::new(), path, models };
        sample.embed_all(&sample.open().unwrap());
        let bytes = fs::read(&sample.path).unwrap();
        Self { bytes, ..sample }
    }

    fn open(&self) -> passim::Result<EmbeddingCache> {
        EmbeddingCache::open(&self.path, LIMIT)
    }

    /// Embeds all texts, checks the vectors, and returns how many came from the cache.
    fn embed_all(&self, cache: &EmbeddingCache) -> usize {
        let mut cached = 0;
        for model in &self.models {
            for role in [Role::Query, Role::Passage] {
                let texts = texts(0..5);
                let (vectors, report) = embed(model, cache, role, &texts);
                let want = model.vectors(role, &as_strs(&texts));
                assert_eq!(bits(&vectors), bits(&want));
                cached += report.cached;
            }
        }
        cached
    }

    const ALL: usize = 2 * 2 * 5;

    /// Opens a file of `bytes` and embeds all texts. Returns how many came from the cache, or `None`
    /// if opening failed. Checks that lost vectors are in the file afterwards.
    fn cached_in(&self, bytes: &[u8]) -> Option<usize> {
        // Some file systems sync an overwritten file; a new file is faster.
        fs::remove_file(&self.path).unwrap();
        fs::write(&self.path, bytes).unwrap();
        let cache = match self.open() {
            Ok(cache) => cache,
            Err(Error::Corrupt { origin, .. } | Error::Version { origin, .. }) => {
                assert!(origin.ends_with("cache"), "{origin}");
                assert_eq!(fs::read(&self.path).unwrap(), bytes, "a refused file is unchanged");
                return None;
            }
            Err(error) => panic!("{error:?}"),
        };
        let cached = self.embed_all(&cache);
        drop(cache);
        assert_eq!(self.embed_all(&self.open().unwrap()), Self::ALL);
        Some(cached)
    }
}

#[test]
fn a_truncation_loses_only_the_vectors_cut_off() {
    let sample = Sample::new();
    let mut last = 0;
    for length in 0..sample.bytes.len() {
        let cached = sample.cached_in(&sample.bytes[..length]).unwrap();
        assert!(last <= cached && cached < Sample::ALL, "{cached} of {length} bytes");
        last = cached;
    }
    assert!(last > Sample::ALL / 2);
    assert_eq!(sample.cached_in(&sample.bytes), Some(Sample::ALL));
}

#[test]
fn every_flipped_bit_is_detected() {
    let sample = Sample::new();
    let mut counts = [0; Sample::ALL + 1];
    for bit in 0..sample.bytes.len() * 8 {
        let mut bytes = sample.bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        match sample.cached_in(&bytes) {
            None => assert!(bit / 8 < HEADER, "refused for bit {bit}"),
            Some(cached) => {
                assert!(bit / 8 >= HEADER && cached < Sample::ALL, "bit {bit}");
                counts[cached] += 1;
            }
        }
    }
    // A flipped bit in a vector loses only that vector.
    assert!(counts[Sample::ALL - 1] > sample.bytes.len() * 2, "{counts:?}");
}

#[test]
fn appended_and_overwritten_bytes_are_detected() {
    let sample = Sample::new();
    let mut random = Seeded(5);
    for length in [1, 39, 40, 41, 1_000] {
        let noise: Vec<u8> = (0..length).map(|_| random.next().to_le_bytes()[0]).collect();
        for tail in [vec![0; length], vec![0xff; length], noise.clone()] {
            let bytes = [&sample.bytes[..], &tail].concat();
            assert_eq!(sample.cached_in(&bytes), Some(Sample::ALL));
        }
        let mut bytes = sample.bytes.clone();
        let at = HEADER + random.below(bytes.len() - HEADER);
        let end = bytes.len().min(at + length);
        bytes[at..end].copy_from_slice(&noise[..end - at]);
        assert!(sample.cached_in(&bytes).is_some_and(|cached| cached < Sample::ALL));
    }
}

#[test]
fn files_of_other_kinds_are_refused_and_unchanged() {
    let sample = Sample::new();
    for bytes in [&b"x"[..], b"\x89PSC\r\n\x1a\n", b"%PDF-1.7 and so on, page after page", &[0; 9]]
    {
        assert_eq!(sample.cached_in(bytes), None);
        let error = sample.open().unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    }
    let mut newer = sample.bytes.clone();
    newer[8] = 2;
    assert_eq!(sample.cached_in(&newer), None);
    let error = sample.open().unwrap_err();
    assert!(matches!(error, Error::Version { got: 2, newest: 1, .. }), "{error}");
}

/// Forges a block with valid checksums and arbitrary contents.
fn block(dim: u32, role: u32, count: u32, keys: &[u8], vectors: &[u8]) -> Vec<u8> {
    let mut block = 1_u128.to_le_bytes().to_vec();
    let sum = xxh3_64(keys).to_le_bytes();
    block.extend([dim, role, count].iter().flat_map(|number| number.to_le_bytes()));
    block.extend(&sum[..4]);
    block.extend(xxh3_64(&block).to_le_bytes());
    [&block, keys, vectors].concat()
}

#[test]
fn the_claims_of_a_forged_block_take_no_memory() {
    let sample = Sample::new();
    for (dim, role, count) in [
        (4, 2, u32::MAX),
        (u32::MAX, 2, 1),
        (u32::MAX, 2, u32::MAX),
        (1 << 30, 1, 1 << 30),
        (0, 2, u32::MAX),
        (0, 2, 0),
        (4, 2, 0),
        (4, 0, 1),
        (4, 3, 1),
    ] {
        let bytes = [&sample.bytes[..], &block(dim, role, count, &[7; 20], &[7; 16])].concat();
        let (cached, bytes_taken) = peak_growth(|| sample.cached_in(&bytes));
        assert_eq!(cached, Some(Sample::ALL), "{dim} {role} {count}");
        // The bound leaves room for the tests that run at the same time.
        assert!(bytes_taken < 64 << 20, "{bytes_taken} bytes for {dim} {role} {count}");
    }
}

#[test]
fn forged_vectors_are_rejected() {
    let sample = Sample::new();
    for values in [[f32::NAN; 4], [0.0; 4], [f32::INFINITY, 0.0, 0.0, 0.0], [2.0; 4]] {
        let vector: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let mut keys = xxh3_128(text(3).as_bytes()).to_le_bytes().to_vec();
        keys.extend(&xxh3_64(&vector).to_le_bytes()[..4]);
        let bytes = [&sample.bytes[..], &block(4, 2, 1, &keys, &vector)].concat();
        assert_eq!(sample.cached_in(&bytes), Some(Sample::ALL - 1), "{values:?}");
    }
}
