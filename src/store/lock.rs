//! The file lock that allows an index one writer.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
};

use crate::{Error, Result};

/// An exclusive lock. Dropping it releases it, and so does the end of the process, even by a crash.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "the open file holds the lock")] File);

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
