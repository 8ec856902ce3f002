//! Retrieval models that can be loaded by name, with their settings.

use crate::{
    Error, Pooling, Result,
    onnx::{self, Engine, hub_embedder},
};

/// A retrieval model that [`FastEmbedder::from_name`](crate::FastEmbedder::from_name) loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PretrainedModel {
    /// Name of the model. ONNX models have their name in fastembed's list; names that end in `Q` or
    /// `Q4` are quantized variants.
    pub name: &'static str,
    /// Repository of the model's authors on the hub.
    pub code: &'static str,
    /// Dimension of the vectors.
    pub dim: usize,
    /// Maximum input length in tokens, with special tokens and prefix. A model in candle uses less
    /// unless [`max_length`](crate::FastEmbedderBuilder::max_length) is set.
    pub max_length: usize,
    /// Pooling of token vectors.
    pub pooling: Pooling,
    /// Prefix of a query.
    pub query_prefix: &'static str,
    /// Prefix of a passage.
    pub passage_prefix: &'static str,
    /// Languages that the model was trained for.
    pub languages: &'static str,
    /// License of the weights: an SPDX identifier or the name of the terms.
    pub license: &'static str,
    /// Approximate size of the download in megabytes: the weights and the tokenizer.
    pub megabytes: u32,
    /// Quantization of the weights.
    pub quantization: Quantization,
    /// Engine that runs the model.
    pub engine: Engine,
    /// Whether the weights are in several files; `false` for ONNX models.
    pub(super) is_sharded: bool,
}

/// Quantization of a model, which makes it smaller and faster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Quantization {
    /// Not quantized: weights have 32 bits, those of Qwen3 models 16.
    #[default]
    None,
    /// Weights have 16 bits or fewer.
    Static,
    /// Weights and activations are quantized, the latter by their range in the run. Each text has
    /// its own run, so that a vector does not depend on other texts.
    Dynamic,
}

const EN: &str = "English";
const ZH: &str = "Chinese";

const APACHE: &str = "Apache-2.0";
const MIT: &str = "MIT";
const GEMMA: &str = "Gemma Terms of Use";

/// The instruction of the English BGE, mxbai and Arctic models.
const SEARCH_PASSAGES: &str = "Represent this sentence for searching relevant passages: ";

/// A model in ONNX Runtime that pools by the first token.
const fn cls(
    name: &'static str,
    code: &'static str,
    dim: usize,
    max_length: usize,
    languages: &'static str,
) -> PretrainedModel {
    PretrainedModel {
        name,
        code,
        dim,
        max_length,
        pooling: Pooling::Cls,
        query_prefix: "",
        passage_prefix: "",
        languages,
        license: "",
        megabytes: 0,
        quantization: Quantization::None,
        engine: Engine::OnnxRuntime,
        is_sharded: false,
    }
}

/// A model in ONNX Runtime that pools by the mean.
const fn mean(
    name: &'static str,
    code: &'static str,
    dim: usize,
    max_length: usize,
    languages: &'static str,
) -> PretrainedModel {
    PretrainedModel { pooling: Pooling::Mean, ..cls(name, code, dim, max_length, languages) }
}

/// A Qwen3 embedding model. The prefix is that of its model card for web search.
const fn qwen3(name: &'static str, code: &'static str, dim: usize) -> PretrainedModel {
    PretrainedModel {
        pooling: Pooling::LastToken,
        engine: Engine::Candle,
        query_prefix: "Instruct: Given a web search query, retrieve relevant passages that \
                       answer the query\nQuery:",
        ..cls(name, code, dim, 32_768, "over 100 languages")
    }
}

impl PretrainedModel {
    const fn prefixed(self, query_prefix: &'static str, passage_prefix: &'static str) -> Self {
        Self { query_prefix, passage_prefix, ..self }
    }

    const fn files(self, license: &'static str, megabytes: u32) -> Self {
        Self { license, megabytes, ..self }
    }

    const fn sharded(self) -> Self {
        Self { is_sharded: true, ..self }
    }

    const fn quantized(self, quantization: Quantization) -> Self {
        Self { quantization, ..self }
    }
}

