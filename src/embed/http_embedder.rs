//! Embedding models behind an OpenAI-compatible server.

mod http_embedder_builder;

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

use super::{Embedder, ModelIdentity, Role, token_batches::batches};
use crate::{
    Error, Interrupt, Result, Vectors,
    model::{ModelServer, Parameters, ServerRequest},
};

pub use http_embedder_builder::HttpEmbedderBuilder;

/// Maximum number of bytes that a server writes for one value of a vector.
const BYTES_PER_VALUE: usize = 32;
/// Bytes around the values of a vector.
const BYTES_PER_VECTOR: usize = 1_024;
/// Bytes around all vectors, which may include a report of usage.
const BYTES_PER_ANSWER: usize = 1 << 16;

/// Counts the tokens of a text.
type TokenCounter = Box<dyn Fn(&str) -> Result<usize> + Send + Sync>;

/// An embedding model behind a server with the interface of OpenAI: `POST {url}/embeddings`.
///
/// vLLM, llama.cpp, Ollama, Text Embeddings Inference, LocalAI and most commercial services have
/// this interface. Creating an embedder and opening an index send nothing, so an index opens and
/// answers queries in the mode [`Mode::Lexical`](crate::Mode::Lexical) while the server is down.
///
/// The [identity](Embedder::identity) consists of the name of the model, the dimension, the prefixes
/// and the parameters. URL and key may change. A server that runs other weights under the same name
/// is not noticed: set [`verify_model`](crate::RetrieverBuilder::verify_model) to compare vectors.
///
/// # Failures
///
/// A request is [repeated](HttpEmbedderBuilder::retries) while that may help. An error ends the
/// operation, and the vectors that had arrived before are in the
/// [cache](crate::RetrieverBuilder::embedding_cache) if there is one: the next call then embeds only
/// the others. Set a cache wherever requests cost money.
///
/// The [time limit](crate::Query::time_limit) and the [cancel handle](crate::Query::cancel) of a
/// query end its call at once, even while the server hangs. A thread of its own completes a cancelled
/// request, after [`timeout`](HttpEmbedderBuilder::timeout) at the latest.
///
/// # Proxies
///
/// The variables `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` are respected. Redirects are
/// not followed, so that texts and key reach no other server.
///
/// # Examples
///
/// The index opens, and words are found, although no server runs:
///
/// ```
/// use passim::{HttpEmbedder, Mode, Query, Retriever};
///
/// let embedder = HttpEmbedder::builder("http://127.0.0.1:9/v1", "intfloat/multilingual-e5-small", 384)
///     .query_prefix("query: ")
///     .passage_prefix("passage: ")
///     .build()?;
/// let retriever = Retriever::builder().embedder(embedder).embedding_cache(1 << 30).in_memory()?;
/// let hits = retriever.search(Query::new("Nachtzug").mode(Mode::Lexical))?;
/// assert!(hits.is_empty());
/// # Ok::<(), passim::Error>(())
/// ```
pub struct HttpEmbedder {
    identity: ModelIdentity,
    model: String,
    dim: usize,
    max_tokens: Option<usize>,
    batch_tokens: usize,
    batch_texts: usize,
    query: RoleInput,
    passage: RoleInput,
    count: TokenCounter,
    server: ModelServer,
}

/// Prefix and fields of the requests of one role.
#[derive(Clone, Debug, Default)]
struct RoleInput {
    prefix: String,
    parameters: Parameters,
}

/// The body of a request. Its fields are those of OpenAI.
#[derive(Serialize)]
struct EmbeddingsRequest<'r> {
    model: &'r str,
    input: &'r [Cow<'r, str>],
    encoding_format: &'static str,
    #[serde(flatten)]
    parameters: &'r Parameters,
}

/// Fields of [`EmbeddingsRequest`] that are no parameters.
const OWN_FIELDS: [&str; 3] = ["model", "input", "encoding_format"];

#[derive(Deserialize)]
struct EmbeddingsAnswer {
    data: Vec<ReceivedVector>,
}

#[derive(Deserialize)]
struct ReceivedVector {
    /// Position of the text in the request.
    index: usize,
    embedding: Vec<f32>,
}

