//! Files as memory: the only place that maps them.

#![expect(unsafe_code, reason = "mapping a file; the block states why it is sound")]

use std::{
    fmt,
    fs::File,
    io,
    ops::Deref,
    path::{Path, PathBuf},
};

use memmap2::{Advice, Mmap};

/// A file as bytes, read from the disk when they are looked at.
pub(crate) struct MappedFile {
    path: PathBuf,
    /// `None` for an empty file, which systems refuse to map.
    bytes: Option<Mmap>,
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
    /// Maps the file at `path`, which nobody changes or shortens as long as it is mapped: files
    /// of an index are written once, under a name of their own, and only ever removed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let bytes = if file.metadata()?.len() == 0 {
            None
        } else {
            // SAFETY: bytes that change under a `&[u8]` are what makes a mapping unsound. This
            // crate never writes to a file that is complete, and asks the same of others (see
            // the documentation of `Retriever::open`).
            Some(unsafe { Mmap::map(&file)? })
        };
        Ok(Self { path: path.to_owned(), bytes })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Asks the system to read nothing ahead: what is looked at is here and there.
    pub(crate) fn advise_random(&self, start: usize, len: usize) {
        self.advise(Advice::Random, start, len);
    }

    /// Asks the system to read ahead: all of it is about to be read.
    pub(crate) fn read_in_order(&self) {
        self.advise(Advice::Sequential, 0, self.len());
    }

    /// A hint alone: without it the same bytes are read.
    fn advise(&self, advice: Advice, start: usize, len: usize) {
        _ = self.bytes.as_ref().map(|map| map.advise_range(advice, start, len));
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or_default()
    }
}
