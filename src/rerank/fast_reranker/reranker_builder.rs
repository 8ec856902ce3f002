//! The builder that configures and loads a reranker.

use std::path::PathBuf;

use super::FastReranker;
#[cfg(feature = "hub")]
use super::reranker_models;
#[cfg(feature = "hub")]
use crate::onnx::{fetch, hub_reranker};
use crate::{
    Cause, Error, LongTexts, ModelIdentity, Result,
    onnx::{
        self, ModelFiles, ModelTokenizer, RerankSession, SessionOptions, SessionPool, Source,
        session_option_setters,
    },
};

/// Minimum length of question and passage together that an input holds, in tokens. A question may
/// take half of it.
const MIN_TEXT_TOKENS: usize = 16;

/// Settings of a [`FastReranker`]; [`build`](Self::build) checks them and loads the model.
///
/// # Examples
///
/// ```no_run
/// use passim::{FastRerankerBuilder, LongTexts};
///
/// let reranker = FastRerankerBuilder::from_folder("models/my-cross-encoder")
///     .max_length(512)
///     .long_texts(LongTexts::Cut)
///     .sessions(2)
///     .build()?;
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FastRerankerBuilder {
    options: SessionOptions,
    long_texts: LongTexts,
}

impl FastRerankerBuilder {
    /// Creates a builder for the model in a folder, as described at [`FastReranker::from_folder`].
    pub fn from_folder(folder: impl Into<PathBuf>) -> Self {
        Self::new(Source::Folder(folder.into()))
    }

    /// Creates a builder for a model by name, as described at [`FastReranker::from_name`].
    #[cfg(feature = "hub")]
    pub fn from_name(name: impl Into<String>) -> Self {
        Self::new(Source::Name(name.into()))
    }

    fn new(source: Source) -> Self {
        Self { options: SessionOptions::new(source), long_texts: LongTexts::default() }
    }

    session_option_setters!();

    /// Sets the maximum input length in tokens, question, passage and special tokens together. The
    /// default is the model's own.
    #[must_use]
    pub fn max_length(mut self, tokens: usize) -> Self {
        self.options.max_length = Some(tokens);
        self
    }

    /// Sets how passages that are too long beside the question are scored. The default is
    /// [`LongTexts::Split`]: the score is the maximum of the pieces.
    #[must_use]
    pub fn long_texts(mut self, long_texts: LongTexts) -> Self {
        self.long_texts = long_texts;
        self
    }

    /// Loads the model.
    ///
    /// # Errors
    ///
    /// - [`Error::Setting`] if `sessions` or `threads` is 0, or `max_length` exceeds the positions
    ///   of the model or leaves no room for text.
    /// - [`Error::Provider`] if one of `providers` cannot be used.
    /// - The errors of [`FastReranker::from_folder`] and `FastReranker::from_name`.
    pub fn build(self) -> Result<FastReranker> {
        self.options.check()?;
        let LoadedReranker { name, files, max_length: own_length } = self.load()?;
        let max_length = self.options.max_length(&files, own_length)?;
        let settings = [max_length.to_string(), format!("{:?}", self.long_texts)];
        let identity = ModelIdentity { hash: files.hash(&settings)?, name };
        let unrunnable = |source| onnx::unrunnable(&identity.name, source);
        check_scores(&files).map_err(unrunnable)?;
        let run_tokens = self.options.run_tokens(files.is_dynamically_quantized(), None);
        onnx::Engine::OnnxRuntime.require(&self.options.providers)?;

        let tokenizer = ModelTokenizer::for_pairs(&files).map_err(unrunnable)?;
        let open = |options: &_| RerankSession::open(&files, &tokenizer, options);
        let sessions = self.options.open_sessions(&identity.name, &files, &tokenizer, open)?;
        let sessions = SessionPool::new(sessions)?;
        sessions.run(verify).map_err(unrunnable)?;
        let allowed = "enough for special tokens and 16 tokens of text";
        let range = tokenizer.special() + MIN_TEXT_TOKENS..;
        Error::check_setting("max_length", max_length, range, allowed)?;
        Ok(FastReranker {
            identity,
            max_tokens: max_length - tokenizer.special(),
            long_texts: self.long_texts,
            run_tokens,
            tokenizer,
            sessions,
        })
    }

    fn load(&self) -> Result<LoadedReranker> {
        match &self.options.source {
            Source::Folder(folder) => {
                let files = ModelFiles::read(folder)?;
                Ok(LoadedReranker { name: files.name(), max_length: files.max_length()?, files })
            }
            #[cfg(feature = "hub")]
            Source::Name(name) => {
                let model = reranker_models::find(name)?;
                // Checked before a long download.
                onnx::Engine::OnnxRuntime.require(&self.options.providers)?;
                let files = fetch(model.name, hub_reranker(model.name), &self.options)?;
                let name = model.name.to_owned();
                Ok(LoadedReranker { name, files, max_length: model.max_length })
            }
        }
    }
}

/// A model's files with its name and its own maximum input length in tokens.
struct LoadedReranker {
    name: String,
    files: ModelFiles,
    max_length: usize,
}

/// Refuses a model that declares several scores per pair, since none of them is known to rank.
fn check_scores(files: &ModelFiles) -> Result<(), Cause> {
    if let Some(labels) = files.labels()?.filter(|labels| *labels > 1) {
        return Err(format!("it has {labels} classes, a reranker has one score").into());
    }
    match files.output_shape("logits").as_deref() {
        None | Some([_, None | Some(1)]) => Ok(()),
        Some(shape) => {
            Err(format!("its output `logits` has the shape {shape:?}, not [batch, 1]").into())
        }
    }
}

/// Scores one pair to verify the model.
fn verify(session: &mut RerankSession) -> Result<(), Cause> {
    session.score("question", &["passage"]).map(drop)
}
