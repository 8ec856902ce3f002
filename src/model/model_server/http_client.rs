//! One HTTP request and its answer: the home of ureq.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use ureq::{
    Agent,
    http::{HeaderValue, Response, Uri, header},
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
};

use crate::{Cause, Error, Result};

/// Maximum length of the body of a refusal, in bytes; the rest is not read.
const MAX_REFUSAL: u64 = 1 << 14;

/// The address of a model server.
#[derive(Clone)]
pub(super) struct ServerUrl {
    /// Without a slash at the end.
    base: String,
    /// Scheme, host and port.
    origin: String,
}

/// A request that can be sent several times.
pub(super) struct HttpRequest {
    pub(super) url: String,
    pub(super) authorization: Option<String>,
    /// JSON.
    pub(super) body: Vec<u8>,
    /// Maximum length of the answer in bytes.
    pub(super) max_answer: usize,
}

/// A complete answer, whatever its status.
pub(super) struct HttpReply {
    pub(super) status: u16,
    /// Wait that the server asks for.
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// Why there is no complete answer.
pub(super) enum HttpFault {
    /// The server was not reached, or the connection ended early.
    NoAnswer(Cause),
    /// The server's certificate is not valid for it.
    Untrusted(Cause),
    /// The answer exceeds its maximum length.
    TooLong,
}

/// Connections to one server.
#[derive(Clone)]
pub(super) struct HttpClient {
    agent: Agent,
}

impl ServerUrl {
    /// Reads an address such as `https://host:port/v1`.
    ///
    /// # Errors
    ///
    /// [`Error::ModelServerUrl`] if it is none, or holds more. The error does not repeat it, since it
    /// may hold a password.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let fault = |reason| Error::ModelServerUrl { reason };
        let url = url.trim();
        let uri: Uri = url.parse().map_err(|_| fault("is no URL"))?;
        let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme));
        let scheme = scheme.ok_or_else(|| fault("does not begin with `http://` or `https://`"))?;
        let host = uri.authority().ok_or_else(|| fault("has no host"))?.as_str();
        if host.contains('@') {
            return Err(fault("has a user name: give a key by `api_key`"));
        }
        if uri.query().is_some() || url.contains('#') {
            return Err(fault("has a query or a fragment"));
        }
        Ok(Self {
            origin: format!("{scheme}://{host}"),
            base: format!("{scheme}://{host}{}", uri.path().trim_end_matches('/')),
        })
    }

    /// Returns scheme, host and port.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the URL of `path`, which begins with a slash.
    pub(super) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl HttpClient {
    /// Creates a client that keeps at most `connections` connections open, and trusts the
    /// certificates in the file `roots`, or Mozilla's.
    ///
    /// # Errors
    ///
    /// [`Error::Certificates`] if the file cannot be read or has none.
    pub(super) fn new(connections: usize, roots: Option<&Path>) -> Result<Self> {
        let roots = roots.map(certificates_of).transpose()?.unwrap_or(RootCerts::WebPki);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // A redirected request would send texts and key to another place.
            .max_redirects(0)
            .user_agent(concat!("passim/", env!("CARGO_PKG_VERSION")))
            .accept("application/json")
            .accept_encoding("identity")
            .max_idle_connections_per_host(connections)
            .tls_config(TlsConfig::builder().root_certs(roots).build());
        Ok(Self { agent: config.build().new_agent() })
    }

    /// Sends `request` and reads the answer, within `timeout`.
    pub(super) fn post(
        &self,
        request: &HttpRequest,
        timeout: Duration,
    ) -> Result<HttpReply, HttpFault> {
        let mut post = self.agent.post(&request.url).content_type("application/json");
        if let Some(authorization) = &request.authorization {
            let value = HeaderValue::from_str(authorization);
            let mut value = value.map_err(|error| HttpFault::NoAnswer(error.into()))?;
            value.set_sensitive(true);
            post = post.header(header::AUTHORIZATION, value);
        }
        let post = post.config().timeout_global(Some(timeout)).build();
        let response = post.send(&request.body[..]).map_err(HttpFault::of)?;
        read_reply(response, request.max_answer as u64)
    }
}

impl HttpFault {
    fn of(error: ureq::Error) -> Self {
        match &error {
            ureq::Error::BodyExceedsLimit(_) => Self::TooLong,
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) => Self::Untrusted(error.into()),
            // The connection is made while the first bytes are written, so a fault of TLS is one of
            // input and output.
            ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData => {
                Self::Untrusted(error.into())
            }
            _ => Self::NoAnswer(error.into()),
        }
    }
}

fn read_reply(mut response: Response<ureq::Body>, max_answer: u64) -> Result<HttpReply, HttpFault> {
    let status = response.status().as_u16();
    let retry_after = response.headers().get(header::RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| retry_after_of(value.to_str().ok()?));
    let body = response.body_mut();
    if status != 200 {
        // A refusal is reported, whether or not its explanation can be read.
        let body = body.with_config().limit(MAX_REFUSAL).read_to_vec().unwrap_or_default();
        return Ok(HttpReply { status, retry_after, body });
    }
    if body.content_length().is_some_and(|length| length > max_answer) {
        return Err(HttpFault::TooLong);
    }
    let body = body.with_config().limit(max_answer).read_to_vec().map_err(HttpFault::of)?;
    Ok(HttpReply { status, retry_after, body })
}

/// Reads the header `Retry-After`: seconds, or a date.
fn retry_after_of(value: &str) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// Returns the certificates of a file in the format PEM.
fn certificates_of(path: &Path) -> Result<RootCerts> {
    let unusable = |source: Cause| Error::Certificates { source };
    let pem = fs::read(path).map_err(|error| unusable(Error::read(path)(error).into()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| unusable(error.into()))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(unusable(format!("there are none in {}", path.display()).into()));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked_and_never_repeated() {
        for (url, joined, origin) in [
            ("http://localhost:8080/v1/", "http://localhost:8080/v1/e", "http://localhost:8080"),
            (" https://h.example/v1", "https://h.example/v1/e", "https://h.example"),
            ("http://[::1]:80", "http://[::1]:80/e", "http://[::1]:80"),
        ] {
            let parsed = ServerUrl::parse(url).unwrap();
            assert_eq!((parsed.join("/e").as_str(), parsed.origin()), (joined, origin));
        }
        for url in [
            "",
            "localhost:8080",
            "ftp://host/v1",
            "/v1",
            "https://me:geheim@host/v1",
            "https://host/v1?key=geheim",
            "https://host/v1#geheim",
        ] {
            let error = ServerUrl::parse(url).err().unwrap();
            assert!(matches!(error, Error::ModelServerUrl { .. }), "{url}");
            assert!(!format!("{error} {error:?}").contains("geheim"), "{url}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after_of(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(retry_after_of("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        let later = SystemTime::now() + Duration::from_secs(90);
        let wait = retry_after_of(&httpdate::fmt_http_date(later)).unwrap();
        assert!((88..=90).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(retry_after_of("soon"), None);
        assert_eq!(retry_after_of("-1"), None);
    }
}
