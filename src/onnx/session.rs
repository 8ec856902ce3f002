//! Sessions of loaded models. No other file uses `fastembed`.

use std::panic::{AssertUnwindSafe, catch_unwind};
#[cfg(feature = "qwen3")]
use std::sync::Arc;

#[cfg(feature = "hub")]
use fastembed::EmbeddingModel;
use fastembed::{
    InitOptionsUserDefined, OnnxSource, OutputKey, RerankInitOptionsUserDefined, TextEmbedding,
    TextRerank, TokenizerFiles, UserDefinedEmbeddingModel, UserDefinedRerankingModel,
};
#[cfg(feature = "qwen3")]
use fastembed::{Qwen3Config, Qwen3Model, Qwen3TextEmbedding};

#[cfg(feature = "hub")]
use super::HubModel;
#[cfg(feature = "qwen3")]
use super::candle;
use super::{ExecutionProvider, ModelFiles, ModelTokenizer, WeightFile, runtime};
use crate::{Cause, Error, Pooling, Result};

/// Makes a [`ModelTokenizer`]; a macro, because fastembed does not export the type.
/// `$empty` is an input without text, `$failed` the error of the model.
macro_rules! model_tokenizer {
    ($tokenizer:expr, $empty:expr, $failed:expr) => {{
        let mut tokenizer = $tokenizer.clone();
        tokenizer.with_padding(None).with_truncation(None)?;
        let special = tokenizer.encode_fast($empty, true)?.len();
        let counter = tokenizer.clone();
        Ok(ModelTokenizer {
            count: Box::new(move |text| Ok(counter.encode_fast(text, false)?.len())),
            starts: Box::new(move |text| {
                let encoded = tokenizer.encode(text, false)?;
                Ok(encoded.get_offsets().iter().map(|(start, _)| *start).collect())
            }),
            special,
            failed: $failed,
        })
    }};
}

/// [`SessionOptions`](super::SessionOptions) with all defaults resolved, for one session.
#[derive(Clone)]
pub(crate) struct ResolvedOptions {
    /// Maximum input length in tokens, with special tokens.
    pub(crate) max_length: usize,
    pub(crate) threads: usize,
    pub(crate) providers: Vec<ExecutionProvider>,
}

/// A session of an embedding model.
pub(crate) enum EmbedSession {
    Onnx(Box<TextEmbedding>),
    #[cfg(feature = "qwen3")]
    Candle(CandleSession),
}

/// A session of an embedding model in candle. Clones share the weights.
#[cfg(feature = "qwen3")]
#[derive(Clone)]
pub(crate) struct CandleSession(Arc<CandleModel>);

#[cfg(feature = "qwen3")]
struct CandleModel {
    embedding: Qwen3TextEmbedding,
    tokenizer: candle::Tokenizer,
}

impl EmbedSession {
    /// Loads an ONNX model. The files must declare the maximum input length: fastembed applies
    /// the shorter of both limits.
    pub(crate) fn open(
        files: ModelFiles,
        settings: &ResolvedOptions,
        pooling: Pooling,
    ) -> Result<Self, Cause> {
        let tokenizer = tokenizer_files(&files);
        let pooling = onnx_pooling(pooling).ok_or("ONNX models do not pool by the last token")?;
        let mut model = UserDefinedEmbeddingModel::new(files.onnx, tokenizer).with_pooling(pooling);
        model.output_key = files.output.map(OutputKey::ByName);
        for WeightFile { name, bytes } in files.external {
            model = model.with_external_initializer(name, bytes);
        }
        let options = InitOptionsUserDefined::new()
            .with_environment(runtime::environment()?)
            .with_execution_providers(runtime::dispatches(&settings.providers)?)
            .with_max_length(settings.max_length)
            .with_intra_threads(settings.threads);
        Ok(Self::Onnx(Box::new(TextEmbedding::try_new_from_user_defined(model, options)?)))
    }

