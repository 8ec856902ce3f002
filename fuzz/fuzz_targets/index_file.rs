//! Any bytes as the file of a vector index: as they are, with corrected checksums of the header and
//! the sections, and as the sections of a file with corrected checksums of the vectors.

#![no_main]

use libfuzzer_sys::fuzz_target;
use passim_fuzz::{CraftedFile, Kind, fix_vector_checksums, seal, search_index_file};

fuzz_target!(|bytes: &[u8]| {
    search_index_file(bytes);
    let mut sealed = bytes.to_vec();
    seal(&mut sealed);
    search_index_file(&sealed);
    let mut file = CraftedFile::of(bytes);
    fix_vector_checksums(&mut file, 0);
    search_index_file(&file.bytes(Kind::VectorIndex, 0).0);
});
