//! The error type of the crate. Each message names the fault and, where there is one, the remedy.

mod constructors;
mod error_kind;

use std::{borrow::Cow, path::PathBuf, sync::Arc, time::Duration};

pub use error_kind::ErrorKind;

use crate::ModelIdentity;

/// Result of a fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Cause from another crate or from a user's [`Embedder`](crate::Embedder).
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Failure of an operation of this crate.
///
/// The message names the fault and, after a colon, the remedy if there is one. The cause, if known,
/// is the [source](std::error::Error::source). [`kind`](Self::kind) returns the class of the error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is outside its allowed range. Kind: [`ErrorKind::InvalidInput`].
    #[error("setting `{name}` is {got}; it must be {allowed}")]
    Setting {
        /// Name of the setting in code.
        name: &'static str,
        /// The value given.
        got: usize,
        /// The allowed range.
        allowed: &'static str,
    },

    /// A fractional setting is outside its allowed range. Kind: [`ErrorKind::InvalidInput`].
    #[error("setting `{name}` is {got}; it must be {allowed}")]
    Fraction {
        /// Name of the setting in code.
        name: &'static str,
        /// The value given.
        got: f32,
        /// The allowed range.
        allowed: &'static str,
    },

    /// A setting does not fit the model or another setting. Kind: [`ErrorKind::InvalidInput`].
    #[error("setting `{name}` is `{got}`; it must be {allowed}")]
    Choice {
        /// Name of the setting in code.
        name: &'static str,
        /// The value given.
        got: &'static str,
        /// The values that fit.
        allowed: &'static str,
    },

    /// A hit belongs to an earlier state of the corpus: search again. Kind:
    /// [`ErrorKind::Conflict`].
    #[error("article `{article}` no longer has a passage at bytes {range:?}: search again")]
    StaleHit {
        /// Key of the article.
        article: String,
        /// Byte range of the passage when it was found.
        range: std::ops::Range<usize>,
    },

    /// A condition of a [filter](crate::Filter) is invalid. Kind: [`ErrorKind::InvalidInput`].
    #[error("the filter `{condition}` is invalid: {reason}")]
    Filter {
        /// The condition as text.
        condition: String,
        /// Why it is invalid.
        reason: &'static str,
    },

    /// The text form of a [filter](crate::Filter) cannot be read. Kind: [`ErrorKind::InvalidInput`].
    #[error("the filter cannot be read at byte {at}: expected {expected}")]
    FilterText {
        /// Byte offset in the text.
        at: usize,
        /// The parts that may follow there.
        expected: &'static str,
    },

    /// Settings as JSON or text are malformed, have unknown fields, or have values of another type.
    /// Kind: [`ErrorKind::InvalidInput`].
    #[error("the text is no {what}")]
    InvalidSettings {
        /// The kind of settings, such as `query` or `chunker`.
        what: &'static str,
        /// The cause.
        #[source]
        source: Cause,
    },

    /// A [filter](crate::Filter) compares metadata with a value of a type that no article stores
    /// under this name. Kind: [`ErrorKind::InvalidInput`].
    #[error("the filter compares `{name}` with {asked}; its values are {}", stored.join(" and "))]
    FilterType {
        /// Name of the metadata.
        name: String,
        /// Type of the filter's value: `booleans`, `numbers`, `dates or timestamps`, or `texts`.
        asked: &'static str,
        /// Types of the stored values, in the same words.
        stored: Vec<&'static str>,
    },

    /// A query asks for a recall, but the graph is not calibrated. Kind: [`ErrorKind::Conflict`].
    #[error("the graph is not calibrated for a recall: call `calibrate`, or set `ef_search`")]
    NotCalibrated,

    /// A query holds no text. Kind: [`ErrorKind::InvalidInput`].
    #[error("the query is empty: ask with at least one word")]
    EmptyQuery,

    /// A text that a query [requires](crate::Query::require) or
    /// [excludes](crate::Query::exclude) has no word. Kind: [`ErrorKind::InvalidInput`].
    #[error("`{setting}` of the query is {text:?}, which has no word: give a letter or a digit")]
    NoWords {
        /// Name of the setting in code.
        setting: &'static str,
        /// The text given.
        text: String,
    },

    /// An article has an empty key, so no hit could cite it. Kind: [`ErrorKind::InvalidInput`].
    #[error("article number {position} of this call has an empty key: give every article a key")]
    EmptyKey {
        /// Position of the article in the call, from 0.
        position: usize,
    },

    /// An article is longer than [`Article::MAX_BYTES`](crate::Article::MAX_BYTES). Kind:
    /// [`ErrorKind::InvalidInput`].
    #[error("article `{key}` has {bytes} bytes, {limit} are allowed: split it into several")]
    ArticleTooLarge {
        /// Key of the article.
        key: String,
        /// Length of its text in bytes.
        bytes: usize,
        /// Maximum length in bytes.
        limit: usize,
    },

    /// A given passage does not fit its article or the passage before it. Kind:
    /// [`ErrorKind::InvalidInput`].
    #[error("passage {position} of article `{article}` is invalid: {reason}")]
    InvalidPassage {
        /// Key of the article.
        article: String,
        /// Position of the passage in the article, from 0.
        position: usize,
        /// Why it is invalid.
        reason: &'static str,
    },

    /// An article with given vectors does not have one vector for each passage. Kind:
    /// [`ErrorKind::InvalidInput`].
    #[error("article `{article}` has {passages} passages and {vectors} vectors: give one for each")]
    PassageVectors {
        /// Key of the article.
        article: String,
        /// Number of its passages.
        passages: usize,
        /// Number of the vectors given.
        vectors: usize,
    },

    /// A date does not exist or is not written `YYYY-MM-DD`. Kind: [`ErrorKind::InvalidInput`].
    #[error("`{got}` is not a date of the form YYYY-MM-DD")]
    Date {
        /// The text given.
        got: String,
    },

    /// A text is no language tag. Kind: [`ErrorKind::InvalidInput`].
    #[error("`{got}` is not a language tag such as `de`, `en-GB` or `fr`")]
    Language {
        /// The text given.
        got: String,
    },

    /// A timestamp does not exist or is not written as RFC 3339 says, such as
    /// `2024-06-03T10:30:00Z`. Kind: [`ErrorKind::InvalidInput`].
    #[error("`{got}` is not a timestamp of the form YYYY-MM-DDThh:mm:ssZ in the years 0 to 9999")]
    Timestamp {
        /// The text given.
        got: String,
    },

    /// A metadata value is a list that holds a list. Kind: [`ErrorKind::InvalidInput`].
    #[error(
        "the metadata `{name}` of article `{key}` holds a list within a list: give it one list of \
         texts, numbers, dates, timestamps or Booleans"
    )]
    NestedList {
        /// Key of the article.
        key: String,
        /// Name of the value.
        name: String,
    },

    /// A given vector has the wrong dimension. Kind: [`ErrorKind::InvalidInput`].
    #[error("a vector has dimension {got} instead of {expected}")]
    Dimension {
        /// Dimension of the index or of the model.
        expected: usize,
        /// Dimension, or number of values, given.
        got: usize,
    },

    /// A set of allowed rows belongs to an index of another size. Kind:
    /// [`ErrorKind::InvalidInput`].
    #[error(
        "the allowed rows are below {got}, but the index has {expected} vectors: make a set for it"
    )]
    RowBound {
        /// Number of vectors in the index.
        expected: usize,
        /// Bound of the set.
        got: u32,
    },

    /// A model returned vectors of another dimension than it declares. Kind: [`ErrorKind::Bug`] of
    /// the [`Embedder`](crate::Embedder).
    #[error("the model returned vectors of dimension {got}, but declares {expected}")]
    ModelDimension {
        /// Dimension that the model declares.
        expected: usize,
        /// Dimension of the vectors.
        got: usize,
    },

    /// A vector has no direction: a component is not finite, or all are zero. Kind:
    /// [`ErrorKind::InvalidInput`].
    #[error("vector {row} has no direction: a component is not finite, or all are zero")]
    InvalidVector {
        /// Row of the vector, from 0.
        row: usize,
    },

    /// A model returned a number of vectors that differs from the number of texts. Kind:
    /// [`ErrorKind::Bug`] of the [`Embedder`](crate::Embedder).
    #[error("the model returned {got} vectors or token counts for {expected} texts")]
    VectorCount {
        /// Number of texts.
        expected: usize,
        /// Number of vectors.
        got: usize,
    },

    /// A number of rows or bytes exceeds a limit of the index. Kind: [`ErrorKind::InvalidInput`].
    #[error("{what}: {got} is over the limit of {limit}")]
    TooLarge {
        /// The rows or bytes that were counted.
        what: &'static str,
        /// Their number.
        got: usize,
        /// The maximum.
        limit: usize,
    },

    /// The embedding model failed on a text, or panicked. Kind: [`ErrorKind::Unavailable`].
    #[error("the embedding model failed")]
    Embed(#[source] Cause),

    /// The reranker failed or panicked, or a score is missing or not finite. Kind:
    /// [`ErrorKind::Unavailable`].
    #[error("the reranker failed")]
    Rerank(#[source] Cause),

    /// The URL of a model server is invalid. Kind: [`ErrorKind::InvalidInput`].
    #[error("the URL of the model server {reason}; it is of the form https://host:port/v1")]
    ModelServerUrl {
        /// Why it is invalid. The URL is not part of the error, since it may hold a password.
        reason: &'static str,
    },

    /// A model server was not reached, or gave no complete answer. Kind:
    /// [`ErrorKind::Unavailable`].
    #[error("the model server {server} gave no complete answer, attempts: {attempts}; {remedy}")]
    ModelServer {
        /// Scheme, host and port of the server.
        server: String,
        /// Number of requests that were sent.
        attempts: usize,
        /// The remedy.
        remedy: &'static str,
        /// The cause.
        #[source]
        source: Cause,
    },

    /// A model server refused a request. Kind: [`ErrorKind::NotFound`] for the status 404,
    /// [`ErrorKind::Unavailable`] for 408, 425, 429 and 500 to 599, else
    /// [`ErrorKind::InvalidInput`].
    #[error(
        "the model server {server} refused the request with status {status}, attempts: {attempts}; \
         {remedy}; its message is {message:?}"
    )]
    ModelServerStatus {
        /// Scheme, host and port of the server.
        server: String,
        /// HTTP status.
        status: u16,
        /// Number of requests that were sent.
        attempts: usize,
        /// Time after which the server accepts requests again, if it has named one.
        retry_after: Option<Duration>,
        /// The remedy.
        remedy: &'static str,
        /// Message of the server, shortened, without the API key.
        message: String,
    },

    /// The answer of a model server is of another form than its protocol, or too long. Kind:
    /// [`ErrorKind::Bug`] of the server.
    #[error(
        "the answer of the model server {server} is unusable: check that its URL is that of an \
         OpenAI-compatible interface and that the model is of the right kind"
    )]
    ModelServerAnswer {
        /// Scheme, host and port of the server.
        server: String,
        /// The cause.
        #[source]
        source: Cause,
    },

    /// A query asks for reranking, but there is no reranker. Kind: [`ErrorKind::InvalidInput`].
    #[error("there is no reranker: set `RetrieverBuilder::reranker`, or ask without `rerank`")]
    NoReranker,

    /// A question is too long for the reranker to read beside a passage. Kind:
    /// [`ErrorKind::InvalidInput`].
    #[error("the question has {tokens} tokens, but the reranker reads only {limit}: shorten it")]
    QueryTooLong {
        /// Length of the question in tokens of the reranker.
        tokens: usize,
        /// Maximum length in tokens.
        limit: usize,
    },

    /// No model has this name. Kind: [`ErrorKind::NotFound`].
    #[error("no model is named `{name}`; the known ones are: {}", known.join(", "))]
    UnknownModel {
        /// The name given.
        name: String,
        /// The known names.
        known: Vec<String>,
    },

    /// A file of a model's folder is missing or unreadable. Kind: [`ErrorKind::Unavailable`].
    #[error(
        "model file {path} is missing or unusable: the folder of an ONNX model holds model.onnx, \
         tokenizer.json, config.json and tokenizer_config.json, the folder of a Qwen3 embedding \
         model holds model.safetensors, tokenizer.json and config.json"
    )]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Cause,
    },

    /// A model could not be downloaded or does not run. Kind: [`ErrorKind::Unavailable`].
    #[error("model `{name}` could not be loaded: {remedy}")]
    Model {
        /// Name or folder of the model.
        name: String,
        /// The remedy.
        remedy: &'static str,
        /// The cause.
        #[source]
        source: Cause,
    },

    /// ONNX Runtime, the library that runs transformer models, could not be loaded. Kind:
    /// [`ErrorKind::Unavailable`].
    #[error(
        "ONNX Runtime {needed} or later could not be loaded (tried: {}): install it (for example \
         with `pip install onnxruntime`), or set ORT_DYLIB_PATH to its library file",
        constructors::join_paths(tried)
    )]
    OnnxRuntime {
        /// Oldest version that works.
        needed: &'static str,
        /// Libraries and folders that were tried, in order; empty if the library is linked.
        tried: Vec<PathBuf>,
        /// The cause; if a library was found, the fault of that library.
        #[source]
        source: Cause,
    },

    /// An execution provider is not available. Kind: [`ErrorKind::Unavailable`].
    #[error("models cannot run on `{name}`: {remedy}")]
    Provider {
        /// Name of the execution provider, which is also the name of its feature.
        name: &'static str,
        /// The remedy.
        remedy: &'static str,
        /// The cause.
        #[source]
        source: Cause,
    },

    /// The index was built with another model. Kind: [`ErrorKind::Conflict`].
    #[error(
        "the index was built with model {index}, not {given}: use {index}, or `rebuild` the index"
    )]
    ModelMismatch {
        /// Model of the index.
        index: Box<ModelIdentity>,
        /// Model given.
        given: Box<ModelIdentity>,
    },

    /// A [`Cancel`](crate::Cancel) handle ended the operation, which changed nothing; the commits
    /// of an interrupted [sync](crate::Retriever::sync) remain. Kind: [`ErrorKind::Unavailable`].
    #[error("cancelled")]
    Cancelled,

    /// A deadline passed before a model returned. A search reports it in its
    /// [plan](crate::QueryPlan::interrupted) instead. Kind: [`ErrorKind::Unavailable`].
    #[error("the time limit passed before the model returned: allow more time")]
    TimedOut,

    /// Worker threads could not be started. Kind: [`ErrorKind::Unavailable`].
    #[error("worker threads could not be started")]
    Threads(#[source] Cause),

    /// A file or byte string is damaged, or is of another kind. Kind: [`ErrorKind::Damaged`].
    #[error("{origin} is damaged or of another kind: {fault}")]
    Corrupt {
        /// The file, or a description of the bytes.
        origin: String,
        /// The fault that was found.
        fault: &'static str,
    },

    /// The index has another writer, in any process. Kind: [`ErrorKind::Conflict`].
    #[error("the index in {path} has another writer: wait, or open it for reading alone")]
    Locked {
        /// Folder of the index.
        path: PathBuf,
    },

    /// The last commit in the background of a [shared retriever](crate::SharedRetriever) failed, so
    /// this write did nothing. The changes before it are kept. Kind: [`ErrorKind::Unavailable`].
    #[error(
        "the last commit in the background failed: remove the cause that follows, then call \
         `commit`, or `rollback` to give up the changes"
    )]
    BackgroundCommit(#[source] Arc<Error>),

    /// The progress callback, or the crate itself, panicked during a commit of a
    /// [shared retriever](crate::SharedRetriever). The changes are kept. Kind: [`ErrorKind::Bug`].
    #[error("a commit panicked")]
    CommitPanic(#[source] Cause),

    /// A [merge in the background](crate::RetrieverBuilder::merge_threads) failed since the last call
    /// that reported it. This call did nothing. The corpus is unharmed; searches of segments that were
    /// not merged take longer. Kind: [`ErrorKind::Unavailable`].
    #[error(
        "a merge in the background failed: remove the cause that follows; the next commit or \
         `wait_for_merges` repeats it"
    )]
    BackgroundMerge(#[source] Arc<Error>),

    /// The progress callback, or the crate itself, panicked during a merge in the background. The
    /// corpus is unharmed. Kind: [`ErrorKind::Bug`].
    #[error("a merge in the background panicked")]
    MergePanic(#[source] Cause),

    /// A [shared retriever](crate::SharedRetriever) was closed. Kind: [`ErrorKind::Conflict`].
    #[error("the retriever is closed: open the index again")]
    Closed,

    /// This or another process has the embedding cache open. Kind: [`ErrorKind::Conflict`].
    #[error("the embedding cache {path} is open elsewhere: share it, or use another file")]
    CacheInUse {
        /// File of the cache.
        path: PathBuf,
    },

    /// A folder holds no index. Kind: [`ErrorKind::NotFound`].
    #[error("there is no index in {path}: create one")]
    NoIndex {
        /// The folder.
        path: PathBuf,
    },

    /// A folder holds an index of another kind, such as a
    /// [`VectorStore`](crate::VectorStore) where a corpus is expected. Kind:
    /// [`ErrorKind::InvalidInput`].
    #[error("{path} holds {found}: open it with `{opened_by}`")]
    OtherIndex {
        /// The folder.
        path: PathBuf,
        /// The kind of index that it holds.
        found: &'static str,
        /// The function that opens it.
        opened_by: &'static str,
    },

    /// Ids and vectors differ in number. Kind: [`ErrorKind::InvalidInput`].
    #[error("{ids} ids and {vectors} vectors were given: give each vector one id")]
    IdCount {
        /// Number of ids.
        ids: usize,
        /// Number of vectors.
        vectors: usize,
    },

    /// A folder already holds an index. Kind: [`ErrorKind::Conflict`].
    #[error("there is an index in {path}: open it, or choose another folder")]
    IndexExists {
        /// The folder.
        path: PathBuf,
    },

    /// A [backup](crate::Retriever::backup) would share its folder with other files. Kind:
    /// [`ErrorKind::Conflict`].
    #[error("{path} is not empty: give the backup a new folder")]
    FolderNotEmpty {
        /// The folder.
        path: PathBuf,
    },

    /// An index in memory has no files to [back up](crate::Retriever::backup). Kind:
    /// [`ErrorKind::InvalidInput`].
    #[error("the index is in memory and has no files: back up one that is in a folder")]
    NotInFolder,

    /// A model's vectors have changed since the index was built. Kind: [`ErrorKind::Conflict`].
    #[error(
        "model {model} embeds `{text}` differently than when the index was built (cosine \
         {similarity:.4}): use the former runtime of the model, or build the index again"
    )]
    ModelDrift {
        /// The model.
        model: Box<ModelIdentity>,
        /// The text.
        text: String,
        /// Cosine between the stored vector and the new one.
        similarity: f32,
    },

    /// An index stores no vectors to [verify](crate::RetrieverBuilder::verify_model) its model
    /// with. Kind: [`ErrorKind::Conflict`].
    #[error("the index was created without `verify_model`: open it without, or create it again")]
    NotVerifiable,

    /// A file has a format version that is not read. Kind: [`ErrorKind::Conflict`].
    #[error("{origin} has format version {got}, but {oldest} to {newest} are read: update passim")]
    Version {
        /// The file, or a description of the bytes.
        origin: String,
        /// Version found.
        got: u32,
        /// Oldest readable version.
        oldest: u32,
        /// Newest readable version.
        newest: u32,
    },

    /// A file is not UTF-8: convert it, or read it with
    /// [`ArticleFiles::decode`](crate::ArticleFiles::decode). Kind: [`ErrorKind::InvalidInput`].
    #[error(
        "{path} is not UTF-8: invalid bytes at offset {at}{}",
        likely.as_ref().map(|name| format!("; it is probably {name}")).unwrap_or_default()
    )]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Offset of the first invalid byte.
        at: usize,
        /// Name of the encoding that the file is probably in: `UTF-16LE`, `UTF-16BE`, `windows-1252`,
        /// or `UTF-32LE` and `UTF-32BE`, which are never decoded.
        likely: Option<Cow<'static, str>>,
    },

    /// A file has a zero byte or many control characters, so it is no text: remove it from the
    /// folder, or convert it. Kind: [`ErrorKind::InvalidInput`].
    #[error("{path} is no text: control characters of a binary file at offset {at}")]
    NotText {
        /// The file.
        path: PathBuf,
        /// Offset of the zero byte, or of the first control character.
        at: usize,
    },

    /// A line of a JSON Lines file is not an article. Kind: [`ErrorKind::InvalidInput`].
    #[error("line {line} of {path} is not an article")]
    Json {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The cause.
        #[source]
        source: Cause,
    },

    /// A line of a file of questions, judgments or rankings is invalid. Kind:
    /// [`ErrorKind::InvalidInput`].
    #[error("line {line} of {path} is not {what}")]
    InvalidLine {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The record that the line should hold: `a question`, `a judgment` or `a line of a run`.
        what: &'static str,
        /// The cause.
        #[source]
        source: Cause,
    },

    /// Judged questions or articles do not exist. Kind: [`ErrorKind::InvalidInput`].
    #[error(
        "{} of the {judged} {what} that {path} judges are missing: {}; use the {what} that were \
         judged, or remove the lines of the others",
        missing.len(),
        constructors::join_first(missing)
    )]
    MissingJudged {
        /// The file of judgments.
        path: PathBuf,
        /// The kind of what is missing: `questions` or `articles`.
        what: &'static str,
        /// Number of judged questions or articles.
        judged: usize,
        /// Identifiers of the questions or keys of the articles that are missing, in the order of
        /// their bytes.
        missing: Vec<String>,
    },

    /// A text cannot be a column of a [run file](crate::eval::TrecRun). Kind:
    /// [`ErrorKind::InvalidInput`].
    #[error("the {column} {text:?} cannot be in a run: {reason}")]
    RunColumn {
        /// The column: `question`, `article` or `tag`.
        column: &'static str,
        /// The text given.
        text: String,
        /// Why it cannot be there.
        reason: &'static str,
    },

    /// A run ranks articles for other questions than the judged ones. Kind:
    /// [`ErrorKind::InvalidInput`].
    #[error(
        "none of the {questions} questions of the run is judged: use the judgments of its questions"
    )]
    UnjudgedRun {
        /// Number of questions of the run.
        questions: usize,
    },

    /// The front matter of a Markdown file is invalid. Kind: [`ErrorKind::InvalidInput`].
    #[error("the front matter of {path} is invalid")]
    FrontMatter {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Cause,
    },

    /// The extension of a file is not a supported one. Kind: [`ErrorKind::InvalidInput`].
    #[error(
        "{path} is not read: articles are .txt, .md, .jsonl and, with the feature `html`, .html files"
    )]
    FileKind {
        /// The file.
        path: PathBuf,
    },

    /// A file or folder could not be read. Kind: [`ErrorKind::NotFound`] if it does not exist,
    /// else [`ErrorKind::Unavailable`].
    #[error("{path} could not be read")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },

    /// A file or folder could not be written. Kind: [`ErrorKind::Unavailable`].
    #[error("{path} could not be written")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },

    /// A server that holds a shard of a corpus could not be reached, or did not run a statement, also
    /// when the call was repeated. Kind: [`ErrorKind::Unavailable`].
    #[error(
        "shard {shard} of the corpus failed: remove the cause that follows, then repeat the call"
    )]
    Shard {
        /// Position of the shard's URL, from 0.
        shard: usize,
        /// The cause.
        #[source]
        source: Cause,
    },

    /// The certificates that encrypted connections trust could not be read, or there are none. Kind:
    /// [`ErrorKind::Unavailable`].
    #[error("there are no usable root certificates: name a file of them in the format PEM")]
    Certificates {
        /// The cause.
        #[source]
        source: Cause,
    },

    /// The URL of a shard is no PostgreSQL URL. Kind: [`ErrorKind::InvalidInput`].
    #[error("the URL of shard {shard} is not of the form postgresql://user@host:port/database")]
    ShardUrl {
        /// Position of the URL, from 0.
        shard: usize,
        /// The cause.
        #[source]
        source: Cause,
    },

    /// The URLs of the shards are not those of the whole corpus in the order of its creation. Kind:
    /// [`ErrorKind::Conflict`].
    #[error(
        "URL {position} of {given} leads to shard {shard} of {shards}: give the URLs of all shards \
         in the order in which the corpus was created"
    )]
    ShardOrder {
        /// Position of the URL, from 0.
        position: usize,
        /// Number of URLs.
        given: usize,
        /// Number of the shard that the URL leads to, from 0.
        shard: usize,
        /// Number of shards of its corpus.
        shards: usize,
    },

    /// A schema holds no corpus. Kind: [`ErrorKind::NotFound`].
    #[error("schema {schema:?} of shard {shard} holds no corpus: make one with `create`")]
    NoCorpus {
        /// The schema.
        schema: String,
        /// Position of the shard's URL, from 0.
        shard: usize,
    },

    /// A schema already holds a corpus. Kind: [`ErrorKind::Conflict`].
    #[error("schema {schema:?} of shard {shard} holds a corpus: open it with `open`")]
    CorpusExists {
        /// The schema.
        schema: String,
        /// Position of the shard's URL, from 0.
        shard: usize,
    },

    /// Another client creates, maintains or upgrades a corpus. Kind: [`ErrorKind::Conflict`].
    #[error(
        "schema {schema:?} of shard {shard} is locked: another client creates, maintains or upgrades \
         the corpus, or two URLs lead to one database; repeat the call later, or check the URLs"
    )]
    CorpusBusy {
        /// The schema.
        schema: String,
        /// Position of the shard's URL, from 0.
        shard: usize,
    },

    /// A corpus was created with other settings. Kind: [`ErrorKind::Conflict`].
    #[error("the corpus was created with {setting}: {remedy}")]
    CorpusSettings {
        /// The setting that differs, such as `another chunker`.
        setting: &'static str,
        /// The remedy.
        remedy: &'static str,
    },

    /// The tables of a corpus are of another version. Kind: [`ErrorKind::Conflict`].
    #[error(
        "shard {shard} has tables of version {got}, but this version of passim uses {expected}: {}",
        if got < expected { "upgrade them with `CorpusBuilder::upgrade`" } else { "update passim" }
    )]
    CorpusVersion {
        /// Position of the shard's URL, from 0.
        shard: usize,
        /// Version found.
        got: i32,
        /// Version that this build uses.
        expected: i32,
    },

    /// The extension `vector` of a database is too old or missing. Kind: [`ErrorKind::Conflict`].
    #[error(
        "shard {shard} has pgvector {got}, but {oldest} or later is needed, since earlier ones can \
         damage a graph: install it, then run `ALTER EXTENSION vector UPDATE`"
    )]
    Pgvector {
        /// Position of the shard's URL, from 0.
        shard: usize,
        /// Version found, or `none`.
        got: String,
        /// Oldest version that is used.
        oldest: String,
    },

    /// A database cannot hold a part of an article. Kind: [`ErrorKind::InvalidInput`].
    #[error("article {key:?} cannot be stored: {reason}")]
    NotStorable {
        /// Key of the article.
        key: String,
        /// The part, and why it cannot be held.
        reason: &'static str,
    },
}
