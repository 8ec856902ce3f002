//! Vector kernels: dot products of values and of codes, sums of packed rows, and scaling.
//!
//! Each call selects the implementation by the features of the CPU. The flag
//! `--cfg passim_portable` selects the portable one everywhere, so that it can be tested and measured
//! on any CPU.

#![expect(unsafe_code, reason = "vector instructions; each block states why it is sound")]

/// Whether the CPU has the features, and kernels may use them.
#[cfg(target_arch = "x86_64")]
macro_rules! cpu_has {
    ($($feature:tt),+) => {
        cfg!(not(passim_portable)) $(&& is_x86_feature_detected!($feature))+
    };
}

/// Calls the implementation of a kernel of codes that suits the CPU.
macro_rules! by_cpu {
    ($kernel:ident($($argument:expr),+)) => {{
        #[cfg(target_arch = "x86_64")]
        {
            if cpu_has!("avx512vnni", "avx512bw") {
                // SAFETY: AVX-512 VNNI and BW were detected on the line above; a CPU that
                // has them has AVX-512 F and AVX2.
                return unsafe { avx512::$kernel($($argument),+) };
            }
            if cpu_has!("avx2") {
                // SAFETY: the feature was detected on the line above.
                return unsafe { avx2::$kernel($($argument),+) };
            }
        }
        scalar::$kernel($($argument),+);
    }};
}

mod aligned_block;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod packed_rows;
mod scalar;
mod unit_length;
mod unpacked_row;

pub(crate) use aligned_block::{BLOCK, CodeBlock};
pub(crate) use packed_rows::{Packing, WeightedRow, sum_rows};
pub(crate) use unit_length::{scale_sum_to_unit, scale_to_unit};
pub(crate) use unpacked_row::unpack_codes;

/// Dot product of `a` and `b`, summed in `f32`.
///
/// # Panics
///
/// If the lengths differ.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "vectors of different dimension");
    #[cfg(target_arch = "x86_64")]
    if cpu_has!("avx2", "fma") {
        // SAFETY: both features were detected on the line above.
        return unsafe { avx2::dot(a, b) };
    }
    scalar::dot(a, b)
}

/// Writes the dot product of `query` and each of `rows` of `codes` to `dots`, in their order.
///
/// A row is `query.len()` blocks. The sums are exact up to 2^16 codes per row.
///
/// # Panics
///
/// If a row is not in `codes`, or if the lengths of `dots` and `rows` differ.
pub(crate) fn code_dots(
    query: &[CodeBlock<i8>],
    codes: &[CodeBlock<u8>],
    rows: &[u32],
    dots: &mut [i32],
) {
    assert_eq!(rows.len(), dots.len(), "one dot product per row");
    by_cpu!(code_dots(query, codes, rows, dots));
}

/// Writes the dot product of `query` and each of `rows` of coarse `codes` to `dots`, in their order.
///
/// Each block of a row has the codes of two blocks of the query: those of the first in the lower
/// four bits of its bytes, those of the second in the upper four. The second block of the last pair
/// may be missing in the query. The sums are exact up to 2^16 codes per row.
///
/// # Panics
///
/// If a row is not in `codes`, or if the lengths of `dots` and `rows` differ.
pub(crate) fn coarse_dots(
    query: &[CodeBlock<i8>],
    codes: &[CodeBlock<u8>],
    rows: &[u32],
    dots: &mut [i32],
) {
    assert_eq!(rows.len(), dots.len(), "one dot product per row");
    by_cpu!(coarse_dots(query, codes, rows, dots));
}

/// Rows per pass of a kernel: they share the loads of the query.
const ROWS_AT_ONCE: usize = 4;

