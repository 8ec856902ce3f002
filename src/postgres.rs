//! A corpus in PostgreSQL with pgvector: many writers and readers on many machines.
//!
//! A [`Corpus`] answers the same queries as a [`Retriever`](crate::Retriever). Its exact searches have
//! the hits and scores of a retriever's. Its articles are in one schema of one or several databases, the shards. `docs/SCALING.md`
//! says when it pays, what a search guarantees, and what is not there yet.
//!
//! All methods block, and the client panics on a thread of an asynchronous runtime. Call them from a
//! thread of their own, such as one of `spawn_blocking`, as
//! [the guide](crate::guide::running_a_service#asynchronous-code) shows.

mod article_values;
mod candidate_row;
mod connection;
mod copy;
mod corpus_builder;
mod corpus_change;
mod corpus_count;
mod corpus_follow_up;
mod corpus_ingest;
mod corpus_select;
mod corpus_settings;
mod corpus_size;
mod corpus_sync;
mod create_corpus;
mod dense_arm;
mod extension;
mod filter_condition;
mod graph_index;
mod ingest_embedded;
mod latest_times;
mod lexical_arm;
mod maintain;
mod pool;
mod prepared_article;
mod read_passages;
mod recount;
mod reindex_words;
mod retry;
mod row_words;
mod schema;
mod shard_set;
mod shard_snapshots;
mod shard_state;
mod shard_writer;
mod shared_statistics;
mod sql_view;
mod stored_vectors;
mod stored_words;
#[cfg(test)]
mod tests;
mod upgrade;

use std::{fmt, sync::Arc};

use tracing::instrument;

use crate::{
    Article, Chunker, Embedder, EmbeddingCache, Hits, IndexChoice, Query, Reranker, Result,
    search::query_models::{QueryModels, ViewRequest},
    work::ProgressCallback,
};
use connection::Params;
use corpus_settings::CorpusRules;
use read_passages::stored_article;
use schema::Schema;
use shard_set::ShardSet;
use shared_statistics::StatisticsCache;
use sql_view::SqlView;

pub use corpus_builder::CorpusBuilder;
pub use corpus_size::{CorpusSize, ShardSize};
pub use maintain::MaintainReport;

/// A corpus of articles in PostgreSQL that can be searched and changed; cheap to clone.
///
/// Every change is committed when its call returns. Each call writes one transaction to each shard, so
/// a call that fails can have written to some shards; repeating it completes it. Several threads,
/// processes and machines can write and search at once.
///
/// A search reads one state of each shard. There is no state of all shards at once: of articles that
/// are written meanwhile, it can see some and not others.
///
/// # Asynchronous code
///
/// All methods block, and panic on a thread of an asynchronous runtime: call them by
/// `spawn_blocking`, as [the guide](crate::guide::running_a_service#asynchronous-code) shows.
#[derive(Clone)]
pub struct Corpus {
    parts: Arc<CorpusParts>,
}

/// What the clones of a corpus share.
struct CorpusParts {
    schema: Schema,
    shards: ShardSet,
    embedder: Arc<dyn Embedder>,
    reranker: Option<Arc<dyn Reranker>>,
    chunker: Chunker,
    embed_threads: Option<usize>,
    cache: Option<EmbeddingCache>,
    progress: Option<ProgressCallback>,
    /// By which this build analyzes words.
    rules: CorpusRules,
    statistics: StatisticsCache,
    index: IndexChoice,
    /// Memory in which a server builds a graph, in bytes; `None` for the server's setting.
    build_memory: Option<usize>,
    /// Number of parallel workers of the build; `None` for the server's setting.
    build_workers: Option<usize>,
}

impl fmt::Debug for Corpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Corpus")
            .field("schema", &self.parts.schema.name())
            .field("shards", &self.parts.shards.len())
            .field("model", self.parts.embedder.identity())
            .finish_non_exhaustive()
    }
}

impl Corpus {
    /// Returns the settings of a corpus, with their defaults.
    pub fn builder() -> CorpusBuilder {
        CorpusBuilder::default()
    }

    /// Creates an empty corpus in the database at `url`, with the bundled model.
    ///
    /// # Errors
    ///
    /// As [`CorpusBuilder::create`].
    pub fn create(url: impl Into<String>) -> Result<Self> {
        Self::builder().shards([url]).create()
    }

    /// Opens the corpus in the database at `url`, which was created with the bundled model.
    ///
    /// # Errors
    ///
    /// As [`CorpusBuilder::open`].
    pub fn open(url: impl Into<String>) -> Result<Self> {
        Self::builder().shards([url]).open()
    }

