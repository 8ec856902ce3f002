//! How an embedding model is opened: where it is, what is put before texts, how vectors are
//! pooled, and how many sessions of how many threads run it.

use std::path::PathBuf;

use super::FastEmbedder;
#[cfg(feature = "hub")]
use super::embedding_models::{self, Quantization};
use super::encoding::Encoding;
#[cfg(feature = "qwen3")]
use crate::onnx::CandleSession;
#[cfg(feature = "hub")]
use crate::onnx::{fetch, fetch_shards, hub_embedder};
use crate::{
    Cause, Error, LongTexts, ModelIdentity, Pooling, Result,
    onnx::{
        self, EmbedSession, Engine, ModelFiles, SessionOptions, SessionPool, Source, Tokens,
        session_option_setters,
    },
};

/// The least room for text in the input, in tokens: few single characters are longer.
const ROOM: usize = 8;

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

/// A model's files, and what it wants where the user says nothing.
struct LoadedModel {
    name: String,
    files: ModelFiles,
    /// `None` if its files say it.
    pooling: Option<Pooling>,
    query_prefix: &'static str,
    passage_prefix: &'static str,
    max_length: usize,
    /// Whether it is known that no text may share a run with another.
    runs_alone: bool,
    /// The dimension it must have, where that is known.
    dim: Option<usize>,
}

impl FastEmbedderBuilder {
    /// Starts from a folder with a model, as described at [`FastEmbedder::from_folder`].
    pub fn from_folder(folder: impl Into<PathBuf>) -> Self {
        Self::new(Source::Folder(folder.into()))
    }

    /// Starts from a model of the table, as described at [`FastEmbedder::from_name`].
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

    /// How token vectors become the vector of a text, instead of the model's own way.
    #[must_use]
    pub fn pooling(mut self, pooling: Pooling) -> Self {
        self.pooling = Some(pooling);
        self
    }

