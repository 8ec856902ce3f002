//! Weighted sums of rows that are packed into 3, 4 or 8 bits a value, and their scaling to unit
//! length: the same bits on every processor, since each value is added up in the order of the
//! rows, one multiplication and one addition a row.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

/// How the values of a row are packed: `docs/MODEL_FORMAT.md` has the layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// Eight values in three bytes, one of each third of the row; no code is zero.
    Three,
    /// Two values a byte.
    Four,
    /// One value a byte, with a sign.
    Eight,
}

impl Packing {
    /// The packing with so many bits a value.
    pub(crate) fn of_bits(bits: u32) -> Option<Self> {
        match bits {
            3 => Some(Self::Three),
            4 => Some(Self::Four),
            8 => Some(Self::Eight),
            _ => None,
        }
    }

    /// Number of bytes of a row of `dim` values; `None` if it would not be whole.
    pub(crate) fn row_len(self, dim: usize) -> Option<usize> {
        let (values, bytes) = match self {
            Self::Three => (8, 3),
            Self::Four => (2, 1),
            Self::Eight => (1, 1),
        };
        dim.is_multiple_of(values).then(|| dim / values * bytes)
    }

    /// Whether all values of the packed row are zero.
    pub(crate) fn is_zero(self, row: &[u8]) -> bool {
        let all = |bytes: &[u8], zero| bytes.iter().all(|&byte| byte == zero);
        match self {
            Self::Three => false,
            Self::Four => all(row, 0x88),
            Self::Eight => all(row, 0),
        }
    }
}

/// A row, and the factor by which it counts.
pub(crate) type Share = (u32, f32);

/// Sets `sum` to the sum of the `shares` of the rows in `codes`, added up in their order.
///
/// # Panics
///
/// If `codes` does not have one of the rows.
pub(crate) fn sum_rows(packing: Packing, codes: &[u8], shares: &[Share], sum: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the feature was detected on the line above.
            return unsafe { avx512::sum_rows(packing, codes, shares, sum) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the feature was detected on the line above.
            return unsafe { avx2::sum_rows(packing, codes, shares, sum) };
        }
    }
    plain::sum_rows(packing, codes, shares, sum);
}

/// Scales `vector` to length 1; `false`, and nothing done, if it has no direction.
pub(crate) fn scale_to_unit(vector: &mut [f32]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the feature was detected on the line above.
        return unsafe { avx2::scale_to_unit(vector) };
    }
    plain::scale_to_unit(vector)
}

/// Where chunks of `len` bytes begin that together are all `bytes`, of which there are as many or
/// more: the last one may begin within the one before, since no sum depends on others.
#[inline]
fn starts(bytes: usize, len: usize) -> impl Iterator<Item = usize> {
    (0..bytes).step_by(len).map(move |at| at.min(bytes - len))
}

/// The reference: loops over arrays, which the compiler turns into vector instructions.
mod plain {
    #![expect(clippy::inline_always, reason = "it runs with the instructions of its caller")]

    use super::{Packing, Share, starts};

    /// Bytes of a row that are taken at once, so that their sums stay in registers.
    const CHUNK: usize = 16;
    /// Sums of squares kept apart.
    const LANES: usize = 8;

    #[inline(always)]
    pub(super) fn sum_rows(packing: Packing, codes: &[u8], shares: &[Share], sum: &mut [f32]) {
        let bytes = match packing {
            Packing::Three => sum.len() / 8,
            Packing::Four => sum.len() / 2,
            Packing::Eight => sum.len(),
        };
        if bytes >= CHUNK {
            for at in starts(bytes, CHUNK) {
                chunk::<CHUNK>(packing, codes, shares, sum, at);
            }
        } else {
            for at in 0..bytes {
                chunk::<1>(packing, codes, shares, sum, at);
            }
        }
    }

    #[inline(always)]
    fn chunk<const N: usize>(
        packing: Packing,
        codes: &[u8],
        shares: &[Share],
        sum: &mut [f32],
        at: usize,
    ) {
        match packing {
            Packing::Three => three::<N>(codes, shares, sum, at),
            Packing::Four => four::<N>(codes, shares, sum, at),
            Packing::Eight => eight::<N>(codes, shares, sum, at),
        }
    }

