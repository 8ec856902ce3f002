//! Reads single files of a model's folder.

use std::ffi::OsStr;
use std::path::Path;
use std::{fs, io};

use serde_json::Value;

use crate::{Cause, Error, Result};

/// Returns whether `name` is a plain file name, without a path to another folder.
pub(super) fn is_file_name(name: &str) -> bool {
    Path::new(name).file_name() == Some(OsStr::new(name))
}

/// Returns the last component of a path, for messages and names.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Parses `bytes`, the contents of the file at `path`.
pub(super) fn json(path: &Path, bytes: &[u8]) -> Result<Value> {
    serde_json::from_slice(bytes).map_err(|source| model_file_error(path, source))
}

/// Returns the contents of a file.
pub(super) fn contents(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|source| model_file_error(path, source))
}

/// Returns the contents of a file; `None` if it does not exist.
pub(super) fn optional(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(model_file_error(path, error)),
    }
}

/// Returns the error of an unusable file.
pub(super) fn model_file_error(path: &Path, source: impl Into<Cause>) -> Error {
    Error::ModelFile { path: path.to_owned(), source: source.into() }
}
