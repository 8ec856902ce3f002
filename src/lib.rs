//! Semantic retrieval with exact citations.

mod article;
mod embed;
mod error;
mod kernel;
mod passage;
mod vectors;

pub use article::{Article, Date, Metadata, Value};
#[cfg(feature = "hub")]
pub use embed::pretrained::PretrainedModel;
#[cfg(feature = "fastembed")]
pub use embed::pretrained::{FastEmbedder, FastEmbedderBuilder, Pooling};
pub use embed::{Embedder, ModelIdentity, Role};
pub use error::{Cause, Error, Result};
pub use passage::Passage;
pub use vectors::Vectors;
