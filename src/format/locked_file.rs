//! A file that one process at a time has open.

use std::{
    fs::{File, OpenOptions, TryLockError},
    ops::{Deref, DerefMut},
    path::Path,
};

use crate::{Error, Result};

/// A file with an exclusive lock, open for reading and writing.
///
/// Dropping it releases the lock, and so does the end of the process, even by a crash.
#[derive(Debug)]
pub(crate) struct LockedFile(File);

impl LockedFile {
    /// Opens and locks the file at `path`, or creates it; `None` if it is locked elsewhere.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] if it cannot be opened or locked.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(Error::write(path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(Error::write(path)(source)),
        }
    }
}

impl Deref for LockedFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl DerefMut for LockedFile {
    fn deref_mut(&mut self) -> &mut File {
        &mut self.0
    }
}

impl Drop for LockedFile {
    /// Releases the lock.
    ///
    /// Closing the file would not suffice: duplicates of its descriptor share the lock, and a child
    /// process that another thread starts has one until it runs its program.
    fn drop(&mut self) {
        _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_releases_the_lock_despite_duplicates() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let locked = LockedFile::open(&path).unwrap().unwrap();
        // A child process inherits such a duplicate until it runs its program.
        let duplicate = locked.try_clone().unwrap();
        assert!(LockedFile::open(&path).unwrap().is_none());
        drop(locked);
        assert!(LockedFile::open(&path).unwrap().is_some());
        drop(duplicate);
    }
}
