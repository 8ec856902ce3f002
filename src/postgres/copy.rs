//! Copies between a corpus in PostgreSQL and a local one, without the embedding model.

use std::time::Instant;

use tracing::instrument;

use super::{
    Corpus, CorpusParts,
    candidate_row::damaged,
    connection::{Connection, Params},
    read_passages::{article_passages, article_vectors, stored_article},
    schema::Schema,
    shard_snapshots::BEGIN,
    shard_writer::content_hash,
};
#[cfg(doc)]
use crate::Error;
use crate::{
    EmbeddedArticle, Result, Retriever, Searcher, SyncReport, Vectors, embed::check_model,
    text::next_batch,
};

/// Number of articles that are read at a time.
const ARTICLES_AT_ONCE: usize = 64;

const NEXT_ARTICLES: &str = "SELECT key, content FROM {s}.articles WHERE key > {after} \
    ORDER BY key LIMIT {limit}";

impl Corpus {
    /// Copies the articles of a local corpus with their passages and vectors; nothing is embedded.
    /// Articles of the same key are replaced if they differ, and others stay.
    ///
    /// Articles are copied in batches, each in a transaction per shard. A copy that failed goes on
    /// where it ended if it is repeated. If the chunker of both is the same, a later
    /// [`sync`](Self::sync) takes the articles for unchanged.
    ///
    /// # Errors
    ///
    /// - [`Error::ModelMismatch`] or [`Error::Dimension`] if the local corpus has another model.
    /// - [`Error::Corrupt`] if a local article is damaged.
    /// - As [`add`](Self::add), without the errors of models.
    #[instrument(level = "debug", skip_all)]
    pub fn copy_from(&self, local: &Searcher) -> Result<SyncReport> {
        let started = Instant::now();
        check_model(self.embedder(), local.embedder().identity(), local.embedder().dim())?;
        let mut report = SyncReport::default();
        let mut articles = local.iter_embedded();
        loop {
            let batch = next_batch(&mut articles)?;
            if batch.is_empty() {
                break;
            }
            report.add(self.upsert_embedded(batch)?);
        }
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Copies the articles of the corpus with their passages and vectors into a local one, and
    /// commits; nothing is embedded. Articles of the same key are replaced if they differ, and others
    /// stay.
    ///
    /// Each article is read whole, but articles that are written meanwhile can be copied or not.
    ///
    /// # Errors
    ///
    /// - [`Error::ModelMismatch`] or [`Error::Dimension`] if the local corpus has another model.
    /// - [`Error::Shard`] if a server does not run a statement.
    /// - [`Error::Corrupt`] if the rows of an article are damaged.
    /// - As [`Retriever::add_embedded`] and [`Retriever::commit`].
    #[instrument(level = "debug", skip_all)]
    pub fn copy_to(&self, local: &mut Retriever) -> Result<SyncReport> {
        let started = Instant::now();
        check_model(self.embedder(), local.embedder().identity(), local.embedder().dim())?;
        let mut report = SyncReport::default();
        for shard in 0..self.parts.shards.len() {
            let mut after = String::new();
            loop {
                let batch = self.articles_after(shard, &after)?;
                let Some(last) = batch.last() else { break };
                after.clone_from(&last.article().key);
                report.add(local.upsert_embedded(batch)?);
            }
        }
        local.commit()?;
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Reads the next articles of a shard after the key `after`; none at the end.
    fn articles_after(&self, shard: usize, after: &str) -> Result<Vec<EmbeddedArticle>> {
        let CorpusParts { schema, shards, embedder, .. } = &*self.parts;
        shards.read(shard, |connection| {
            connection.begin(BEGIN)?;
            let read = read_after(connection, schema, after, embedder.dim());
            connection.reset();
            read
        })
    }
}

/// Reads the next articles after the key `after`, in one state of the shard.
fn read_after(
    connection: &mut Connection,
    schema: &Schema,
    after: &str,
    dim: usize,
) -> Result<Vec<EmbeddedArticle>> {
    let mut params = Params::default();
    let statement = NEXT_ARTICLES.replace("{after}", &params.text(after));
    let statement = statement.replace("{limit}", &ARTICLES_AT_ONCE.to_string());
    let rows = connection.query(&schema.sql(&statement), &params)?;
    let articles = rows.iter().map(|row| {
        let key: &str = row.get(0)?;
        let content = content_hash(row.get(1)?)?;
        let missing = || damaged("an article is missing");
        let article = stored_article(connection, schema, key)?.ok_or_else(missing)?;
        let passages = article_passages(connection, schema, key)?;
        let values = article_vectors(connection, schema, key)?.concat();
        let vectors = Vectors::stored(dim, values).ok_or_else(|| damaged("a vector is invalid"))?;
        EmbeddedArticle::stored(article, passages, vectors, content)
    });
    articles.collect()
}
