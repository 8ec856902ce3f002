//! Bootstrap confidence intervals of means over questions, and of paired differences.

use serde::Serialize;

/// Number of bootstrap resamples.
const RESAMPLES: usize = 10_000;
/// Resamples outside each end of the interval: 2.5 %.
const TAIL: usize = RESAMPLES / 40;

/// A mean over questions with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Estimate {
    /// Mean over the questions.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Two-sided p-value, in `0.0..=1.0`: the probability of a mean at least this far from 0 if the
    /// true mean is 0.
    ///
    /// A difference counts as significant below 0.05. The approximation needs some tens of questions.
    pub p_value: f64,
}

/// Estimates the mean of the present values by percentile bootstrap; `None` if there is none.
///
/// The random generator has a fixed seed, so equal values give equal estimates.
///
/// # Source
///
/// Efron & Tibshirani (1993), *An Introduction to the Bootstrap*, chapter 13, and section 16.4
/// for the p-value, which shifts the resampled means to mean 0.
pub fn estimate(values: impl IntoIterator<Item = Option<f64>>) -> Option<Estimate> {
    let values: Vec<f64> = values.into_iter().flatten().collect();
    let mean = super::mean(values.iter().copied().map(Some))?;
    let mut resampler = Resampler(values.len() as u64);
    let mut means: Vec<f64> = (0..RESAMPLES).map(|_| resampler.mean(&values)).collect();
    means.sort_by(f64::total_cmp);
    let extreme = means.iter().filter(|drawn| (*drawn - mean).abs() >= mean.abs()).count();
    let p_value = share_of_resamples(extreme);
    Some(Estimate { mean, low: means[TAIL], high: means[RESAMPLES - 1 - TAIL], p_value })
}

/// Estimates the mean of `a - b` over the questions with a value in both; `None` if there is none.
///
/// Both must list the same questions in the same order. Values beyond the end of the shorter one are
/// ignored.
///
/// # Examples
///
/// ```
/// use passim::eval::paired_difference;
///
/// let dense = [Some(0.5), Some(0.6), Some(0.4), Some(0.7)];
/// let hybrid = [Some(0.6), Some(0.8), Some(0.5), Some(0.8)];
/// let gain = paired_difference(hybrid, dense).expect("questions with values");
/// assert!(gain.low > 0.0 && gain.p_value < 0.05);
/// ```
///
/// # Source
///
/// Paired bootstrap: Sakai (2006), *Evaluating Evaluation Metrics Based on the Bootstrap*,
/// without dividing the means by their standard errors.
pub fn paired_difference(
    a: impl IntoIterator<Item = Option<f64>>,
    b: impl IntoIterator<Item = Option<f64>>,
) -> Option<Estimate> {
    estimate(a.into_iter().zip(b).map(|(a, b)| Some(a? - b?)))
}

/// Returns the share of extreme resamples; the observed mean counts as one of them.
#[expect(clippy::cast_precision_loss, reason = "there are few resamples")]
fn share_of_resamples(extreme: usize) -> f64 {
    (extreme + 1) as f64 / (RESAMPLES + 1) as f64
}

/// Draws with replacement by the generator splitmix64 (Steele et al. 2014).
struct Resampler(u64);

impl Resampler {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns the mean of `values.len()` draws with replacement from `values`.
    #[expect(clippy::cast_possible_truncation, reason = "the product is below the length")]
    #[expect(clippy::cast_precision_loss, reason = "counts of questions are far below 2^52")]
    fn mean(&mut self, values: &[f64]) -> f64 {
        let len = values.len() as u128;
        let drawn = || values[((u128::from(self.next()) * len) >> 64) as usize];
        std::iter::repeat_with(drawn).take(values.len()).sum::<f64>() / values.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the central limit theorem the interval reaches 1.96 standard errors to each side.
    #[test]
    fn the_interval_of_many_values_is_normal() {
        let values: Vec<f64> = (0..1_000).map(|at| f64::from(at % 2)).collect();
        let got = estimate(values.into_iter().map(Some)).unwrap();
        let standard_error = (0.25_f64 / 1_000.0).sqrt();
        assert!((got.mean - 0.5).abs() < 1e-9, "{got:?}");
        for (end, wanted) in [(got.low, -1.96), (got.high, 1.96)] {
            assert!((end - 0.5 - wanted * standard_error).abs() < 0.1 * standard_error, "{got:?}");
        }
        assert!(got.p_value < 0.000_2, "{got:?}");
    }

    /// Under the null hypothesis the share of significant results is about the level 0.05.
    #[test]
    fn p_values_are_calibrated() {
        let mut resampler = Resampler(7);
        let mut coin = || if resampler.next() & 1 == 0 { Some(0.1) } else { Some(-0.1) };
        let p_of = |mean: f64| {
            let spread = |at: i32| if at % 2 == 0 { mean + 0.5 } else { mean - 0.5 };
            estimate((0..100).map(|at| Some(spread(at)))).unwrap().p_value
        };
        // Means of two standard errors and of one, against the normal distribution.
        assert!((p_of(0.1) - 0.0455).abs() < 0.015 && (p_of(-0.05) - 0.317).abs() < 0.04);
        let significant = (0..200).filter(|_| {
            let values: Vec<_> = (0..50).map(|_| coin()).collect();
            estimate(values).unwrap().p_value < 0.05
        });
        assert!((2..=22).contains(&significant.count()));
    }

    #[test]
    fn only_questions_with_both_values_are_compared() {
        let got =
            paired_difference([Some(1.0), None, Some(0.5)], [Some(0.5), Some(1.0), None]).unwrap();
        assert_eq!((got.mean, got.low, got.high), (0.5, 0.5, 0.5));
        assert_eq!(paired_difference([None], [Some(1.0)]), None);
        assert_eq!(estimate([]), None);
        let none = paired_difference([Some(0.5); 3], [Some(0.5); 3]).unwrap();
        assert_eq!((none.mean, none.p_value), (0.0, 1.0));
    }
}
