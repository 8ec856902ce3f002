//! Answers queries: embeds their questions, runs the pipeline over a view, and reranks the hits.

use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::{
    hit::Hits,
    pipeline::{EmbeddedQuestion, retrieve},
    plan::{QueryPlan, Timings},
    query::Query,
    reranking::rerank,
    view::View,
};
use crate::{
    EmbedStage, Embedder, EmbeddingCache, Error, Interrupt, Reranker, Result, Role, Vectors,
    work::parallel::parallel_map,
};

/// The models that answer queries.
#[derive(Clone, Copy)]
pub(crate) struct QueryModels<'m> {
    pub(crate) embedder: &'m dyn Embedder,
    /// Number of threads that embed; `None` for the maximum of the model.
    pub(crate) embed_threads: Option<usize>,
    pub(crate) reranker: Option<&'m dyn Reranker>,
    /// Vectors of questions.
    pub(crate) cache: Option<&'m EmbeddingCache>,
}

/// Request of a query to the view that it reads.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ViewRequest<'q> {
    pub(crate) interrupt: Interrupt<'q>,
    /// Whether the view may lack shards that cannot be reached.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "a folder has no shards"))]
    pub(crate) is_partial: bool,
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

impl<'m> QueryModels<'m> {
    /// Returns the best passages for `query` in a view that `read_view` opens.
    pub(crate) fn answer<'q, V: View>(
        self,
        query: &'q Query,
        read_view: impl FnOnce(ViewRequest<'q>, &dyn Fn(&V) -> Result<Hits>) -> Result<Hits>,
    ) -> Result<Hits> {
        self.check(query)?;
        let request = ViewRequest::of(query);
        let interrupt = request.interrupt;
        let start = Instant::now();
        let embedded = || {
            interrupt.check()?;
            self.embedded(&query.text, interrupt)
        };
        let vectors = match query.needs_embedding().then(embedded).transpose() {
            Err(error) if interrupt.is_cause_of(&error) => None,
            vectors => vectors?,
        };
        let embed_time = start.elapsed();
        let question =
            vectors.as_ref().map(|vectors| EmbeddedQuestion { vector: vectors.row(0), embed_time });
        let hits = PreparedQuery { query, question, embed_time, request }.hits(read_view)?;
        rerank(hits, query, self.reranker, interrupt)
    }

    /// Returns the hits of each query, in the order of `queries`. The current `rayon` pool runs the
    /// searches, each in a view of its own; plain threads then rerank.
    pub(crate) fn answer_all<'q, V: View>(
        self,
        queries: &'q [Query],
        read_view: impl Fn(ViewRequest<'q>, &dyn Fn(&V) -> Result<Hits>) -> Result<Hits> + Sync,
    ) -> Result<Vec<Hits>> {
        queries.iter().try_for_each(|query| self.check(query))?;
        let requests: Vec<ViewRequest> = queries.iter().map(ViewRequest::of).collect();
        let interrupts: Vec<Interrupt> = requests.iter().map(|request| request.interrupt).collect();
        let vectors = self.embed_questions(queries, &interrupts)?;
        let retrieve = |at: usize| {
            let query = PreparedQuery {
                query: &queries[at],
                question: vectors.of(at),
                embed_time: vectors.embed_time,
                request: requests[at],
            };
            query.hits(&read_view)
        };
        let hits = (0..queries.len()).into_par_iter().map(retrieve);
        let hits: Vec<Hits> = hits.collect::<Result<_>>()?;
        self.rerank_all(hits, queries, &interrupts)
    }

    /// Embeds the questions of `queries` in one run, without those of queries that are already
    /// interrupted.
    fn embed_questions(
        self,
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
        self,
        hits: Vec<Hits>,
        queries: &[Query],
        interrupts: &[Interrupt],
    ) -> Result<Vec<Hits>> {
        let is_asked = queries.iter().any(|query| query.rerank.is_some());
        let Some(reranker) = self.reranker.filter(|_| is_asked) else { return Ok(hits) };
        // A reranker may wait for workers of rayon, so none of them waits for it.
        let threads = reranker.max_concurrency().min(rayon::current_num_threads());
        parallel_map(threads, queries.len(), |at| {
            rerank(hits[at].clone(), &queries[at], Some(reranker), interrupts[at])
        })
    }

    /// Returns the vector of `question` as a single row.
    pub(crate) fn embedded(self, question: &str, interrupt: Interrupt<'_>) -> Result<Vectors> {
        EmbeddingCache::embedded(self.cache, self.embedder, Role::Query, question, interrupt)
    }

    /// Returns the stage that texts are embedded by.
    pub(crate) fn stage(self) -> EmbedStage<'m> {
        let mut stage = EmbedStage::new(self.embedder);
        if let Some(embed_threads) = self.embed_threads {
            stage = stage.embed_threads(embed_threads);
        }
        match self.cache {
            Some(cache) => stage.cache(cache),
            None => stage,
        }
    }

    fn check(self, query: &Query) -> Result<()> {
        query.check()?;
        match (query.rerank, self.reranker) {
            (Some(_), None) => Err(Error::NoReranker),
            _ => Ok(()),
        }
    }
}

/// A query whose question is embedded, if it needs to be and was not interrupted before.
struct PreparedQuery<'q, 'v> {
    query: &'q Query,
    question: Option<EmbeddedQuestion<'v>>,
    embed_time: Duration,
    request: ViewRequest<'q>,
}

impl<'q> PreparedQuery<'q, '_> {
    /// Returns the hits in a view that `read_view` opens; none if the query was interrupted before it
    /// could find any.
    fn hits<V: View>(
        &self,
        read_view: impl FnOnce(ViewRequest<'q>, &dyn Fn(&V) -> Result<Hits>) -> Result<Hits>,
    ) -> Result<Hits> {
        let Self { query, question, request, .. } = *self;
        let read = |view: &V| match question {
            None if query.needs_embedding() => Ok(self.nothing_found(view.passages())),
            question => retrieve(view, question, query, request.interrupt),
        };
        match read_view(request, &read) {
            Err(error) if request.interrupt.is_cause_of(&error) => Ok(self.nothing_found(0)),
            hits => hits,
        }
    }

    /// Returns the hits of a query that was interrupted, of a corpus of `passages`: none.
    fn nothing_found(&self, passages: usize) -> Hits {
        let plan = QueryPlan {
            mode: self.query.mode,
            passages,
            interrupted: Some(self.request.interrupt.reason()),
            timings: Timings { embed: self.embed_time, ..Timings::default() },
            ..QueryPlan::default()
        };
        Hits { found: Vec::new(), plan: Box::new(plan) }
    }
}

impl<'q> ViewRequest<'q> {
    /// The request of a search for `query` that starts now.
    fn of(query: &'q Query) -> Self {
        Self { interrupt: interrupt_of(query), is_partial: query.partial }
    }
}

/// Returns the interrupt of a search for `query` that starts now.
pub(crate) fn interrupt_of(query: &Query) -> Interrupt<'_> {
    // A time limit beyond the range of the clock is no limit.
    let deadline = query.time_limit.and_then(|limit| Instant::now().checked_add(limit));
    Interrupt::new(deadline, query.cancel.as_ref())
}
