//! Scaling to unit length, in one arithmetic for given vectors and one for sums of packed rows.
//!
//! The results differ in their last bits. Both arithmetics must stay as they are: indexes and caches
//! store such vectors, and embedding a text again must give the same bits.

use super::dot;

/// Maximum difference between 1 and the squared length of a vector that stays unchanged.
const UNIT_TOLERANCE: f32 = 1e-6;
/// Independent sums of squares.
const LANES: usize = 8;

/// Scales `vector` to length 1 in `f32`; `false` leaves it unchanged, since it is zero or not
/// finite.
///
/// A vector of length 1 stays unchanged, bit for bit. Any other is first divided by its largest
/// value, so that no square overflows or vanishes.
pub(crate) fn scale_to_unit(vector: &mut [f32]) -> bool {
    if (dot(vector, vector) - 1.0).abs() <= UNIT_TOLERANCE {
        return true;
    }
    let largest = vector.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
    if vector.iter().any(|x| !x.is_finite()) || largest == 0.0 {
        return false;
    }
    divide(vector, largest);
    divide(vector, dot(vector, vector).sqrt());
    true
}

fn divide(vector: &mut [f32], by: f32) {
    for x in vector {
        *x /= by;
    }
}

/// Scales a sum of packed rows to length 1 and rounds each value once; `false` leaves it unchanged,
/// since it is zero or not finite.
pub(crate) fn scale_sum_to_unit(sum: &mut [f32]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if cpu_has!("avx2") {
        // SAFETY: the feature was detected on the line above.
        return unsafe { scale_with_avx2(sum) };
    }
    scale_in_lanes(sum)
}

/// [`scale_in_lanes`], compiled for wider registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn scale_with_avx2(sum: &mut [f32]) -> bool {
    scale_in_lanes(sum)
}

/// Scales `sum` to length 1; `false` leaves it unchanged, since it is zero or not finite.
///
/// Squares are summed in `f64`, in which no square of an `f32` overflows or vanishes.
#[inline(always)]
#[expect(clippy::inline_always, reason = "compiled with the target features of the caller")]
#[expect(clippy::cast_possible_truncation, reason = "rounds to the nearest `f32`")]
fn scale_in_lanes(sum: &mut [f32]) -> bool {
    let (blocks, rest) = sum.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for block in blocks {
        for (sum, value) in sums.iter_mut().zip(block) {
            *sum += f64::from(*value) * f64::from(*value);
        }
    }
    for (sum, value) in sums.iter_mut().zip(rest) {
        *sum += f64::from(*value) * f64::from(*value);
    }
    let squares: f64 = sums.iter().sum();
    let has_direction = squares.is_normal();
    if has_direction {
        let factor = 1.0 / squares.sqrt();
        for value in sum {
            *value = (f64::from(*value) * factor) as f32;
        }
    }
    has_direction
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn vectors_without_direction_stay_unchanged() {
        for vector in [vec![0.0; 9], vec![], vec![f32::NAN, 1.0], vec![f32::INFINITY; 8]] {
            for scale in [scale_to_unit, scale_sum_to_unit] {
                let mut scaled = vector.clone();
                assert!(!scale(&mut scaled));
                assert_eq!(format!("{scaled:?}"), format!("{vector:?}"));
            }
        }
    }

    proptest! {
        #[test]
        fn any_vector_is_scaled_to_length_one(
            values in prop::collection::vec(-1.0_f32..1.0, 1..600),
            size in -120_i32..120,
        ) {
            let vector: Vec<f32> = values.iter().map(|x| x * 2.0_f32.powi(size)).collect();
            prop_assume!(vector.iter().any(|x| x.is_normal()));
            for (scale, tolerance) in [(scale_to_unit as fn(&mut [f32]) -> bool, 2e-6), (scale_sum_to_unit, 2e-7)] {
                let mut scaled = vector.clone();
                prop_assert!(scale(&mut scaled));
                let square: f64 = scaled.iter().map(|x| f64::from(*x).powi(2)).sum();
                prop_assert!((square - 1.0).abs() < tolerance, "{}", square);
            }
            let mut by_lanes = vector.clone();
            let mut by_chosen = vector;
            prop_assert!(scale_in_lanes(&mut by_lanes) && scale_sum_to_unit(&mut by_chosen));
            prop_assert_eq!(by_lanes, by_chosen);
        }
    }
}
