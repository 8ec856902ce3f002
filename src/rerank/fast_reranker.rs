//! Cross-encoders, run by fastembed over ONNX Runtime.

mod reranker_builder;
#[cfg(feature = "hub")]
mod reranker_models;

use std::{cmp::Reverse, fmt, path::PathBuf};

use tracing::instrument;

use super::Reranker;
use crate::{
    Error, Interrupt, LongTexts, ModelIdentity, Result,
    onnx::{RerankSession, SessionPool, Tokens, runs},
    work::parallel::parallel_map,
};

pub use reranker_builder::FastRerankerBuilder;
#[cfg(feature = "hub")]
pub use reranker_models::RerankerModel;

/// Concurrent calls that keep all sessions busy: each call uses all sessions, and the other calls
/// fill those that it leaves idle.
const USEFUL_CALLS: usize = 4;

/// A cross-encoder that runs in ONNX Runtime.
///
/// The passages of a call are spread over all sessions, and only pairs of question and passage
/// that have the same length in tokens share a run of the model, up to 192 tokens together: as
/// with [`FastEmbedder`](crate::FastEmbedder), nothing is padded, and a score depends on its
/// passage and question alone. ONNX Runtime is found as described there.
///
/// A passage that is too long beside the question is [split](LongTexts::Split) or
/// [cut](LongTexts::Cut), as configured. The score of a split passage is the best of its pieces.
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
/// The best piece counts for a long passage: Dai & Callan (2019), "Deeper Text Understanding for
/// IR with Contextual Neural Language Modeling", `MaxP`.
pub struct FastReranker {
    identity: ModelIdentity,
    /// Length of the input, without the special tokens of a pair.
    room: usize,
    long_texts: LongTexts,
    /// Maximum number of tokens per run; 0 if each pair needs its own run.
    run_tokens: usize,
    tokens: Tokens,
    sessions: SessionPool<RerankSession>,
}

impl FastReranker {
    /// Loads an ONNX model from a folder, with the settings of [`FastRerankerBuilder`] at their
    /// defaults.
    ///
    /// The folder is as described at [`FastEmbedder::from_folder`](crate::FastEmbedder::from_folder);
    /// the graph's output is named `logits` and has the shape `[batch, 1]`.
    ///
    /// # Errors
    ///
    /// [`Error::ModelFile`] if a file is missing or cannot be read, [`Error::OnnxRuntime`] if
    /// ONNX Runtime is not there, [`Error::Model`] if it does not run the model.
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
    /// [`Error::UnknownModel`] if there is no such model, [`Error::OnnxRuntime`] if ONNX Runtime
    /// is not there, [`Error::Model`] if the files cannot be downloaded or run.
    #[cfg(feature = "hub")]
    pub fn from_name(name: impl Into<String>) -> Result<Self> {
        FastRerankerBuilder::from_name(name).build()
    }

    /// The models that can be loaded by name, the multilingual ones first.
    #[cfg(feature = "hub")]
    #[must_use]
    pub fn models() -> &'static [RerankerModel] {
        &reranker_models::MODELS
    }

    /// Maximum number of tokens of question and passage together before the passage is split or
    /// cut.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.room
    }

    /// Returns the pieces of all passages, longest first.
    fn pairs<'t>(&self, query: &str, passages: &[&'t str]) -> Result<Vec<Pair<'t>>> {
        let asked = self.tokens.count(query)?;
        let limit = self.room / 2;
        if asked > limit {
            return Err(Error::QueryTooLong { tokens: asked, limit });
        }
        let mut pairs = Vec::with_capacity(passages.len());
        let mut cut = 0;
        for (passage, text) in passages.iter().enumerate() {
            let pieces = match self.long_texts {
                LongTexts::Split => self.tokens.pieces(text, self.room - asked)?,
                LongTexts::Cut => {
                    let (beginning, tokens) = self.tokens.beginning(text, self.room - asked)?;
                    cut += usize::from(beginning.len() < text.len());
                    vec![(beginning, tokens)]
                }
            };
            let pair = |(text, tokens)| Pair { passage, text, tokens: asked + tokens };
            pairs.extend(pieces.into_iter().map(pair));
        }
        if cut > 0 {
            tracing::warn!(cut, "passages were cut: the reranker reads only their beginning");
        }
        // Longest first: no session is left with a long run when the others have finished.
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
            .field("max_tokens", &self.room)
            .field("long_texts", &self.long_texts)
            .field("sessions", &self.sessions.len())
            .finish_non_exhaustive()
    }
}
