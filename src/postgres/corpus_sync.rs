//! Synchronization of a corpus with a set of articles.

use std::{convert::Infallible, time::Instant};

use tracing::instrument;

use super::{
    Corpus, CorpusParts,
    connection::{Access, Connection, Params},
    schema::Schema,
    shard_writer::{self, REMOVED_AT_ONCE},
};
use crate::{
    Article, EmbedReport, Phase, Progress, Result, SyncReport, UnreadSource,
    text::{GivenArticles, NotGiven, SyncItems, key_hashes, next_batch},
};

impl Corpus {
    /// Makes the corpus equal to `articles`: adds new articles, replaces changed ones, removes all
    /// others. Unchanged articles, and unchanged passages of changed articles, are not embedded
    /// again.
    ///
    /// Articles are taken in batches, and each batch is committed. If an error or the end of the
    /// process stops the sync, these batches remain, and the next sync embeds only the rest. Articles
    /// are removed at the end, also those that others have added meanwhile.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn sync(&self, articles: impl IntoIterator<Item = Article>) -> Result<SyncReport> {
        self.try_sync(articles.into_iter().map(Ok::<_, Infallible>))
    }

    /// Makes the corpus equal to `articles`, as [`sync`](Self::sync) does, but keeps what could not be
    /// read, as [`Retriever::try_sync`](crate::Retriever::try_sync) does.
    ///
    /// A corpus in PostgreSQL has no `sync_folder`, since it keeps no record of files:
    /// `corpus.try_sync(read_articles(folder))` reads all files each time.
    ///
    /// # Errors
    ///
    /// As [`sync`](Self::sync). An item that is an error does not end the sync.
    #[instrument(name = "sync", level = "debug", skip_all)]
    pub fn try_sync<E: Into<UnreadSource>>(
        &self,
        articles: impl IntoIterator<Item = Result<Article, E>>,
    ) -> Result<SyncReport> {
        let started = Instant::now();
        let mut report = SyncReport::default();
        let mut given = GivenArticles::default();
        let mut embedded = EmbedReport::default();
        let mut items = SyncItems::new(articles.into_iter(), self.parts.shards.write_interrupt());
        items.report(|done, total| self.report_read(done, total));
        loop {
            let batch = next_batch(&mut items)?;
            items.report(|done, total| self.report_read(done, total));
            if batch.is_empty() {
                break;
            }
            let keys = key_hashes(&batch);
            let ingested = self.ingest_changed(batch, embedded);
            let ingested = ingested.map_err(|error| given.with_position_in_call(error))?;
            embedded.count(ingested.embedding);
            report.count(ingested);
            given.add(keys);
        }
        report.unread = items.into_unread();
        for source in &report.unread {
            given.keep(source);
        }
        report.removed = self.remove_all_but(&given)?;
        if !report.unread.is_empty() {
            report.kept = self.count_kept(&given)?;
        }
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    fn report_read(&self, done: usize, total: usize) {
        if let Some(progress) = &self.parts.progress {
            progress(Progress { phase: Phase::Read, done, total, tokens: 0 });
        }
    }

    /// Removes the articles that were not `given` and are not kept; returns their number.
    fn remove_all_but(&self, given: &GivenArticles) -> Result<usize> {
        let schema = &self.parts.schema;
        // A standby may lack the newest writes, so the server that accepts them is asked.
        self.remove_from_each(|connection, removed| {
            let NotGivenKeys { to_remove, .. } = keys_but(connection, schema, given)?;
            for keys in to_remove.chunks(REMOVED_AT_ONCE) {
                shard_writer::remove(connection, self.target(), keys, removed)?;
            }
            Ok(())
        })
    }

    /// Returns the number of articles that were not `given` and are kept.
    fn count_kept(&self, given: &GivenArticles) -> Result<usize> {
        let CorpusParts { schema, shards, .. } = &*self.parts;
        let kept = shards.on_needed(
            Access::Write,
            |_| true,
            |_, connection| Ok(keys_but(connection, schema, given)?.counts.kept),
        )?;
        Ok(kept.iter().sum())
    }
}

/// Articles of a shard that a sync was not given.
#[derive(Default)]
struct NotGivenKeys {
    counts: NotGiven,
    /// Keys of those that are not kept, ascending.
    to_remove: Vec<String>,
}

/// Finds the articles of a shard that were not `given`.
fn keys_but(
    connection: &mut Connection,
    schema: &Schema,
    given: &GivenArticles,
) -> Result<NotGivenKeys> {
    let mut keys = NotGivenKeys::default();
    let statement = schema.sql("SELECT key FROM {s}.articles ORDER BY key");
    connection.for_each(&statement, &Params::default(), |row| {
        let key: String = row.get(0)?;
        if given.removes(&key, &mut keys.counts) {
            keys.to_remove.push(key);
        }
        Ok(())
    })?;
    Ok(keys)
}
