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
    /// Returns the best passages for `query` in the view that `open_view` returns.
    pub(crate) fn answer<V: View>(
        self,
        query: &Query,
        open_view: impl FnOnce() -> Result<V>,
    ) -> Result<Hits> {
        self.check(query)?;
        let interrupt = interrupt_of(query);
        let start = Instant::now();
        let embedded = || {
            interrupt.check()?;
            self.embedded(&query.text, interrupt)
        };
        let vectors = match query.needs_embedding().then(embedded).transpose() {
            Err(error) if interrupt.is_cause_of(&error) => {
                return Ok(not_embedded(&open_view()?, query, interrupt, start.elapsed()));
            }
            vectors => vectors?,
        };
        let embed_time = start.elapsed();
        let question =
            vectors.as_ref().map(|vectors| EmbeddedQuestion { vector: vectors.row(0), embed_time });
        let hits = retrieve(&open_view()?, question, query, interrupt)?;
        rerank(hits, query, self.reranker, interrupt)
    }

    /// Returns the hits of each query, in the order of `queries`. The current `rayon` pool runs the
    /// searches, each in a view of its own; plain threads then rerank.
    pub(crate) fn answer_all<V: View>(
        self,
        queries: &[Query],
        open_view: impl Fn() -> Result<V> + Sync,
    ) -> Result<Vec<Hits>> {
        queries.iter().try_for_each(|query| self.check(query))?;
        let interrupts: Vec<Interrupt> = queries.iter().map(interrupt_of).collect();
        let vectors = self.embed_questions(queries, &interrupts)?;
        let retrieve = |at: usize| {
            let view = open_view()?;
            match vectors.of(at) {
                None if queries[at].needs_embedding() => {
                    Ok(not_embedded(&view, &queries[at], interrupts[at], vectors.embed_time))
                }
                question => retrieve(&view, question, &queries[at], interrupts[at]),
            }
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

/// Returns the hits of a query that was interrupted before its question was embedded: none.
fn not_embedded<V: View>(
    view: &V,
    query: &Query,
    interrupt: Interrupt<'_>,
    embed_time: Duration,
) -> Hits {
    let plan = QueryPlan {
        mode: query.mode,
        passages: view.passages(),
        interrupted: Some(interrupt.reason()),
        timings: Timings { embed: embed_time, ..Timings::default() },
        ..QueryPlan::default()
    };
    Hits { found: Vec::new(), plan: Box::new(plan) }
}

/// Returns the interrupt of a search for `query` that starts now.
pub(crate) fn interrupt_of(query: &Query) -> Interrupt<'_> {
    // A time limit beyond the range of the clock is no limit.
    let deadline = query.time_limit.and_then(|limit| Instant::now().checked_add(limit));
    Interrupt::new(deadline, query.cancel.as_ref())
}
