//! Files with right checksums and wrong content are refused: what the fuzzer has found.

#[path = "support/forge.rs"]
mod forge;
#[path = "support/repair.rs"]
mod repair;
#[path = "support/tiny.rs"]
mod tiny;
#[path = "support/v1.rs"]
mod v1;

use std::fs;

use forge::{Forged, Kind, seal};
use passim::{Error, Result, Retriever};
use tempfile::TempDir;

/// The index of version 1, its file `name` as `forge` has changed it.
fn forged(name: &str, forge: impl FnOnce(&mut Vec<u8>)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(v1::folder()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let path = folder.path().join(name);
    let mut bytes = fs::read(&path).unwrap();
    forge(&mut bytes);
    seal(&mut bytes);
    fs::write(path, bytes).unwrap();
    folder
}

fn open(folder: &TempDir) -> Result<Retriever> {
    v1::builder().open(folder.path())
}

/// Puts `record` in place of that of the manifest in `bytes`, as far as it goes.
fn put_record(bytes: &mut Vec<u8>, record: &[u8]) {
    let mut file = Forged::of(bytes);
    let mut changed = file.section(1).to_vec();
    changed[..record.len()].copy_from_slice(record);
    file.replace(1, changed);
    *bytes = file.bytes(Kind::Manifest, 2).0;
}

#[test]
fn generations_and_file_numbers_can_be_counted_on() {
    let [most, two] = [u64::MAX, 2].map(u64::to_le_bytes);
    for counted in [[most, two], [two, most]] {
        let folder = forged("manifest.passim", |bytes| put_record(bytes, &counted.concat()));
        let refused = open(&folder).unwrap_err();
        assert!(matches!(refused, Error::Corrupt { .. }), "{refused}");
    }
    let counted = [two, (1_u64 << 62).to_le_bytes()].concat();
    let folder = forged("manifest.passim", |bytes| put_record(bytes, &counted));
    assert_eq!(open(&folder).unwrap().compact().unwrap(), 3);
}

/// Puts what `forge` makes of it in place of segment 1, and names it in the manifest.
fn with_segment(forge: impl FnOnce(&mut Forged)) -> TempDir {
    let mut segment = Forged::of(&fs::read(v1::folder().join("segment-1.passim")).unwrap());
    forge(&mut segment);
    repair::repair(&mut segment);
    let (bytes, id) = segment.bytes(Kind::Segment, 1);
    let old = fs::read(v1::folder().join("segment-1.passim")).unwrap();
    let named = |bytes: &[u8]| [&bytes[16..32], &bytes[56..64]].concat();
    let folder = forged("manifest.passim", |manifest| {
        let file = Forged::of(manifest);
        let mut record = file.section(1).to_vec();
        let at = record.windows(24).position(|window| window == named(&old)).unwrap();
        record[at..at + 24].copy_from_slice(&id.map(u64::to_le_bytes).concat());
        put_record(manifest, &record);
    });
    fs::write(folder.path().join("segment-1.passim"), bytes).unwrap();
    folder
}

/// Puts `bytes` at `at` of section `tag`.
fn put(segment: &mut Forged, tag: u32, at: usize, bytes: &[u8]) {
    let mut section = segment.section(tag).to_vec();
    section[at..at + bytes.len()].copy_from_slice(bytes);
    segment.replace(tag, section);
}

#[test]
fn verify_finds_vectors_that_are_not_of_length_1() {
    assert!(open(&with_segment(|_| ())).unwrap().verify().is_ok(), "only what is forged is wrong");
    for value in [f32::NAN, f32::INFINITY, 2.0] {
        let folder = with_segment(|segment| put(segment, 50, 32, &value.to_le_bytes()));
        let refused = open(&folder).unwrap().verify().unwrap_err();
        assert!(matches!(&refused, Error::Corrupt { check, .. } if check.contains("length 1")));
    }
}

#[test]
fn sections_of_other_tags_are_left_alone() {
    let folder = with_segment(|segment| segment.sections.push((999, b"of a later version".into())));
    let retriever = open(&folder).unwrap();
    assert!(retriever.verify().unwrap().is_sound());
    assert_eq!(retriever.search("Was speichert ein Moor?").unwrap().len(), 10);
}
