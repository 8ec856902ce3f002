//! Query plans and the timings of each step.

use std::{fmt, time::Duration};

use serde::Serialize;

use crate::{IndexPlan, LexicalPlan, Mode};

/// How a query was answered: [`Hits::plan`](crate::Hits::plan).
///
/// Segments are what one or several commits added, or what is not committed yet. Its `Display` is
/// a few lines for people.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct QueryPlan {
    /// By what passages were found.
    pub mode: Mode,
    /// Passages of the corpus.
    pub passages: usize,
    /// Passages that the [filter](crate::Query::filter) let through; all, without one.
    pub allowed: usize,
    /// Passages asked of each arm: more than there are hits, where limits left some out or two
    /// arms were put together.
    pub candidates: usize,
    /// How the vectors of each segment were compared; empty if none were.
    pub dense: Vec<IndexPlan>,
    /// How the words of each segment were looked for; empty if none were.
    pub lexical: Vec<LexicalPlan>,
    /// Whether the hits are in the order that a reranker gave them.
    pub reranked: bool,
    /// Whether a [time limit](crate::Query::time_limit) or a
    /// [cancel handle](crate::Query::cancel) ended it before it was done.
    pub interrupted: bool,
    /// How long it took.
    pub timings: Timings,
}

/// How long the steps of a search took; zero where there was nothing to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Timings {
    /// Embedding the question; of all of them, where many were searched for at once.
    pub embed: Duration,
    /// Finding out what the filter lets through.
    pub filter: Duration,
    /// Comparing vectors.
    pub dense: Duration,
    /// Taking the question's words apart and looking for them.
    pub lexical: Duration,
    /// Putting the arms together, and keeping what limits and diversity let through.
    pub rank: Duration,
    /// Reading the hits, and explaining them if that was asked for.
    pub read: Duration,
    /// Reranking.
    pub rerank: Duration,
}

impl QueryPlan {
    /// Returns whether both arms searched every segment to the end.
    pub(super) fn is_searched_whole(&self) -> bool {
        self.dense.iter().all(|plan| plan.complete) && self.lexical.iter().all(|plan| plan.complete)
    }
}

impl Timings {
    /// All steps together.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.named().into_iter().map(|(_, time)| time).sum()
    }

    fn named(&self) -> [(&'static str, Duration); 7] {
        let Self { embed, filter, dense, lexical, rank, read, rerank } = *self;
        [
            ("embed", embed),
            ("filter", filter),
            ("dense", dense),
            ("lexical", lexical),
            ("rank", rank),
            ("read", read),
            ("rerank", rerank),
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
        dense.iter().try_for_each(|plan| write!(f, "\n  vectors: {plan}"))?;
        lexical.iter().try_for_each(|plan| write!(f, "\n  words: {plan}"))
    }
}

/// Milliseconds, of the steps that took any.
impl fmt::Display for Timings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        write!(f, "{:.2} ms", ms(self.total()))?;
        let mut open = " (";
        for (name, time) in self.named().into_iter().filter(|(_, time)| !time.is_zero()) {
            write!(f, "{open}{name} {:.2}", ms(time))?;
            open = ", ";
        }
        if self.total().is_zero() { Ok(()) } else { write!(f, ")") }
    }
}