    /// The values of `N` bytes of each third of a row, from `at` on.
    #[inline(always)]
    fn three<const N: usize>(codes: &[u8], shares: &[Share], sum: &mut [f32], at: usize) {
        let eighth = sum.len() / 8;
        let mut sums = [[0.0; N]; 8];
        for &(row, weight) in shares {
            let row = &codes[row as usize * 3 * eighth..][..3 * eighth];
            // The last one has nothing to go on with: its codes end with it.
            let thirds =
                [0, eighth, 2 * eighth, 2 * eighth].map(|start| part::<N>(row, start + at));
            for (place, sums) in sums.iter_mut().enumerate() {
                let (third, bit) = (3 * place / 8, 3 * place % 8);
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

    /// The values of `N` bytes of a row, from `at` on.
    #[inline(always)]
    fn four<const N: usize>(codes: &[u8], shares: &[Share], sum: &mut [f32], at: usize) {
        let half = sum.len() / 2;
        let (mut low, mut high) = ([0.0; N], [0.0; N]);
        for &(row, weight) in shares {
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
    fn eight<const N: usize>(codes: &[u8], shares: &[Share], sum: &mut [f32], at: usize) {
        let dim = sum.len();
        let mut sums = [0.0; N];
        for &(row, weight) in shares {
            let bytes = part::<N>(&codes[row as usize * dim..][..dim], at);
            for (sum, byte) in sums.iter_mut().zip(bytes) {
                *sum += weight * f32::from(byte.cast_signed());
            }
        }
        sum[at..at + N].copy_from_slice(&sums);
    }

    #[inline(always)]
    pub(super) fn part<const N: usize>(row: &[u8], at: usize) -> [u8; N] {
        let mut part = [0; N];
        part.copy_from_slice(&row[at..at + N]);
        part
    }

    /// In `f64`, where no square of an `f32` overflows or vanishes.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the result is as exact as an `f32` is")]
    pub(super) fn scale_to_unit(vector: &mut [f32]) -> bool {
        let (blocks, rest) = vector.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for block in blocks {
            for (sum, value) in sums.iter_mut().zip(block) {
                *sum += f64::from(*value) * f64::from(*value);
            }
        }
        for (sum, value) in sums.iter_mut().zip(rest) {
            *sum += f64::from(*value) * f64::from(*value);
        }
        let squares: f64 = sums.iter().sum();
        let directed = squares.is_normal();
        if directed {
            let factor = 1.0 / squares.sqrt();
            for value in vector {
                *value = (f64::from(*value) * factor) as f32;
            }
        }
        directed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Packing; 3] = [Packing::Three, Packing::Four, Packing::Eight];

    /// Value `i` of a packed row, in steps, as the format's document has it.
    fn value(packing: Packing, row: &[u8], dim: usize, i: usize) -> f32 {
        let bits = |byte: u8, shift: usize, count: u32| byte >> shift & ((1 << count) - 1);
        let code = match packing {
            Packing::Three => {
                let (eighth, first) = (dim / 8, i / (dim / 8) * 3);
                let bit = |at: usize| bits(row[at / 8 * eighth + i % eighth], at % 8, 1);
                bit(first) + 2 * bit(first + 1) + 4 * bit(first + 2)
            }
            Packing::Four => bits(row[i % (dim / 2)], 4 * (i / (dim / 2)), 4),
            Packing::Eight => return f32::from(row[i].cast_signed()),
        };
        f32::from(code) - if packing == Packing::Three { 3.5 } else { 8.0 }
    }

    fn sum_of(packing: Packing, codes: &[u8], shares: &[Share], dim: usize) -> Vec<f32> {
        let len = packing.row_len(dim).unwrap();
        let rows: Vec<(&[u8], f32)> = shares
            .iter()
            .map(|&(row, weight)| (&codes[row as usize * len..][..len], weight))
            .collect();
        let add = |i| move |sum, &(row, weight): &_| sum + weight * value(packing, row, dim, i);
        (0..dim).map(|i| rows.iter().fold(0.0, add(i))).collect()
    }

    type SumRows = fn(Packing, &[u8], &[Share], &mut [f32]);

    /// Every implementation that this processor can run.
    fn implementations() -> Vec<(&'static str, SumRows)> {
        let mut all: Vec<(&str, SumRows)> = vec![("chosen", sum_rows), ("plain", plain::sum_rows)];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the feature was detected on the line above.
            all.push(("avx2", |p, c, r, s| unsafe { avx2::sum_rows(p, c, r, s) }));
        }
        all
    }

    fn assert_sums(packing: Packing, codes: &[u8], shares: &[Share], dim: usize) {
        let want = sum_of(packing, codes, shares, dim);
        for (name, sum_rows) in implementations() {
            let mut got = vec![7.0; dim];
            sum_rows(packing, codes, shares, &mut got);
            assert_eq!(got, want, "{name}, {packing:?}, {dim} values");
        }
    }

    #[test]
    fn every_dimension() {
        let codes: Vec<u8> = (0..4096_u32).map(|i| (i * i % 251).to_le_bytes()[0]).collect();
        for packing in ALL {
            for dim in (1..=520).filter(|dim| packing.row_len(*dim).is_some()) {
                assert_sums(packing, &codes, &[(1, 0.3), (0, -2.7), (1, 1e-3)], dim);
                assert_sums(packing, &codes, &[], dim);
            }
        }
    }

    #[test]
    fn rows_of_zeros_are_known() {
        for packing in ALL {
            let len = packing.row_len(16).unwrap();
            for byte in 0..len {
                for code in 0..=255 {
                    let mut row = zeros(packing, len);
                    row[byte] = code;
                    let zero = (0..16).all(|i| value(packing, &row, 16, i) == 0.0);
                    assert_eq!(packing.is_zero(&row), zero, "{packing:?} {row:?}");
                }
            }
        }
    }

    fn zeros(packing: Packing, len: usize) -> Vec<u8> {
        match packing {
            Packing::Four => vec![0x88; len],
            Packing::Three | Packing::Eight => vec![0; len],
        }
    }

    #[test]
    #[should_panic(expected = "out of range")]
    fn a_row_that_does_not_exist_is_refused() {
        sum_rows(Packing::Four, &[0; 256], &[(2, 1.0)], &mut [0.0; 256]);
    }

    #[test]
    fn vectors_without_direction_are_left_alone() {
        for vector in [vec![0.0; 9], vec![], vec![f32::NAN, 1.0], vec![f32::INFINITY; 8]] {
            let mut scaled = vector.clone();
            assert!(!scale_to_unit(&mut scaled));
            assert_eq!(format!("{scaled:?}"), format!("{vector:?}"));
        }
    }

    proptest! {
        #[test]
        fn any_codes(
            codes in prop::collection::vec(any::<u8>(), 3_000),
            eighths in 1_usize..100,
            weights in prop::collection::vec(-1e3_f32..1e3, 0..40),
        ) {
            for packing in ALL {
                let dim = 8 * eighths;
                let rows = u32::try_from(codes.len() / packing.row_len(dim).unwrap()).unwrap();
                let shares: Vec<Share> = (0..).map(|i: u32| i * 7 % rows).zip(weights.iter().copied()).collect();
                assert_sums(packing, &codes, &shares, dim);
            }
        }

        #[test]
        fn any_vector_gets_length_one(
            values in prop::collection::vec(-1.0_f32..1.0, 1..600),
            size in -120_i32..120,
        ) {
            let mut vector: Vec<f32> = values.iter().map(|x| x * 2.0_f32.powi(size)).collect();
            let mut plainly = vector.clone();
            prop_assume!(vector.iter().any(|x| x.is_normal()));
            prop_assert!(scale_to_unit(&mut vector) && plain::scale_to_unit(&mut plainly));
            prop_assert_eq!(&vector, &plainly);
            let square: f64 = vector.iter().map(|x| f64::from(*x).powi(2)).sum();
            prop_assert!((square - 1.0).abs() < 2e-7, "{}", square);
        }
    }
}
