//! Semantic retrieval with exact citations, for German and English articles.
//!
//! passim splits articles into passages, embeds them in parallel, indexes their vectors with HNSW
//! and their words with BM25, and answers a question with ranked passages. Each hit has its exact
//! byte range in its article.
//!
//! ```text
//! article ──chunk──▶ passages ──embed──▶ unit vectors ──index──▶ candidates ──rank──▶ hits
//!          byte ranges    │    parallel                exact, HNSW     ▲
//!                         └────words────▶ inverted index ────BM25──────┘
//! ```
//!
//! # Examples
//!
//! The bundled model needs no download. It finds German passages for English questions, and the
//! other way round:
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
//! [`Retriever::open_or_create`] keeps the corpus in a folder. [`Retriever::sync_folder`] brings it up
//! to date with files, reads only changed ones and embeds only what changed; [`Retriever::sync`] does
//! so with articles of other origin. [`Searcher::open`] searches it from other processes.
//! [`SharedRetriever`] lets the threads of a service change and search it at once.
//!
//! The [guides](guide) show whole tasks, from the first search to a service and its operation.
//!
//! # Main types
//!
//! | step | types |
//! |---|---|
//! | articles and passages | [`Article`], [`Markup`], [`Passage`], [`Chunker`], [`EmbeddedArticle`], [`read_articles`], [`sentences()`] |
//! | models | [`Embedder`], [`StaticEmbedder`], [`EmbedStage`], [`EmbeddingCache`], [`Reranker`] |
//! | vectors | [`Vectors`], [`ExactIndex`], [`HnswIndex`], [`VectorIndex`], [`RowSet`] |
//! | vectors with ids | [`VectorStore`], [`VectorReader`], [`IdSearchParams`], [`IdFilter`] |
//! | corpus | [`Retriever`], [`RetrieverBuilder`], [`Searcher`], [`SharedRetriever`] |
//! | questions and answers | [`Query`], [`Filter`], [`Hits`], [`Hit`], [`Explanation`], [`Highlights`], [`Context`] |
//! | quality | [`eval`] |
//! | long operations and errors | [`Progress`], [`Cancel`], [`Interrupt`], [`Error`], [`ErrorKind`] |
//!
//! # Settings
//!
//! | setting | place |
//! |---|---|
//! | tokens, overlap and context of passages | [`Chunker`] |
//! | model | [`RetrieverBuilder::embedder`] |
//! | reranker, and the number of passages that it reads | [`RetrieverBuilder::reranker`], [`Query::rerank`] |
//! | threads, progress, cancellation, checkpoints | [`RetrieverBuilder`] |
//! | cache of vectors by text | [`RetrieverBuilder::embedding_cache`], [`EmbeddingCache`] |
//! | exact search or graph; `m`, `ef_construction` | [`IndexChoice`], [`HnswParams`] |
//! | search by meaning, by words, or by both | [`Mode`] |
//! | `k`, `ef_search` or recall, exact search, limits | [`Query`] |
//! | metadata, language, keys, closures | [`Filter`], [`Query::filter`] |
//! | commits in the background | [`CommitSchedule`] |
//! | calibration of the recall | [`Retriever::calibrate`], [`VectorStore::calibrate`], [`HnswIndex::calibrate`] |
//!
//! [`Query`], [`Filter`], [`Weights`], [`Mode`], [`Language`], [`Chunker`], [`IndexChoice`],
//! [`HnswParams`], [`CommitSchedule`] and [`RetrieverSettings`] are also data: `serde` reads and
//! writes them, `FromStr` and `Display` read and write their text.
//!
//! Embedding runs on threads of its own. Chunking, building and [`Searcher::search_many`] run on
//! the current `rayon` pool: call them inside `ThreadPool::install` to bound them.
//!
//! Methods that embed, search, write or read files block. The guide
//! [running a service](guide::running_a_service#asynchronous-code) shows how asynchronous code calls
//! them.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `fastembed` | yes | `FastEmbedder` and `FastReranker`, transformer models over ONNX Runtime |
//! | `load-dynamic` | yes | loads ONNX Runtime when the first such model opens; without it, the library is linked from the folder `ORT_LIB_PATH` |
//! | `hub` | no | downloads models by name |
//! | `download-binaries` | no | downloads and links ONNX Runtime at build time; needs `default-features = false` |
//! | `qwen3` | no | runs Qwen3 embedding models in candle |
//! | `http` | no | `HttpEmbedder` and `HttpReranker`, models behind OpenAI-compatible servers |
//! | `cli` | no | the program `passim`: index, sync, search, evaluate, verify |
//! | `html` | no | reads `.html` files |
//! | `postgres` | no | a corpus in PostgreSQL: `postgres::Corpus` |
//! | `cuda`, `coreml`, `directml` | no | runs models on these devices (`ExecutionProvider`) |
//!
//! # Limits
//!
//! - Uncommitted articles are in memory, and so are segments while they are
//!   merged. Committed
//!   segments are mapped from their files, which no other program may change or truncate.
//! - Big-endian CPUs are not supported.
//! - From [`IndexChoice::GRAPH_FROM`] passages on, a search may miss some of the closest passages
//!   unless it is [exact](Query::exact). The same vectors always give the same graph.
//! - Words are stemmed as German or English, and matched one by one, not as phrases.

