//! AVX-512 with VNNI: multiplies and sums 64 codes per instruction.

use std::arch::x86_64::{
    __m512i, _mm_add_epi32, _mm_storeu_si128, _mm256_add_epi32, _mm256_castsi256_si128,
    _mm256_extracti128_si256, _mm512_add_epi32, _mm512_and_si512, _mm512_castsi512_si256,
    _mm512_dpbusd_epi32, _mm512_extracti64x4_epi64, _mm512_load_si512, _mm512_set1_epi8,
    _mm512_setzero_si512, _mm512_srli_epi16, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use super::{CodeBlock, in_fours};

/// See [`code_dots`](super::code_dots).
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vnni")]
pub(super) fn code_dots(
    query: &[CodeBlock<i8>],
    codes: &[CodeBlock<u8>],
    rows: &[u32],
    dots: &mut [i32],
) {
    in_fours(query.len(), codes, rows, dots, |rows| four(query, rows));
}

/// Dot product of `query` with each of four rows of `query.len()` blocks.
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vnni")]
fn four(query: &[CodeBlock<i8>], rows: [&[CodeBlock<u8>]; 4]) -> [i32; 4] {
    let mut sums = [_mm512_setzero_si512(); 4];
    for (at, block) in query.iter().enumerate() {
        let codes = load(block);
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum = _mm512_dpbusd_epi32(*sum, load(&row[at]), codes);
        }
    }
    totals(sums)
}

/// See [`coarse_dots`](super::coarse_dots).
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vnni")]
pub(super) fn coarse_dots(
    query: &[CodeBlock<i8>],
    codes: &[CodeBlock<u8>],
    rows: &[u32],
    dots: &mut [i32],
) {
    in_fours(query.len().div_ceil(2), codes, rows, dots, |rows| four_coarse(query, rows));
}

/// Dot product of `query` with each of four coarse rows of half as many blocks.
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vnni")]
fn four_coarse(query: &[CodeBlock<i8>], rows: [&[CodeBlock<u8>]; 4]) -> [i32; 4] {
    let four_bits = _mm512_set1_epi8(0xF);
    let mut sums = [_mm512_setzero_si512(); 4];
    for (at, pair) in query.chunks(2).enumerate() {
        let first = load(&pair[0]);
        let second = pair.get(1).map_or_else(|| _mm512_setzero_si512(), |second| load(second));
        for (sum, row) in sums.iter_mut().zip(rows) {
            let codes = load(&row[at]);
            let lower = _mm512_and_si512(codes, four_bits);
            let upper = _mm512_and_si512(_mm512_srli_epi16::<4>(codes), four_bits);
            *sum = _mm512_dpbusd_epi32(*sum, lower, first);
            *sum = _mm512_dpbusd_epi32(*sum, upper, second);
        }
    }
    totals(sums)
}

#[target_feature(enable = "avx512f")]
fn load<T>(block: &CodeBlock<T>) -> __m512i {
    const { assert!(size_of::<CodeBlock<T>>() == 64) };
    // SAFETY: a block is the 64 bytes that the load reads, aligned to 64.
    unsafe { _mm512_load_si512(std::ptr::from_ref(block).cast()) }
}

/// The sum of the 16 lanes of each register.
///
/// Interleaves and adds the lanes of two registers until every quarter holds a part of all four
/// sums, which takes fewer steps than four separate sums.
#[target_feature(enable = "avx2,avx512f")]
fn totals([a, b, c, d]: [__m512i; 4]) -> [i32; 4] {
    let ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    let abcd = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    let half = _mm256_add_epi32(_mm512_castsi512_si256(abcd), _mm512_extracti64x4_epi64::<1>(abcd));
    let quarter = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half));
    let mut sums = [0; 4];
    // SAFETY: `sums` is the 16 bytes that the store writes; it needs no alignment.
    unsafe { _mm_storeu_si128(sums.as_mut_ptr().cast(), quarter) };
    sums
}
