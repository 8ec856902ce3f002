//! A minimum score below which a question has no good answer, from judged questions.

use serde::Serialize;

use super::{JudgedQuery, is_relevant, share};
use crate::{Error, Hits, Query, Result};

/// A [minimum score](Query::min_score), with what it does to the first hits of judged questions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MinScore {
    /// The minimum score.
    pub value: f32,
    /// Share of the relevant first hits with at least this score, in `0.0..=1.0`.
    pub kept: f64,
    /// Share of the other first hits below this score, in `0.0..=1.0`; `None` without such hits.
    pub refused: Option<f64>,
}

/// The first hit of a question.
struct FirstHit {
    score: f32,
    is_relevant: bool,
}

/// Proposes the highest [minimum score](Query::min_score) that keeps at least the share `keep`,
/// `0.0 < keep <= 1.0`, of the relevant first hits.
///
/// Also give questions without an answer in the corpus, with no grades or with grades of 0. Their
/// first hits are those that the minimum should leave out. Each question is searched without its
/// `min_score`, `offset`, `recency` and `rerank`. The score holds for one model, mode, weights and kind of
/// corpus. `None` if no first hit is relevant.
///
/// # Errors
///
/// [`Error::Fraction`] if `keep` is out of range, and the first error of `search`.
///
/// # Examples
///
/// ```
/// use passim::eval::{Grades, JudgedQuery, propose_min_score};
/// use passim::{Article, Query, Retriever};
///
/// let mut retriever = Retriever::in_memory()?;
/// retriever.add([
///     Article::new("moor.txt", "Moore speichern mehr Kohlenstoff als alle Wälder der Erde."),
///     Article::new("brot.txt", "Ein Sauerteig braucht Mehl, Wasser und Geduld."),
/// ])?;
/// let judged = |text: &str, grades| JudgedQuery {
///     id: text.to_owned(),
///     query: Query::new(text),
///     grades,
/// };
/// let questions = [
///     judged("Was speichern Moore?", Grades::from([("moor.txt".to_owned(), 1)])),
///     judged("Wer gewann das Turnier im Schach?", Grades::new()),
/// ];
/// let proposed = propose_min_score(&questions, 0.95, |query| retriever.search(query))?.unwrap();
/// assert_eq!((proposed.kept, proposed.refused), (1.0, Some(1.0)));
///
/// let query = Query::new("Wer gewann das Turnier im Schach?").min_score(proposed.value);
/// assert!(retriever.search(query)?.is_empty());
/// # Ok::<(), passim::Error>(())
/// ```
pub fn propose_min_score(
    questions: &[JudgedQuery],
    keep: f64,
    search: impl Fn(Query) -> Result<Hits>,
) -> Result<Option<MinScore>> {
    #[expect(clippy::cast_possible_truncation, reason = "an error shows few digits")]
    Error::check_fraction("keep", keep as f32)?;
    let mut first_hits = Vec::new();
    for question in questions {
        let hits = search(first_hit_of(&question.query))?;
        first_hits.extend(hits.first().map(|hit| FirstHit {
            score: hit.score,
            is_relevant: is_relevant(&question.grades, &hit.article),
        }));
    }
    Ok(propose(&first_hits, keep))
}

/// Returns the query for the first hit of `query`, whose score a minimum is compared with.
fn first_hit_of(query: &Query) -> Query {
    Query { min_score: None, recency: None, rerank: None, ..query.clone() }.k(1).offset(0)
}

fn propose(hits: &[FirstHit], keep: f64) -> Option<MinScore> {
    let scores = |is_relevant: bool| {
        let hits = hits.iter().filter(move |hit| hit.is_relevant == is_relevant);
        hits.map(|hit| hit.score).collect::<Vec<f32>>()
    };
    let mut relevant = scores(true);
    relevant.sort_by(|a, b| b.total_cmp(a));
    let is_enough = |kept: &usize| share(*kept, relevant.len()).is_some_and(|share| share >= keep);
    let needed = (1..=relevant.len()).find(is_enough)?;
    let value = relevant[needed - 1];
    let other = scores(false);
    let reach = |scores: &[f32]| scores.iter().filter(|score| **score >= value).count();
    Some(MinScore {
        value,
        kept: share(reach(&relevant), relevant.len())?,
        refused: share(other.len() - reach(&other), other.len()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(relevant: &[f32], other: &[f32]) -> Vec<FirstHit> {
        let hit = |is_relevant| move |score: &f32| FirstHit { score: *score, is_relevant };
        relevant.iter().map(hit(true)).chain(other.iter().map(hit(false))).collect()
    }

    #[test]
    fn the_highest_score_that_keeps_enough_is_proposed() {
        let hits = hits(&[0.2, 0.9, 0.5, 0.7], &[0.1, 0.3, 0.6]);
        for (keep, value, kept, refused) in [
            (1.0, 0.2, 1.0, 1.0 / 3.0),
            (0.75, 0.5, 0.75, 2.0 / 3.0),
            (0.6, 0.5, 0.75, 2.0 / 3.0),
            (0.1, 0.9, 0.25, 1.0),
        ] {
            let expected = MinScore { value, kept, refused: Some(refused) };
            assert_eq!(propose(&hits, keep), Some(expected), "{keep}");
        }
    }

    #[test]
    fn nothing_is_proposed_without_a_relevant_hit() {
        assert_eq!(propose(&hits(&[], &[0.4]), 0.9), None);
        assert_eq!(propose(&[], 0.9), None);
        assert_eq!(propose(&hits(&[0.4], &[]), 0.9).unwrap().refused, None);
    }

    #[test]
    fn a_share_out_of_range_is_refused() {
        for keep in [0.0, 1.1, f64::NAN] {
            assert!(propose_min_score(&[], keep, |_| Ok(Hits::default())).is_err(), "{keep}");
        }
    }
}
