//! Forged files: invalid content under valid checksums.

use passim_testkit::{
    Seeded,
    crafted_file::{CraftedFile, sign, table_end},
};

use crate::sample::{MANIFEST, Sample};

/// Numbers that are wrong as a count, a length or an offset.
pub const NUMBERS: [u64; 7] = [0, 3, 300, 15 << 20, 1 << 31, 1 << 60, u64::MAX];

/// Whether an index is refused whose file `name` has `bytes`, and whose manifest names that file.
fn is_refused(sample: &Sample, name: &str, bytes: &[u8], what: &str) -> bool {
    if name == MANIFEST {
        sample.write(name, bytes);
    } else {
        sample.write_and_name(name, bytes);
    }
    let refused = sample.is_refused(&format!("{name}: {what}"));
    sample.restore();
    refused
}

/// The file `name` with `section` at the position `at`.
fn with_section(sample: &Sample, name: &str, at: usize, section: Vec<u8>) -> Vec<u8> {
    let mut file = CraftedFile::of(&sample.files[name]);
    file.sections[at].bytes = section;
    file.bytes_like(&sample.files[name])
}

/// Sections without which a file is valid, as one of an earlier build: Markdown articles without
/// passages, totals of the languages, rows of distinct vectors, words, and the fingerprint of the pieces.
const OPTIONAL: [u32; 9] = [43, 52, 63, 64, 73, 91, 101, 110, 123];

#[test]
fn crafted_files_equal_their_originals() {
    let sample = crate::sample();
    for (name, bytes) in &sample.files {
        assert!(CraftedFile::of(bytes).bytes_like(bytes) == *bytes, "{name}");
    }
}

#[test]
fn forged_headers_are_refused() {
    let sample = crate::sample();
    let mut tried = 0;
    for (name, bytes) in &sample.files {
        let end = table_end(bytes);
        // An index in which an optional section has an unknown tag is valid.
        let file = CraftedFile::of(bytes);
        let optional = OPTIONAL.map(|tag| file.position(tag).map(|place| 64 + 32 * place));
        let is_checked = |at: &usize| ![56, 60].contains(at) && !optional.contains(&Some(*at));
        for at in (8..end).step_by(4).filter(is_checked) {
            for number in NUMBERS {
                let mut other = bytes.clone();
                let length = (end - at).min(if at < 16 || at == 32 { 4 } else { 8 });
                other[at..at + length].copy_from_slice(&number.to_le_bytes()[..length]);
                if other[..56] == bytes[..56] && other[64..] == bytes[64..] {
                    continue;
                }
                sign(&mut other, end);
                let what = format!("{number} at {at} of the header");
                assert!(is_refused(&sample, name, &other, &what), "{name}: {what}");
                tried += 1;
            }
        }
    }
    println!("{tried} headers and tables forged");
}

#[test]
fn forged_records_cause_only_typed_errors() {
    let sample = crate::sample();
    let mut tried = 0;
    let mut refused = 0;
    for (name, bytes) in &sample.files {
        let file = CraftedFile::of(bytes);
        let Some(at) = file.position(1) else { continue };
        let record = &file.sections[at].bytes;
        // Every fifth byte of a long record covers every offset within a number.
        for place in (0..record.len()).step_by(if record.len() < 1_000 { 1 } else { 5 }) {
            for number in NUMBERS {
                let mut other = record.clone();
                let end = other.len().min(place + 8);
                other[place..end].copy_from_slice(&number.to_le_bytes()[..end - place]);
                let what = format!("{number} at {place} of the record");
                let other = with_section(&sample, name, at, other);
                refused += usize::from(is_refused(&sample, name, &other, &what));
                tried += 1;
            }
        }
    }
    println!("{tried} records forged, {refused} of them refused");
}

/// Forged contents of a section, with their names.
pub fn forgeries(section: &[u8], random: &mut Seeded) -> Vec<(&'static str, Vec<u8>)> {
    let len = section.len();
    let mut others = vec![
        ("empty", Vec::new()),
        ("half", section[..len / 2].to_vec()),
        ("without the last byte", section[..len.saturating_sub(1)].to_vec()),
        ("without the last four", section[..len.saturating_sub(4)].to_vec()),
        ("without the last 64", section[..len.saturating_sub(64)].to_vec()),
        ("twice", section.repeat(2)),
        ("zeros", vec![0; len]),
        ("ones", vec![0xff; len]),
        ("backwards", section.iter().rev().copied().collect()),
    ];
    for number in NUMBERS.into_iter().chain([1, 2]) {
        let mut other = section.to_vec();
        if let Some(last) = len.checked_sub(8) {
            let at = random.below(last + 1) & !3;
            other[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        others.push(("a number", other));
    }
    let mut swapped = section.to_vec();
    if len > 8 {
        let from = random.below(len / 4);
        let to = random.below(len / 4);
        (0..4).for_each(|byte| swapped.swap(4 * from + byte, 4 * to + byte));
    }
    others.push(("two values swapped", swapped));
    others
}

#[test]
fn forged_sections_cause_only_typed_errors() {
    let sample = crate::sample();
    let mut random = Seeded(13);
    let mut tried = 0;
    let mut refused = 0;
    for (name, bytes) in sample.files.iter().filter(|(name, _)| *name != MANIFEST) {
        for (at, section) in CraftedFile::of(bytes).sections.iter().enumerate() {
            for (what, other) in forgeries(&section.bytes, &mut random) {
                let what = format!("section {}: {what}", section.tag);
                let other = with_section(&sample, name, at, other);
                refused += usize::from(is_refused(&sample, name, &other, &what));
                tried += 1;
            }
        }
    }
    println!("{tried} sections forged, {refused} of them refused");
}

#[test]
fn missing_sections_are_refused() {
    let sample = crate::sample();
    for (name, bytes) in &sample.files {
        let file = CraftedFile::of(bytes);
        let is_needed = |at: &usize| !OPTIONAL.contains(&file.sections[*at].tag);
        for at in (0..file.sections.len()).filter(is_needed) {
            let mut other = file.clone();
            let tag = other.sections.remove(at).tag;
            let what = format!("without section {tag}");
            assert!(is_refused(&sample, name, &other.bytes_like(bytes), &what), "{name}: {what}");
        }
    }
}
