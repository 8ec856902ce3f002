//! AVX-512: a register holds the values that a code of a row can have; one instruction looks up 16
//! codes.

use std::arch::x86_64::{
    __m512, __m512i, _mm_loadu_si128, _mm512_add_ps, _mm512_cvtepi8_epi32, _mm512_cvtepi32_ps,
    _mm512_cvtepu8_epi32, _mm512_loadu_ps, _mm512_mul_ps, _mm512_or_si512, _mm512_permutexvar_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_slli_epi32, _mm512_srli_epi32,
    _mm512_srlv_epi32, _mm512_storeu_ps,
};

use super::{Packing, WeightedRow, scalar, starts};

/// Codes per lookup.
const LANES: usize = 16;
/// Chunks of bytes, two values per byte, whose sums fit into the registers.
const CHUNKS: usize = 4;
/// Bytes of [`CHUNKS`] chunks.
const WIDE: usize = CHUNKS * LANES;
/// Bytes, one value per byte, whose sums fit into the registers.
const WIDEST: usize = 2 * WIDE;
/// Code `c` stands for `c - 8` steps.
const BITS4_VALUES: [f32; LANES] =
    [-8.0, -7.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
/// Code `c` stands for `c - 3.5` steps; the fourth bit is ignored.
const BITS3_VALUES: [f32; LANES] =
    [-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, -3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5];

/// See [`sum_rows`](super::sum_rows).
#[target_feature(enable = "avx512f")]
pub(super) fn sum_rows(
    packing: Packing,
    codes: &[u8],
    weighted_rows: &[WeightedRow],
    sum: &mut [f32],
) {
    match packing {
        Packing::Bits3 => bits3(codes, weighted_rows, sum),
        Packing::Bits4 => bits4(codes, weighted_rows, sum),
        Packing::Bits8 => bits8(codes, weighted_rows, sum),
    }
}

#[target_feature(enable = "avx512f")]
fn bits4(codes: &[u8], weighted_rows: &[WeightedRow], sum: &mut [f32]) {
    let half = sum.len() / 2;
    match half {
        WIDE.. => {
            starts(half, WIDE).for_each(|at| bits4_chunks::<CHUNKS>(codes, weighted_rows, sum, at));
        }
        LANES.. => {
            starts(half, LANES).for_each(|at| bits4_chunks::<1>(codes, weighted_rows, sum, at));
        }
        _ => scalar::sum_rows(Packing::Bits4, codes, weighted_rows, sum),
    }
}

/// Sums the values of `N` chunks of 16 bytes of a row, from byte `at` on.
#[target_feature(enable = "avx512f")]
fn bits4_chunks<const N: usize>(
    codes: &[u8],
    weighted_rows: &[WeightedRow],
    sum: &mut [f32],
    at: usize,
) {
    let half = sum.len() / 2;
    let steps = load(&BITS4_VALUES);
    let mut sums = [[_mm512_setzero_ps(); 2]; N];
    for &WeightedRow { row, weight } in weighted_rows {
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
fn bits3(codes: &[u8], weighted_rows: &[WeightedRow], sum: &mut [f32]) {
    let eighth = sum.len() / 8;
    match eighth {
        LANES.. => starts(eighth, LANES).for_each(|at| bits3_chunk(codes, weighted_rows, sum, at)),
        _ => scalar::sum_rows(Packing::Bits3, codes, weighted_rows, sum),
    }
}

/// Sums the values in bytes `at..at + 16` of each third of a row.
#[target_feature(enable = "avx512f")]
fn bits3_chunk(codes: &[u8], weighted_rows: &[WeightedRow], sum: &mut [f32], at: usize) {
    let eighth = sum.len() / 8;
    let steps = load(&BITS3_VALUES);
    let mut sums = [_mm512_setzero_ps(); 8];
    for &WeightedRow { row, weight } in weighted_rows {
        let values = _mm512_mul_ps(_mm512_set1_ps(weight), steps);
        let row = &codes[row as usize * 3 * eighth..][..3 * eighth];
        let [first, second, third] =
            [0, eighth, 2 * eighth].map(|start| widened(&scalar::part(row, start + at)));
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
fn bits8(codes: &[u8], weighted_rows: &[WeightedRow], sum: &mut [f32]) {
    let dim = sum.len();
    match dim {
        WIDEST.. => {
            let chunks = starts(dim, WIDEST);
            chunks.for_each(|at| bits8_chunks::<{ WIDEST / LANES }>(codes, weighted_rows, sum, at));
        }
        LANES.. => {
            starts(dim, LANES).for_each(|at| bits8_chunks::<1>(codes, weighted_rows, sum, at));
        }
        _ => scalar::sum_rows(Packing::Bits8, codes, weighted_rows, sum),
    }
}

/// Sums the values of `N` chunks of 16 bytes of a row, from byte `at` on.
#[target_feature(enable = "avx512f")]
fn bits8_chunks<const N: usize>(
    codes: &[u8],
    weighted_rows: &[WeightedRow],
    sum: &mut [f32],
    at: usize,
) {
    let dim = sum.len();
    let mut sums = [_mm512_setzero_ps(); N];
    for &WeightedRow { row, weight } in weighted_rows {
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
