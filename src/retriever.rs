//! The retriever: chunks, embeds, indexes and searches articles.

mod background_merges;
mod backup;
mod commit;
mod commit_schedule;
mod committed_corpus;
mod count_matches;
mod folder_run;
mod follow_merges;
mod graph_calibration;
mod ingest;
mod merge_queue;
mod merge_segments;
mod merge_thread;
mod rebuild;
mod retriever_builder;
mod retriever_settings;
mod searcher;
mod select_articles;
mod shared_retriever;
mod started_commit;
mod stats;
mod sync;
mod sync_folder;
mod unindexed_segment;
mod verify_model;

use std::{fmt, path::Path, sync::Arc};

use crate::{
    Article, Cancel, Chunker, Context, ContextOptions, EmbeddedArticle, Embedder, EmbeddingCache,
    Excerpt, Highlights, Hit, Hits, IndexChoice, Query, Result,
    store::{
        self,
        segment::{LiveSegment, find_article},
    },
    work::{ProgressCallback, WorkMonitor},
};
use background_merges::BackgroundMerges;
use committed_corpus::CommittedCorpus;
use searcher::Snapshot;

pub use commit_schedule::CommitSchedule;
pub use retriever_builder::RetrieverBuilder;
pub use retriever_settings::RetrieverSettings;
pub use searcher::Searcher;
pub use shared_retriever::SharedRetriever;
pub use stats::{SegmentStats, Stats, VerifyReport};

/// A corpus of articles that can be searched, in memory or in a folder.
///
/// A retriever changes the corpus (`&mut self`) and [commits](Self::commit) the changes. Its own
/// searches also find uncommitted articles. Searchers find the last commit:
/// [`searcher`](Self::searcher) returns one for another thread, [`Searcher::open`] opens one in
/// another process. [`into_shared`](Self::into_shared) lets many threads change and search it.
///
/// A commit does not wait for the graphs of large segments: a thread merges segments and builds their
/// graphs in the [background](RetrieverBuilder::merge_threads), and publishes them when they are
/// ready. They change no article and no [generation](Searcher::generation).
///
/// Dropping a retriever discards uncommitted changes and ends a running merge. Call
/// [`wait_for_merges`](Self::wait_for_merges) before, unless the next retriever of the index is to
/// finish it.
///
/// # Asynchronous code
///
/// Methods that embed, search, write or read files block: call them by `spawn_blocking`, as
/// [the guide](crate::guide::running_a_service#asynchronous-code) shows.
///
/// # Examples
///
/// ```
/// use passim::{Article, Retriever};
///
/// let mut retriever = Retriever::in_memory()?;
/// retriever.add([
///     Article::new("moor.txt", "Moore speichern mehr Kohlenstoff als alle Wälder der Erde."),
///     Article::new("brot.txt", "Ein Sauerteig braucht Mehl, Wasser und Geduld."),
/// ])?;
/// let hits = retriever.search("What do peat bogs store?")?;
/// assert_eq!(hits[0].article, "moor.txt");
/// assert_eq!(hits[0].range, 0..59);
/// # Ok::<(), passim::Error>(())
/// ```
///
/// In a folder:
///
/// ```
/// use passim::{Article, Retriever};
///
/// # let temp = tempfile::tempdir().unwrap();
/// # let folder = temp.path().join("index");
/// let mut retriever = Retriever::create(&folder)?;
/// retriever.add([Article::new("moor.txt", "Moore speichern viel Kohlenstoff.")])?;
/// retriever.commit()?;
/// drop(retriever);
///
/// let retriever = Retriever::open(&folder)?;
/// assert_eq!(retriever.search("What do peat bogs store?")?[0].article, "moor.txt");
/// # Ok::<(), passim::Error>(())
/// ```
pub struct Retriever {
    /// Declared first: its thread ends before the lock is released.
    merges: BackgroundMerges,
    /// The corpus with uncommitted changes.
    searcher: Searcher,
    /// The last commit, or a later form of it, that the changes were made to.
    base: Arc<Snapshot>,
    /// Number of leading segments that belong to `base`.
    committed: usize,
    /// Declared before `corpus`: the cache closes before the lock is released to the next writer.
    settings: Settings,
    /// The last commit.
    corpus: Arc<CommittedCorpus>,
    /// Whether there are uncommitted changes.
    changed: bool,
    /// Whether a commit was started and has not ended.
    is_committing: bool,
}

