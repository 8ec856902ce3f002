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

/// See [`coarse_dots`](super::coarse_dots).
pub(super) fn coarse_dots(
    query: &[CodeBlock<i8>],
    codes: &[CodeBlock<u8>],
    rows: &[u32],
    dots: &mut [i32],
) {
    let mut query: Vec<WideBlock> = query.iter().map(|block| block.0.map(i16::from)).collect();
    if query.len() % 2 == 1 {
        query.push([0; BLOCK]);
    }
    let (pairs, _) = query.as_chunks::<2>();
    in_fours(pairs.len(), codes, rows, dots, |rows| rows.map(|row| coarse_dot(pairs, row)));
}

/// Dot product of pairs of blocks of the query and a coarse row of as many blocks.
fn coarse_dot(query: &[[WideBlock; 2]], row: &[CodeBlock<u8>]) -> i32 {
    let mut sums = [0; BLOCK];
    for ([first, second], row) in query.iter().zip(row) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            let [lower, upper] = [row.0[lane] & 0xF, row.0[lane] >> 4].map(i16::from);
            // At most 2 * 128 * 15, which fits into 16 bits.
            *sum += i32::from(first[lane] * lower + second[lane] * upper);
        }
    }
    sums.iter().sum()
}
