//! How sure a mean over questions is, and a difference of two of them.

use serde::Serialize;

/// Times that questions are drawn anew.
const DRAWS: usize = 10_000;
/// Draws on either side of an interval: 2.5 %.
const TAIL: usize = DRAWS / 40;

/// A mean over questions with the interval that it is in with a confidence of 95 %: other
/// questions of the same kind would give another mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Estimate {
    /// The mean over the questions.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// How often a mean at least as far from 0, to either side, would come about by the choice of
    /// questions alone if the true one was 0; over 0 to 1. Under .05 a difference is called
    /// significant, if there are some tens of questions.
    pub p_value: f64,
}

/// The mean of the values that are there; `None` if none is.
///
/// # Source
///
/// Percentile bootstrap: Efron & Tibshirani (1993), *An Introduction to the Bootstrap*,
/// chapter 13, and 16.4 for the p-value: the same draws, moved so that their mean is 0. Draws are
/// the same each time.
pub fn estimate(values: impl IntoIterator<Item = Option<f64>>) -> Option<Estimate> {
    let values: Vec<f64> = values.into_iter().flatten().collect();
    let mean = super::mean(values.iter().copied().map(Some))?;
    let mut draws = Draws(values.len() as u64);
    let mut means: Vec<f64> = (0..DRAWS).map(|_| draws.mean(&values)).collect();
    means.sort_by(f64::total_cmp);
    let as_far = means.iter().filter(|drawn| (*drawn - mean).abs() >= mean.abs()).count();
    // The mean itself is one of those that come about.
    let p_value = share(as_far + 1);
    Some(Estimate { mean, low: means[TAIL], high: means[DRAWS - 1 - TAIL], p_value })
}

/// How much larger the values of `a` are than those of `b`, which are of the same questions in
/// the same order; `None` if no question has a value in both. What one has beyond the end of the
/// other is left out.
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

#[expect(clippy::cast_precision_loss, reason = "there are few draws")]
fn share(draws: usize) -> f64 {
    draws as f64 / (DRAWS + 1) as f64
}

/// Random draws by splitmix64 (Steele et al. 2014).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The mean of as many of `values` as there are, each drawn from all.
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

    /// For the mean of many values the interval is that of the normal distribution: 1.96
    /// standard errors to each side.
    #[test]
    fn an_interval_is_that_of_the_normal_distribution() {
        let values: Vec<f64> = (0..1_000).map(|at| f64::from(at % 2)).collect();
        let got = estimate(values.into_iter().map(Some)).unwrap();
        let standard_error = (0.25_f64 / 1_000.0).sqrt();
        assert!((got.mean - 0.5).abs() < 1e-9, "{got:?}");
        for (end, wanted) in [(got.low, -1.96), (got.high, 1.96)] {
            assert!((end - 0.5 - wanted * standard_error).abs() < 0.1 * standard_error, "{got:?}");
        }
        assert!(got.p_value < 0.000_2, "{got:?}");
    }

    /// Differences without a direction are not significant, and are seen to be so about as
    /// often as the p-value says.
    #[test]
    fn chance_is_rarely_significant() {
        let mut draws = Draws(7);
        let mut coin = || if draws.next() & 1 == 0 { Some(0.1) } else { Some(-0.1) };
        let p_of = |mean: f64| {
            let spread = |at: i32| if at % 2 == 0 { mean + 0.5 } else { mean - 0.5 };
            estimate((0..100).map(|at| Some(spread(at)))).unwrap().p_value
        };
        // Two standard errors, and one, of a normal distribution.
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
