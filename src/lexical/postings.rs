//! Posting lists: the rows of a term, ascending, with the frequency of the term in each.
//!
//! A list is divided into blocks of 128 postings, packed by the crate `bitpacking`, and a
//! [tail](posting_tail) of fewer. A skip entry before the blocks holds the last row of each block,
//! so that a seek skips blocks without unpacking them.
//!
//! # Source
//!
//! Lemire & Boytsov (2015), *Decoding billions of integers per second through vectorization*.

use bitpacking::{BitPacker, BitPacker4x};

use super::posting_tail::{self, PostingTail};

/// Row number after all others, which ends a list.
pub(super) const END: u32 = u32::MAX;
/// Number of postings in a block.
pub(super) const BLOCK: usize = BitPacker4x::BLOCK_LEN;
/// Maximum number of bits of the distance between two rows; `bitpacking` panics above it.
pub(super) const MAX_ROW_BITS: u8 = 32;
/// Maximum number of bits of a term frequency minus 1, so that no frequency overflows.
pub(super) const MAX_TF_BITS: u8 = 30;
/// Maximum term frequency; more occurrences count as this many.
pub(super) const MAX_TF: u32 = 1 << MAX_TF_BITS;
/// Length of a skip entry in bytes: the last row of a block, the bits of a row and of a frequency.
const SKIP_ENTRY: usize = size_of::<u32>() + 2;

/// A row and the frequency of a term in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Posting {
    pub(super) row: u32,
    pub(super) tf: u32,
}

/// Last row of a block, and the widths of its packed numbers in bits.
#[derive(Clone, Copy)]
struct SkipEntry {
    last_row: u32,
    row_bits: u8,
    tf_bits: u8,
}

impl SkipEntry {
    #[inline]
    fn of([a, b, c, d, row_bits, tf_bits]: [u8; SKIP_ENTRY]) -> Self {
        Self { last_row: u32::from_le_bytes([a, b, c, d]), row_bits, tf_bits }
    }

    /// Length of the packed rows in bytes.
    #[inline]
    fn row_bytes(self) -> usize {
        BitPacker4x::compressed_block_size(self.row_bits)
    }

    /// Length of the packed frequencies in bytes.
    #[inline]
    fn tf_bytes(self) -> usize {
        BitPacker4x::compressed_block_size(self.tf_bits)
    }
}

/// Appends the list of `postings`, whose rows strictly ascend, to `bytes`.
pub(super) fn write_list(postings: &[Posting], bytes: &mut Vec<u8>) {
    let (blocks, tail) = postings.as_chunks::<BLOCK>();
    let skips = bytes.len();
    bytes.resize(skips + blocks.len() * SKIP_ENTRY, 0);
    let packer = BitPacker4x::new();
    let mut previous = None;
    for (number, block) in blocks.iter().enumerate() {
        let rows = block.map(|posting| posting.row);
        let tfs = block.map(|posting| posting.tf - 1);
        let last_row = rows[BLOCK - 1];
        let row_bits = packer.num_bits_strictly_sorted(previous, &rows);
        let tf_bits = packer.num_bits(&tfs);
        let entry = SkipEntry { last_row, row_bits, tf_bits };
        let skip = &mut bytes[skips + number * SKIP_ENTRY..][..SKIP_ENTRY];
        skip[..4].copy_from_slice(&last_row.to_le_bytes());
        skip[4..].copy_from_slice(&[row_bits, tf_bits]);
        let start = bytes.len();
        let middle = start + entry.row_bytes();
        bytes.resize(middle + entry.tf_bytes(), 0);
        packer.compress_strictly_sorted(previous, &rows, &mut bytes[start..middle], row_bits);
        packer.compress(&tfs, &mut bytes[middle..], tf_bits);
        previous = Some(last_row);
    }
    if !tail.is_empty() {
        posting_tail::write(previous.map_or(0, |row| row + 1), tail, bytes);
    }
}

/// Whether `bytes` are a list of `doc_freq` postings, strictly ascending and below `rows`.
pub(super) fn check_list(doc_freq: u32, bytes: &[u8], rows: u32) -> bool {
    let doc_freq = doc_freq as usize;
    let skips = bytes.split_at_checked(doc_freq / BLOCK * SKIP_ENTRY);
    let Some((skips, mut data)) = skips else { return false };
    let mut previous = None;
    for skip in skips.as_chunks().0 {
        let entry = SkipEntry::of(*skip);
        if !check_block(entry, previous, &mut data) {
            return false;
        }
        previous = Some(entry.last_row);
    }
    let next = previous.map_or(0, |row| u64::from(row) + 1);
    let end = match doc_freq % BLOCK {
        0 => data.is_empty().then_some(next),
        len => PostingTail::read(len, data).map(|tail| tail.end(next)),
    };
    doc_freq > 0 && end.is_some_and(|end| end <= u64::from(rows))
}

