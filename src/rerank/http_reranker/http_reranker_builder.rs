//! Settings of a reranker behind a server.

use super::{HttpReranker, OWN_FIELDS};
use crate::{
    Error, ModelIdentity, Result, Value,
    model::{
        ModelServer, Parameters, ServerOptions, check_parameters, server_option_setters,
        set_parameter, settings_hash,
    },
};

/// Changes whenever equal settings stop to mean equal scores.
const IDENTITY_VERSION: &str = "http reranker 1";

/// Settings of an [`HttpReranker`], which [`build`](Self::build) checks.
///
/// # Examples
///
/// ```
/// use passim::{Error, HttpReranker};
///
/// let reranker = HttpReranker::builder("https://api.jina.ai/v1", "jina-reranker-v2-base-multilingual")
///     .api_key("geheim")
///     .batch_texts(100)
///     .build()?;
/// let wrong = HttpReranker::builder("api.jina.ai/v1", "jina-reranker-v2-base-multilingual").build();
/// assert!(matches!(wrong, Err(Error::ModelServerUrl { .. })));
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct HttpRerankerBuilder {
    options: ServerOptions,
    model: String,
    parameters: Parameters,
}

impl HttpRerankerBuilder {
    pub(super) fn new(url: String, model: String) -> Self {
        Self { options: ServerOptions::new(url), model, parameters: Parameters::default() }
    }

    server_option_setters!();

    /// Adds a field to the body of every request.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        set_parameter(&mut self.parameters, name.into(), value.into());
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
    ///   empty, or a parameter is a field that the reranker sets itself.
    /// - [`Error::Certificates`] if the root certificates cannot be read.
    pub fn build(self) -> Result<HttpReranker> {
        check_parameters(&self.parameters, &OWN_FIELDS)?;
        if self.model.trim().is_empty() {
            return Err(Error::Choice { name: "model", got: "", allowed: "the name of a model" });
        }
        let settings = (IDENTITY_VERSION, &self.model, &self.parameters);
        Ok(HttpReranker {
            server: ModelServer::new(&self.options)?,
            identity: ModelIdentity { name: self.model.clone(), hash: settings_hash(&settings) },
            model: self.model,
            batch_texts: self.options.batch_texts,
            parameters: self.parameters,
        })
    }
}
