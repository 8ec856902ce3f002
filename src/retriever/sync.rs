//! Syncing a corpus with a set of articles.

use std::{collections::HashSet, time::Instant};

use serde::Serialize;
use tracing::{Span, field, instrument};
use xxhash_rust::xxh3::xxh3_128;

use super::ingest::{IngestReport, OnExisting};
use crate::{Article, EmbedReport, Error, Result, Retriever};

/// Report of [`Retriever::sync`] and [`Retriever::upsert`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SyncReport {
    /// Articles that were not there before.
    pub added: usize,
    /// Articles whose content changed.
    pub changed: usize,
    /// Articles removed because the new set lacks them.
    pub removed: usize,
    /// Articles whose content is unchanged.
    pub unchanged: usize,
    /// Keys of added or changed articles without text, which are stored but have no passages.
    pub empty: Vec<String>,
    /// Passages embedded; of those with the same text, each counts.
    pub embedded: usize,
    /// Passages whose vectors came from the
    /// [cache](crate::RetrieverBuilder::embedding_cache).
    pub cached: usize,
    /// Passages of changed articles that kept their text, and their vectors.
    pub reused: usize,
    /// Texts embedded that are over the embedder's limit, of which it read only the beginning.
    pub truncated: usize,
    /// Passages embedded that are over the embedder's limit, piece by piece.
    pub split: usize,
    /// Wall time in seconds.
    pub seconds: f64,
}

impl SyncReport {
    pub(super) fn count(&mut self, ingested: IngestReport) {
        self.added += ingested.added;
        self.changed += ingested.changed;
        self.unchanged += ingested.unchanged;
        self.empty.extend(ingested.empty);
        let EmbedReport { texts, cached, split, truncated, .. } = ingested.embedding;
        self.embedded += texts - cached;
        self.cached += cached;
        self.reused += ingested.reused;
        self.truncated += truncated;
        self.split += split;
    }
}

/// Articles per batch: enough to keep all threads busy.
const ARTICLES_AT_ONCE: usize = 256;
/// Approximate maximum bytes of text per batch.
const BYTES_AT_ONCE: usize = 1 << 22;

impl Retriever {
    /// Makes the corpus equal to `articles` and commits: adds new articles, replaces changed ones,
    /// removes all others. Unchanged articles, and unchanged passages of changed articles, are not
    /// embedded again.
    ///
    /// It commits what it has after every [`checkpoint`](crate::RetrieverBuilder::checkpoint)
    /// of passages; so if it is stopped, by an error, by [cancelling](crate::Cancel) or by the
    /// end of the process, what was done is kept, and the next sync goes on from there.
    /// Articles are removed at the end. What was changed before the call and not committed is
    /// committed with it.
    ///
    /// Of several articles with one key the last counts, but both may be embedded. To leave
    /// articles that are not given alone, use [`upsert`](Self::upsert) and
    /// [`commit`](Self::commit).
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add) and [`commit`](Self::commit).
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, Retriever};
    ///
    /// let monday = [Article::new("moor", "Moore speichern Wasser."), Article::new("zug", "Der Zug fährt.")];
    /// let tuesday = [Article::new("moor", "Moore speichern Wasser."), Article::new("brot", "Brot braucht Zeit.")];
    ///
    /// let mut retriever = Retriever::in_memory()?;
    /// retriever.sync(monday)?;
    /// let report = retriever.sync(tuesday)?;
    /// assert_eq!((report.added, report.removed, report.unchanged, report.embedded), (1, 1, 1, 1));
    /// # Ok::<(), passim::Error>(())
    /// ```
    #[instrument(level = "debug", skip_all, fields(report = field::Empty))]
    pub fn sync(&mut self, articles: impl IntoIterator<Item = Article>) -> Result<SyncReport> {
        let started = Instant::now();
        let mut report = SyncReport::default();
        let mut given: HashSet<u128> = HashSet::new();
        let mut articles = articles.into_iter().fuse();
        let mut embedded = EmbedReport::default();
        let mut since_checkpoint = 0;
        let mut ingested_articles = 0;
        loop {
            let batch = next_batch(&mut articles);
            if batch.is_empty() {
                break;
            }
            given.extend(batch.iter().map(|article| xxh3_128(article.key.as_bytes())));
            let len = batch.len();
            let ingested = self.ingest(batch, OnExisting::ReplaceChanged, embedded);
            let ingested = ingested.map_err(|error| counted_from(ingested_articles, error))?;
            ingested_articles += len;
            embedded.texts += ingested.embedding.texts;
            embedded.tokens += ingested.embedding.tokens;
            since_checkpoint += ingested.embedding.texts + ingested.reused;
            report.count(ingested);
            if since_checkpoint >= self.settings.checkpoint {
                self.commit_checkpoint()?;
                since_checkpoint = 0;
            }
        }
        report.removed = self.remove_all_but(&given)?;
        self.commit()?;
        report.seconds = started.elapsed().as_secs_f64();
        Span::current().record("report", field::debug(&report));
        Ok(report)
    }

    /// Removes the articles whose keys do not have these hashes; returns how many.
    fn remove_all_but(&mut self, given: &HashSet<u128>) -> Result<usize> {
        let mut removed = 0;
        let mut segments = self.segments().to_vec();
        for segment in &mut segments {
            let live: Vec<u32> = segment.live().collect();
            for at in live {
                let key = segment.segment().key(at)?;
                if !given.contains(&xxh3_128(key.as_bytes())) {
                    segment.remove(at)?;
                    removed += 1;
                }
            }
        }
        if removed > 0 {
            *self.segments_mut() = segments;
            self.changed = true;
        }
        Ok(removed)
    }
}

/// Turns a position within a batch into one within all articles.
fn counted_from(ingested_articles: usize, error: Error) -> Error {
    match error {
        Error::EmptyKey { position } => Error::EmptyKey { position: ingested_articles + position },
        other => other,
    }
}

/// Returns the next batch of articles; an empty one at the end.
fn next_batch(articles: &mut impl Iterator<Item = Article>) -> Vec<Article> {
    let mut bytes = 0;
    let mut batch = Vec::new();
    while batch.len() < ARTICLES_AT_ONCE && bytes < BYTES_AT_ONCE {
        let Some(article) = articles.next() else { break };
        bytes += article.text.len();
        batch.push(article);
    }
    batch
}
