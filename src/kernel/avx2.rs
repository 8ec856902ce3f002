//! AVX2 with fused multiply-add: eight values an instruction, four sums in flight.

use std::arch::x86_64::{
    _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps, _mm256_storeu_ps,
};

use super::scalar;

/// Values in a register.
const LANES: usize = 8;
/// Sums kept apart, which hides the latency of the additions.
const SUMS: usize = 4;

/// Dot product of the values that `a` and `b` both have.
#[target_feature(enable = "avx2,fma")]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [_mm256_setzero_ps(); SUMS];
    for (at, (x, y)) in a_blocks.iter().zip(b_blocks).enumerate() {
        // SAFETY: `x` and `y` are arrays of 8 `f32`, the 32 bytes that each load
        // reads; the loads need no alignment.
        let (x, y) = unsafe { (_mm256_loadu_ps(x.as_ptr()), _mm256_loadu_ps(y.as_ptr())) };
        let sum = &mut sums[at % SUMS];
        *sum = _mm256_fmadd_ps(x, y, *sum);
    }
    let sum = _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]));
    let mut lanes = [0.0_f32; LANES];
    // SAFETY: `lanes` is the 32 bytes that the store writes; it needs no alignment.
    unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), sum) };
    lanes.iter().sum::<f32>() + scalar::dot(a_rest, b_rest)
}
