//! Laws of the public API, one module per subject.
//!
//! Tests that need a process, an allocator, a network fixture or a model of their own are crates
//! beside this one; CONTRIBUTING.md says where a new test goes.

mod background_merges;
mod backup;
mod bundled_model;
mod calibration;
mod chunking;
mod chunking_properties;
mod context;
mod corpus_calibration;
mod counts;
mod damaged_merges;
mod embedding;
mod filter_expressions;
mod filter_oracle;
mod folder_sync;
mod forged_files;
mod format;
mod groups;
mod identifiers;
mod index_files;
mod judged_questions;
mod languages;
mod markdown;
mod own_vectors;
mod pipeline;
#[cfg(feature = "postgres")]
mod postgres;
mod query;
mod ranking;
mod ranking_model;
mod rebuild;
mod recency;
mod row_filters;
mod sample_corpus;
mod sentences;
mod settings;
mod shared_retriever;
mod store;
mod sync;
mod vector_index;
mod vector_store;
mod word_conditions;
mod words;

#[cfg(feature = "postgres")]
#[test]
#[ignore = "the work of a child process"]
fn in_child() {
    postgres::outages::write_until_killed();
}
