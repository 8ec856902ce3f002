//! The builder that configures and loads an embedding model.

use std::path::{Path, PathBuf};

use super::FastEmbedder;
#[cfg(feature = "hub")]
use super::embedding_models::{self, Quantization};
use super::{
    encoding::Encoding,
    prefix::{Prefix, PrefixSource},
};
#[cfg(feature = "qwen3")]
use crate::onnx::CandleSession;
#[cfg(feature = "hub")]
use crate::onnx::{fetch, fetch_shards, hub_embedder};
use crate::{
    Cause, Error, LongTexts, ModelIdentity, Pooling, Result,
    onnx::{
        self, DeclaredPrompts, EmbedSession, Engine, ModelFiles, ModelTokenizer, OnnxSession,
        SessionOptions, SessionPool, Source, session_option_setters,
    },
};

/// Minimum length of text that an input holds, in tokens. Few single characters are longer.
const MIN_TEXT_TOKENS: usize = 8;

/// Settings of a [`FastEmbedder`]; [`build`](Self::build) checks them and loads the model.
///
/// # Examples
///
/// ```no_run
/// use passim::{FastEmbedderBuilder, Pooling};
///
/// let embedder = FastEmbedderBuilder::from_folder("models/my-model")
///     .query_prefix("query: ")
///     .passage_prefix("passage: ")
///     .pooling(Pooling::Mean)
///     .sessions(2)
///     .build()?;
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FastEmbedderBuilder {
    options: SessionOptions,
    pooling: Option<Pooling>,
    query_prefix: Option<String>,
    passage_prefix: Option<String>,
    long_texts: LongTexts,
    run_tokens: Option<usize>,
}

/// A model's files with its own settings, which apply unless the user sets others.
struct LoadedModel {
    name: String,
    files: ModelFiles,
    /// `None` if the files declare it.
    pooling: Option<Pooling>,
    query_prefix: Prefix,
    passage_prefix: Prefix,
    max_length: usize,
    /// Whether the table declares that each text needs its own run.
    runs_alone: bool,
    /// The dimension that the table declares.
    dim: Option<usize>,
}

impl FastEmbedderBuilder {
    /// Creates a builder for the model in a folder, as described at [`FastEmbedder::from_folder`].
    pub fn from_folder(folder: impl Into<PathBuf>) -> Self {
        Self::new(Source::Folder(folder.into()))
    }

    /// Creates a builder for a model by name, as described at [`FastEmbedder::from_name`].
    #[cfg(feature = "hub")]
    pub fn from_name(name: impl Into<String>) -> Self {
        Self::new(Source::Name(name.into()))
    }

    fn new(source: Source) -> Self {
        Self {
            options: SessionOptions::new(source),
            pooling: None,
            query_prefix: None,
            passage_prefix: None,
            long_texts: LongTexts::default(),
            run_tokens: None,
        }
    }

    session_option_setters!();

    /// Sets the pooling of token vectors, instead of the model's own.
    #[must_use]
    pub fn pooling(mut self, pooling: Pooling) -> Self {
        self.pooling = Some(pooling);
        self
    }

