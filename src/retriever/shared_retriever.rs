//! A retriever for services: many threads write and search through clones of one handle.

mod reads;
mod scheduled_writer;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use tracing::instrument;

use super::{merge_queue::MergeQueue, searcher::Snapshot};
use crate::{
    AddReport, Article, ArticleFiles, CalibrationReport, Cancel, Chunker, CommitSchedule,
    EmbeddedArticle, Error, Filter, Result, Retriever, Searcher, SyncReport, UnreadSource,
    store::segment::LiveSegment,
    work::{Latest, panic_message},
};
use scheduled_writer::ScheduledWriter;

/// A [`Retriever`] that many threads change and search at once; cheap to clone.
///
/// [`Retriever::into_shared`] makes one. Its methods have the names of those of
/// `postgres::Corpus`, so a service can move from one to the other.
///
/// - **Reads never wait for writes.** They answer from the last commit, and never see an uncommitted
///   change or a part of an article. Each call reads the newest commit;
///   [`searcher`](Self::searcher) returns one state for several calls.
/// - **Writes run one at a time**, in the order of their calls. A write waits for earlier writes, but
///   not while a commit writes its files: it then belongs to the next commit.
/// - **Merges and graphs** are made in the [background](crate::RetrieverBuilder::merge_threads), so
///   neither writes nor commits wait for them. [`wait_for_merges`](Self::wait_for_merges) does. With
///   `merge_threads(0)` writes wait for commits, and commits build graphs.
/// - **Commits** make all changes visible and durable at once, those of all threads. They start on
///   [demand](Self::commit) and by the [`CommitSchedule`], in a background thread.
///
/// # Failures
///
/// A write that returns an error has changed nothing, except for the checkpoints of
/// [`sync`](Self::sync). A commit that fails keeps the changes for the next one, and reads keep their
/// generation. The exception is a failed fsync of the folder, as with [`Retriever::commit`]: reads
/// see the new generation, and the next commit repeats the fsync.
///
/// A failed merge leaves the corpus as it is and stops no write. [`wait_for_merges`](Self::wait_for_merges)
/// or the next [`commit`](Self::commit) returns [`Error::BackgroundMerge`] once; commits by the
/// schedule go on, and start the merge again at growing intervals.
///
/// If a commit in the background fails, it is repeated at growing intervals of at most a minute.
/// Meanwhile all writes return [`Error::BackgroundCommit`] with its cause and do nothing, so
/// uncommitted changes do not fill the memory. [`commit`](Self::commit) repeats the commit at once,
/// [`rollback`](Self::rollback) gives up the changes; both let writes run again. Reads go on.
///
/// # Shutdown
///
/// [`close`](Self::close) commits all changes, ends the background threads and releases the lock of
/// the folder, whether or not there are clones. A merge that runs is given up, and the next retriever
/// of the index starts it again; call [`wait_for_merges`](Self::wait_for_merges) before to finish it. Dropping the last clone does the same, but can only
/// log a failure, by `tracing` at the level `error`; the uncommitted changes are then lost. A clone
/// that the embedder or the progress callback of the retriever owns is never dropped before `close`.
///
/// # Asynchronous code
///
/// Methods that embed, search, write or read files block, and so does dropping the last clone: call
/// them by `spawn_blocking`, as [the guide](crate::guide::running_a_service#asynchronous-code) shows.
/// [`searcher`](Self::searcher), [`generation`](Self::generation) and clones do not block.
///
/// # Deadlocks
///
/// Two calls never return:
///
/// - A write inside a write, such as one by the iterator that [`sync`](Self::sync) reads, by an
///   embedder, or by a progress callback. `close` and dropping the last clone count as writes.
/// - A write on a worker of a `rayon` pool whose other jobs also write, because a job that waits for
///   the pool can start another one. Write from plain threads.
///
/// # Examples
///
/// ```
/// use passim::{Article, CommitSchedule, Retriever};
/// use std::{thread, time::Duration};
///
/// # let temp = tempfile::tempdir().unwrap();
/// # let folder = temp.path().join("index");
/// let schedule = CommitSchedule::default().every(Duration::from_millis(500));
/// let shared = Retriever::open_or_create(&folder)?.into_shared(schedule)?;
///
/// let writer = shared.clone();
/// let writing = thread::spawn(move || {
///     writer.add([Article::new("moor.txt", "Moore speichern viel Kohlenstoff.")])
/// });
/// writing.join().unwrap()?;
/// shared.commit()?; // or wait for the schedule
/// assert_eq!(shared.search("What do peat bogs store?")?[0].article, "moor.txt");
///
/// shared.close()?;
/// assert_eq!(Retriever::open(&folder)?.articles(), 1);
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone)]
pub struct SharedRetriever {
    parts: Arc<SharedParts>,
}

