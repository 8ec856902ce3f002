//! Values of a mapped file that are checked once, before their first use.

use std::sync::{Arc, OnceLock};

use super::{decode_error::DecodeError, sections::Sections};
use crate::Result;

/// A value that lies in sections of a file.
pub(crate) trait Check {
    /// Checks the checksums of the value's sections and every invariant that its readers rely on.
    fn check(&self, sections: &Sections) -> Result<(), DecodeError>;
}

/// A value that can be read only after its [`Check`], which runs at the first read.
///
/// A value in memory was built by this program, so it needs no check.
#[derive(Debug)]
pub(crate) struct LazyChecked<T> {
    value: T,
    /// `None` in memory.
    file: Option<CheckedFile>,
}

#[derive(Debug)]
struct CheckedFile {
    sections: Arc<Sections>,
    outcome: OnceLock<Result<(), DecodeError>>,
}

impl<T: Check> LazyChecked<T> {
    /// Wraps a value that lies in `sections`.
    pub(crate) fn in_file(value: T, sections: &Arc<Sections>) -> Self {
        let sections = Arc::clone(sections);
        Self { value, file: Some(CheckedFile { sections, outcome: OnceLock::new() }) }
    }

    /// Wraps a value in memory.
    pub(crate) fn in_memory(value: T) -> Self {
        Self { value, file: None }
    }

    /// Returns the value.
    ///
    /// # Errors
    ///
    /// The error of its check, each time.
    pub(crate) fn get(&self) -> Result<&T> {
        let Some(CheckedFile { sections, outcome }) = &self.file else { return Ok(&self.value) };
        let checked = outcome.get_or_init(|| self.value.check(sections));
        match checked {
            Ok(()) => Ok(&self.value),
            Err(error) => Err(error.in_file(sections.path())),
        }
    }
}
