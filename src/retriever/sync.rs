//! Syncing: making a corpus what a set of articles is, with as little work as possible.

use std::{collections::HashSet, time::Instant};

use serde::Serialize;
use tracing::{Span, field, instrument};
use xxhash_rust::xxh3::xxh3_128;

use super::ingest::{Ingested, OnExisting};
use crate::{Article, EmbedReport, Error, Result, Retriever};

/// What [`Retriever::sync`] or [`Retriever::upsert`] came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SyncReport {
    /// Articles that were not there before.
    pub added: usize,
    /// Articles that replaced what they said before.
    pub changed: usize,
    /// Articles removed because they were not given any more.
    pub removed: usize,
    /// Articles that were there as they are.
    pub unchanged: usize,
    /// Keys of added or changed articles without text; they are kept, but no passage of them
    /// is found.
    pub empty: Vec<String>,
    /// Passages embedded; of those with the same text, each counts.
    pub embedded: usize,
    /// Passages whose vectors came from the
    /// [cache](crate::RetrieverBuilder::embedding_cache).
    pub cached: usize,
    /// Passages of changed articles that say what they said before, and keep their vectors.
    pub reused: usize,
    /// Texts embedded that are over the embedder's limit, of which it read only the beginning.
    pub truncated: usize,
    /// Passages embedded that are over the embedder's limit, piece by piece.
    pub split: usize,
    /// Wall time in seconds.
    pub seconds: f64,
}

impl SyncReport {
    pub(super) fn count(&mut self, ingested: Ingested) {
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

/// Articles looked at together: enough to keep all threads at work.
const ARTICLES_AT_ONCE: usize = 256;
/// Bytes of text looked at together, about.
const BYTES_AT_ONCE: usize = 1 << 22;

impl Retriever {
    /// Makes the corpus what `articles` are, and commits it: adds the new ones, replaces those
    /// that say something else now, removes those that are not given. Nothing is embedded for
    /// articles that are in the corpus as they are given, nor for passages of changed ones
    /// that say what they said before.
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
        let mut looked_at = 0;
        loop {
            let some = some_of(&mut articles);
            if some.is_empty() {
                break;
            }
            given.extend(some.iter().map(|article| xxh3_128(article.key.as_bytes())));
            let len = some.len();
            let ingested = self.ingest(some, OnExisting::ReplaceChanged, embedded);
            let ingested = ingested.map_err(|error| counted_from(looked_at, error))?;
            looked_at += len;
            embedded.texts += ingested.embedding.texts;
            embedded.tokens += ingested.embedding.tokens;
            since_checkpoint += ingested.embedding.texts + ingested.reused;
            report.count(ingested);
            if since_checkpoint >= self.settings.checkpoint {
                self.checkpoint()?;
                since_checkpoint = 0;
            }
        }
        report.removed = self.remove_all_but(&given)?;
        self.commit()?;
        report.seconds = started.elapsed().as_secs_f64();
        Span::current().record("report", field::debug(&report));
        Ok(report)
    }

    /// Commits without building graphs: those are built once, at the end.
    fn checkpoint(&mut self) -> Result<()> {
        let segments = self.join_small()?;
        self.publish(segments).map(drop)
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

/// `error`, about an article by its place on_existing those that were given.
fn counted_from(looked_at: usize, error: Error) -> Error {
    match error {
        Error::EmptyKey { position } => Error::EmptyKey { position: looked_at + position },
        other => other,
    }
}

/// The next articles to look at; none at the end.
fn some_of(articles: &mut impl Iterator<Item = Article>) -> Vec<Article> {
    let mut bytes = 0;
    let mut some = Vec::new();
    while some.len() < ARTICLES_AT_ONCE && bytes < BYTES_AT_ONCE {
        let Some(article) = articles.next() else { break };
        bytes += article.text.len();
        some.push(article);
    }
    some
}