/// The parts that the clones of a shared retriever have in common.
struct SharedParts {
    writer: Arc<ScheduledWriter>,
    /// The last commit.
    latest: Arc<Latest<Snapshot>>,
    merge_queue: Arc<MergeQueue>,
    /// The handle that ends waiting for merges.
    cancel: Cancel,
    /// A searcher of an empty corpus, whose models answer queries.
    empty_searcher: Searcher,
    chunker: Chunker,
    /// `None` without a schedule, and once it has ended.
    background: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for SharedRetriever {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRetriever")
            .field("searcher", &self.searcher())
            .finish_non_exhaustive()
    }
}

impl Retriever {
    /// Shares the retriever among threads, and commits by `schedule`.
    ///
    /// Changes that are uncommitted before the call are pending like later ones.
    ///
    /// # Errors
    ///
    /// After an error the retriever is dropped, with its uncommitted changes.
    ///
    /// - [`Error::Setting`] if the schedule is out of range.
    /// - [`Error::Threads`] if the background thread cannot be started.
    pub fn into_shared(self, schedule: CommitSchedule) -> Result<SharedRetriever> {
        schedule.check()?;
        let latest = Arc::clone(self.corpus.latest());
        let merge_queue = Arc::clone(self.merges.queue());
        let cancel = self.cancel_handle().clone();
        // The searcher must not keep a generation, whose files would stay mapped.
        let empty_searcher = Searcher { snapshot: Arc::default(), ..self.searcher.clone() };
        let chunker = self.settings.chunker.clone();
        let writer = Arc::new(ScheduledWriter::new(self, schedule));
        let background = if schedule.is_on_demand() { None } else { Some(start(&writer)?) };
        let background = Mutex::new(background);
        let parts = SharedParts {
            writer,
            latest,
            merge_queue,
            cancel,
            empty_searcher,
            chunker,
            background,
        };
        Ok(SharedRetriever { parts: Arc::new(parts) })
    }

    /// Whether a commit would do more than merge segments.
    fn needs_commit(&self) -> bool {
        self.changed || self.is_committing || self.corpus.needs_fsync()
    }

    /// Returns the number of passages that were added or removed since the last commit.
    fn uncommitted_passages(&self) -> usize {
        let (committed, added) = self.segments().split_at(self.committed);
        let passages = |segments: &[LiveSegment]| -> usize {
            segments.iter().map(LiveSegment::passages).sum()
        };
        let removed = passages(&self.base.segments) - passages(committed);
        passages(added) + removed
    }
}

/// Starts the thread that commits by the schedule of `writer`.
fn start(writer: &Arc<ScheduledWriter>) -> Result<JoinHandle<()>> {
    let writer = Arc::clone(writer);
    let thread = thread::Builder::new().name("passim-commit".to_owned());
    thread.spawn(move || writer.commit_by_schedule()).map_err(|error| Error::Threads(error.into()))
}

impl SharedRetriever {
    /// Adds articles. An article replaces an earlier one of the same key.
    ///
    /// On an error no article is added. Reads find the articles after the next commit.
    ///
    /// # Errors
    ///
    /// - [`Error::BackgroundCommit`] if the last commit in the background failed.
    /// - [`Error::Closed`] after [`close`](Self::close).
    /// - As [`Retriever::add`].
    #[instrument(level = "debug", skip_all)]
    pub fn add(&self, articles: impl IntoIterator<Item = Article>) -> Result<AddReport> {
        // An iterator may take its time, so it is read before other writes have to wait.
        let articles: Vec<Article> = articles.into_iter().collect();
        self.parts.writer.write(|retriever| retriever.add(articles))
    }

    /// Adds new articles and replaces changed ones, as [`Retriever::upsert`] does; unchanged articles
    /// are neither stored nor embedded again.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    #[instrument(level = "debug", skip_all)]
    pub fn upsert(&self, articles: impl IntoIterator<Item = Article>) -> Result<SyncReport> {
        let articles: Vec<Article> = articles.into_iter().collect();
        self.parts.writer.write(|retriever| retriever.upsert(articles))
    }

    /// Adds articles with given passages and vectors, as [`Retriever::add_embedded`] does; neither
    /// the model nor the [chunker](Self::chunker) is called.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add), and [`Error::Dimension`] if vectors do not have the dimension of the
    /// model.
    #[instrument(level = "debug", skip_all)]
    pub fn add_embedded(
        &self,
        articles: impl IntoIterator<Item = EmbeddedArticle>,
    ) -> Result<AddReport> {
        let articles: Vec<EmbeddedArticle> = articles.into_iter().collect();
        self.parts.writer.write(|retriever| retriever.add_embedded(articles))
    }

