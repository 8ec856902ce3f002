//! The one error type of the crate: every way an operation can fail, with what to do about it.

mod made;

use std::path::PathBuf;

use crate::ModelIdentity;

/// Result of a fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A cause that comes from another crate or from a user's [`Embedder`](crate::Embedder).
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Everything that can go wrong.
///
/// The message names what is wrong in one clause; the cause, where there is one,
/// is the [source](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting lies outside its allowed range.
    #[error("setting `{name}` is {got}, allowed is {allowed}")]
    Setting {
        /// Name of the setting as written in code.
        name: &'static str,
        /// The value that was given.
        got: usize,
        /// The range of allowed values.
        allowed: &'static str,
    },

    /// A setting that is a fraction lies outside its allowed range.
    #[error("setting `{name}` is {got}, allowed is {allowed}")]
    Fraction {
        /// Name of the setting as written in code.
        name: &'static str,
        /// The value that was given.
        got: f32,
        /// The range of allowed values.
        allowed: &'static str,
    },

    /// A setting does not go with the model, or with another setting.
    #[error("setting `{name}` is `{got}`, allowed is {allowed}")]
    Choice {
        /// Name of the setting as written in code.
        name: &'static str,
        /// The value that was given.
        got: &'static str,
        /// What goes with it.
        allowed: &'static str,
    },

    /// A hit is of another state of the corpus. Search again.
    #[error(
        "article `{article}` has no passage at bytes {range:?} any more: the corpus has changed \
         since the hit was found, search again"
    )]
    StaleHit {
        /// Key of the article.
        article: String,
        /// Where the passage was, in bytes.
        range: std::ops::Range<usize>,
    },

    /// A condition of a [filter](crate::Filter) makes no sense.
    #[error("the filter `{condition}` makes no sense: {reason}")]
    Filter {
        /// The condition as it reads.
        condition: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// A [filter](crate::Filter) compares metadata with a value that none of it compares with.
    #[error(
        "a filter asks for {asked} in the metadata `{name}`, which holds {}: ask for a value of a \
         type that it holds",
        stored.join(" and ")
    )]
    FilterType {
        /// Name of the metadata.
        name: String,
        /// What was asked for: `booleans`, `numbers`, `dates` or `texts`.
        asked: &'static str,
        /// What is stored, in the same words.
        stored: Vec<&'static str>,
    },

    /// A recall was asked of a graph whose recall was not measured. Calibrate it first.
    #[error(
        "a recall was asked for, but the graph is not calibrated: call `calibrate` with queries \
         like those to come, or ask with `ef_search`"
    )]
    NotCalibrated,

    /// A query holds no text. Ask with at least one word.
    #[error("the query is empty, ask with at least one word")]
    EmptyQuery,

    /// An article has an empty key, so no hit could cite it.
    #[error("article number {position} of this call has an empty key, give every article a key")]
    EmptyKey {
        /// Position of the article in the call, from 0.
        position: usize,
    },

    /// An article is longer than a corpus takes. Split it into several.
    #[error("article `{key}` has {bytes} bytes, {limit} are allowed: split it into several")]
    ArticleTooLarge {
        /// Key of the article.
        key: String,
        /// Length of its text.
        bytes: usize,
        /// The longest text that is taken.
        limit: usize,
    },

    /// A date does not exist or is not written `YYYY-MM-DD`.
    #[error("`{got}` is not a date of the form YYYY-MM-DD")]
    Date {
        /// The text that was given.
        got: String,
    },

    /// A vector does not have the dimension that is expected.
    #[error("a vector of dimension {got} was given where {expected} is expected")]
    Dimension {
        /// Dimension of the index or of the model.
        expected: usize,
        /// Dimension, or number of values, that was given.
        got: usize,
    },

    /// A vector has no direction: a component is not finite, or all are zero.
    #[error("vector {row} has no direction: a component is not finite, or all are zero")]
    InvalidVector {
        /// Row of the vector, from 0.
        row: usize,
    },

    /// A model returned another number of vectors than it was given texts.
    #[error("the model returned {got} vectors for {expected} texts")]
    VectorCount {
        /// Number of texts.
        expected: usize,
        /// Number of vectors.
        got: usize,
    },

    /// More rows or bytes than the index can number.
    #[error("{what}: {got} is over the limit of {limit}")]
    TooLarge {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        got: usize,
        /// How many there may be.
        limit: usize,
    },

    /// The embedding model failed on a text.
    #[error("the embedding model failed")]
    Embed(#[source] Cause),

    /// The reranker failed, or did not give every passage a finite score.
    #[error("the reranker failed")]
    Rerank(#[source] Cause),

    /// A query asks for reranking where there is no reranker.
    #[error(
        "the query asks for reranking, but there is no reranker: give one to \
         `RetrieverBuilder::reranker`, or ask without `rerank`"
    )]
    NoReranker,

    /// A question is too long for the reranker to read it with a passage.
    #[error(
        "the question has {tokens} tokens, the reranker reads {limit} beside a passage: shorten \
         it, or ask without `rerank`"
    )]
    QueryTooLong {
        /// Length of the question in the reranker's tokens.
        tokens: usize,
        /// The longest question that it reads.
        limit: usize,
    },

    /// No model of this name is known.
    #[error("no model is named `{name}`, known are: {}", known.join(", "))]
    UnknownModel {
        /// The name that was given.
        name: String,
        /// The names that can be given.
        known: Vec<String>,
    },

    /// A file of a model's folder is missing or cannot be read.
    #[error(
        "model file {} could not be read; the folder of an ONNX model holds model.onnx, \
         tokenizer.json, config.json and tokenizer_config.json, that of a Qwen3 embedding model \
         model.safetensors, tokenizer.json and config.json",
        path.display()
    )]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Cause,
    },

    /// A model could not be downloaded, or does not run.
    #[error("model `{name}` could not be loaded: {remedy}")]
    Model {
        /// Name or folder of the model.
        name: String,
        /// What to do about it.
        remedy: &'static str,
        /// Why it failed.
        #[source]
        source: Cause,
    },

    /// ONNX Runtime, the library that runs transformer models, could not be loaded.
    #[error(
        "ONNX Runtime {needed} or later could not be loaded (tried: {}): install it (for example \
         with `pip install onnxruntime`), or set ORT_DYLIB_PATH to its library file",
        listed(tried)
    )]
    OnnxRuntime {
        /// The oldest version that works.
        needed: &'static str,
        /// The libraries and folders that were tried, in order.
        tried: Vec<PathBuf>,
        /// Why it failed: where a library was found, what is wrong with it.
        #[source]
        source: Cause,
    },

    /// What a model was to run on cannot be used.
    #[error("models cannot run on `{name}`: {remedy}")]
    Provider {
        /// Name of the execution provider, which is that of its feature, too.
        name: &'static str,
        /// What to do about it.
        remedy: &'static str,
        /// Why it failed.
        #[source]
        source: Cause,
    },

    /// The index was built with another model than the one given; their vectors cannot be compared.
    #[error(
        "the index was built with model {index}, the model given is {given}: open it with the first, or index anew"
    )]
    ModelMismatch {
        /// The model of the index.
        index: Box<ModelIdentity>,
        /// The model given.
        given: Box<ModelIdentity>,
    },

    /// A cancel handle ended the operation. Nothing was changed, but what a
    /// [sync](crate::Retriever::sync) committed on its way is kept.
    #[error("cancelled")]
    Cancelled,

    /// Worker threads could not be started.
    #[error("worker threads could not be started")]
    Threads(#[source] Cause),

    /// Bytes are not what this crate wrote, or are damaged.
    #[error("{origin} is damaged or of another kind: {check}")]
    Corrupt {
        /// The file, or what the bytes should have been.
        origin: String,
        /// The check that failed.
        check: &'static str,
    },

    /// Another process, or another part of this one, has the index open for writing.
    #[error(
        "the index in {} is open for writing elsewhere: wait for that writer, or only read, with \
         `Searcher::open`",
        path.display()
    )]
    Locked {
        /// The folder of the index.
        path: PathBuf,
    },

    /// A cache of embeddings is open already, in this process or in another.
    #[error(
        "the embedding cache {} is open elsewhere: share that one, or take another file",
        path.display()
    )]
    CacheInUse {
        /// The file of the cache.
        path: PathBuf,
    },

    /// A folder holds no index.
    #[error("there is no index in {}: make one with `Retriever::create`", path.display())]
    NoIndex {
        /// The folder.
        path: PathBuf,
    },

    /// A folder holds an index already.
    #[error("there is an index in {}: open it with `Retriever::open`", path.display())]
    IndexExists {
        /// The folder.
        path: PathBuf,
    },

    /// A model gives a text another vector than when the index was made.
    #[error(
        "model {model} gives `{text}` another vector than when the index was made (cosine \
         {similarity:.4}): its runtime has changed; go back to that one, or index anew"
    )]
    ModelDrift {
        /// The model.
        model: Box<ModelIdentity>,
        /// The text.
        text: String,
        /// Cosine between the two vectors.
        similarity: f32,
    },

    /// A format version that this version of the crate does not read.
    #[error(
        "{origin} has format version {got}, this version of passim reads {oldest} to {newest}: use \
         the version that wrote it, or a later one"
    )]
    Version {
        /// The file, or what the bytes should have been.
        origin: String,
        /// The version found.
        got: u32,
        /// The oldest version that is read.
        oldest: u32,
        /// The newest version that is read.
        newest: u32,
    },

    /// A file is not UTF-8. Convert it; nothing of it was read.
    #[error("{} is not UTF-8: invalid bytes at offset {at}", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Offset of the first invalid byte.
        at: usize,
    },

    /// A line of a JSON Lines file is not an article.
    #[error("line {line} of {} is not an article", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: Cause,
    },

    /// A file is of a kind that is not read.
    #[error("{} is not read: articles are .txt, .md or .jsonl files", path.display())]
    FileKind {
        /// The file.
        path: PathBuf,
    },

    /// A file or folder could not be read.
    #[error("{} could not be read", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },

    /// A file or folder could not be written.
    #[error("{} could not be written", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

fn listed(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return "the library that was linked".to_owned();
    }
    let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    names.join(", ")
}
