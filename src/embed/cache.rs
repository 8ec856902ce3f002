//! A cache of vectors by text, in memory or in a file.

mod cache_block;
mod cache_file;
mod cache_key;
mod lru_map;
mod memory_cache;

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Embedder, Error, Interrupt, Result, Role, Vectors};

use cache_file::CacheFile;
use cache_key::{CacheKey, Namespace};
use memory_cache::MemoryCache;

/// A cache of vectors, so that a text that occurs again is not embedded again.
///
/// The key of a vector is the [identity](crate::ModelIdentity) of the model, the [`Role`] and a
/// 128-bit hash (XXH3) of the text. One cache therefore serves any number of models. A cached
/// vector equals the model's vector bit for bit. Threads share a cache, and clones share its
/// contents.
///
/// The cache has a bound in bytes and discards the least recently used vectors. A lookup takes one
/// or two microseconds, an insertion slightly more. Embedding takes milliseconds per text with a
/// transformer model and tens of microseconds with the [bundled](crate::StaticEmbedder) model, so
/// the cache pays with both.
///
/// The identity does not cover every change, such as another version of the runtime. Delete the
/// cache after such a change, because its vectors are older.
///
/// # Examples
///
/// ```
/// use passim::{EmbedStage, EmbeddingCache, Role, StaticEmbedder};
///
/// # let temp = tempfile::tempdir().unwrap();
/// # let file = temp.path().join("embeddings");
/// let embedder = StaticEmbedder::bundled()?;
/// let cache = EmbeddingCache::open(&file, 1 << 30)?;
/// let texts = ["Ein Moor speichert Wasser.", "A bog stores water."];
/// let stage = EmbedStage::new(&embedder).cache(&cache);
/// let (first, report) = stage.run(Role::Passage, &texts)?;
/// assert_eq!(report.cached, 0);
/// drop((stage, cache));
///
/// // In the next run:
/// let cache = EmbeddingCache::open(&file, 1 << 30)?;
/// let (again, report) = EmbedStage::new(&embedder).cache(&cache).run(Role::Passage, &texts)?;
/// assert_eq!((report.cached, report.tokens), (2, 0));
/// assert_eq!(first, again);
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone)]
pub struct EmbeddingCache {
    memory: Arc<Mutex<MemoryCache>>,
    file: Option<Arc<Mutex<CacheFile>>>,
}

impl fmt::Debug for EmbeddingCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.file().map(|file| file.path().to_owned());
        f.debug_struct("EmbeddingCache")
            .field("len", &self.len())
            .field("bytes", &self.bytes())
            .field("path", &path)
            .finish_non_exhaustive()
    }
}

impl EmbeddingCache {
    /// Minimum bound of a cache in a file, in bytes.
    const MIN_FILE_BYTES: usize = 4_096;

    /// Creates an empty cache in memory of at most `bytes`. Each vector counts its values and 160
    /// bytes for its entry.
    #[must_use]
    pub fn in_memory(bytes: usize) -> Self {
        Self { memory: Arc::new(Mutex::new(MemoryCache::new(bytes))), file: None }
    }

    /// Opens the cache in the file at `path`, or creates it. The file has at most `bytes`, 4,096 or
    /// more.
    ///
    /// A vector takes its values and 20 bytes in the file, and about 160 bytes of memory. Its
    /// values are read from the file at each lookup. If the file would exceed the bound, the most
    /// recently used vectors are rewritten to a file of at most half the bound, which replaces it.
    ///
    /// Writes are not synced to the disk, so a power failure may lose vectors. The cache reports
    /// torn or damaged vectors by `tracing`, ignores them, and the texts are embedded again.
    /// Vectors that could not be written stay in memory, within the same bound.
    ///
    /// # Errors
    ///
    /// - [`Error::Setting`] if `bytes` is less than 4,096.
    /// - [`Error::CacheInUse`] if the file is already open, in this process or another.
    /// - [`Error::Corrupt`] if the file is not a cache of embeddings or its header is damaged.
    /// - [`Error::Version`] if this version does not read the file's format.
    /// - [`Error::Read`] or [`Error::Write`] if the file cannot be read, created or rewritten.
    pub fn open(path: impl AsRef<Path>, bytes: usize) -> Result<Self> {
        Error::check_setting("bytes", bytes, Self::MIN_FILE_BYTES.., "4096 or more")?;
        let file = CacheFile::open(path.as_ref(), bytes as u64)?;
        Ok(Self { file: Some(Arc::new(Mutex::new(file))), ..Self::in_memory(bytes) })
    }

