//! Any bytes as the manifest, with corrected checksums of its header and sections.

#![no_main]

use libfuzzer_sys::fuzz_target;
use passim_fuzz::Index;

thread_local!(static INDEX: Index = Index::v1());

fuzz_target!(|bytes: &[u8]| {
    INDEX.with(|index| {
        index.write_manifest_file(bytes);
        _ = index.read_all();
    });
});
