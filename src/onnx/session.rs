//! Sessions of loaded models. No other file uses `fastembed`.

use std::sync::Arc;

#[cfg(feature = "hub")]
use fastembed::{EmbeddingModel, TextRerank};
use fastembed::{OutputKey, SingleBatchOutput};
#[cfg(feature = "qwen3")]
use fastembed::{Qwen3Config, Qwen3Model, Qwen3TextEmbedding};
#[cfg(feature = "qwen3")]
use serde_json::Value;

#[cfg(feature = "hub")]
use super::HubModel;
use super::{
    ExecutionProvider, GraphSource, JsonTokenizer, ModelFiles, ModelTokenizer,
    json_tokenizer::InputTokens,
    runtime::{GraphOutput, GraphSession},
};
#[cfg(feature = "qwen3")]
use super::{candle, json_tokenizer::truncating_tokenizer};
use crate::{Cause, Pooling, Result};

/// The output of a reranker.
const LOGITS: &str = "logits";

/// [`SessionOptions`](super::SessionOptions) with all defaults resolved, for one session.
pub(crate) struct ResolvedOptions {
    pub(crate) threads: usize,
    pub(crate) providers: Vec<ExecutionProvider>,
}

/// A session of an embedding model.
pub(crate) enum EmbedSession {
    Onnx(OnnxSession),
    #[cfg(feature = "qwen3")]
    Candle(CandleSession),
}

/// A session of an embedding model in ONNX Runtime. All sessions of a model share the tokenizer, and
/// the weights that ONNX Runtime maps.
pub(crate) struct OnnxSession {
    graph: GraphSession,
    tokenizer: Arc<JsonTokenizer>,
    /// Maximum input length in tokens, with special tokens; longer inputs are cut.
    max_length: usize,
    /// Outputs of which the first that the graph has is read.
    outputs: Vec<OutputKey>,
    pooling: fastembed::Pooling,
}

/// A session of an embedding model in candle. Clones share the weights.
#[cfg(feature = "qwen3")]
#[derive(Clone)]
pub(crate) struct CandleSession(Arc<Qwen3TextEmbedding>);

impl EmbedSession {
    /// Returns the vectors of `texts`, of the model's dimension, from one run of the model.
    pub(crate) fn embed(&mut self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Cause> {
        let vectors = match self {
            Self::Onnx(session) => session.embed(texts)?,
            #[cfg(feature = "qwen3")]
            Self::Candle(CandleSession(model)) => model.embed(texts)?,
        };
        if vectors.len() == texts.len() {
            Ok(vectors)
        } else {
            Err(format!("the model returned {} vectors for {} texts", vectors.len(), texts.len())
                .into())
        }
    }
}

impl OnnxSession {
    pub(crate) fn open(
        files: &ModelFiles,
        tokenizer: &ModelTokenizer,
        max_length: usize,
        pooling: Pooling,
        options: &ResolvedOptions,
    ) -> Result<Self, Cause> {
        let pooling = onnx_pooling(pooling).ok_or("ONNX models do not pool by the last token")?;
        Ok(Self {
            graph: open_graph(files, options)?,
            tokenizer: tokenizer.shared(),
            max_length,
            outputs: output_keys(files.output),
            pooling,
        })
    }

    fn embed(&mut self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Cause> {
        let inputs = texts.iter().map(|text| self.tokenizer.input(text, self.max_length));
        let inputs: Vec<InputTokens> = inputs.collect::<Result<_, _>>()?;
        let GraphOutput { tensors, mask } = self.graph.run(&inputs)?;
        let mask = mask.try_extract_array()?.into_owned().into_dimensionality()?;
        let output = SingleBatchOutput { outputs: tensors, attention_mask_array: mask };
        let pooling = Some(self.pooling.clone());
        let vectors = output.select_and_pool_output(&self.outputs.as_slice(), pooling)?;
        Ok(vectors.rows().into_iter().map(|row| row.to_vec()).collect())
    }
}

#[cfg(feature = "qwen3")]
impl CandleSession {
    /// Loads a Qwen3 model without a graph, of the [checked](candle::CandleConfig) `config`.
    pub(crate) fn open(
        files: &ModelFiles,
        config: Value,
        max_length: usize,
    ) -> Result<Self, Cause> {
        let config: Qwen3Config = serde_json::from_value(config)?;
        let tokenizer = truncating_tokenizer(&files.tokenizer, max_length)?;
        let model = Qwen3Model::new(config, candle::weights(&files.weights)?)?;
        Ok(Self(Arc::new(Qwen3TextEmbedding::new(model, tokenizer))))
    }
}

/// A session of a reranking model.
pub(crate) struct RerankSession {
    graph: GraphSession,
    tokenizer: Arc<JsonTokenizer>,
}

impl RerankSession {
    pub(crate) fn open(
        files: &ModelFiles,
        tokenizer: &ModelTokenizer,
        options: &ResolvedOptions,
    ) -> Result<Self, Cause> {
        Ok(Self { graph: open_graph(files, options)?, tokenizer: tokenizer.shared() })
    }

    /// Returns the score of each of `passages`, from one run of the model.
    pub(crate) fn score(&mut self, query: &str, passages: &[&str]) -> Result<Vec<f32>, Cause> {
        let pairs = passages.iter().map(|passage| self.tokenizer.pair(query, passage));
        let pairs: Vec<InputTokens> = pairs.collect::<Result<_, _>>()?;
        let tensors = self.graph.run(&pairs)?.tensors;
        let logits = tensors.iter().find(|(name, _)| name == LOGITS);
        let (_, logits) = logits.ok_or_else(|| format!("it has no output `{LOGITS}`"))?;
        let (shape, scores) = logits.try_extract_tensor::<f32>()?;
        let [rows, columns] = shape[..] else {
            return Err(
                format!("its output `{LOGITS}` has the shape {shape:?}, not [batch, 1]").into()
            );
        };
        if usize::try_from(rows) != Ok(passages.len()) || columns < 1 {
            return Err(format!("its output `{LOGITS}` has the shape {shape:?}").into());
        }
        let columns = usize::try_from(columns)?;
        Ok(scores.iter().step_by(columns).copied().collect())
    }
}

fn open_graph(files: &ModelFiles, options: &ResolvedOptions) -> Result<GraphSession, Cause> {
    let source: GraphSource = files.graph_source(&options.providers);
    GraphSession::open(&source, options.threads, &options.providers)
}

/// Returns the outputs to look for: `name` if it is given, else those that exporters write.
fn output_keys(name: Option<&'static str>) -> Vec<OutputKey> {
    if let Some(name) = name {
        return vec![OutputKey::ByName(name)];
    }
    let names = ["text_embeds", "last_hidden_state", "sentence_embedding"];
    std::iter::once(OutputKey::OnlyOne).chain(names.map(OutputKey::ByName)).collect()
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

    use fastembed::TextEmbedding;
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
