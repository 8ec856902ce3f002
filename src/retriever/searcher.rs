//! Snapshots of a corpus for searches from any number of threads.

mod follow_up;
mod snapshot;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use tracing::instrument;

#[cfg(doc)]
use crate::Error;
use crate::{
    Article, EmbeddedArticle, Embedder, EmbeddingCache, Hits, Query, Reranker, Result,
    search::query_models::QueryModels,
    store::{
        self, Generation, LocalView, SortedArticles,
        segment::{LiveSegment, find_article},
    },
};

pub(crate) use snapshot::{Snapshot, SnapshotSource};

/// A corpus as it was at one commit; cheap to clone.
///
/// A searcher keeps its generation until [`reload`](Self::reload), whatever the writer does.
/// [`Retriever::searcher`](crate::Retriever::searcher) returns one in the process of the writer.
/// [`Searcher::open`] opens one in any process; any number of processes can read an index.
///
/// # Asynchronous code
///
/// Methods that embed, search or read files block: call them by `spawn_blocking`, as
/// [the guide](crate::guide::running_a_service#asynchronous-code) shows. The sizes,
/// [`generation`](Self::generation) and clones do not block.
#[derive(Clone)]
pub struct Searcher {
    pub(crate) embedder: Arc<dyn Embedder>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) source: SnapshotSource,
    /// Number of threads that embed; `None` for the maximum of the model.
    pub(crate) embed_threads: Option<usize>,
    pub(crate) reranker: Option<Arc<dyn Reranker>>,
    /// Vectors of questions, in memory; searching writes no file.
    pub(crate) cache: Option<EmbeddingCache>,
}

impl fmt::Debug for Searcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Searcher")
            .field("model", self.embedder.identity())
            .field("snapshot", &self.snapshot)
            .finish_non_exhaustive()
    }
}

impl Searcher {
    /// Loads the last committed generation. Returns `false` if the searcher already has it.
    ///
    /// It also loads the graphs that were built in the background since the commit. The generation
    /// is then the same, and so are its articles: hits of an earlier search stay valid.
    ///
    /// # Errors
    ///
    /// The errors of [`RetrieverBuilder::open_searcher`](crate::RetrieverBuilder::open_searcher), for
    /// an index in a folder. After an error the searcher keeps its generation.
    pub fn reload(&mut self) -> Result<bool> {
        let latest = match &self.source {
            SnapshotSource::Writer(shared) => Some(shared.get()),
            SnapshotSource::Folder(path) => {
                let Snapshot { manifest, segments, .. } = &*self.snapshot;
                let newer = store::read_newer(path, *manifest, segments)?;
                let checked = |generation: Generation| {
                    generation.manifest.contents.check_model(&*self.embedder)?;
                    Ok(Arc::new(generation.into()))
                };
                newer.map(checked).transpose()?
            }
        };
        let newer = latest.filter(|latest| !Arc::ptr_eq(latest, &self.snapshot));
        let moved = newer.is_some();
        if let Some(newer) = newer {
            self.snapshot = newer;
        }
        Ok(moved)
    }

