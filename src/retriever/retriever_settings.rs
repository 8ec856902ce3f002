//! Settings of a retriever as data.

use serde::{Deserialize, Serialize};

use crate::{Chunker, Error, IndexChoice, Result, format::settings_text::json_text};

/// Settings of a [`RetrieverBuilder`](crate::RetrieverBuilder) as data, for configuration files.
///
/// In JSON, all fields may be left out:
///
/// ```json
/// {
///   "chunker": {"max_tokens": 200, "overlap_sentences": 0, "context": true},
///   "index": {"auto": {"m": 24, "ef_construction": 200}},
///   "embed_threads": 4, "checkpoint": 4096, "merge_threads": 2, "verify_model": false,
///   "embedding_cache": 1073741824
/// }
/// ```
///
/// # Examples
///
/// ```
/// use passim::{Error, Retriever, RetrieverSettings};
///
/// let settings: RetrieverSettings = r#"{"chunker": {"max_tokens": 120}, "index": "exact"}"#.parse()?;
/// let retriever = Retriever::builder().settings(&settings).in_memory()?;
/// assert_eq!(retriever.chunker().to_string(), r#"{"max_tokens":120,"overlap_sentences":0,"context":true}"#);
///
/// let wrong = r#"{"checkpoint": 0}"#.parse::<RetrieverSettings>();
/// assert!(matches!(wrong, Err(Error::Setting { name: "checkpoint", got: 0, .. })));
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RetrieverSettings {
    /// See [`RetrieverBuilder::chunker`](crate::RetrieverBuilder::chunker).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunker: Option<Chunker>,
    /// See [`RetrieverBuilder::index`](crate::RetrieverBuilder::index).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<IndexChoice>,
    /// See [`RetrieverBuilder::embed_threads`](crate::RetrieverBuilder::embed_threads).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embed_threads: Option<usize>,
    /// See [`RetrieverBuilder::checkpoint`](crate::RetrieverBuilder::checkpoint).
    pub checkpoint: usize,
    /// See [`RetrieverBuilder::merge_threads`](crate::RetrieverBuilder::merge_threads).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merge_threads: Option<usize>,
    /// See [`RetrieverBuilder::verify_model`](crate::RetrieverBuilder::verify_model).
    pub verify_model: bool,
    /// See [`RetrieverBuilder::embedding_cache`](crate::RetrieverBuilder::embedding_cache).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_cache: Option<usize>,
}

impl Default for RetrieverSettings {
    fn default() -> Self {
        Self {
            chunker: None,
            index: None,
            embed_threads: None,
            checkpoint: 4_096,
            merge_threads: None,
            verify_model: false,
            embedding_cache: None,
        }
    }
}

json_text!(RetrieverSettings, "set of retriever settings");

impl RetrieverSettings {
    pub(super) fn check(&self) -> Result<()> {
        self.chunker.iter().try_for_each(Chunker::check)?;
        self.index.into_iter().try_for_each(IndexChoice::check)?;
        Error::check_setting("checkpoint", self.checkpoint, 1.., "1 or more")?;
        let merge_threads = self.merge_threads.unwrap_or_default();
        Error::check_setting("merge_threads", merge_threads, 0..=1_024, "0 to 1024")?;
        Error::check_setting("embed_threads", self.embed_threads.unwrap_or(1), 1.., "1 or more")
    }
}
