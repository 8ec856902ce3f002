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
