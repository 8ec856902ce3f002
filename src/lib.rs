//! Semantic retrieval with exact citations, for German and English articles.
//!
//! passim splits articles into passages, embeds them in parallel, indexes the vectors with
//! HNSW and the words with BM25, and answers a question with the ranked passages that speak of it, each with its
//! exact byte range in its article.
//!
//! ```text
//! article ──chunk──▶ passages ──embed──▶ unit vectors ──index──▶ neighbors ──▶ hits
//!          byte ranges     │   parallel               exact, HNSW               ▲
//!                          └──words──▶ lexical index ───────────BM25────────────┘
//! ```
//!
//! # Examples
//!
//! The bundled model needs no download and finds German passages for English questions,
//! and the other way round:
//!
//! ```
//! use passim::{Article, Retriever};
//!
//! let text = "Moore speichern mehr Kohlenstoff als alle Wälder der Erde.";
//! let mut retriever = Retriever::in_memory()?;
//! retriever.add([Article::new("moor.txt", text)])?;
//!
//! let hits = retriever.search("What do peat bogs store?")?;
//! assert_eq!(hits[0].text, &text[hits[0].range.clone()]);
//! # Ok::<(), passim::Error>(())
//! ```
//!
//! [`Retriever::open_or_create`] keeps the corpus in a folder; [`Retriever::sync`] brings it up
//! to date and embeds only what changed; [`Searcher::open`] searches it from other processes.
//!
//! # Settings
//!
//! | what | where |
//! |---|---|
//! | passages: tokens, overlap, context | [`Chunker`] |
//! | model | [`RetrieverBuilder::embedder`] |
//! | reranker; how many passages it is asked about | [`RetrieverBuilder::reranker`], [`Query::rerank`] |
//! | threads, progress, cancelling, checkpoints | [`RetrieverBuilder`] |
//! | vectors kept for texts that come again | [`RetrieverBuilder::embedding_cache`], [`EmbeddingCache`] |
//! | exact search or graph; `m`, `ef_construction` | [`IndexChoice`], [`HnswParams`] |
//! | by meaning, by words, or both | [`Mode`] |
//! | `k`, `ef_search` or recall, exact, limits | [`Query`] |
//! | what may be found: metadata, language, keys, closures | [`Filter`], [`Query::filter`] |
//! | what a recall is proven by | [`Retriever::calibrate`], [`HnswIndex::calibrate`] |
//!
//! Embedding runs on threads of its own; chunking, building and [`Searcher::search_many`]
//! run on the current `rayon` pool: call them inside `ThreadPool::install` to bound them.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `fastembed` | yes | `FastEmbedder`, transformer models over ONNX Runtime |
//! | `load-dynamic` | yes | ONNX Runtime is loaded when the first such model is; without it, it is linked from the folder `ORT_LIB_PATH` |
//! | `download-binaries` | no | it is downloaded while building, to be linked; needs `default-features = false` |
//! | `hub` | yes | models are downloaded by name |
//! | `qwen3` | no | `FastEmbedder` opens Qwen3 embedding models, too, which candle runs on the processor |
//! | `cuda`, `coreml`, `directml` | no | models run on these devices (`ExecutionProvider`) |
//!
//! # Limits
//!
//! - What is not committed is in memory, and so is what a commit merges. What is committed to a
//!   folder is mapped from its files, which nobody else may change or shorten meanwhile.
//! - Big-endian processors are not supported.
//! - From [`IndexChoice::GRAPH_FROM`] passages on a search may miss some of the closest, unless
//!   it is asked to be exact. The same vectors always give the same graph.
//! - Words are those of German and English; they are looked for one by one, not as phrases.

// A library answers bad input with an error; it does not panic, print or exit. `expect` states an
// invariant of the code.
#![deny(clippy::unwrap_used, clippy::panic, clippy::exit)]
#![warn(unreachable_pub)]
#![deny(clippy::todo, clippy::unimplemented, clippy::unreachable)]
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]

mod array;
mod article;
mod chunk;
mod context;
mod embed;
mod error;
pub mod eval;
mod explain;
mod files;
mod filter;
mod fuse;
mod highlight;
mod hit;
mod index;
mod kernel;
mod language;
mod lexical;
#[cfg(feature = "fastembed")]
mod onnx;
mod passage;
mod plan;
mod progress;
mod query;
mod refusal;
mod rerank;
mod retriever;
mod searcher;
mod sections;
mod segment;
mod store;
mod vectors;
mod workers;

pub use article::{Article, ArticleHead, Date, Metadata, Value};
pub use chunk::{Chunker, Sentences, sentences};
pub use context::{Context, Excerpt};
pub use embed::{
    EmbedReport, EmbedStage, Embedder, EmbeddingCache, LongTexts, ModelIdentity, Role,
    StaticEmbedder,
};
#[cfg(feature = "fastembed")]
pub use embed::{FastEmbedder, FastEmbedderBuilder, Pooling};
#[cfg(feature = "hub")]
pub use embed::{PretrainedModel, Quantization};
pub use error::{Cause, Error, Result};
pub use explain::{Explanation, Reranked, WordShare};
pub use files::read_articles;
pub use filter::Filter;
pub use highlight::{Highlights, Sentence};
pub use hit::{Hit, Hits};
pub use index::{
    Calibration, CalibrationStep, Effort, ExactIndex, Found, GraphReport, HnswIndex, HnswParams,
    IndexChoice, Neighbor, Plan, Route, RowSet, ScanReason, SearchParams, Shortfall, VectorIndex,
};
pub use language::Language;
#[cfg(feature = "hub")]
pub use onnx::Download;
#[cfg(feature = "fastembed")]
pub use onnx::{Engine, ExecutionProvider};
pub use passage::Passage;
pub use plan::{LexicalPlan, QueryPlan, Times};
pub use progress::{Cancel, Phase, Progress};
pub use query::{Mode, Query};
pub use rerank::Reranker;
#[cfg(feature = "hub")]
pub use rerank::RerankerModel;
#[cfg(feature = "fastembed")]
pub use rerank::{FastReranker, FastRerankerBuilder};
pub use retriever::{
    AddReport, CalibrationReport, GraphCalibration, Retriever, RetrieverBuilder, SegmentStats,
    Stats, SyncReport, VerifyReport,
};
pub use searcher::Searcher;
pub use vectors::Vectors;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