#![cfg_attr(docsrs, feature(doc_cfg))]
// A library answers bad input with an error; it does not panic, print or exit. `expect` states an
// invariant of the code.
#![deny(clippy::unwrap_used, clippy::panic, clippy::exit)]
#![warn(unreachable_pub)]
#![deny(clippy::todo, clippy::unimplemented)]
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]

mod article;
mod embed;
mod error;
pub mod eval;
mod format;
pub mod guide;
mod language;
mod lexical;
mod model;
#[cfg(feature = "fastembed")]
mod onnx;
#[cfg(feature = "postgres")]
pub mod postgres;
mod rerank;
mod retriever;
mod search;
mod store;
mod text;
mod vector;
mod work;

// Articles and passages.
pub use article::{Article, ArticleHead, Date, Markup, Metadata, Passage, Timestamp, Value};
pub use language::{Language, LanguageCode};
pub use text::{
    AddReport, ArticleFiles, ArticleReader, Chunker, EmbeddedArticle, FilesReport, ReadReport,
    Sentences, SyncReport, UnreadSource, markdown_sentences, read_articles, sentences,
};

// Models.
pub use embed::{
    EmbedReport, EmbedStage, EmbeddedTexts, Embedder, EmbeddingCache, LongTexts, Role,
    StaticEmbedder,
};
#[cfg(feature = "fastembed")]
pub use embed::{FastEmbedder, FastEmbedderBuilder, Prefix, PrefixSource};
#[cfg(feature = "http")]
pub use embed::{HttpEmbedder, HttpEmbedderBuilder};
#[cfg(feature = "hub")]
pub use embed::{PretrainedModel, Quantization};
pub use model::ModelIdentity;
#[cfg(feature = "hub")]
pub use onnx::Download;
#[cfg(feature = "fastembed")]
pub use onnx::{Engine, ExecutionProvider, Pooling};
pub use rerank::Reranker;
#[cfg(feature = "hub")]
pub use rerank::RerankerModel;
#[cfg(feature = "fastembed")]
pub use rerank::{FastReranker, FastRerankerBuilder};
#[cfg(feature = "http")]
pub use rerank::{HttpReranker, HttpRerankerBuilder};

// Vectors and their indexes.
pub use vector::{
    Calibration, CalibrationStep, ExactIndex, GraphReport, HnswIndex, HnswParams, IndexChoice,
    IndexPlan, Neighbor, Neighbors, Route, RowSet, ScanReason, SearchEffort, SearchParams,
    Shortfall, VectorIndex, Vectors,
};

// A corpus.
pub use retriever::{
    CommitSchedule, Retriever, RetrieverBuilder, RetrieverSettings, Searcher, SegmentStats,
    SharedRetriever, Stats, VerifyReport,
};
pub use store::{BackupReport, CalibrationReport, FilterCalibration, GraphCalibration};

// Vectors with ids, without articles.
pub use store::{
    IdFilter, IdNeighbor, IdNeighbors, IdSearchParams, VectorReader, VectorStore,
    VectorStoreBuilder, VectorVerifyReport,
};

// Questions and answers.
pub use lexical::LexicalPlan;
pub use search::{
    Citation, CitationMarkers, Context, ContextOptions, Excerpt, Explanation, Filter, Highlights,
    Hit, HitGroup, Hits, MatchCount, Mode, Query, QueryPlan, Recency, Reranked, Sentence,
    ShardPlan, Timings, ValueCount, ValueCounts, Weights, WordContribution, WordMatch,
};

// Long operations and errors.
pub use error::{Cause, Error, ErrorKind, Result};
pub use work::{Cancel, Interrupt, InterruptReason, Phase, Progress};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
