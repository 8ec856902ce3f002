//! A crate of its own because it counts the bytes that its process allocates.
//!
//! Damage of every kind to every file of an index gives the right answers or a typed error: never
//! another answer, a panic, or an allocation out of proportion to the files.

mod forged;
mod sample;
mod vector_sample;
mod vector_store;

use std::{
    collections::BTreeMap,
    fs,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

use passim::{Error, IndexChoice};

use passim_testkit::{
    Seeded,
    counting_allocator::CountingAllocator,
    crafted_file::{section_ranges, table_end},
};
use sample::{Found, MANIFEST, Sample, builder};

/// Bits flipped at random in each section.
const FLIPS: usize = 60;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

static SAMPLE: LazyLock<Mutex<Sample>> = LazyLock::new(|| Mutex::new(Sample::new()));

/// The undamaged sample, for one test at a time: bytes are counted for the whole process.
fn sample() -> MutexGuard<'static, Sample> {
    let sample = SAMPLE.lock().unwrap_or_else(PoisonError::into_inner);
    sample.restore();
    sample
}

/// How often each operation found the damage.
#[derive(Debug, Default)]
struct FoundCounts(BTreeMap<Found, usize>);

impl FoundCounts {
    fn note(&mut self, found: Found, what: &str) {
        assert!(found < Found::Nowhere, "{what} was not found");
        *self.0.entry(found).or_default() += 1;
    }
}

#[test]
fn every_truncation_is_found() {
    let sample = sample();
    for (name, bytes) in &sample.files {
        let mut count = FoundCounts::default();
        let bounds = section_ranges(bytes).into_iter().flat_map(|place| [place.start, place.end]);
        let near = bounds.flat_map(|at| at.saturating_sub(3)..at + 3);
        let mut lengths: Vec<usize> =
            (0..4_096).chain(near).chain((4_096..bytes.len()).step_by(61)).collect();
        lengths.retain(|length| *length < bytes.len());
        lengths.sort_unstable();
        lengths.dedup();
        for length in lengths {
            let what = format!("cut to {length}");
            count.note(sample.with(name, &bytes[..length], &what), &what);
        }
        println!("{name}, {} bytes, cut: {:?}", bytes.len(), count.0);
    }
}

/// The bits of a file to flip: all of the manifest, of headers and tables, and some of every section
/// and of the gaps between sections.
fn bits(name: &str, bytes: &[u8], random: &mut Seeded) -> Vec<usize> {
    let sections = section_ranges(bytes);
    let all_until = if name == MANIFEST { bytes.len() } else { table_end(bytes) };
    let mut bits: Vec<usize> = (0..all_until * 8).collect();
    let mut end = table_end(bytes);
    for section in sections {
        let gap = end..section.start;
        end = section.end;
        for place in [gap, section] {
            if place.len() <= FLIPS / 2 {
                bits.extend(place.start * 8..place.end * 8);
            } else {
                let some = (0..FLIPS).map(|_| place.start * 8 + random.below(place.len() * 8));
                bits.extend(some.chain([place.start * 8, place.end * 8 - 1]));
            }
        }
    }
    bits.sort_unstable();
    bits.dedup();
    bits
}

#[test]
fn every_flipped_bit_is_found() {
    let sample = sample();
    let mut random = Seeded(11);
    for (name, bytes) in &sample.files {
        let mut count = FoundCounts::default();
        for bit in bits(name, bytes, &mut random) {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let what = format!("bit {} of byte {}", bit % 8, bit / 8);
            count.note(sample.with(name, &flipped, &what), &what);
        }
        println!("{name}, bits flipped: {:?}", count.0);
    }
}

#[test]
fn appended_bytes_are_found() {
    let sample = sample();
    let mut count = FoundCounts::default();
    for (name, bytes) in &sample.files {
        for length in [1, 2, 7, 8, 63, 64, 4_096, 100_000] {
            for byte in [0, 0xa5] {
                let longer = [&bytes[..], &vec![byte; length]].concat();
                let what = format!("{length} bytes appended");
                count.note(sample.with(name, &longer, &what), &what);
            }
        }
    }
    println!("appended: {:?}", count.0);
}

#[test]
fn swapped_and_outdated_files_are_found() {
    let sample = sample();
    let mut count = FoundCounts::default();
    for (name, bytes) in &sample.files {
        for (other, theirs) in sample.files.iter().filter(|(other, _)| *other > name) {
            sample.write(name, theirs);
            let what = format!("{other} swapped for it");
            count.note(sample.with(other, bytes, &what), &what);
            sample.write(name, bytes);
            count.note(sample.with(name, theirs, &what), &what);
        }
        let kind = name.split(['-', '.']).next().unwrap();
        let older = sample.older.iter().filter(|(old, _)| old.starts_with(kind));
        for (old, older) in older.filter(|(_, older)| *older != bytes) {
            let what = format!("{old} of an earlier generation");
            count.note(sample.with(name, older, &what), &what);
        }
    }
    println!("under other names: {:?}", count.0);
}

#[test]
fn empty_and_missing_files_are_found() {
    let sample = sample();
    for name in sample.files.keys() {
        let path = sample.path().join(name);
        assert_eq!(sample.with(name, b"", "empty"), Found::Opening);
        fs::remove_file(&path).unwrap();
        let outcomes = || {
            let reader = builder(IndexChoice::Exact).open_searcher(sample.path()).map(drop);
            [reader, builder(IndexChoice::Exact).open(sample.path()).map(drop)]
        };
        for outcome in outcomes() {
            let missing = match &outcome {
                Err(Error::NoIndex { .. }) => name == MANIFEST,
                Err(Error::Corrupt { origin, .. }) => origin.contains(name),
                _ => false,
            };
            assert!(missing, "{name}: {outcome:?}");
        }
        fs::create_dir(&path).unwrap();
        for outcome in outcomes() {
            let is_named = |error: &Error| error.to_string().contains(name);
            let typed = matches!(outcome, Err(Error::Read { .. } | Error::Corrupt { .. }));
            assert!(typed && outcome.as_ref().is_err_and(is_named), "{name}: {outcome:?}");
        }
        sample.restore();
        assert_eq!(sample.examine("restored"), Found::Nowhere);
    }
}

/// The writer has read the file before.
#[test]
fn verify_finds_files_that_are_replaced_while_open() {
    let sample = sample();
    for (name, bytes) in &sample.files {
        let writer = builder(IndexChoice::Exact).open(sample.path()).unwrap();
        assert!(writer.verify().unwrap().is_sound());
        let path = sample.path().join(name);
        for at in [20, table_end(bytes) - 1, bytes.len() - 1] {
            let mut other = bytes.clone();
            other[at] ^= 1;
            fs::remove_file(&path).unwrap();
            fs::write(&path, other).unwrap();
            let outcome = writer.verify();
            assert!(matches!(outcome, Err(Error::Corrupt { .. })), "{name}, {at}: {outcome:?}");
        }
        sample.restore();
    }
}
