//! Files for the fuzzer with corrected checksums, so that it gets past their verification.

mod index;
mod vector_files;

pub use index::Index;
pub use passim_testkit::{
    crafted_file::{CraftedFile, Kind, seal},
    segment_checksums::{fix_checksums, fix_vector_checksums},
};
pub use vector_files::{StoreFolder, search_index_file};
