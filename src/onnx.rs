//! Transformer models in ONNX Runtime: what an embedder and a reranker have in common.

#[cfg(feature = "hub")]
mod download;
mod files;
mod graph;
#[cfg(feature = "hub")]
mod hub;
mod opening;
mod pool;
mod provider;
mod runs;
mod runtime;
mod session;
mod tokens;

#[cfg(feature = "hub")]
pub use download::Download;
#[cfg(feature = "hub")]
pub(crate) use download::OnDownload;
pub(crate) use files::ModelFiles;
pub(crate) use graph::output_shape;
#[cfg(feature = "hub")]
pub(crate) use hub::{HubModel, fetch};
pub(crate) use opening::{Opening, Source, opening_settings};
pub(crate) use pool::Pool;
pub use provider::ExecutionProvider;
pub(crate) use runs::runs;
pub(crate) use session::{EmbedSession, RerankSession, SessionSettings};
#[cfg(feature = "hub")]
pub(crate) use session::{hub_embedder, hub_reranker};
pub(crate) use tokens::Tokens;

use crate::{Cause, Error, Result};

/// Makes sure that ONNX Runtime is there, and that it has `providers`.
///
/// # Errors
///
/// [`Error::Runtime`] if it is not, [`Error::Provider`] if it lacks one.
pub(crate) fn require_runtime(providers: &[ExecutionProvider]) -> Result<()> {
    runtime::require(providers)
}

/// The error of the model `name` that was loaded but does not run.
pub(crate) fn unrunnable(name: &str, source: Cause) -> Error {
    let remedy = "its files are damaged, or of a kind that fastembed does not run: get or \
                  export them again";
    Error::Model { name: name.to_owned(), remedy, source }
}