    /// Sets the prefix of every query, with its trailing space, instead of the model's own.
    #[must_use]
    pub fn query_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.query_prefix = Some(prefix.into());
        self
    }

    /// Sets the prefix of every passage, with its trailing space, instead of the model's own.
    #[must_use]
    pub fn passage_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.passage_prefix = Some(prefix.into());
        self
    }

    /// Sets the maximum input length in tokens, with special tokens and prefix.
    ///
    /// The default is the model's own, and at most 2,048 for a model that candle runs, whose memory
    /// grows with the square of the length.
    #[must_use]
    pub fn max_length(mut self, tokens: usize) -> Self {
        self.options.max_length = Some(tokens);
        self
    }

    /// Sets how texts over the maximum input length are embedded. The default is
    /// [`LongTexts::Split`].
    #[must_use]
    pub fn long_texts(mut self, long_texts: LongTexts) -> Self {
        self.long_texts = long_texts;
        self
    }

    /// Sets the maximum number of tokens per run. Texts of the same length share a run; with 0,
    /// each text has its own run.
    ///
    /// The default is 192 on a CPU, where sharing longer runs saves no time (`cargo bench --bench
    /// runs`), and 16,384 on other devices, which was not measured.
    ///
    /// It has no effect on dynamically quantized models. A model that candle runs accepts only 0:
    /// the last bits of its vectors would depend on the other texts of a run.
    /// [`EmbedStage`](crate::EmbedStage) passes at most
    /// [`batch_tokens`](crate::EmbedStage::batch_tokens) to one call.
    #[must_use]
    pub fn run_tokens(mut self, tokens: usize) -> Self {
        self.run_tokens = Some(tokens);
        self
    }

    /// Loads the model.
    ///
    /// # Errors
    ///
    /// - [`Error::Setting`] if `sessions` or `threads` is 0, `max_length` exceeds the positions of
    ///   the model or leaves no room for text, or `run_tokens` is not 0 for a model in candle.
    /// - [`Error::Choice`] if the engine lacks the `pooling` or supports no `providers`.
    /// - [`Error::Provider`] if one of `providers` cannot be used.
    /// - The errors of [`FastEmbedder::from_folder`] and `FastEmbedder::from_name`.
    pub fn build(self) -> Result<FastEmbedder> {
        self.options.check()?;
        let loaded = self.load()?;
        let encoding = self.encoding(&loaded)?;
        let LoadedModel { name, files, dim: expected, runs_alone, .. } = loaded;
        let identity = ModelIdentity { hash: files.hash(&encoding.as_texts())?, name };
        let unrunnable = |source| onnx::unrunnable(&identity.name, source);
        // In both cases a vector depends on the other texts of its run. A dynamically quantized model
        // rounds all of them by one scale; candle multiplies taller matrices in another order.
        let runs_alone =
            runs_alone || files.is_dynamically_quantized() || files.engine == Engine::Candle;

        let tokenizer = ModelTokenizer::for_texts(&files).map_err(unrunnable)?;
        let sessions = self.open_sessions(&identity.name, &files, &tokenizer, &encoding)?;
        let dim = sessions.run(|session| probe(session, expected)).map_err(unrunnable)?;
        let overhead = tokenizer.special() + encoding.longest_prefix(&tokenizer)?;
        let allowed = "enough for special tokens, prefix and 8 tokens of text";
        let range = overhead + MIN_TEXT_TOKENS..;
        Error::check_setting("max_length", encoding.max_length, range, allowed)?;
        let max_tokens = encoding.max_length - overhead;
        let run_tokens = self.options.run_tokens(runs_alone, self.run_tokens);
        Ok(FastEmbedder { identity, dim, max_tokens, encoding, run_tokens, tokenizer, sessions })
    }

    /// Checks that `engine` is available and supports the user's settings.
    fn check(&self, engine: Engine) -> Result<()> {
        engine.require(&self.options.providers)?;
        if engine == Engine::Candle {
            let allowed = "0 for a model in candle, where each text has its own run";
            Error::check_setting("run_tokens", self.run_tokens.unwrap_or(0), ..1, allowed)?;
        }
        let allowed = match (engine, self.pooling) {
            (_, None)
            | (Engine::OnnxRuntime, Some(Pooling::Cls | Pooling::Mean))
            | (Engine::Candle, Some(Pooling::LastToken)) => return Ok(()),
            (Engine::OnnxRuntime, Some(_)) => "`Cls` or `Mean` for a model in ONNX Runtime",
            (Engine::Candle, Some(_)) => "`LastToken` alone for a model in candle",
        };
        let got = match self.pooling {
            Some(Pooling::Cls) => "Cls",
            Some(Pooling::Mean) => "Mean",
            _ => "LastToken",
        };
        Err(Error::Choice { name: "pooling", got, allowed })
    }

    /// Opens the sessions of the model `name`, each with its threads.
    fn open_sessions(
        &self,
        name: &str,
        files: &ModelFiles,
        tokenizer: &ModelTokenizer,
        encoding: &Encoding,
    ) -> Result<SessionPool<EmbedSession>> {
        let length = encoding.max_length;
        #[cfg(feature = "qwen3")]
        if files.engine == Engine::Candle {
            let shared =
                self.options.open_shared_sessions(name, files, length, CandleSession::open)?;
            let sessions = shared.sessions.into_iter().map(EmbedSession::Candle).collect();
            return SessionPool::with_threads(sessions, shared.threads);
        }
        let open = |options: &_| {
            let session = OnnxSession::open(files, tokenizer, length, encoding.pooling, options);
            session.map(EmbedSession::Onnx)
        };
        SessionPool::new(self.options.open_sessions(name, files, tokenizer, open)?)
    }

    fn load(&self) -> Result<LoadedModel> {
        match &self.options.source {
            Source::Folder(folder) => self.load_folder(folder),
            #[cfg(feature = "hub")]
            Source::Name(name) => self.load_name(name),
        }
    }

    fn load_folder(&self, folder: &Path) -> Result<LoadedModel> {
        let files = ModelFiles::read_embedder(folder, |engine| self.check(engine))?;
        // The file is not needed, and may be damaged, if both prefixes are set.
        let prompts = match (&self.query_prefix, &self.passage_prefix) {
            (Some(_), Some(_)) => DeclaredPrompts::default(),
            _ => files.prompts()?,
        };
        Ok(LoadedModel {
            name: files.name(),
            max_length: files.max_length()?,
            files,
            pooling: None,
            query_prefix: Prefix::of_file(prompts.query),
            passage_prefix: Prefix::of_file(prompts.passage),
            runs_alone: false,
            dim: None,
        })
    }

    #[cfg(feature = "hub")]
    fn load_name(&self, name: &str) -> Result<LoadedModel> {
        let model = embedding_models::find(name)?;
        // Checked before a long download.
        self.check(model.engine)?;
        let files = match model.engine {
            Engine::OnnxRuntime => fetch(model.name, hub_embedder(model.name), &self.options)?,
            Engine::Candle => {
                fetch_shards(model.name, model.code, model.is_sharded, &self.options)?
            }
        };
        Ok(LoadedModel {
            name: model.name.to_owned(),
            files,
            pooling: Some(model.pooling),
            query_prefix: Prefix::new(model.query_prefix, PrefixSource::ModelList),
            passage_prefix: Prefix::new(model.passage_prefix, PrefixSource::ModelList),
            max_length: model.max_length,
            runs_alone: model.quantization == Quantization::Dynamic,
            dim: Some(model.dim),
        })
    }

    /// Returns the user's settings, else those of the model.
    fn encoding(&self, loaded: &LoadedModel) -> Result<Encoding> {
        let prefix = |given: &Option<String>, own: &Prefix| match given {
            Some(text) => Prefix::new(text, PrefixSource::Builder),
            None => own.clone(),
        };
        Ok(Encoding {
            pooling: match self.pooling.or(loaded.pooling) {
                Some(pooling) => pooling,
                None => loaded.files.pooling()?,
            },
            query_prefix: prefix(&self.query_prefix, &loaded.query_prefix),
            passage_prefix: prefix(&self.passage_prefix, &loaded.passage_prefix),
            max_length: self.options.max_length(&loaded.files, loaded.max_length)?,
            long_texts: self.long_texts,
        })
    }
}

/// Embeds one text to verify the model, and returns its dimension.
fn probe(session: &mut EmbedSession, expected_dim: Option<usize>) -> Result<usize, Cause> {
    let vectors = session.embed(&["dimension"])?;
    let dim = vectors[0].len();
    match expected_dim {
        Some(expected) if expected != dim => {
            Err(Error::ModelDimension { expected, got: dim }.into())
        }
        _ => Ok(dim),
    }
}