/// Removes the block of `entry` from `data`; false unless it is valid after the row `previous`.
fn check_block(entry: SkipEntry, previous: Option<u32>, data: &mut &[u8]) -> bool {
    if entry.row_bits > MAX_ROW_BITS || entry.tf_bits > MAX_TF_BITS || entry.last_row == END {
        return false;
    }
    let block = data.split_at_checked(entry.row_bytes() + entry.tf_bytes());
    let Some((block, rest)) = block else { return false };
    *data = rest;
    let mut rows = [0; BLOCK];
    BitPacker4x::new().decompress_strictly_sorted(previous, block, &mut rows, entry.row_bits);
    if rows[BLOCK - 1] != entry.last_row {
        return false;
    }
    // Distances are positive, so rows ascend unless their sum wraps around. Few bits exclude that.
    let first = previous.map_or(0, |row| u64::from(row) + 1);
    let max_row = first + ((BLOCK as u64) << entry.row_bits);
    u32::try_from(max_row).is_ok()
        || (previous.is_none_or(|row| row < rows[0]) && rows.is_sorted_by(|a, b| a < b))
}

/// A cursor over a list that [`check_list`] accepts.
pub(super) struct PostingCursor<'a> {
    /// Skip entries of the blocks that follow.
    skips: &'a [[u8; SKIP_ENTRY]],
    /// The blocks that follow, and the tail.
    data: &'a [u8],
    /// Number of postings in the tail; 0 once it is read.
    tail_len: usize,
    /// Last row before the blocks that follow.
    previous: Option<u32>,
    /// Frequencies of the current block, until the first use.
    packed_tfs: Option<PackedTfs<'a>>,
    /// Rows of the current block; [`END`] follows the last row of the list.
    rows: [u32; BLOCK],
    tfs: [u32; BLOCK],
    /// Position in the current block.
    at: usize,
}

/// Packed frequencies minus 1.
#[derive(Clone, Copy)]
struct PackedTfs<'a> {
    bytes: &'a [u8],
    bits: u8,
}

impl<'a> PostingCursor<'a> {
    /// Returns a cursor at the first posting of the list in `bytes`.
    pub(super) fn new(doc_freq: u32, bytes: &'a [u8]) -> Self {
        let doc_freq = doc_freq as usize;
        let (skips, data) = bytes.split_at(doc_freq / BLOCK * SKIP_ENTRY);
        let mut cursor = Self {
            skips: skips.as_chunks().0,
            data,
            tail_len: doc_freq % BLOCK,
            previous: None,
            packed_tfs: None,
            rows: [END; BLOCK],
            tfs: [0; BLOCK],
            at: 0,
        };
        cursor.next_block();
        cursor
    }

    /// Returns the current row, or [`END`].
    #[inline]
    pub(super) fn row(&self) -> u32 {
        self.rows[self.at]
    }

    /// Returns the frequency of the term in the current row.
    #[inline]
    pub(super) fn tf(&mut self) -> u32 {
        self.unpack_tfs();
        self.tfs[self.at]
    }

    /// Moves to the next row.
    #[inline]
    pub(super) fn advance(&mut self) {
        self.at += 1;
        if self.at == BLOCK {
            self.next_block();
        }
    }

    /// Moves forward to the first row from `row` on.
    #[inline]
    pub(super) fn seek(&mut self, row: u32) {
        if self.row() >= row {
            return;
        }
        if self.rows[BLOCK - 1] < row {
            self.skip_blocks(row);
            self.next_block();
        }
        // A search of the whole block has a constant length, which is faster.
        self.at = self.rows.partition_point(|other| *other < row);
        // Only the tail can end before `row`, and END follows it.
        debug_assert!(self.at < BLOCK);
    }

    /// Passes each posting below `end` to `take`, from the current one on.
    #[inline]
    pub(super) fn read_to(&mut self, end: u32, mut take: impl FnMut(Posting)) {
        while self.row() < end {
            self.unpack_tfs();
            let stop = if self.rows[BLOCK - 1] < end {
                BLOCK
            } else {
                self.rows.partition_point(|row| *row < end)
            };
            let rows = &self.rows[self.at..stop];
            for (&row, &tf) in rows.iter().zip(&self.tfs[self.at..stop]) {
                take(Posting { row, tf });
            }
            self.at = stop;
            if stop == BLOCK {
                self.next_block();
            }
        }
    }

