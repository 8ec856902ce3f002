//! Transformer models, run by fastembed over ONNX Runtime or in candle.

mod embedder_builder;
#[cfg(feature = "hub")]
mod embedding_models;
mod encoding;
mod text_piece;

use std::fmt;
use std::path::PathBuf;

pub use embedder_builder::FastEmbedderBuilder;
#[cfg(feature = "hub")]
pub use embedding_models::{PretrainedModel, Quantization};

use super::{Embedder, LongTexts, ModelIdentity, Role};
use crate::{
    Error, Interrupt, Result, Vectors,
    onnx::{EmbedSession, SessionPool, Tokens, runs},
};
use encoding::Encoding;
use text_piece::TextPiece;

/// A transformer model that runs in ONNX Runtime, or in candle.
///
/// Only texts of the same length in tokens share a run of the model, short ones up to 192
/// tokens together: nothing is padded, which on a CPU is faster than batches of like length,
/// takes less memory, and leaves a text's vector independent of the others: on a processor to
/// the bit, as far as was tried. Texts of a dynamically quantised model run alone, since it
/// rounds all texts of a run alike; so do those of a model in candle.
///
/// Several threads may call at once: each call takes one of
/// [`max_concurrency`](Embedder::max_concurrency) sessions and waits if none is free. To embed many
/// texts on all of them, use [`EmbedStage`](crate::EmbedStage).
///
/// # ONNX Runtime
///
/// With the feature `load-dynamic`, the library, version 1.24 or later, is looked for at run
/// time and loaded once for the process, from the first of these places that has one that works:
///
/// 1. `ORT_DYLIB_PATH`, a library file or its folder; if it is set, nothing else is tried;
/// 2. the folder of the running program;
/// 3. where the system's loader looks, such as `LD_LIBRARY_PATH`;
/// 4. the Python package `onnxruntime` in the active virtual or conda environment, in
///    `~/.local`, `/usr/local` and `/usr`: `pip install onnxruntime` is enough;
/// 5. `/usr/local/lib`, `/usr/lib` and its relatives, `/opt/onnxruntime/lib`,
///    `/opt/homebrew/lib`.
///
/// Without that feature it is linked when the program is built, and nothing is looked for then:
/// from the folder that `ORT_LIB_PATH` names while building (a shared library with
/// `ORT_PREFER_DYNAMIC_LINK=1`), or downloaded by the feature `download-binaries`.
///
/// Its telemetry is turned off, and what it logs goes to the `tracing` crate. A process has
/// one environment of ONNX Runtime: if it also uses the crates `ort` or `fastembed` itself,
/// an environment that those made first is an [`Error::OnnxRuntime`].
///
/// # candle
///
/// Qwen3 models without an ONNX graph need the feature `qwen3` and no ONNX Runtime: candle runs
/// them, on the processor. All sessions share one set of weights, of 32 bits each. `threads` are
/// those of its matrix products; `providers` are refused.
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
    tokens: Tokens,
    sessions: SessionPool<EmbedSession>,
}

impl FastEmbedder {
    /// Loads a model from a folder, with the settings of [`FastEmbedderBuilder`] at their
    /// defaults.
    ///
    /// The folder of an ONNX model holds `model.onnx` or `onnx/model.onnx`, beside it the files of weights that
    /// the graph names, and the files `tokenizer.json`, `config.json` and
    /// `tokenizer_config.json`, as exporters write them; `special_tokens_map.json` is read
    /// if it is there. Pooling is read from `1_Pooling/config.json` and is the mean without
    /// that file. The length of input is the least that `config.json`,
    /// `tokenizer_config.json` and `sentence_bert_config.json` state. There are no
    /// prefixes: set those that the model was trained with.
    ///
    /// With the feature `qwen3`, a folder without a graph may hold a Qwen3 model: `config.json`
    /// with `"model_type": "qwen3"`, `tokenizer.json`, and `model.safetensors` or the shards that
    /// `model.safetensors.index.json` names. It is pooled by its last token, and its length of
    /// input is 2,048 unless less is stated or another one is
    /// [set](FastEmbedderBuilder::max_length): memory grows with its square.
    ///
    /// # Errors
    ///
    /// [`Error::ModelFile`] if a file is missing or cannot be read, [`Error::OnnxRuntime`] if
    /// ONNX Runtime is needed and not there, [`Error::Model`] if the model does not run, or needs
    /// a feature that is off.
    pub fn from_folder(folder: impl Into<PathBuf>) -> Result<Self> {
        FastEmbedderBuilder::from_folder(folder).build()
    }

