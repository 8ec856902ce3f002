//! AVX2: a register holds the eight values that a code of a row can have; one instruction looks up
//! eight codes. Everything else is the scalar loops, compiled for wider registers.

use std::arch::x86_64::{
    __m256, __m256i, _mm_cvtsi64_si128, _mm256_add_ps, _mm256_cvtepu8_epi32, _mm256_loadu_ps,
    _mm256_mul_ps, _mm256_or_si256, _mm256_permutevar8x32_ps, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_slli_epi32, _mm256_srlv_epi32, _mm256_storeu_ps,
};

use super::{Packing, WeightedRow, scalar, starts};

/// Codes per lookup.
const LANES: usize = 8;
/// Code `c` stands for `c - 3.5` steps.
const BITS3_VALUES: [f32; LANES] = [-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5];

/// See [`sum_rows`](super::sum_rows).
#[target_feature(enable = "avx2")]
pub(super) fn sum_rows(
    packing: Packing,
    codes: &[u8],
    weighted_rows: &[WeightedRow],
    sum: &mut [f32],
) {
    let eighth = sum.len() / 8;
    if packing == Packing::Bits3 && eighth >= LANES {
        starts(eighth, LANES).for_each(|at| bits3_chunk(codes, weighted_rows, sum, at));
    } else {
        scalar::sum_rows(packing, codes, weighted_rows, sum);
    }
}

/// Sums the values in bytes `at..at + 8` of each third of a row.
#[target_feature(enable = "avx2")]
fn bits3_chunk(codes: &[u8], weighted_rows: &[WeightedRow], sum: &mut [f32], at: usize) {
    let eighth = sum.len() / 8;
    let steps = load(&BITS3_VALUES);
    let mut sums = [_mm256_setzero_ps(); 8];
    for &WeightedRow { row, weight } in weighted_rows {
        let values = _mm256_mul_ps(_mm256_set1_ps(weight), steps);
        let row = &codes[row as usize * 3 * eighth..][..3 * eighth];
        let [first, second, third] =
            [0, eighth, 2 * eighth].map(|start| widened(scalar::part(row, start + at)));
        let groups = _mm256_or_si256(first, _mm256_slli_epi32::<8>(second));
        let groups = _mm256_or_si256(groups, _mm256_slli_epi32::<16>(third));
        for (place, sum) in (0..).zip(&mut sums) {
            // The lookup reads the lowest three bits.
            let codes = _mm256_srlv_epi32(groups, _mm256_set1_epi32(3 * place));
            *sum = _mm256_add_ps(*sum, _mm256_permutevar8x32_ps(values, codes));
        }
    }
    for (place, values) in sums.into_iter().enumerate() {
        store(values, sum, place * eighth + at);
    }
}

/// One byte in each lane.
#[target_feature(enable = "avx2")]
fn widened(bytes: [u8; LANES]) -> __m256i {
    _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(bytes)))
}

#[target_feature(enable = "avx2")]
fn load(values: &[f32; LANES]) -> __m256 {
    // SAFETY: `values` is the 32 bytes that the load reads; it needs no alignment.
    unsafe { _mm256_loadu_ps(values.as_ptr()) }
}

#[target_feature(enable = "avx2")]
fn store(values: __m256, sum: &mut [f32], at: usize) {
    let place = &mut sum[at..at + LANES];
    // SAFETY: `place` is the 32 bytes that the store writes; it needs no alignment.
    unsafe { _mm256_storeu_ps(place.as_mut_ptr(), values) };
}
