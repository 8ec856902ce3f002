//! A question and how it is to be answered.

use crate::{Error, Result, SearchParams};

/// A question with the settings of its search.
///
/// Text alone is a query, too: `&str` and `String` turn into one.
///
/// # Examples
///
/// ```
/// use passim::Query;
///
/// let query = Query::new("Warum hält Meta Behemoth zurück?").k(3).ef_search(128);
/// assert_eq!(query.params.k, 3);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Query {
    /// The question.
    pub text: String,
    /// Number of hits wanted, and how hard to look for them.
    pub params: SearchParams,
}

impl Query {
    /// A question with the default settings.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), params: SearchParams::default() }
    }

    /// Number of hits wanted, 1 or more.
    #[must_use]
    pub fn k(mut self, k: usize) -> Self {
        self.params.k = k;
        self
    }

    /// Candidates that a graph search keeps; more of them, higher recall.
    #[must_use]
    pub fn ef_search(mut self, ef_search: usize) -> Self {
        self.params.ef_search = ef_search;
        self
    }

    /// Compares the question with every passage, even where there is a graph.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.params.exact = true;
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        Error::check_setting("k", self.params.k, 1.., "1 or more")?;
        if self.text.trim().is_empty() { Err(Error::EmptyQuery) } else { Ok(()) }
    }
}

impl From<&str> for Query {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Query {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&String> for Query {
    fn from(text: &String) -> Self {
        Self::new(text)
    }
}