impl HttpEmbedder {
    /// Returns the settings of an embedder for `model` behind the server at `url`, such as
    /// `http://localhost:8080/v1`.
    ///
    /// `dim` is the dimension of the model's vectors, `>= 1`. It is part of the settings, so that
    /// nothing needs to be sent before the first text.
    pub fn builder(
        url: impl Into<String>,
        model: impl Into<String>,
        dim: usize,
    ) -> HttpEmbedderBuilder {
        HttpEmbedderBuilder::new(url.into(), model.into(), dim)
    }

    fn input(&self, role: Role) -> &RoleInput {
        match role {
            Role::Query => &self.query,
            Role::Passage => &self.passage,
        }
    }

    /// Embeds the texts of one request and appends their values.
    fn embed_request(
        &self,
        input: &RoleInput,
        texts: &[Cow<'_, str>],
        tokens: usize,
        interrupt: Interrupt<'_>,
    ) -> Result<Vec<f32>> {
        let body = EmbeddingsRequest {
            model: &self.model,
            input: texts,
            encoding_format: "float",
            parameters: &input.parameters,
        };
        let vector_bytes = self.dim.saturating_mul(BYTES_PER_VALUE) + BYTES_PER_VECTOR;
        let max_answer = texts.len().saturating_mul(vector_bytes).saturating_add(BYTES_PER_ANSWER);
        let request = ServerRequest { path: "/embeddings", body: &body, tokens, max_answer };
        let answer: EmbeddingsAnswer = self.server.post(&request, interrupt)?;
        self.values_in_order(answer.data, texts.len())
    }

    /// Returns the values of `received` in the order of the `texts` texts.
    fn values_in_order(&self, mut received: Vec<ReceivedVector>, texts: usize) -> Result<Vec<f32>> {
        if received.len() != texts {
            return Err(Error::VectorCount { expected: texts, got: received.len() });
        }
        received.sort_by_key(|vector| vector.index);
        let mut values = Vec::with_capacity(texts * self.dim);
        for (position, vector) in received.iter().enumerate() {
            if vector.index != position {
                let fault = format!("text {position} of {texts} has no vector of its own");
                return Err(self.server.unusable(fault));
            }
            if vector.embedding.len() != self.dim {
                let got = vector.embedding.len();
                return Err(Error::ModelDimension { expected: self.dim, got });
            }
            values.extend_from_slice(&vector.embedding);
        }
        Ok(values)
    }
}

impl RoleInput {
    /// Returns the text that is sent for `text`. Servers refuse the empty text.
    fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match (self.prefix.as_str(), text) {
            ("", "") => Cow::Borrowed(" "),
            ("", text) => Cow::Borrowed(text),
            (prefix, text) => Cow::Owned(format!("{prefix}{text}")),
        }
    }
}

impl Embedder for HttpEmbedder {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn max_tokens(&self) -> Option<usize> {
        self.max_tokens
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        (self.count)(text)
    }

    fn embed(&self, role: Role, texts: &[&str], interrupt: Interrupt<'_>) -> Result<Vectors> {
        let input = self.input(role);
        let lengths = texts.iter().map(|text| self.count_tokens(text));
        let lengths: Vec<usize> = lengths.collect::<Result<_>>()?;
        let sent: Vec<Cow<str>> = texts.iter().map(|text| input.text(text)).collect();
        let mut values = Vec::with_capacity(texts.len().saturating_mul(self.dim));
        for range in batches(&lengths, self.batch_tokens, self.batch_texts) {
            let tokens = lengths[range.clone()].iter().sum();
            values.extend(self.embed_request(input, &sent[range], tokens, interrupt)?);
        }
        // A vector without direction is the fault of the model, not of the caller.
        Vectors::normalized(self.dim, values).map_err(|error| self.server.unusable(error))
    }

    fn batch_tokens(&self) -> usize {
        self.batch_tokens
    }

    fn batch_texts(&self) -> usize {
        self.batch_texts
    }

    fn max_concurrency(&self) -> usize {
        self.server.connections
    }
}

/// Debugs without the key.
impl fmt::Debug for HttpEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpEmbedder")
            .field("identity", &self.identity)
            .field("dim", &self.dim)
            .field("max_tokens", &self.max_tokens)
            .field("query", &self.query)
            .field("passage", &self.passage)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}
