//! Measures of retrieval quality, computed from rankings and relevance judgments.
//!
//! A measure is `None` for a question without a relevant document, and [`mean`] skips such
//! questions. [`run`] evaluates judged questions. [`estimate`] and [`paired_difference`] give
//! confidence intervals. [`propose_min_score`] finds the score below which an answer is not good.

mod bootstrap;
mod min_score;
mod run;

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

pub use bootstrap::{Estimate, estimate, paired_difference};
pub use min_score::{MinScore, propose_min_score};
pub use run::{Evaluation, JudgedQuery, Outcome, run};

/// Relevance grades of the documents of one question. Grade 0 means not relevant, as does a missing
/// document.
pub type Grades<T> = HashMap<T, u8>;

/// Returns the normalized discounted cumulative gain of the first `k` documents, in `0.0..=1.0`.
///
/// The gain is `2^grade - 1` and the discount `1 / log2(rank + 1)`. The ideal ranking lists all
/// judged documents by descending grade. A repeated document gains nothing.
///
/// # Examples
///
/// ```
/// use passim::eval::{Grades, ndcg_at_k};
///
/// let grades = Grades::from([("a", 1), ("b", 2)]);
/// assert_eq!(ndcg_at_k(&["b", "a"], &grades, 10), Some(1.0));
/// assert_eq!(ndcg_at_k(&["c"], &grades, 10), Some(0.0));
/// ```
///
/// # Source
///
/// Järvelin & Kekäläinen (2002); the gain is that of Burges et al. (2005).
pub fn ndcg_at_k<T: Eq + Hash>(ranked: &[T], grades: &Grades<T>, k: usize) -> Option<f64> {
    let mut seen = HashSet::new();
    let gains = ranked.iter().map(|document| match grades.get(document) {
        Some(grade) if seen.insert(document) => *grade,
        _ => 0,
    });
    let mut ideal: Vec<u8> = grades.values().copied().collect();
    ideal.sort_unstable_by(|a, b| b.cmp(a));
    let best = discounted(ideal.into_iter().take(k));
    (best > 0.0).then(|| discounted(gains.take(k)) / best)
}

fn discounted(grades: impl Iterator<Item = u8>) -> f64 {
    let ranks = (1_u32..).map(f64::from);
    let gains = grades
        .zip(ranks)
        .map(|(grade, rank)| (f64::from(grade).exp2() - 1.0) / (rank + 1.0).log2());
    // `Iterator::sum` of no floats is -0.0.
    gains.fold(0.0, |sum, gain| sum + gain)
}

/// Returns the share of relevant documents (grade >= 1) among the first `k` of `ranked`, in `0.0..=1.0`.
pub fn recall_at_k<T: Eq + Hash>(ranked: &[T], grades: &Grades<T>, k: usize) -> Option<f64> {
    let relevant = grades.values().filter(|grade| **grade > 0).count();
    let found: HashSet<&T> =
        ranked.iter().take(k).filter(|document| is_relevant(grades, document)).collect();
    share(found.len(), relevant)
}

/// Returns the reciprocal rank of the first relevant document (grade >= 1), in `0.0..=1.0`.
///
/// It is 0 if none is among the first `k` of `ranked`. The mean over questions is MRR@k.
pub fn mrr_at_k<T: Eq + Hash>(ranked: &[T], grades: &Grades<T>, k: usize) -> Option<f64> {
    let any = grades.values().any(|grade| *grade > 0);
    let first =
        ranked.iter().take(k).zip(1_u32..).find(|(document, _)| is_relevant(grades, document));
    any.then(|| first.map_or(0.0, |(_, rank)| 1.0 / f64::from(rank)))
}

/// Returns the share of the first `k` exact neighbors among the first `k` of `found`, in `0.0..=1.0`.
///
/// It measures the approximate index, not the ranking.
pub fn ann_recall_at_k<T: Eq + Hash>(found: &[T], exact: &[T], k: usize) -> Option<f64> {
    let exact: HashSet<&T> = exact.iter().take(k).collect();
    let found: HashSet<&T> = found.iter().take(k).collect();
    share(exact.intersection(&found).count(), exact.len())
}

/// Returns the mean of the present values; `None` if there is none.
pub fn mean(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.into_iter().flatten().collect();
    share_of(values.iter().sum(), values.len())
}

