//! Dot products: the only module with `unsafe` code, chosen once per call by what the processor has.

#![expect(unsafe_code, reason = "vector instructions; each block states why it is sound")]

#[cfg(target_arch = "x86_64")]
mod avx2;
mod scalar;

/// Dot product of `a` and `b`, summed in `f32`.
///
/// # Panics
///
/// If the lengths differ.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "vectors of different dimension");
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: both features were detected on the line above.
        return unsafe { avx2::dot(a, b) };
    }
    scalar::dot(a, b)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Largest difference that summing `a[i] * b[i]` in any order can make:
    /// `(n + 1) * EPSILON * sum |a[i] * b[i]|`, beside the exact sum.
    fn exact(a: &[f32], b: &[f32]) -> (f64, f64) {
        let products = a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y));
        let sum = products.clone().sum();
        let size: f64 = products.map(f64::abs).sum();
        #[expect(clippy::cast_precision_loss, reason = "lengths of a few thousand")]
        let terms = (a.len() + 1) as f64;
        (sum, terms * f64::from(f32::EPSILON) * size)
    }

    fn assert_near(got: f32, a: &[f32], b: &[f32]) {
        let (want, bound) = exact(a, b);
        assert!((f64::from(got) - want).abs() <= bound, "{got} is not {want} +- {bound}");
    }

    #[test]
    fn every_length_and_offset() {
        let values: Vec<f32> = (0..600_u16).map(|i| (f32::from(i) * 0.7).sin()).collect();
        for len in 0..260 {
            for offset in 0..9 {
                let (a, b) = (&values[offset..offset + len], &values[300..300 + len]);
                assert_near(dot(a, b), a, b);
                assert_near(scalar::dot(a, b), a, b);
            }
        }
    }

    proptest! {
        #[test]
        fn any_values(pairs in prop::collection::vec((-1e6_f32..1e6, -1e6_f32..1e6), 0..700)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            assert_near(dot(&a, &b), &a, &b);
        }
    }
}
