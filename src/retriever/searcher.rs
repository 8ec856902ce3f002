//! Snapshots of a corpus for searches from any number of threads.

mod follow_up;
mod snapshot;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use rayon::prelude::*;
use tracing::instrument;

use crate::{
    Article, EmbedStage, Embedder, EmbeddingCache, Error, Hits, Interrupt, Query, QueryPlan,
    Reranker, Result, Role, Timings, Vectors,
    search::{
        pipeline::{EmbeddedQuestion, retrieve},
        reranking::rerank,
    },
    store::{
        self, Generation, LocalView, SortedArticles,
        segment::{LiveSegment, find_article},
    },
    work::parallel::parallel_map,
};

pub(crate) use snapshot::{LatestSnapshot, Snapshot, SnapshotSource};

/// A corpus as it was at one commit; cheap to clone.
///
/// A searcher keeps its generation until [`reload`](Self::reload), whatever the writer does.
/// [`Retriever::searcher`](crate::Retriever::searcher) returns one in the process of the writer.
/// [`Searcher::open`] opens one in any process; any number of processes can read an index.
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

/// The vectors of the questions of several queries.
struct QuestionVectors {
    vectors: Vectors,
    /// The row of each query; `None` if its question is not embedded, or if the query was
    /// interrupted before.
    rows: Vec<Option<usize>>,
    /// Time to embed all of them.
    embed_time: Duration,
}

