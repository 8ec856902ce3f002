//! Settings of a retriever, which are checked before any work.

use std::{fmt, path::Path, sync::Arc};

use super::{
    Settings,
    background_merges::BackgroundMerges,
    committed_corpus::CommittedCorpus,
    retriever_settings::RetrieverSettings,
    searcher::{Snapshot, SnapshotSource},
    verify_model::{check_probes, probes},
};
use crate::{
    Cancel, Chunker, Embedder, EmbeddingCache, Error, IndexChoice, Progress, Reranker, Result,
    Retriever, Searcher, StaticEmbedder,
    store::{self, CorpusContents, Manifest, OpenedStore, Probe, Store},
    work::ProgressCallback,
};

/// Settings of a [`Retriever`] or [`Searcher`], which are checked when it is created or opened.
///
/// # Asynchronous code
///
/// The methods that create or open an index block: call them by `spawn_blocking`, as
/// [the guide](crate::guide::running_a_service#asynchronous-code) shows.
///
/// # Examples
///
/// ```
/// use passim::{Chunker, Retriever};
///
/// let retriever = Retriever::builder()
///     .chunker(Chunker::default().max_tokens(120))
///     .progress(|progress| eprintln!("{} of {}", progress.done, progress.total))
///     .in_memory()?;
/// assert_eq!(retriever.passages(), 0);
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Default)]
pub struct RetrieverBuilder {
    embedder: Option<Arc<dyn Embedder>>,
    reranker: Option<Arc<dyn Reranker>>,
    settings: RetrieverSettings,
    progress: Option<ProgressCallback>,
    cancel: Cancel,
    /// Takes the place of the cache of the settings.
    shared_cache: Option<EmbeddingCache>,
}

impl fmt::Debug for RetrieverBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetrieverBuilder")
            .field("model", &self.embedder.as_ref().map(Embedder::identity))
            .field("reranker", &self.reranker.as_ref().map(Reranker::identity))
            .field("settings", &self.settings)
            .field("shared_cache", &self.shared_cache)
            .finish_non_exhaustive()
    }
}

impl RetrieverBuilder {
    /// Sets the embedding model. The default is the bundled one.
    #[must_use]
    pub fn embedder(mut self, embedder: impl Embedder + 'static) -> Self {
        self.embedder = Some(Arc::new(embedder));
        self
    }

    /// Sets the model that [reranks](crate::Query::rerank) the hits of a search. The default is
    /// none. The reranker is not part of the index.
    #[must_use]
    pub fn reranker(mut self, reranker: impl Reranker + 'static) -> Self {
        self.reranker = Some(Arc::new(reranker));
        self
    }

    /// Sets all settings that are data, in place of those set before.
    #[must_use]
    pub fn settings(mut self, settings: &RetrieverSettings) -> Self {
        self.settings = settings.clone();
        self.shared_cache = None;
        self
    }

    /// Sets the chunker. The default is that of the opened index, or `Chunker::default()` for a new
    /// index.
    ///
    /// Articles in the index keep their passages until they are added again.
    /// [`Retriever::sync`] and [`Retriever::upsert`] replace unchanged articles as well if they
    /// were chunked with other settings.
    #[must_use]
    pub fn chunker(mut self, chunker: Chunker) -> Self {
        self.settings.chunker = Some(chunker);
        self
    }

    /// Sets the vector index. The default is that of the opened index, or `IndexChoice::default()`.
    #[must_use]
    pub fn index(mut self, index: IndexChoice) -> Self {
        self.settings.index = Some(index);
        self
    }

    /// Sets the number of threads that embed, `>= 1`. The default is
    /// [`Embedder::max_concurrency`].
    #[must_use]
    pub fn embed_threads(mut self, embed_threads: usize) -> Self {
        self.settings.embed_threads = Some(embed_threads);
        self
    }

