//! Cross-encoders that run in ONNX Runtime.

mod reranker_builder;
#[cfg(feature = "hub")]
mod reranker_models;

use std::{cmp::Reverse, fmt, path::PathBuf};

use tracing::instrument;

use super::Reranker;
use crate::{
    Error, Interrupt, LongTexts, ModelIdentity, Result,
    onnx::{CountedText, ModelTokenizer, RerankSession, SessionPool, runs},
    work::parallel::parallel_map,
};

pub use reranker_builder::FastRerankerBuilder;
#[cfg(feature = "hub")]
pub use reranker_models::RerankerModel;

/// Maximum number of useful concurrent calls. One call uses all sessions; other calls use those
/// that are idle at its end.
const USEFUL_CALLS: usize = 4;

/// A cross-encoder that runs in ONNX Runtime.
///
/// The passages of a call are distributed over all sessions. Only pairs of question and passage of
/// the same length in tokens share a run of the model, up to 192 tokens together. Nothing is
/// padded, so a score depends only on its question and passage. The library of ONNX Runtime is
/// found as described at [`FastEmbedder`](crate::FastEmbedder).
///
/// A passage that is too long beside the question is [split](LongTexts::Split) or
/// [cut](LongTexts::Cut), as configured. The score of a split passage is the maximum of its pieces.
///
/// # Examples
///
/// ```no_run
/// use passim::{FastReranker, Query, Retriever};
///
/// let reranker = FastReranker::from_folder("models/my-cross-encoder")?;
/// let retriever = Retriever::builder().reranker(reranker).open("index")?;
/// let hits = retriever.search(Query::new("Wann fährt der Nachtzug?").k(5).rerank(50))?;
/// # Ok::<(), passim::Error>(())
/// ```
///
/// # Source
///
/// The maximum over the pieces of a passage: Dai & Callan (2019), "Deeper Text Understanding for
/// IR with Contextual Neural Language Modeling", `MaxP`.
pub struct FastReranker {
    identity: ModelIdentity,
    /// Maximum length of question and passage together in tokens, without special tokens.
    max_tokens: usize,
    long_texts: LongTexts,
    /// Maximum number of tokens per run; 0 if each pair needs its own run.
    run_tokens: usize,
    tokenizer: ModelTokenizer,
    sessions: SessionPool<RerankSession>,
}

impl FastReranker {
    /// Loads an ONNX model from a folder, with the settings of [`FastRerankerBuilder`] at their
    /// defaults.
    ///
    /// The folder has the files described at
    /// [`FastEmbedder::from_folder`](crate::FastEmbedder::from_folder). The output of the graph is
    /// named `logits` and has the shape `[batch, 1]`.
    ///
    /// # Errors
    ///
    /// - [`Error::ModelFile`] if a file is missing or cannot be read.
    /// - [`Error::OnnxRuntime`] if ONNX Runtime is not available.
    /// - [`Error::Model`] if the model does not run.
    pub fn from_folder(folder: impl Into<PathBuf>) -> Result<Self> {
        FastRerankerBuilder::from_folder(folder).build()
    }

    /// Loads one of [`models`](Self::models), with the settings of [`FastRerankerBuilder`] at
    /// their defaults.
    ///
    /// `name` is the model's name, such as `BGERerankerV2M3`, or its repository; case does not
    /// matter. Files are cached and downloaded as described at
    /// [`FastEmbedder::from_name`](crate::FastEmbedder::from_name).
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownModel`] if there is no such model.
    /// - [`Error::OnnxRuntime`] if ONNX Runtime is not available.
    /// - [`Error::Model`] if the files cannot be downloaded or run.
    #[cfg(feature = "hub")]
    pub fn from_name(name: impl Into<String>) -> Result<Self> {
        FastRerankerBuilder::from_name(name).build()
    }

    /// Returns the models that can be loaded by name, multilingual models first.
    #[cfg(feature = "hub")]
    #[must_use]
    pub fn models() -> &'static [RerankerModel] {
        &reranker_models::MODELS
    }

    /// Returns the maximum length of question and passage together in tokens. The passage of a
    /// longer pair is split or cut.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// Pairs the question with the pieces of all passages, longest pair first.
    fn pairs<'t>(&self, query: &str, passages: &[&'t str]) -> Result<Vec<Pair<'t>>> {
        let query_tokens = self.tokenizer.count(query)?;
        let limit = self.max_tokens / 2;
        if query_tokens > limit {
            return Err(Error::QueryTooLong { tokens: query_tokens, limit });
        }
        let passage_limit = self.max_tokens - query_tokens;
        let mut pairs = Vec::with_capacity(passages.len());
        let mut cut = 0;
        for (passage, text) in passages.iter().enumerate() {
            let pieces = match self.long_texts {
                LongTexts::Split => self.tokenizer.pieces(text, passage_limit)?,
                LongTexts::Cut => {
                    let beginning = self.tokenizer.beginning(text, passage_limit)?;
                    cut += usize::from(beginning.text.len() < text.len());
                    vec![beginning]
                }
            };
            let pair = |piece: CountedText<'t>| Pair {
                passage,
                text: piece.text,
                tokens: query_tokens + piece.tokens,
            };
            pairs.extend(pieces.into_iter().map(pair));
        }
        if cut > 0 {
            tracing::warn!(cut, "passages were cut: the reranker reads only their beginning");
        }
        // Longest first: no session starts a long run when the others have finished.
        pairs.sort_by_key(|pair| Reverse(pair.tokens));
        Ok(pairs)
    }
}

/// A piece of a passage, paired with the question.
struct Pair<'t> {
    /// Position of the passage.
    passage: usize,
    text: &'t str,
    /// Length of question and piece together.
    tokens: usize,
}

impl Reranker for FastReranker {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    #[instrument(name = "rerank", level = "debug", skip_all, fields(passages = passages.len()))]
    fn score(&self, query: &str, passages: &[&str], interrupt: Interrupt<'_>) -> Result<Vec<f32>> {
        let pairs = self.pairs(query, passages)?;
        let runs: Vec<&[Pair]> = runs(&pairs, |pair| pair.tokens, self.run_tokens).collect();
        let by_run = parallel_map(self.sessions.len(), runs.len(), |run| {
            let texts: Vec<&str> = runs[run].iter().map(|pair| pair.text).collect();
            self.sessions.run(|session| {
                interrupt.check()?;
                session.score(query, &texts).map_err(Error::Rerank)
            })
        })?;
        let mut scores = vec![f32::NEG_INFINITY; passages.len()];
        for (pair, score) in runs.into_iter().flatten().zip(by_run.into_iter().flatten()) {
            if !score.is_finite() {
                return Err(Error::Rerank(format!("a score is {score}").into()));
            }
            scores[pair.passage] = scores[pair.passage].max(score);
        }
        Ok(scores)
    }

    fn max_concurrency(&self) -> usize {
        self.sessions.len().min(USEFUL_CALLS)
    }
}

impl fmt::Debug for FastReranker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FastReranker")
            .field("identity", &self.identity)
            .field("max_tokens", &self.max_tokens)
            .field("long_texts", &self.long_texts)
            .field("sessions", &self.sessions.len())
            .finish_non_exhaustive()
    }
}