impl QuestionVectors {
    /// Returns the embedded question of query `at`.
    fn of(&self, at: usize) -> Option<EmbeddedQuestion<'_>> {
        let row = self.rows[at]?;
        Some(EmbeddedQuestion { vector: self.vectors.row(row), embed_time: self.embed_time })
    }
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
                    generation.manifest.check_model(&*self.embedder)?;
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

    /// The number of the generation that it answers from: how many commits there were.
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
    /// - [`Error::NotCalibrated`] if the query requests a recall and a graph is not
    ///   [calibrated](crate::Retriever::calibrate).
    /// - [`Error::Filter`] or [`Error::FilterType`] for an invalid [filter](Query::filter).
    /// - [`Error::NoWords`] if a [required](Query::require) or [excluded](Query::exclude) text has no
    ///   word.
    /// - [`Error::NoReranker`] if the query requests reranking and there is no reranker.
    /// - [`Error::Corrupt`] if a file of the index is damaged.
    /// - The errors of the embedder and of the reranker; [`Error::Embed`] or [`Error::Rerank`] if
    ///   they panic.
    #[instrument(level = "debug", skip_all, fields(passages = self.passages()))]
    pub fn search(&self, query: impl Into<Query>) -> Result<Hits> {
        let query = query.into();
        self.check(&query)?;
        let interrupt = interrupt_of(&query);
        let start = Instant::now();
        let embedded = || {
            interrupt.check()?;
            self.embedded(&query.text, interrupt)
        };
        let vectors = match query.needs_embedding().then(embedded).transpose() {
            Err(error) if interrupt.is_cause_of(&error) => {
                return Ok(self.not_embedded(&query, interrupt, start.elapsed()));
            }
            vectors => vectors?,
        };
        let embed_time = start.elapsed();
        let question =
            vectors.as_ref().map(|vectors| EmbeddedQuestion { vector: vectors.row(0), embed_time });
        let hits = retrieve(&self.view(), question, &query, interrupt)?;
        rerank(hits, &query, self.reranker.as_deref(), interrupt)
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
        queries.iter().try_for_each(|query| self.check(query))?;
        let interrupts: Vec<Interrupt> = queries.iter().map(interrupt_of).collect();
        let vectors = self.embed_questions(&queries, &interrupts)?;
        let view = self.view();
        let retrieve = |at: usize| match vectors.of(at) {
            None if queries[at].needs_embedding() => {
                Ok(self.not_embedded(&queries[at], interrupts[at], vectors.embed_time))
            }
            question => retrieve(&view, question, &queries[at], interrupts[at]),
        };
        let hits = (0..queries.len()).into_par_iter().map(retrieve);
        let hits: Vec<Hits> = hits.collect::<Result<_>>()?;
        self.rerank_all(hits, &queries, &interrupts)
    }

    /// Returns the hits of a query that was interrupted before its question was embedded: none.
    fn not_embedded(&self, query: &Query, interrupt: Interrupt<'_>, embed_time: Duration) -> Hits {
        let plan = QueryPlan {
            mode: query.mode,
            passages: self.passages(),
            interrupted: Some(interrupt.reason()),
            timings: Timings { embed: embed_time, ..Timings::default() },
            ..QueryPlan::default()
        };
        Hits { found: Vec::new(), plan: Box::new(plan) }
    }

    /// Embeds the questions of `queries` in one run, without those of queries that are already
    /// interrupted.
    fn embed_questions(
        &self,
        queries: &[Query],
        interrupts: &[Interrupt],
    ) -> Result<QuestionVectors> {
        let start = Instant::now();
        let is_embedded: Vec<bool> = queries
            .iter()
            .zip(interrupts)
            .map(|(query, interrupt)| query.needs_embedding() && !interrupt.is_due())
            .collect();
        let embedded = (0..queries.len()).filter(|at| is_embedded[*at]);
        let texts: Vec<&str> = embedded.clone().map(|at| queries[at].text.as_str()).collect();
        let interrupts: Vec<Interrupt> = embedded.map(|at| interrupts[at]).collect();
        let interrupt = Interrupt::last_of(&interrupts);
        let vectors = match self.stage().interrupt(interrupt).run(Role::Query, &texts) {
            Err(error) if interrupt.is_cause_of(&error) => Vectors::empty(self.embedder.dim()),
            embedded => embedded?.0,
        };
        let mut rows = 0..vectors.len();
        let row = |is_embedded| if is_embedded { rows.next() } else { None };
        let rows = is_embedded.into_iter().map(row).collect();
        Ok(QuestionVectors { vectors, rows, embed_time: start.elapsed() })
    }

    /// Reranks the hits of all queries that ask for it.
    fn rerank_all(
        &self,
        hits: Vec<Hits>,
        queries: &[Query],
        interrupts: &[Interrupt],
    ) -> Result<Vec<Hits>> {
        let is_asked = queries.iter().any(|query| query.rerank.is_some());
        let Some(reranker) = self.reranker.as_deref().filter(|_| is_asked) else { return Ok(hits) };
        // A reranker may wait for workers of rayon, so none of them waits for it.
        let threads = reranker.max_concurrency().min(rayon::current_num_threads());
        parallel_map(threads, queries.len(), |at| {
            rerank(hits[at].clone(), &queries[at], Some(reranker), interrupts[at])
        })
    }

    /// Returns the vector of `question` as a single row.
    pub(crate) fn embedded(&self, question: &str, interrupt: Interrupt<'_>) -> Result<Vectors> {
        let cache = self.cache.as_ref();
        EmbeddingCache::embedded(cache, self.embedder(), Role::Query, question, interrupt)
    }

    /// The stage that texts are embedded by.
    pub(crate) fn stage(&self) -> EmbedStage<'_> {
        let mut stage = EmbedStage::new(&*self.embedder);
        if let Some(embed_threads) = self.embed_threads {
            stage = stage.embed_threads(embed_threads);
        }
        match &self.cache {
            Some(cache) => stage.cache(cache),
            None => stage,
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
    fn view(&self) -> LocalView<'_> {
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

    fn check(&self, query: &Query) -> Result<()> {
        query.check()?;
        match (query.rerank, &self.reranker) {
            (Some(_), None) => Err(Error::NoReranker),
            _ => Ok(()),
        }
    }
}

/// Returns the interrupt of a search for `query` that starts now.
fn interrupt_of(query: &Query) -> Interrupt<'_> {
    // A time limit beyond the range of the clock is no limit.
    let deadline = query.time_limit.and_then(|limit| Instant::now().checked_add(limit));
    Interrupt::new(deadline, query.cancel.as_ref())
}