/// Calls `four` on the `rows` of `codes`, each of `width` blocks, four at a time.
#[expect(clippy::inline_always, reason = "compiled with the target features of the caller")]
#[inline(always)]
fn in_fours(
    width: usize,
    codes: &[CodeBlock<u8>],
    rows: &[u32],
    dots: &mut [i32],
    four: impl Fn([&[CodeBlock<u8>]; ROWS_AT_ONCE]) -> [i32; ROWS_AT_ONCE],
) {
    let row = |row: u32| &codes[row as usize * width..][..width];
    let (fours, rest) = rows.as_chunks::<ROWS_AT_ONCE>();
    let (sums, last_sums) = dots.as_chunks_mut::<ROWS_AT_ONCE>();
    for (rows, sums) in fours.iter().zip(sums) {
        *sums = four(rows.map(row));
    }
    if let Some(last) = rest.last() {
        // The last row fills the group up to four.
        let sums = four(std::array::from_fn(|at| row(*rest.get(at).unwrap_or(last))));
        last_sums.copy_from_slice(&sums[..rest.len()]);
    }
}

/// Prefetches `data` into the cache.
#[inline]
pub(crate) fn prefetch<T>(data: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let start = data.as_ptr().cast::<i8>();
        for offset in (0..size_of_val(data)).step_by(aligned_block::BLOCK) {
            // SAFETY: a prefetch affects only the cache, whatever the address, and this one is
            // inside `data`.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.add(offset)) };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The dot product in `f64`, and the largest error of an `f32` sum in any order:
    /// `(n + 1) * EPSILON * sum |a[i] * b[i]|`.
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
    fn dot_of_every_length_and_offset() {
        let values: Vec<f32> = (0..600_u16).map(|i| (f32::from(i) * 0.7).sin()).collect();
        for len in 0..260 {
            for offset in 0..9 {
                let a = &values[offset..offset + len];
                let b = &values[300..300 + len];
                assert_near(dot(a, b), a, b);
                assert_near(scalar::dot(a, b), a, b);
            }
        }
    }

    /// Blocks of `codes`, the last one padded with `filler`.
    fn blocks<T: Copy>(codes: &[T], filler: T) -> impl Iterator<Item = CodeBlock<T>> {
        codes.chunks(BLOCK).map(move |chunk| {
            let mut block = [filler; BLOCK];
            block[..chunk.len()].copy_from_slice(chunk);
            CodeBlock(block)
        })
    }

    type CodeDots = fn(&[CodeBlock<i8>], &[CodeBlock<u8>], &[u32], &mut [i32]);

    /// Kernels of codes, and of coarse codes.
    struct Implementation {
        name: &'static str,
        code_dots: CodeDots,
        coarse_dots: CodeDots,
    }

    /// The implementations that this CPU supports.
    fn implementations() -> Vec<Implementation> {
        let mut all = vec![
            Implementation { name: "chosen", code_dots, coarse_dots },
            Implementation {
                name: "scalar",
                code_dots: scalar::code_dots,
                coarse_dots: scalar::coarse_dots,
            },
        ];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            all.push(Implementation {
                name: "avx2",
                // SAFETY: the feature was detected above.
                code_dots: |q, c, r, d| unsafe { avx2::code_dots(q, c, r, d) },
                // SAFETY: the feature was detected above.
                coarse_dots: |q, c, r, d| unsafe { avx2::coarse_dots(q, c, r, d) },
            });
        }
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512bw") {
            all.push(Implementation {
                name: "avx512",
                // SAFETY: the features were detected above.
                code_dots: |q, c, r, d| unsafe { avx512::code_dots(q, c, r, d) },
                // SAFETY: the features were detected above.
                coarse_dots: |q, c, r, d| unsafe { avx512::coarse_dots(q, c, r, d) },
            });
        }
        all
    }

    /// The reference of `code_dots`.
    fn code_dots_of(query: &[i8], codes: &[Vec<u8>], rows: &[u32]) -> Vec<i32> {
        let dot = |row: &u32| {
            let pairs = query.iter().zip(&codes[*row as usize]);
            pairs.map(|(q, x)| i32::from(*q) * i32::from(*x)).sum()
        };
        rows.iter().map(dot).collect()
    }

    fn assert_code_dots(query: &[i8], codes: &[Vec<u8>], rows: &[u32]) {
        let want = code_dots_of(query, codes, rows);
        let query: Vec<CodeBlock<i8>> = blocks(query, 0).collect();
        let blocks: Vec<CodeBlock<u8>> = codes.iter().flat_map(|row| blocks(row, 128)).collect();
        for Implementation { name, code_dots, .. } in implementations() {
            let mut got = vec![7; rows.len()];
            code_dots(&query, &blocks, rows, &mut got);
            assert_eq!(got, want, "{name}");
        }
    }

    /// Compares the dot products of the upper four bits of `codes` with those of the reference.
    fn assert_coarse_dots(query: &[i8], codes: &[Vec<u8>], rows: &[u32]) {
        let upper = |row: &Vec<u8>| row.iter().map(|code| code / 16).collect();
        let codes: Vec<Vec<u8>> = codes.iter().map(upper).collect();
        let want = code_dots_of(query, &codes, rows);
        let query: Vec<CodeBlock<i8>> = blocks(query, 0).collect();
        let packed = |row: &Vec<u8>| {
            let blocks: Vec<CodeBlock<u8>> = blocks(row, 9).collect();
            let pairs = blocks.chunks(2).map(|pair| {
                let second = pair.get(1).map_or([9; BLOCK], |second| second.0);
                CodeBlock(std::array::from_fn(|at| pair[0].0[at] | second[at] << 4))
            });
            pairs.collect::<Vec<_>>()
        };
        let codes: Vec<CodeBlock<u8>> = codes.iter().flat_map(packed).collect();
        for Implementation { name, coarse_dots, .. } in implementations() {
            let mut got = vec![7; rows.len()];
            coarse_dots(&query, &codes, rows, &mut got);
            assert_eq!(got, want, "{name}");
        }
    }

    #[test]
    fn code_dots_of_every_length() {
        for len in 1..400_usize {
            let code = |i: usize| u8::try_from(i * i % 256).unwrap();
            let codes: Vec<Vec<u8>> =
                (0..5).map(|r| (0..len).map(|i| code(i + r)).collect()).collect();
            let query: Vec<i8> = (0..len).map(|i| code(i + 3).cast_signed().max(-127)).collect();
            let rows = &[4, 0, 1, 1, 2, 3][..len % 7];
            assert_code_dots(&query, &codes, rows);
            assert_coarse_dots(&query, &codes, rows);
        }
    }

    #[test]
    fn largest_code_sums_are_exact() {
        let query = vec![127_i8; 1 << 16];
        let row = vec![255_u8; 1 << 16];
        let negative: Vec<i8> = query.iter().map(|x| -x).collect();
        for query in [query, negative] {
            assert_code_dots(&query, std::slice::from_ref(&row), &[0]);
            assert_coarse_dots(&query, std::slice::from_ref(&row), &[0]);
        }
    }

    #[test]
    #[should_panic(expected = "out of range")]
    fn missing_row_panics() {
        let query = [CodeBlock([1_i8; 64])];
        code_dots(&query, &[CodeBlock([1_u8; 64]); 2], &[0, 2], &mut [0; 2]);
    }

    #[test]
    #[should_panic(expected = "out of range")]
    fn missing_coarse_row_panics() {
        let query = [CodeBlock([1_i8; 64]); 3];
        coarse_dots(&query, &[CodeBlock([1_u8; 64]); 3], &[0, 1], &mut [0; 2]);
    }

    proptest! {
        #[test]
        fn code_dots_of_any_codes(
            codes in (1_usize..600).prop_flat_map(|dim| prop::collection::vec(prop::collection::vec(any::<u8>(), dim), 2..12)),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
        ) {
            let rows: Vec<u32> = picks.iter().map(|pick| u32::try_from(pick.index(codes.len())).unwrap()).collect();
            let query: Vec<i8> = codes[0].iter().map(|code| code.cast_signed()).collect();
            assert_code_dots(&query, &codes, &rows);
            assert_coarse_dots(&query, &codes, &rows);
        }

        #[test]
        fn dot_of_any_values(pairs in prop::collection::vec((-1e6_f32..1e6, -1e6_f32..1e6), 0..700)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            assert_near(dot(&a, &b), &a, &b);
        }
    }
}
