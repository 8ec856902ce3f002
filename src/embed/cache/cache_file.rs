//! Cached vectors in a file that outlives the process.
//!
//! Blocks are appended and not synced, because a lost vector can be embedded again. The reader
//! therefore trusts only contents whose checksum matches. Opening reads the keys; a lookup reads
//! one vector. A file that would exceed its bound is rewritten: the most recently used vectors go
//! to a new file, which is renamed over the old one.

use std::{
    fs,
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use super::{
    cache_block::{self, BlockHeader, EncodedBlock, HEAD, HEADER, KeyEntry},
    cache_key::{CacheKey, Namespace},
    lru_map::LruMap,
};
use crate::{Error, Result, format::locked_file::LockedFile, vector::vectors::is_unit};

/// Maximum number of vectors in a block, which is assembled in memory.
const BLOCK_ROWS: usize = 1_024;

/// An open and locked cache file.
#[derive(Debug)]
pub(super) struct CacheFile {
    path: PathBuf,
    file: LockedFile,
    /// Maximum length in bytes.
    limit: u64,
    /// Offset of the next block.
    end: u64,
    places: LruMap<VectorPlace>,
}

/// Offset and checksum of a vector in the file.
#[derive(Clone, Copy, Debug)]
struct VectorPlace {
    at: u64,
    checksum: u32,
}

impl CacheFile {
    /// Opens the file at `path`, or creates it.
    pub(super) fn open(path: &Path, limit: u64) -> Result<Self> {
        // An absolute path stays valid if the process changes its working folder.
        let path = std::path::absolute(path).map_err(Error::write(path))?;
        let mut cache = Self::open_locked(path, limit)?;
        let written = cache.begin()?;
        // An interrupted rewrite may have left its file.
        _ = fs::remove_file(new_path(&cache.path));
        cache.read_blocks(written).map_err(Error::read(&cache.path))?;
        if cache.end < written {
            tracing::warn!(
                path = %cache.path.display(),
                bytes = written - cache.end,
                "the end of a cache of embeddings is torn or damaged"
            );
            cache.file.set_len(cache.end).map_err(Error::write(&cache.path))?;
        }
        if cache.end > limit {
            cache.rewrite()?;
        }
        Ok(cache)
    }

    /// Opens and locks the file at `path` without reading it.
    fn open_locked(path: PathBuf, limit: u64) -> Result<Self> {
        let file = LockedFile::open(&path)?;
        let file = file.ok_or_else(|| Error::CacheInUse { path: path.clone() })?;
        Ok(Self { path, file, limit, end: 0, places: LruMap::default() })
    }

    /// Checks the header, or writes it if the file is new; returns the length of the file.
    fn begin(&mut self) -> Result<u64> {
        self.end = HEADER as u64;
        let mut start = Vec::new();
        let read = (&*self.file).take(self.end).read_to_end(&mut start);
        read.map_err(Error::read(&self.path))?;
        let header = cache_block::header();
        if start.len() < HEADER && header.starts_with(&start) {
            // Synced, so that a power failure cannot leave a file of another kind.
            let wrote = self.write_at(0, &header).and_then(|()| self.file.sync_all());
            return wrote.map(|()| self.end).map_err(Error::write(&self.path));
        }
        cache_block::check_header(&start).map_err(|error| error.in_file(self.path.display()))?;
        self.file.metadata().map(|data| data.len()).map_err(Error::read(&self.path))
    }

    /// Reads the keys of all blocks up to the first invalid head.
    fn read_blocks(&mut self, written: u64) -> io::Result<()> {
        let mut keys = Vec::new();
        while let Some(head) = self.read_head(written)? {
            let keys_at = self.end + HEAD as u64;
            let Some(vectors) = vectors_extent(&head, keys_at, written) else { break };
            let Ok(keys_len) = usize::try_from(vectors.start - keys_at) else { break };
            // The keys lie before the vectors, which lie within the file.
            keys.resize(keys_len, 0);
            self.read_at(keys_at, &mut keys)?;
            if let Some(entries) = head.keys(&keys) {
                let vector_bytes = cache_block::vector_bytes(head.namespace);
                let places = (0..).map(|row| vectors.start + row * vector_bytes);
                for (KeyEntry { key, checksum }, at) in entries.zip(places) {
                    self.places.insert(key, VectorPlace { at, checksum });
                }
            } else {
                tracing::warn!(
                    path = %self.path.display(),
                    "damaged keys in a cache of embeddings are ignored"
                );
            }
            self.end = vectors.end;
        }
        Ok(())
    }

    /// Reads the head of the block at `self.end`; `None` if there is no valid one.
    fn read_head(&mut self, written: u64) -> io::Result<Option<BlockHeader>> {
        let mut head = [0; HEAD];
        if written - self.end < HEAD as u64 {
            return Ok(None);
        }
        self.read_at(self.end, &mut head)?;
        Ok(BlockHeader::read(&head))
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Length of the file in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.end
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends the vector of `key` to `values`; returns whether there is an intact one. A damaged
    /// vector is removed.
    pub(super) fn find(&mut self, key: &CacheKey, values: &mut Vec<f32>) -> bool {
        let Some(place) = self.places.get(key).copied() else { return false };
        let start = values.len();
        values.resize(start + key.namespace.dim(), 0.0);
        let row = &mut values[start..];
        let why = match self.read_at(place.at, bytemuck::cast_slice_mut(row)) {
            Ok(()) if cache_block::sum_of(row) == place.checksum && is_unit(row) => return true,
            Ok(()) => "it is not the unit vector that was written".to_owned(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(
            path = %self.path.display(),
            why,
            "a vector in a cache of embeddings is ignored"
        );
        self.places.remove(key);
        values.truncate(start);
        false
    }

    /// Appends the vectors that the file does not have; `rows` are the vectors of `texts`.
    pub(super) fn append(
        &mut self,
        namespace: Namespace,
        texts: &[u128],
        rows: &[&[f32]],
    ) -> Result<()> {
        let is_new = |text: u128| !self.places.contains(&CacheKey { namespace, text });
        let new = texts.iter().copied().zip(rows.iter().copied());
        let (texts, rows): (Vec<u128>, Vec<&[f32]>) = new.filter(|(text, _)| is_new(*text)).unzip();
        let block_rows = self.block_rows(namespace);
        // A vector that exceeds the bound by itself is not cached.
        if block_rows == 0 {
            return Ok(());
        }
        for (texts, rows) in texts.chunks(block_rows).zip(rows.chunks(block_rows)) {
            self.append_block(namespace, texts, rows)?;
        }
        Ok(())
    }

    /// Returns the maximum number of vectors of a block that fits into the file after a rewrite,
    /// which leaves half of the bound free.
    fn block_rows(&self, namespace: Namespace) -> usize {
        let free = self.limit / 2 - (HEADER + HEAD) as u64;
        let fitting = free / cache_block::entry_bytes(namespace);
        usize::try_from(fitting).map_or(BLOCK_ROWS, |fitting| fitting.min(BLOCK_ROWS))
    }

    /// Appends a block of at most [`block_rows`](Self::block_rows) vectors. Rewrites the file
    /// first if the block would exceed the bound.
    fn append_block(
        &mut self,
        namespace: Namespace,
        texts: &[u128],
        rows: &[&[f32]],
    ) -> Result<()> {
        let EncodedBlock { bytes, checksums } = cache_block::encode(namespace, texts, rows);
        let length = bytes.len() as u64;
        if self.end + length > self.limit {
            self.rewrite()?;
        }
        if let Err(error) = self.write_at(self.end, &bytes) {
            // Part of the block may be written. If it cannot be cut off now, `open` cuts it off.
            _ = self.file.set_len(self.end);
            return Err(Error::write(&self.path)(error));
        }
        self.end += length;
        let vector_bytes = cache_block::vector_bytes(namespace);
        let vectors_at = self.end - vector_bytes * texts.len() as u64;
        let places = (0..).map(|row| vectors_at + row * vector_bytes).zip(checksums);
        for (text, (at, checksum)) in texts.iter().zip(places) {
            self.places.insert(CacheKey { namespace, text: *text }, VectorPlace { at, checksum });
        }
        Ok(())
    }

    /// Replaces the file by one of at most half the bound with the most recently used vectors.
    fn rewrite(&mut self) -> Result<()> {
        let new_path = new_path(&self.path);
        let renamed = self.copy_to(&new_path).and_then(|new| {
            fs::rename(&new_path, &self.path).map_err(Error::write(&self.path))?;
            Ok(new)
        });
        let new = renamed.inspect_err(|_| _ = fs::remove_file(&new_path))?;
        self.file = new.file;
        self.end = new.end;
        self.places = new.places;
        Ok(())
    }

    /// Creates a file at `path` with the most recently used vectors.
    fn copy_to(&mut self, path: &Path) -> Result<Self> {
        _ = fs::remove_file(path);
        let mut new = Self::open_locked(path.to_owned(), self.limit)?;
        new.begin()?;
        let keys = self.most_recent(self.limit / 2);
        for run in keys.chunk_by(|a, b| a.namespace == b.namespace) {
            let namespace = run[0].namespace;
            for keys in run.chunks(BLOCK_ROWS) {
                let mut values = Vec::with_capacity(keys.len() * namespace.dim());
                // Damaged vectors are not copied.
                let intact = keys.iter().filter(|key| self.find(key, &mut values));
                let texts: Vec<u128> = intact.map(|key| key.text).collect();
                let rows: Vec<&[f32]> = values.chunks_exact(namespace.dim()).collect();
                if !rows.is_empty() {
                    new.append_block(namespace, &texts, &rows)?;
                }
            }
        }
        // Synced, so that a power failure leaves either the old or the new file under the name.
        new.file.sync_all().map_err(Error::write(path))?;
        Ok(new)
    }

    /// Returns the most recently used keys whose blocks fit into `limit` bytes, least recently used
    /// first.
    fn most_recent(&self, limit: u64) -> Vec<CacheKey> {
        let mut bytes = HEADER as u64;
        let mut rows_of_block = 0;
        let mut last: Option<Namespace> = None;
        let fits = |key: &&CacheKey| {
            let starts_block = last != Some(key.namespace) || rows_of_block == BLOCK_ROWS;
            rows_of_block = if starts_block { 1 } else { rows_of_block + 1 };
            last = Some(key.namespace);
            bytes += cache_block::entry_bytes(key.namespace);
            bytes += if starts_block { HEAD as u64 } else { 0 };
            bytes <= limit
        };
        let mut keys: Vec<CacheKey> = self.places.keys().take_while(fits).copied().collect();
        keys.reverse();
        keys
    }

    fn read_at(&mut self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(bytes)
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(bytes)
    }
}

/// Returns the range of the vectors of a block whose keys start at `keys_at`; `None` if the block
/// ends beyond the `written` bytes of the file.
fn vectors_extent(head: &BlockHeader, keys_at: u64, written: u64) -> Option<Range<u64>> {
    let start = keys_at.checked_add(head.keys_bytes())?;
    let end = start.checked_add(head.vectors_bytes()?)?;
    (end <= written).then_some(start..end)
}

/// Returns the path of the new file during a rewrite.
fn new_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}
