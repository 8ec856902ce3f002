//! Settings of a corpus in PostgreSQL, and its opening.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    Corpus, CorpusParts,
    connection::RootCertificates,
    corpus_settings::CorpusSettings,
    extension, graph_index,
    retry::RetryPolicy,
    schema::Schema,
    shard_set::{ConnectionSettings, ShardSet},
    shared_statistics::StatisticsCache,
};
use crate::{
    Cancel, Chunker, Embedder, EmbeddingCache, Error, IndexChoice, Progress, Reranker, Result,
    StaticEmbedder, work::ProgressCallback,
};

/// Maximum number of connections to a server that one corpus opens by default.
const CONNECTIONS: usize = 8;
/// Number of times that a call is repeated by default.
const RETRIES: usize = 6;
/// Maximum number of times that a call is repeated.
const MAX_RETRIES: usize = 100;

/// Settings of a [`Corpus`], which are checked when it is created or opened.
///
/// The methods that create, open or upgrade a corpus block, and panic on a thread of an asynchronous
/// runtime: see [`Corpus`].
///
/// # Examples
///
/// ```no_run
/// use passim::{Article, postgres::Corpus};
///
/// let corpus = Corpus::builder()
///     .shards(["postgresql://me@one/passim", "postgresql://me@two/passim"])
///     .schema("library")
///     .open_or_create()?;
/// corpus.add([Article::new("moor.txt", "Moore speichern viel Kohlenstoff.")])?;
/// assert_eq!(corpus.search("What do peat bogs store?")?[0].article, "moor.txt");
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct CorpusBuilder {
    pub(super) urls: Vec<String>,
    pub(super) schema: String,
    embedder: Option<Arc<dyn Embedder>>,
    reranker: Option<Arc<dyn Reranker>>,
    pub(super) chunker: Option<Chunker>,
    embed_threads: Option<usize>,
    cache: Option<EmbeddingCache>,
    pub(super) settings: ConnectionSettings,
    progress: Option<ProgressCallback>,
    pub(super) index: IndexChoice,
    build_memory: Option<usize>,
    build_workers: Option<usize>,
    statistics_age: Duration,
}

impl Default for CorpusBuilder {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            schema: "passim".to_owned(),
            embedder: None,
            reranker: None,
            chunker: None,
            embed_threads: None,
            cache: None,
            settings: ConnectionSettings {
                connections: CONNECTIONS,
                retry: RetryPolicy { retries: RETRIES },
                roots: RootCertificates::default(),
                cancel: None,
            },
            progress: None,
            index: IndexChoice::default(),
            build_memory: None,
            build_workers: None,
            statistics_age: Duration::ZERO,
        }
    }
}

/// Writes no URL, since it may hold a password.
impl fmt::Debug for CorpusBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CorpusBuilder")
            .field("shards", &self.urls.len())
            .field("schema", &self.schema)
            .field("model", &self.embedder.as_ref().map(Embedder::identity))
            .field("chunker", &self.chunker)
            .finish_non_exhaustive()
    }
}

impl CorpusBuilder {
    /// Sets the URLs of the shards, such as `postgresql://user@host:5432/database`. An article is
    /// placed by a hash of its key, so their number and order are those of the creation.
    ///
    /// A URL may name several hosts, a primary server and its standbys. Reads go to the first one that
    /// accepts and that `target_session_attrs` allows: `any` (default), `read-only` for a standby, or
    /// `read-write` for the primary. Writes always go to the primary. `connect_timeout`, in seconds,
    /// bounds the time to connect to each; the default is 10.
    ///
    /// With `sslmode=require` the connection is encrypted, and the certificate of the server must be
    /// valid for its host; this needs the feature `postgres-tls`. Without it the connection is not
    /// encrypted.
    pub fn shards<U: Into<String>>(mut self, urls: impl IntoIterator<Item = U>) -> Self {
        self.urls = urls.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the schema that holds the tables, in each shard. The default is `passim`.
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = name.into();
        self
    }

    /// Sets the embedding model. The default is the bundled one.
    pub fn embedder(mut self, embedder: impl Embedder + 'static) -> Self {
        self.embedder = Some(Arc::new(embedder));
        self
    }

    /// Sets the model that [reranks](crate::Query::rerank) the hits of a search. The default is
    /// none. The reranker is not part of the corpus.
    pub fn reranker(mut self, reranker: impl Reranker + 'static) -> Self {
        self.reranker = Some(Arc::new(reranker));
        self
    }

    /// Sets the chunker. The default is that of the opened corpus, or `Chunker::default()` for a new
    /// one. All writers of a corpus use one chunker, so another one is refused.
    pub fn chunker(mut self, chunker: Chunker) -> Self {
        self.chunker = Some(chunker);
        self
    }

