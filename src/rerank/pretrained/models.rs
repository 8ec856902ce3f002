//! The rerankers that can be loaded by name.

use crate::{Error, Result};

/// A reranker that [`FastReranker::from_name`](crate::FastReranker::from_name) loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RerankerModel {
    /// Name in fastembed's list.
    pub name: &'static str,
    /// Repository on the hub.
    pub code: &'static str,
    /// The most tokens it reads, question, passage and special tokens together.
    pub max_length: usize,
    /// The languages it was trained for.
    pub languages: &'static str,
    /// Licence of its weights: an SPDX identifier.
    pub licence: &'static str,
    /// About how much is downloaded, in megabytes: weights times their width, and the tokenizer.
    pub megabytes: u32,
}

/// fastembed's rerankers, the multilingual ones first.
///
/// # Source
///
/// The model cards of the repositories named.
pub(super) static MODELS: [RerankerModel; 4] = [
    RerankerModel {
        name: "BGERerankerV2M3",
        code: "rozgo/bge-reranker-v2-m3",
        max_length: 8192,
        languages: "over 100 languages",
        licence: "Apache-2.0",
        megabytes: 2290,
    },
    RerankerModel {
        name: "JINARerankerV2BaseMultilingual",
        code: "jinaai/jina-reranker-v2-base-multilingual",
        max_length: 1024,
        languages: "over 100 languages",
        licence: "CC-BY-NC-4.0",
        megabytes: 1130,
    },
    RerankerModel {
        name: "BGERerankerBase",
        code: "BAAI/bge-reranker-base",
        max_length: 512,
        languages: "English and Chinese",
        licence: "MIT",
        megabytes: 1130,
    },
    RerankerModel {
        name: "JINARerankerV1TurboEn",
        code: "jinaai/jina-reranker-v1-turbo-en",
        max_length: 8192,
        languages: "English",
        licence: "Apache-2.0",
        megabytes: 151,
    },
];

/// The model of a name or a repository; case does not matter.
///
/// # Errors
///
/// [`Error::UnknownModel`] with the names that are known.
pub(super) fn find(name: &str) -> Result<&'static RerankerModel> {
    let is_it = |model: &&RerankerModel| {
        model.name.eq_ignore_ascii_case(name) || model.code.eq_ignore_ascii_case(name)
    };
    MODELS.iter().find(is_it).ok_or_else(|| Error::UnknownModel {
        name: name.to_owned(),
        known: MODELS.iter().map(|model| model.name.to_owned()).collect(),
    })
}
