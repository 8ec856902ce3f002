//! Synchronization of a corpus with a set of articles.

use std::time::Instant;

use tracing::{Span, field, instrument};

use super::ingest::OnExisting;
use crate::{
    Article, EmbedReport, Result, Retriever, SyncReport,
    text::{GivenArticles, key_hashes, next_batch},
};

/// State of a running sync.
#[derive(Default)]
struct SyncRun {
    report: SyncReport,
    given: GivenArticles,
    /// Counts of all batches, from which the reported progress continues.
    embedded: EmbedReport,
    /// Number of new passages since the last commit.
    since_checkpoint: usize,
}

impl Retriever {
    /// Makes the corpus equal to `articles` and commits: adds new articles, replaces changed ones,
    /// removes all others. Unchanged articles, and unchanged passages of changed articles, are not
    /// embedded again.
    ///
    /// The sync commits after every [`checkpoint`](crate::RetrieverBuilder::checkpoint) passages.
    /// If an error, a [`Cancel`](crate::Cancel) or the end of the process stops it, these commits
    /// remain, and the next sync embeds only the rest. Articles are removed at the end. Changes
    /// that were uncommitted before the call are committed with it.
    ///
    /// If several articles have one key, the last one counts, but all of them may be embedded.
    /// Graphs are built after the last commit, in the background: see
    /// [`wait_for_merges`](Self::wait_for_merges). To keep articles that are not given, use [`upsert`](Self::upsert) and
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
        self.merges.queue().take_failure()?;
        let mut run = SyncRun::default();
        let mut articles = articles.into_iter().map(Ok).fuse();
        loop {
            let batch = next_batch(&mut articles)?;
            if batch.is_empty() {
                break;
            }
            self.sync_batch(batch, &mut run)?;
        }
        let SyncRun { mut report, given, .. } = run;
        report.removed = self.remove_all_but(&given)?;
        self.commit_changes()?;
        report.seconds = started.elapsed().as_secs_f64();
        Span::current().record("report", field::debug(&report));
        Ok(report)
    }

    /// Stores the new and changed articles of `batch`, and commits if a checkpoint is due.
    fn sync_batch(&mut self, batch: Vec<Article>, run: &mut SyncRun) -> Result<()> {
        let keys = key_hashes(&batch);
        let ingested = self
            .ingest(batch, OnExisting::ReplaceChanged, run.embedded)
            .map_err(|error| run.given.with_position_in_call(error))?;
        run.given.add(keys);
        run.embedded.count(ingested.embedding);
        run.since_checkpoint += ingested.embedding.texts + ingested.reused;
        run.report.count(ingested);
        if run.since_checkpoint >= self.settings.checkpoint {
            self.commit_checkpoint()?;
            run.since_checkpoint = 0;
        }
        Ok(())
    }

    /// Removes the articles that were not `given`; returns their number.
    fn remove_all_but(&mut self, given: &GivenArticles) -> Result<usize> {
        self.follow_merges()?;
        let mut removed = 0;
        let mut segments = self.segments().to_vec();
        for segment in &mut segments {
            let live: Vec<u32> = segment.live().collect();
            for article in live {
                let key = segment.sealed().key(article)?;
                if !given.contains(key) {
                    segment.remove(article)?;
                    removed += 1;
                }
            }
        }
        self.replace_after_removal(segments, removed);
        Ok(removed)
    }
}
