//! Evaluates a search function on judged questions.

use std::time::Instant;

use serde::Serialize;

use super::{
    Grades, ScoredArticle, TrecRun, average_precision, mean, mrr_at_k, ndcg_at_k, precision_at_k,
    recall_at_k, success_at_k,
};
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
    /// Keys of the ranked articles: the first `k` of a search, all of a [`TrecRun`].
    pub ranked: Vec<String>,
    /// Scores of `ranked`, in its order: of a search, that of the best passage of each article.
    pub scores: Vec<f32>,
    /// nDCG@k, in `0.0..=1.0`; like all measures `None` without a relevant article.
    pub ndcg: Option<f64>,
    /// Recall@k, in `0.0..=1.0`.
    pub recall: Option<f64>,
    /// Reciprocal rank of the first relevant article, in `0.0..=1.0`.
    pub reciprocal_rank: Option<f64>,
    /// Precision@k, in `0.0..=1.0`.
    pub precision: Option<f64>,
    /// Success@k: 1 if a relevant article is among the first `k`, else 0.
    pub success: Option<f64>,
    /// Average precision of `ranked`, in `0.0..=1.0`.
    pub average_precision: Option<f64>,
    /// Duration of the search, in seconds; 0 for a [`TrecRun`].
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
    let articles =
        hits.into_iter().map(|hit| ScoredArticle { article: hit.article, score: hit.score });
    let outcome = Outcome::of(question, articles, k);
    Ok(Outcome { seconds, ..outcome })
}

impl Outcome {
    /// Measures a ranking, best first, that took no time.
    pub(super) fn of(
        question: &JudgedQuery,
        articles: impl IntoIterator<Item = ScoredArticle>,
        k: usize,
    ) -> Self {
        let (ranked, scores): (Vec<String>, Vec<f32>) =
            articles.into_iter().map(|ranked| (ranked.article, ranked.score)).unzip();
        let grades = &question.grades;
        Self {
            id: question.id.clone(),
            ndcg: ndcg_at_k(&ranked, grades, k),
            recall: recall_at_k(&ranked, grades, k),
            reciprocal_rank: mrr_at_k(&ranked, grades, k),
            precision: precision_at_k(&ranked, grades, k),
            success: success_at_k(&ranked, grades, k),
            average_precision: average_precision(&ranked, grades),
            ranked,
            scores,
            seconds: 0.0,
        }
    }
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

    /// Returns the mean precision@k of the questions that have one.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        mean(self.each(|outcome| outcome.precision))
    }

    /// Returns the mean success@k of the questions that have one.
    #[must_use]
    pub fn success(&self) -> Option<f64> {
        mean(self.each(|outcome| outcome.success))
    }

    /// Returns the mean average precision, MAP, of the questions that have one.
    #[must_use]
    pub fn map(&self) -> Option<f64> {
        mean(self.each(|outcome| outcome.average_precision))
    }

    /// Returns the rankings, to [write](TrecRun::write) them as a run file.
    ///
    /// # Errors
    ///
    /// [`Error::RunColumn`](crate::Error::RunColumn) as [`TrecRun::insert`] returns it.
    pub fn trec_run(&self) -> Result<TrecRun> {
        let mut run = TrecRun::default();
        for Outcome { id, ranked, scores, .. } in &self.outcomes {
            let articles = ranked.iter().zip(scores);
            let scored = |(article, score): (&String, &f32)| ScoredArticle {
                article: article.clone(),
                score: *score,
            };
            run.insert(id.clone(), articles.map(scored))?;
        }
        Ok(run)
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
