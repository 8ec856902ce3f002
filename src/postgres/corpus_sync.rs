//! Synchronization of a corpus with a set of articles.

use std::time::Instant;

use tracing::instrument;

use super::{
    Corpus,
    connection::{Connection, Params},
    schema::Schema,
    shard_writer::{self, REMOVED_AT_ONCE},
};
use crate::{
    Article, EmbedReport, Result, SyncReport,
    text::{GivenArticles, key_hashes, next_batch},
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
    #[instrument(level = "debug", skip_all)]
    pub fn sync(&self, articles: impl IntoIterator<Item = Article>) -> Result<SyncReport> {
        let started = Instant::now();
        let mut report = SyncReport::default();
        let mut given = GivenArticles::default();
        let mut embedded = EmbedReport::default();
        let mut articles = articles.into_iter().map(Ok).fuse();
        loop {
            let batch = next_batch(&mut articles)?;
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
        report.removed = self.remove_all_but(&given)?;
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Removes the articles that were not `given`; returns their number.
    fn remove_all_but(&self, given: &GivenArticles) -> Result<usize> {
        let schema = &self.parts.schema;
        // A standby may lack the newest writes, so the server that accepts them is asked.
        self.remove_from_each(|connection, removed| {
            for keys in keys_but(connection, schema, given)?.chunks(REMOVED_AT_ONCE) {
                shard_writer::remove(connection, self.target(), keys, removed)?;
            }
            Ok(())
        })
    }
}

/// Returns the keys of the articles of a shard that were not `given`, ascending.
fn keys_but(
    connection: &mut Connection,
    schema: &Schema,
    given: &GivenArticles,
) -> Result<Vec<String>> {
    let mut keys = Vec::new();
    let statement = schema.sql("SELECT key FROM {s}.articles ORDER BY key");
    connection.for_each(&statement, &Params::default(), |row| {
        let key: String = row.get(0)?;
        keys.extend((!given.contains(&key)).then_some(key));
        Ok(())
    })?;
    Ok(keys)
}