    /// Opens the corpus in the database at `url`, or creates it if there is none.
    ///
    /// # Errors
    ///
    /// As [`CorpusBuilder::open_or_create`].
    pub fn open_or_create(url: impl Into<String>) -> Result<Self> {
        Self::builder().shards([url]).open_or_create()
    }

    /// Returns the best passages for `query`, by its [mode](crate::Mode), as
    /// [`Searcher::search`](crate::Searcher::search) does: by the graph of a shard where it has one and
    /// that pays, else by comparing every passage.
    ///
    /// A time limit or a cancel handle ends the statements that search. The search returns what the
    /// completed ones found; those that read the found passages are completed.
    ///
    /// # Errors
    ///
    /// - The errors of [`Searcher::search`](crate::Searcher::search) for the query and the models.
    /// - [`Error::Filter`](crate::Error::Filter) for a filter with a closure, which a database cannot
    ///   call.
    /// - [`Error::Shard`](crate::Error::Shard) if a server does not run a statement.
    #[instrument(level = "debug", skip_all)]
    pub fn search(&self, query: impl Into<Query>) -> Result<Hits> {
        self.models().answer(&query.into(), |request, read| self.read_hits(request, read))
    }

    /// Returns the hits of each query, in the order of `queries`. The questions are embedded together,
    /// and the current `rayon` pool runs the searches.
    ///
    /// # Errors
    ///
    /// The errors of [`search`](Self::search) of one failing query.
    #[instrument(level = "debug", skip_all, fields(queries = queries.len()))]
    pub fn search_many<Q: Clone + Into<Query>>(&self, queries: &[Q]) -> Result<Vec<Hits>> {
        let queries: Vec<Query> = queries.iter().cloned().map(Into::into).collect();
        self.models().answer_all(&queries, |request, read| self.read_hits(request, read))
    }

    /// Returns the article of this key.
    ///
    /// # Errors
    ///
    /// - [`Error::Shard`](crate::Error::Shard) if a server does not run a statement.
    /// - [`Error::Corrupt`](crate::Error::Corrupt) if the row of the article is damaged.
    pub fn article(&self, key: &str) -> Result<Option<Article>> {
        let CorpusParts { schema, shards, .. } = &*self.parts;
        shards.on_shard_of(key, |connection| stored_article(connection, schema, key))
    }

    /// Returns the keys of all articles, in ascending order of their bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Shard`](crate::Error::Shard) if a server does not run a statement.
    pub fn keys(&self) -> Result<Vec<String>> {
        let statement = self.parts.schema.sql("SELECT key FROM {s}.articles");
        let by_shard = self.parts.shards.on_each(|_, connection| {
            let rows = connection.query(&statement, &Params::default())?;
            rows.iter().map(|row| row.get(0)).collect::<Result<Vec<String>>>()
        })?;
        let mut keys = by_shard.concat();
        keys.sort_unstable();
        Ok(keys)
    }

    /// Recounts the statistics of each shard from its passages, and its values of metadata from its
    /// articles, and compares them with the stored ones. It reads all vectors.
    ///
    /// # Errors
    ///
    /// - [`Error::Corrupt`](crate::Error::Corrupt) if they differ.
    /// - [`Error::Shard`](crate::Error::Shard) if a server does not run a statement.
    pub fn verify(&self) -> Result<()> {
        let CorpusParts { schema, shards, embedder, .. } = &*self.parts;
        let dim = embedder.dim();
        shards.on_each(|_, connection| recount::verify(connection, schema, dim)).map(drop)
    }

    /// Returns the model that the corpus is embedded with.
    #[must_use]
    pub fn embedder(&self) -> &dyn Embedder {
        &*self.parts.embedder
    }

    /// Returns the hits that `read` finds in a view, whose plan names the shards that it lacks.
    fn read_hits<'c>(
        &'c self,
        request: ViewRequest<'c>,
        read: &dyn Fn(&SqlView<'c>) -> Result<Hits>,
    ) -> Result<Hits> {
        self.with_view(request, |view| {
            let mut hits = read(view)?;
            hits.plan.missing_shards = view.snapshots.missing();
            hits.plan.shards = view.snapshots.plans();
            Ok(hits)
        })
    }

    /// Runs `read` on a view, and again on another one if a server fails.
    fn with_view<'c, T>(
        &'c self,
        request: ViewRequest<'c>,
        read: impl Fn(&SqlView<'c>) -> Result<T>,
    ) -> Result<T> {
        let retry = self.parts.shards.retry();
        retry.run(request.interrupt, || read(&SqlView::open(&self.parts, request)?))
    }

    fn models(&self) -> QueryModels<'_> {
        QueryModels {
            embedder: &*self.parts.embedder,
            embed_threads: self.parts.embed_threads,
            reranker: self.parts.reranker.as_deref(),
            cache: self.parts.cache.as_ref(),
        }
    }
}
