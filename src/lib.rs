//! Semantic retrieval with exact citations.

mod article;
mod embed;
mod error;
mod index;
mod kernel;
mod passage;
mod vectors;

pub use article::{Article, Date, Metadata, Value};
pub use embed::{Embedder, ModelIdentity, Role, StaticEmbedder};
pub use error::{Cause, Error, Result};
pub use index::{
    ExactIndex, HnswIndex, HnswParams, IndexChoice, Neighbor, RowSet, SearchParams, VectorIndex,
};
pub use passage::Passage;
pub use vectors::Vectors;