    /// The number of the generation that it answers from: how many commits there were. Searchers of
    /// one generation have the same articles, whether or not merges in the background have ended.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.snapshot.generation
    }

    /// Returns the best passages for `query`, by its [mode](crate::Mode).
    ///
    /// Reaching the [time limit](Query::time_limit) or using the [cancel handle](Query::cancel) is
    /// not an error: the hits are then [incomplete](Hits::is_complete).
    ///
    /// # Errors
    ///
    /// - [`Error::EmptyQuery`] for a query without text, unless it has a vector, the mode is
    ///   [`Mode::Dense`](crate::Mode::Dense) and it is not reranked.
    /// - [`Error::Setting`] if a number such as `k` is 0.
    /// - [`Error::Fraction`] if the recall, a similarity or the weight of diversity is out of range.
    /// - [`Error::Choice`] for a minimum similarity in the mode
    ///   [`Mode::Lexical`](crate::Mode::Lexical).
    /// - [`Error::Dimension`] or [`Error::InvalidVector`] for an invalid [vector](Query::vector).
    /// - [`Error::Filter`] or [`Error::FilterType`] for an invalid [filter](Query::filter).
    /// - [`Error::NoWords`] if a [required](Query::require) or [excluded](Query::exclude) text has no
    ///   word.
    /// - [`Error::NoReranker`] if the query requests reranking and there is no reranker.
    /// - [`Error::Corrupt`] if a file of the index is damaged.
    /// - The errors of the embedder and of the reranker; [`Error::Embed`] or [`Error::Rerank`] if
    ///   they panic.
    #[instrument(level = "debug", skip_all, fields(passages = self.passages()))]
    pub fn search(&self, query: impl Into<Query>) -> Result<Hits> {
        self.models().answer(&query.into(), |_, read| read(&self.view()))
    }

    /// Returns the hits of each query, in the order of `queries`. The current `rayon` pool runs the
    /// searches; plain threads then [rerank](Query::rerank), as many as the reranker can use.
    ///
    /// The questions are embedded together. That ends early once every query has reached its time
    /// limit, or once a handle that all queries share is cancelled.
    ///
    /// # Errors
    ///
    /// The errors of [`search`](Self::search) of one failing query.
    #[instrument(level = "debug", skip_all, fields(queries = queries.len()))]
    pub fn search_many<Q: Clone + Into<Query>>(&self, queries: &[Q]) -> Result<Vec<Hits>> {
        let queries: Vec<Query> = queries.iter().cloned().map(Into::into).collect();
        self.models().answer_all(&queries, |_, read| read(&self.view()))
    }

    /// The models that answer queries.
    pub(crate) fn models(&self) -> QueryModels<'_> {
        QueryModels {
            embedder: &*self.embedder,
            embed_threads: self.embed_threads,
            reranker: self.reranker.as_deref(),
            cache: self.cache.as_ref(),
        }
    }

    /// The article of this key.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if a file of the index is damaged.
    pub fn article(&self, key: &str) -> Result<Option<Article>> {
        let segments = &self.snapshot.segments;
        let Some(place) = find_article(segments, key)? else { return Ok(None) };
        segments[place.segment].sealed().article(place.number).map(Some)
    }

    /// The corpus as the search reads it.
    pub(super) fn view(&self) -> LocalView<'_> {
        LocalView { segments: &self.snapshot.segments, dim: self.embedder.dim() }
    }

    /// The keys of all articles, in ascending order of their bytes.
    ///
    /// # Errors
    ///
    /// Each is an [`Error::Corrupt`] if the file that it is in is damaged.
    pub fn keys(&self) -> impl Iterator<Item = Result<&str>> {
        let articles = SortedArticles::new(&self.snapshot.segments);
        articles.map(|article| article.map(|article| article.key))
    }

    /// Reads all articles, in ascending order of the bytes of their keys.
    ///
    /// # Errors
    ///
    /// Each is an [`Error::Corrupt`] if its key, head or text is damaged.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, Retriever};
    ///
    /// let moor = Article::new("moor.txt", "Moore speichern Wasser.").metadata("year", 2024);
    /// let brot = Article::new("brot.txt", "Brot braucht Zeit.").title("Brot");
    /// let mut retriever = Retriever::in_memory()?;
    /// retriever.add([moor.clone(), brot.clone()])?;
    /// let articles = retriever.iter_articles().collect::<passim::Result<Vec<_>>>()?;
    /// assert_eq!(articles, [brot, moor]);
    /// # Ok::<(), passim::Error>(())
    /// ```
    pub fn iter_articles(&self) -> impl Iterator<Item = Result<Article>> {
        SortedArticles::new(&self.snapshot.segments).map(|article| article?.read())
    }

    /// Reads all articles with their passages and vectors, in ascending order of the bytes of their
    /// keys, for a corpus of the same model:
    /// [`Retriever::upsert_embedded`](crate::Retriever::upsert_embedded) embeds nothing.
    ///
    /// # Errors
    ///
    /// Each is an [`Error::Corrupt`] if a part of the article is damaged.
    ///
    /// # Examples
    ///
    /// ```
    /// use passim::{Article, Retriever};
    ///
    /// let mut from = Retriever::in_memory()?;
    /// from.add([Article::new("moor.txt", "Moore speichern Wasser.")])?;
    /// let articles = from.iter_embedded().collect::<passim::Result<Vec<_>>>()?;
    /// let mut to = Retriever::in_memory()?;
    /// assert_eq!(to.upsert_embedded(articles)?.given, 1);
    /// assert_eq!(to.search("peat bogs")?[0].article, "moor.txt");
    /// # Ok::<(), passim::Error>(())
    /// ```
    pub fn iter_embedded(&self) -> impl Iterator<Item = Result<EmbeddedArticle>> {
        SortedArticles::new(&self.snapshot.segments).map(|article| article?.read_embedded())
    }

    /// Number of articles.
    #[must_use]
    pub fn articles(&self) -> usize {
        self.snapshot.segments.iter().map(LiveSegment::articles).sum()
    }

    /// Number of passages.
    #[must_use]
    pub fn passages(&self) -> usize {
        self.snapshot.segments.iter().map(LiveSegment::passages).sum()
    }

    /// The model that the corpus is embedded with.
    #[must_use]
    pub fn embedder(&self) -> &dyn Embedder {
        &*self.embedder
    }
}
