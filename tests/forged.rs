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
