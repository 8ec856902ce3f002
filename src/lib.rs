//! Semantic retrieval with exact citations.

// A library answers bad input with an error; it does not panic, print or exit.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::exit)]
#![warn(unreachable_pub)]
#![deny(clippy::todo, clippy::unimplemented, clippy::unreachable)]
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]

mod article;
mod embed;
mod error;
pub mod eval;
mod files;
mod hit;
mod index;
mod kernel;
mod passage;
mod progress;
mod query;
mod vectors;

pub use article::{Article, Date, Metadata, Value};
pub use embed::{EmbedReport, EmbedStage, Embedder, ModelIdentity, Role, StaticEmbedder};
pub use error::{Cause, Error, Result};
pub use files::read_articles;
pub use hit::{Hit, Hits};
pub use index::{
    ExactIndex, HnswIndex, HnswParams, IndexChoice, Neighbor, RowSet, SearchParams, VectorIndex,
};
pub use passage::Passage;
pub use progress::{Cancel, Progress};
pub use query::Query;
pub use vectors::Vectors;
