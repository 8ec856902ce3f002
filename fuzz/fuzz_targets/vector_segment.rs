//! The sections of any file as a segment and as removals of a vector store, with corrected checksums.

#![no_main]

use libfuzzer_sys::fuzz_target;
use passim_fuzz::{CraftedFile, StoreFolder, fix_vector_checksums};

thread_local!(static FOLDER: StoreFolder = StoreFolder::default());

fuzz_target!(|bytes: &[u8]| {
    let mut file = CraftedFile::of(bytes);
    fix_vector_checksums(&mut file, 0);
    FOLDER.with(|folder| {
        folder.write(&file);
        _ = folder.use_all();
    });
});
