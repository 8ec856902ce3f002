//! Tail of a posting list: fewer than 128 postings, packed bit by bit.

use super::postings::{BLOCK, MAX_ROW_BITS, MAX_TF_BITS, Posting};

/// Flag in the first byte of a tail: frequencies follow. Without it, all of them are 1.
const HAS_TFS: u8 = 0x40;

/// Appends `postings`, fewer than [`BLOCK`], to `bytes`; their rows are at least `next`.
pub(super) fn write(mut next: u32, postings: &[Posting], bytes: &mut Vec<u8>) {
    let mut gaps = [0; BLOCK];
    let mut tfs = [0; BLOCK];
    for (at, posting) in postings.iter().enumerate() {
        gaps[at] = posting.row - next;
        tfs[at] = posting.tf - 1;
        next = posting.row + 1;
    }
    let row_bits = width(&gaps);
    let tf_bits = width(&tfs);
    if tf_bits == 0 {
        bytes.push(row_bits);
    } else {
        bytes.extend([row_bits | HAS_TFS, tf_bits]);
    }
    pack(&gaps[..postings.len()], row_bits, bytes);
    pack(&tfs[..postings.len()], tf_bits, bytes);
}

/// Number of bits of the highest of `numbers`.
fn width(numbers: &[u32; BLOCK]) -> u8 {
    let all_bits = numbers.iter().fold(0, |bits, number| bits | number);
    u8::try_from(u32::BITS - all_bits.leading_zeros()).expect("at most 32 bits")
}

/// Length in bytes of `count` numbers of `bits` bits.
fn packed_len(count: usize, bits: u8) -> usize {
    (count * usize::from(bits)).div_ceil(8)
}

/// Appends `numbers` to `bytes`, each in `bits` bits, without gaps, from the lowest bit on.
fn pack(numbers: &[u32], bits: u8, bytes: &mut Vec<u8>) {
    let mut word = 0;
    let mut filled = 0;
    for number in numbers {
        word |= u64::from(*number) << filled;
        filled += u32::from(bits);
        while filled >= 8 {
            bytes.push(word.to_le_bytes()[0]);
            word >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        bytes.push(word.to_le_bytes()[0]);
    }
}

/// Fills `numbers` from `bytes`, as [`pack`] wrote them.
#[inline]
fn unpack(bytes: &[u8], bits: u8, numbers: &mut [u32]) {
    let bits = usize::from(bits);
    let mask = (1_u64 << bits) - 1;
    let mut short = [0; 8];
    // Each read takes eight bytes; near the end, it takes the last eight.
    let bytes = if bytes.len() < short.len() {
        short[..bytes.len()].copy_from_slice(bytes);
        &short
    } else {
        bytes
    };
    let last = bytes.len() - short.len();
    for (at, number) in numbers.iter_mut().enumerate() {
        let start = (at * bits / 8).min(last);
        let word = bytes[start..].first_chunk().copied().map(u64::from_le_bytes);
        let word = word.expect("`last` is eight bytes before the end");
        let masked = word >> (at * bits - start * 8) & mask;
        *number = u32::try_from(masked).expect("numbers have at most 32 bits");
    }
}

/// Packed postings after the last block, at least one.
pub(super) struct PostingTail<'a> {
    len: usize,
    row_bits: u8,
    rows: &'a [u8],
    tf_bits: u8,
    tfs: &'a [u8],
}

impl<'a> PostingTail<'a> {
    /// Reads a tail of `len` postings; `None` unless `bytes` are exactly that.
    #[inline]
    pub(super) fn read(len: usize, bytes: &'a [u8]) -> Option<Self> {
        let (&first, mut rest) = bytes.split_first()?;
        let mut tf_bits = 0;
        if first & HAS_TFS != 0 {
            let (bits, after) = rest.split_first()?;
            tf_bits = *bits;
            rest = after;
        }
        let row_bits = first & !HAS_TFS;
        if row_bits > MAX_ROW_BITS || tf_bits > MAX_TF_BITS {
            return None;
        }
        let (rows, tfs) = rest.split_at_checked(packed_len(len, row_bits))?;
        let tail = Self { len, row_bits, rows, tf_bits, tfs };
        (tfs.len() == packed_len(len, tf_bits)).then_some(tail)
    }

    /// Returns the row after the last one; the first row is at least `next`.
    pub(super) fn end(&self, next: u64) -> u64 {
        let mut gaps = [0; BLOCK];
        let gaps = &mut gaps[..self.len];
        unpack(self.rows, self.row_bits, gaps);
        next + gaps.iter().map(|gap| u64::from(*gap) + 1).sum::<u64>()
    }

    /// Fills `rows` and `tfs`; the first row is at least `next`.
    pub(super) fn unpack(&self, mut next: u32, rows: &mut [u32], tfs: &mut [u32]) {
        unpack(self.rows, self.row_bits, rows);
        for row in rows {
            *row += next;
            next = *row + 1;
        }
        unpack(self.tfs, self.tf_bits, tfs);
        for tf in tfs {
            *tf += 1;
        }
    }
}
