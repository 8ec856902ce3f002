//! Files for the fuzzer, with every checksum made right, so that it gets behind them.

mod index;

pub use index::Index;
pub use passim_testkit::{
    crafted_file::{CraftedFile, Kind},
    segment_checksums::fix_checksums,
};
