//! Weighted sums of rows packed into 3, 4 or 8 bits per value.
//!
//! Every kernel gives the same bits: it adds each value in the order of the rows, with one
//! multiplication and one addition per row.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;

pub(super) use scalar::part;

/// Packing of the values of a row; `docs/MODEL_FORMAT.md` specifies the layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// Eight values in three bytes, one byte from each third of the row; no code means zero.
    Bits3,
    /// Two values per byte.
    Bits4,
    /// One signed value per byte.
    Bits8,
}

impl Packing {
    /// The packing with `bits` bits per value.
    pub(crate) fn from_bits(bits: u32) -> Option<Self> {
        match bits {
            3 => Some(Self::Bits3),
            4 => Some(Self::Bits4),
            8 => Some(Self::Bits8),
            _ => None,
        }
    }

    /// Bytes of a row of `dim` values; `None` if the row does not fill whole bytes.
    pub(crate) fn row_len(self, dim: usize) -> Option<usize> {
        let (values, bytes) = match self {
            Self::Bits3 => (8, 3),
            Self::Bits4 => (2, 1),
            Self::Bits8 => (1, 1),
        };
        dim.is_multiple_of(values).then(|| dim / values * bytes)
    }

    /// Whether all values of the packed row are zero.
    pub(crate) fn is_zero(self, row: &[u8]) -> bool {
        let all = |bytes: &[u8], zero| bytes.iter().all(|&byte| byte == zero);
        match self {
            Self::Bits3 => false,
            Self::Bits4 => all(row, 0x88),
            Self::Bits8 => all(row, 0),
        }
    }
}

/// A row of a packed matrix and its factor in a sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct WeightedRow {
    pub(crate) row: u32,
    pub(crate) weight: f32,
}

/// Sets `sum` to the weighted sum of `weighted_rows` of `codes`, added in their order.
///
/// # Panics
///
/// If a row is not in `codes`.
pub(crate) fn sum_rows(
    packing: Packing,
    codes: &[u8],
    weighted_rows: &[WeightedRow],
    sum: &mut [f32],
) {
    #[cfg(target_arch = "x86_64")]
    {
        if cpu_has!("avx512f") {
            // SAFETY: the feature was detected on the line above.
            return unsafe { avx512::sum_rows(packing, codes, weighted_rows, sum) };
        }
        if cpu_has!("avx2") {
            // SAFETY: the feature was detected on the line above.
            return unsafe { avx2::sum_rows(packing, codes, weighted_rows, sum) };
        }
    }
    scalar::sum_rows(packing, codes, weighted_rows, sum);
}

/// Starts of chunks of `len` bytes that cover all `bytes`; requires `bytes >= len`.
///
/// The last chunk may overlap the one before: no sum depends on another.
#[inline]
pub(super) fn starts(bytes: usize, len: usize) -> impl Iterator<Item = usize> {
    (0..bytes).step_by(len).map(move |at| at.min(bytes - len))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Packing; 3] = [Packing::Bits3, Packing::Bits4, Packing::Bits8];

    /// Value `i` of a packed row, in steps, as `docs/MODEL_FORMAT.md` specifies it.
    fn value(packing: Packing, row: &[u8], dim: usize, i: usize) -> f32 {
        let bits = |byte: u8, shift: usize, count: u32| byte >> shift & ((1 << count) - 1);
        let code = match packing {
            Packing::Bits3 => {
                let eighth = dim / 8;
                let first = i / eighth * 3;
                let bit = |at: usize| bits(row[at / 8 * eighth + i % eighth], at % 8, 1);
                bit(first) + 2 * bit(first + 1) + 4 * bit(first + 2)
            }
            Packing::Bits4 => bits(row[i % (dim / 2)], 4 * (i / (dim / 2)), 4),
            Packing::Bits8 => return f32::from(row[i].cast_signed()),
        };
        f32::from(code) - if packing == Packing::Bits3 { 3.5 } else { 8.0 }
    }

    fn sum_of(
        packing: Packing,
        codes: &[u8],
        weighted_rows: &[WeightedRow],
        dim: usize,
    ) -> Vec<f32> {
        let len = packing.row_len(dim).unwrap();
        let rows: Vec<(&[u8], f32)> = weighted_rows
            .iter()
            .map(|one| (&codes[one.row as usize * len..][..len], one.weight))
            .collect();
        let add = |i| move |sum, &(row, weight): &_| sum + weight * value(packing, row, dim, i);
        (0..dim).map(|i| rows.iter().fold(0.0, add(i))).collect()
    }

    type SumRows = fn(Packing, &[u8], &[WeightedRow], &mut [f32]);

    /// The implementations that this CPU supports.
    fn implementations() -> Vec<(&'static str, SumRows)> {
        let mut all: Vec<(&str, SumRows)> =
            vec![("chosen", sum_rows), ("scalar", scalar::sum_rows)];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the feature was detected on the line above.
            all.push(("avx2", |p, c, r, s| unsafe { avx2::sum_rows(p, c, r, s) }));
        }
        all
    }

    fn assert_sums(packing: Packing, codes: &[u8], weighted_rows: &[WeightedRow], dim: usize) {
        let want = sum_of(packing, codes, weighted_rows, dim);
        for (name, sum_rows) in implementations() {
            let mut got = vec![7.0; dim];
            sum_rows(packing, codes, weighted_rows, &mut got);
            assert_eq!(got, want, "{name}, {packing:?}, {dim} values");
        }
    }

    #[test]
    fn every_dimension_matches_the_reference() {
        let codes: Vec<u8> = (0..4096_u32).map(|i| (i * i % 251).to_le_bytes()[0]).collect();
        let weighted_rows =
            [(1, 0.3), (0, -2.7), (1, 1e-3)].map(|(row, weight)| WeightedRow { row, weight });
        for packing in ALL {
            for dim in (1..=520).filter(|dim| packing.row_len(*dim).is_some()) {
                assert_sums(packing, &codes, &weighted_rows, dim);
                assert_sums(packing, &codes, &[], dim);
            }
        }
    }

    #[test]
    fn is_zero_recognizes_rows_of_zeros() {
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
            Packing::Bits4 => vec![0x88; len],
            Packing::Bits3 | Packing::Bits8 => vec![0; len],
        }
    }

    #[test]
    #[should_panic(expected = "out of range")]
    fn missing_row_panics() {
        sum_rows(
            Packing::Bits4,
            &[0; 256],
            &[WeightedRow { row: 2, weight: 1.0 }],
            &mut [0.0; 256],
        );
    }

    proptest! {
        #[test]
        fn any_codes_match_the_reference(
            codes in prop::collection::vec(any::<u8>(), 3_000),
            eighths in 1_usize..100,
            weights in prop::collection::vec(-1e3_f32..1e3, 0..40),
        ) {
            for packing in ALL {
                let dim = 8 * eighths;
                let rows = u32::try_from(codes.len() / packing.row_len(dim).unwrap()).unwrap();
                let weighted_rows: Vec<WeightedRow> = (0..).zip(&weights).map(|(i, weight): (u32, _)| WeightedRow { row: i * 7 % rows, weight: *weight }).collect();
                assert_sums(packing, &codes, &weighted_rows, dim);
            }
        }
    }
}
