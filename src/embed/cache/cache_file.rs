//! Vectors in a file that lives across runs.
//!
//! Blocks are appended, and not synced: a vector that is lost is embedded anew. So nothing in
//! the file is taken for right that its checksum does not prove. Opening reads the keys, and a
//! vector is read when it is asked for. A file that would grow over its bound is written anew
//! under another name, with what was used last, and renamed.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::{
    cache_block::{self, BlockHeader, HEAD, HEADER},
    recent::{Key, Namespace, Recent},
};
use crate::{Error, Result, vector::vectors::is_unit};

/// The most vectors of a block: it is put together in memory.
const BLOCK_ROWS: usize = 1_024;

/// A file of vectors that is open, and locked.
#[derive(Debug)]
pub(super) struct CacheFile {
    path: PathBuf,
    file: File,
    /// Bytes that it may have.
    limit: u64,
    /// Where the next block goes.
    end: u64,
    places: Recent<VectorPlace>,
}

/// Where a vector is.
#[derive(Clone, Copy, Debug)]
struct VectorPlace {
    at: u64,
    checksum: u32,
}

impl CacheFile {
    /// Opens the file at `path`, or makes it.
    pub(super) fn open(path: &Path, limit: u64) -> Result<Self> {
        // It stays this one if the process moves to another working folder.
        let path = std::path::absolute(path).map_err(Error::write(path))?;
        let mut cache = Self::locked(path, limit)?;
        let written = cache.begin()?;
        // What is left of a writing anew that did not come to its end.
        _ = fs::remove_file(new_name(&cache.path));
        cache.read_blocks(written).map_err(Error::read(&cache.path))?;
        if cache.end < written {
            let (path, bytes) = (cache.path.display(), written - cache.end);
            tracing::warn!(%path, bytes, "the end of a cache of embeddings is torn or damaged");
            cache.file.set_len(cache.end).map_err(Error::write(&cache.path))?;
        }
        if cache.end > limit {
            cache.write_anew()?;
        }
        Ok(cache)
    }