/// The settings of a built retriever.
struct Settings {
    chunker: Chunker,
    index: IndexChoice,
    checkpoint: usize,
    progress: Option<ProgressCallback>,
    cancel: Cancel,
    /// Vectors of added passages; a file if the index is in a folder.
    cache: Option<EmbeddingCache>,
}

impl Settings {
    /// Progress callback and cancellation handle of a long operation.
    fn monitor(&self) -> WorkMonitor<'_> {
        let progress = self.progress.as_deref().map(|progress| progress as &(dyn Fn(_) + Sync));
        WorkMonitor::new(&self.cancel, progress)
    }
}

impl fmt::Debug for Retriever {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retriever")
            .field("searcher", &self.searcher)
            .field("corpus", &self.corpus)
            .field("chunker", &self.settings.chunker)
            .field("index", &self.settings.index)
            .finish_non_exhaustive()
    }
}

impl Retriever {
    /// Creates an empty corpus in memory, with the bundled German and English model.
    ///
    /// # Errors
    ///
    /// None in practice: the bundled model is part of the crate.
    pub fn in_memory() -> Result<Self> {
        Self::builder().in_memory()
    }

    /// Creates an empty index in the folder at `path`, with the bundled model.
    ///
    /// # Errors
    ///
    /// As [`RetrieverBuilder::create`].
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder().create(path)
    }

    /// Opens the index in the folder at `path`, which was created with the bundled model.
    ///
    /// # Errors
    ///
    /// As [`RetrieverBuilder::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder().open(path)
    }

    /// Opens the index in the folder at `path`, or creates it if there is none.
    ///
    /// # Errors
    ///
    /// As [`RetrieverBuilder::open_or_create`].
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder().open_or_create(path)
    }

    /// Embeds all articles of the index in the folder at `path` with `embedder`, and replaces the
    /// index by the result in one step.
    ///
    /// # Errors
    ///
    /// As [`RetrieverBuilder::rebuild`].
    pub fn rebuild(path: impl AsRef<Path>, embedder: impl Embedder + 'static) -> Result<Self> {
        Self::builder().embedder(embedder).rebuild(path)
    }

    /// Returns whether the folder at `path` holds an index.
    ///
    /// # Errors
    ///
    /// [`Error::Read`](crate::Error::Read) if the folder cannot be read.
    pub fn exists(path: impl AsRef<Path>) -> Result<bool> {
        store::exists(path.as_ref())
    }

    /// Returns the settings of a retriever, with their defaults.
    #[must_use]
    pub fn builder() -> RetrieverBuilder {
        RetrieverBuilder::default()
    }

    /// Removes the article of this key; returns `false` if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](crate::Error::Corrupt) if a file of the index is damaged.
    pub fn remove(&mut self, key: &str) -> Result<bool> {
        self.follow_merges()?;
        let Some(place) = find_article(self.segments(), key)? else { return Ok(false) };
        self.segments_mut()[place.segment].remove(place.number)?;
        self.changed = true;
        Ok(true)
    }

    /// Discards all changes since the last commit. Merges in the background go on.
    pub fn rollback(&mut self) {
        self.continue_from(self.corpus.latest().get());
    }

    /// Returns the best passages for `query`; see [`Searcher::search`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::search`].
    pub fn search(&self, query: impl Into<Query>) -> Result<Hits> {
        self.current().search(query)
    }

    /// Returns the hits of each query, searched in parallel; see [`Searcher::search_many`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::search_many`].
    pub fn search_many<Q: Clone + Into<Query>>(&self, queries: &[Q]) -> Result<Vec<Hits>> {
        self.current().search_many(queries)
    }

    /// Returns articles similar to the article of this key; see [`Searcher::related`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::related`].
    pub fn related(&self, key: &str, k: usize) -> Result<Option<Hits>> {
        self.current().related(key, k)
    }

    /// Returns the sentences and words of a hit that match the question; see
    /// [`Searcher::highlights`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::highlights`].
    pub fn highlights(&self, query: impl Into<Query>, hit: &Hit) -> Result<Highlights> {
        self.current().highlights(query, hit)
    }

    /// Returns the highlights of each hit; see [`Searcher::highlights_many`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::highlights`].
    pub fn highlights_many(
        &self,
        query: impl Into<Query>,
        hits: &[Hit],
    ) -> Result<Vec<Highlights>> {
        self.searcher.highlights_many(query, hits)
    }

    /// Returns hits with their neighboring passages; see [`Searcher::excerpts`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::excerpts`].
    pub fn excerpts(&self, hits: &[Hit], around: usize) -> Result<Vec<Excerpt>> {
        self.current().excerpts(hits, around)
    }

    /// Returns hits as numbered context for a language model; see [`Searcher::context`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::context`].
    pub fn context(&self, hits: &[Hit], budget: usize) -> Result<Context> {
        self.current().context(hits, budget)
    }

    /// Returns hits as numbered context for a language model; see [`Searcher::context_with`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::context_with`].
    pub fn context_with(&self, hits: &[Hit], options: &ContextOptions<'_>) -> Result<Context> {
        self.searcher.context_with(hits, options)
    }

    /// Returns a searcher of the last commit, for another thread. It keeps this state until
    /// [`reload`](Searcher::reload).
    #[must_use]
    pub fn searcher(&self) -> Searcher {
        Searcher { snapshot: self.corpus.latest().get(), ..self.searcher.clone() }
    }

    /// A searcher of the corpus with uncommitted changes. Without any, it has the last merges.
    fn current(&self) -> Searcher {
        if self.changed { self.searcher.clone() } else { self.searcher() }
    }

    /// Returns the model that the corpus is embedded with.
    #[must_use]
    pub fn embedder(&self) -> &dyn Embedder {
        self.searcher.embedder()
    }

    /// Returns the chunker that splits added articles.
    #[must_use]
    pub fn chunker(&self) -> &Chunker {
        &self.settings.chunker
    }

    /// Returns the article of this key.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](crate::Error::Corrupt) if a file of the index is damaged.
    pub fn article(&self, key: &str) -> Result<Option<Article>> {
        self.searcher.article(key)
    }

    /// Returns the keys of all articles, in ascending order of their bytes.
    ///
    /// # Errors
    ///
    /// A key is an [`Error::Corrupt`](crate::Error::Corrupt) if its file is damaged.
    pub fn keys(&self) -> impl Iterator<Item = Result<&str>> {
        self.searcher.keys()
    }

    /// Reads all articles, in ascending order of the bytes of their keys; see
    /// [`Searcher::iter_articles`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::iter_articles`].
    pub fn iter_articles(&self) -> impl Iterator<Item = Result<Article>> {
        self.searcher.iter_articles()
    }

    /// Reads all articles with their passages and vectors, in ascending order of the bytes of their
    /// keys; see [`Searcher::iter_embedded`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::iter_embedded`].
    pub fn iter_embedded(&self) -> impl Iterator<Item = Result<EmbeddedArticle>> {
        self.searcher.iter_embedded()
    }

    /// Returns the number of articles.
    #[must_use]
    pub fn articles(&self) -> usize {
        self.searcher.articles()
    }

    /// Returns the number of passages.
    #[must_use]
    pub fn passages(&self) -> usize {
        self.searcher.passages()
    }

    fn segments(&self) -> &[LiveSegment] {
        &self.searcher.snapshot.segments
    }

    fn segments_mut(&mut self) -> &mut Vec<LiveSegment> {
        &mut Arc::make_mut(&mut self.searcher.snapshot).segments
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, HnswParams, Phase, embed::WordSums};

    fn retriever(index: IndexChoice) -> Retriever {
        let builder = Retriever::builder().embedder(WordSums::default()).index(index);
        builder.merge_threads(0).in_memory().unwrap()
    }

    fn articles(keys: std::ops::Range<usize>) -> impl Iterator<Item = Article> {
        keys.map(|key| Article::new(key.to_string(), "x".repeat(key % 200 + 1)))
    }

    fn sizes(retriever: &Retriever) -> Vec<usize> {
        retriever.segments().iter().map(LiveSegment::passages).collect()
    }

    #[test]
    fn segments_stay_few_and_equal_hits_follow_their_keys() {
        let mut retriever = retriever(IndexChoice::default());
        for key in 0..300 {
            retriever.add(articles(key..key + 1)).unwrap();
            retriever.commit().unwrap();
            let sizes = sizes(&retriever);
            assert_eq!(sizes.iter().sum::<usize>(), key + 1);
            for (position, size) in sizes.iter().enumerate() {
                let later: usize = sizes[position + 1..].iter().sum();
                assert!(*size > 8 * later, "{sizes:?}");
            }
        }
        for key in (0..300).filter(|key| key % 200 != 7) {
            retriever.remove(&key.to_string()).unwrap();
        }
        retriever.add(articles(407..408)).unwrap();
        for _ in 0..2 {
            let hits = retriever.search("x".repeat(8)).unwrap();
            let keys: Vec<_> = hits.iter().map(|hit| hit.article.as_str()).collect();
            assert_eq!(keys, ["207", "407", "7"]);
            let keys: Result<Vec<_>> = retriever.keys().collect();
            assert_eq!(keys.unwrap(), ["207", "407", "7"]);
            retriever.compact().unwrap();
            assert_eq!(sizes(&retriever), [3]);
        }
    }

    #[test]
    fn rollback_discards_uncommitted_changes() {
        let mut retriever = retriever(IndexChoice::Exact);
        retriever.add(articles(0..5)).unwrap();
        assert_eq!(retriever.commit().unwrap(), 1);
        retriever.add(articles(5..9)).unwrap();
        retriever.remove("3").unwrap();
        assert_eq!((retriever.articles(), retriever.searcher().articles()), (8, 5));
        retriever.rollback();
        assert_eq!((retriever.articles(), retriever.searcher().articles()), (5, 5));
        assert_eq!(retriever.commit().unwrap(), 1, "nothing to commit");
    }

    #[test]
    fn cancel_stops_graph_building() {
        let cancel = Cancel::new();
        let cancel_at_end = cancel.clone();
        let mut retriever = Retriever::builder()
            .embedder(WordSums::default())
            .index(IndexChoice::Hnsw(HnswParams::default()))
            .cancel(&cancel)
            .merge_threads(0)
            .progress(move |progress| {
                if progress.done == progress.total {
                    cancel_at_end.cancel();
                }
            })
            .in_memory()
            .unwrap();
        retriever.add(articles(0..100)).unwrap();
        assert!(matches!(retriever.commit(), Err(Error::Cancelled)));
        assert_eq!((retriever.articles(), retriever.searcher().articles()), (100, 0));
    }

    #[test]
    fn graph_building_reports_progress() {
        let reports = Arc::new(std::sync::Mutex::new(Vec::new()));
        let recorder = Arc::clone(&reports);
        let mut retriever = Retriever::builder()
            .embedder(WordSums::default())
            .index(IndexChoice::Hnsw(HnswParams::default()))
            .progress(move |progress| recorder.lock().unwrap().push(progress))
            .in_memory()
            .unwrap();
        retriever.add(articles(0..600)).unwrap();
        let embedding: Vec<_> = reports.lock().unwrap().drain(..).collect();
        assert!(embedding.iter().all(|progress| progress.phase == Phase::Embed));
        retriever.commit().unwrap();
        retriever.wait_for_merges().unwrap();
        let building = reports.lock().unwrap();
        for progress in building.iter() {
            // 200 of the 600 texts differ; the graph has one node for equal vectors.
            assert_eq!(progress.phase, Phase::BuildGraph);
            assert_eq!((progress.total, progress.tokens), (200, 0));
        }
        assert!(building.is_sorted_by_key(|progress| progress.done));
        assert_eq!(building.last().unwrap().done, 200);
    }

    #[test]
    fn add_rejects_too_large_articles() {
        let long = Article::new("long", "x".repeat(Article::MAX_BYTES + 1));
        let error = retriever(IndexChoice::Exact).add([long]).unwrap_err();
        assert!(matches!(&error, Error::ArticleTooLarge { key, .. } if key == "long"), "{error}");
    }
}