    /// Adds new articles with given passages and vectors, and replaces changed ones, as
    /// [`Retriever::upsert_embedded`] does.
    ///
    /// # Errors
    ///
    /// As [`add_embedded`](Self::add_embedded).
    #[instrument(level = "debug", skip_all)]
    pub fn upsert_embedded(
        &self,
        articles: impl IntoIterator<Item = EmbeddedArticle>,
    ) -> Result<SyncReport> {
        let articles: Vec<EmbeddedArticle> = articles.into_iter().collect();
        self.parts.writer.write(|retriever| retriever.upsert_embedded(articles))
    }

    /// Makes the corpus equal to `articles` and commits, as [`Retriever::sync`] does.
    ///
    /// It is one write: others wait until it ends. It reads `articles` as it goes, so a slow iterator
    /// makes them wait longer. Reads see each of its checkpoints. The commits include uncommitted
    /// changes of other threads, except for articles that are not given, which are removed.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add) and [`commit`](Self::commit).
    #[instrument(level = "debug", skip_all)]
    pub fn sync(&self, articles: impl IntoIterator<Item = Article>) -> Result<SyncReport> {
        self.parts.writer.write_alone(|retriever| retriever.sync(articles))
    }

    /// Makes the corpus equal to `articles` and commits, but keeps what could not be read, as
    /// [`Retriever::try_sync`] does. It is one write, as [`sync`](Self::sync) is.
    ///
    /// # Errors
    ///
    /// As [`sync`](Self::sync).
    #[instrument(level = "debug", skip_all)]
    pub fn try_sync<E: Into<UnreadSource>>(
        &self,
        articles: impl IntoIterator<Item = Result<Article, E>>,
    ) -> Result<SyncReport> {
        self.parts.writer.write_alone(|retriever| retriever.try_sync(articles))
    }

    /// Makes the corpus equal to the files of a folder and commits, as [`Retriever::sync_folder`]
    /// does. Only changed files are read. It is one write, as [`sync`](Self::sync) is.
    ///
    /// # Errors
    ///
    /// - [`Error::BackgroundCommit`] if the last commit in the background failed.
    /// - [`Error::Closed`] after [`close`](Self::close).
    /// - As [`Retriever::sync_folder`].
    #[instrument(level = "debug", skip_all)]
    pub fn sync_folder(&self, files: impl Into<ArticleFiles>) -> Result<SyncReport> {
        self.parts.writer.write_alone(|retriever| retriever.sync_folder(files))
    }

    /// Removes the article of this key; returns `false` if there is none. Reads find it until the
    /// next commit.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add), of [`Retriever::remove`].
    pub fn remove(&self, key: &str) -> Result<bool> {
        self.parts.writer.write(|retriever| retriever.remove(key))
    }

    /// Removes the articles that `filter` matches; returns their number. Reads find them until the next
    /// commit.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add), of [`Retriever::remove_where`].
    #[instrument(level = "debug", skip_all)]
    pub fn remove_where(&self, filter: &Filter) -> Result<usize> {
        self.parts.writer.write(|retriever| retriever.remove_where(filter))
    }

    /// Commits the changes of all threads, and returns the number of the generation; see
    /// [`Retriever::commit`].
    ///
    /// # Errors
    ///
    /// - As [`Retriever::commit`]. The changes remain for the next commit.
    /// - [`Error::Closed`] after [`close`](Self::close).
    pub fn commit(&self) -> Result<u64> {
        self.parts.merge_queue.take_failure()?;
        self.parts.writer.commit()
    }

    /// Discards the changes of all threads since the last commit.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] after [`close`](Self::close).
    pub fn rollback(&self) -> Result<()> {
        self.parts.writer.run_alone(|retriever| {
            retriever.rollback();
            Ok(())
        })
    }

    /// Commits all articles in one segment, as [`Retriever::compact`] does. Writes wait meanwhile;
    /// reads do not.
    ///
    /// # Errors
    ///
    /// As [`Retriever::compact`]; [`Error::Closed`] after [`close`](Self::close).
    pub fn compact(&self) -> Result<u64> {
        self.parts.writer.run_alone(Retriever::compact)
    }

    /// Waits until the segments of the last commit are merged and their graphs are built, as
    /// [`Retriever::wait_for_merges`] does. Writes and commits of other threads run meanwhile. If they
    /// make further merges due, it waits for these, too.
    ///
    /// # Errors
    ///
    /// - As [`Retriever::wait_for_merges`].
    /// - [`Error::Closed`] after [`close`](Self::close), which ends merges.
    #[instrument(level = "debug", skip_all)]
    pub fn wait_for_merges(&self) -> Result<()> {
        let SharedParts { writer, merge_queue, cancel, .. } = &*self.parts;
        merge_queue.take_failure()?;
        while let Some(request) = writer.run(|retriever| Ok(retriever.request_merges()))? {
            if merge_queue.wait(request, cancel)? {
                break;
            }
        }
        writer.run(Retriever::follow_merges)
    }

