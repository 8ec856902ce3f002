//! Settings of an embedding model behind a server.

use std::fmt;

use super::{HttpEmbedder, OWN_FIELDS, RoleInput, TokenCounter};
use crate::{
    Embedder, Error, ModelIdentity, Result, StaticEmbedder, Value,
    model::{
        ModelServer, ServerOptions, check_parameters, server_option_setters, set_parameter,
        settings_hash,
    },
};

/// Changes whenever equal settings stop to mean equal vectors.
const IDENTITY_VERSION: &str = "http embedder 1";

/// Settings of an [`HttpEmbedder`], which [`build`](Self::build) checks.
///
/// # Examples
///
/// ```
/// use passim::HttpEmbedder;
/// use std::time::Duration;
///
/// let embedder = HttpEmbedder::builder("https://api.openai.com/v1", "text-embedding-3-small", 512)
///     .api_key("sk-…".replace('…', "123"))
///     .parameter("dimensions", 512)
///     .batch_texts(256)
///     .tokens_per_minute(1_000_000)
///     .timeout(Duration::from_secs(30))
///     .build()?;
/// assert!(!format!("{embedder:?}").contains("sk-123"));
/// # Ok::<(), passim::Error>(())
/// ```
pub struct HttpEmbedderBuilder {
    options: ServerOptions,
    model: String,
    dim: usize,
    max_tokens: Option<usize>,
    batch_tokens: usize,
    query: RoleInput,
    passage: RoleInput,
    count: Option<TokenCounter>,
}

impl HttpEmbedderBuilder {
    pub(super) fn new(url: String, model: String, dim: usize) -> Self {
        Self {
            options: ServerOptions::new(url),
            model,
            dim,
            max_tokens: None,
            batch_tokens: 8_192,
            query: RoleInput::default(),
            passage: RoleInput::default(),
            count: None,
        }
    }

    server_option_setters!();

    /// Sets the maximum number of tokens of one request, `>= 1`, by the estimate of this model. A
    /// longer text is a request of its own. The default is 8,192.
    #[must_use]
    pub fn batch_tokens(mut self, tokens: usize) -> Self {
        self.batch_tokens = tokens;
        self
    }

    /// Sets the prefix of every query, with its trailing space. The default is none.
    #[must_use]
    pub fn query_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.query.prefix = prefix.into();
        self
    }

    /// Sets the prefix of every passage, with its trailing space. The default is none.
    #[must_use]
    pub fn passage_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.passage.prefix = prefix.into();
        self
    }

    /// Adds a field to the body of every request, such as `dimensions`.
    #[must_use]
    pub fn parameter(self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let name = name.into();
        let value = value.into();
        self.query_parameter(name.clone(), value.clone()).passage_parameter(name, value)
    }

    /// Adds a field to the body of requests for queries. Some services tell the roles apart by it:
    /// `query_parameter("input_type", "query")`.
    #[must_use]
    pub fn query_parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        set_parameter(&mut self.query.parameters, name.into(), value.into());
        self
    }

    /// Adds a field to the body of requests for passages.
    #[must_use]
    pub fn passage_parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        set_parameter(&mut self.passage.parameters, name.into(), value.into());
        self
    }

    /// Sets the maximum length of a text that the model reads, in tokens, `>= 1`. The default is no
    /// maximum.
    ///
    /// The chunker makes no longer passages. The server cuts or refuses longer questions.
    #[must_use]
    pub fn max_tokens(mut self, tokens: usize) -> Self {
        self.max_tokens = Some(tokens);
        self
    }

    /// Counts tokens by `count`, the tokenizer of the model. It must meet the contract of
    /// [`Embedder::count_tokens`].
    ///
    /// The default counts the word pieces of the [bundled](StaticEmbedder::bundled) model, which
    /// estimates German and English texts.
    #[must_use]
    pub fn token_counter(
        mut self,
        count: impl Fn(&str) -> Result<usize> + Send + Sync + 'static,
    ) -> Self {
        self.count = Some(Box::new(count));
        self
    }

    /// Checks the settings; sends nothing.
    ///
    /// # Errors
    ///
    /// - [`Error::ModelServerUrl`] if the URL is invalid, or holds a user name, a query or a
    ///   fragment.
    /// - [`Error::Setting`] if a number is 0.
    /// - [`Error::Choice`] if the key has characters that cannot be sent, the name of the model is
    ///   empty, or a parameter is a field that the embedder sets itself.
    /// - [`Error::Certificates`] if the root certificates cannot be read.
    pub fn build(self) -> Result<HttpEmbedder> {
        let max_tokens = self.max_tokens.unwrap_or(1);
        for (name, got) in
            [("dim", self.dim), ("batch_tokens", self.batch_tokens), ("max_tokens", max_tokens)]
        {
            Error::check_setting(name, got, 1.., "1 or more")?;
        }
        for input in [&self.query, &self.passage] {
            check_parameters(&input.parameters, &OWN_FIELDS)?;
        }
        if self.model.trim().is_empty() {
            return Err(Error::Choice { name: "model", got: "", allowed: "the name of a model" });
        }
        let server = ModelServer::new(&self.options)?;
        let bundled = StaticEmbedder::bundled()?;
        let estimate = move |text: &str| bundled.count_tokens(text);
        Ok(HttpEmbedder {
            identity: identity(&self.model, self.dim, [&self.query, &self.passage]),
            model: self.model,
            dim: self.dim,
            max_tokens: self.max_tokens,
            batch_tokens: self.batch_tokens,
            batch_texts: self.options.batch_texts,
            query: self.query,
            passage: self.passage,
            count: self.count.unwrap_or_else(|| Box::new(estimate)),
            server,
        })
    }
}

/// Debugs without URL and key.
impl fmt::Debug for HttpEmbedderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpEmbedderBuilder")
            .field("options", &self.options)
            .field("model", &self.model)
            .field("dim", &self.dim)
            .field("max_tokens", &self.max_tokens)
            .field("batch_tokens", &self.batch_tokens)
            .field("query", &self.query)
            .field("passage", &self.passage)
            .finish_non_exhaustive()
    }
}

/// Returns the identity of everything that the vectors depend on and that is known.
fn identity(model: &str, dim: usize, inputs: [&RoleInput; 2]) -> ModelIdentity {
    let roles = inputs.map(|input| (&input.prefix, &input.parameters));
    let hash = settings_hash(&(IDENTITY_VERSION, model, dim, roles));
    ModelIdentity { name: model.to_owned(), hash }
}