    /// Returns the vectors of `texts`, of the model's dimension, from one run of the model.
    pub(crate) fn embed(&mut self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Cause> {
        let vectors = match self {
            Self::Onnx(model) => model.embed(texts, Some(texts.len()))?,
            #[cfg(feature = "qwen3")]
            Self::Candle(CandleSession(model)) => model.embedding.embed(texts)?,
        };
        if vectors.len() == texts.len() {
            Ok(vectors)
        } else {
            Err(format!("the model returned {} vectors for {} texts", vectors.len(), texts.len())
                .into())
        }
    }

    /// Returns the model's tokenizer.
    pub(crate) fn tokenizer(&self) -> Result<ModelTokenizer, Cause> {
        match self {
            Self::Onnx(model) => model_tokenizer!(model.tokenizer, "", Error::Embed),
            #[cfg(feature = "qwen3")]
            Self::Candle(CandleSession(model)) => {
                model_tokenizer!(model.tokenizer, "", Error::Embed)
            }
        }
    }
}

#[cfg(feature = "qwen3")]
impl CandleSession {
    /// Loads a Qwen3 model without a graph; `files` hold a [checked](candle::CandleConfig)
    /// configuration.
    pub(crate) fn open(files: ModelFiles, settings: &ResolvedOptions) -> Result<Self, Cause> {
        let config: Qwen3Config = serde_json::from_slice(&files.config)?;
        let tokenizer = candle::tokenizer(&files.tokenizer, settings.max_length)?;
        let model = Qwen3Model::new(config, candle::weights(files.external)?)?;
        let embedding = Qwen3TextEmbedding::new(model, tokenizer.clone());
        Ok(Self(Arc::new(CandleModel { embedding, tokenizer })))
    }
}

/// A session of a reranking model.
pub(crate) struct RerankSession(TextRerank);

impl RerankSession {
    /// Loads the model from its file, since fastembed reads a reranker's external weights only from
    /// files.
    pub(crate) fn open(files: &ModelFiles, settings: &ResolvedOptions) -> Result<Self, Cause> {
        let source = OnnxSource::File(files.graph.clone());
        let model = UserDefinedRerankingModel::new(source, tokenizer_files(files));
        let options = RerankInitOptionsUserDefined::new()
            .with_environment(runtime::environment()?)
            .with_execution_providers(runtime::dispatches(&settings.providers)?)
            .with_max_length(settings.max_length)
            .with_intra_threads(settings.threads);
        Ok(Self(TextRerank::try_new_from_user_defined(model, options)?))
    }

    /// Scores one pair to verify the model.
    pub(crate) fn verify(&mut self) -> Result<(), Cause> {
        // fastembed panics if `logits` is not a matrix. Not every graph declares its shape.
        let outcome = catch_unwind(AssertUnwindSafe(|| self.score("question", &["passage"])));
        outcome.unwrap_or_else(|_| Err("its output `logits` is not a matrix".into())).map(drop)
    }

    /// Returns the score of each of `passages`, from one run of the model.
    pub(crate) fn score(&mut self, query: &str, passages: &[&str]) -> Result<Vec<f32>, Cause> {
        let mut results = self.0.rerank(query, passages, false, Some(passages.len()))?;
        // fastembed returns the best first.
        results.sort_unstable_by_key(|result| result.index);
        if results.iter().map(|result| result.index).eq(0..passages.len()) {
            Ok(results.into_iter().map(|result| result.score).collect())
        } else {
            Err(format!(
                "the model returned {} scores for {} passages",
                results.len(),
                passages.len()
            )
            .into())
        }
    }