    /// Sets the number of new passages after which [`Retriever::sync`] commits, `>= 1`. The default
    /// is 4,096.
    #[must_use]
    pub fn checkpoint(mut self, passages: usize) -> Self {
        self.settings.checkpoint = passages;
        self
    }

    /// Sets the number of threads that merge segments and build graphs in the background, up to
    /// 1,024. The default is half of the available ones, at least 1 and at most 4. With 0, commits merge before they
    /// publish, on the current `rayon` pool.
    ///
    /// Many passages that are added at once, such as those of a first import, are indexed fastest
    /// with 0 or by a final [`Retriever::wait_for_merges`]. Graphs do not depend on the number of
    /// threads.
    #[must_use]
    pub fn merge_threads(mut self, threads: usize) -> Self {
        self.settings.merge_threads = Some(threads);
        self
    }

    /// Sets whether to verify the vectors of the model. The default is `false`.
    ///
    /// If `true`, creating an index embeds three texts and stores their vectors. Opening it with
    /// `true` embeds these texts again and compares the vectors; an index that was created with
    /// `false` stores none, which is an [`Error::NotVerifiable`]. Without verification neither
    /// calls the model.
    #[must_use]
    pub fn verify_model(mut self, verify: bool) -> Self {
        self.settings.verify_model = verify;
        self
    }

    /// Calls `progress` during long operations; [`Progress::phase`] names the operation.
    ///
    /// While a sync takes articles or files whose number is known, it is called from the thread of
    /// the sync. While articles are embedded, it is called after every batch, from the thread that
    /// embedded the batch. Once the upper layers of a graph are built, it is called at least once per
    /// 4,096 vectors that are linked, from the thread of [background merges](Self::merge_threads) or the
    /// one that commits. The callback must not wait for the retriever: compacting and dropping it wait
    /// for the callback.
    #[must_use]
    pub fn progress(mut self, progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }

    /// Sets the handle that ends adding, committing, calibrating and
    /// [rebuilding](Self::rebuild) with [`Error::Cancelled`].
    ///
    /// It is checked between files, between batches of texts, at least once per 64 vectors of a graph
    /// and between questions of a calibration. These operations fail until the handle is
    /// [reset](Cancel::reset). It ends [waiting](Retriever::wait_for_merges) for background merges, but
    /// not the merges.
    #[must_use]
    pub fn cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Caches the vectors of embedded texts in an [`EmbeddingCache`] of at most `bytes`. The default
    /// is no cache.
    ///
    /// A text whose vector is in the cache is not embedded again. This helps if an article is removed
    /// and added again, if a change was rolled back, or if a process ended before its commit.
    ///
    /// If the index is in a folder, the cache is the file `embeddings.cache` there, and `bytes` is
    /// 4,096 or more. Only the writer opens the file. A batch enters it as soon as it is embedded.
    /// The file may be removed while the index is not open.
    ///
    /// Vectors of questions are cached in memory, within the same bound. A retriever and its
    /// searchers share one such cache; each [opened](Self::open_searcher) searcher has its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, Retriever};
    ///
    /// # let temp = tempfile::tempdir().unwrap();
    /// # let folder = temp.path().join("index");
    /// let article = || [Article::new("moor.txt", "Moore speichern viel Kohlenstoff.")];
    /// let mut retriever = Retriever::builder().embedding_cache(1 << 30).create(&folder)?;
    /// retriever.add(article())?;
    /// drop(retriever); // without a commit
    ///
    /// let mut retriever = Retriever::builder().embedding_cache(1 << 30).open(&folder)?;
    /// let report = retriever.add(article())?;
    /// assert_eq!((report.embedding.texts, report.embedding.cached), (1, 1));
    /// # Ok::<(), passim::Error>(())
    /// ```
    #[must_use]
    pub fn embedding_cache(mut self, bytes: usize) -> Self {
        self.settings.embedding_cache = Some(bytes);
        self.shared_cache = None;
        self
    }

