//! Writes of a corpus: adds, replaces and removes articles.

use std::{collections::BTreeSet, time::Instant};

use tracing::instrument;

use super::{
    Corpus, CorpusParts,
    connection::Access,
    prepared_article::{HashedArticle, PreparedArticle, PreparedArticles, is_key, prepare},
    shard_writer::{self, Replace, ShardBatch, WriteCounts, WriteTarget},
    stored_vectors::{StoredVectors, TextVector},
};
use crate::{
    AddReport, Article, EmbedReport, Progress, Result, SyncReport,
    text::{IngestReport, check_articles, last_of_each_key},
};

impl Corpus {
    /// Adds articles. An article replaces an earlier one of the same key.
    ///
    /// Each call is one transaction per shard, so many articles at once are faster than one by one.
    /// Passages of replaced articles that keep their text keep their vector.
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
        Ok(self.ingest(articles, Replace::Always, EmbedReport::default())?.into())
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
        let mut report = SyncReport::default();
        let articles = articles.into_iter().collect();
        report.count(self.ingest_changed(articles, EmbedReport::default())?);
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Removes the article of this key; returns `false` if there was none.
    ///
    /// # Errors
    ///
    /// [`Error::Shard`](crate::Error::Shard) if its server does not run a statement.
    pub fn remove(&self, key: &str) -> Result<bool> {
        if !is_key(key) {
            return Ok(false);
        }
        let shards = &self.parts.shards;
        // A repeated attempt finds no article if an earlier one has removed it.
        let mut removed = BTreeSet::new();
        self.written(shards.write(shards.shard_of(key), |connection| {
            shard_writer::remove(connection, self.target(), &[key.to_owned()], &mut removed)
        }))?;
        Ok(!removed.is_empty())
    }

    /// Returns what writes need to know.
    pub(super) fn target(&self) -> WriteTarget<'_> {
        let CorpusParts { schema, embedder, rules, .. } = &*self.parts;
        WriteTarget { schema, dim: embedder.dim(), rules: *rules }
    }

    /// Lets the next search read new statistics after a write, also after one that failed, which can
    /// have written to some shards.
    pub(super) fn written<T>(&self, outcome: Result<T>) -> Result<T> {
        self.parts.statistics.forget();
        outcome
    }

    /// Checks and hashes `articles`; returns the last one of each key, in the order of the keys.
    fn hashed(&self, articles: Vec<Article>) -> Result<Vec<HashedArticle>> {
        check_articles(&articles)?;
        let articles = last_of_each_key(articles).into_iter();
        articles.map(|article| HashedArticle::new(article, &self.parts.chunker)).collect()
    }

    /// Prepares and writes those of `articles` that are new or changed; see [`ingest`](Self::ingest).
    pub(super) fn ingest_changed(
        &self,
        articles: Vec<Article>,
        embedded_before: EmbedReport,
    ) -> Result<IngestReport> {
        let articles = self.hashed(articles)?;
        let given = articles.len();
        let changed = self.changed(articles, |hashed| hashed)?;
        let unchanged = given - changed.len();
        let mut report = self.ingest(changed, Replace::IfChanged, embedded_before)?;
        report.unchanged += unchanged;
        Ok(report)
    }

    /// Returns those of `articles` that are not stored with the same content; `hashed` returns the
    /// hash of one.
    pub(super) fn changed<A>(
        &self,
        articles: Vec<A>,
        hashed: impl Fn(&A) -> &HashedArticle,
    ) -> Result<Vec<A>> {
        let CorpusParts { schema, shards, .. } = &*self.parts;
        let keys = articles.iter().map(|article| hashed(article).article.key.as_str());
        let keys = shards.grouped(keys, |key| key);
        // A standby may lack the newest writes, so the server that accepts them is asked.
        let is_needed = |shard: usize| !keys[shard].is_empty();
        let stored = shards.on_needed(Access::Write, is_needed, |shard, connection| {
            shard_writer::content_hashes(connection, schema, keys[shard].clone())
        })?;
        let is_changed = |article: &A| {
            let HashedArticle { article, content } = hashed(article);
            stored[shards.shard_of(&article.key)].get(&article.key) != Some(content)
        };
        Ok(articles.into_iter().filter(is_changed).collect())
    }

    /// Prepares and writes `articles`. Progress continues from the counts of `embedded_before`.
    fn ingest(
        &self,
        articles: Vec<HashedArticle>,
        replace: Replace,
        embedded_before: EmbedReport,
    ) -> Result<IngestReport> {
        if articles.is_empty() {
            return Ok(IngestReport::default());
        }
        let CorpusParts { chunker, embedder, .. } = &*self.parts;
        let articles = prepare(articles, chunker, &**embedder)?;
        let stored = self.stored_vectors(&articles)?;
        let prepared = self.embed(articles, &stored, embedded_before)?;
        let written = self.write(&prepared, replace)?;
        Ok(IngestReport { reused: prepared.reused, embedding: prepared.embedding, ..written })
    }

    /// Embeds the passages of `articles` whose vectors are not `stored`, with the progress callback
    /// and the cancellation handle of the corpus.
    fn embed(
        &self,
        articles: Vec<PreparedArticle>,
        stored: &StoredVectors,
        embedded_before: EmbedReport,
    ) -> Result<PreparedArticles> {
        let CorpusParts { progress, shards, .. } = &*self.parts;
        let report_progress = |reached: Progress| {
            if let Some(progress) = progress {
                progress(embedded_before.added_to(reached));
            }
        };
        let stage = self.models().stage().interrupt(shards.write_interrupt());
        PreparedArticles::embed(articles, stored, &stage.progress(&report_progress))
    }

    /// Reads the vectors of those texts that stay when `articles` replace stored ones.
    fn stored_vectors(&self, articles: &[PreparedArticle]) -> Result<StoredVectors> {
        let CorpusParts { schema, shards, embedder, .. } = &*self.parts;
        let by_shard = shards.grouped(articles, |article| &article.article.key);
        let is_needed = |shard: usize| !by_shard[shard].is_empty();
        let stored = shards.on_needed(Access::Read, is_needed, |shard, connection| {
            TextVector::read(connection, schema, &by_shard[shard])
        })?;
        StoredVectors::new(stored.into_iter().flatten(), embedder.dim())
    }

    /// Writes articles to their shards at the same time.
    pub(super) fn write(
        &self,
        prepared: &PreparedArticles,
        replace: Replace,
    ) -> Result<IngestReport> {
        let shards = &self.parts.shards;
        let articles = prepared.articles.iter().enumerate();
        let by_shard = shards.grouped(articles, |(_, article)| &article.article.key);
        let batches = by_shard.into_iter().map(|articles| {
            let positions = articles.into_iter().map(|(position, _)| position).collect();
            ShardBatch { prepared, positions }
        });
        let batches: Vec<ShardBatch> = batches.collect();
        let is_needed = |shard: usize| !batches[shard].positions.is_empty();
        let counts = shards.on_needed(Access::Write, is_needed, |shard, connection| {
            batches[shard].write(connection, self.target(), replace)
        });
        let counts = self.written(counts)?;
        let without_text = prepared.articles.iter().filter(|article| article.passages.is_empty());
        let empty = without_text.map(|article| article.article.key.clone()).collect();
        let mut report = IngestReport { empty, ..IngestReport::default() };
        for WriteCounts { added, replaced, unchanged } in counts {
            report.added += added;
            report.changed += replaced;
            report.unchanged += unchanged;
        }
        Ok(report)
    }
}
