//! A segment with the sections of any file and corrected checksums.

#![no_main]

use libfuzzer_sys::fuzz_target;
use passim_fuzz::{CraftedFile, Index, Kind, fix_checksums};

thread_local!(static INDEX: Index = Index::default());

fuzz_target!(|bytes: &[u8]| {
    let mut file = CraftedFile::of(bytes);
    fix_checksums(&mut file);
    let (bytes, id) = file.bytes(Kind::Segment, 1);
    INDEX.with(|index| {
        index.remove_all();
        index.write("segment-1.passim", &bytes);
        index.write_manifest(id, None, None);
        _ = index.use_all();
    });
});