/// The models that candle runs. A build without candle names them in an error.
///
/// # Source
///
/// The model cards, as for [`MODELS`].
const QWEN3: [PretrainedModel; 3] = [
    qwen3("Qwen3Embedding06B", "Qwen/Qwen3-Embedding-0.6B", 1024).files(APACHE, 1_200),
    qwen3("Qwen3Embedding4B", "Qwen/Qwen3-Embedding-4B", 2560).files(APACHE, 8_050).sharded(),
    qwen3("Qwen3Embedding8B", "Qwen/Qwen3-Embedding-8B", 4096).files(APACHE, 15_150).sharded(),
];

/// fastembed's text models and the Qwen3 models that candle runs, multilingual models first.
/// `ClipVitB32` is left out: its vectors compare texts with images.
///
/// # Source
///
/// The model cards of the repositories. A size is the card's number of weights times their width:
/// 32 bits, 8 bits for dynamic quantization, 16 bits for static quantization (without `Q4`) and
/// for Qwen3.
#[rustfmt::skip]
pub(super) static MODELS: &[PretrainedModel] = &[
    mean("MultilingualE5Small", "intfloat/multilingual-e5-small", 384, 512, "94 languages").prefixed("query: ", "passage: ").files(MIT, 490),
    mean("MultilingualE5Base", "intfloat/multilingual-e5-base", 768, 512, "94 languages").prefixed("query: ", "passage: ").files(MIT, 1_130),
    mean("MultilingualE5Large", "intfloat/multilingual-e5-large", 1024, 512, "94 languages").prefixed("query: ", "passage: ").files(MIT, 2_260),
    mean("EmbeddingGemma300M", "google/embeddinggemma-300m", 768, 2048, "over 100 languages").prefixed("task: search result | query: ", "title: none | text: ").files(GEMMA, 1_260),
    mean("EmbeddingGemma300MQ", "google/embeddinggemma-300m", 768, 2048, "over 100 languages").prefixed("task: search result | query: ", "title: none | text: ").files(GEMMA, 330).quantized(Quantization::Dynamic),
    mean("EmbeddingGemma300MQ4", "google/embeddinggemma-300m", 768, 2048, "over 100 languages").prefixed("task: search result | query: ", "title: none | text: ").files(GEMMA, 220).quantized(Quantization::Static),
    cls("BGEM3", "BAAI/bge-m3", 1024, 8192, "over 100 languages").files(MIT, 2_290),
    #[cfg(feature = "qwen3")]
    QWEN3[0],
    #[cfg(feature = "qwen3")]
    QWEN3[1],
    #[cfg(feature = "qwen3")]
    QWEN3[2],
    mean("ParaphraseMLMiniLML12V2", "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", 384, 128, "50 languages").files(APACHE, 490),
    mean("ParaphraseMLMiniLML12V2Q", "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", 384, 128, "50 languages").files(APACHE, 250).quantized(Quantization::Static),
    mean("ParaphraseMLMpnetBaseV2", "sentence-transformers/paraphrase-multilingual-mpnet-base-v2", 768, 128, "50 languages").files(APACHE, 1_130),
    mean("AllMiniLML6V2", "sentence-transformers/all-MiniLM-L6-v2", 384, 256, EN).files(APACHE, 91),
    mean("AllMiniLML6V2Q", "sentence-transformers/all-MiniLM-L6-v2", 384, 256, EN).files(APACHE, 24).quantized(Quantization::Dynamic),
    mean("AllMiniLML12V2", "sentence-transformers/all-MiniLM-L12-v2", 384, 128, EN).files(APACHE, 134),
    mean("AllMiniLML12V2Q", "sentence-transformers/all-MiniLM-L12-v2", 384, 128, EN).files(APACHE, 35).quantized(Quantization::Dynamic),
    mean("AllMpnetBaseV2", "sentence-transformers/all-mpnet-base-v2", 768, 384, EN).files(APACHE, 440),
    cls("BGESmallENV15", "BAAI/bge-small-en-v1.5", 384, 512, EN).prefixed(SEARCH_PASSAGES, "").files(MIT, 134),
    cls("BGESmallENV15Q", "BAAI/bge-small-en-v1.5", 384, 512, EN).prefixed(SEARCH_PASSAGES, "").files(MIT, 67).quantized(Quantization::Static),
    cls("BGEBaseENV15", "BAAI/bge-base-en-v1.5", 768, 512, EN).prefixed(SEARCH_PASSAGES, "").files(MIT, 440),
    cls("BGEBaseENV15Q", "BAAI/bge-base-en-v1.5", 768, 512, EN).prefixed(SEARCH_PASSAGES, "").files(MIT, 220).quantized(Quantization::Static),
    cls("BGELargeENV15", "BAAI/bge-large-en-v1.5", 1024, 512, EN).prefixed(SEARCH_PASSAGES, "").files(MIT, 1_340),
    cls("BGELargeENV15Q", "BAAI/bge-large-en-v1.5", 1024, 512, EN).prefixed(SEARCH_PASSAGES, "").files(MIT, 670).quantized(Quantization::Static),
    cls("BGESmallZHV15", "BAAI/bge-small-zh-v1.5", 512, 512, ZH).prefixed("为这个句子生成表示以用于检索相关文章：", "").files(MIT, 96),
    cls("BGELargeZHV15", "BAAI/bge-large-zh-v1.5", 1024, 512, ZH).prefixed("为这个句子生成表示以用于检索相关文章：", "").files(MIT, 1_300),
    mean("NomicEmbedTextV1", "nomic-ai/nomic-embed-text-v1", 768, 8192, EN).prefixed("search_query: ", "search_document: ").files(APACHE, 550),
    mean("NomicEmbedTextV15", "nomic-ai/nomic-embed-text-v1.5", 768, 8192, EN).prefixed("search_query: ", "search_document: ").files(APACHE, 550),
    mean("NomicEmbedTextV15Q", "nomic-ai/nomic-embed-text-v1.5", 768, 8192, EN).prefixed("search_query: ", "search_document: ").files(APACHE, 140).quantized(Quantization::Dynamic),
    mean("ModernBertEmbedLarge", "lightonai/modernbert-embed-large", 1024, 8192, EN).prefixed("search_query: ", "search_document: ").files(APACHE, 1_580),
    cls("MxbaiEmbedLargeV1", "mixedbread-ai/mxbai-embed-large-v1", 1024, 512, EN).prefixed(SEARCH_PASSAGES, "").files(APACHE, 1_340),
    cls("MxbaiEmbedLargeV1Q", "mixedbread-ai/mxbai-embed-large-v1", 1024, 512, EN).prefixed(SEARCH_PASSAGES, "").files(APACHE, 340).quantized(Quantization::Dynamic),
    cls("GTEBaseENV15", "Alibaba-NLP/gte-base-en-v1.5", 768, 8192, EN).files(APACHE, 550),
    cls("GTEBaseENV15Q", "Alibaba-NLP/gte-base-en-v1.5", 768, 8192, EN).files(APACHE, 140).quantized(Quantization::Dynamic),
    cls("GTELargeENV15", "Alibaba-NLP/gte-large-en-v1.5", 1024, 8192, EN).files(APACHE, 1_740),
    cls("GTELargeENV15Q", "Alibaba-NLP/gte-large-en-v1.5", 1024, 8192, EN).files(APACHE, 440).quantized(Quantization::Dynamic),
    mean("JinaEmbeddingsV2BaseEN", "jinaai/jina-embeddings-v2-base-en", 768, 8192, EN).files(APACHE, 550),
    mean("JinaEmbeddingsV2BaseCode", "jinaai/jina-embeddings-v2-base-code", 768, 8192, "English and 30 programming languages").files(APACHE, 640),
    cls("SnowflakeArcticEmbedXS", "Snowflake/snowflake-arctic-embed-xs", 384, 512, EN).prefixed(SEARCH_PASSAGES, "").files(APACHE, 91),
    cls("SnowflakeArcticEmbedXSQ", "Snowflake/snowflake-arctic-embed-xs", 384, 512, EN).prefixed(SEARCH_PASSAGES, "").files(APACHE, 24).quantized(Quantization::Dynamic),
    cls("SnowflakeArcticEmbedS", "Snowflake/snowflake-arctic-embed-s", 384, 512, EN).prefixed(SEARCH_PASSAGES, "").files(APACHE, 134),
    cls("SnowflakeArcticEmbedSQ", "Snowflake/snowflake-arctic-embed-s", 384, 512, EN).prefixed(SEARCH_PASSAGES, "").files(APACHE, 35).quantized(Quantization::Dynamic),
    cls("SnowflakeArcticEmbedM", "Snowflake/snowflake-arctic-embed-m", 768, 512, EN).prefixed(SEARCH_PASSAGES, "").files(APACHE, 440),
    cls("SnowflakeArcticEmbedMQ", "Snowflake/snowflake-arctic-embed-m", 768, 512, EN).prefixed(SEARCH_PASSAGES, "").files(APACHE, 110).quantized(Quantization::Dynamic),
    cls("SnowflakeArcticEmbedMLong", "Snowflake/snowflake-arctic-embed-m-long", 768, 2048, EN).prefixed(SEARCH_PASSAGES, "").files(APACHE, 550),
    cls("SnowflakeArcticEmbedMLongQ", "Snowflake/snowflake-arctic-embed-m-long", 768, 2048, EN).prefixed(SEARCH_PASSAGES, "").files(APACHE, 140).quantized(Quantization::Dynamic),
    cls("SnowflakeArcticEmbedL", "Snowflake/snowflake-arctic-embed-l", 1024, 512, EN).prefixed(SEARCH_PASSAGES, "").files(APACHE, 1_340),
    cls("SnowflakeArcticEmbedLQ", "Snowflake/snowflake-arctic-embed-l", 1024, 512, EN).prefixed(SEARCH_PASSAGES, "").files(APACHE, 340).quantized(Quantization::Dynamic),
];

