//! Classes of errors, for programs that react to a failure without knowing every variant.

use std::io;

use super::Error;
use ErrorKind::{Bug, Conflict, Damaged, InvalidInput, NotFound, Unavailable};

/// Class of an [`Error`]: who can act, and whether the same call can succeed later.
///
/// # Examples
///
/// ```
/// use passim::{ErrorKind, Retriever};
///
/// let error = Retriever::in_memory()?.search("").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidInput);
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument, a setting or an input file is invalid. The same call fails again.
    InvalidInput,
    /// A named index, model or file does not exist.
    NotFound,
    /// The call does not fit the current state of the index or of a lock. It can succeed once
    /// that state changes, or with the model or version that the index was made with.
    Conflict,
    /// A model, a library, a disk or a thread did not do its work, a deadline passed, or the
    /// operation was cancelled. The same call can succeed later.
    Unavailable,
    /// A file is damaged, or is not a file of this crate. Restore it or build the index again.
    Damaged,
    /// An implementation breaks its contract, such as an [`Embedder`](crate::Embedder) that
    /// returns too few vectors. Report it to its author.
    Bug,
}

impl Error {
    /// Returns the class of the error. Each variant of [`Error`] names its class.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownModel { .. }
            | Self::NoIndex { .. }
            | Self::NoCorpus { .. }
            | Self::ModelServerStatus { status: 404, .. } => NotFound,
            Self::StaleHit { .. }
            | Self::NotCalibrated
            | Self::ModelMismatch { .. }
            | Self::Locked { .. }
            | Self::Closed
            | Self::CacheInUse { .. }
            | Self::IndexExists { .. }
            | Self::FolderNotEmpty { .. }
            | Self::ModelDrift { .. }
            | Self::NotVerifiable
            | Self::Version { .. }
            | Self::ShardOrder { .. }
            | Self::CorpusExists { .. }
            | Self::CorpusBusy { .. }
            | Self::CorpusSettings { .. }
            | Self::CorpusVersion { .. }
            | Self::Pgvector { .. } => Conflict,
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => NotFound,
            Self::ModelServerStatus { status: 408 | 425 | 429 | 500..=599, .. }
            | Self::Read { .. }
            | Self::Embed(_)
            | Self::Rerank(_)
            | Self::ModelServer { .. }
            | Self::ModelFile { .. }
            | Self::Model { .. }
            | Self::OnnxRuntime { .. }
            | Self::Provider { .. }
            | Self::Cancelled
            | Self::TimedOut
            | Self::Threads(_)
            | Self::BackgroundCommit(_)
            | Self::BackgroundMerge(_)
            | Self::Write { .. }
            | Self::Certificates { .. }
            | Self::Shard { .. } => Unavailable,
            Self::Corrupt { .. } => Damaged,
            Self::VectorCount { .. }
            | Self::ModelDimension { .. }
            | Self::ModelServerAnswer { .. }
            | Self::CommitPanic(_)
            | Self::MergePanic(_) => Bug,
            // All others. A test holds every variant to the kind that it documents.
            _ => InvalidInput,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{Cause, ModelIdentity};

    fn cause() -> Cause {
        "a cause".into()
    }

    fn model() -> ModelIdentity {
        ModelIdentity { name: "m".to_owned(), hash: 1 }
    }

    fn status(status: u16) -> Error {
        let server = String::new();
        let message = String::new();
        let retry_after = None;
        Error::ModelServerStatus { server, status, attempts: 1, retry_after, remedy: "", message }
    }

    fn invalid_inputs() -> Vec<Error> {
        let text = String::new;
        vec![
            Error::Setting { name: "k", got: 0, allowed: "1 or more" },
            Error::Fraction { name: "recall", got: 2.0, allowed: "0 to 1" },
            Error::Choice { name: "pooling", got: "mean", allowed: "`LastToken`" },
            Error::Filter { condition: text(), reason: "it is empty" },
            Error::FilterText { at: 0, expected: "`is`" },
            Error::InvalidSettings { what: "query", source: cause() },
            Error::FilterType { name: text(), asked: "dates", stored: vec!["texts"] },
            Error::EmptyQuery,
            Error::NoWords { setting: "require", text: text() },
            Error::EmptyKey { position: 0 },
            Error::ArticleTooLarge { key: text(), bytes: 2, limit: 1 },
            Error::InvalidPassage { article: text(), position: 0, reason: "it has no text" },
            Error::PassageVectors { article: text(), passages: 2, vectors: 1 },
            Error::Date { got: text() },
            Error::Language { got: text() },
            Error::Timestamp { got: text() },
            Error::NestedList { key: text(), name: text() },
            Error::Dimension { expected: 2, got: 3 },
            Error::InvalidVector { row: 0 },
            Error::RowBound { expected: 2, got: 1 },
            Error::TooLarge { what: "vectors", got: 2, limit: 1 },
            Error::NoReranker,
            Error::ModelServerUrl { reason: "has no host" },
            status(401),
            Error::NotInFolder,
            Error::OtherIndex { path: "a".into(), found: "", opened_by: "" },
            Error::IdCount { ids: 2, vectors: 1 },
            Error::QueryTooLong { tokens: 2, limit: 1 },
            Error::NotUtf8 { path: "a".into(), at: 0, likely: None },
            Error::NotText { path: "a".into(), at: 0 },
            Error::Json { path: "a".into(), line: 1, source: cause() },
            Error::InvalidLine { path: "a".into(), line: 1, what: "a judgment", source: cause() },
            Error::MissingJudged {
                path: "a".into(),
                what: "articles",
                judged: 2,
                missing: vec![text()],
            },
            Error::RunColumn { column: "tag", text: text(), reason: "it is empty" },
            Error::UnjudgedRun { questions: 1 },
            Error::FrontMatter { path: "a".into(), source: cause() },
            Error::FileKind { path: "a".into() },
            Error::ShardUrl { shard: 0, source: cause() },
            Error::NotStorable { key: text(), reason: "its text has a zero byte" },
        ]
    }

