//! A source of articles that could not be read, and the articles that a sync keeps for it.

use std::{error::Error as StdError, fmt, path::PathBuf};

use serde::Serialize;

/// A source of articles that could not be read: an item of
/// [`Retriever::try_sync`](crate::Retriever::try_sync), and an entry of
/// [`SyncReport::unread`](crate::SyncReport::unread).
///
/// A sync keeps the articles of such a source as they stand. An error without keys can stand for any
/// article, so a sync that gets one removes nothing.
///
/// # Examples
///
/// ```
/// use passim::{Article, Retriever, UnreadSource};
///
/// let mut retriever = Retriever::in_memory()?;
/// retriever.sync([Article::new("moor", "Moore speichern Wasser."), Article::new("zug", "Der Zug fährt.")])?;
///
/// let items = [
///     Ok(Article::new("brot", "Brot braucht Zeit.")),
///     Err(UnreadSource::article("moor", "the server did not answer")),
/// ];
/// let report = retriever.try_sync(items)?;
/// assert_eq!((report.added, report.removed, report.kept), (1, 1, 1));
/// assert_eq!(retriever.keys().collect::<Result<Vec<_>, _>>()?, ["brot", "moor"]);
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnreadSource {
    /// The file or folder; `None` if it is none, or not known.
    pub path: Option<PathBuf>,
    /// Keys of the articles that the source may have; `None` if they are unknown.
    pub keys: Option<Vec<String>>,
    /// The errors, at least one, each followed by its causes.
    pub errors: Vec<String>,
}

impl UnreadSource {
    /// The article of this key could not be read.
    pub fn article(key: impl Into<String>, error: impl fmt::Display) -> Self {
        Self::articles([key], error)
    }

    /// None of the articles of these keys could be read.
    pub fn articles(
        keys: impl IntoIterator<Item = impl Into<String>>,
        error: impl fmt::Display,
    ) -> Self {
        let keys = keys.into_iter().map(Into::into).collect();
        Self { path: None, keys: Some(keys), errors: vec![error.to_string()] }
    }
}

/// A source whose articles are unknown.
impl<E: StdError> From<E> for UnreadSource {
    fn from(error: E) -> Self {
        Self { path: None, keys: None, errors: vec![with_causes(&error)] }
    }
}

/// Returns the message of `error` and those of its causes, joined by colons.
pub(crate) fn with_causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{io, path::Path};

    use super::*;
    use crate::Error;

    #[test]
    fn an_error_becomes_a_source_with_its_causes() {
        let error = Error::read(Path::new("a.txt"))(io::Error::other("the disk is gone"));
        let unread = UnreadSource::from(error);
        assert_eq!((&unread.path, &unread.keys), (&None, &None));
        let [text] = &unread.errors[..] else { panic!("{unread:?}") };
        assert!(text.contains("a.txt") && text.ends_with(": the disk is gone"), "{text}");
    }
}
