//! Measures of one ranking against the grades of its question, as `trec_eval` defines them.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

/// Relevance grades of the documents of one question. Grade 0 means not relevant, as does a missing
/// document.
pub type Grades<T> = HashMap<T, u8>;

/// Returns the normalized discounted cumulative gain of the first `k` documents, in `0.0..=1.0`.
///
/// The gain is the grade and the discount `1 / log2(rank + 1)`. The ideal ranking lists all judged
/// documents by descending grade. A repeated document gains nothing.
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
/// Järvelin & Kekäläinen (2002), with the discount of `trec_eval`.
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
    let gains = grades.zip(ranks).map(|(grade, rank)| f64::from(grade) / (rank + 1.0).log2());
    // `Iterator::sum` of no floats is -0.0.
    gains.fold(0.0, |sum, gain| sum + gain)
}

/// Returns the share of all relevant documents (grade >= 1) that are among the first `k` of `ranked`,
/// in `0.0..=1.0`.
pub fn recall_at_k<T: Eq + Hash>(ranked: &[T], grades: &Grades<T>, k: usize) -> Option<f64> {
    share(relevant_in_first(ranked, grades, k), relevant_documents(grades))
}

/// Returns the number of relevant documents (grade >= 1) among the first `k` of `ranked` divided by
/// `k`, in `0.0..=1.0`; also if `ranked` is shorter than `k`.
///
/// # Examples
///
/// ```
/// use passim::eval::{Grades, precision_at_k};
///
/// let grades = Grades::from([("a", 1), ("b", 2)]);
/// assert_eq!(precision_at_k(&["a", "c"], &grades, 4), Some(0.25));
/// ```
pub fn precision_at_k<T: Eq + Hash>(ranked: &[T], grades: &Grades<T>, k: usize) -> Option<f64> {
    has_relevant(grades).then(|| share(relevant_in_first(ranked, grades, k), k))?
}

/// Returns 1 if a relevant document (grade >= 1) is among the first `k` of `ranked`, else 0.
///
/// The mean over questions is the share of questions with an answer, also called hit rate.
pub fn success_at_k<T: Eq + Hash>(ranked: &[T], grades: &Grades<T>, k: usize) -> Option<f64> {
    let is_found = ranked.iter().take(k).any(|document| is_relevant(grades, document));
    has_relevant(grades).then_some(if is_found { 1.0 } else { 0.0 })
}

/// Returns the reciprocal rank of the first relevant document (grade >= 1), in `0.0..=1.0`.
///
/// It is 0 if none is among the first `k` of `ranked`. The mean over questions is MRR@k.
pub fn mrr_at_k<T: Eq + Hash>(ranked: &[T], grades: &Grades<T>, k: usize) -> Option<f64> {
    let first =
        ranked.iter().take(k).zip(1_u32..).find(|(document, _)| is_relevant(grades, document));
    has_relevant(grades).then(|| first.map_or(0.0, |(_, rank)| 1.0 / f64::from(rank)))
}

