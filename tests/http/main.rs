//! A crate of its own because it runs servers on local ports, and a logger of its process.
//!
//! Laws of models behind a server, which fails in every way.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod embedder;
mod log_capture;
mod reranker;
mod retriever;
mod server;
mod tls;

use std::time::Duration;

use passim::{
    Embedder, Error, HttpEmbedder, HttpEmbedderBuilder, Interrupt, Result, Role, Vectors,
};
use server::{DIM, Server};

/// A key that no output may show.
const KEY: &str = "sk-geheim-0815";

/// An embedder that repeats a request once, at once.
fn builder(server: &Server) -> HttpEmbedderBuilder {
    HttpEmbedder::builder(server.url(), "test-model", DIM)
        .api_key(KEY)
        .retries(1)
        .retry_wait(Duration::from_millis(1))
        .timeout(Duration::from_secs(20))
}

fn embed(embedder: &HttpEmbedder, texts: &[&str]) -> Result<Vectors> {
    embedder.embed(Role::Passage, texts, Interrupt::none())
}

/// Checks that `error` and its causes do not show the key.
fn hides_key(error: &Error) {
    let mut shown = format!("{error} {error:?}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        shown += &error.to_string();
        cause = error.source();
    }
    assert!(!shown.contains(KEY), "{shown}");
}
