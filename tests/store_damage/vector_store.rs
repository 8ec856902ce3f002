//! Damage to the files of a vector store, as to those of an index of articles.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use passim_testkit::{
    Seeded,
    crafted_file::{CraftedFile, section_ranges, sign, table_end},
};

use crate::{
    FoundCounts, bits,
    forged::{NUMBERS, forgeries},
    sample::MANIFEST,
    vector_sample::VectorSample,
};

/// Bytes are counted for the whole process, so the tests of this crate run one at a time.
fn sample() -> (MutexGuard<'static, crate::sample::Sample>, &'static VectorSample) {
    static SAMPLE: LazyLock<Mutex<&'static VectorSample>> =
        LazyLock::new(|| Mutex::new(Box::leak(Box::new(VectorSample::new()))));
    let guard = crate::sample();
    let sample: &'static VectorSample = *SAMPLE.lock().unwrap_or_else(PoisonError::into_inner);
    (guard, sample)
}

#[test]
fn every_damage_to_a_vector_store_is_found() {
    let (_guard, sample) = sample();
    let mut random = Seeded(17);
    for (name, bytes) in &sample.files {
        let mut count = FoundCounts::default();
        for bit in bits(name, bytes, &mut random) {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let what = format!("bit {} of byte {}", bit % 8, bit / 8);
            count.note(sample.with(name, &flipped, &what), &what);
        }
        let bounds = section_ranges(bytes).into_iter().flat_map(|place| [place.start, place.end]);
        let near = bounds.flat_map(|at| at.saturating_sub(2)..at + 2);
        for length in (0..bytes.len()).step_by(61).chain(near).filter(|len| *len < bytes.len()) {
            let what = format!("cut to {length}");
            count.note(sample.with(name, &bytes[..length], &what), &what);
        }
        let longer = [&bytes[..], &[0; 64]].concat();
        count.note(sample.with(name, &longer, "appended bytes"), "appended bytes");
        for (other, theirs) in sample.files.iter().filter(|(other, _)| *other != name) {
            let what = format!("{other} under its name");
            count.note(sample.with(name, theirs, &what), &what);
        }
        println!("{name}, {} bytes: {count:?}", bytes.len());
    }
}

#[test]
fn forged_vector_files_cause_only_typed_errors() {
    let (_guard, sample) = sample();
    let mut random = Seeded(19);
    let mut tried = 0;
    let mut refused = 0;
    for (name, bytes) in &sample.files {
        let file = CraftedFile::of(bytes);
        for at in 0..file.sections.len() {
            let section = &file.sections[at];
            let mut forged = forgeries(&section.bytes, &mut random);
            if section.tag == 1 {
                forged.extend(forged_numbers(&section.bytes));
            }
            for (what, other) in forged {
                let what = format!("section {}: {what}", section.tag);
                let mut forged = file.clone();
                forged.sections[at].bytes = other;
                let other = forged.bytes_like(bytes);
                refused += usize::from(sample.is_refused(name, &other, &what));
                tried += 1;
            }
        }
    }
    assert!(refused > tried / 3, "{refused} of {tried}");
    println!("{tried} sections forged, {refused} of them refused");
}

/// `record` with a wrong number at each place.
fn forged_numbers(record: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let places = (0..record.len()).step_by(if record.len() < 1_000 { 1 } else { 7 });
    let forged = places.flat_map(|place| {
        NUMBERS.map(|number| {
            let mut other = record.to_vec();
            let end = other.len().min(place + 8);
            other[place..end].copy_from_slice(&number.to_le_bytes()[..end - place]);
            ("a number", other)
        })
    });
    forged.collect()
}

/// Sections that files of earlier versions lack, or that are missing if they would be empty.
const OPTIONAL: [u32; 5] = [63, 64, 73, 91, 101];

#[test]
fn vector_files_need_all_sections_and_numbers_of_the_table() {
    let (_guard, sample) = sample();
    for (name, bytes) in &sample.files {
        let file = CraftedFile::of(bytes);
        let is_needed = |at: &usize| !OPTIONAL.contains(&file.sections[*at].tag);
        for at in (0..file.sections.len()).filter(is_needed) {
            let mut other = file.clone();
            let tag = other.sections.remove(at).tag;
            let what = format!("without section {tag}");
            assert!(sample.is_refused(name, &other.bytes_like(bytes), &what), "{name}: {what}");
        }
        let end = table_end(bytes);
        for at in (8..end).step_by(4).filter(|at| ![56, 60].contains(at)) {
            let mut other = bytes.clone();
            other[at..at + 4].copy_from_slice(&[0xa5; 4]);
            sign(&mut other, end);
            let optional = OPTIONAL.map(|tag| file.position(tag).map(|place| 64 + 32 * place));
            let is_optional = optional.contains(&Some(at));
            let is_tag = name != MANIFEST && is_optional;
            let refused = sample.is_refused(name, &other, &format!("a number at {at}"));
            assert!(refused || is_tag, "{name}: {at}");
        }
    }
}
