//! Transformer models that run in ONNX Runtime or in candle.

mod embedder_builder;
#[cfg(feature = "hub")]
mod embedding_models;
mod encoding;
mod model_input;
mod prefix;

use std::fmt;
use std::path::PathBuf;

pub use embedder_builder::FastEmbedderBuilder;
#[cfg(feature = "hub")]
pub use embedding_models::{PretrainedModel, Quantization};

pub use prefix::{Prefix, PrefixSource};

use super::{Embedder, LongTexts, ModelIdentity, Role};
use crate::{
    Error, Interrupt, Result, Vectors,
    onnx::{EmbedSession, ModelTokenizer, SessionPool, runs},
};
use encoding::Encoding;
use model_input::ModelInput;

/// A transformer model that runs in ONNX Runtime or in candle.
///
/// Only texts of the same length in tokens share a run of the model, up to 192 tokens together.
/// Nothing is padded. On a CPU, this is faster and takes less memory than padded batches. The vector
/// of a text does not depend on the other texts: in all tests it was equal bit for bit.
///
/// Each text of a dynamically quantized model has its own run, since such a model rounds all texts
/// of a run by one scale. In candle, each text has its own run as well.
///
/// Several threads may call it at once: each call takes one of its
/// [`max_concurrency`](Embedder::max_concurrency) sessions and waits if none is free.
/// [`EmbedStage`](crate::EmbedStage) embeds many texts on all sessions.
///
/// # ONNX Runtime
///
/// With the feature `load-dynamic`, the first model of the process loads the library, version 1.24
/// or later, from the first of these places where one works:
///
/// 1. `ORT_DYLIB_PATH`, a library file or its folder; if it is set, no other place is tried;
/// 2. the folder of the running program;
/// 3. the folders of the system's loader, such as `LD_LIBRARY_PATH`;
/// 4. the Python package `onnxruntime` in the active virtual or conda environment, in
///    `~/.local`, `/usr/local` and `/usr`: `pip install onnxruntime` is enough;
/// 5. `/usr/local/lib`, `/usr/lib`, `/usr/lib64`, `/usr/lib/x86_64-linux-gnu`,
///    `/usr/lib/aarch64-linux-gnu`, `/opt/onnxruntime/lib`, `/opt/homebrew/lib`.
///
/// Without that feature, the library is linked at build time: from the folder `ORT_LIB_PATH` (a
/// shared library with `ORT_PREFER_DYNAMIC_LINK=1`), or downloaded by the feature
/// `download-binaries`.
///
/// All sessions share one tokenizer. On a CPU, ONNX Runtime maps the weights from the files of the
/// model: no program may change or truncate these files while the model is open.
///
/// The telemetry of ONNX Runtime is off, and its log goes to `tracing`. A process has one
/// environment of ONNX Runtime. If the process has created one with the crates `ort` or
/// `fastembed` before, opening a model is an [`Error::OnnxRuntime`].
///
/// # candle
///
/// Qwen3 models without an ONNX graph need the feature `qwen3` and no ONNX Runtime: candle runs
/// them on the CPU. All sessions share the weights, which are `f32`. `threads` is the number of
/// threads of the matrix products; `providers` are refused.
///
/// # Examples
///
/// ```no_run
/// use passim::{Embedder, FastEmbedder, Interrupt, Role};
///
/// let embedder = FastEmbedder::from_folder("models/all-MiniLM-L6-v2")?;
/// let question = "How do otters sleep?";
/// let vectors = embedder.embed(Role::Query, &[question], Interrupt::none())?;
/// assert_eq!(vectors.dim(), embedder.dim());
/// # Ok::<(), passim::Error>(())
/// ```
pub struct FastEmbedder {
    identity: ModelIdentity,
    dim: usize,
    max_tokens: usize,
    encoding: Encoding,
    /// Maximum number of tokens per run; 0 if each text needs its own run.
    run_tokens: usize,
    tokenizer: ModelTokenizer,
    sessions: SessionPool<EmbedSession>,
}

impl FastEmbedder {
    /// Loads a model from a folder, with the settings of [`FastEmbedderBuilder`] at their
    /// defaults.
    ///
    /// An ONNX model consists of these files:
    ///
    /// - `model.onnx` or `onnx/model.onnx`, and the weight files beside it that the graph names;
    /// - `tokenizer.json`, `config.json` and `tokenizer_config.json`;
    /// - optionally `special_tokens_map.json`, `1_Pooling/config.json`, `sentence_bert_config.json`
    ///   and `config_sentence_transformers.json`.
    ///
    /// Without `1_Pooling/config.json`, the pooling is the mean. The maximum input length is the
    /// smallest one that the files declare.
    ///
    /// The prefixes are the prompts in `config_sentence_transformers.json`: `query` for questions;
    /// `document`, `passage` or `corpus` for passages; else the one that `default_prompt_name`
    /// names. Without them there are no prefixes: set those that the model was trained with.
    /// [`prefix`](Self::prefix) returns them with their source.
    ///
    /// With the feature `qwen3`, a folder without a graph may hold a Qwen3 model: `config.json`
    /// with `"model_type": "qwen3"`, `tokenizer.json`, and `model.safetensors` or the shards that
    /// `model.safetensors.index.json` names. It is pooled by its last token. Its maximum input
    /// length is 2,048 tokens unless the files declare less or it is
    /// [set](FastEmbedderBuilder::max_length): memory grows with the square of the length.
    ///
    /// # Errors
    ///
    /// - [`Error::ModelFile`] if a file is missing or cannot be read.
    /// - [`Error::OnnxRuntime`] if the model needs ONNX Runtime, which is not available.
    /// - [`Error::Model`] if the model does not run, or needs a feature that is off.
    pub fn from_folder(folder: impl Into<PathBuf>) -> Result<Self> {
        FastEmbedderBuilder::from_folder(folder).build()
    }

