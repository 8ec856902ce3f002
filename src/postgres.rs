//! A corpus in PostgreSQL with pgvector: many writers and readers on many machines.
//!
//! A [`Corpus`] answers the same queries as a [`Retriever`](crate::Retriever), with the hits and scores
//! of its exact search. Its articles are in one schema of one or several databases, the shards. `docs/SCALING.md`
//! says when it pays, what a search guarantees, and what is not there yet.
//!
//! All methods block. They must not be called inside an asynchronous runtime: the client panics
//! there. Call them from a thread of their own, such as one of `spawn_blocking`.

mod candidate_row;
mod connection;
mod corpus_builder;
mod corpus_change;
mod corpus_settings;
mod corpus_size;
mod filter_condition;
mod lexical_arm;
mod pool;
mod prepared_article;
mod read_passages;
mod recount;
mod retry;
mod schema;
mod shard_set;
mod shard_snapshots;
mod shard_writer;
mod sql_view;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Instant};

use rustc_hash::FxHashMap;
use tracing::instrument;

use crate::{
    AddReport, Article, Chunker, Embedder, EmbeddingCache, Hits, Query, Reranker, Result,
    SyncReport,
    search::query_models::{QueryModels, ViewRequest},
    text::{IngestReport, check_articles, last_of_each_key},
    work::parallel::parallel_map,
};
use connection::Params;
use prepared_article::{HashedArticle, PreparedArticles};
use read_passages::stored_article;
use schema::Schema;
use shard_set::ShardSet;
use shard_writer::{Replace, ShardBatch, WriteCounts};
use sql_view::SqlView;

pub use corpus_builder::CorpusBuilder;
pub use corpus_size::{CorpusSize, ShardSize};

