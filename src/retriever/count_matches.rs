//! Numbers of what a query matches, and of its values of metadata.

use tracing::instrument;

#[cfg(doc)]
use crate::{Error, Mode};
use crate::{
    MatchCount, Query, Result, Retriever, Searcher, SharedRetriever, ValueCounts,
    search::{match_count, value_counts},
};

impl Searcher {
    /// Counts the passages and articles that `query` matches, for a line such as "about 120
    /// articles".
    ///
    /// A passage matches if the [filter](Query::filter) and the [required](Query::require) and
    /// [excluded](Query::exclude) words allow it. In the mode [`Mode::Lexical`] it must also have a
    /// word of the question, stop words included. The other modes rank every allowed passage, so the
    /// text may be empty. Settings that choose among the hits, such as [`k`](Query::k),
    /// [`per_article`](Query::per_article) and [`dedup`](Query::dedup), do not change the numbers.
    ///
    /// Nothing is embedded or ranked. Without words it takes as long as the filter; words take one
    /// pass over their posting lists.
    ///
    /// # Errors
    ///
    /// - [`Error::EmptyQuery`] for a query without text in the mode [`Mode::Lexical`].
    /// - [`Error::Filter`], [`Error::FilterType`] or [`Error::NoWords`] for an invalid condition, as
    ///   in [`search`](Self::search).
    /// - [`Error::TimedOut`] or [`Error::Cancelled`] if the [time limit](Query::time_limit) or the
    ///   [cancel handle](Query::cancel) ends the count.
    /// - [`Error::Corrupt`] if a file of the index is damaged.
    #[instrument(level = "debug", skip_all, fields(passages = self.passages()))]
    pub fn count_matches(&self, query: impl Into<Query>) -> Result<MatchCount> {
        match_count::count_matches(&self.view(), &query.into())
    }

    /// Counts the articles that `query` [matches](Self::count_matches) by their values of the
    /// metadata `name`, and returns the `limit` most frequent values. Without such a value in any
    /// article the list is empty.
    ///
    /// The first call for a name reads the heads of all articles and sorts its values, as the first
    /// [filter](Query::filter) on it does. Later calls take one pass over the values.
    ///
    /// # Errors
    ///
    /// As [`count_matches`](Self::count_matches).
    #[instrument(level = "debug", skip_all, fields(passages = self.passages()))]
    pub fn count_values(
        &self,
        query: impl Into<Query>,
        name: &str,
        limit: usize,
    ) -> Result<ValueCounts> {
        value_counts::count_values(&self.view(), &query.into(), name, limit)
    }
}

impl Retriever {
    /// Counts the passages and articles that `query` matches, also uncommitted ones; see
    /// [`Searcher::count_matches`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::count_matches`].
    pub fn count_matches(&self, query: impl Into<Query>) -> Result<MatchCount> {
        self.current().count_matches(query)
    }

    /// Counts the articles that `query` matches, also uncommitted ones, by their values of the metadata
    /// `name`; see [`Searcher::count_values`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::count_values`].
    pub fn count_values(
        &self,
        query: impl Into<Query>,
        name: &str,
        limit: usize,
    ) -> Result<ValueCounts> {
        self.current().count_values(query, name, limit)
    }
}

impl SharedRetriever {
    /// Counts the passages and articles of the last commit that `query` matches; see
    /// [`Searcher::count_matches`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::count_matches`].
    pub fn count_matches(&self, query: impl Into<Query>) -> Result<MatchCount> {
        self.searcher().count_matches(query)
    }

    /// Counts the articles of the last commit that `query` matches by their values of the metadata
    /// `name`; see [`Searcher::count_values`]. Several calls on one [`searcher`](Self::searcher) count
    /// in one state.
    ///
    /// # Errors
    ///
    /// As [`Searcher::count_values`].
    pub fn count_values(
        &self,
        query: impl Into<Query>,
        name: &str,
        limit: usize,
    ) -> Result<ValueCounts> {
        self.searcher().count_values(query, name, limit)
    }
}
