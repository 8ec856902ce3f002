//! Reads of a shared retriever, each from the last commit.

use std::path::Path;

use tracing::instrument;

use super::SharedRetriever;
use crate::{
    Article, BackupReport, Chunker, Context, ContextOptions, Embedder, Excerpt, Filter, Highlights,
    Hit, Hits, Query, Result, Searcher, Stats, VerifyReport, retriever::searcher::SnapshotSource,
    store,
};
#[cfg(doc)]
use crate::{Error, Retriever};

impl SharedRetriever {
    /// Returns a searcher of the last commit. It keeps this state, so that several calls agree.
    #[must_use]
    pub fn searcher(&self) -> Searcher {
        Searcher { snapshot: self.parts.latest.get(), ..self.parts.empty_searcher.clone() }
    }

    /// Returns the number of the last commit. It grows by one with each commit that changes
    /// something.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.parts.latest.get().generation
    }

    /// Returns the best passages for `query`; see [`Searcher::search`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::search`].
    pub fn search(&self, query: impl Into<Query>) -> Result<Hits> {
        self.searcher().search(query)
    }

    /// Returns the hits of each query, all from one commit; see [`Searcher::search_many`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::search_many`].
    pub fn search_many<Q: Clone + Into<Query>>(&self, queries: &[Q]) -> Result<Vec<Hits>> {
        self.searcher().search_many(queries)
    }

    /// Returns the `k` articles closest in meaning to the article of this key; see
    /// [`Searcher::related`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::related`].
    pub fn related(&self, key: &str, k: usize) -> Result<Option<Hits>> {
        self.searcher().related(key, k)
    }

    /// Returns the sentences and words of a hit that match the question; see
    /// [`Searcher::highlights`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::highlights`].
    pub fn highlights(&self, query: impl Into<Query>, hit: &Hit) -> Result<Highlights> {
        self.searcher().highlights(query, hit)
    }

    /// Returns the highlights of each hit; see [`Searcher::highlights_many`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::highlights`].
    pub fn highlights_many(
        &self,
        query: impl Into<Query>,
        hits: &[Hit],
    ) -> Result<Vec<Highlights>> {
        self.searcher().highlights_many(query, hits)
    }

    /// Returns hits with their neighboring passages; see [`Searcher::excerpts`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::excerpts`]: [`Error::StaleHit`] if a commit after the search has changed the
    /// passage of a hit. A [`searcher`](Self::searcher) for both calls avoids it.
    pub fn excerpts(&self, hits: &[Hit], around: usize) -> Result<Vec<Excerpt>> {
        self.searcher().excerpts(hits, around)
    }

    /// Returns hits as numbered context for a language model; see [`Searcher::context`].
    ///
    /// # Errors
    ///
    /// The errors of [`excerpts`](Self::excerpts), and [`Error::Embed`] if tokens cannot be counted.
    pub fn context(&self, hits: &[Hit], budget: usize) -> Result<Context> {
        self.searcher().context(hits, budget)
    }

    /// Returns hits as numbered context for a language model; see [`Searcher::context_with`].
    ///
    /// # Errors
    ///
    /// As [`context`](Self::context), and the errors of the question and of the token counter.
    pub fn context_with(&self, hits: &[Hit], options: &ContextOptions<'_>) -> Result<Context> {
        self.searcher().context_with(hits, options)
    }

    /// Returns the article of this key.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if a file of the index is damaged.
    pub fn article(&self, key: &str) -> Result<Option<Article>> {
        self.searcher().article(key)
    }

    /// Returns the keys of all articles, in ascending order of their bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if a file of the index is damaged.
    pub fn keys(&self) -> Result<Vec<String>> {
        self.searcher().keys().map(|key| key.map(str::to_owned)).collect()
    }

    /// Returns the keys of the articles that `filter` matches; see [`Searcher::keys_where`].
    ///
    /// # Errors
    ///
    /// As [`Searcher::keys_where`].
    pub fn keys_where(&self, filter: &Filter) -> Result<Vec<String>> {
        self.searcher().keys_where(filter)
    }

    /// Returns the sizes of the last commit; see [`Retriever::stats`].
    #[must_use]
    pub fn stats(&self) -> Stats {
        let snapshot = self.parts.latest.get();
        Stats::of(&snapshot, snapshot.segments.len())
    }

    /// Decodes every article and passage of the last commit, searches the graphs for all of their
    /// vectors, and compares every byte of its files with their checksums. Writes go on meanwhile, so
    /// the files can be those of a newer commit.
    ///
    /// # Errors
    ///
    /// As [`Retriever::verify`].
    #[instrument(level = "debug", skip_all)]
    pub fn verify(&self) -> Result<VerifyReport> {
        let searcher = self.searcher();
        let report = VerifyReport::of(&searcher.snapshot.segments)?;
        let SnapshotSource::Folder(folder) = &searcher.source else { return Ok(report) };
        Ok(report.with_files(store::verify_last::<store::CorpusContents>(folder)?))
    }

    /// Copies the last commit to the folder at `path`; see [`Retriever::backup`]. Writes go on
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// As [`Retriever::backup`].
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<BackupReport> {
        self.searcher().backup(path)
    }

    /// Returns the model that the corpus is embedded with.
    #[must_use]
    pub fn embedder(&self) -> &dyn Embedder {
        self.parts.empty_searcher.embedder()
    }

    /// Returns the chunker that splits added articles.
    #[must_use]
    pub fn chunker(&self) -> &Chunker {
        &self.parts.chunker
    }
}
