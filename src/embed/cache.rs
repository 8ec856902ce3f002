//! Vectors kept for texts that come again, in memory or in a file.

mod cache_block;
mod cache_file;
mod memory_cache;
mod recent;

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Embedder, Error, Result, Role, Vectors};

use cache_file::CacheFile;
use memory_cache::Memory;
use recent::{Key, Namespace};

/// Vectors of texts that were embedded, so that a text that comes again is not embedded again.
///
/// A vector is found by the [identity](crate::ModelIdentity) of the model, the [`Role`], and a
/// 128-bit hash (XXH3) of the text, so one cache serves any number of models. What is found is
/// what the model gave, bit for bit. A cache is shared by threads, and clones share what they
/// hold.
///
/// Within its bound the vectors used last are kept. Finding one takes one or two microseconds,
/// keeping one a little more, and it takes as much room as the vector of a passage in an index.
/// That pays wherever texts come again: most with a transformer model, which takes milliseconds
/// for a text; but the [bundled](crate::StaticEmbedder) model takes tens of microseconds, too.
/// What changes the vectors without changing the identity of the model, such as another version
/// of a runtime, leaves the old ones in the cache.
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
    memory: Arc<Mutex<Memory>>,
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
    /// The smallest bound of a cache in a file, in bytes.
    const LEAST_IN_FILE: usize = 4_096;

    /// An empty cache in memory of at most `bytes`: those of the vectors, and 160 for the key
    /// of each.
    #[must_use]
    pub fn in_memory(bytes: usize) -> Self {
        Self { memory: Arc::new(Mutex::new(Memory::new(bytes))), file: None }
    }

    /// Opens the cache in the file at `path`, or makes it; of at most `bytes`, 4,096 or more.
    ///
    /// A vector takes 20 bytes in the file beside its values, and about 160 bytes of memory;
    /// its values are read from the file each time. When the file would grow over its bound,
    /// what was used last is written to another one of half the bound, which takes its name.
    /// Vectors are not synced to the disk, so some may be lost in a power cut. What is torn or
    /// damaged is told by `tracing`, and embedded again.
    ///
    /// Vectors that could not be written are kept in memory, within the same bound.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `bytes` is too small, [`Error::CacheInUse`] if the file is open
    /// already, [`Error::Corrupt`] if it is of another kind or its header is damaged,
    /// [`Error::Version`] if it is of a version that is not read, [`Error::Read`] and
    /// [`Error::Write`] if it cannot be read, made or made smaller.
    pub fn open(path: impl AsRef<Path>, bytes: usize) -> Result<Self> {
        Error::check_setting("bytes", bytes, Self::LEAST_IN_FILE.., "4096 or more")?;
        let file = CacheFile::open(path.as_ref(), bytes as u64)?;
        Ok(Self { file: Some(Arc::new(Mutex::new(file))), ..Self::in_memory(bytes) })
    }

    /// The part of it that is in memory, which holds no file open.
    pub(crate) fn without_file(&self) -> Self {
        Self { memory: Arc::clone(&self.memory), file: None }
    }

    /// Number of vectors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.memory().len() + self.file().map_or(0, |file| file.len())
    }

    /// Whether there is no vector.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that it takes within its bound: of memory, or the length of its file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let in_memory = || self.memory().bytes() as u64;
        self.file().map_or_else(in_memory, |file| file.bytes())
    }

    /// What it has of the vectors of `texts`.
    pub(crate) fn find(&self, embedder: &dyn Embedder, role: Role, texts: &[&str]) -> CachedRows {
        let Some(origin) = Namespace::of(embedder, role) else {
            return CachedRows::nothing(embedder.dim(), texts.len());
        };
        let (mut values, mut found) = (Vec::new(), 0..);
        let mut row = |text: &&str| {
            let is_there = self.find_one(&origin.key(text), &mut values);
            is_there.then(|| found.next()).flatten()
        };
        let rows = texts.iter().map(&mut row).collect();
        match Vectors::stored(origin.dim(), values) {
            Some(vectors) => CachedRows { vectors, rows },
            None => CachedRows::nothing(origin.dim(), texts.len()),
        }
    }

    fn find_one(&self, key: &Key, values: &mut Vec<f32>) -> bool {
        let in_memory = self.memory().find(key, values);
        in_memory || self.file().is_some_and(|mut file| file.find(key, values))
    }

    /// Keeps `vectors`, which `embedder` gave for `texts`. On an error they are in memory.
    pub(crate) fn keep(
        &self,
        embedder: &dyn Embedder,
        role: Role,
        texts: &[&str],
        vectors: &Vectors,
    ) -> Result<()> {
        let Some(origin) = Namespace::of(embedder, role) else { return Ok(()) };
        let keys: Vec<Key> = texts.iter().map(|text| origin.key(text)).collect();
        let written = self.file().map(|mut file| {
            let texts: Vec<u128> = keys.iter().map(|key| key.text).collect();
            file.append(origin, &texts, &vectors.rows().collect::<Vec<_>>())
        });
        if !matches!(written, Some(Ok(()))) {
            let mut memory = self.memory();
            keys.iter().zip(vectors.rows()).for_each(|(key, row)| memory.keep(*key, row));
        }
        written.unwrap_or(Ok(()))
    }

    /// The vector of one text, embedded if it is not there.
    pub(crate) fn embedded(
        cache: Option<&Self>,
        embedder: &dyn Embedder,
        role: Role,
        text: &str,
    ) -> Result<Vectors> {
        if let Some(known) = cache.map(|cache| cache.find(embedder, role, &[text]))
            && !known.vectors.is_empty()
        {
            return Ok(known.vectors);
        }
        let vectors = embedder.embed(role, &[text])?;
        check_rows(embedder, 1, &vectors)?;
        cache.map_or(Ok(()), |cache| cache.keep(embedder, role, &[text], &vectors))?;
        Ok(vectors)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self) -> Option<MutexGuard<'_, CacheFile>> {
        let file = self.file.as_ref()?;
        Some(file.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Refuses what is not one vector of the embedder's dimension for each of `texts` texts.
pub(super) fn check_rows(embedder: &dyn Embedder, texts: usize, vectors: &Vectors) -> Result<()> {
    if vectors.len() != texts {
        return Err(Error::VectorCount { expected: texts, got: vectors.len() });
    }
    if vectors.dim() != embedder.dim() {
        return Err(Error::Dimension { expected: embedder.dim(), got: vectors.dim() });
    }
    Ok(())
}

/// What a cache has of some texts.
pub(crate) struct CachedRows {
    pub(crate) vectors: Vectors,
    /// Of each text the row of its vector; `None` if there is none.
    pub(crate) rows: Vec<Option<u32>>,
}

impl CachedRows {
    /// Nothing of `texts` texts.
    pub(crate) fn nothing(dim: usize, texts: usize) -> Self {
        Self { vectors: Vectors::empty(dim), rows: vec![None; texts] }
    }
}