    /// Returns how many of `rows`, which ascend, are in the rest of the list.
    pub(super) fn count_among(&mut self, mut rows: &[u32]) -> u32 {
        let mut found = 0;
        while let [first, ..] = rows {
            self.seek(*first);
            match self.row() {
                END => break,
                row if row == *first => {
                    found += 1;
                    rows = &rows[1..];
                }
                row => rows = &rows[rows.partition_point(|other| *other < row)..],
            }
        }
        found
    }

    /// Skips the blocks that end before `row`.
    fn skip_blocks(&mut self, row: u32) {
        while let Some((skip, skips)) = self.skips.split_first() {
            let entry = SkipEntry::of(*skip);
            if entry.last_row >= row {
                return;
            }
            self.skips = skips;
            self.data = &self.data[entry.row_bytes() + entry.tf_bytes()..];
            self.previous = Some(entry.last_row);
        }
    }

    /// Reads the rows of the next block or of the tail; after the tail, every row is [`END`].
    fn next_block(&mut self) {
        self.at = 0;
        self.packed_tfs = None;
        let Some((skip, skips)) = self.skips.split_first() else { return self.read_tail() };
        let entry = SkipEntry::of(*skip);
        let (rows, data) = self.data.split_at(entry.row_bytes());
        let (bytes, data) = data.split_at(entry.tf_bytes());
        BitPacker4x::new().decompress_strictly_sorted(
            self.previous,
            rows,
            &mut self.rows,
            entry.row_bits,
        );
        self.packed_tfs = Some(PackedTfs { bytes, bits: entry.tf_bits });
        self.previous = Some(entry.last_row);
        self.skips = skips;
        self.data = data;
    }

    fn read_tail(&mut self) {
        let len = std::mem::take(&mut self.tail_len);
        if len > 0 {
            let tail = PostingTail::read(len, self.data);
            let tail = tail.expect("lists were checked when the index was opened");
            let next = self.previous.map_or(0, |row| row + 1);
            tail.unpack(next, &mut self.rows[..len], &mut self.tfs[..len]);
        }
        self.rows[len..].fill(END);
    }

