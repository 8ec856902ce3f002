//! Memory-mapped files. No other file maps one.

#![expect(unsafe_code, reason = "mapping a file; the block states why it is sound")]

use std::{
    fmt,
    fs::File,
    io,
    ops::Deref,
    path::{Path, PathBuf},
};

use memmap2::{Advice, Mmap};

/// A file as bytes, which the system reads from disk on first access.
pub(crate) struct MappedFile {
    path: PathBuf,
    /// `None` for an empty file, which cannot be mapped on every system.
    map: Option<Mmap>,
}

impl fmt::Debug for MappedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappedFile")
            .field("path", &self.path)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl MappedFile {
    /// Maps the file at `path`.
    ///
    /// No program may change or truncate a file while it is mapped. This crate writes each file
    /// once, under a new name, and afterwards only removes it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let map = if file.metadata()?.len() == 0 {
            None
        } else {
            // SAFETY: a mapping is sound as long as its bytes do not change under a `&[u8]`. This
            // crate never writes to a complete file, and the documentation of `Retriever::open` and
            // `FastEmbedder` requires the same of other programs.
            Some(unsafe { Mmap::map(&file)? })
        };
        Ok(Self { path: path.to_owned(), map })
    }

    /// Returns the path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Advises the system not to read ahead, since accesses to these bytes are scattered.
    pub(crate) fn advise_random(&self, start: usize, len: usize) {
        self.advise(Advice::Random, start, len);
    }

    /// Advises the system to read ahead, since the whole file is about to be read in order.
    pub(crate) fn advise_sequential(&self) {
        self.advise(Advice::Sequential, 0, self.len());
    }

    fn advise(&self, advice: Advice, start: usize, len: usize) {
        if let Some(map) = &self.map {
            // Advice affects speed only, so a system that refuses it is no error.
            _ = map.advise_range(advice, start, len);
        }
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.map {
            Some(map) => map,
            None => &[],
        }
    }
}
