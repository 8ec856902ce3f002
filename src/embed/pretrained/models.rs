//! The retrieval models that can be loaded by name, and what each of them wants.

use super::Pooling;
use crate::{Error, Result, onnx::hub_embedder};

/// A retrieval model that [`FastEmbedder::from_name`](crate::FastEmbedder::from_name) loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PretrainedModel {
    /// Name in fastembed's list; those that end in `Q` or `Q4` are quantised.
    pub name: &'static str,
    /// Repository of the model's authors on the hub.
    pub code: &'static str,
    /// Dimension of its vectors.
    pub dim: usize,
    /// The most tokens it reads, with special tokens and prefix.
    pub max_length: usize,
    /// How token vectors become the vector of a text.
    pub pooling: Pooling,
    /// What is put before a query.
    pub query_prefix: &'static str,
    /// What is put before a passage.
    pub passage_prefix: &'static str,
    /// The languages it was trained for.
    pub languages: &'static str,
}

const EN: &str = "English";
const ZH: &str = "Chinese";

/// The instruction of the English BGE, mxbai and Arctic models.
const SEARCH_PASSAGES: &str = "Represent this sentence for searching relevant passages: ";

const fn cls(
    name: &'static str,
    code: &'static str,
    dim: usize,
    max_length: usize,
    languages: &'static str,
) -> PretrainedModel {
    let (query_prefix, passage_prefix, pooling) = ("", "", Pooling::Cls);
    PretrainedModel {
        name,
        code,
        dim,
        max_length,
        pooling,
        query_prefix,
        passage_prefix,
        languages,
    }
}

const fn mean(
    name: &'static str,
    code: &'static str,
    dim: usize,
    max_length: usize,
    languages: &'static str,
) -> PretrainedModel {
    let pooling = Pooling::Mean;
    PretrainedModel { pooling, ..cls(name, code, dim, max_length, languages) }
}

impl PretrainedModel {
    const fn prefixed(self, query_prefix: &'static str, passage_prefix: &'static str) -> Self {
        Self { query_prefix, passage_prefix, ..self }
    }
}

