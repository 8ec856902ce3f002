//! Failures of requests, and their status codes.

use std::error::Error;

use axum::{
    Json,
    extract::rejection::JsonRejection,
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use passim::ErrorKind;
use serde::Serialize;

/// The reason why a request fails.
pub(crate) enum Problem {
    /// passim returned an error.
    Passim(passim::Error),
    /// The body is no JSON of the expected form, or too large.
    Body(JsonRejection),
    /// A value of the body is out of range.
    Range(&'static str),
    /// Too many requests are in progress.
    Busy,
    /// The request took too long.
    TooSlow,
    /// The call panicked; the panic hook has written the message.
    Panicked,
}

/// The body of a failed request.
#[derive(Serialize)]
struct ErrorBody {
    error: String,
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            // Only while the service stops.
            Self::Passim(passim::Error::Closed) | Self::Busy | Self::TooSlow => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Passim(error) => match error.kind() {
                ErrorKind::InvalidInput => StatusCode::BAD_REQUEST,
                ErrorKind::NotFound => StatusCode::NOT_FOUND,
                ErrorKind::Conflict => StatusCode::CONFLICT,
                ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
                // Damaged, Bug, and kinds of later versions.
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            },
            Self::Body(rejection) => rejection.status(),
            Self::Range(_) => StatusCode::BAD_REQUEST,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The message for the client. The message of a fault of the service can name its files, so only
    /// the log has it.
    fn message(&self, status: StatusCode) -> String {
        match self {
            Self::Passim(error) if status.is_client_error() => error.to_string(),
            Self::Body(rejection) => rejection.body_text(),
            Self::Range(message) => (*message).to_owned(),
            Self::Busy => "too many requests are in progress: try again later".to_owned(),
            Self::TooSlow => "the request took too long: try again later".to_owned(),
            Self::Passim(_) | Self::Panicked => "the service failed: see its log".to_owned(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        if let Self::Passim(error) = &self
            && status.is_server_error()
        {
            tracing::error!(error = error as &dyn Error, "a request failed");
        }
        let body = Json(ErrorBody { error: self.message(status) });
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return (status, [(RETRY_AFTER, "1")], body).into_response();
        }
        (status, body).into_response()
    }
}