    /// Prefix of every query, including its trailing space, instead of the model's own.
    #[must_use]
    pub fn query_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.query_prefix = Some(prefix.into());
        self
    }

    /// Prefix of every passage, including its trailing space, instead of the model's own.
    #[must_use]
    pub fn passage_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.passage_prefix = Some(prefix.into());
        self
    }

    /// Length of the model's input in tokens, with special tokens and prefix, instead of
    /// its own, or of 2,048 for a model that candle runs, whose memory grows with the square.
    #[must_use]
    pub fn max_length(mut self, tokens: usize) -> Self {
        self.options.max_length = Some(tokens);
        self
    }

    /// How texts longer than the model's input are embedded; the default is
    /// [split](LongTexts::Split).
    #[must_use]
    pub fn long_texts(mut self, long_texts: LongTexts) -> Self {
        self.long_texts = long_texts;
        self
    }

    /// Maximum number of tokens per run; texts of the same length share a run.
    ///
    /// The default is 192 on a CPU, where sharing longer runs saves no time (`cargo bench --bench
    /// runs`), and 16,384 on other devices, which was not measured. With 0, each text has its own
    /// run.
    ///
    /// It has no effect on dynamically quantised models, and is refused for a model that candle
    /// runs, unless it is 0: its vectors would depend, in their last bits, on the texts beside
    /// them. [`EmbedStage`](crate::EmbedStage)
    /// hands over no more than its [`batch_tokens`](crate::EmbedStage::batch_tokens) at once.
    #[must_use]
    pub fn run_tokens(mut self, tokens: usize) -> Self {
        self.run_tokens = Some(tokens);
        self
    }

    /// Loads the model.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `sessions` or `threads` is 0, `max_length` is more than the model has
    /// positions for or leaves no room for text, or `run_tokens` is set for a model that candle
    /// runs; [`Error::Choice`] if the engine lacks the `pooling` or supports no `providers`;
    /// [`Error::Provider`] if one of `providers` cannot be used; and those of
    /// [`FastEmbedder::from_folder`] and `FastEmbedder::from_name`.
    pub fn build(self) -> Result<FastEmbedder> {
        self.options.check()?;
        let loaded = self.load()?;
        let encoding = self.encoding(&loaded)?;
        let LoadedModel { name, files, dim: expected, runs_alone, .. } = loaded;
        let identity = ModelIdentity { hash: files.hash(&encoding.words()), name };
        // A dynamically quantised model rounds all texts of a run alike; candle multiplies
        // matrices of other heights in another order.
        let is_rounded = runs_alone || files.is_dynamically_quantized();
        let runs_alone = is_rounded || files.engine == Engine::Candle;

        let sessions = self.open_sessions(&identity.name, files, &encoding)?;
        let tried = sessions.run(|session| try_out(session, expected));
        let (tokens, dim) = tried.map_err(|source| onnx::unrunnable(&identity.name, source))?;
        let taken = tokens.special() + encoding.longest_prefix(&tokens)?;
        let room = "enough for special tokens, prefix and 8 tokens of text";
        Error::check_setting("max_length", encoding.max_length, taken + ROOM.., room)?;
        let max_tokens = encoding.max_length - taken;
        let run_tokens = self.options.run_tokens(runs_alone, self.run_tokens);
        Ok(FastEmbedder { identity, dim, max_tokens, encoding, run_tokens, tokens, sessions })
    }

    /// Makes sure that `engine` is there and can do what the user set.
    fn check(&self, engine: Engine) -> Result<()> {
        engine.require(&self.options.providers)?;
        if engine == Engine::Candle {
            let allowed = "0 for a model in candle, where each text has a run of its own";
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

    /// The sessions of a model, each with its threads.
    fn open_sessions(
        &self,
        name: &str,
        files: ModelFiles,
        encoding: &Encoding,
    ) -> Result<SessionPool<EmbedSession>> {
        #[cfg(feature = "qwen3")]
        if files.engine == Engine::Candle {
            let open = CandleSession::open;
            let length = encoding.max_length;
            let (sessions, threads) =
                self.options.open_shared_sessions(name, files, length, open)?;
            let sessions = sessions.into_iter().map(EmbedSession::Candle).collect();
            return SessionPool::with_threads(sessions, threads);
        }
        let open = |files, settings: &_| EmbedSession::open(files, settings, encoding.pooling);
        SessionPool::new(self.options.open_sessions(name, files, encoding.max_length, open)?)
    }

    fn load(&self) -> Result<LoadedModel> {
        match &self.options.source {
            Source::Folder(folder) => {
                let files = ModelFiles::read_embedder(folder, |engine| self.check(engine))?;
                Ok(LoadedModel {
                    name: files.name(),
                    max_length: files.max_length()?,
                    files,
                    pooling: None,
                    query_prefix: "",
                    passage_prefix: "",
                    runs_alone: false,
                    dim: None,
                })
            }
            #[cfg(feature = "hub")]
            Source::Name(name) => {
                let model = embedding_models::find(name)?;
                // Before a long download that would be for nothing.
                self.check(model.engine)?;
                let files = match model.engine {
                    Engine::OnnxRuntime => {
                        fetch(model.name, hub_embedder(model.name), &self.options)?
                    }
                    Engine::Candle => {
                        fetch_shards(model.name, model.code, model.is_sharded, &self.options)?
                    }
                };
                Ok(LoadedModel {
                    name: model.name.to_owned(),
                    files,
                    pooling: Some(model.pooling),
                    query_prefix: model.query_prefix,
                    passage_prefix: model.passage_prefix,
                    max_length: model.max_length,
                    runs_alone: model.quantization == Quantization::Dynamic,
                    dim: Some(model.dim),
                })
            }
        }
    }

    /// What the user set, else what the model wants.
    fn encoding(&self, loaded: &LoadedModel) -> Result<Encoding> {
        let prefix = |given: &Option<String>, own: &str| given.as_deref().unwrap_or(own).to_owned();
        Ok(Encoding {
            pooling: match self.pooling.or(loaded.pooling) {
                Some(pooling) => pooling,
                None => loaded.files.pooling()?,
            },
            query_prefix: prefix(&self.query_prefix, loaded.query_prefix),
            passage_prefix: prefix(&self.passage_prefix, loaded.passage_prefix),
            max_length: self.options.max_length(&loaded.files, loaded.max_length)?,
            long_texts: self.long_texts,
        })
    }
}

/// The tokenizer of a model and the dimension of its vectors.
fn try_out(
    session: &mut EmbedSession,
    expected_dim: Option<usize>,
) -> Result<(Tokens, usize), Cause> {
    let tokens = session.tokens()?;
    let vectors = session.embed(&["dimension"])?;
    let dim = vectors.iter().map(Vec::len).sum();
    match expected_dim {
        Some(expected) if expected != dim => Err(Error::Dimension { expected, got: dim }.into()),
        _ => Ok((tokens, dim)),
    }
}
