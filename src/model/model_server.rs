//! The connection to a server that runs models: requests, repetitions, rates, errors.

mod api_key;
mod http_client;
mod pacer;
mod server_message;
mod server_options;

use std::{
    fmt,
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, sync_channel},
    },
    thread,
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Cause, Error, Interrupt, Result,
    work::backoff::{Backoff, sleep},
};
use api_key::ApiKey;
use http_client::{HttpClient, HttpFault, HttpReply, HttpRequest, ServerUrl};
use pacer::Pacer;
use server_message::{beginning, server_message};

pub(crate) use server_options::{
    Parameters, ServerOptions, check_parameters, server_option_setters, set_parameter,
    settings_hash,
};

/// Maximum wait before a repetition if the server names none.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// Maximum wait that a server may ask for: with a longer one the call fails at once.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(1);

/// Time between two checks of a cancellation handle.
const CHECK_INTERVAL: Duration = Duration::from_millis(10);

/// Time by which a request may outlast its deadline, so that the deadline has passed once the request
/// has timed out.
const AFTER_DEADLINE: Duration = Duration::from_millis(5);

/// A server that runs models, and the rules by which it is called.
pub(crate) struct ModelServer {
    client: HttpClient,
    url: ServerUrl,
    key: Option<ApiKey>,
    timeout: Duration,
    retries: usize,
    backoff: Backoff,
    pacer: Pacer,
    /// Maximum number of requests at once.
    pub(crate) connections: usize,
}

/// A request to a model server, whose answer is JSON.
pub(crate) struct ServerRequest<'r, B> {
    /// Path after the URL of the server, such as `/embeddings`.
    pub(crate) path: &'static str,
    pub(crate) body: &'r B,
    /// Estimated number of tokens that the server reads.
    pub(crate) tokens: usize,
    /// Maximum length of the answer in bytes.
    pub(crate) max_answer: usize,
}

impl ModelServer {
    /// Checks `options` and prepares the connection; sends nothing.
    ///
    /// # Errors
    ///
    /// The errors of a builder's `build`, which documents them.
    pub(crate) fn new(options: &ServerOptions) -> Result<Self> {
        options.check()?;
        Ok(Self {
            client: HttpClient::new(options.connections, options.root_certificates.as_deref())?,
            url: ServerUrl::parse(&options.url)?,
            key: options.api_key.clone(),
            timeout: options.timeout,
            retries: options.retries,
            backoff: Backoff {
                first: options.retry_wait,
                max: MAX_BACKOFF.max(options.retry_wait),
            },
            pacer: Pacer::new(options.requests_per_minute, options.tokens_per_minute),
            connections: options.connections,
        })
    }

    /// Sends `request`, repeats it while that may help, and returns the answer.
    ///
    /// # Errors
    ///
    /// - [`Error::ModelServer`] if no attempt had a complete answer.
    /// - [`Error::ModelServerStatus`] if the server refused the request.
    /// - [`Error::ModelServerAnswer`] if the answer is too long or has another form.
    /// - [`Error::TimedOut`] or [`Error::Cancelled`] once `interrupt` is due.
    pub(crate) fn post<B: Serialize, A: DeserializeOwned>(
        &self,
        request: &ServerRequest<'_, B>,
        interrupt: Interrupt<'_>,
    ) -> Result<A> {
        let body = serde_json::to_vec(request.body).expect("texts and numbers are JSON");
        let http = Arc::new(HttpRequest {
            url: self.url.join(request.path),
            authorization: self.key.as_ref().map(ApiKey::bearer),
            body,
            max_answer: request.max_answer,
        });
        let mut repetition = 0;
        loop {
            self.pacer.wait_for_turn(request.tokens, interrupt)?;
            let outcome = self.attempt(&http, interrupt)?;
            let outcome = match outcome {
                Ok(reply) if reply.status == 200 => return self.decode(&reply.body),
                outcome => outcome,
            };
            // The deadline can be the cause.
            interrupt.check()?;
            let wait = self.wait_before_repetition(&outcome, repetition);
            let Some(wait) = wait.filter(|_| repetition < self.retries) else {
                return Err(self.error(outcome, repetition + 1));
            };
            let server = self.url.origin();
            tracing::debug!(server, repetition, ?wait, "a request to a model server is repeated");
            sleep(wait, interrupt)?;
            repetition += 1;
        }
    }