/// A corpus of articles in PostgreSQL that can be searched and changed; cheap to clone.
///
/// Every change is committed when its call returns. Each call writes one transaction to each shard, so
/// a call that fails can have written to some shards; repeating it completes it. Several threads,
/// processes and machines can write and search at once.
///
/// A search reads one state of each shard. There is no state of all shards at once: of articles that
/// are written meanwhile, it can see some and not others.
///
/// All methods block, and must not be called inside an asynchronous runtime.
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

    /// Adds articles. An article replaces an earlier one of the same key.
    ///
    /// Each call is one transaction per shard, so many articles at once are faster than one by one.
    /// Vectors of replaced articles are not reused.
    ///
    /// # Errors
    ///
    /// - [`Error::EmptyKey`](crate::Error::EmptyKey), [`Error::ArticleTooLarge`](crate::Error::ArticleTooLarge)
    ///   or [`Error::NestedList`](crate::Error::NestedList) for an invalid article.
    /// - [`Error::NotStorable`](crate::Error::NotStorable) for a zero byte, a key over 2,600 bytes, or
    ///   a word more than 32,767 times in a passage.
    /// - [`Error::Shard`](crate::Error::Shard) if a server does not run a statement: other shards can
    ///   have the articles already.
    /// - The embedder's own error.
    #[instrument(level = "debug", skip_all)]
    pub fn add(&self, articles: impl IntoIterator<Item = Article>) -> Result<AddReport> {
        let articles = self.hashed(articles.into_iter().collect())?;
        Ok(self.ingest(articles, Replace::Always, 0)?.into())
    }

    /// Adds new articles and replaces changed ones; unchanged articles are neither stored nor
    /// embedded again.
    ///
    /// Articles are compared by a hash of title, declared language, text, metadata and the chunker's
    /// settings.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    #[instrument(level = "debug", skip_all)]
    pub fn upsert(&self, articles: impl IntoIterator<Item = Article>) -> Result<SyncReport> {
        let started = Instant::now();
        let given = self.hashed(articles.into_iter().collect())?;
        let before = given.len();
        let changed = self.changed(given)?;
        let unchanged = before - changed.len();
        let mut report = SyncReport::default();
        report.count(self.ingest(changed, Replace::IfChanged, unchanged)?);
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Removes the article of this key; returns `false` if there was none.
    ///
    /// # Errors
    ///
    /// [`Error::Shard`](crate::Error::Shard) if its server does not run a statement.
    pub fn remove(&self, key: &str) -> Result<bool> {
        // No stored key has a zero byte, and the server takes none.
        if key.contains('\0') {
            return Ok(false);
        }
        let CorpusParts { schema, shards, embedder, .. } = &*self.parts;
        // A repeated attempt finds no article if an earlier one has removed it.
        let mut was_stored = false;
        shards.write(shards.shard_of(key), |connection| {
            shard_writer::remove(connection, schema, key, embedder.dim(), &mut was_stored)
        })?;
        Ok(was_stored)
    }

    /// Returns the best passages for `query`, by its [mode](crate::Mode), as
    /// [`Searcher::search`](crate::Searcher::search) does. Both arms are exact.
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

    /// Recounts the statistics of each shard from its passages and compares them with the stored
    /// ones. It reads all vectors.
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
            Ok(hits)
        })
    }

    /// Runs `read` on a view, and again on another one if a server fails.
    fn with_view<'c, T>(
        &'c self,
        request: ViewRequest<'c>,
        read: impl Fn(&SqlView<'c>) -> Result<T>,
    ) -> Result<T> {
        let CorpusParts { schema, shards, embedder, .. } = &*self.parts;
        shards.retry().run(request.interrupt, || {
            read(&SqlView::open(schema, shards, embedder.dim(), request)?)
        })
    }

    fn models(&self) -> QueryModels<'_> {
        QueryModels {
            embedder: &*self.parts.embedder,
            embed_threads: self.parts.embed_threads,
            reranker: self.parts.reranker.as_deref(),
            cache: self.parts.cache.as_ref(),
        }
    }

    /// Checks and hashes `articles`; returns the last one of each key, in the order of the keys.
    fn hashed(&self, articles: Vec<Article>) -> Result<Vec<HashedArticle>> {
        check_articles(&articles)?;
        let articles = last_of_each_key(articles).into_iter();
        articles.map(|article| HashedArticle::new(article, &self.parts.chunker)).collect()
    }

    /// Returns those of `articles` that are not stored with the same content.
    fn changed(&self, articles: Vec<HashedArticle>) -> Result<Vec<HashedArticle>> {
        let CorpusParts { schema, shards, .. } = &*self.parts;
        let mut keys = vec![Vec::new(); shards.len()];
        for hashed in &articles {
            keys[shards.shard_of(&hashed.article.key)].push(hashed.article.key.as_str());
        }
        // A standby may lack the newest writes, so the server that accepts them is asked.
        let stored = parallel_map(shards.len(), shards.len(), |shard| {
            if keys[shard].is_empty() {
                return Ok(FxHashMap::default());
            }
            shards.write(shard, |connection| {
                shard_writer::content_hashes(connection, schema, keys[shard].clone())
            })
        })?;
        let is_changed = |hashed: &HashedArticle| {
            let key = &hashed.article.key;
            stored[shards.shard_of(key)].get(key) != Some(&hashed.content)
        };
        Ok(articles.into_iter().filter(is_changed).collect())
    }

    /// Prepares and writes `articles`, after `unchanged` ones were left out.
    fn ingest(
        &self,
        articles: Vec<HashedArticle>,
        replace: Replace,
        unchanged: usize,
    ) -> Result<IngestReport> {
        let mut report = IngestReport { unchanged, ..IngestReport::default() };
        if articles.is_empty() {
            return Ok(report);
        }
        let prepared = PreparedArticles::new(articles, &self.parts.chunker, self.models())?;
        for WriteCounts { added, replaced, unchanged } in self.write(&prepared, replace)? {
            report.added += added;
            report.changed += replaced;
            report.unchanged += unchanged;
        }
        let without_text = prepared.articles.iter().filter(|article| article.passages.is_empty());
        report.empty = without_text.map(|article| article.article.key.clone()).collect();
        report.embedding = prepared.embedding;
        Ok(report)
    }

    /// Writes articles to their shards at the same time.
    fn write(&self, prepared: &PreparedArticles, replace: Replace) -> Result<Vec<WriteCounts>> {
        let CorpusParts { schema, shards, .. } = &*self.parts;
        let mut positions = vec![Vec::new(); shards.len()];
        for (position, article) in prepared.articles.iter().enumerate() {
            positions[shards.shard_of(&article.article.key)].push(position);
        }
        let batches = positions.into_iter().enumerate().filter(|(_, batch)| !batch.is_empty());
        let batches: Vec<(usize, ShardBatch)> =
            batches.map(|(shard, positions)| (shard, ShardBatch { prepared, positions })).collect();
        parallel_map(batches.len(), batches.len(), |at| {
            let (shard, batch) = &batches[at];
            shards.write(*shard, |connection| batch.write(connection, schema, replace))
        })
    }
}
