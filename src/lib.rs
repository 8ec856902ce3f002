//! Semantic retrieval with exact citations.

mod article;
mod embed;
mod error;
pub mod eval;
mod hit;
mod index;
mod kernel;
mod passage;
mod progress;
mod query;
mod vectors;

pub use article::{Article, Date, Metadata, Value};
#[cfg(feature = "hub")]
pub use embed::PretrainedModel;
pub use embed::{EmbedReport, EmbedStage, Embedder, ModelIdentity, Role, StaticEmbedder};
#[cfg(feature = "fastembed")]
pub use embed::{FastEmbedder, FastEmbedderBuilder, Pooling};
pub use error::{Cause, Error, Result};
pub use hit::{Hit, Hits};
pub use index::{
    ExactIndex, HnswIndex, HnswParams, IndexChoice, Neighbor, RowSet, SearchParams, VectorIndex,
};
pub use passage::Passage;
pub use progress::{Cancel, Progress};
pub use query::Query;
pub use vectors::Vectors;
