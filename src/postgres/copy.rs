//! Copies between a corpus in PostgreSQL and a local one, without the embedding model.

use std::time::Instant;

use rustc_hash::FxHashMap;
use tracing::instrument;

use super::{
    Corpus, CorpusParts,
    candidate_row::damaged,
    connection::{Connection, Params},
    read_passages::{ARTICLE_PARTS, PASSAGE_PARTS, decode_article, decode_passage, offset},
    schema::Schema,
    shard_snapshots::BEGIN,
    shard_writer::content_hash,
};
#[cfg(doc)]
use crate::Error;
use crate::{
    EmbeddedArticle, Passage, Result, Retriever, Searcher, SyncReport, Vectors, embed::check_model,
    text::next_batch,
};

/// Maximum number of articles that are read at a time.
const ARTICLES_AT_ONCE: usize = 256;
/// Approximate maximum number of bytes of them; one article may exceed it.
const BYTES_AT_ONCE: i64 = 1 << 24;

/// The size of a text is read without the text.
const NEXT_ARTICLES: &str = "SELECT key, octet_length(text), passages FROM {s}.articles \
    WHERE key > {after} ORDER BY key LIMIT {limit}";

const ARTICLES: &str = "SELECT key, content, passages, {parts} FROM {s}.articles \
    WHERE key = ANY({keys}) ORDER BY key";

const PASSAGES: &str = "SELECT article, embedding::float4[], {parts} FROM {s}.passages \
    WHERE article = ANY({keys}) ORDER BY article, no";

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
            report.count(self.ingest_changed_embedded(batch)?);
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
                report.count(local.ingest_changed_embedded(batch)?);
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
    let keys = keys_after(connection, schema, after, dim)?;
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut passages = read_passages(connection, schema, &keys)?;
    let mut params = Params::default();
    let statement = ARTICLES.replace("{parts}", ARTICLE_PARTS);
    let statement = statement.replace("{keys}", &params.texts(as_strs(&keys)));
    let rows = connection.query(&schema.sql(&statement), &params)?;
    let articles = rows.iter().map(|row| {
        let key: String = row.get(0)?;
        let content = content_hash(row.get(1)?)?;
        let StoredRows { passages, values } = passages.remove(&key).unwrap_or_default();
        if passages.len() != offset(row.get(2)?) {
            return Err(damaged("a passage is missing"));
        }
        let vectors = Vectors::stored(dim, values).ok_or_else(|| damaged("a vector is invalid"))?;
        let article = decode_article(key, row, 3)?;
        EmbeddedArticle::stored(article, passages, vectors, content)
    });
    articles.collect()
}

/// The passages of an article and the values of their vectors.
#[derive(Default)]
struct StoredRows {
    passages: Vec<Passage>,
    values: Vec<f32>,
}

/// Returns the keys of the next articles after `after`, as many as are read at a time.
fn keys_after(
    connection: &mut Connection,
    schema: &Schema,
    after: &str,
    dim: usize,
) -> Result<Vec<String>> {
    let mut params = Params::default();
    let statement = NEXT_ARTICLES.replace("{after}", &params.text(after));
    let statement = statement.replace("{limit}", &ARTICLES_AT_ONCE.to_string());
    let row_bytes = i64::try_from(size_of::<f32>() * dim).unwrap_or(i64::MAX);
    let mut keys = Vec::new();
    let mut bytes: i64 = 0;
    for row in connection.query(&schema.sql(&statement), &params)? {
        let text: i32 = row.get(1)?;
        let passages: i32 = row.get(2)?;
        // A text is read twice, in its article and in its passages.
        bytes += 2 * i64::from(text) + i64::from(passages) * row_bytes;
        if bytes > BYTES_AT_ONCE && !keys.is_empty() {
            break;
        }
        keys.push(row.get(0)?);
    }
    Ok(keys)
}

/// Reads the passages and vectors of the articles of `keys`.
fn read_passages(
    connection: &mut Connection,
    schema: &Schema,
    keys: &[String],
) -> Result<FxHashMap<String, StoredRows>> {
    let mut params = Params::default();
    let statement = PASSAGES.replace("{parts}", PASSAGE_PARTS);
    let statement = statement.replace("{keys}", &params.texts(as_strs(keys)));
    let mut read: FxHashMap<String, StoredRows> = FxHashMap::default();
    for row in connection.query(&schema.sql(&statement), &params)? {
        let rows = read.entry(row.get(0)?).or_default();
        rows.passages.push(decode_passage(&row, 2)?);
        rows.values.extend(row.get::<Vec<f32>>(1)?);
    }
    Ok(read)
}

fn as_strs(keys: &[String]) -> Vec<&str> {
    keys.iter().map(String::as_str).collect()
}
