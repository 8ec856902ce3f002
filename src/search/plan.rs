//! Query plans: how a query was answered, and the time of each step.

use std::{fmt, time::Duration};

use serde::Serialize;

use crate::{IndexPlan, InterruptReason, LexicalPlan, Mode};

/// How a query was answered: [`Hits::plan`](crate::Hits::plan).
///
/// A segment holds the articles of one or several commits, or uncommitted ones. `Display` writes the
/// plan in a few lines.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct QueryPlan {
    /// Mode of the query.
    pub mode: Mode,
    /// Number of passages of the corpus.
    pub passages: usize,
    /// Number of passages that the [filter](crate::Query::filter) and the words that are
    /// [required](crate::Query::require) or [excluded](crate::Query::exclude) allow; all without
    /// them. Phrases are checked later; of a required one the words count here.
    pub allowed: usize,
    /// Number of candidates requested from each arm. It exceeds the number of hits if limits
    /// dropped candidates, in hybrid mode, and with groups, recency or diversity.
    pub candidates: usize,
    /// Plan of the vector search in each segment; empty if no vectors were searched.
    pub dense: Vec<IndexPlan>,
    /// Plan of the word search in each segment; empty if no words were searched.
    pub lexical: Vec<LexicalPlan>,
    /// Whether a reranker ordered the hits.
    pub reranked: bool,
    /// Why the search ended early; `None` if it was completed.
    pub interrupted: Option<InterruptReason>,
    /// Shards that could not be reached and that a [partial](crate::Query::partial) search left out,
    /// by the position of their URLs, from 0.
    pub missing_shards: Vec<usize>,
    /// Work of each shard of a corpus in PostgreSQL; empty for a corpus in a folder.
    pub shards: Vec<ShardPlan>,
    /// Time of each step.
    pub timings: Timings,
}

/// Work of a shard for a query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ShardPlan {
    /// Position of the shard's URL, from 0.
    pub shard: usize,
    /// Number of statements that its server ran.
    pub statements: usize,
    /// Sum of their times, from sending a statement to reading its last row. Shards work at the same
    /// time.
    pub time: Duration,
}

/// Wall time of the steps of a search; zero for a step that was not needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Timings {
    /// Embedding the question; with `search_many`, all questions together.
    pub embed: Duration,
    /// Resolving the filter and the conditions on words to the allowed rows.
    pub filter: Duration,
    /// Searching vectors.
    pub dense: Duration,
    /// Analyzing the question and searching its words.
    pub lexical: Duration,
    /// Late interaction: comparing the pieces of question and candidates.
    pub late: Duration,
    /// Fusing the arms, checking phrases, applying limits, and diversifying.
    pub rank: Duration,
    /// Reading the hits, and explaining them on request.
    pub read: Duration,
    /// Reranking.
    pub rerank: Duration,
}

/// A step of a search with its wall time.
struct Step {
    name: &'static str,
    time: Duration,
}

impl QueryPlan {
    /// Returns whether both arms searched every segment to the end.
    pub(super) fn is_searched_whole(&self) -> bool {
        self.dense.iter().all(|plan| plan.complete) && self.lexical.iter().all(|plan| plan.complete)
    }
}

impl Timings {
    /// Returns the sum of all steps.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.steps().iter().map(|step| step.time).sum()
    }

    fn steps(&self) -> [Step; 8] {
        let Self { embed, filter, dense, lexical, late, rank, read, rerank } = *self;
        [
            Step { name: "embed", time: embed },
            Step { name: "filter", time: filter },
            Step { name: "dense", time: dense },
            Step { name: "lexical", time: lexical },
            Step { name: "late", time: late },
            Step { name: "rank", time: rank },
            Step { name: "read", time: read },
            Step { name: "rerank", time: rerank },
        ]
    }
}

impl fmt::Display for QueryPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mode, passages, allowed, candidates, dense, lexical, timings, .. } = self;
        write!(f, "{mode}: {passages} passages")?;
        if allowed < passages {
            write!(f, " ({allowed} allowed)")?;
        }
        write!(f, ", {candidates} candidates; {timings}")?;
        self.interrupted.map_or(Ok(()), |reason| write!(f, "; incomplete: {reason}"))?;
        if !self.missing_shards.is_empty() {
            write!(f, "; incomplete: without the shards {:?}", self.missing_shards)?;
        }
        dense.iter().try_for_each(|plan| write!(f, "\n  vectors: {plan}"))?;
        lexical.iter().try_for_each(|plan| write!(f, "\n  words: {plan}"))?;
        self.shards.iter().try_for_each(|plan| write!(f, "\n  {plan}"))
    }
}

impl fmt::Display for ShardPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shard, statements, time } = self;
        write!(f, "shard {shard}: {statements} statements, {:.2} ms", time.as_secs_f64() * 1e3)
    }
}

/// Writes the total and the steps that took time, in milliseconds.
impl fmt::Display for Timings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        write!(f, "{:.2} ms", ms(self.total()))?;
        let mut separator = " (";
        for Step { name, time } in self.steps().into_iter().filter(|step| !step.time.is_zero()) {
            write!(f, "{separator}{name} {:.2}", ms(time))?;
            separator = ", ";
        }
        if self.total().is_zero() { Ok(()) } else { write!(f, ")") }
    }
}
