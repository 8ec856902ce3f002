//! The portable reference implementation.

use super::{CodeBlock, in_fours};

/// Independent sums, so that the compiler can use vector registers.
const LANES: usize = 8;

/// Dot product of `a` and `b`, up to the shorter length.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}

/// See [`code_dots`](super::code_dots).
pub(super) fn code_dots(
    query: &[CodeBlock<i8>],
    codes: &[CodeBlock<u8>],
    rows: &[u32],
    dots: &mut [i32],
) {
    in_fours(query.len(), codes, rows, dots, |rows| four(query, rows));
}

/// Dot product of `query` with each of four rows of `query.len()` blocks.
fn four(query: &[CodeBlock<i8>], rows: [&[CodeBlock<u8>]; 4]) -> [i32; 4] {
    rows.map(|row| {
        let codes = query.iter().zip(row).flat_map(|(q, x)| q.0.iter().zip(&x.0));
        codes.map(|(q, x)| i32::from(*q) * i32::from(*x)).sum()
    })
}
