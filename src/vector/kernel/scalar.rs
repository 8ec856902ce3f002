//! The portable implementation, and the reference of the others: loops over lanes, which the
//! compiler turns into vector instructions.

use super::{BLOCK, CodeBlock, in_fours};

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
    // Widened once, so that each row needs one widening and one multiplication per register.
    let query: Vec<WideBlock> = query.iter().map(|block| block.0.map(i16::from)).collect();
    in_fours(query.len(), codes, rows, dots, |rows| rows.map(|row| code_dot(&query, row)));
}

/// The codes of a block of the query.
type WideBlock = [i16; BLOCK];

/// Codes of one step, whose products are added to as many sums. Compilers turn the products of
/// neighbors into one instruction, such as `pmaddwd` of SSE2.
const CODE_LANES: usize = 16;

/// Dot product of `query` and a row of as many blocks.
fn code_dot(query: &[WideBlock], row: &[CodeBlock<u8>]) -> i32 {
    let mut sums = [0; CODE_LANES];
    for (query, row) in query.iter().zip(row) {
        let (query, _) = query.as_chunks::<CODE_LANES>();
        let (row, _) = row.0.as_chunks::<CODE_LANES>();
        for (q, x) in query.iter().zip(row) {
            for lane in 0..CODE_LANES {
                sums[lane] += i32::from(q[lane]) * i32::from(x[lane]);
            }
        }
    }
    sums.iter().sum()
}
