//! Snapshots of a corpus for searches from any number of threads.

mod follow_up;
mod snapshot;
#[cfg(test)]
mod tests;

use std::{cmp::Ordering, fmt, sync::Arc, time::Instant};

use rayon::prelude::*;
use tracing::instrument;

use crate::{
    Article, Cancel, EmbedStage, Embedder, EmbeddingCache, Error, Hit, Hits, Query, Reranked,
    Reranker, Result, Role, Vectors,
    search::pipeline::{EmbeddedQuestion, retrieve},
    store::{
        self, Generation, LocalView, SortedKeys,
        segment::{LiveSegment, place_of},
    },
    work::parallel::parallel_map,
};

pub(crate) use snapshot::{Shared, Snapshot, SnapshotSource};

/// A corpus as it was at one commit; cheap to clone.
///
/// It keeps its generation, whatever the writer does, until [`reload`](Self::reload). [`Retriever::searcher`](crate::Retriever::searcher) gives one in
/// the process of the writer; [`Searcher::open`] in any process, of which there can be any
/// number beside the one that writes.
#[derive(Clone)]
pub struct Searcher {
    pub(crate) embedder: Arc<dyn Embedder>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) source: SnapshotSource,
    /// Threads to embed on, if not as many as the model can use.
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
    /// Moves on to the generation that was committed last; false if this is it.
    ///
    /// # Errors
    ///
    /// Of an index in a folder [`Error::Read`], [`Error::Corrupt`] and the like if it cannot be
    /// read; the searcher then stays where it is.
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

    /// The best passages for `query`, by its [mode](crate::Mode).
    ///
    /// # Errors
    ///
    /// [`Error::EmptyQuery`] without text, unless a vector is all that is asked for;
    /// [`Error::Setting`] if `k` or another number is 0, [`Error::Fraction`] if the recall, a
    /// similarity or the diversity asked for is out of range, [`Error::Choice`] if a least
    /// similarity is where no vectors are compared; [`Error::Dimension`] and
    /// [`Error::InvalidVector`] if the query's [vector](Query::vector) is none of the model's;
    /// [`Error::NotCalibrated`] if a recall is asked for and the corpus has a graph but was not
    /// [calibrated](crate::Retriever::calibrate), [`Error::Filter`] and [`Error::FilterType`] if a
    /// [filter](Query::filter) is invalid, [`Error::NoReranker`] if reranking is asked for and
    /// there is no reranker, [`Error::Corrupt`] if a file of the index is damaged, and what the
    /// embedder and the reranker return.
    #[instrument(level = "debug", skip_all, fields(passages = self.passages()))]
    pub fn search(&self, query: impl Into<Query>) -> Result<Hits> {
        let query = query.into();
        self.check(&query)?;
        let deadline = deadline_of(&query);
        let start = Instant::now();
        let embedded = || self.embedded(&query.text);
        let vectors = query.is_to_be_embedded().then(embedded).transpose()?;
        let embed_time = start.elapsed();
        let question =
            vectors.as_ref().map(|vectors| EmbeddedQuestion { vector: vectors.row(0), embed_time });
        let hits = retrieve(&self.view(), question, &query, deadline)?;
        self.reranked(hits, &query, deadline)
    }

    /// The hits of every query, in the order of `queries`, searched for in parallel on
    /// the threads of the current `rayon` pool. Those to be [reranked](Query::rerank) then are, on
    /// as many threads of its own as the reranker can use.
    ///
    /// # Errors
    ///
    /// As [`search`](Self::search), for one of the queries that fail.
    #[instrument(level = "debug", skip_all, fields(queries = queries.len()))]
    pub fn search_many<Q: Clone + Into<Query>>(&self, queries: &[Q]) -> Result<Vec<Hits>> {
        let queries: Vec<Query> = queries.iter().cloned().map(Into::into).collect();
        queries.iter().try_for_each(|query| self.check(query))?;
        let deadlines: Vec<_> = queries.iter().map(deadline_of).collect();
        let embedded = |query: &&Query| query.is_to_be_embedded();
        let texts: Vec<&str> = queries.iter().filter(embedded).map(|one| &*one.text).collect();
        let start = Instant::now();
        let (vectors, _) = self.stage().run(Role::Query, &texts)?;
        let embed_time = start.elapsed();
        let mut rows = vectors.rows();
        let row = |one: &Query| embedded(&one).then(|| rows.next()).flatten();
        let questions: Vec<Option<EmbeddedQuestion>> = queries
            .iter()
            .map(row)
            .map(|row| row.map(|vector| EmbeddedQuestion { vector, embed_time }))
            .collect();
        let view = self.view();
        let hits = |(at, query)| retrieve(&view, questions[at], query, deadlines[at]);
        let hits: Vec<Hits> = queries.par_iter().enumerate().map(hits).collect::<Result<_>>()?;
        let reranker = self.reranker.as_ref();
        let Some(reranker) = reranker.filter(|_| queries.iter().any(|one| one.rerank.is_some()))
        else {
            return Ok(hits);
        };
        // A reranker may wait for workers of rayon, so none of them waits for it.
        let embed_threads = reranker.max_concurrency().min(rayon::current_num_threads());
        parallel_map(embed_threads, queries.len(), |at| {
            self.reranked(hits[at].clone(), &queries[at], deadlines[at])
        })
    }

    /// The vector of a question, as the only one.
    pub(crate) fn embedded(&self, question: &str) -> Result<Vectors> {
        EmbeddingCache::embedded(self.cache.as_ref(), self.embedder(), Role::Query, question)
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
        let place = place_of(segments, key)?;
        place.map(|(segment, at)| segments[segment].segment().article(at)).transpose()
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
        SortedKeys::new(&self.snapshot.segments)
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

    /// The best of the passages found, by the reranker if `query` asks for it.
    fn reranked(&self, mut hits: Hits, query: &Query, deadline: Option<Instant>) -> Result<Hits> {
        if let (Some(_), Some(reranker), [_, ..]) = (query.rerank, &self.reranker, &hits[..]) {
            let start = Instant::now();
            let late = deadline.is_some_and(|deadline| start >= deadline);
            let ended = late || query.cancel.as_ref().is_some_and(Cancel::is_cancelled);
            if !ended {
                rerank(&**reranker, &query.text, &mut hits.found)?;
            }
            hits.plan.reranked = !ended;
            hits.plan.interrupted |= ended;
            hits.plan.timings.rerank = start.elapsed();
        }
        hits.found.truncate(query.k);
        Ok(hits)
    }
}

