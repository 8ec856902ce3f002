//! AVX-512: a register holds what each code is worth in a row, and one instruction looks up 16
//! codes in it.

use std::arch::x86_64::{
    __m512, __m512i, _mm_loadu_si128, _mm512_add_ps, _mm512_cvtepi8_epi32, _mm512_cvtepi32_ps,
    _mm512_cvtepu8_epi32, _mm512_loadu_ps, _mm512_mul_ps, _mm512_or_si512, _mm512_permutexvar_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_slli_epi32, _mm512_srli_epi32,
    _mm512_srlv_epi32, _mm512_storeu_ps,
};

use super::{Packing, Share, plain, starts};

/// Codes that are looked up at once.
const LANES: usize = 16;
/// Chunks of bytes, two values each, whose sums fit into the registers.
const AT_ONCE: usize = 4;
/// Bytes of as many chunks.
const WIDE: usize = AT_ONCE * LANES;
/// Bytes, one value each, whose sums fit into the registers.
const WIDEST: usize = 2 * WIDE;
/// Code `c` is worth `c - 8`.
const FOUR: [f32; LANES] =
    [-8.0, -7.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
/// Code `c` is worth `c - 3.5`, whatever its fourth bit.
const THREE: [f32; LANES] =
    [-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, -3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5];

/// See [`sum_rows`](super::sum_rows).
#[target_feature(enable = "avx512f")]
pub(super) fn sum_rows(packing: Packing, codes: &[u8], shares: &[Share], sum: &mut [f32]) {
    match packing {
        Packing::Three => three(codes, shares, sum),
        Packing::Four => four(codes, shares, sum),
        Packing::Eight => eight(codes, shares, sum),
    }
}

#[target_feature(enable = "avx512f")]
fn four(codes: &[u8], shares: &[Share], sum: &mut [f32]) {
    let half = sum.len() / 2;
    match half {
        WIDE.. => starts(half, WIDE).for_each(|at| four_chunks::<AT_ONCE>(codes, shares, sum, at)),
        LANES.. => starts(half, LANES).for_each(|at| four_chunks::<1>(codes, shares, sum, at)),
        _ => plain::sum_rows(Packing::Four, codes, shares, sum),
    }
}

/// The values of `N` chunks of 16 bytes of a row, from byte `at` on.
#[target_feature(enable = "avx512f")]
fn four_chunks<const N: usize>(codes: &[u8], shares: &[Share], sum: &mut [f32], at: usize) {
    let half = sum.len() / 2;
    let steps = load(&FOUR);
    let mut sums = [[_mm512_setzero_ps(); 2]; N];
    for &(row, weight) in shares {
        let values = _mm512_mul_ps(_mm512_set1_ps(weight), steps);
        let bytes = &codes[row as usize * half + at..][..N * LANES];
        for (sums, bytes) in sums.iter_mut().zip(bytes.as_chunks::<LANES>().0) {
            let codes = widened(bytes);
            sums[0] = _mm512_add_ps(sums[0], _mm512_permutexvar_ps(codes, values));
            let high = _mm512_srli_epi32::<4>(codes);
            sums[1] = _mm512_add_ps(sums[1], _mm512_permutexvar_ps(high, values));
        }
    }
    for (chunk, [low, high]) in sums.into_iter().enumerate() {
        store(low, sum, at + chunk * LANES);
        store(high, sum, half + at + chunk * LANES);
    }
}

#[target_feature(enable = "avx512f")]
fn three(codes: &[u8], shares: &[Share], sum: &mut [f32]) {
    let eighth = sum.len() / 8;
    match eighth {
        LANES.. => starts(eighth, LANES).for_each(|at| three_chunk(codes, shares, sum, at)),
        _ => plain::sum_rows(Packing::Three, codes, shares, sum),
    }
}

/// The values of 16 bytes of each third of a row, from byte `at` on.
#[target_feature(enable = "avx512f")]
fn three_chunk(codes: &[u8], shares: &[Share], sum: &mut [f32], at: usize) {
    let eighth = sum.len() / 8;
    let steps = load(&THREE);
    let mut sums = [_mm512_setzero_ps(); 8];
    for &(row, weight) in shares {
        let values = _mm512_mul_ps(_mm512_set1_ps(weight), steps);
        let row = &codes[row as usize * 3 * eighth..][..3 * eighth];
        let [first, second, third] =
            [0, eighth, 2 * eighth].map(|start| widened(&plain::part(row, start + at)));
        let groups = _mm512_or_si512(first, _mm512_slli_epi32::<8>(second));
        let groups = _mm512_or_si512(groups, _mm512_slli_epi32::<16>(third));
        for (place, sum) in (0..).zip(&mut sums) {
            let codes = _mm512_srlv_epi32(groups, _mm512_set1_epi32(3 * place));
            *sum = _mm512_add_ps(*sum, _mm512_permutexvar_ps(codes, values));
        }
    }
    for (place, values) in sums.into_iter().enumerate() {
        store(values, sum, place * eighth + at);
    }
}

#[target_feature(enable = "avx512f")]
fn eight(codes: &[u8], shares: &[Share], sum: &mut [f32]) {
    let dim = sum.len();
    match dim {
        WIDEST.. => {
            let chunks = starts(dim, WIDEST);
            chunks.for_each(|at| eight_chunks::<{ WIDEST / LANES }>(codes, shares, sum, at));
        }
        LANES.. => starts(dim, LANES).for_each(|at| eight_chunks::<1>(codes, shares, sum, at)),
        _ => plain::sum_rows(Packing::Eight, codes, shares, sum),
    }
}

/// The values of `N` chunks of 16 bytes of a row, from byte `at` on.
#[target_feature(enable = "avx512f")]
fn eight_chunks<const N: usize>(codes: &[u8], shares: &[Share], sum: &mut [f32], at: usize) {
    let dim = sum.len();
    let mut sums = [_mm512_setzero_ps(); N];
    for &(row, weight) in shares {
        let weight = _mm512_set1_ps(weight);
        let bytes = &codes[row as usize * dim + at..][..N * LANES];
        for (sum, bytes) in sums.iter_mut().zip(bytes.as_chunks::<LANES>().0) {
            // SAFETY: `bytes` is the 16 bytes that the load reads; it needs no alignment.
            let bytes = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
            let values = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
            *sum = _mm512_add_ps(*sum, _mm512_mul_ps(weight, values));
        }
    }
    for (chunk, values) in sums.into_iter().enumerate() {
        store(values, sum, at + chunk * LANES);
    }
}

/// One byte in each lane.
#[target_feature(enable = "avx512f")]
fn widened(bytes: &[u8; LANES]) -> __m512i {
    // SAFETY: `bytes` is the 16 bytes that the load reads; it needs no alignment.
    _mm512_cvtepu8_epi32(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
}

#[target_feature(enable = "avx512f")]
fn load(values: &[f32; LANES]) -> __m512 {
    // SAFETY: `values` is the 64 bytes that the load reads; it needs no alignment.
    unsafe { _mm512_loadu_ps(values.as_ptr()) }
}

#[target_feature(enable = "avx512f")]
fn store(values: __m512, sum: &mut [f32], at: usize) {
    let place = &mut sum[at..at + LANES];
    // SAFETY: `place` is the 64 bytes that the store writes; it needs no alignment.
    unsafe { _mm512_storeu_ps(place.as_mut_ptr(), values) };
}