    fn conflicts() -> Vec<Error> {
        vec![
            Error::StaleHit { article: String::new(), range: 0..1 },
            Error::NotCalibrated,
            Error::ModelMismatch { index: model().into(), given: model().into() },
            Error::Locked { path: "a".into() },
            Error::Closed,
            Error::CacheInUse { path: "a".into() },
            Error::IndexExists { path: "a".into() },
            Error::FolderNotEmpty { path: "a".into() },
            Error::ModelDrift { model: model().into(), text: String::new(), similarity: 0.5 },
            Error::NotVerifiable,
            Error::Version { origin: String::new(), got: 2, oldest: 1, newest: 1 },
            Error::ShardOrder { position: 0, given: 2, shard: 1, shards: 2 },
            Error::CorpusExists { schema: String::new(), shard: 0 },
            Error::CorpusBusy { schema: String::new(), shard: 1 },
            Error::CorpusSettings { setting: "another chunker", remedy: "use it" },
            Error::CorpusVersion { shard: 0, got: 1, expected: 2 },
            Error::Pgvector { shard: 0, got: "0.8.3".into(), oldest: "0.8.4".into() },
        ]
    }

    fn unavailable() -> Vec<Error> {
        vec![
            Error::Embed(cause()),
            Error::Rerank(cause()),
            Error::ModelServer { server: String::new(), attempts: 1, remedy: "", source: cause() },
            status(429),
            status(503),
            Error::ModelFile { path: "a".into(), source: cause() },
            Error::Model { name: String::new(), remedy: "", source: cause() },
            Error::OnnxRuntime { needed: "1.20", tried: vec![], source: cause() },
            Error::Provider { name: "cuda", remedy: "", source: cause() },
            Error::Cancelled,
            Error::TimedOut,
            Error::Threads(cause()),
            Error::BackgroundCommit(Error::Cancelled.into()),
            Error::BackgroundMerge(Error::Cancelled.into()),
            Error::Read { path: "a".into(), source: io::ErrorKind::PermissionDenied.into() },
            Error::Write { path: "a".into(), source: io::ErrorKind::NotFound.into() },
            Error::Certificates { source: cause() },
            Error::Shard { shard: 0, source: cause() },
        ]
    }

    /// Every variant with its kind; `Read` has two kinds.
    fn all() -> Vec<(ErrorKind, Vec<Error>)> {
        vec![
            (ErrorKind::InvalidInput, invalid_inputs()),
            (
                ErrorKind::NotFound,
                vec![
                    Error::UnknownModel { name: String::new(), known: vec![] },
                    status(404),
                    Error::NoIndex { path: "a".into() },
                    Error::NoCorpus { schema: String::new(), shard: 0 },
                    Error::Read { path: "a".into(), source: io::ErrorKind::NotFound.into() },
                ],
            ),
            (ErrorKind::Conflict, conflicts()),
            (ErrorKind::Unavailable, unavailable()),
            (ErrorKind::Damaged, vec![Error::Corrupt { origin: String::new(), fault: "" }]),
            (
                ErrorKind::Bug,
                vec![
                    Error::VectorCount { expected: 2, got: 1 },
                    Error::ModelDimension { expected: 2, got: 1 },
                    Error::ModelServerAnswer { server: String::new(), source: cause() },
                    Error::CommitPanic(cause()),
                    Error::MergePanic(cause()),
                ],
            ),
        ]
    }

    fn variant_name(error: &Error) -> String {
        let debug = format!("{error:?}");
        debug.chars().take_while(char::is_ascii_alphanumeric).collect()
    }

    /// The documentation of each variant in the source, as `(variant, documentation)`.
    fn documented_variants() -> Vec<(String, String)> {
        let source = include_str!("../error.rs");
        let start = source.find("pub enum Error {").expect("error.rs defines `Error`");
        let body = &source[start..];
        let mut variants = Vec::new();
        let mut documentation = String::new();
        for line in body.lines().skip(1).take_while(|line| *line != "}") {
            if let Some(text) = line.strip_prefix("    /// ") {
                documentation += text;
            } else if line.starts_with("    ") && line.as_bytes()[4].is_ascii_uppercase() {
                let name = line.trim().split([' ', '(', ',']).next().expect("a name");
                variants.push((name.to_owned(), std::mem::take(&mut documentation)));
            }
        }
        variants
    }

    #[test]
    fn every_variant_has_its_documented_kind() {
        let documented = documented_variants();
        let mut tested = BTreeSet::new();
        for (kind, errors) in all() {
            for error in errors {
                assert_eq!(error.kind(), kind, "{error:?}");
                let name = variant_name(&error);
                let (_, text) = documented.iter().find(|(variant, _)| *variant == name).unwrap();
                assert!(text.contains(&format!("[`ErrorKind::{kind:?}`]")), "{name}: {text}");
                tested.insert(name);
            }
        }
        let defined: BTreeSet<_> = documented.into_iter().map(|(variant, _)| variant).collect();
        assert_eq!(tested, defined);
    }
}
