//! Posting lists: the rows of a term in ascending order, with how often the term is in each.
//!
//! Lists are cut into blocks of 128, packed by the crate `bitpacking`; the tail of fewer than 128
//! postings that remain is packed here. The last row of each block stands before the blocks, so
//! that a seek passes over blocks without unpacking them.
//!
//! # Source
//!
//! Lemire & Boytsov (2015), *Decoding billions of integers per second through vectorization*.

use bitpacking::{BitPacker, BitPacker4x};

/// The row after all others.
pub(super) const END: u32 = u32::MAX;
/// Postings in a block.
pub(super) const BLOCK: usize = BitPacker4x::BLOCK_LEN;
/// Most bits of a row's distance to the row before: `bitpacking` panics over it.
const MAX_ROW_BITS: u8 = 32;
/// Most bits of a term frequency less 1, so that no frequency overflows.
const MAX_TF_BITS: u8 = 30;
/// Highest term frequency; more occurrences count as so many.
pub(super) const MAX_TF: u32 = 1 << MAX_TF_BITS;
/// Bytes of a skip entry: the last row of a block, bits of its rows, bits of its frequencies.
const SKIP_ENTRY: usize = size_of::<u32>() + 2;
/// In the first byte of a tail: frequencies follow, and are not all 1.
const HAS_TFS: u8 = 0x40;

/// A row, and how often a term is in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Posting {
    pub(super) row: u32,
    pub(super) tf: u32,
}

/// A block's last row, and the widths of its packed numbers.
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

    /// Bytes of the packed rows.
    #[inline]
    fn row_bytes(self) -> usize {
        BitPacker4x::compressed_block_size(self.row_bits)
    }

    /// Bytes of the packed frequencies.
    #[inline]
    fn tf_bytes(self) -> usize {
        BitPacker4x::compressed_block_size(self.tf_bits)
    }
}

/// Appends the list of `postings`, which are strictly ascending in their rows, to `bytes`.
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
        write_tail(previous.map_or(0, |row| row + 1), tail, bytes);
    }
}

/// Appends the `postings` of a tail, whose rows are not below `next`, to `bytes`.
fn write_tail(mut next: u32, postings: &[Posting], bytes: &mut Vec<u8>) {
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

/// Bits of the highest of `numbers`.
fn width(numbers: &[u32; BLOCK]) -> u8 {
    BitPacker4x::new().num_bits(numbers)
}

/// Bytes of `count` numbers of so many `bits`.
fn packed_len(count: usize, bits: u8) -> usize {
    (count * usize::from(bits)).div_ceil(8)
}

/// Appends `numbers` to `bytes`, each in `bits`, one behind the other from the lowest bit on.
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

/// Fills `numbers` with what [`pack`] made `bytes` of.
#[inline]
fn unpack(bytes: &[u8], bits: u8, numbers: &mut [u32]) {
    let bits = usize::from(bits);
    let mask = (1_u64 << bits) - 1;
    let mut short = [0; 8];
    // Eight bytes are read at once: the last ones where fewer follow.
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
        let word = word.expect("eight bytes from the last start on");
        let number_and_more = word >> (at * bits - start * 8);
        *number = u32::try_from(number_and_more & mask).expect("numbers have 32 bits at most");
    }
}

/// The postings after the last block, of which there is one at least.
struct Tail<'a> {
    len: usize,
    row_bits: u8,
    rows: &'a [u8],
    tf_bits: u8,
    tfs: &'a [u8],
}

impl<'a> Tail<'a> {
    /// The tail of `len` postings in `bytes`; `None` if they are not exactly that.
    #[inline]
    fn read(len: usize, bytes: &'a [u8]) -> Option<Self> {
        let (&first, mut rest) = bytes.split_first()?;
        let mut tf_bits = 0;
        if first & HAS_TFS != 0 {
            (tf_bits, rest) = rest.split_first().map(|(bits, rest)| (*bits, rest))?;
        }
        let row_bits = first & !HAS_TFS;
        if row_bits > MAX_ROW_BITS || tf_bits > MAX_TF_BITS {
            return None;
        }
        let (rows, tfs) = rest.split_at_checked(packed_len(len, row_bits))?;
        let tail = Self { len, row_bits, rows, tf_bits, tfs };
        (tfs.len() == packed_len(len, tf_bits)).then_some(tail)
    }