    /// Loads one of [`models`](Self::models), with its prefixes, pooling and limit, and the
    /// settings of [`FastEmbedderBuilder`] at their defaults.
    ///
    /// `name` is the model's name, such as `MultilingualE5Small`, or its repository, such as
    /// `intfloat/multilingual-e5-small`; case does not matter.
    ///
    /// Files are read from the cache folder and downloaded into it if they are not there.
    /// It is the first of `FASTEMBED_CACHE_DIR`, `HF_HUB_CACHE`, `HF_HOME` with `hub`
    /// added, `XDG_CACHE_HOME` with `huggingface/hub` added, and `~/.cache/huggingface/hub`;
    /// Python's `huggingface_hub` shares it. A file appears only once it is complete;
    /// interrupted downloads resume. There is no time limit: a stalled connection blocks the call.
    /// `https` hubs need a certificate that Mozilla's roots sign; system roots are not read.
    /// `HF_HUB_OFFLINE=1` forbids the network; `HF_ENDPOINT` and `HF_TOKEN` name another hub
    /// and give access to closed models.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownModel`] if there is no such model, [`Error::OnnxRuntime`] if ONNX Runtime
    /// is needed and not there, [`Error::Model`] if the files cannot be downloaded or run, or it
    /// needs a feature that is off.
    #[cfg(feature = "hub")]
    pub fn from_name(name: impl Into<String>) -> Result<Self> {
        FastEmbedderBuilder::from_name(name).build()
    }

    /// The models that can be loaded by name, the multilingual ones first.
    #[cfg(feature = "hub")]
    #[must_use]
    pub fn models() -> &'static [PretrainedModel] {
        embedding_models::MODELS
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
        self.tokens.count(text)
    }

    fn embed(&self, role: Role, texts: &[&str], interrupt: Interrupt<'_>) -> Result<Vectors> {
        let pieces = self.pieces(role, texts)?;
        let embed = |session: &mut EmbedSession| -> Result<Vec<f32>> {
            let mut rows = vec![0.0; texts.len() * self.dim];
            for run in runs(&pieces, |piece| piece.tokens, self.run_tokens) {
                interrupt.check()?;
                let texts: Vec<&str> = run.iter().map(|piece| &*piece.text).collect();
                let vectors = session.embed(&texts).map_err(Error::Embed)?;
                for (piece, vector) in run.iter().zip(vectors) {
                    piece.add(vector, &mut rows[piece.row * self.dim..][..self.dim]);
                }
            }
            Ok(rows)
        };
        let rows = self.sessions.run(embed)?;
        Vectors::normalized(self.dim, rows)
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
    fn pieces<'t>(&self, role: Role, texts: &[&'t str]) -> Result<Vec<TextPiece<'t>>> {
        let prefix = self.encoding.prefix(role);
        let limit = match self.encoding.long_texts {
            LongTexts::Split => self.max_tokens,
            LongTexts::Cut => usize::MAX,
        };
        let mut pieces = Vec::with_capacity(texts.len());
        for (row, text) in texts.iter().enumerate() {
            pieces.extend(self.pieces_of(row, prefix, text, limit)?);
        }
        pieces.sort_by_key(|piece| piece.tokens);
        Ok(pieces)
    }

    /// Splits a text into pieces within the model's limit, of about `limit` tokens without prefix.
    fn pieces_of<'t>(
        &self,
        row: usize,
        prefix: &str,
        text: &'t str,
        limit: usize,
    ) -> Result<Vec<TextPiece<'t>>> {
        let parts = self.tokens.pieces(text, limit)?;
        let alone = parts.len() == 1;
        let piece =
            |(part, tokens)| TextPiece::new(row, prefix, (part, tokens), alone, &self.tokens);
        let pieces: Vec<TextPiece> = parts.into_iter().map(piece).collect::<Result<_>>()?;
        // A prefix that ends inside a word can change the tokens of the text after it.
        let room = self.encoding.max_length - self.tokens.special();
        let longest =
            pieces.iter().map(|piece| piece.tokens).max().expect("a text has at least one piece");
        match self.encoding.long_texts {
            LongTexts::Split if longest > room && limit > longest - room => {
                self.pieces_of(row, prefix, text, limit - (longest - room))
            }
            _ => Ok(pieces),
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
