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

mod article;
mod embed;
mod error;
pub mod eval;
mod format;
mod language;
mod lexical;
mod model;
#[cfg(feature = "fastembed")]
mod onnx;
mod passage;
mod rerank;
mod retriever;
mod search;
mod store;
mod text;
mod vector;
mod work;

pub use article::{Article, ArticleHead, Date, Metadata, Value};
pub use embed::{
    EmbedReport, EmbedStage, Embedder, EmbeddingCache, LongTexts, Role, StaticEmbedder,
};
#[cfg(feature = "fastembed")]
pub use embed::{FastEmbedder, FastEmbedderBuilder};
#[cfg(feature = "hub")]
pub use embed::{PretrainedModel, Quantization};
pub use error::{Cause, Error, Result};
pub use language::Language;
pub use model::ModelIdentity;
#[cfg(feature = "hub")]
pub use onnx::Download;
#[cfg(feature = "fastembed")]
pub use onnx::{Engine, ExecutionProvider, Pooling};
pub use passage::Passage;
pub use rerank::Reranker;
#[cfg(feature = "hub")]
pub use rerank::RerankerModel;
#[cfg(feature = "fastembed")]
pub use rerank::{FastReranker, FastRerankerBuilder};
pub use retriever::{
    AddReport, CalibrationReport, GraphCalibration, Retriever, RetrieverBuilder, Searcher,
    SegmentStats, Stats, SyncReport, VerifyReport,
};
pub use search::{
    Context, Excerpt, Explanation, Filter, Highlights, Hit, Hits, LexicalPlan, Mode, Query,
    QueryPlan, Reranked, Sentence, Timings, WordShare,
};
pub use text::{Chunker, Sentences, read_articles, sentences};
pub use vector::{
    Calibration, CalibrationStep, ExactIndex, GraphReport, HnswIndex, HnswParams, IndexChoice,
    IndexPlan, Neighbor, Neighbors, Route, RowSet, ScanReason, SearchEffort, SearchParams,
    Shortfall, VectorIndex, Vectors,
};
pub use work::{Cancel, Phase, Progress};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
