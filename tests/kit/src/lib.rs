//! The test kit, which test crates, benchmarks and fuzz targets share.
//!
//! Everything is seeded or computed from its arguments. Functions panic where a test fails.

pub mod child;
pub mod corpus;
pub mod counting_allocator;
pub mod crafted_file;
mod fake_embedder;
pub mod fixture_v1;
pub mod format_reader;
pub mod index_model;
mod random;
pub mod segment_checksums;

pub mod vectors;

pub use fake_embedder::{EmbedLog, FakeEmbedder};
pub use random::Seeded;