    /// Sets the number of threads that embed, `>= 1`. The default is
    /// [`Embedder::max_concurrency`].
    pub fn embed_threads(mut self, embed_threads: usize) -> Self {
        self.embed_threads = Some(embed_threads);
        self
    }

    /// Caches the vectors of questions and passages in `cache`. The default is no cache.
    pub fn shared_embedding_cache(mut self, cache: &EmbeddingCache) -> Self {
        self.cache = Some(cache.clone());
        self
    }

    /// Sets the maximum number of connections to each shard, `>= 1`. The default is 8. A search holds
    /// one to each shard, a write one at a time; further calls wait.
    pub fn connections(mut self, connections: usize) -> Self {
        self.settings.connections = connections;
        self
    }

    /// Sets how often a call is repeated, `retries <= 100`. The default is 6.
    ///
    /// A call is repeated if a server cannot be reached, ends the connection, or ends the transaction
    /// in favour of another one (SQLSTATE 40001 or 40P01). It waits for 50 ms before the first
    /// repetition and twice as long before each further one, at most 2 s, less a random part. Six
    /// repetitions wait for at most 3.2 s. A write repeats the transaction of the shard, a read
    /// starts again. A search whose [time limit](crate::Query::time_limit) passes is not repeated.
    ///
    /// A statement on a connection that died while it was idle is run again in any case.
    pub fn retries(mut self, retries: usize) -> Self {
        self.settings.retry = RetryPolicy { retries };
        self
    }

    /// Calls `progress` while articles are embedded, after every batch, from the thread that embedded
    /// it, and while a sync takes articles whose number is known. The calls of all clones of the corpus use it.
    pub fn progress(mut self, progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }

    /// Sets the handle that ends writes, maintenance, creation and upgrades with [`Error::Cancelled`],
    /// those of all clones of the corpus. They fail until the handle is [reset](Cancel::reset).
    ///
    /// It is checked between batches of texts, and ends running statements. A write that it ends can
    /// have written to some shards. [`Query::cancel`](crate::Query::cancel) ends a search.
    pub fn cancel(mut self, cancel: &Cancel) -> Self {
        self.settings.cancel = Some(cancel.clone());
        self
    }

    /// Sets the file of the certificates, in the format PEM, that encrypted connections trust. The
    /// default is those of the operating system.
    #[cfg(feature = "postgres-tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "postgres-tls")))]
    pub fn root_certificates(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.settings.roots = RootCertificates::File(path.into());
        self
    }

    /// Sets the index over the vectors of each shard. The default is `IndexChoice::Auto`.
    ///
    /// [`create`](Self::create) makes an empty graph for `IndexChoice::Hnsw`; then each write inserts
    /// into it, which is slow for a large load. [`Corpus::maintain`] builds a missing graph for
    /// `Hnsw`, and for `Auto` in shards of at least [`IndexChoice::GRAPH_FROM`] passages, and drops it
    /// for `Exact`. Every search uses a graph that is there. The setting is not part of the corpus.
    ///
    /// pgvector takes an `m` of 2 to 100 and an `ef_construction` of `2 * m` to 1,000.
    pub fn index(mut self, index: IndexChoice) -> Self {
        self.index = index;
        self
    }

    /// Sets the memory in which a server builds a graph (`maintenance_work_mem`), in bytes, from 1 MiB
    /// to 1 TiB. The default is the server's setting. A graph that does not fit is built more slowly;
    /// a passage takes about `2 * dim + 16 * m` bytes.
    pub fn build_memory(mut self, bytes: usize) -> Self {
        self.build_memory = Some(bytes);
        self
    }

    /// Sets the number of parallel workers with which a server builds a graph, besides the process of
    /// the connection (`max_parallel_maintenance_workers`), up to 1,024. The default is the server's
    /// setting. Where several shards share the cores of a machine, 0 is faster.
    pub fn build_workers(mut self, workers: usize) -> Self {
        self.build_workers = Some(workers);
        self
    }

    /// Lets searches of this corpus share statistics that are up to this old: the numbers of passages
    /// and words, how many passages have a word, the means of the vectors, and whether there are
    /// graphs. The default is zero: each search reads those of its own state.
    ///
    /// It saves a statement for questions whose words were asked before, and much reading if many
    /// changes are not folded. It lets scores follow the writes of others later by this time. Passages
    /// themselves are always those of the search's state, except that a shard that was empty is
    /// searched again only then. Writes of this corpus and its clones count at once. A
    /// [partial](crate::Query::partial) search reads its own statistics.
    pub fn statistics_age(mut self, statistics_age: Duration) -> Self {
        self.statistics_age = statistics_age;
        self
    }