    /// Sends `request` once. A thread of its own does it if `interrupt` can be cancelled, and is
    /// left behind then: it ends with its request, after the timeout at the latest.
    fn attempt(
        &self,
        request: &Arc<HttpRequest>,
        interrupt: Interrupt<'_>,
    ) -> Result<Result<HttpReply, HttpFault>> {
        interrupt.check()?;
        let left = interrupt.remaining().map_or(self.timeout, |left| left + AFTER_DEADLINE);
        let timeout = left.min(self.timeout);
        if interrupt.cancel().is_none() {
            return Ok(self.client.post(request, timeout));
        }
        let (sender, receiver) = sync_channel(1);
        let client = self.client.clone();
        let request = Arc::clone(request);
        let send = move || {
            // Nobody receives the outcome of a cancelled call.
            _ = sender.send(client.post(&request, timeout));
        };
        let thread = thread::Builder::new().name("model server".to_owned()).spawn(send);
        thread.map_err(|error| Error::Threads(error.into()))?;
        loop {
            match receiver.recv_timeout(CHECK_INTERVAL) {
                Ok(outcome) => return Ok(outcome),
                Err(RecvTimeoutError::Timeout) => interrupt.check()?,
                Err(RecvTimeoutError::Disconnected) => {
                    return Ok(Err(HttpFault::NoAnswer("the HTTP client panicked".into())));
                }
            }
        }
    }

    /// Returns the wait before `outcome` is worth a repetition; `None` if it never is.
    fn wait_before_repetition(
        &self,
        outcome: &Result<HttpReply, HttpFault>,
        repetition: usize,
    ) -> Option<Duration> {
        let wait = self.backoff.wait(repetition);
        match outcome {
            Err(HttpFault::NoAnswer(_)) => Some(wait),
            Err(HttpFault::Untrusted(_) | HttpFault::TooLong) => None,
            Ok(reply) if !is_transient(reply.status) => None,
            Ok(reply) => match reply.retry_after {
                Some(asked) if asked > MAX_RETRY_AFTER => None,
                Some(asked) => {
                    // All threads that use the server wait, not only this one.
                    self.pacer.pause(asked);
                    Some(asked + wait.min(asked / 4))
                }
                None => Some(wait),
            },
        }
    }

    fn decode<A: DeserializeOwned>(&self, body: &[u8]) -> Result<A> {
        serde_json::from_slice(body).map_err(|error| {
            // The error may quote a value.
            let error = self.redact(&error.to_string());
            let begins = beginning(&self.redact(&String::from_utf8_lossy(body)));
            self.unusable(format!("{error}; the answer begins with {begins:?}"))
        })
    }

    /// Returns the error for an answer that breaks the protocol.
    pub(crate) fn unusable(&self, source: impl Into<Cause>) -> Error {
        let server = self.url.origin().to_owned();
        Error::ModelServerAnswer { server, source: source.into() }
    }

    /// Returns the error for the `outcome` of the last of `attempts`.
    fn error(&self, outcome: Result<HttpReply, HttpFault>, attempts: usize) -> Error {
        let server = self.url.origin().to_owned();
        match outcome {
            Ok(HttpReply { status, retry_after, body }) => Error::ModelServerStatus {
                server,
                status,
                attempts,
                retry_after,
                remedy: remedy(status),
                message: server_message(&self.redact(&String::from_utf8_lossy(&body))),
            },
            Err(HttpFault::NoAnswer(source)) => {
                let remedy =
                    "check that it runs and that its URL is right, or set a longer `timeout`";
                Error::ModelServer { server, attempts, remedy, source }
            }
            Err(HttpFault::Untrusted(source)) => {
                let remedy = "name the file of certificates that it can be verified with by \
                              `root_certificates`";
                Error::ModelServer { server, attempts, remedy, source }
            }
            Err(HttpFault::TooLong) => self.unusable("it is far longer than the request needs"),
        }
    }

    /// Replaces the key in a text of the server, which may repeat it. A text is shortened only
    /// afterwards, lest a part of the key remains.
    fn redact(&self, text: &str) -> String {
        self.key.as_ref().map_or_else(|| text.to_owned(), |key| key.redact(text))
    }
}

/// Debugs without the key.
impl fmt::Debug for ModelServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelServer")
            .field("server", &self.url.origin())
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

/// Whether the same request can succeed later.
fn is_transient(status: u16) -> bool {
    /// Status of a server that lacks a feature.
    const NOT_IMPLEMENTED: u16 = 501;
    matches!(status, 408 | 425 | 429 | 500..=599) && status != NOT_IMPLEMENTED
}

/// Returns what to do about a status.
fn remedy(status: u16) -> &'static str {
    match status {
        300..=399 => "give the URL that it redirects to",
        401 | 403 => "check the `api_key` and its rights",
        404 | 405 => "check the name of the model, and that the URL ends like `/v1`",
        413 | 400 | 422 => {
            "check the name of the model and the `parameter`s; if texts are too long, make passages \
             shorter or set a smaller `batch_tokens` or `batch_texts`"
        }
        429 => "set `requests_per_minute` or `tokens_per_minute`, or repeat the call later",
        _ => "repeat the call later, or look into the log of the server",
    }
}
