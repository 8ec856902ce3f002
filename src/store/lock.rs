//! One writer at a time.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
};

use crate::{Error, Result};

/// The right to write to an index. It ends when this is dropped, and when the process ends,
/// however it does.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "holding it open is what counts")] File);

impl Lock {
    /// Takes the lock of the index in `folder`; the file stays there, locked or not.
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