fn is_relevant<T: Eq + Hash>(grades: &Grades<T>, document: &T) -> bool {
    grades.get(document).is_some_and(|grade| *grade > 0)
}

fn share(part: usize, whole: usize) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "counts of documents are far below 2^52")]
    let part = part as f64;
    share_of(part, whole)
}

fn share_of(part: f64, whole: usize) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "counts of documents are far below 2^52")]
    let whole = whole as f64;
    (whole > 0.0).then(|| part / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_near(got: Option<f64>, want: f64) {
        let got = got.expect("a value");
        assert!((got - want).abs() < 1e-4, "{got} is not {want}");
    }

    /// The worked example of "Discounted cumulative gain" in the English Wikipedia: grades 3, 2, 3,
    /// 0, 1, 2 in rank order. The second formula (gain 2^grade - 1) gives 13.8483 of 14.5954.
    #[test]
    fn ndcg_matches_a_worked_example() {
        let grades =
            Grades::from([("d1", 3), ("d2", 2), ("d3", 3), ("d4", 0), ("d5", 1), ("d6", 2)]);
        let ranked = ["d1", "d2", "d3", "d4", "d5", "d6"];
        assert_near(ndcg_at_k(&ranked, &grades, 6), 13.8483 / 14.5954);
        assert_near(ndcg_at_k(&ranked, &grades, 1), 1.0);
        // With an unranked seventh document of grade 3, the ideal is
        // 7 + 7/log2(3) + 7/2 + 3/log2(5) + 3/log2(6) + 1/log2(7) = 17.7252.
        let more: Grades<_> = grades.into_iter().chain([("d7", 3)]).collect();
        assert_near(ndcg_at_k(&ranked, &more, 6), 13.8483 / 17.7252);
    }

    /// The worked example of the article "Mean reciprocal rank" in the English Wikipedia:
    /// the right plural is at rank 3, 2 and 1, the mean is 11/18.
    #[test]
    fn mrr_matches_a_worked_example() {
        let first = [
            (["catten", "cati", "cats"], "cats"),
            (["torii", "tori", "toruses"], "tori"),
            (["viruses", "virii", "viri"], "viruses"),
        ];
        let ranks = first.map(|(ranked, right)| mrr_at_k(&ranked, &Grades::from([(right, 1)]), 3));
        assert_near(mean(ranks), 11.0 / 18.0);
    }

    /// Manning, Raghavan & Schütze (2008), section 8.3: retrieved relevant documents divided by
    /// all relevant documents; here 2 of 4 are among the first 3.
    #[test]
    fn recall_follows_its_definition() {
        let grades = Grades::from([(1, 1), (2, 2), (3, 1), (4, 1), (5, 0)]);
        assert_near(recall_at_k(&[1, 5, 2, 3], &grades, 3), 0.5);
        assert_near(recall_at_k(&[1, 1, 1], &grades, 3), 0.25);
        assert_near(ann_recall_at_k(&[1, 2, 9, 8], &[2, 1, 3, 4], 4), 0.5);
    }

    #[test]
    fn repeats_gain_nothing_and_any_grade_is_valid() {
        let grades = Grades::from([("a", 1), ("b", 1)]);
        assert_near(ndcg_at_k(&["a", "a", "b"], &grades, 10), 1.5 / (1.0 + 1.0 / 3_f64.log2()));
        assert_near(ndcg_at_k(&["a"; 10], &Grades::from([("a", u8::MAX)]), 10), 1.0);
    }

    #[test]
    fn measures_without_relevant_documents_are_none() {
        let none = Grades::from([(1, 0)]);
        assert_eq!(ndcg_at_k(&[1], &none, 10), None);
        let nothing: [u32; 0] = [];
        let zero = ndcg_at_k(&nothing, &Grades::from([(1, 1)]), 10).unwrap();
        assert!(zero == 0.0 && zero.is_sign_positive());
        assert_eq!(recall_at_k(&[1], &none, 10), None);
        assert_eq!(mrr_at_k(&[1], &none, 10), None);
        assert_eq!(ann_recall_at_k::<u32>(&[], &[], 10), None);
        assert_eq!(mean([None, None]), None);
        assert_near(mean([None, Some(0.5), Some(1.0)]), 0.75);
    }
}
