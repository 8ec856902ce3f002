//! The record of any file as that of a manifest, beside the files of the index of version 1.

#![no_main]

use libfuzzer_sys::fuzz_target;
use passim_fuzz::{CraftedFile, Index};

thread_local!(static INDEX: Index = Index::v1());

fuzz_target!(|bytes: &[u8]| {
    INDEX.with(|index| {
        index.write_record(CraftedFile::of(bytes).section(1));
        _ = index.read_all();
    });
});
