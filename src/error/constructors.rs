//! Constructors, range checks and parts of messages of errors.

use std::{
    ops::RangeBounds,
    path::{Path, PathBuf},
};

use crate::{Error, Result};

impl Error {
    /// Returns a function for `map_err` that makes an [`Error::Read`] of `path`.
    pub(crate) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }

    /// Returns a function for `map_err` that makes an [`Error::Write`] of `path`.
    pub(crate) fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Write { path, source }
    }

    /// Checks that the setting `name` is in `range`, which `allowed` describes in the message.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if it is not.
    pub(crate) fn check_setting(
        name: &'static str,
        got: usize,
        range: impl RangeBounds<usize>,
        allowed: &'static str,
    ) -> Result<()> {
        if range.contains(&got) { Ok(()) } else { Err(Self::Setting { name, got, allowed }) }
    }

    /// Checks that the setting `name` is greater than 0 and at most 1.
    ///
    /// # Errors
    ///
    /// [`Error::Fraction`] if it is not, or if it is NaN.
    pub(crate) fn check_fraction(name: &'static str, got: f32) -> Result<()> {
        let allowed = "greater than 0, at most 1";
        if got > 0.0 && got <= 1.0 { Ok(()) } else { Err(Self::Fraction { name, got, allowed }) }
    }
}

/// Joins `paths` by commas; without paths, names the linked library.
pub(super) fn join_paths(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return "the linked library".to_owned();
    }
    let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    names.join(", ")
}

/// Number of names that a message lists.
const LISTED: usize = 5;

/// Joins the first of `names` by commas; an ellipsis stands for the others.
pub(super) fn join_first(names: &[String]) -> String {
    let mut listed: Vec<_> = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    if names.len() > LISTED {
        listed.push("…".to_owned());
    }
    listed.join(", ")
}
