//! Follow-ups of a search: related articles, highlights, excerpts and contexts.

use super::Corpus;
#[cfg(doc)]
use crate::Error;
use crate::{
    Context, ContextOptions, Excerpt, Highlights, Hit, Hits, Query, Result,
    search::{HitArticles, query_models::ViewRequest},
};

impl Corpus {
    /// Returns the `k` articles closest in meaning to the article with this key, each by its best
    /// passage, as [`Searcher::related`](crate::Searcher::related) does; `None` if there is no such
    /// article.
    ///
    /// # Errors
    ///
    /// - [`Error::Setting`] if `k` is 0.
    /// - [`Error::Shard`] if a server does not run a statement.
    pub fn related(&self, key: &str, k: usize) -> Result<Option<Hits>> {
        self.with_view(ViewRequest::default(), |view| self.models().related(view, key, k))
    }

    /// Returns the sentences of `hit` with their similarity to the question, and the words of the
    /// question in it, as [`Searcher::highlights`](crate::Searcher::highlights) does. It asks no
    /// server.
    ///
    /// # Errors
    ///
    /// The errors of [`search`](Self::search) for the query's settings, vector and text, and those
    /// of the embedder.
    pub fn highlights(&self, query: impl Into<Query>, hit: &Hit) -> Result<Highlights> {
        Ok(self.highlights_many(query, std::slice::from_ref(hit))?.remove(0))
    }

    /// Returns the [highlights](Self::highlights) of each of `hits`. Their sentences are embedded
    /// together.
    ///
    /// # Errors
    ///
    /// As [`highlights`](Self::highlights).
    pub fn highlights_many(
        &self,
        query: impl Into<Query>,
        hits: &[Hit],
    ) -> Result<Vec<Highlights>> {
        self.models().highlights(&query.into(), hits)
    }

    /// Returns each of `hits` with `around` passages before and after it in its article, as
    /// [`Searcher::excerpts`](crate::Searcher::excerpts) does.
    ///
    /// # Errors
    ///
    /// - [`Error::StaleHit`] if the article of a hit has changed and its passage is gone.
    /// - [`Error::Shard`] if a server does not run a statement.
    pub fn excerpts(&self, hits: &[Hit], around: usize) -> Result<Vec<Excerpt>> {
        self.with_view(ViewRequest::default(), |view| {
            Ok(HitArticles::read(view, hits)?.excerpts(around))
        })
    }

    /// Packs `hits`, best first, into `budget` tokens of the corpus's model, as
    /// [`Searcher::context`](crate::Searcher::context) does.
    ///
    /// # Errors
    ///
    /// The errors of [`excerpts`](Self::excerpts), and [`Error::Embed`] if tokens cannot be
    /// counted.
    pub fn context(&self, hits: &[Hit], budget: usize) -> Result<Context> {
        self.context_with(hits, &ContextOptions::new(budget))
    }

    /// Packs `hits`, best first, by `options`, as
    /// [`Searcher::context_with`](crate::Searcher::context_with) does.
    ///
    /// # Errors
    ///
    /// As [`context`](Self::context), and the errors of the question and of the token counter.
    pub fn context_with(&self, hits: &[Hit], options: &ContextOptions<'_>) -> Result<Context> {
        self.with_view(ViewRequest::default(), |view| self.models().context(view, hits, options))
    }
}