    /// Commits, waits for merges in the background, measures the recall of the graphs as
    /// [`Retriever::calibrate`] does, and commits the calibration. Queries can then request a
    /// [recall](crate::Query::recall). Writes wait while the recall is measured; reads do not.
    ///
    /// # Errors
    ///
    /// As [`commit`](Self::commit) and [`Retriever::calibrate`]. If the last commit fails, the calibration
    /// remains, as other changes do, and the next commit publishes it.
    #[instrument(level = "debug", skip_all, fields(questions = questions.len(), target_recall))]
    pub fn calibrate(
        &self,
        target_recall: f32,
        questions: &[impl AsRef<str>],
    ) -> Result<CalibrationReport> {
        self.commit()?;
        self.wait_for_merges()?;
        self.parts.writer.run_alone(|retriever| {
            let report = retriever.calibrate_present(target_recall, questions)?;
            retriever.commit_changes()?;
            Ok(report)
        })
    }

    /// Commits the changes of all threads, ends the background threads and releases the lock of the
    /// folder. A merge that runs is given up. Returns the number of the last generation.
    ///
    /// It waits for writes that were called before. Later writes, of all clones, return
    /// [`Error::Closed`]; reads still answer from the last commit. Closing again does nothing.
    ///
    /// # Errors
    ///
    /// - The errors of [`Retriever::commit`]. The retriever then stays open with its changes: remove
    ///   the cause and close it again, or [roll back](Self::rollback) before.
    /// - [`Error::CommitPanic`] if the progress callback panics.
    pub fn close(&self) -> Result<u64> {
        self.parts.writer.close()?;
        self.parts.join();
        Ok(self.generation())
    }
}

impl SharedParts {
    /// Waits for the end of the background thread, once the writer is closed.
    fn join(&self) {
        let background = self.background.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(panic)) = background.map(JoinHandle::join) {
            let panic = panic_message(&*panic);
            tracing::error!(panic, "the thread of background commits panicked");
        }
    }
}

impl Drop for SharedParts {
    fn drop(&mut self) {
        if let Err(error) = self.writer.close() {
            tracing::error!(%error, "the last commit failed: the changes since the last one are lost");
            self.writer.discard();
        }
        self.join();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::embed::WordSums;

    #[test]
    fn dropping_the_last_clone_ends_the_background_thread() {
        let retriever = Retriever::builder().embedder(WordSums::default()).in_memory().unwrap();
        let schedule = CommitSchedule::on_demand().every(Duration::from_hours(1));
        let shared = retriever.into_shared(schedule).unwrap();
        let clone = shared.clone();
        shared.add([Article::new("a", "alpha")]).unwrap();
        let searcher = shared.searcher();
        let writer = Arc::downgrade(&shared.parts.writer);
        drop(shared);
        assert!(writer.upgrade().is_some(), "a clone is left");
        drop(clone);
        // The thread shares the writer until it ends.
        assert!(writer.upgrade().is_none());
        let mut searcher = searcher;
        assert_eq!((searcher.articles(), searcher.reload().unwrap()), (0, true));
        assert_eq!(searcher.articles(), 1, "the pending change was committed");
    }

    #[test]
    fn only_a_schedule_starts_a_thread() {
        let builder = || Retriever::builder().embedder(WordSums::default());
        let start = |schedule| builder().in_memory().unwrap().into_shared(schedule).unwrap();
        let has_thread =
            |shared: &SharedRetriever| shared.parts.background.lock().unwrap().is_some();
        assert!(!has_thread(&start(CommitSchedule::on_demand())));
        assert!(has_thread(&start(CommitSchedule::on_demand().after_passages(1))));
    }

    #[test]
    fn changed_passages_are_counted_until_the_commit() {
        let builder = Retriever::builder().embedder(WordSums::default());
        let mut retriever = builder.in_memory().unwrap();
        let article = |key: u32, text: &str| Article::new(key.to_string(), text);
        retriever.add((0..5).map(|key| article(key, "alpha"))).unwrap();
        assert_eq!((retriever.uncommitted_passages(), retriever.needs_commit()), (5, true));
        retriever.commit().unwrap();
        assert_eq!((retriever.uncommitted_passages(), retriever.needs_commit()), (0, false));
        retriever.add([article(0, "beta"), article(9, "beta")]).unwrap();
        assert_eq!(retriever.uncommitted_passages(), 3, "one was removed");
        retriever.remove("1").unwrap();
        retriever.remove("9").unwrap();
        assert_eq!(retriever.uncommitted_passages(), 3);
        retriever.rollback();
        assert_eq!((retriever.uncommitted_passages(), retriever.needs_commit()), (0, false));
    }
}
