//! A hash table from pieces to rows. Slots hold the bytes of the pieces, so that a lookup waits for
//! memory once.

use super::short_str::{MAX_SHORT, ShortStr};
use crate::vector::kernel::prefetch;

/// Maximum length of a piece in bytes. It bounds the lookups per byte of a word.
pub(super) const MAX_PIECE: usize = 64;
/// Maximum length in bytes of a piece that its slot holds.
const INLINE: usize = 12;
/// Marks a slot whose piece is in `long`. It replaces the last four bytes; UTF-8 has no such bytes.
const OUTLINE: u32 = u32::MAX;
/// A free slot. Its row is `u32::MAX`, which no piece has.
const FREE: TableSlot = TableSlot(u128::MAX);
/// Number of pieces that are inserted together, so that their slots are prefetched.
const PENDING: usize = 32;
/// Slots per word of the filter: eight bits per slot.
const SLOTS_PER_WORD: usize = 8;
/// Slots per entry of `lengths`.
const SLOTS_PER_ENTRY: usize = 4;
/// Number of leading bytes whose hash chooses an entry of `lengths`.
const HEAD_BYTES: usize = 4;
/// The bits of all lengths below [`HEAD_BYTES`], which `lengths` does not distinguish.
const SHORTER: u16 = (1 << (HEAD_BYTES - 1)) - 1;

/// The position in a word where a piece may occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PiecePlace {
    Start,
    Inside,
}

/// A piece that a string starts with.
#[derive(Clone, Copy)]
pub(super) struct PrefixPiece {
    pub(super) row: u32,
    /// Length in bytes.
    pub(super) len: usize,
}

/// A word with the row of the piece that equals it, if there is one.
pub(super) struct WholeWord {
    pub(super) row: Option<u32>,
    pub(super) hash: u64,
}

/// The rows of pieces by their bytes and place: open addressing with linear probing.
pub(super) struct PieceTable {
    slots: Vec<TableSlot>,
    /// A Bloom filter with one bit per piece, and one for the first 16 bytes of a longer piece; at most
    /// one bit in 8 is set. It rejects most strings that are not a piece without access to a slot.
    filter: Vec<u64>,
    /// Lengths of pieces, by the hash of a place and of the first four bytes: bit `len - 1` is set if
    /// a piece of `len <= 16` bytes has this hash.
    lengths: Vec<u16>,
    /// Pieces that are inserted once their prefetched slots arrive from memory.
    pending: Vec<PendingSlot>,
    /// The bytes of all pieces of more than [`INLINE`] bytes.
    long: Vec<u8>,
    /// Bytes of the longest piece.
    longest: usize,
    /// Number of pieces that start a word.
    starts: u32,
}

/// A slot of the table. The highest four bytes are the row. The others are the piece if it has at
/// most [`INLINE`] bytes; otherwise its start and length in `long`, then [`OUTLINE`].
#[derive(Clone, Copy, PartialEq, Eq)]
struct TableSlot(u128);

/// A bit of the filter.
struct FilterBit {
    /// Index of its word.
    word: usize,
    mask: u64,
}

/// A slot that is to be inserted at the place of `hash`.
struct PendingSlot {
    hash: u64,
    slot: TableSlot,
}

impl TableSlot {
    fn new(bytes: u128, row: u32) -> Self {
        Self(bytes | u128::from(row) << (8 * INLINE))
    }

    /// Makes the slot of a piece of `len` bytes at `start` in `long`.
    fn outline(start: usize, len: usize, row: u32) -> Self {
        let location = start as u128 | (len as u128) << 32 | u128::from(OUTLINE) << 64;
        Self::new(location, row)
    }

    fn row(self) -> u32 {
        (self.0 >> (8 * INLINE)) as u32
    }

    fn bytes(self) -> u128 {
        self.0 & ((1 << (8 * INLINE)) - 1)
    }
}

impl PieceTable {
    /// Creates a table for at most `len` pieces. Rows below `starts` start a word.
    pub(super) fn with_capacity(len: usize, starts: u32) -> Self {
        // At most half of the slots are used, so that probing always ends at a free one.
        let slots = (2 * len + 1).next_power_of_two().max(SLOTS_PER_WORD);
        Self {
            slots: vec![FREE; slots],
            filter: vec![0; slots / SLOTS_PER_WORD],
            lengths: vec![0; slots / SLOTS_PER_ENTRY],
            pending: Vec::with_capacity(PENDING),
            long: Vec::new(),
            longest: 0,
            starts,
        }
    }