    /// Returns the part of the cache that is in memory. It keeps no file open.
    pub(crate) fn without_file(&self) -> Self {
        Self { memory: Arc::clone(&self.memory), file: None }
    }

    /// Returns the number of cached vectors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.memory().len() + self.file().map_or(0, |file| file.len())
    }

    /// Returns whether the cache has no vector.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes that count toward the bound: the length of the file, or the memory of a
    /// cache without a file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self.file() {
            Some(file) => file.bytes(),
            None => self.memory().bytes() as u64,
        }
    }

    /// Looks up the vectors of `texts`.
    pub(crate) fn find(&self, embedder: &dyn Embedder, role: Role, texts: &[&str]) -> CachedRows {
        let Some(namespace) = Namespace::of(embedder, role, embedder.dim()) else {
            return CachedRows::none(embedder.dim(), texts.len());
        };
        let mut values = Vec::new();
        let mut next_row = 0;
        let mut rows = Vec::with_capacity(texts.len());
        for text in texts {
            let is_cached = self.find_one(&namespace.key(text), &mut values);
            rows.push(is_cached.then_some(next_row));
            next_row += u32::from(is_cached);
        }
        // Rounding can keep the norm of a vector of millions of values from being 1: such vectors
        // are embedded again.
        match Vectors::stored(namespace.dim(), values) {
            Some(vectors) => CachedRows { vectors, rows },
            None => CachedRows::none(namespace.dim(), texts.len()),
        }
    }

    /// Appends the vector of `key` to `values`; returns whether there is one.
    fn find_one(&self, key: &CacheKey, values: &mut Vec<f32>) -> bool {
        let in_memory = self.memory().find(key, values);
        in_memory || self.file().is_some_and(|mut file| file.find(key, values))
    }

    /// Inserts `vectors`, which `embedder` returned for `texts`. If the file cannot be written,
    /// they are inserted in memory and the error is returned.
    pub(crate) fn insert(
        &self,
        embedder: &dyn Embedder,
        role: Role,
        texts: &[&str],
        vectors: &Vectors,
    ) -> Result<()> {
        let Some(namespace) = Namespace::of(embedder, role, vectors.dim()) else { return Ok(()) };
        let keys: Vec<CacheKey> = texts.iter().map(|text| namespace.key(text)).collect();
        let written = self.file().map(|mut file| {
            let texts: Vec<u128> = keys.iter().map(|key| key.text).collect();
            file.append(namespace, &texts, &vectors.rows().collect::<Vec<_>>())
        });
        if let Some(Ok(())) = written {
            return Ok(());
        }
        let mut memory = self.memory();
        keys.iter().zip(vectors.rows()).for_each(|(key, row)| memory.insert(*key, row));
        written.unwrap_or(Ok(()))
    }

    /// Returns the vector of `text` from `cache`, or embeds it and inserts it there.
    pub(crate) fn embedded(
        cache: Option<&Self>,
        embedder: &dyn Embedder,
        role: Role,
        text: &str,
        interrupt: Interrupt<'_>,
    ) -> Result<Vectors> {
        if let Some(cached) = cache.map(|cache| cache.find(embedder, role, &[text]))
            && !cached.vectors.is_empty()
        {
            return Ok(cached.vectors);
        }
        let vectors = embedder.call_embed(role, &[text], interrupt)?;
        if let Some(cache) = cache {
            cache.insert(embedder, role, &[text], &vectors)?;
        }
        Ok(vectors)
    }

    fn memory(&self) -> MutexGuard<'_, MemoryCache> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self) -> Option<MutexGuard<'_, CacheFile>> {
        let file = self.file.as_ref()?;
        Some(file.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The cached vectors of some texts.
pub(crate) struct CachedRows {
    pub(crate) vectors: Vectors,
    /// For each text, the row of its vector; `None` if it is not cached.
    pub(crate) rows: Vec<Option<u32>>,
}

impl CachedRows {
    /// No vector for any of `texts` texts.
    pub(crate) fn none(dim: usize, texts: usize) -> Self {
        Self { vectors: Vectors::empty(dim), rows: vec![None; texts] }
    }
}
