//! Number and sum of a corpus's vectors by language, and what a question is similar to on average.

use crate::language::AnalyzedLanguage;

/// The sums count in steps of `2^-24`, so that they do not depend on the order of the vectors.
const STEPS: u64 = 1 << 24;
/// Number of average passages that are added to each language, so that the mean of few passages is
/// near that of all.
const SHRINKAGE: f64 = 32.0;
/// Minimum of [`LanguageMeans::spread`].
const MIN_SPREAD: f32 = 0.05;

/// Number and sum of unit vectors, by language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LanguageTotals {
    counts: [u64; AnalyzedLanguage::GROUPS],
    /// One sum for each group, all of one dimension.
    sums: [Vec<i64>; AnalyzedLanguage::GROUPS],
}

/// Cosines between a question and the mean vectors of a corpus.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LanguageMeans {
    all: f32,
    by_group: [f32; AnalyzedLanguage::GROUPS],
}

impl LanguageTotals {
    /// Totals of no vectors, of dimension `dim`.
    pub(crate) fn empty(dim: usize) -> Self {
        Self { counts: Default::default(), sums: std::array::from_fn(|_| vec![0; dim]) }
    }

    /// Totals with these counts and sums of each group; `None` if the sums differ in dimension or
    /// exceed those of unit vectors.
    pub(crate) fn from_parts(
        counts: [u64; AnalyzedLanguage::GROUPS],
        sums: [Vec<i64>; AnalyzedLanguage::GROUPS],
    ) -> Option<Self> {
        let fits = |(count, sum): (&u64, &Vec<i64>)| {
            let limit = count.checked_mul(STEPS)?;
            let is_within = sum.iter().all(|value| value.unsigned_abs() <= limit);
            (is_within && sum.len() == sums[0].len()).then_some(())
        };
        counts.iter().zip(&sums).try_for_each(|group| fits(group).ok_or(())).ok()?;
        Some(Self { counts, sums })
    }

    /// The number of vectors in each group.
    pub(crate) fn counts(&self) -> &[u64; AnalyzedLanguage::GROUPS] {
        &self.counts
    }

    /// The sum of each group.
    pub(crate) fn sums(&self) -> &[Vec<i64>; AnalyzedLanguage::GROUPS] {
        &self.sums
    }

    /// Adds `vector` of a passage in `language`.
    pub(crate) fn add(&mut self, language: Option<AnalyzedLanguage>, vector: &[f32]) {
        let group = AnalyzedLanguage::group(language);
        self.counts[group] += 1;
        for (sum, value) in self.sums[group].iter_mut().zip(vector) {
            *sum += steps(*value);
        }
    }

    /// Subtracts `vector` of a passage in `language`; `None` if no such vector was added.
    pub(crate) fn subtract(
        &mut self,
        language: Option<AnalyzedLanguage>,
        vector: &[f32],
    ) -> Option<()> {
        let group = AnalyzedLanguage::group(language);
        self.counts[group] = self.counts[group].checked_sub(1)?;
        for (sum, value) in self.sums[group].iter_mut().zip(vector) {
            *sum -= steps(*value);
        }
        Some(())
    }

    /// Adds `other`, of the same dimension.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (count, other) in self.counts.iter_mut().zip(other.counts) {
            *count += other;
        }
        for (sum, other) in self.sums.iter_mut().zip(&other.sums) {
            sum.iter_mut().zip(other).for_each(|(sum, value)| *sum += value);
        }
    }

    /// Returns the cosines of the unit vector `query` with the mean of all vectors and with those of
    /// each language.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "cosines")]
    pub(crate) fn means(&self, query: &[f32]) -> LanguageMeans {
        let similarities = self.sums.each_ref().map(|sum| dot(sum, query));
        let counts = self.counts.map(|count| count as f64);
        let all = similarities.iter().sum::<f64>() / counts.iter().sum::<f64>().max(1.0);
        let mean = |group: usize| {
            let sum = similarities[group] + SHRINKAGE * all;
            (sum / (counts[group] + SHRINKAGE)) as f32
        };
        let mut by_group = std::array::from_fn(mean);
        by_group[AnalyzedLanguage::group(None)] = all as f32;
        LanguageMeans { all: all as f32, by_group }
    }
}

