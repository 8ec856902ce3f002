//! The rerankers that can be loaded by name.

use crate::{Error, Result, onnx::hub_reranker};

/// A reranker that [`FastReranker::from_name`](crate::FastReranker::from_name) loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RerankerModel {
    /// Name in fastembed's list.
    pub name: &'static str,
    /// Repository of the model's authors on the hub.
    pub code: &'static str,
    /// The most tokens it is given, question, passage and special tokens together: what it was
    /// trained with, or reads.
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
/// The model cards of the repositories named. `BGERerankerV2M3` reads 8,192 tokens, but was
/// trained with 1,024, which its authors recommend (discussion 9 of its repository).
pub(super) static MODELS: [RerankerModel; 4] = [
    RerankerModel {
        name: "BGERerankerV2M3",
        code: "BAAI/bge-reranker-v2-m3",
        max_length: 1024,
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

/// The model of a name, its authors' repository or fastembed's repository; case does not matter.
///
/// # Errors
///
/// [`Error::UnknownModel`] with the names that are known.
pub(super) fn find(name: &str) -> Result<&'static RerankerModel> {
    let named = |candidate: &str| candidate.eq_ignore_ascii_case(name);
    let is_it = |model: &&RerankerModel| {
        let hosted = || hub_reranker(model.name).is_some_and(|hub| named(&hub.repository));
        named(model.name) || named(model.code) || hosted()
    };
    MODELS.iter().find(is_it).ok_or_else(|| Error::UnknownModel {
        name: name.to_owned(),
        known: MODELS.iter().map(|model| model.name.to_owned()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_answers_to_its_name_and_both_repositories() {
        for name in ["bgererankerv2m3", "BAAI/bge-reranker-v2-m3", "Rozgo/bge-reranker-v2-m3"] {
            assert_eq!(find(name).unwrap().name, "BGERerankerV2M3", "{name}");
        }
        assert!(matches!(find("MultilingualE5Small"), Err(Error::UnknownModel { .. })));
    }
}