    /// Caches vectors in `cache`, which several retrievers can share; otherwise like
    /// [`embedding_cache`](Self::embedding_cache). Vectors of questions are cached in its memory,
    /// never in its file.
    #[must_use]
    pub fn shared_embedding_cache(mut self, cache: &EmbeddingCache) -> Self {
        self.shared_cache = Some(cache.clone());
        self
    }

    /// Creates an empty corpus in memory.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if a setting is out of range.
    pub fn in_memory(self) -> Result<Retriever> {
        let embedder = self.checked_embedder()?;
        self.retriever(embedder, None, Snapshot::default())
    }

    /// Creates an empty index in the folder at `path`. The folder and its parents are created if
    /// missing.
    ///
    /// # Errors
    ///
    /// - [`Error::Setting`] if a setting is out of range.
    /// - [`Error::IndexExists`] if the folder holds an index.
    /// - [`Error::Locked`] if another writer is creating one.
    /// - [`Error::Write`] if the folder cannot be written.
    /// - [`Error::Corrupt`] if the folder holds segments without a manifest.
    /// - The errors of [`EmbeddingCache::open`] and of the embedder.
    pub fn create(self, path: impl AsRef<Path>) -> Result<Retriever> {
        let embedder = self.checked_embedder()?;
        let contents = CorpusContents {
            model: embedder.identity().clone(),
            dim: embedder.dim(),
            chunker: self.settings.chunker.clone().unwrap_or_default(),
            index: self.settings.index.unwrap_or_default(),
            probes: self.probes(&*embedder)?,
        };
        let store = Store::create(path.as_ref(), Manifest::empty(contents))?;
        let snapshot =
            Snapshot { manifest: store.id(), bytes_on_disk: store.bytes(), ..Snapshot::default() };
        self.retriever(embedder, Some(store), snapshot)
    }