    /// The row after the last one, where the first is not below `next`.
    fn end(&self, next: u64) -> u64 {
        let mut gaps = [0; BLOCK];
        let gaps = &mut gaps[..self.len];
        unpack(self.rows, self.row_bits, gaps);
        next + gaps.iter().map(|gap| u64::from(*gap) + 1).sum::<u64>()
    }

    /// Fills `rows`, of which the first is not below `next`, and `tfs`.
    fn unpack(&self, mut next: u32, rows: &mut [u32], tfs: &mut [u32]) {
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
        len => Tail::read(len, data).map(|tail| tail.end(next)),
    };
    doc_freq > 0 && end.is_some_and(|end| end <= u64::from(rows))
}

/// Takes the block of `entry` off `data`, whose rows follow `previous`; false if it is not one.
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
    // Distances are positive, so rows ascend unless their sum wraps around. With few bits it
    // cannot.
    let first = previous.map_or(0, |row| u64::from(row) + 1);
    let most = first + ((BLOCK as u64) << entry.row_bits);
    u32::try_from(most).is_ok()
        || (previous.is_none_or(|row| row < rows[0]) && rows.is_sorted_by(|a, b| a < b))
}

/// A position in a list that [`check_list`] accepts.
pub(super) struct PostingCursor<'a> {
    /// Of the blocks that follow.
    skips: &'a [[u8; SKIP_ENTRY]],
    /// The blocks that follow, and the tail.
    data: &'a [u8],
    /// Postings in the tail; 0 once it is read.
    tail_len: usize,
    /// The row before the blocks that follow.
    previous: Option<u32>,
    /// The frequencies of the current block, until one is asked for.
    packed_tfs: Option<PackedTfs<'a>>,
    /// The current block; [`END`] follows the last row of the list.
    rows: [u32; BLOCK],
    tfs: [u32; BLOCK],
    /// In the current block.
    at: usize,
}

/// Packed frequencies less 1.
#[derive(Clone, Copy)]
struct PackedTfs<'a> {
    bytes: &'a [u8],
    bits: u8,
}

impl<'a> PostingCursor<'a> {
    /// A cursor at the first posting of the list in `bytes`.
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

    /// The current row, or [`END`].
    #[inline]
    pub(super) fn row(&self) -> u32 {
        self.rows[self.at]
    }

    /// How often the term is in the current row.
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

    /// Moves to the first row that is not below `row`; never back.
    #[inline]
    pub(super) fn seek(&mut self, row: u32) {
        if self.row() >= row {
            return;
        }
        if self.rows[BLOCK - 1] < row {
            self.skip_blocks(row);
            self.next_block();
        }
        // A search of all of them has a constant length, which makes it faster.
        self.at = self.rows.partition_point(|other| *other < row);
        // Only the tail may end before `row`, and END follows it.
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

    /// Number of `rows`, which are in ascending order, that are in the rest of the list.
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

    /// Passes over the blocks that end before `row`.
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

    /// Reads the rows of the next block, or the tail; at the end the block is [`END`] alone.
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
            let tail = Tail::read(len, self.data);
            let tail = tail.expect("lists were checked when the index was opened");
            let next = self.previous.map_or(0, |row| row + 1);
            tail.unpack(next, &mut self.rows[..len], &mut self.tfs[..len]);
        }
        self.rows[len..].fill(END);
    }

    /// Unpacks the frequencies of the current block, if that has not happened.
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

    /// Lists of up to some blocks, dense, sparse and with rare high frequencies.
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
    fn widths_that_the_packer_does_not_know_are_refused() {
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
        fn lists_come_back(postings in list(), ends in prop::collection::vec(0..ROWS, 0..9)) {
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
        fn seeking_finds_what_reading_finds(
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
        fn rows_are_counted(
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
        fn any_bytes_are_checked(
            bytes in prop::collection::vec(any::<u8>(), 0..2_000), doc_freq in 0_u32..400,
        ) {
            if check_list(doc_freq, &bytes, ROWS) {
                prop_assert_eq!(len(&all(&mut PostingCursor::new(doc_freq, &bytes))), doc_freq);
            }
        }
    }
}
