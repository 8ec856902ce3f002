//! The file lock that allows an index one writer.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
};

use crate::{Error, Result};

/// An exclusive lock. Dropping it releases it, and so does the end of the process, even by a crash.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Locks the file `name` in `folder`; the file remains after the lock is released.
    pub(super) fn take(folder: &Path, name: &str) -> Result<Self> {
        let path = folder.join(name);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(Error::write(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(Error::Locked { path: folder.to_owned() }),
            Err(TryLockError::Error(source)) => Err(Error::Write { path, source }),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file would not release the lock while a child process that another thread
        // has just forked shares the open file.
        _ = self.0.unlock();
    }
}
