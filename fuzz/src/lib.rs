//! Files for the fuzzer, with every checksum made right, so that it gets behind them.

#[path = "../../tests/support/crafted_file.rs"]
mod crafted_file;
#[path = "../../tests/support/hash_embedder.rs"]
mod hash_embedder;
#[path = "../../tests/support/segment_checksums.rs"]
mod segment_checksums;

mod index;

pub use crafted_file::{CraftedFile, Kind};
pub use index::Index;
pub use segment_checksums::fix_checksums;