    /// Loads one of [`models`](Self::models), with its prefixes, pooling and limit, and the
    /// settings of [`FastEmbedderBuilder`] at their defaults.
    ///
    /// `name` is the model's name, such as `MultilingualE5Small`, or its repository, such as
    /// `intfloat/multilingual-e5-small`; case does not matter.
    ///
    /// Missing files are downloaded into the cache folder, which Python's `huggingface_hub` shares.
    /// It is the first of `FASTEMBED_CACHE_DIR`, `HF_HUB_CACHE`, `HF_HOME/hub`,
    /// `XDG_CACHE_HOME/huggingface/hub` and `~/.cache/huggingface/hub`. A file appears only once it is complete;
    /// interrupted downloads resume. There is no time limit: a stalled connection blocks the call.
    /// A hub's certificate must chain to Mozilla's roots; system roots are not read.
    ///
    /// | variable | effect |
    /// |---|---|
    /// | `HF_HUB_OFFLINE=1` | disables the network |
    /// | `HF_ENDPOINT` | selects another hub |
    /// | `HF_TOKEN` | grants access to private models |
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownModel`] if there is no such model.
    /// - [`Error::OnnxRuntime`] if the model needs ONNX Runtime, which is not available.
    /// - [`Error::Model`] if the files cannot be downloaded or run, or the model needs a feature
    ///   that is off.
    #[cfg(feature = "hub")]
    pub fn from_name(name: impl Into<String>) -> Result<Self> {
        FastEmbedderBuilder::from_name(name).build()
    }

    /// Returns the models that can be loaded by name, multilingual models first.
    #[cfg(feature = "hub")]
    #[must_use]
    pub fn models() -> &'static [PretrainedModel] {
        embedding_models::MODELS
    }
}

impl FastEmbedder {
    /// Returns the text before each input of `role`, and who has set it.
    #[must_use]
    pub fn prefix(&self, role: Role) -> &Prefix {
        self.encoding.prefix(role)
    }
}

impl Embedder for FastEmbedder {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn max_tokens(&self) -> Option<usize> {
        Some(self.max_tokens)
    }

    fn long_texts(&self) -> LongTexts {
        self.encoding.long_texts
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        self.tokenizer.count(text)
    }

    fn embed(&self, role: Role, texts: &[&str], interrupt: Interrupt<'_>) -> Result<Vectors> {
        let inputs = self.inputs(role, texts)?;
        let embed = |session: &mut EmbedSession| -> Result<Vec<f32>> {
            let mut rows = vec![0.0; texts.len() * self.dim];
            for run in runs(&inputs, |input| input.tokens, self.run_tokens) {
                interrupt.check()?;
                let texts: Vec<&str> = run.iter().map(|input| &*input.text).collect();
                let vectors = session.embed(&texts).map_err(Error::Embed)?;
                for (input, vector) in run.iter().zip(vectors) {
                    input.add(vector, &mut rows[input.row * self.dim..][..self.dim]);
                }
            }
            Ok(rows)
        };
        let rows = self.sessions.run(embed)?;
        // A vector without direction is the fault of the model, not of the caller.
        Vectors::normalized(self.dim, rows).map_err(|error| Error::Embed(error.into()))
    }

    fn batch_tokens(&self) -> usize {
        self.run_tokens.max(1_024)
    }

    fn max_concurrency(&self) -> usize {
        self.sessions.len()
    }
}

impl FastEmbedder {
    /// Returns the inputs of the model, sorted by length.
    fn inputs<'t>(&self, role: Role, texts: &[&'t str]) -> Result<Vec<ModelInput<'t>>> {
        let prefix = &self.encoding.prefix(role).text;
        let limit = match self.encoding.long_texts {
            LongTexts::Split => self.max_tokens,
            LongTexts::Cut => usize::MAX,
        };
        let mut inputs = Vec::with_capacity(texts.len());
        for (row, text) in texts.iter().enumerate() {
            inputs.extend(self.inputs_of(row, prefix, text, limit)?);
        }
        inputs.sort_by_key(|input| input.tokens);
        Ok(inputs)
    }

    /// Returns the inputs of one text: pieces within the model's limit, of about `limit` tokens
    /// without prefix.
    fn inputs_of<'t>(
        &self,
        row: usize,
        prefix: &str,
        text: &'t str,
        limit: usize,
    ) -> Result<Vec<ModelInput<'t>>> {
        let parts = self.tokenizer.pieces(text, limit)?;
        let make_input = if parts.len() == 1 { ModelInput::whole } else { ModelInput::part };
        let inputs = parts.into_iter().map(|part| make_input(row, prefix, part, &self.tokenizer));
        let inputs: Vec<ModelInput> = inputs.collect::<Result<_>>()?;
        // A prefix that ends inside a word can change the tokens of the text after it.
        let max_tokens = self.encoding.max_length - self.tokenizer.special();
        let longest =
            inputs.iter().map(|input| input.tokens).max().expect("a text has at least one piece");
        match (self.encoding.long_texts, longest.checked_sub(max_tokens)) {
            (LongTexts::Split, Some(excess)) if excess > 0 && excess < limit => {
                self.inputs_of(row, prefix, text, limit - excess)
            }
            _ => Ok(inputs),
        }
    }
}

impl fmt::Debug for FastEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FastEmbedder")
            .field("identity", &self.identity)
            .field("dim", &self.dim)
            .field("max_tokens", &self.max_tokens)
            .field("encoding", &self.encoding)
            .field("sessions", &self.sessions.len())
            .finish_non_exhaustive()
    }
}
