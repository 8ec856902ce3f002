//! Asking judged questions.

use std::time::Instant;

use serde::Serialize;

use super::{Grades, mean, mrr_at_k, ndcg_at_k, recall_at_k};
use crate::{Hits, Query, Result};

/// A question with the articles that answer it.
#[derive(Clone, Debug)]
pub struct JudgedQuery {
    /// What it is called in the [`Outcome`].
    pub id: String,
    /// The question with the settings of its search; how many hits are wanted is not looked at.
    pub query: Query,
    /// Grades of articles by their keys.
    pub grades: Grades<String>,
}

/// What came of one question.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Outcome {
    /// Its [id](JudgedQuery::id).
    pub id: String,
    /// The keys of the first `k` articles, by their best passages.
    pub ranked: Vec<String>,
    /// nDCG@k, 0 to 1; like all measures `None` without a relevant article.
    pub ndcg: Option<f64>,
    /// recall@k, 0 to 1.
    pub recall: Option<f64>,
    /// Reciprocal of the rank of the first relevant article, 0 to 1.
    pub reciprocal_rank: Option<f64>,
    /// Time that the search took, in seconds.
    pub seconds: f64,
}

/// What came of judged questions, in their order.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// Articles that counted.
    pub k: usize,
    /// What came of each question: those of low measures are where to look.
    pub outcomes: Vec<Outcome>,
}

/// Asks `questions` one after the other by `search`, and measures the first `k` articles of
/// each answer: an article ranks where its best passage does.
///
/// Relevance is judged of articles, not of passages, so sets of any origin can be used, and
/// settings that cut articles otherwise can be compared.
///
/// # Errors
///
/// What `search` returns for one of them.
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
    let outcome = |JudgedQuery { id, query, grades }: &JudgedQuery| {
        let query = query.clone().k(k).per_article(1);
        let started = Instant::now();
        let hits = search(query)?;
        let seconds = started.elapsed().as_secs_f64();
        let ranked: Vec<String> = hits.into_iter().map(|hit| hit.article).collect();
        Ok(Outcome {
            id: id.clone(),
            ndcg: ndcg_at_k(&ranked, grades, k),
            recall: recall_at_k(&ranked, grades, k),
            reciprocal_rank: mrr_at_k(&ranked, grades, k),
            ranked,
            seconds,
        })
    };
    Ok(Evaluation { k, outcomes: questions.iter().map(outcome).collect::<Result<_>>()? })
}

impl Evaluation {
    /// Mean nDCG@k of the questions that have one.
    #[must_use]
    pub fn ndcg(&self) -> Option<f64> {
        mean(self.each(|outcome| outcome.ndcg))
    }

    /// Mean recall@k of the questions that have one.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        mean(self.each(|outcome| outcome.recall))
    }

    /// Mean reciprocal rank, MRR@k, of the questions that have one.
    #[must_use]
    pub fn mrr(&self) -> Option<f64> {
        mean(self.each(|outcome| outcome.reciprocal_rank))
    }

    /// One measure of each question, for [`estimate`](super::estimate) and
    /// [`difference`](super::difference).
    pub fn each(
        &self,
        measure: impl Fn(&Outcome) -> Option<f64>,
    ) -> impl Iterator<Item = Option<f64>> {
        self.outcomes.iter().map(measure)
    }
}
