//! Rerankers that can be loaded by name.

use crate::{Error, Result, onnx::hub_reranker};

/// A reranker that [`FastReranker::from_name`](crate::FastReranker::from_name) loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RerankerModel {
    /// Name in fastembed's list.
    pub name: &'static str,
    /// Repository of the model's authors on the hub.
    pub code: &'static str,
    /// Maximum input length in tokens, question, passage and special tokens together: the length
    /// that the model was trained with, if its authors recommend it.
    pub max_length: usize,
    /// Languages that the model was trained for.
    pub languages: &'static str,
    /// License of the weights: an SPDX identifier.
    pub license: &'static str,
    /// Approximate size of the download in megabytes: the weights and the tokenizer.
    pub megabytes: u32,
}

/// fastembed's rerankers, multilingual models first.
///
/// # Source
///
/// The model cards of the repositories. `BGERerankerV2M3` reads 8,192 tokens; it was trained with
/// 1,024, which its authors recommend (discussion 9 of its repository).
pub(super) static MODELS: [RerankerModel; 4] = [
    RerankerModel {
        name: "BGERerankerV2M3",
        code: "BAAI/bge-reranker-v2-m3",
        max_length: 1024,
        languages: "over 100 languages",
        license: "Apache-2.0",
        megabytes: 2290,
    },
    RerankerModel {
        name: "JINARerankerV2BaseMultilingual",
        code: "jinaai/jina-reranker-v2-base-multilingual",
        max_length: 1024,
        languages: "over 100 languages",
        license: "CC-BY-NC-4.0",
        megabytes: 1130,
    },
    RerankerModel {
        name: "BGERerankerBase",
        code: "BAAI/bge-reranker-base",
        max_length: 512,
        languages: "English and Chinese",
        license: "MIT",
        megabytes: 1130,
    },
    RerankerModel {
        name: "JINARerankerV1TurboEn",
        code: "jinaai/jina-reranker-v1-turbo-en",
        max_length: 8192,
        languages: "English",
        license: "Apache-2.0",
        megabytes: 151,
    },
];

/// Finds a model by its name, its authors' repository or fastembed's repository; case does not
/// matter.
///
/// # Errors
///
/// [`Error::UnknownModel`] with the known names.
pub(super) fn find(name: &str) -> Result<&'static RerankerModel> {
    let is_named = |candidate: &str| candidate.eq_ignore_ascii_case(name);
    let is_wanted = |model: &&RerankerModel| {
        is_named(model.name)
            || is_named(model.code)
            || hub_reranker(model.name).is_some_and(|hub| is_named(&hub.repository))
    };
    MODELS.iter().find(is_wanted).ok_or_else(|| Error::UnknownModel {
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
