//! AVX2: eight values or sixteen codes per instruction.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_load_si128, _mm256_add_epi16, _mm256_add_epi32, _mm256_add_ps,
    _mm256_and_si256, _mm256_cvtepi8_epi16, _mm256_cvtepu8_epi16, _mm256_fmadd_ps,
    _mm256_load_si256, _mm256_loadu_ps, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi8,
    _mm256_set1_epi16, _mm256_setzero_ps, _mm256_setzero_si256, _mm256_srli_epi16,
    _mm256_storeu_ps, _mm256_storeu_si256,
};

use super::{CodeBlock, in_fours, scalar};

/// Values per register.
const LANES: usize = 8;
/// Independent sums, which hide the latency of the additions.
const SUMS: usize = 4;

/// Dot product of `a` and `b`, up to the shorter length.
#[target_feature(enable = "avx2,fma")]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [_mm256_setzero_ps(); SUMS];
    for (at, (x, y)) in a_blocks.iter().zip(b_blocks).enumerate() {
        // SAFETY: `x` and `y` are arrays of 8 `f32`, the 32 bytes that each load
        // reads; the loads need no alignment.
        let factors = unsafe { [_mm256_loadu_ps(x.as_ptr()), _mm256_loadu_ps(y.as_ptr())] };
        let sum = &mut sums[at % SUMS];
        *sum = _mm256_fmadd_ps(factors[0], factors[1], *sum);
    }
    let sum = _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]));
    let mut lanes = [0.0_f32; LANES];
    // SAFETY: `lanes` is the 32 bytes that the store writes; it needs no alignment.
    unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), sum) };
    lanes.iter().sum::<f32>() + scalar::dot(a_rest, b_rest)
}

/// See [`code_dots`](super::code_dots).
#[target_feature(enable = "avx2")]
pub(super) fn code_dots(
    query: &[CodeBlock<i8>],
    codes: &[CodeBlock<u8>],
    rows: &[u32],
    dots: &mut [i32],
) {
    in_fours(query.len(), codes, rows, dots, |rows| four(query, rows));
}

/// Dot product of `query` with each of four rows of `query.len()` blocks.
///
/// Codes are widened to 16 bits: `_mm256_maddubs_epi16` on bytes saturates.
#[target_feature(enable = "avx2")]
fn four(query: &[CodeBlock<i8>], rows: [&[CodeBlock<u8>]; 4]) -> [i32; 4] {
    let mut sums = [_mm256_setzero_si256(); 4];
    for (at, q) in query.iter().enumerate() {
        for part in 0..4 {
            let q = _mm256_cvtepi8_epi16(quarter(q, part));
            for (sum, row) in sums.iter_mut().zip(rows) {
                let x = _mm256_cvtepu8_epi16(quarter(&row[at], part));
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(q, x));
            }
        }
    }
    sums.map(|sum| total(sum))
}

/// See [`coarse_dots`](super::coarse_dots).
#[target_feature(enable = "avx2")]
pub(super) fn coarse_dots(
    query: &[CodeBlock<i8>],
    codes: &[CodeBlock<u8>],
    rows: &[u32],
    dots: &mut [i32],
) {
    in_fours(query.len().div_ceil(2), codes, rows, dots, |rows| four_coarse(query, rows));
}

/// Dot product of `query` with each of four coarse rows of half as many blocks.
///
/// Codes are at most 15, so the sum of four products fits into the 16 bits of `_mm256_maddubs_epi16`.
#[target_feature(enable = "avx2")]
fn four_coarse(query: &[CodeBlock<i8>], rows: [&[CodeBlock<u8>]; 4]) -> [i32; 4] {
    let four_bits = _mm256_set1_epi8(0xF);
    let ones = _mm256_set1_epi16(1);
    let mut sums = [_mm256_setzero_si256(); 4];
    for (at, pair) in query.chunks(2).enumerate() {
        for part in 0..2 {
            let first = half(&pair[0], part);
            let second =
                pair.get(1).map_or_else(|| _mm256_setzero_si256(), |block| half(block, part));
            for (sum, row) in sums.iter_mut().zip(rows) {
                let codes = half(&row[at], part);
                let lower = _mm256_and_si256(codes, four_bits);
                let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(codes), four_bits);
                let products = _mm256_add_epi16(
                    _mm256_maddubs_epi16(lower, first),
                    _mm256_maddubs_epi16(upper, second),
                );
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(products, ones));
            }
        }
    }
    sums.map(|sum| total(sum))
}

/// Bytes `32 * part..32 * (part + 1)` of a block.
#[target_feature(enable = "avx2")]
fn half<T>(block: &CodeBlock<T>, part: usize) -> __m256i {
    const { assert!(size_of::<CodeBlock<T>>() == 64) };
    assert!(part < 2, "a block has two halves");
    let start = std::ptr::from_ref(block).cast::<__m256i>();
    // SAFETY: a block is 64 bytes, aligned to 64, and `part < 2`: the load reads 32 bytes of it,
    // aligned to 32.
    unsafe { _mm256_load_si256(start.add(part)) }
}

/// Bytes `16 * part..16 * (part + 1)` of a block.
#[target_feature(enable = "avx2")]
fn quarter<T>(block: &CodeBlock<T>, part: usize) -> __m128i {
    const { assert!(size_of::<CodeBlock<T>>() == 64) };
    assert!(part < 4, "a block has four quarters");
    let start = std::ptr::from_ref(block).cast::<__m128i>();
    // SAFETY: a block is 64 bytes, aligned to 64, and `part < 4`: the load reads 16 bytes of it,
    // aligned to 16.
    unsafe { _mm_load_si128(start.add(part)) }
}

#[target_feature(enable = "avx2")]
fn total(sum: __m256i) -> i32 {
    let mut lanes = [0_i32; LANES];
    // SAFETY: `lanes` is the 32 bytes that the store writes; it needs no alignment.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sum) };
    lanes.iter().sum()
}