    /// Opens the index in the folder at `path` for searching and changing.
    ///
    /// Files are read lazily: the first search reads and verifies the search structures; vectors
    /// and texts are read and verified one by one. Files are memory-mapped: if another program
    /// truncates one while it is open, the process receives SIGBUS.
    ///
    /// # Errors
    ///
    /// - [`Error::Setting`] if a setting is out of range.
    /// - [`Error::NoIndex`] if the folder holds no index.
    /// - [`Error::Locked`] if another writer has the index open.
    /// - [`Error::ModelMismatch`] or [`Error::ModelDrift`] if it was created with another model.
    /// - [`Error::NotVerifiable`] if [`verify_model`](Self::verify_model) is set and the index was
    ///   created without it.
    /// - [`Error::Corrupt`] or [`Error::Version`] if a file is damaged or of another version.
    /// - [`Error::Read`] or [`Error::Write`] if a file cannot be read or written.
    /// - The errors of [`EmbeddingCache::open`] and of the embedder.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Retriever> {
        let embedder = self.checked_embedder()?;
        let OpenedStore { store, generation } = Store::open(path.as_ref())?;
        self.check_model(&*embedder, &generation.manifest.contents)?;
        let snapshot = generation.into();
        self.retriever(embedder, Some(store), snapshot)
    }

    /// [`open`](Self::open)s the index in the folder at `path`, or [`create`](Self::create)s
    /// it if there is none.
    ///
    /// # Errors
    ///
    /// As `open` and `create`.
    pub fn open_or_create(self, path: impl AsRef<Path>) -> Result<Retriever> {
        if store::exists(path.as_ref())? { self.open(path) } else { self.create(path) }
    }

    /// Opens the index in the folder at `path` for searching alone. Settings that concern adding
    /// and committing have no effect.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), without [`Error::Locked`] and [`Error::Write`]: it takes no lock and
    /// writes nothing.
    pub fn open_searcher(self, path: impl AsRef<Path>) -> Result<Searcher> {
        let embedder = self.checked_embedder()?;
        let path = path.as_ref();
        // An absolute path remains valid if the process changes its working folder.
        let path = std::path::absolute(path).map_err(Error::read(path))?;
        let generation = store::read(&path)?;
        self.check_model(&*embedder, &generation.manifest.contents)?;
        let snapshot = Arc::new(generation.into());
        let embed_threads = self.settings.embed_threads;
        let cache = self.cache_in(None)?.map(|cache| cache.without_file());
        let source = SnapshotSource::Folder(path);
        Ok(Searcher { embedder, snapshot, source, embed_threads, reranker: self.reranker, cache })
    }

    /// Checks all settings and returns the embedder.
    pub(super) fn checked_embedder(&self) -> Result<Arc<dyn Embedder>> {
        self.settings.check()?;
        match &self.embedder {
            Some(embedder) => Ok(Arc::clone(embedder)),
            None => Ok(Arc::new(StaticEmbedder::bundled()?)),
        }
    }

    /// Returns the texts with their vectors that a new index stores.
    pub(super) fn probes(&self, embedder: &dyn Embedder) -> Result<Vec<Probe>> {
        if self.settings.verify_model { probes(embedder) } else { Ok(Vec::new()) }
    }

    /// Checks that `embedder` is the model that created the index.
    fn check_model(&self, embedder: &dyn Embedder, contents: &CorpusContents) -> Result<()> {
        contents.check_model(embedder)?;
        if self.settings.verify_model { check_probes(embedder, &contents.probes) } else { Ok(()) }
    }

    /// Returns the retriever of `store`, whose corpus is `snapshot`; in memory without a store.
    pub(super) fn retriever(
        self,
        embedder: Arc<dyn Embedder>,
        store: Option<Store>,
        snapshot: Snapshot,
    ) -> Result<Retriever> {
        let cache = self.cache_in(store.as_ref())?;
        let Self { settings, progress, cancel, reranker, .. } = self;
        let RetrieverSettings { embed_threads, checkpoint, merge_threads, .. } = settings;
        let merges = BackgroundMerges::new(merge_threads);
        let stored = store.as_ref().map(|store| &store.manifest().contents);
        let chunker =
            settings.chunker.or_else(|| Some(stored?.chunker.clone())).unwrap_or_default();
        let index = settings.index.or_else(|| Some(stored?.index)).unwrap_or_default();
        let snapshot = Arc::new(snapshot);
        let folder = store.as_ref().map(|store| store.path().to_owned());
        let corpus = Arc::new(CommittedCorpus::new(store, Arc::clone(&snapshot)));
        let source = match folder {
            Some(folder) => SnapshotSource::Folder(folder),
            None => SnapshotSource::Writer(Arc::clone(corpus.latest())),
        };
        let for_questions = cache.as_ref().map(EmbeddingCache::without_file);
        Ok(Retriever {
            merges,
            committed: snapshot.segments.len(),
            base: Arc::clone(&snapshot),
            searcher: Searcher {
                embedder,
                snapshot,
                source,
                embed_threads,
                reranker,
                cache: for_questions,
            },
            settings: Settings { chunker, index, checkpoint, progress, cancel, cache },
            corpus,
            changed: false,
            is_committing: false,
        })
    }

    /// Opens the configured cache: in the folder of `store`, or in memory without one.
    fn cache_in(&self, store: Option<&Store>) -> Result<Option<EmbeddingCache>> {
        let Some(bytes) = self.settings.embedding_cache.filter(|_| self.shared_cache.is_none())
        else {
            return Ok(self.shared_cache.clone());
        };
        match store {
            Some(store) => EmbeddingCache::open(store.cache_path(), bytes).map(Some),
            None => Ok(Some(EmbeddingCache::in_memory(bytes))),
        }
    }
}

impl Searcher {
    /// Opens the index in the folder at `path` for searching alone, with the bundled model.
    ///
    /// Opening takes no lock and writes nothing.
    ///
    /// # Errors
    ///
    /// As [`RetrieverBuilder::open_searcher`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        RetrieverBuilder::default().open_searcher(path)
    }
}
