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
        self, ModelFiles, RerankSession, SessionOptions, SessionPool, Source, Tokens,
        session_option_setters,
    },
};

/// Minimum room for question and passage together, in tokens; a question takes at most half.
const ROOM: usize = 16;

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
    /// Starts from a folder with an ONNX model, as described at [`FastReranker::from_folder`].
    pub fn from_folder(folder: impl Into<PathBuf>) -> Self {
        Self::new(Source::Folder(folder.into()))
    }

    /// Starts from a model of the table, as described at [`FastReranker::from_name`].
    #[cfg(feature = "hub")]
    pub fn from_name(name: impl Into<String>) -> Self {
        Self::new(Source::Name(name.into()))
    }

    fn new(source: Source) -> Self {
        Self { options: SessionOptions::new(source), long_texts: LongTexts::default() }
    }

    session_option_setters!();

    /// Length of the model's input in tokens, question, passage and special tokens together,
    /// instead of its own.
    #[must_use]
    pub fn max_length(mut self, tokens: usize) -> Self {
        self.options.max_length = Some(tokens);
        self
    }

    /// How passages too long beside the question are scored; the default is
    /// [split](LongTexts::Split), where the best piece counts.
    #[must_use]
    pub fn long_texts(mut self, long_texts: LongTexts) -> Self {
        self.long_texts = long_texts;
        self
    }

    /// Loads the model.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `sessions` or `threads` is 0, or `max_length` is more than the
    /// model has positions for or leaves no room for text; [`Error::Provider`] if one of
    /// `providers` cannot be used; and those of [`FastReranker::from_folder`] and
    /// `FastReranker::from_name`.
    pub fn build(self) -> Result<FastReranker> {
        self.options.check()?;
        let (name, mut files, own_length) = self.load()?;
        let max_length = self.options.max_length(&files, own_length)?;
        let settings = [max_length.to_string(), format!("{:?}", self.long_texts)];
        let identity = ModelIdentity { hash: files.hash(&settings), name };
        let unrunnable = |source| onnx::unrunnable(&identity.name, source);
        check_scores(&files).map_err(unrunnable)?;
        let run_tokens = self.options.run_tokens(files.is_dynamically_quantized(), None);
        onnx::Engine::OnnxRuntime.require(&self.options.providers)?;

        // Sessions read them from the file.
        files.forget_weights();
        let open = |files: ModelFiles, settings: &_| RerankSession::open(&files, settings);
        let sessions = self.options.open_sessions(&identity.name, files, max_length, open)?;
        let (tokens, sessions) = tried_out(sessions).map_err(unrunnable)?;
        let room = "enough for special tokens and 16 tokens of text";
        Error::check_setting("max_length", max_length, tokens.special() + ROOM.., room)?;
        let room = max_length - tokens.special();
        Ok(FastReranker {
            identity,
            room,
            long_texts: self.long_texts,
            run_tokens,
            tokens,
            sessions: SessionPool::new(sessions)?,
        })
    }

    /// The model's name, its files, and the longest input that it wants.
    fn load(&self) -> Result<(String, ModelFiles, usize)> {
        match &self.options.source {
            Source::Folder(folder) => {
                let files = ModelFiles::read(folder)?;
                let max_length = files.max_length()?;
                Ok((files.name(), files, max_length))
            }
            #[cfg(feature = "hub")]
            Source::Name(name) => {
                let model = reranker_models::find(name)?;
                // Before a long download that would be for nothing.
                onnx::Engine::OnnxRuntime.require(&self.options.providers)?;
                let files = fetch(model.name, hub_reranker(model.name), &self.options)?;
                Ok((model.name.to_owned(), files, model.max_length))
            }
        }
    }
}

/// Refuses a model that states that it gives several scores for a pair: it is not known which
/// one ranks.
fn check_scores(files: &ModelFiles) -> Result<(), Cause> {
    if let Some(labels) = files.labels()?.filter(|labels| *labels > 1) {
        return Err(format!("it tells {labels} classes apart; a reranker gives one score").into());
    }
    match onnx::output_shape(&files.onnx, "logits").as_deref() {
        None | Some([_, None | Some(1)]) => Ok(()),
        Some(shape) => {
            Err(format!("its output `logits` has the shape {shape:?}, not [batch, 1]").into())
        }
    }
}

/// The tokenizer of a model, and its sessions, of which the first was seen to work.
fn tried_out(mut sessions: Vec<RerankSession>) -> Result<(Tokens, Vec<RerankSession>), Cause> {
    let [first, ..] = &mut sessions[..] else { return Err("no session was opened".into()) };
    let tokens = first.tokens()?;
    first.try_out()?;
    Ok((tokens, sessions))
}
