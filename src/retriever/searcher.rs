//! Snapshots of a corpus for searches from any number of threads.

use std::{
    cmp::Ordering,
    fmt,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

use rayon::prelude::*;
use tracing::instrument;

use crate::{
    Article, Cancel, EmbedStage, Embedder, EmbeddingCache, Error, Hit, Hits, Interrupt, Query,
    Reranked, Reranker, Result, Role, Vectors,
    format::sections::FileId,
    search::pipeline::EmbeddedQuestion,
    store::{
        self, Generation, Questions,
        segment::{LiveSegment, place_of},
    },
    work::parallel::parallel_map,
};

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

/// A generation of a corpus.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) generation: u64,
    /// Which file its manifest is; `None` in memory.
    pub(crate) manifest: Option<FileId>,
    pub(crate) segments: Vec<LiveSegment>,
    /// What graphs are calibrated with; `None` until they are.
    pub(crate) questions: Option<Arc<Questions>>,
}

/// Where later generations come from.
#[derive(Clone, Debug)]
pub(crate) enum SnapshotSource {
    /// The writer, of a corpus in memory.
    Writer(Arc<Shared>),
    /// The folder that a writer in some process publishes them in.
    Folder(PathBuf),
}

/// The generation that a writer published last.
#[derive(Debug, Default)]
pub(crate) struct Shared(RwLock<Arc<Snapshot>>);

impl From<Generation> for Snapshot {
    fn from(Generation { id, manifest, segments, questions }: Generation) -> Self {
        Self { generation: manifest.generation, manifest: Some(id), segments, questions }
    }
}

impl Shared {
    pub(crate) fn get(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, snapshot: Arc<Snapshot>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
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
    /// there is no reranker, [`Error::Corrupt`] if a file of the index is damaged, what the
    /// embedder and the reranker return, [`Error::Embed`] or [`Error::Rerank`] if they panic.
    /// [`Error::TimedOut`] or [`Error::Cancelled`] if the embedder ends before it has embedded the
    /// question.
    #[instrument(level = "debug", skip_all, fields(passages = self.passages()))]
    pub fn search(&self, query: impl Into<Query>) -> Result<Hits> {
        let query = query.into();
        self.check(&query)?;
        let deadline = deadline_of(&query);
        let start = Instant::now();
        let interrupt = Interrupt::new(deadline, query.cancel.as_ref());
        let embedded = || self.embedded(&query.text, interrupt);
        let vectors = query.is_to_be_embedded().then(embedded).transpose()?;
        let embed_time = start.elapsed();
        let question =
            vectors.as_ref().map(|vectors| EmbeddedQuestion { vector: vectors.row(0), embed_time });
        let hits = self.retrieve(question, &query, deadline)?;
        self.reranked(hits, &query, deadline)
    }

    /// The hits of every query, in the order of `queries`, searched for in parallel on
    /// the threads of the current `rayon` pool. Those to be [reranked](Query::rerank) then are, on
    /// as many threads of its own as the reranker can use.
    ///
    /// # Errors
    ///
    /// As [`search`](Self::search), for one of the queries that fail. The questions are embedded
    /// together: [`Error::TimedOut`] if the latest of their time limits passes before, and
    /// [`Error::Cancelled`] if the handle that they share is used before.
    #[instrument(level = "debug", skip_all, fields(queries = queries.len()))]
    pub fn search_many<Q: Clone + Into<Query>>(&self, queries: &[Q]) -> Result<Vec<Hits>> {
        let queries: Vec<Query> = queries.iter().cloned().map(Into::into).collect();
        queries.iter().try_for_each(|query| self.check(query))?;
        let deadlines: Vec<_> = queries.iter().map(deadline_of).collect();
        let embedded = |query: &&Query| query.is_to_be_embedded();
        let texts: Vec<&str> = queries.iter().filter(embedded).map(|one| &*one.text).collect();
        let start = Instant::now();
        let interrupt = embedding_interrupt(&queries, &deadlines);
        let (vectors, _) = self.stage().interrupt(interrupt).run(Role::Query, &texts)?;
        let embed_time = start.elapsed();
        let mut rows = vectors.rows();
        let row = |one: &Query| embedded(&one).then(|| rows.next()).flatten();
        let questions: Vec<Option<EmbeddedQuestion>> = queries
            .iter()
            .map(row)
            .map(|row| row.map(|vector| EmbeddedQuestion { vector, embed_time }))
            .collect();
        let hits = |(at, query)| self.retrieve(questions[at], query, deadlines[at]);
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
        let place = self.place_of(key)?;
        place.map(|(segment, at)| segment.segment().article(at)).transpose()
    }

    /// The segment of the live article of this key, and its number there.
    pub(crate) fn place_of(&self, key: &str) -> Result<Option<(&LiveSegment, u32)>> {
        let segments = &self.snapshot.segments;
        Ok(place_of(segments, key)?.map(|(segment, at)| (&segments[segment], at)))
    }

    /// The keys of all articles, in the order they were added.
    ///
    /// # Errors
    ///
    /// Each is an [`Error::Corrupt`] if the file that it is in is damaged.
    pub fn keys(&self) -> impl Iterator<Item = Result<&str>> {
        self.snapshot.segments.iter().flat_map(LiveSegment::keys)
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
            let interrupt = Interrupt::new(deadline, query.cancel.as_ref());
            let outcome = interrupt
                .check()
                .and_then(|()| rerank(&**reranker, &query.text, &mut hits.found, interrupt));
            match outcome {
                Ok(()) => hits.plan.reranked = true,
                // The hits keep their order.
                Err(Error::TimedOut | Error::Cancelled) => hits.plan.interrupted = true,
                Err(error) => return Err(error),
            }
            hits.plan.timings.rerank = start.elapsed();
        }
        hits.found.truncate(query.k);
        Ok(hits)
    }
}

/// Puts `hits` in the order of the scores that `reranker` gives them, best first.
fn rerank(
    reranker: &dyn Reranker,
    question: &str,
    hits: &mut [Hit],
    interrupt: Interrupt<'_>,
) -> Result<()> {
    let texts: Vec<String> = hits.iter().map(Hit::in_context).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let scores = reranker.call_score(question, &texts, interrupt)?;
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

/// Returns the interrupt for embedding the questions of `queries` together: their latest deadline,
/// if each has one, and their cancel handle, if they share it.
fn embedding_interrupt<'q>(queries: &'q [Query], deadlines: &[Option<Instant>]) -> Interrupt<'q> {
    let embedded = queries.iter().zip(deadlines).filter(|(query, _)| query.is_to_be_embedded());
    let limits: Option<Vec<Instant>> = embedded.clone().map(|(_, deadline)| *deadline).collect();
    let deadline = limits.and_then(|limits| limits.into_iter().max());
    let handles: Option<Vec<&Cancel>> = embedded.map(|(query, _)| query.cancel.as_ref()).collect();
    let shared = handles.filter(|handles| handles.windows(2).all(|pair| pair[0].is_same(pair[1])));
    Interrupt::new(deadline, shared.and_then(|handles| handles.first().copied()))
}

/// When a search for `query` that starts now is to end.
fn deadline_of(query: &Query) -> Option<Instant> {
    // A limit beyond the range of the clock is no limit.
    query.time_limit.and_then(|limit| Instant::now().checked_add(limit))
}