    /// Inserts a piece of 1 to [`MAX_PIECE`] bytes. The table has capacity for it. Lookups find it
    /// after [`flush`](Self::flush).
    pub(super) fn insert(&mut self, piece: &[u8], row: u32) {
        let place = self.place(row);
        let len = piece.len();
        let short = ShortStr::of(piece);
        let hash = hash_of(piece, place);
        let slot = if len <= INLINE {
            TableSlot::new(short.bytes(), row)
        } else {
            self.long.extend_from_slice(piece);
            TableSlot::outline(self.long.len() - len, len, row)
        };
        self.admit(hash);
        if len <= MAX_SHORT {
            let entry = self.entry(short, place);
            self.lengths[entry] |= 1 << (len - 1);
        } else {
            self.admit(short_hash(ShortStr::of(&piece[..MAX_SHORT]), place));
        }
        self.longest = len.max(self.longest);
        self.prefetch_slot(hash);
        self.pending.push(PendingSlot { hash, slot });
        if self.pending.len() == PENDING {
            self.flush();
        }
    }

    /// Sets the bit of `hash` in the filter.
    fn admit(&mut self, hash: u64) {
        let FilterBit { word, mask } = self.bit(hash);
        self.filter[word] |= mask;
    }

    /// Writes the pending pieces to their slots.
    pub(super) fn flush(&mut self) {
        while let Some(PendingSlot { hash, slot }) = self.pending.pop() {
            let mut at = self.slot(hash);
            while self.slots[at] != FREE {
                at = self.after(at);
            }
            self.slots[at] = slot;
        }
    }

    /// Prefetches the slot that [`whole`](Self::whole) reads for `word`; returns the hash of `word`.
    #[inline]
    pub(super) fn prefetch_whole(&self, word: ShortStr) -> u64 {
        let hash = short_hash(word, PiecePlace::Start);
        self.prefetch_slot(hash);
        hash
    }

    #[inline]
    fn prefetch_slot(&self, hash: u64) {
        let at = self.slot(hash);
        prefetch(&self.slots[at..=at]);
    }

    /// Returns the row of the piece that equals `word`; `hash` comes from
    /// [`prefetch_whole`](Self::prefetch_whole).
    #[inline]
    pub(super) fn whole(&self, word: ShortStr, hash: u64) -> Option<u32> {
        self.find(word, hash, PiecePlace::Start)
    }

    /// Returns the row of the piece that equals `word`, which is not empty, with the hash of `word`.
    pub(super) fn whole_of(&self, word: &[u8]) -> WholeWord {
        let hash = hash_of(word, PiecePlace::Start);
        let row = match word.len() {
            ..=MAX_SHORT => self.find(ShortStr::of(word), hash, PiecePlace::Start),
            _ => self.find_long(word, hash, PiecePlace::Start),
        };
        WholeWord { row, hash }
    }

    /// Returns the pieces that `rest`, which is not empty, starts with, longest first.
    #[inline]
    fn short_prefixes(
        &self,
        rest: ShortStr,
        place: PiecePlace,
    ) -> impl Iterator<Item = PrefixPiece> {
        let mut lengths = self.lengths[self.entry(rest, place)] | SHORTER;
        lengths &= u16::MAX >> (MAX_SHORT - rest.len());
        let next_length = move || {
            let len = (u16::BITS - lengths.leading_zeros()) as usize;
            lengths &= !(1_u16 << len.checked_sub(1)?);
            Some(len)
        };
        std::iter::from_fn(next_length).filter_map(move |len| {
            let piece = rest.first(len);
            let hash = short_hash(piece, place);
            let row = self.may_have(hash).then(|| self.find(piece, hash, place)).flatten()?;
            Some(PrefixPiece { row, len })
        })
    }

    /// Returns the pieces that `rest`, which is not empty, starts with, longest first.
    pub(super) fn prefixes_of(
        &self,
        rest: &[u8],
        place: PiecePlace,
    ) -> impl Iterator<Item = PrefixPiece> {
        let longest =
            if self.may_start_long(rest, place) { self.longest.min(rest.len()) } else { 0 };
        let long = (MAX_SHORT + 1..=longest).rev().filter_map(move |len| {
            let hash = long_hash(&rest[..len], place);
            let row = self.may_have(hash).then(|| self.find_long(&rest[..len], hash, place));
            Some(PrefixPiece { row: row.flatten()?, len })
        });
        long.chain(self.short_prefixes(ShortStr::of(rest), place))
    }