    /// The file at `path`, of which nothing is read yet.
    fn locked(path: PathBuf, limit: u64) -> Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(Error::write(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, file, limit, end: 0, places: Recent::default() }),
            Err(TryLockError::WouldBlock) => Err(Error::CacheInUse { path }),
            Err(TryLockError::Error(source)) => Err(Error::Write { path, source }),
        }
    }

    /// Checks the header, or writes it if the file is new; returns the length of the file.
    fn begin(&mut self) -> Result<u64> {
        self.end = HEADER as u64;
        let mut start = Vec::new();
        let read = (&self.file).take(self.end).read_to_end(&mut start);
        read.map_err(Error::read(&self.path))?;
        let header = cache_block::header();
        if start.len() < HEADER && header.starts_with(&start) {
            // Synced, so that a power cut does not leave a file that looks like another's.
            let wrote = self.write_at(0, &header).and_then(|()| self.file.sync_all());
            return wrote.map(|()| self.end).map_err(Error::write(&self.path));
        }
        cache_block::check_header(&start).map_err(|error| error.in_file(self.path.display()))?;
        self.file.metadata().map(|data| data.len()).map_err(Error::read(&self.path))
    }

    /// Reads the keys of all blocks, up to the first whose head is not right.
    fn read_blocks(&mut self, written: u64) -> io::Result<()> {
        let mut keys = Vec::new();
        while let Some(head) = self.read_head(written)? {
            let keys_at = self.end + HEAD as u64;
            let Some((vectors_at, end)) = extent(&head, keys_at, written) else { break };
            // No longer than what is left of the file.
            keys.resize(usize::try_from(vectors_at - keys_at).unwrap_or(0), 0);
            self.read_at(keys_at, &mut keys)?;
            if let Some(entries) = head.keys(&keys) {
                let each = cache_block::vector_bytes(head.origin);
                let places = (0..).map(|row| vectors_at + row * each);
                for ((key, checksum), at) in entries.zip(places) {
                    self.places.put(key, VectorPlace { at, checksum });
                }
            } else {
                let path = self.path.display();
                tracing::warn!(%path, "damaged keys in a cache of embeddings are not used");
            }
            self.end = end;
        }
        Ok(())
    }

    /// The head of the block at the end of what was read; `None` if there is none.
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

    /// Length of the file.
    pub(super) fn bytes(&self) -> u64 {
        self.end
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends the vector of `key` to `values`; false if it is not there, or not what was
    /// written.
    pub(super) fn find(&mut self, key: &Key, values: &mut Vec<f32>) -> bool {
        let Some(place) = self.places.used(key).copied() else { return false };
        let start = values.len();
        values.resize(start + key.origin.dim(), 0.0);
        let row = &mut values[start..];
        let why = match self.read_at(place.at, bytemuck::cast_slice_mut(row)) {
            Ok(()) if cache_block::sum_of(row) == place.checksum && is_unit(row) => return true,
            Ok(()) => "its checksum does not match".to_owned(),
            Err(error) => error.to_string(),
        };
        let path = self.path.display();
        tracing::warn!(%path, why, "a vector in a cache of embeddings is not used");
        self.places.remove(key);
        values.truncate(start);
        false
    }

    /// Writes those of `rows`, the vectors of `texts`, that are not there.
    pub(super) fn append(
        &mut self,
        origin: Namespace,
        texts: &[u128],
        rows: &[&[f32]],
    ) -> Result<()> {
        let is_new = |text: u128| !self.places.contains(&Key { origin, text });
        let new = texts.iter().copied().zip(rows.iter().copied());
        let (texts, rows): (Vec<u128>, Vec<&[f32]>) = new.filter(|(text, _)| is_new(*text)).unzip();
        let room = (self.limit / 2).saturating_sub((HEADER + HEAD) as u64);
        let fit = usize::try_from(room / cache_block::entry_bytes(origin)).unwrap_or(usize::MAX);
        // Where not even one fits, nothing is kept.
        for at in (0..texts.len() * fit.min(1)).step_by(fit.clamp(1, BLOCK_ROWS)) {
            let part = at..texts.len().min(at + fit.min(BLOCK_ROWS));
            self.append_block(origin, &texts[part.clone()], &rows[part])?;
        }
        Ok(())
    }

    /// Writes a block, for which there is room once the file is written anew.
    fn append_block(&mut self, origin: Namespace, texts: &[u128], rows: &[&[f32]]) -> Result<()> {
        let (block, sums) = cache_block::encode(origin, texts, rows);
        let length = block.len() as u64;
        if self.end + length > self.limit {
            self.write_anew()?;
        }
        if let Err(error) = self.write_at(self.end, &block) {
            // A part of it may be there. If it stays there, it is torn off when the file is opened.
            _ = self.file.set_len(self.end);
            return Err(Error::write(&self.path)(error));
        }
        self.end += length;
        let each = cache_block::vector_bytes(origin);
        let first = self.end - each * texts.len() as u64;
        let places = (0..).map(|row| first + row * each).zip(sums);
        for (text, (at, checksum)) in texts.iter().zip(places) {
            self.places.put(Key { origin, text: *text }, VectorPlace { at, checksum });
        }
        Ok(())
    }

    /// Replaces the file by one of at most half the bound, with what was used last.
    fn write_anew(&mut self) -> Result<()> {
        let name = new_name(&self.path);
        let written = self.written_as(&name);
        let renamed = written.and_then(|new| {
            fs::rename(&name, &self.path).map_err(Error::write(&self.path))?;
            Ok(new)
        });
        let Self { file, end, places, .. } = renamed.inspect_err(|_| _ = fs::remove_file(&name))?;
        (self.file, self.end, self.places) = (file, end, places);
        Ok(())
    }

    /// A file at `path` with what was used last.
    fn written_as(&mut self, path: &Path) -> Result<Self> {
        _ = fs::remove_file(path);
        let mut new = Self::locked(path.to_owned(), self.limit)?;
        new.begin()?;
        let kept = self.used_last(self.limit / 2);
        for run in kept.chunk_by(|a, b| a.origin == b.origin) {
            let origin = run[0].origin;
            for keys in run.chunks(BLOCK_ROWS) {
                let mut values = Vec::with_capacity(keys.len() * origin.dim());
                // Damaged ones are left behind.
                let found = keys.iter().filter(|key| self.find(key, &mut values));
                let texts: Vec<u128> = found.map(|key| key.text).collect();
                let rows: Vec<&[f32]> = values.chunks_exact(origin.dim()).collect();
                if !rows.is_empty() {
                    new.append_block(origin, &texts, &rows)?;
                }
            }
        }
        // What a power cut leaves under the name of the file is a cache, the old or the new one.
        new.file.sync_all().map_err(Error::write(path))?;
        Ok(new)
    }

    /// The keys that were used last and whose blocks fit into `room` bytes, oldest first.
    fn used_last(&self, room: u64) -> Vec<Key> {
        let (mut bytes, mut of_block) = (HEADER as u64, 0);
        let mut last: Option<Namespace> = None;
        let fits = |key: &&Key| {
            let begins = last != Some(key.origin) || of_block == BLOCK_ROWS;
            of_block = if begins { 1 } else { of_block + 1 };
            last = Some(key.origin);
            bytes += cache_block::entry_bytes(key.origin) + if begins { HEAD as u64 } else { 0 };
            bytes <= room
        };
        let mut keys: Vec<Key> = self.places.keys().take_while(fits).copied().collect();
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

/// Where the vectors of a block begin and end whose keys are at `keys_at`; `None` if that is
/// beyond what was `written`.
fn extent(head: &BlockHeader, keys_at: u64, written: u64) -> Option<(u64, u64)> {
    let vectors_at = keys_at.checked_add(head.keys_bytes())?;
    let end = vectors_at.checked_add(head.vectors_bytes()?)?;
    (end <= written).then_some((vectors_at, end))
}

/// The name of a file while it is written anew.
fn new_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}