    /// Opens a corpus for searching and changing.
    ///
    /// # Errors
    ///
    /// - [`Error::Setting`] if a setting is out of range, if there is no URL, or if the name of the
    ///   schema is empty or over 63 bytes; [`Error::Choice`] if it has a zero byte.
    /// - [`Error::ShardUrl`] for an invalid URL.
    /// - [`Error::Pgvector`] if the extension `vector` is too old.
    /// - [`Error::NoCorpus`] if a schema holds no corpus.
    /// - [`Error::ShardOrder`] if the URLs are not those of all shards in the order of the creation.
    /// - [`Error::ModelMismatch`] if the corpus was created with another model, and
    ///   [`Error::Dimension`] if its vectors have another dimension.
    /// - [`Error::Corrupt`] if the stored settings are invalid.
    /// - [`Error::CorpusSettings`] if it was created with another chunker or by other rules, or if the
    ///   URLs lead to shards of several corpora.
    /// - [`Error::CorpusVersion`] if its tables are of another version.
    /// - [`Error::Shard`] if a server does not run a statement.
    /// - The errors of the embedder.
    pub fn open(self) -> Result<Corpus> {
        self.check()?;
        let embedder = self.opened_embedder()?;
        let schema = Schema::new(&self.schema)?;
        let shards = ShardSet::new(&self.urls, &self.settings)?;
        let settings = shards.on_each(|_, connection| {
            extension::check(connection)?;
            CorpusSettings::read(connection, &schema)
        })?;
        let first = CorpusSettings::checked(&settings, &*embedder, self.chunker.as_ref())?;
        settings.iter().try_for_each(CorpusSettings::check_rules)?;
        self.corpus(embedder, schema, shards, first)
    }

    /// [`open`](Self::open)s a corpus, or [`create`](Self::create)s it if no shard holds one.
    ///
    /// # Errors
    ///
    /// As `open` and `create`. While another client creates the corpus, [`Error::CorpusBusy`] or
    /// [`Error::NoCorpus`]: repeat the call.
    pub fn open_or_create(self) -> Result<Corpus> {
        self.check()?;
        let schema = Schema::new(&self.schema)?;
        let shards = ShardSet::new(&self.urls, &self.settings)?;
        let exist = shards.on_each(|_, connection| CorpusSettings::exist(connection, &schema))?;
        drop(shards);
        if exist.contains(&true) {
            return self.open();
        }
        match self.clone().create() {
            // Another client has created it meanwhile.
            Err(Error::CorpusExists { .. }) => self.open(),
            created => created,
        }
    }

    pub(super) fn corpus(
        self,
        embedder: Arc<dyn Embedder>,
        schema: Schema,
        shards: ShardSet,
        settings: &CorpusSettings,
    ) -> Result<Corpus> {
        let Self { reranker, embed_threads, cache, progress, .. } = self;
        let Self { index, build_memory, build_workers, statistics_age, .. } = self;
        let parts = CorpusParts {
            schema,
            shards,
            embedder,
            reranker,
            chunker: settings.chunker.clone(),
            embed_threads,
            cache,
            progress,
            rules: settings.current_rules()?,
            statistics: StatisticsCache::new(statistics_age),
            index,
            build_memory,
            build_workers,
        };
        Ok(Corpus { parts: Arc::new(parts) })
    }

    pub(super) fn check(&self) -> Result<()> {
        self.chunker.iter().try_for_each(Chunker::check)?;
        let ConnectionSettings { connections, retry, .. } = &self.settings;
        Error::check_setting("connections", *connections, 1.., "1 or more")?;
        Error::check_setting("retries", retry.retries, 0..=MAX_RETRIES, "0 to 100")?;
        if let Some(embed_threads) = self.embed_threads {
            Error::check_setting("embed_threads", embed_threads, 1.., "1 or more")?;
        }
        if let Some(bytes) = self.build_memory {
            let allowed = "1 MiB to 1 TiB, in bytes";
            Error::check_setting("build_memory", bytes, 1 << 20..=1 << 40, allowed)?;
        }
        if let Some(workers) = self.build_workers {
            Error::check_setting("build_workers", workers, 0..=1_024, "0 to 1024")?;
        }
        match self.index {
            IndexChoice::Hnsw(params) | IndexChoice::Auto(params) => {
                graph_index::check_params(params)
            }
            IndexChoice::Exact => Ok(()),
        }
    }

    pub(super) fn opened_embedder(&self) -> Result<Arc<dyn Embedder>> {
        match &self.embedder {
            Some(embedder) => Ok(Arc::clone(embedder)),
            None => Ok(Arc::new(StaticEmbedder::bundled()?)),
        }
    }
}