    /// Returns the model's tokenizer, for pairs.
    pub(crate) fn tokenizer(&self) -> Result<ModelTokenizer, Cause> {
        model_tokenizer!(self.0.tokenizer, ("", ""), Error::Rerank)
    }
}

fn tokenizer_files(files: &ModelFiles) -> TokenizerFiles {
    TokenizerFiles {
        tokenizer_file: files.tokenizer.clone(),
        config_file: files.config.clone(),
        special_tokens_map_file: files.special_tokens_map.clone(),
        tokenizer_config_file: files.tokenizer_config.clone(),
    }
}

/// Returns fastembed's pooling; `None` if it has none for ONNX models.
fn onnx_pooling(pooling: Pooling) -> Option<fastembed::Pooling> {
    match pooling {
        Pooling::Cls => Some(fastembed::Pooling::Cls),
        Pooling::Mean => Some(fastembed::Pooling::Mean),
        Pooling::LastToken => None,
    }
}

/// Returns the location of an embedding model by its name in fastembed's list.
#[cfg(feature = "hub")]
pub(crate) fn hub_embedder(name: &str) -> Option<HubModel> {
    use fastembed::ModelTrait;

    let info = EmbeddingModel::get_model_info(&name.parse().ok()?)?.clone();
    let output = match info.output_key {
        Some(OutputKey::ByName(name)) => Some(name),
        _ => None,
    };
    Some(HubModel {
        repository: info.model_code,
        graph: info.model_file,
        external: info.additional_files,
        output,
    })
}

/// Returns the location of a reranker by its name in fastembed's list.
#[cfg(feature = "hub")]
pub(crate) fn hub_reranker(name: &str) -> Option<HubModel> {
    let mut listed = TextRerank::list_supported_models().into_iter();
    let info = listed.find(|info| format!("{:?}", info.model) == name)?;
    Some(HubModel {
        repository: info.model_code,
        graph: info.model_file,
        external: info.additional_files,
        output: None,
    })
}

#[cfg(all(test, feature = "hub"))]
mod tests {
    use std::collections::BTreeSet;

    use xxhash_rust::xxh3::xxh3_64;

    use super::*;
    use crate::{Engine, FastEmbedder, FastReranker, PretrainedModel, Quantization};

    /// The models of the table that fastembed lists. It does not list Qwen3 models.
    fn onnx_models() -> impl Iterator<Item = &'static PretrainedModel> {
        FastEmbedder::models().iter().filter(|model| model.engine == Engine::OnnxRuntime)
    }

    /// Detects models that a new version of fastembed adds, drops or changes.
    #[test]
    fn the_table_of_models_is_fastembeds_list() {
        let table: Vec<_> = onnx_models().collect();
        let theirs = TextEmbedding::list_supported_models();
        let ours = table.iter().map(|model| model.name).chain(["ClipVitB32"]);
        let ours: BTreeSet<String> = ours.map(str::to_owned).collect();
        let names: BTreeSet<String> = theirs.iter().map(|info| info.model.to_string()).collect();
        assert_eq!(ours, names);
        for info in theirs {
            let name = info.model.to_string();
            let Some(model) = table.iter().find(|model| model.name == name) else { continue };
            assert_eq!(model.dim, info.dim, "{name}");
            let pooling = TextEmbedding::get_default_pooling_method(&info.model);
            assert_eq!(onnx_pooling(model.pooling), pooling, "{name}");
            let rounding = TextEmbedding::get_quantization_mode(&info.model);
            let dynamic = rounding == fastembed::QuantizationMode::Dynamic;
            assert_eq!(model.quantization == Quantization::Dynamic, dynamic, "{name}");
            assert!(!matches!(info.output_key, Some(OutputKey::ByOrder(_))), "{name}");
        }
    }

    /// If this fails, compare the list with that of the previous version of fastembed: a model with
    /// other files has another identity.
    #[test]
    fn files_and_outputs_of_fastembeds_models_are_unchanged() {
        let hub = |model: &PretrainedModel| hub_embedder(model.name).unwrap();
        let line = |model| {
            let HubModel { repository, graph, external, output } = hub(model);
            format!("{} {repository} {graph} {external:?} {output:?}", model.name)
        };
        let list = onnx_models().map(line).collect::<Vec<_>>().join("\n");
        assert_eq!(xxh3_64(list.as_bytes()), 8_292_264_054_925_446_288, "{list}");
    }

    #[test]
    fn the_table_of_rerankers_is_fastembeds_list() {
        let theirs = TextRerank::list_supported_models();
        assert_eq!(theirs.len(), FastReranker::models().len());
        for model in FastReranker::models() {
            let hub = hub_reranker(model.name).unwrap();
            let files = [hub.graph, hub.external.join(" ")].join(" ");
            let expected = match model.name {
                "BGERerankerV2M3" => ("rozgo/bge-reranker-v2-m3", "model.onnx model.onnx.data"),
                _ => (model.code, "onnx/model.onnx "),
            };
            assert_eq!((&*hub.repository, &*files), expected, "{}", model.name);
        }
    }
}