    /// Unpacks the frequencies of the current block on first use.
    #[inline]
    fn unpack_tfs(&mut self) {
        if let Some(PackedTfs { bytes, bits }) = self.packed_tfs.take() {
            BitPacker4x::new().decompress(bytes, &mut self.tfs, bits);
            for tf in &mut self.tfs {
                *tf += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROWS: u32 = 1 << 20;

    /// Lists of up to four blocks: dense, sparse, and with rare high frequencies.
    fn list() -> impl Strategy<Value = Vec<Posting>> {
        let gap = prop_oneof![5 => 1_u32..3, 2 => 1_u32..200, 1 => 1_u32..2_000];
        let tf = prop_oneof![8 => Just(1_u32), 3 => 1_u32..9, 1 => 1..=MAX_TF];
        prop::collection::vec((gap, tf), 1..500).prop_map(|steps| {
            let mut next = 0;
            let posting = |(gap, tf)| {
                next += gap;
                Posting { row: next - 1, tf }
            };
            steps.into_iter().map(posting).collect()
        })
    }

    fn written(postings: &[Posting]) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_list(postings, &mut bytes);
        bytes
    }

    fn len(postings: &[Posting]) -> u32 {
        u32::try_from(postings.len()).unwrap()
    }

    fn all(cursor: &mut PostingCursor) -> Vec<Posting> {
        let mut all = Vec::new();
        cursor.read_to(END, |posting| all.push(posting));
        all
    }

    #[test]
    fn the_highest_rows_and_frequencies_fit() {
        for count in [1, 127, 128, 129, 256] {
            let first = END - count;
            let postings: Vec<Posting> =
                (first..END).map(|row| Posting { row, tf: MAX_TF }).collect();
            let bytes = written(&postings);
            assert!(check_list(count, &bytes, END), "{count}");
            assert!(!check_list(count, &bytes, END - 1));
            assert_eq!(all(&mut PostingCursor::new(count, &bytes)), postings);
        }
        let far: Vec<Posting> = (0..128)
            .map(|at| Posting { row: if at < 127 { at } else { END - 1 }, tf: 1 })
            .collect();
        let bytes = written(&far);
        assert!(bytes[4] == 32 && check_list(128, &bytes, END));
        assert_eq!(all(&mut PostingCursor::new(128, &bytes)), far);
    }

    #[test]
    fn widths_over_the_maximum_are_refused() {
        let postings: Vec<Posting> = (0..128).map(|row| Posting { row, tf: 2 }).collect();
        let bytes = written(&postings);
        assert!(check_list(128, &bytes, 128));
        for (at, widths) in [(4, 33..=255), (5, 31..=255)] {
            for width in widths {
                let mut bytes = bytes.clone();
                bytes[at] = width;
                bytes.resize(1 << 14, 0);
                assert!(!check_list(128, &bytes, 128), "{width} at {at}");
            }
        }
    }

    #[test]
    fn rows_that_wrap_around_are_refused() {
        // Two distances of 2^32 - 1, whose sum passes over all rows.
        let mut bytes = vec![0; SKIP_ENTRY];
        bytes[4] = 32;
        bytes.extend([0xff; 128 * 4]);
        assert!((0..END).step_by(1 << 24).all(|last_row| {
            bytes[..4].copy_from_slice(&last_row.to_le_bytes());
            !check_list(128, &bytes, END)
        }));
    }

    proptest! {
        #[test]
        fn lists_survive_a_round_trip(postings in list(), ends in prop::collection::vec(0..ROWS, 0..9)) {
            let bytes = written(&postings);
            prop_assert!(check_list(len(&postings), &bytes, ROWS));
            prop_assert_eq!(all(&mut PostingCursor::new(len(&postings), &bytes)), postings.clone());
            let mut cursor = PostingCursor::new(len(&postings), &bytes);
            let mut read = Vec::new();
            for end in ends {
                cursor.read_to(end, |posting| read.push(posting));
                let below = postings.iter().filter(|posting| posting.row < end).count();
                prop_assert!(read.len() >= below);
            }
            read.extend(all(&mut cursor));
            prop_assert_eq!(read, postings);
        }

        #[test]
        fn seeking_equals_reading(
            postings in list(), mut rows in prop::collection::vec(0_u32..9_000, 0..40),
        ) {
            let bytes = written(&postings);
            let mut cursor = PostingCursor::new(len(&postings), &bytes);
            rows.sort_unstable();
            for row in rows {
                cursor.seek(row);
                let found = postings.iter().find(|posting| posting.row >= row);
                prop_assert_eq!(cursor.row(), found.map_or(END, |posting| posting.row));
                if let Some(posting) = found {
                    prop_assert_eq!(cursor.tf(), posting.tf);
                    if row % 3 == 0 {
                        cursor.advance();
                        let next = postings.iter().find(|next| next.row > posting.row);
                        prop_assert_eq!(cursor.row(), next.map_or(END, |next| next.row));
                        cursor = PostingCursor::new(len(&postings), &bytes);
                    }
                }
            }
        }

        #[test]
        fn count_among_counts_the_common_rows(
            postings in list(), rows in prop::collection::btree_set(0_u32..2_000, 0..300),
        ) {
            let bytes = written(&postings);
            let among: Vec<u32> = rows.iter().copied().collect();
            let count = PostingCursor::new(len(&postings), &bytes).count_among(&among);
            let wanted = postings.iter().filter(|posting| rows.contains(&posting.row)).count();
            prop_assert_eq!(count as usize, wanted);
        }

        #[test]
        fn accepted_bytes_are_a_list(
            postings in list(), doc_freq in prop::option::of(1_u32..600), cut in 0_usize..9,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let mut bytes = written(&postings);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(bytes.len().saturating_sub(cut));
            let doc_freq = doc_freq.unwrap_or(len(&postings));
            if check_list(doc_freq, &bytes, ROWS) {
                let postings = all(&mut PostingCursor::new(doc_freq, &bytes));
                prop_assert_eq!(len(&postings), doc_freq);
                prop_assert!(postings.is_sorted_by(|a, b| a.row < b.row));
                prop_assert!(postings.iter().all(|one| one.row < ROWS && (1..=MAX_TF).contains(&one.tf)));
            }
        }

        #[test]
        fn accepted_bytes_have_the_stated_length(
            bytes in prop::collection::vec(any::<u8>(), 0..2_000), doc_freq in 0_u32..400,
        ) {
            if check_list(doc_freq, &bytes, ROWS) {
                prop_assert_eq!(len(&all(&mut PostingCursor::new(doc_freq, &bytes))), doc_freq);
            }
        }
    }
}
