//! Synchronization of a corpus with a set of articles.

use std::{convert::Infallible, time::Instant};

use tracing::{Span, field, instrument};

use super::ingest::OnExisting;
use crate::{
    Article, EmbedReport, Interrupt, Result, Retriever, SyncReport, UnreadSource,
    text::{GivenArticles, NotGiven, SyncItems, key_hashes, next_batch},
};

/// State of a running sync.
#[derive(Default)]
pub(super) struct SyncRun {
    pub(super) report: SyncReport,
    pub(super) given: GivenArticles,
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
    /// [`wait_for_merges`](Self::wait_for_merges). To keep articles that are not given, use
    /// [`upsert`](Self::upsert) and [`commit`](Self::commit). [`try_sync`](Self::try_sync) takes errors
    /// as well, and [`sync_folder`](Self::sync_folder) reads the articles from files.
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
    pub fn sync(&mut self, articles: impl IntoIterator<Item = Article>) -> Result<SyncReport> {
        self.try_sync(articles.into_iter().map(Ok::<_, Infallible>))
    }

    /// Makes the corpus equal to `articles` and commits, as [`sync`](Self::sync) does, but keeps what
    /// could not be read.
    ///
    /// An error is an [`UnreadSource`] or converts into one. The articles of its keys stay in the
    /// corpus as they stand, unless they are given as well. Errors of other types have no keys: they
    /// can stand for any article, so one of them keeps all articles that are not given. The report
    /// lists the [errors](SyncReport::unread) and counts the [kept](SyncReport::kept) articles.
    ///
    /// If the [size hint](Iterator::size_hint) of `articles` is exact,
    /// [`Phase::Read`](crate::Phase::Read) of the progress counts them from the start.
    ///
    /// # Errors
    ///
    /// As [`sync`](Self::sync). An item that is an error does not end the sync.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Retriever, read_articles};
    ///
    /// let mut retriever = Retriever::in_memory()?;
    /// let report = retriever.try_sync(read_articles("examples/articles"))?;
    /// assert_eq!((report.added, report.unread.len()), (20, 0));
    ///
    /// // A folder that cannot be read says nothing about its articles.
    /// let report = retriever.try_sync(read_articles("no such folder"))?;
    /// assert_eq!((report.kept, report.removed, report.unread.len()), (20, 0, 1));
    /// # Ok::<(), passim::Error>(())
    /// ```
    #[instrument(name = "sync", level = "debug", skip_all, fields(report = field::Empty))]
    pub fn try_sync<E: Into<UnreadSource>>(
        &mut self,
        articles: impl IntoIterator<Item = Result<Article, E>>,
    ) -> Result<SyncReport> {
        let started = Instant::now();
        self.merges.queue().take_failure()?;
        let mut run = SyncRun::default();
        let cancel = self.settings.cancel.clone();
        let interrupt = Interrupt::new(None, Some(&cancel));
        let mut items = SyncItems::new(articles.into_iter(), interrupt);
        items.report(|done, total| self.settings.monitor().report_read(done, total));
        loop {
            let batch = next_batch(&mut items)?;
            items.report(|done, total| self.settings.monitor().report_read(done, total));
            if batch.is_empty() {
                break;
            }
            let keys = key_hashes(&batch);
            self.sync_batch(batch, &mut run)?;
            run.given.add(keys);
        }
        run.report.unread = items.into_unread();
        for source in &run.report.unread {
            run.given.keep(source);
        }
        self.remove_not_given(&mut run, "")?;
        self.commit_changes()?;
        let mut report = run.report;
        report.seconds = started.elapsed().as_secs_f64();
        Span::current().record("report", field::debug(&report));
        Ok(report)
    }

    /// Stores the new and changed articles of `batch`, and commits if a checkpoint is due.
    pub(super) fn sync_batch(&mut self, batch: Vec<Article>, run: &mut SyncRun) -> Result<()> {
        let ingested = self
            .ingest(batch, OnExisting::ReplaceChanged, run.embedded)
            .map_err(|error| run.given.with_position_in_call(error))?;
        run.embedded.count(ingested.embedding);
        run.since_checkpoint += ingested.embedding.texts + ingested.reused;
        run.report.count(ingested);
        if run.since_checkpoint >= self.settings.checkpoint {
            self.commit_checkpoint()?;
            run.since_checkpoint = 0;
        }
        Ok(())
    }

    /// Removes the articles that were not given and are not kept, of those whose keys begin with
    /// `prefix`, and reports their number.
    pub(super) fn remove_not_given(&mut self, run: &mut SyncRun, prefix: &str) -> Result<()> {
        self.follow_merges()?;
        let mut counts = NotGiven::default();
        let mut segments = self.segments().to_vec();
        for segment in &mut segments {
            let live: Vec<u32> = segment.live().collect();
            for article in live {
                let key = segment.sealed().key(article)?;
                if key.starts_with(prefix) && run.given.removes(key, &mut counts) {
                    segment.remove(article)?;
                }
            }
        }
        self.replace_after_removal(segments, counts.removed);
        run.report.removed = counts.removed;
        run.report.kept = counts.kept;
        Ok(())
    }
}
