//! Files that nobody wrote, but whose checksums are right.

use passim_testkit::{
    Seeded,
    crafted_file::{CraftedFile, sign, table_end},
};

use crate::sample::{MANIFEST, Sample};

/// Numbers that are too many of whatever is counted.
const NUMBERS: [u64; 7] = [0, 3, 300, 15 << 20, 1 << 31, 1 << 60, u64::MAX];

/// Puts `bytes` in the place of the file `name`, under its right name, and tries everything.
fn is_refused(sample: &Sample, name: &str, bytes: &[u8], what: &str) -> bool {
    if name == MANIFEST {
        sample.write(name, bytes);
    } else {
        sample.name_rightly(name, bytes);
    }
    let refused = sample.try_everything(&format!("{name}: {what}"));
    sample.restore();
    refused
}

/// The file `name` with another section `at`.
fn with_section(sample: &Sample, name: &str, at: usize, section: Vec<u8>) -> Vec<u8> {
    let mut file = CraftedFile::of(&sample.files[name]);
    file.sections[at].bytes = section;
    file.bytes_like(&sample.files[name])
}

#[test]
fn files_are_put_together_as_they_were() {
    let sample = crate::sample();
    for (name, bytes) in &sample.files {
        assert!(CraftedFile::of(bytes).bytes_like(bytes) == *bytes, "{name}");
    }
}

#[test]
fn headers_that_lie_are_refused() {
    let sample = crate::sample();
    let mut tried = 0;
    for (name, bytes) in &sample.files {
        let end = table_end(bytes);
        // Under another tag the words are not known, and are made anew of the texts.
        let words = CraftedFile::of(bytes).position(110);
        let words = words.map(|place| 64 + 32 * place);
        let tried_at = |at: &usize| ![56, 60].contains(at) && Some(*at) != words;
        for at in (8..end).step_by(4).filter(tried_at) {
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
    println!("{tried} headers and tables made up");
}

#[test]
fn records_that_lie_end_nothing() {
    let sample = crate::sample();
    let (mut tried, mut refused) = (0, 0);
    for (name, bytes) in &sample.files {
        let file = CraftedFile::of(bytes);
        let Some(at) = file.position(1) else { continue };
        let record = &file.sections[at].bytes;
        // Of a long one, every fifth byte: so every place within a number comes.
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
    println!("{tried} records made up, {refused} of them refused");
}

/// Other contents of a section.
fn others(section: &[u8], random: &mut Seeded) -> Vec<(&'static str, Vec<u8>)> {
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
        let (from, to) = (random.below(len / 4), random.below(len / 4));
        (0..4).for_each(|byte| swapped.swap(4 * from + byte, 4 * to + byte));
    }
    others.push(("two values swapped", swapped));
    others
}

#[test]
fn sections_that_lie_end_nothing() {
    let sample = crate::sample();
    let mut random = Seeded(13);
    let (mut tried, mut refused) = (0, 0);
    for (name, bytes) in sample.files.iter().filter(|(name, _)| *name != MANIFEST) {
        for (at, section) in CraftedFile::of(bytes).sections.iter().enumerate() {
            for (what, other) in others(&section.bytes, &mut random) {
                let what = format!("section {}: {what}", section.tag);
                let other = with_section(&sample, name, at, other);
                refused += usize::from(is_refused(&sample, name, &other, &what));
                tried += 1;
            }
        }
    }
    println!("{tried} sections made up, {refused} of them refused");
}

#[test]
fn sections_that_are_missing_are_refused() {
    let sample = crate::sample();
    for (name, bytes) in &sample.files {
        let file = CraftedFile::of(bytes);
        // Words are made anew of the texts.
        for at in (0..file.sections.len()).filter(|at| file.sections[*at].tag != 110) {
            let mut other = file.clone();
            let tag = other.sections.remove(at).tag;
            let what = format!("without section {tag}");
            assert!(is_refused(&sample, name, &other.bytes_like(bytes), &what), "{name}: {what}");
        }
    }
}
