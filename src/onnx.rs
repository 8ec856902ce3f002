//! Transformer models: code shared by embedders and rerankers.

#[cfg(feature = "qwen3")]
mod candle;
#[cfg(feature = "hub")]
mod download;
mod engine;
mod graph_file;
#[cfg(feature = "hub")]
mod hub;
mod json_tokenizer;
mod model_files;
mod model_folder;
mod model_tokenizer;
mod onnx_graph;
mod pooling;
mod prompts;
mod protobuf;
mod provider;
mod runs;
mod runtime;
mod session;
mod session_options;
mod session_pool;
mod shards;
mod weight_references;

#[cfg(feature = "hub")]
pub use download::Download;
#[cfg(feature = "hub")]
pub(crate) use download::OnDownload;
pub use engine::Engine;
#[cfg(feature = "hub")]
pub(crate) use engine::without_candle;
pub(crate) use graph_file::{GraphFile, GraphSource};
#[cfg(feature = "hub")]
pub(crate) use hub::{HubModel, fetch, fetch_shards};
pub(crate) use json_tokenizer::JsonTokenizer;
pub(crate) use model_files::ModelFiles;
pub(crate) use model_tokenizer::{CountedText, ModelTokenizer};
pub use pooling::Pooling;
pub(crate) use prompts::DeclaredPrompts;
pub use provider::ExecutionProvider;
pub(crate) use runs::runs;
#[cfg(feature = "qwen3")]
pub(crate) use session::CandleSession;
pub(crate) use session::{EmbedSession, OnnxSession, RerankSession, ResolvedOptions};
#[cfg(feature = "hub")]
pub(crate) use session::{hub_embedder, hub_reranker};
pub(crate) use session_options::{SessionOptions, Source, session_option_setters};
pub(crate) use session_pool::SessionPool;

use crate::{Cause, Error};

/// Returns the error for the model `name`, whose files were read but do not run.
pub(crate) fn unrunnable(name: &str, source: Cause) -> Error {
    let remedy = "its files are damaged or not supported by fastembed: download or export them \
                  again";
    Error::Model { name: name.to_owned(), remedy, source }
}