/// fastembed's text models, the multilingual ones first, without `ClipVitB32`, whose vectors
/// compare texts with images.
///
/// # Source
///
/// The model cards of the repositories named.
#[rustfmt::skip]
pub(super) static MODELS: [PretrainedModel; 45] = [
    mean("MultilingualE5Small", "intfloat/multilingual-e5-small", 384, 512, "94 languages").prefixed("query: ", "passage: "),
    mean("MultilingualE5Base", "intfloat/multilingual-e5-base", 768, 512, "94 languages").prefixed("query: ", "passage: "),
    mean("MultilingualE5Large", "intfloat/multilingual-e5-large", 1024, 512, "94 languages").prefixed("query: ", "passage: "),
    mean("EmbeddingGemma300M", "google/embeddinggemma-300m", 768, 2048, "over 100 languages").prefixed("task: search result | query: ", "title: none | text: "),
    mean("EmbeddingGemma300MQ", "google/embeddinggemma-300m", 768, 2048, "over 100 languages").prefixed("task: search result | query: ", "title: none | text: "),
    mean("EmbeddingGemma300MQ4", "google/embeddinggemma-300m", 768, 2048, "over 100 languages").prefixed("task: search result | query: ", "title: none | text: "),
    cls("BGEM3", "BAAI/bge-m3", 1024, 8192, "over 100 languages"),
    mean("ParaphraseMLMiniLML12V2", "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", 384, 128, "50 languages"),
    mean("ParaphraseMLMiniLML12V2Q", "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", 384, 128, "50 languages"),
    mean("ParaphraseMLMpnetBaseV2", "sentence-transformers/paraphrase-multilingual-mpnet-base-v2", 768, 128, "50 languages"),
    mean("AllMiniLML6V2", "sentence-transformers/all-MiniLM-L6-v2", 384, 256, EN),
    mean("AllMiniLML6V2Q", "sentence-transformers/all-MiniLM-L6-v2", 384, 256, EN),
    mean("AllMiniLML12V2", "sentence-transformers/all-MiniLM-L12-v2", 384, 128, EN),
    mean("AllMiniLML12V2Q", "sentence-transformers/all-MiniLM-L12-v2", 384, 128, EN),
    mean("AllMpnetBaseV2", "sentence-transformers/all-mpnet-base-v2", 768, 384, EN),
    cls("BGESmallENV15", "BAAI/bge-small-en-v1.5", 384, 512, EN).prefixed(SEARCH_PASSAGES, ""),
    cls("BGESmallENV15Q", "BAAI/bge-small-en-v1.5", 384, 512, EN).prefixed(SEARCH_PASSAGES, ""),
    cls("BGEBaseENV15", "BAAI/bge-base-en-v1.5", 768, 512, EN).prefixed(SEARCH_PASSAGES, ""),
    cls("BGEBaseENV15Q", "BAAI/bge-base-en-v1.5", 768, 512, EN).prefixed(SEARCH_PASSAGES, ""),
    cls("BGELargeENV15", "BAAI/bge-large-en-v1.5", 1024, 512, EN).prefixed(SEARCH_PASSAGES, ""),
    cls("BGELargeENV15Q", "BAAI/bge-large-en-v1.5", 1024, 512, EN).prefixed(SEARCH_PASSAGES, ""),
    cls("BGESmallZHV15", "BAAI/bge-small-zh-v1.5", 512, 512, ZH).prefixed("为这个句子生成表示以用于检索相关文章：", ""),
    cls("BGELargeZHV15", "BAAI/bge-large-zh-v1.5", 1024, 512, ZH).prefixed("为这个句子生成表示以用于检索相关文章：", ""),
    mean("NomicEmbedTextV1", "nomic-ai/nomic-embed-text-v1", 768, 8192, EN).prefixed("search_query: ", "search_document: "),
    mean("NomicEmbedTextV15", "nomic-ai/nomic-embed-text-v1.5", 768, 8192, EN).prefixed("search_query: ", "search_document: "),
    mean("NomicEmbedTextV15Q", "nomic-ai/nomic-embed-text-v1.5", 768, 8192, EN).prefixed("search_query: ", "search_document: "),
    mean("ModernBertEmbedLarge", "lightonai/modernbert-embed-large", 1024, 8192, EN).prefixed("search_query: ", "search_document: "),
    cls("MxbaiEmbedLargeV1", "mixedbread-ai/mxbai-embed-large-v1", 1024, 512, EN).prefixed(SEARCH_PASSAGES, ""),
    cls("MxbaiEmbedLargeV1Q", "mixedbread-ai/mxbai-embed-large-v1", 1024, 512, EN).prefixed(SEARCH_PASSAGES, ""),
    cls("GTEBaseENV15", "Alibaba-NLP/gte-base-en-v1.5", 768, 8192, EN),
    cls("GTEBaseENV15Q", "Alibaba-NLP/gte-base-en-v1.5", 768, 8192, EN),
    cls("GTELargeENV15", "Alibaba-NLP/gte-large-en-v1.5", 1024, 8192, EN),
    cls("GTELargeENV15Q", "Alibaba-NLP/gte-large-en-v1.5", 1024, 8192, EN),
    mean("JinaEmbeddingsV2BaseEN", "jinaai/jina-embeddings-v2-base-en", 768, 8192, EN),
    mean("JinaEmbeddingsV2BaseCode", "jinaai/jina-embeddings-v2-base-code", 768, 8192, "English and 30 programming languages"),
    cls("SnowflakeArcticEmbedXS", "Snowflake/snowflake-arctic-embed-xs", 384, 512, EN).prefixed(SEARCH_PASSAGES, ""),
    cls("SnowflakeArcticEmbedXSQ", "Snowflake/snowflake-arctic-embed-xs", 384, 512, EN).prefixed(SEARCH_PASSAGES, ""),
    cls("SnowflakeArcticEmbedS", "Snowflake/snowflake-arctic-embed-s", 384, 512, EN).prefixed(SEARCH_PASSAGES, ""),
    cls("SnowflakeArcticEmbedSQ", "Snowflake/snowflake-arctic-embed-s", 384, 512, EN).prefixed(SEARCH_PASSAGES, ""),
    cls("SnowflakeArcticEmbedM", "Snowflake/snowflake-arctic-embed-m", 768, 512, EN).prefixed(SEARCH_PASSAGES, ""),
    cls("SnowflakeArcticEmbedMQ", "Snowflake/snowflake-arctic-embed-m", 768, 512, EN).prefixed(SEARCH_PASSAGES, ""),
    cls("SnowflakeArcticEmbedMLong", "Snowflake/snowflake-arctic-embed-m-long", 768, 2048, EN).prefixed(SEARCH_PASSAGES, ""),
    cls("SnowflakeArcticEmbedMLongQ", "Snowflake/snowflake-arctic-embed-m-long", 768, 2048, EN).prefixed(SEARCH_PASSAGES, ""),
    cls("SnowflakeArcticEmbedL", "Snowflake/snowflake-arctic-embed-l", 1024, 512, EN).prefixed(SEARCH_PASSAGES, ""),
    cls("SnowflakeArcticEmbedLQ", "Snowflake/snowflake-arctic-embed-l", 1024, 512, EN).prefixed(SEARCH_PASSAGES, ""),
];

/// The model of a name, its authors' repository or fastembed's repository; case does not matter.
///
/// A repository stands for the first model of the table that is in it, the one not quantised.
///
/// # Errors
///
/// [`Error::UnknownModel`] with the names that are known.
pub(super) fn find(name: &str) -> Result<&'static PretrainedModel> {
    let named = |candidate: &str| candidate.eq_ignore_ascii_case(name);
    let hosted = |model: &PretrainedModel| {
        hub_embedder(model.name).is_some_and(|hub| named(&hub.repository))
    };
    let find = |is_it: &dyn Fn(&PretrainedModel) -> bool| MODELS.iter().find(|model| is_it(model));
    find(&|model| named(model.name))
        .or_else(|| find(&|model| named(model.code)))
        .or_else(|| find(&hosted))
        .ok_or_else(|| Error::UnknownModel {
            name: name.to_owned(),
            known: MODELS.iter().map(|model| model.name.to_owned()).collect(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_answers_to_its_name_and_both_repositories() {
        for (name, expected) in [
            ("multilinguale5small", "MultilingualE5Small"),
            ("intfloat/multilingual-E5-small", "MultilingualE5Small"),
            ("Qdrant/multilingual-e5-large-onnx", "MultilingualE5Large"),
            ("sentence-transformers/all-MiniLM-L6-v2", "AllMiniLML6V2"),
            ("Xenova/all-MiniLM-L6-v2", "AllMiniLML6V2Q"),
            ("nomic-ai/nomic-embed-text-v1.5", "NomicEmbedTextV15"),
        ] {
            assert_eq!(find(name).unwrap().name, expected, "{name}");
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        for name in ["", "Multilingual", "ClipVitB32"] {
            let Err(Error::UnknownModel { name: got, known }) = find(name) else {
                panic!("{name} was found")
            };
            assert_eq!((got.as_str(), known.len()), (name, MODELS.len()));
        }
    }
}
