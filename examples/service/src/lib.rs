//! A search service over HTTP: one process writes and searches an index in a folder.
//!
//! | request | answer |
//! |---|---|
//! | `POST /articles` | adds articles, replaces changed ones |
//! | `DELETE /articles/KEY` | removes an article |
//! | `POST /commit` | makes all changes visible and durable; the schedule does so by itself |
//! | `POST /search` | hits, with filters and highlights |
//! | `POST /context` | numbered excerpts for a language model |
//! | `GET /health` | the last commit and its size |
//! | `GET /metrics` | counts and latencies, in the text format of Prometheus |
//!
//! `api.rs` defines the JSON bodies. Searches answer from the last commit. A write that was
//! acknowledged is durable after the next commit, and the shutdown commits.
//!
//! Every method of passim that blocks runs in `spawn_blocking`, a bounded number at a time.

mod api;
mod blocking;
mod metrics;
mod problem;
mod routes;
mod settings;

use std::{error::Error, time::Duration};

use passim::SharedRetriever;
use tokio::{net::TcpListener, sync::oneshot, task::spawn_blocking, time::sleep};

pub use settings::Settings;

/// An error that ends the service.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Answers requests until `stop` completes, then commits and closes `shared`. Returns the number of
/// the last commit.
///
/// Requests that have begun are answered, for as long as one request may take. Later connections
/// are refused.
///
/// # Errors
///
/// If the listener fails, or the last commit.
pub async fn serve(
    listener: TcpListener,
    shared: SharedRetriever,
    settings: &Settings,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<u64, Failure> {
    let (stopped, on_stop) = oneshot::channel();
    let graceful = async {
        stop.await;
        tracing::info!("stopping");
        // Without a receiver, the server has failed before.
        let _ = stopped.send(());
    };
    let server = axum::serve(listener, routes::router(shared.clone(), settings));
    let outcome = tokio::select! {
        outcome = server.with_graceful_shutdown(graceful).into_future() => outcome,
        () = grace(on_stop, settings.request_limit()) => {
            tracing::warn!("some requests were not answered in time");
            Ok(())
        }
    };
    let generation = spawn_blocking(move || shared.close()).await??;
    outcome?;
    Ok(generation)
}

/// Completes `limit` after the service was stopped.
async fn grace(on_stop: oneshot::Receiver<()>, limit: Duration) {
    if on_stop.await.is_ok() {
        sleep(limit).await;
    }
}