/// Puts `hits` in the order of the scores that `reranker` gives them, best first.
fn rerank(reranker: &dyn Reranker, question: &str, hits: &mut [Hit]) -> Result<()> {
    let texts: Vec<String> = hits.iter().map(Hit::in_context).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let scores = reranker.score(question, &texts)?;
    if scores.len() != hits.len() || scores.iter().any(|score| !score.is_finite()) {
        let said = format!("it gave {} passages the scores {scores:?}", hits.len());
        return Err(Error::Rerank(said.into()));
    }
    for ((hit, score), rank_before) in hits.iter_mut().zip(scores).zip(1..) {
        // Adding 0 turns -0 into 0.
        hit.score = score + 0.0;
        if let Some(explanation) = &mut hit.explanation {
            explanation.reranked = Some(Reranked { rank_before, score: hit.score });
        }
    }
    // A stable sort: of equal scores, and 0 equals -0, what was better before stays first.
    hits.sort_by(|a, b| b.score.partial_cmp(&a.score).unwrap_or(Ordering::Equal));
    Ok(())
}

/// When a search for `query` that starts now is to end.
fn deadline_of(query: &Query) -> Option<Instant> {
    // A limit beyond the range of the clock is no limit.
    query.time_limit.and_then(|limit| Instant::now().checked_add(limit))
}
