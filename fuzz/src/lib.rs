//! Files for the fuzzer with corrected checksums, so that it gets past their verification.

mod index;

pub use index::Index;
pub use passim_testkit::{
    crafted_file::{CraftedFile, Kind},
    segment_checksums::fix_checksums,
};