    /// Returns whether the filter admits a piece of more than [`MAX_SHORT`] bytes at the start of
    /// `rest`.
    #[inline]
    fn may_start_long(&self, rest: &[u8], place: PiecePlace) -> bool {
        let head = rest.get(..MAX_SHORT);
        head.is_some_and(|head| self.may_have(short_hash(ShortStr::of(head), place)))
    }

    #[inline]
    fn find(&self, piece: ShortStr, hash: u64, place: PiecePlace) -> Option<u32> {
        if piece.len() > INLINE {
            return self.find_long(&piece.to_bytes()[..piece.len()], hash, place);
        }
        self.find_slot(hash, place, |slot| slot.bytes() == piece.bytes())
    }

    #[expect(clippy::cast_possible_truncation, reason = "each part is 32 bits")]
    fn find_long(&self, piece: &[u8], hash: u64, place: PiecePlace) -> Option<u32> {
        self.find_slot(hash, place, |slot| {
            let bytes = slot.bytes();
            let start = bytes as u32 as usize;
            let len = (bytes >> 32) as u32 as usize;
            let marker = (bytes >> 64) as u32;
            // A free slot also has the marker, but no piece has its length.
            marker == OUTLINE && len == piece.len() && self.long[start..start + len] == *piece
        })
    }

    #[inline]
    fn find_slot(
        &self,
        hash: u64,
        place: PiecePlace,
        is_piece: impl Fn(TableSlot) -> bool,
    ) -> Option<u32> {
        let mut at = self.slot(hash);
        loop {
            let slot = self.slots[at];
            if is_piece(slot) && self.place(slot.row()) == place {
                return Some(slot.row());
            }
            if slot == FREE {
                return None;
            }
            at = self.after(at);
        }
    }

    #[inline]
    fn place(&self, row: u32) -> PiecePlace {
        if row < self.starts { PiecePlace::Start } else { PiecePlace::Inside }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the mask keeps the low bits")]
    fn slot(&self, hash: u64) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    #[inline]
    fn after(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }

    /// Returns the position in `lengths` of the pieces that share the first bytes of `word`.
    #[inline]
    fn entry(&self, word: ShortStr, place: PiecePlace) -> usize {
        let head = word.first(HEAD_BYTES.min(word.len()));
        (short_hash(head, place) >> 32) as usize & (self.lengths.len() - 1)
    }

    /// Returns whether the filter admits a piece with this hash.
    #[inline]
    fn may_have(&self, hash: u64) -> bool {
        let FilterBit { word, mask } = self.bit(hash);
        self.filter[word] & mask != 0
    }

    /// Returns the place of `hash` in the filter.
    #[inline]
    fn bit(&self, hash: u64) -> FilterBit {
        let word = (hash >> 24) as usize & (self.filter.len() - 1);
        FilterBit { word, mask: 1 << (hash >> 58) }
    }
}

/// Hashes a string of any length.
fn hash_of(piece: &[u8], place: PiecePlace) -> u64 {
    if piece.len() <= MAX_SHORT {
        short_hash(ShortStr::of(piece), place)
    } else {
        long_hash(piece, place)
    }
}

#[inline]
fn short_hash(piece: ShortStr, place: PiecePlace) -> u64 {
    let seed = match place {
        PiecePlace::Start => 0x2d35_8dcc_aa6c_78a5,
        PiecePlace::Inside => 0x8bb8_4b93_962e_acc9,
    };
    mixed(seed, piece)
}

fn long_hash(piece: &[u8], place: PiecePlace) -> u64 {
    let (first, rest) = piece.split_at(MAX_SHORT);
    let first = short_hash(ShortStr::of(first), place);
    rest.chunks(MAX_SHORT).fold(first, |hash, chunk| mixed(hash, ShortStr::of(chunk)))
}

/// Mixes `piece` into `hash`: multiplies the halves of `piece` and folds the 128-bit product.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "each half is 64 bits")]
fn mixed(hash: u64, piece: ShortStr) -> u64 {
    let bytes = piece.bytes();
    let low = bytes as u64 ^ hash;
    let high = (bytes >> 64) as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let product = u128::from(low) * u128::from(high);
    product as u64 ^ (product >> 64) as u64
}