/// Returns the average precision of all of `ranked`, in `0.0..=1.0`. The mean over questions is MAP.
///
/// It is the sum of the precision at the rank of each relevant document (grade >= 1), divided by the
/// number of relevant documents. One that `ranked` lacks adds 0. A repeated document counts once.
///
/// # Examples
///
/// ```
/// use passim::eval::{Grades, average_precision};
///
/// let grades = Grades::from([("a", 1), ("b", 2)]);
/// assert_eq!(average_precision(&["a", "c", "d", "b"], &grades), Some((1.0 + 0.5) / 2.0));
/// ```
///
/// # Source
///
/// Manning, Raghavan & Schütze (2008), section 8.4.
pub fn average_precision<T: Eq + Hash>(ranked: &[T], grades: &Grades<T>) -> Option<f64> {
    let mut found = HashSet::new();
    let mut sum = 0.0;
    for (document, rank) in ranked.iter().zip(1..) {
        if is_relevant(grades, document) && found.insert(document) {
            sum += share(found.len(), rank)?;
        }
    }
    share_of(sum, relevant_documents(grades))
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

/// Returns the number of distinct relevant documents among the first `k` of `ranked`.
fn relevant_in_first<T: Eq + Hash>(ranked: &[T], grades: &Grades<T>, k: usize) -> usize {
    let first = ranked.iter().take(k).filter(|document| is_relevant(grades, document));
    first.collect::<HashSet<&T>>().len()
}

fn relevant_documents<T>(grades: &Grades<T>) -> usize {
    grades.values().filter(|grade| **grade > 0).count()
}

fn has_relevant<T>(grades: &Grades<T>) -> bool {
    relevant_documents(grades) > 0
}

pub(super) fn is_relevant<T: Eq + Hash>(grades: &Grades<T>, document: &T) -> bool {
    grades.get(document).is_some_and(|grade| *grade > 0)
}

pub(super) fn share(part: usize, whole: usize) -> Option<f64> {
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
    /// 0, 1, 2 in rank order, and documents of grades 3 and 2 that are not ranked. The DCG is
    /// 3 + 2/log2(3) + 3/2 + 1/log2(6) + 2/log2(7) = 6.8611, that of the ideal ranking 3, 3, 3, 2, 2,
    /// 2 is 8.7403.
    #[test]
    fn ndcg_matches_a_worked_example() {
        let grades =
            Grades::from([("d1", 3), ("d2", 2), ("d3", 3), ("d4", 0), ("d5", 1), ("d6", 2)]);
        let ranked = ["d1", "d2", "d3", "d4", "d5", "d6"];
        let more: Grades<_> = grades.clone().into_iter().chain([("d7", 3), ("d8", 2)]).collect();
        assert_near(ndcg_at_k(&ranked, &more, 6), 6.8611 / 8.7403);
        assert_near(ndcg_at_k(&ranked, &more, 1), 1.0);
        // Without them, the ideal ranking is 3, 3, 2, 2, 1: 3 + 3/log2(3) + 2/2 + 2/log2(5) +
        // 1/log2(6) = 7.1410.
        assert_near(ndcg_at_k(&ranked, &grades, 6), 6.8611 / 7.1410);
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

    /// Manning, Raghavan & Schütze (2008), section 8.4: relevant documents at ranks 1, 3 and 6, and
    /// one that is not found. Their precisions are 1/1, 2/3 and 3/6.
    #[test]
    fn average_precision_follows_its_definition() {
        let grades = Grades::from([("a", 1), ("b", 2), ("c", 1), ("lost", 1), ("no", 0)]);
        let ranked = ["a", "no", "b", "x", "y", "c"];
        assert_near(average_precision(&ranked, &grades), (1.0 + 2.0 / 3.0 + 0.5) / 4.0);
        assert_near(average_precision(&["x", "lost"], &grades), 0.5 / 4.0);
        assert_near(average_precision(&["a", "a", "a", "b"], &grades), (1.0 + 0.5) / 4.0);
        assert_near(average_precision(&[], &grades), 0.0);
    }

    #[test]
    fn precision_divides_by_k_and_success_by_nothing() {
        let grades = Grades::from([("a", 1), ("b", 3), ("no", 0)]);
        let ranked = ["no", "x", "b", "a"];
        for (k, precision, success) in
            [(1, 0.0, 0.0), (2, 0.0, 0.0), (3, 1.0 / 3.0, 1.0), (4, 0.5, 1.0), (10, 0.2, 1.0)]
        {
            assert_near(precision_at_k(&ranked, &grades, k), precision);
            assert_near(success_at_k(&ranked, &grades, k), success);
        }
        assert_near(precision_at_k(&["a", "a"], &grades, 2), 0.5);
        assert_eq!(precision_at_k(&ranked, &grades, 0), None);
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
        assert_eq!(precision_at_k(&[1], &none, 10), None);
        assert_eq!(success_at_k(&[1], &none, 10), None);
        assert_eq!(average_precision(&[1], &none), None);
        assert_eq!(ann_recall_at_k::<u32>(&[], &[], 10), None);
        assert_eq!(mean([None, None]), None);
        assert_near(mean([None, Some(0.5), Some(1.0)]), 0.75);
    }
}
