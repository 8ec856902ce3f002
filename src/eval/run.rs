//! Evaluates a search function on judged questions.

use std::time::Instant;

use serde::Serialize;

use super::{Grades, mean, mrr_at_k, ndcg_at_k, recall_at_k};
use crate::{Hits, Query, Result};

/// A question with the relevance grades of articles.
#[derive(Clone, Debug)]
pub struct JudgedQuery {
    /// Identifier, repeated in the [`Outcome`].
    pub id: String,
    /// Question and search settings; [`run`] overrides `k` and `per_article`.
    pub query: Query,
    /// Grades by article key.
    pub grades: Grades<String>,
}

/// Measures of one question.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Outcome {
    /// The question's [`id`](JudgedQuery::id).
    pub id: String,
    /// Keys of the first `k` articles, each ranked by its best passage.
    pub ranked: Vec<String>,
    /// nDCG@k, in `0.0..=1.0`; like all measures `None` without a relevant article.
    pub ndcg: Option<f64>,
    /// Recall@k, in `0.0..=1.0`.
    pub recall: Option<f64>,
    /// Reciprocal rank of the first relevant article, in `0.0..=1.0`.
    pub reciprocal_rank: Option<f64>,
    /// Duration of the search, in seconds.
    pub seconds: f64,
}

/// Measures of all questions of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// Number of articles measured per question.
    pub k: usize,
    /// One outcome per question, in order.
    pub outcomes: Vec<Outcome>,
}

/// Runs `search` for each question in order and measures the first `k` articles of each result.
///
/// An article has the rank of its best passage. Relevance is judged per article rather than per
/// passage, so any judged data set works and different chunker settings can be compared.
///
/// # Errors
///
/// Returns the first error of `search`.
///
/// # Examples
///
/// ```
/// use passim::eval::{self, Grades, JudgedQuery};
/// use passim::{Article, Mode, Query, Retriever};
///
/// let mut retriever = Retriever::in_memory()?;
/// retriever.add([
///     Article::new("moor.txt", "Moore speichern mehr Kohlenstoff als alle Wälder der Erde."),
///     Article::new("brot.txt", "Ein Sauerteig braucht Mehl, Wasser und Geduld."),
/// ])?;
/// let question = Query::new("What do peat bogs store?").mode(Mode::Dense);
/// let grades = Grades::from([("moor.txt".to_owned(), 1)]);
/// let questions = [JudgedQuery { id: "1".to_owned(), query: question, grades }];
/// let evaluation = eval::run(&questions, 10, |query| retriever.search(query))?;
/// assert_eq!(evaluation.ndcg(), Some(1.0));
/// # Ok::<(), passim::Error>(())
/// ```
pub fn run(
    questions: &[JudgedQuery],
    k: usize,
    search: impl Fn(Query) -> Result<Hits>,
) -> Result<Evaluation> {
    let outcomes = questions.iter().map(|question| measure(question, k, &search));
    Ok(Evaluation { k, outcomes: outcomes.collect::<Result<_>>()? })
}

/// Runs one question and measures its first `k` articles.
fn measure(
    question: &JudgedQuery,
    k: usize,
    search: &impl Fn(Query) -> Result<Hits>,
) -> Result<Outcome> {
    let query = question.query.clone().k(k).per_article(1);
    let started = Instant::now();
    let hits = search(query)?;
    let seconds = started.elapsed().as_secs_f64();
    let ranked: Vec<String> = hits.into_iter().map(|hit| hit.article).collect();
    Ok(Outcome {
        id: question.id.clone(),
        ndcg: ndcg_at_k(&ranked, &question.grades, k),
        recall: recall_at_k(&ranked, &question.grades, k),
        reciprocal_rank: mrr_at_k(&ranked, &question.grades, k),
        ranked,
        seconds,
    })
}

impl Evaluation {
    /// Returns the mean nDCG@k of the questions that have one.
    #[must_use]
    pub fn ndcg(&self) -> Option<f64> {
        mean(self.each(|outcome| outcome.ndcg))
    }

    /// Returns the mean recall@k of the questions that have one.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        mean(self.each(|outcome| outcome.recall))
    }

    /// Returns the mean reciprocal rank, MRR@k, of the questions that have one.
    #[must_use]
    pub fn mrr(&self) -> Option<f64> {
        mean(self.each(|outcome| outcome.reciprocal_rank))
    }

    /// Iterates over one measure of all questions, as input of [`estimate`](super::estimate) and
    /// [`paired_difference`](super::paired_difference).
    pub fn each(
        &self,
        measure: impl Fn(&Outcome) -> Option<f64>,
    ) -> impl Iterator<Item = Option<f64>> {
        self.outcomes.iter().map(measure)
    }
}
