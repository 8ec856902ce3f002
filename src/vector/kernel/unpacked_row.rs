//! Unpacking of packed rows to one code per value. Plain loops: the compiler vectorizes them.

use super::{
    Packing,
    packed_rows::{part, starts},
};

/// Bytes of a row per pass: one register of every CPU.
const CHUNK: usize = 16;

impl Packing {
    /// Returns twice (3 bits) or once the value of `code`, as a whole number.
    pub(crate) fn value(self, code: u8) -> i16 {
        match self {
            Self::Bits3 => 2 * i16::from(code) - 7,
            Self::Bits4 => i16::from(code) - 8,
            Self::Bits8 => i16::from(code) - 128,
        }
    }
}

/// Writes the code of each value of the packed `row` to `codes`: `0..8`, `0..16` or `0..256`.
///
/// # Panics
///
/// If the row has another number of values.
pub(crate) fn unpack_codes(packing: Packing, row: &[u8], codes: &mut [u8]) {
    assert_eq!(packing.row_len(codes.len()), Some(row.len()), "a row of as many values");
    match packing {
        Packing::Bits3 => unpack_bits3(row, codes),
        Packing::Bits4 => {
            let (low, high) = codes.split_at_mut(row.len());
            low.iter_mut().zip(row).for_each(|(code, byte)| *code = byte & 15);
            high.iter_mut().zip(row).for_each(|(code, byte)| *code = byte >> 4);
        }
        Packing::Bits8 => {
            codes.iter_mut().zip(row).for_each(|(code, byte)| *code = byte ^ 128);
        }
    }
}

fn unpack_bits3(row: &[u8], codes: &mut [u8]) {
    let eighth = codes.len() / 8;
    if eighth >= CHUNK {
        starts(eighth, CHUNK).for_each(|at| unpack_chunk::<CHUNK>(row, codes, at));
    } else {
        (0..eighth).for_each(|at| unpack_chunk::<1>(row, codes, at));
    }
}

/// Unpacks the codes in bytes `at..at + N` of each third of a row.
fn unpack_chunk<const N: usize>(row: &[u8], codes: &mut [u8], at: usize) {
    let eighth = codes.len() / 8;
    let third = |number: usize| part::<N>(row, number * eighth + at);
    // No code crosses the end of the last third, so its second byte may be any.
    let thirds = [third(0), third(1), third(2), [0; N]];
    for place in 0..8 {
        let low = thirds[3 * place / 8];
        let high = thirds[3 * place / 8 + 1];
        let bit = 3 * place % 8;
        let mut unpacked = [0; N];
        for lane in 0..N {
            // Codes from bit 6 on have bits of both bytes.
            let above = if bit > 5 { high[lane] << (8 - bit) } else { 0 };
            unpacked[lane] = (low[lane] >> bit | above) & 7;
        }
        codes[place * eighth + at..][..N].copy_from_slice(&unpacked);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vector::kernel::{WeightedRow, sum_rows};

    proptest! {
        /// The sum of one row is the reference: its kernels have tests of their own.
        #[test]
        fn codes_have_the_values_of_the_row(row in prop::collection::vec(any::<u8>(), 3..600)) {
            for (packing, factor, dim) in [
                (Packing::Bits3, 2.0, row.len() / 3 * 8),
                (Packing::Bits4, 1.0, row.len() * 2),
                (Packing::Bits8, 1.0, row.len()),
            ] {
                let row = &row[..packing.row_len(dim).unwrap()];
                let mut values = vec![0.0; dim];
                sum_rows(packing, row, &[WeightedRow { row: 0, weight: factor }], &mut values);
                let mut codes = vec![0; dim];
                unpack_codes(packing, row, &mut codes);
                let unpacked: Vec<f32> =
                    codes.iter().map(|code| f32::from(packing.value(*code))).collect();
                prop_assert_eq!(unpacked, values, "{:?}", packing);
            }
        }
    }

    #[test]
    #[should_panic(expected = "a row of as many values")]
    fn a_row_of_another_length_panics() {
        unpack_codes(Packing::Bits4, &[0; 3], &mut [0; 8]);
    }
}