/// Finds a model by its name, its authors' repository or fastembed's repository; case does not
/// matter. A repository stands for its first model in the table, which is not quantized.
///
/// # Errors
///
/// - [`Error::UnknownModel`] with the known names.
/// - [`Error::Model`] if the model needs candle and the feature `qwen3` is off.
pub(super) fn find(name: &str) -> Result<&'static PretrainedModel> {
    let is_named = |candidate: &str| candidate.eq_ignore_ascii_case(name);
    let is_candle_model = |model: &&PretrainedModel| is_named(model.name) || is_named(model.code);
    if cfg!(not(feature = "qwen3"))
        && let Some(model) = QWEN3.iter().find(is_candle_model)
    {
        return Err(onnx::without_candle(model.name.to_owned()));
    }
    let is_hosted = |model: &&PretrainedModel| {
        hub_embedder(model.name).is_some_and(|hub| is_named(&hub.repository))
    };
    let mut models = MODELS.iter();
    let by_name = models.clone().find(|model| is_named(model.name));
    by_name
        .or_else(|| models.clone().find(|model| is_named(model.code)))
        .or_else(|| models.find(is_hosted))
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
    fn qwen3_models_are_known_without_candle() {
        for name in ["Qwen3Embedding06B", "qwen3embedding8b", "qwen/qwen3-embedding-4b"] {
            let found = find(name);
            assert_eq!(found.is_ok(), cfg!(feature = "qwen3"), "{name}: {found:?}");
            match found {
                Ok(model) => assert!(QWEN3.contains(model), "{name}"),
                Err(error) => {
                    assert!(error.to_string().contains("enable the feature `qwen3`"), "{error}");
                }
            }
        }
    }

    #[test]
    fn every_model_is_described() {
        for model in MODELS {
            let PretrainedModel { name, license, megabytes, quantization, .. } = model;
            assert!(!license.is_empty() && *megabytes > 20, "{name}");
            let smaller = name.ends_with(['Q', '4']);
            assert_eq!(*quantization != Quantization::None, smaller, "{name}");
        }
    }

    #[test]
    fn the_error_for_an_unknown_name_lists_the_known_names() {
        for name in ["", "Multilingual", "ClipVitB32"] {
            let Err(Error::UnknownModel { name: got, known }) = find(name) else {
                panic!("{name} was found")
            };
            assert_eq!((got.as_str(), known.len()), (name, MODELS.len()));
        }
    }
}
