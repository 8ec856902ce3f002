//! Settings of the connection to a model server.

use std::{fmt, path::PathBuf, time::Duration};

use serde::Serialize;
use serde_json::Map;
use xxhash_rust::xxh3::xxh3_128;

use super::api_key::ApiKey;
use crate::{Error, Result, Value};

/// Further fields of the body of a request.
pub(crate) type Parameters = Map<String, serde_json::Value>;

/// Settings that a user may set for any model of a server.
#[derive(Clone)]
pub(crate) struct ServerOptions {
    pub(crate) url: String,
    pub(crate) api_key: Option<ApiKey>,
    /// Maximum time of one request.
    pub(crate) timeout: Duration,
    /// Maximum number of repetitions of a request.
    pub(crate) retries: usize,
    /// Wait before the first repetition.
    pub(crate) retry_wait: Duration,
    pub(crate) requests_per_minute: Option<usize>,
    pub(crate) tokens_per_minute: Option<usize>,
    /// Maximum number of requests at once.
    pub(crate) connections: usize,
    /// Maximum number of texts of a request.
    pub(crate) batch_texts: usize,
    pub(crate) root_certificates: Option<PathBuf>,
}

impl ServerOptions {
    pub(crate) fn new(url: String) -> Self {
        Self {
            url,
            api_key: None,
            timeout: Duration::from_mins(1),
            retries: 4,
            retry_wait: Duration::from_millis(500),
            requests_per_minute: None,
            tokens_per_minute: None,
            connections: 4,
            batch_texts: 32,
            root_certificates: None,
        }
    }

    pub(crate) fn set_api_key(&mut self, key: String) {
        self.api_key = Some(ApiKey::new(key));
    }

    pub(super) fn check(&self) -> Result<()> {
        let Self { requests_per_minute, tokens_per_minute, connections, batch_texts, .. } = *self;
        self.api_key.iter().try_for_each(ApiKey::check)?;
        for (name, got) in [
            ("requests_per_minute", requests_per_minute.unwrap_or(1)),
            ("tokens_per_minute", tokens_per_minute.unwrap_or(1)),
            ("connections", connections),
            ("batch_texts", batch_texts),
        ] {
            Error::check_setting(name, got, 1.., "1 or more")?;
        }
        let milliseconds = usize::try_from(self.timeout.as_millis()).unwrap_or(usize::MAX);
        Error::check_setting("timeout", milliseconds, 1.., "1 millisecond or more")
    }
}

/// Debugs without the URL, which may hold a password before it is checked.
impl fmt::Debug for ServerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerOptions")
            .field("api_key", &self.api_key)
            .field("timeout", &self.timeout)
            .field("retries", &self.retries)
            .field("requests_per_minute", &self.requests_per_minute)
            .field("tokens_per_minute", &self.tokens_per_minute)
            .field("connections", &self.connections)
            .field("batch_texts", &self.batch_texts)
            .finish_non_exhaustive()
    }
}

/// Sets a field of the body of requests.
pub(crate) fn set_parameter(parameters: &mut Parameters, name: String, value: Value) {
    let value = serde_json::to_value(value).expect("a metadata value is JSON");
    parameters.insert(name, value);
}

/// Returns a hash of the settings that a model's answers depend on.
pub(crate) fn settings_hash(settings: &impl Serialize) -> u128 {
    xxh3_128(&serde_json::to_vec(settings).expect("texts, numbers and metadata values are JSON"))
}

/// Checks that `parameters` set no field that the crate sets itself.
///
/// # Errors
///
/// [`Error::Choice`] if they do.
pub(crate) fn check_parameters(parameters: &Parameters, own_fields: &[&'static str]) -> Result<()> {
    match own_fields.iter().find(|field| parameters.contains_key(**field)) {
        Some(got) => {
            let allowed = "a field that no other setting and no text determines";
            Err(Error::Choice { name: "parameter", got, allowed })
        }
        None => Ok(()),
    }
}

/// Setters shared by all builders of models of a server; the builder has a field
/// `options: ServerOptions`.
macro_rules! server_option_setters {
    () => {
        /// Sets the key that is sent as a bearer token. The default is none.
        ///
        /// No error, log or `Debug` output shows it. With an `http://` URL it is sent unencrypted.
        #[must_use]
        pub fn api_key(mut self, key: impl Into<String>) -> Self {
            self.options.set_api_key(key.into());
            self
        }

        /// Sets the maximum time of one request, 1 millisecond or more. The default is 60 seconds.
        ///
        /// The [time limit](crate::Query::time_limit) of a query ends its request earlier.
        #[must_use]
        pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
            self.options.timeout = timeout;
            self
        }

        /// Sets how often a request is repeated. The default is 4.
        ///
        /// A request is repeated if the server cannot be reached, if the answer is incomplete or
        /// late, and after the statuses 408, 425, 429 and 5xx except 501.
        #[must_use]
        pub fn retries(mut self, retries: usize) -> Self {
            self.options.retries = retries;
            self
        }

        /// Sets the maximum wait before the first repetition. The default is 500 milliseconds.
        ///
        /// The wait doubles with each repetition, up to 30 seconds, and a random part of up to half
        /// is taken off. If the server names a wait (`Retry-After`), all requests of this model wait
        /// at least as long; a wait over 60 seconds is an error at once.
        #[must_use]
        pub fn retry_wait(mut self, wait: std::time::Duration) -> Self {
            self.options.retry_wait = wait;
            self
        }

        /// Sets the maximum number of requests per minute, `>= 1`. The default is no maximum.
        ///
        /// Requests are spaced evenly. Models of one server do not share their rates.
        #[must_use]
        pub fn requests_per_minute(mut self, requests: usize) -> Self {
            self.options.requests_per_minute = Some(requests);
            self
        }

        /// Sets the maximum number of tokens per minute, `>= 1`, by the estimate of this model. The
        /// default is no maximum.
        #[must_use]
        pub fn tokens_per_minute(mut self, tokens: usize) -> Self {
            self.options.tokens_per_minute = Some(tokens);
            self
        }

        /// Sets the maximum number of requests at once, `>= 1`. The default is 4.
        #[must_use]
        pub fn connections(mut self, connections: usize) -> Self {
            self.options.connections = connections;
            self
        }

        /// Sets the maximum number of texts of one request, `>= 1`. The default is 32.
        #[must_use]
        pub fn batch_texts(mut self, texts: usize) -> Self {
            self.options.batch_texts = texts;
            self
        }

        /// Trusts the certificates in the file at `path` (PEM) in place of Mozilla's. The
        /// certificate of an `https://` server is always verified.
        #[must_use]
        pub fn root_certificates(mut self, path: impl Into<std::path::PathBuf>) -> Self {
            self.options.root_certificates = Some(path.into());
            self
        }
    };
}
pub(crate) use server_option_setters;
