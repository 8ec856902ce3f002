//! Wilson's score interval: lower bound of an expectation, given the mean of a sample.

/// 95 % quantile of the standard normal distribution.
const Z: f64 = 1.644_853_626_951_472_2;

/// Lower bound of Wilson's score interval for the `mean` of `trials` values in `0.0..=1.0`: the
/// smallest expectation that a one-sided score test at 5 % does not reject.
pub(super) fn lower_bound(mean: f64, trials: usize) -> f64 {
    let n = as_f64(trials);
    let center = mean + Z * Z / (2.0 * n);
    let half_width = Z * (mean * (1.0 - mean) / n + (Z / (2.0 * n)).powi(2)).sqrt();
    (center - half_width) / (1.0 + Z * Z / n)
}

/// Smallest number of queries whose bound reaches `target < 1` if all neighbors are found, where
/// the bound is `n / (n + z²)`.
pub(super) fn queries_needed(target: f64) -> usize {
    let needed = (target * Z * Z / (1.0 - target)).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 2^27")]
    let needed = needed as usize;
    needed
}

pub(super) fn as_f64(count: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of queries are far below 2^52")]
    let count = count as f64;
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest expectation that the score test of a mean of `n` values does not reject, by
    /// bisection.
    fn inverted_score_test(mean: f64, n: f64) -> f64 {
        let statistic = |p: f64| (mean - p) / (p * (1.0 - p) / n).sqrt();
        let mut rejected = 0.0;
        let mut kept = mean;
        for _ in 0..200 {
            let middle = f64::midpoint(rejected, kept);
            if statistic(middle) > Z { rejected = middle } else { kept = middle }
        }
        kept
    }

    #[test]
    fn lower_bound_inverts_the_score_test() {
        for trials in [1, 2, 7, 50, 200, 1_000, 100_000] {
            for mean in [1e-6, 0.01, 0.3, 0.5, 0.9, 0.98, 0.999, 1.0 - 1e-9, 1.0] {
                let got = lower_bound(mean, trials);
                let want = inverted_score_test(mean, as_f64(trials));
                assert!((got - want).abs() < 1e-9, "{mean} of {trials}: {got} is not {want}");
            }
            assert!(lower_bound(0.0, trials).abs() < 1e-15);
        }
    }

    #[test]
    fn lower_bound_is_below_the_mean_and_grows_with_trials() {
        let bounds = [10, 100, 1_000, 10_000].map(|trials| lower_bound(0.97, trials));
        assert!(bounds.is_sorted() && bounds[3] < 0.97, "{bounds:?}");
    }

    #[test]
    fn queries_needed_is_the_smallest_sufficient_number() {
        for target in [0.5_f32, 0.9, 0.95, 0.98, 0.99, 0.999, 1.0 - f32::EPSILON] {
            let target = f64::from(target);
            let needed = queries_needed(target);
            assert!(lower_bound(1.0, needed) >= target, "{needed} for {target}");
            assert!(lower_bound(1.0, needed - 1) < target, "{needed} for {target}");
        }
        assert_eq!((queries_needed(0.98), queries_needed(0.99)), (133, 268));
    }
}
