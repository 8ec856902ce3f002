//! Rerankers behind a server.

mod http_reranker_builder;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Reranker;
use crate::{
    Interrupt, ModelIdentity, Result,
    model::{ModelServer, Parameters, ServerRequest},
};

pub use http_reranker_builder::HttpRerankerBuilder;

/// Maximum number of bytes that a server writes for one byte of a passage, if it repeats it.
const BYTES_PER_BYTE: usize = 6;
/// Bytes around the score of a passage.
const BYTES_PER_SCORE: usize = 1_024;
/// Bytes around all scores.
const BYTES_PER_ANSWER: usize = 1 << 16;
/// Typical for English and German.
const BYTES_PER_TOKEN: usize = 5;

/// A reranker behind a server with the interface of Jina and Cohere: `POST {url}/rerank`.
///
/// The request has the fields `model`, `query`, `documents` and `top_n`, the answer `results` with
/// `index` and `relevance_score`. vLLM, llama.cpp, LocalAI, Infinity, Jina and Cohere have it. The
/// interface that Text Embeddings Inference has of its own differs and is not read.
///
/// Failures, time limits, proxies and redirects are treated as by
/// [`HttpEmbedder`](crate::HttpEmbedder). The scores must not depend on the other passages of a
/// request, as those of a cross-encoder do not: passages are sent in several requests.
///
/// # Examples
///
/// ```
/// use passim::{HttpReranker, Retriever};
///
/// let reranker = HttpReranker::builder("http://127.0.0.1:9/v1", "BAAI/bge-reranker-v2-m3").build()?;
/// let retriever = Retriever::builder().reranker(reranker).in_memory()?;
/// // `Query::rerank` asks the server.
/// assert!(retriever.search("Nachtzug")?.is_empty());
/// # Ok::<(), passim::Error>(())
/// ```
pub struct HttpReranker {
    identity: ModelIdentity,
    model: String,
    batch_texts: usize,
    parameters: Parameters,
    server: ModelServer,
}

/// The body of a request.
#[derive(Serialize)]
struct RerankRequest<'r> {
    model: &'r str,
    query: &'r str,
    documents: &'r [&'r str],
    top_n: usize,
    #[serde(flatten)]
    parameters: &'r Parameters,
}

/// Fields of [`RerankRequest`] that are no parameters.
const OWN_FIELDS: [&str; 4] = ["model", "query", "documents", "top_n"];

#[derive(Deserialize)]
struct RerankAnswer {
    results: Vec<ReceivedScore>,
}

#[derive(Deserialize)]
struct ReceivedScore {
    /// Position of the passage in the request.
    index: usize,
    relevance_score: f32,
}

impl HttpReranker {
    /// Returns the settings of a reranker for `model` behind the server at `url`, such as
    /// `http://localhost:8080/v1`.
    pub fn builder(url: impl Into<String>, model: impl Into<String>) -> HttpRerankerBuilder {
        HttpRerankerBuilder::new(url.into(), model.into())
    }

    /// Scores the passages of one request.
    fn score_request(
        &self,
        query: &str,
        passages: &[&str],
        interrupt: Interrupt<'_>,
    ) -> Result<Vec<f32>> {
        let body = RerankRequest {
            model: &self.model,
            query,
            documents: passages,
            top_n: passages.len(),
            parameters: &self.parameters,
        };
        let bytes: usize = passages.iter().map(|passage| passage.len()).sum();
        let max_answer = bytes * BYTES_PER_BYTE + passages.len() * BYTES_PER_SCORE;
        let request = ServerRequest {
            path: "/rerank",
            body: &body,
            tokens: (bytes + query.len() * passages.len()) / BYTES_PER_TOKEN,
            max_answer: max_answer + BYTES_PER_ANSWER,
        };
        let answer: RerankAnswer = self.server.post(&request, interrupt)?;
        self.scores_in_order(answer.results, passages.len())
    }

    /// Returns the scores of `received` in the order of the passages.
    fn scores_in_order(
        &self,
        mut received: Vec<ReceivedScore>,
        passages: usize,
    ) -> Result<Vec<f32>> {
        received.sort_by_key(|score| score.index);
        let is_complete = received.iter().map(|score| score.index).eq(0..passages);
        if !is_complete {
            let fault = format!("{} scores do not belong to {passages} passages", received.len());
            return Err(self.server.unusable(fault));
        }
        if let Some(wrong) = received.iter().find(|score| !score.relevance_score.is_finite()) {
            let fault = format!("the score of passage {} is not finite", wrong.index);
            return Err(self.server.unusable(fault));
        }
        Ok(received.into_iter().map(|score| score.relevance_score).collect())
    }
}

impl Reranker for HttpReranker {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn score(&self, query: &str, passages: &[&str], interrupt: Interrupt<'_>) -> Result<Vec<f32>> {
        let mut scores = Vec::with_capacity(passages.len());
        for passages in passages.chunks(self.batch_texts) {
            scores.extend(self.score_request(query, passages, interrupt)?);
        }
        Ok(scores)
    }

    fn max_concurrency(&self) -> usize {
        self.server.connections
    }
}

/// Debugs without the key.
impl fmt::Debug for HttpReranker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpReranker")
            .field("identity", &self.identity)
            .field("batch_texts", &self.batch_texts)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}
