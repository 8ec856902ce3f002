//! The reference: loops over arrays, which the compiler turns into vector instructions.

#![expect(clippy::inline_always, reason = "compiled with the target features of the caller")]

use super::{Packing, WeightedRow, starts};

/// Bytes of a row per pass, so that their sums stay in registers.
const CHUNK: usize = 16;

#[inline(always)]
pub(super) fn sum_rows(
    packing: Packing,
    codes: &[u8],
    weighted_rows: &[WeightedRow],
    sum: &mut [f32],
) {
    let bytes = match packing {
        Packing::Bits3 => sum.len() / 8,
        Packing::Bits4 => sum.len() / 2,
        Packing::Bits8 => sum.len(),
    };
    if bytes >= CHUNK {
        for at in starts(bytes, CHUNK) {
            chunk::<CHUNK>(packing, codes, weighted_rows, sum, at);
        }
    } else {
        for at in 0..bytes {
            chunk::<1>(packing, codes, weighted_rows, sum, at);
        }
    }
}

#[inline(always)]
fn chunk<const N: usize>(
    packing: Packing,
    codes: &[u8],
    weighted_rows: &[WeightedRow],
    sum: &mut [f32],
    at: usize,
) {
    match packing {
        Packing::Bits3 => bits3::<N>(codes, weighted_rows, sum, at),
        Packing::Bits4 => bits4::<N>(codes, weighted_rows, sum, at),
        Packing::Bits8 => bits8::<N>(codes, weighted_rows, sum, at),
    }
}

/// Sums the values in bytes `at..at + N` of each third of a row.
#[inline(always)]
fn bits3<const N: usize>(codes: &[u8], weighted_rows: &[WeightedRow], sum: &mut [f32], at: usize) {
    let eighth = sum.len() / 8;
    let mut sums = [[0.0; N]; 8];
    for &WeightedRow { row, weight } in weighted_rows {
        let row = &codes[row as usize * 3 * eighth..][..3 * eighth];
        // No code crosses the end of the last third, so its second byte may be any.
        let thirds = [0, eighth, 2 * eighth, 2 * eighth].map(|start| part::<N>(row, start + at));
        for (place, sums) in sums.iter_mut().enumerate() {
            let third = 3 * place / 8;
            let bit = 3 * place % 8;
            for (lane, sum) in sums.iter_mut().enumerate() {
                let bytes = [thirds[third][lane], thirds[third + 1][lane]];
                let code = u16::from_le_bytes(bytes) >> bit & 7;
                *sum += weight * (f32::from(code) - 3.5);
            }
        }
    }
    for (sum, sums) in sum.chunks_exact_mut(eighth).zip(sums) {
        sum[at..at + N].copy_from_slice(&sums);
    }
}

/// Sums the values in bytes `at..at + N` of a row.
#[inline(always)]
fn bits4<const N: usize>(codes: &[u8], weighted_rows: &[WeightedRow], sum: &mut [f32], at: usize) {
    let half = sum.len() / 2;
    let mut low = [0.0; N];
    let mut high = [0.0; N];
    for &WeightedRow { row, weight } in weighted_rows {
        let bytes = part::<N>(&codes[row as usize * half..][..half], at);
        for lane in 0..N {
            low[lane] += weight * f32::from((bytes[lane] & 15).cast_signed() - 8);
            high[lane] += weight * f32::from((bytes[lane] >> 4).cast_signed() - 8);
        }
    }
    sum[at..at + N].copy_from_slice(&low);
    sum[half + at..half + at + N].copy_from_slice(&high);
}

#[inline(always)]
fn bits8<const N: usize>(codes: &[u8], weighted_rows: &[WeightedRow], sum: &mut [f32], at: usize) {
    let dim = sum.len();
    let mut sums = [0.0; N];
    for &WeightedRow { row, weight } in weighted_rows {
        let bytes = part::<N>(&codes[row as usize * dim..][..dim], at);
        for (sum, byte) in sums.iter_mut().zip(bytes) {
            *sum += weight * f32::from(byte.cast_signed());
        }
    }
    sum[at..at + N].copy_from_slice(&sums);
}

#[inline(always)]
pub(in crate::vector::kernel) fn part<const N: usize>(row: &[u8], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&row[at..at + N]);
    part
}