impl LanguageMeans {
    /// The mean cosine of the question with passages in `language`; that with all passages if the
    /// language is unknown.
    pub(crate) fn of(&self, language: Option<AnalyzedLanguage>) -> f32 {
        self.by_group[AnalyzedLanguage::group(language)]
    }

    /// Returns by how much a perfect passage is more similar to the question than the mean passage.
    pub(crate) fn spread(&self) -> f32 {
        (1.0 - self.all).clamp(MIN_SPREAD, 1.0)
    }
}

/// Returns `value` in steps; values of unit vectors are in `-1.0..=1.0`.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "at most 2^24")]
fn steps(value: f32) -> i64 {
    (f64::from(value.clamp(-1.0, 1.0)) * STEPS as f64).round() as i64
}

#[expect(clippy::cast_precision_loss, reason = "a relative error of 2^-53")]
fn dot(sum: &[i64], query: &[f32]) -> f64 {
    let products = sum.iter().zip(query).map(|(sum, value)| *sum as f64 * f64::from(*value));
    products.sum::<f64>() / STEPS as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use AnalyzedLanguage::{English, German};

    const X: [f32; 2] = [1.0, 0.0];
    const Y: [f32; 2] = [0.0, 1.0];

    fn totals(passages: &[(Option<AnalyzedLanguage>, [f32; 2])]) -> LanguageTotals {
        let mut totals = LanguageTotals::empty(2);
        for (language, vector) in passages {
            totals.add(*language, vector);
        }
        totals
    }

    #[test]
    fn an_empty_corpus_has_means_of_zero() {
        let means = totals(&[]).means(&X);
        assert_eq!((means.of(None), means.of(Some(German)), means.spread()), (0.0, 0.0, 1.0));
    }

    #[test]
    fn a_single_passage_is_the_mean_of_all() {
        let means = totals(&[(Some(German), X)]).means(&X);
        assert_eq!((means.of(None), means.of(Some(German)), means.spread()), (1.0, 1.0, 0.05));
        assert!((means.of(Some(English)) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_language_of_few_passages_has_nearly_the_mean_of_all() {
        let mut passages = vec![(Some(German), Y); 50];
        passages.extend([(Some(English), X); 2]);
        let means = totals(&passages).means(&X);
        let all = 2.0 / 52.0;
        assert!((means.of(None) - all).abs() < 1e-6);
        assert!((means.of(Some(English)) - (2.0 + 32.0 * all) / 34.0).abs() < 1e-6);
        assert!((means.of(Some(German)) - 32.0 * all / 82.0).abs() < 1e-6);
    }

    #[test]
    fn totals_do_not_depend_on_the_order() {
        let diagonal = [0.6, 0.8];
        let passages = [(Some(German), X), (Some(English), Y), (None, diagonal), (None, X)];
        let all = totals(&passages);
        let mut merged = totals(&passages[2..]);
        merged.merge(&totals(&passages[..2]));
        assert_eq!(merged, all);
        merged.subtract(None, &diagonal).unwrap();
        merged.subtract(None, &X).unwrap();
        assert_eq!(merged, totals(&passages[..2]));
        assert_eq!(merged.subtract(None, &X), None);
    }

    #[test]
    fn parts_beyond_those_of_unit_vectors_are_refused() {
        let parts = |count: u64, value: i64| {
            LanguageTotals::from_parts([count, 0, 0], [vec![value; 2], vec![0; 2], vec![0; 2]])
        };
        assert!(parts(1, 1 << 24).is_some());
        assert!(parts(1, (1 << 24) + 1).is_none());
        assert!(parts(u64::MAX, 0).is_none());
        assert!(parts(0, 1).is_none());
    }
}
