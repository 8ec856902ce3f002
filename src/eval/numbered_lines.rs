//! The lines of a text file, with their numbers for errors.

use std::path::Path;

use crate::{Cause, Error, Result, text::read_text};

/// Calls `parse` with the number, from 1, and the text of each line that is not blank.
///
/// # Errors
///
/// [`Error::Read`], [`Error::NotUtf8`] and [`Error::NotText`] for the file, and
/// [`Error::InvalidLine`] with `what` for the first error of `parse`.
pub(super) fn for_each_line(
    path: &Path,
    what: &'static str,
    mut parse: impl FnMut(usize, &str) -> Result<(), Cause>,
) -> Result<()> {
    let text = read_text(path)?;
    let numbered = (1..).zip(text.trim_start_matches('\u{feff}').lines());
    for (line, text) in numbered.filter(|(_, text)| !text.trim().is_empty()) {
        parse(line, text).map_err(|source| Error::InvalidLine {
            path: path.to_owned(),
            line,
            what,
            source,
        })?;
    }
    Ok(())
}
