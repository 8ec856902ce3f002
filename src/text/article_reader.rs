//! Articles in the order in which they are read, and a report of what was read.

use std::{collections::BTreeMap, fmt, iter};

use serde::Serialize;

use crate::{Article, Result};

/// Reads articles from files one after the other; made by [`read_articles`](crate::read_articles) and
/// [`ArticleFiles::read`](crate::ArticleFiles::read).
///
/// # Asynchronous code
///
/// The iterator reads files, so it blocks: use it by `spawn_blocking`, as
/// [the guide](crate::guide::running_a_service#asynchronous-code) shows.
///
/// # Examples
///
/// ```
/// use passim::{Retriever, read_articles};
///
/// let mut reader = read_articles("examples/articles");
/// let articles = reader.by_ref().collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(reader.report().articles, articles.len());
/// assert!(reader.report().unknown_fields.is_empty());
/// # Ok::<(), passim::Error>(())
/// ```
pub struct ArticleReader {
    read: ReadIter,
    report: ReadReport,
}

/// Counts of the articles, errors and unknown fields that an [`ArticleReader`] has read so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReadReport {
    /// Articles read.
    pub articles: usize,
    /// Articles and files that could not be read.
    pub errors: usize,
    /// Fields of JSON Lines that have no meaning and were left out, with the number of lines that
    /// have them. A misspelled `titel` shows here.
    pub unknown_fields: BTreeMap<String, usize>,
}

/// An article as it was read.
#[derive(Debug, PartialEq)]
pub(crate) struct ReadArticle {
    pub(crate) article: Article,
    /// Fields of its line of JSON that have no meaning, in the order of their names.
    pub(crate) unknown_fields: Vec<String>,
}

pub(super) type ReadIter = Box<dyn Iterator<Item = Result<ReadArticle>>>;

/// Returns an iterator over `article` alone. It has no unknown fields, which occur in JSON Lines only.
pub(super) fn one(article: Result<Article>) -> ReadIter {
    let unknown_fields = Vec::new();
    Box::new(iter::once(article.map(|article| ReadArticle { article, unknown_fields })))
}

impl ArticleReader {
    pub(super) fn new(read: impl Iterator<Item = Result<ReadArticle>> + 'static) -> Self {
        Self { read: Box::new(read), report: ReadReport::default() }
    }

    /// Returns what was read so far.
    #[must_use]
    pub fn report(&self) -> &ReadReport {
        &self.report
    }
}

impl Iterator for ArticleReader {
    type Item = Result<Article>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read.next()?;
        self.report.count(&read);
        Some(read.map(|read| read.article))
    }
}

impl ReadReport {
    fn count(&mut self, read: &Result<ReadArticle>) {
        let Ok(read) = read else {
            self.errors += 1;
            return;
        };
        self.articles += 1;
        for name in &read.unknown_fields {
            *self.unknown_fields.entry(name.clone()).or_default() += 1;
        }
    }
}

impl fmt::Debug for ArticleReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArticleReader").field("report", &self.report).finish_non_exhaustive()
    }
}
