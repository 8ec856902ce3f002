//! Semantic retrieval with exact citations.

mod article;
mod chunk;
mod embed;
mod error;
mod kernel;
mod passage;
mod vectors;

pub use article::{Article, Date, Metadata, Value};
pub use chunk::{Chunker, Sentences, sentences};
pub use embed::{Embedder, ModelIdentity, Role};
pub use error::{Cause, Error, Result};
pub use passage::Passage;
pub use vectors::Vectors;
