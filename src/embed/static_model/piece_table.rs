//! A hash table from the pieces that start a word to their rows. Slots hold the bytes of the pieces, so
//! that a lookup waits for memory once.

use super::short_str::{MAX_SHORT, ShortStr};
use crate::vector::kernel::prefetch;

/// Maximum length of a piece in bytes.
pub(super) const MAX_PIECE: usize = 64;
/// Maximum length in bytes of a piece that its slot holds.
const INLINE: usize = 12;
/// Marks a slot whose piece is in `long`. It replaces the last four bytes; UTF-8 has no such bytes.
const OUTLINE: u32 = u32::MAX;
/// A free slot. Its row is `u32::MAX`, which no piece has.
const FREE: TableSlot = TableSlot(u128::MAX);
/// Number of pieces that are inserted together, so that their slots are prefetched.
const PENDING: usize = 32;

/// The position in a word where a piece may occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PiecePlace {
    Start,
    Inside,
}

/// A word with the row of the piece that equals it, if there is one.
pub(super) struct WholeWord {
    pub(super) row: Option<u32>,
    pub(super) hash: u64,
}

/// The rows of pieces by their bytes and place: open addressing with linear probing.
pub(super) struct PieceTable {
    slots: Vec<TableSlot>,
    /// The rows of the pieces of one byte, by the byte; `u32::MAX` if there is none. Most are marks.
    bytes: [u32; 256],
    /// Pieces that are inserted once their prefetched slots arrive from memory.
    pending: Vec<PendingSlot>,
    /// The bytes of all pieces of more than [`INLINE`] bytes.
    long: Vec<u8>,
}

/// A slot of the table. The highest four bytes are the row. The others are the piece if it has at
/// most [`INLINE`] bytes; otherwise its start and length in `long`, then [`OUTLINE`].
#[derive(Clone, Copy, PartialEq, Eq)]
struct TableSlot(u128);

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
    /// Creates a table for at most `len` pieces.
    pub(super) fn with_capacity(len: usize) -> Self {
        // At most half of the slots are used, so that probing always ends at a free one.
        let slots = (2 * len + 1).next_power_of_two();
        Self {
            slots: vec![FREE; slots],
            bytes: [u32::MAX; 256],
            pending: Vec::with_capacity(PENDING),
            long: Vec::new(),
        }
    }

    /// Inserts a piece of 1 to [`MAX_PIECE`] bytes. The table has capacity for it. Lookups find it
    /// after [`flush`](Self::flush).
    pub(super) fn insert(&mut self, piece: &[u8], row: u32) {
        let len = piece.len();
        if let [byte] = piece {
            self.bytes[usize::from(*byte)] = row;
        }
        let hash = hash_of(piece);
        let slot = if len <= INLINE {
            TableSlot::new(ShortStr::of(piece).bytes(), row)
        } else {
            self.long.extend_from_slice(piece);
            TableSlot::outline(self.long.len() - len, len, row)
        };
        self.prefetch_slot(hash);
        self.pending.push(PendingSlot { hash, slot });
        if self.pending.len() == PENDING {
            self.flush();
        }
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
        let hash = short_hash(word);
        self.prefetch_slot(hash);
        hash
    }

    #[inline]
    fn prefetch_slot(&self, hash: u64) {
        let at = self.slot(hash);
        prefetch(&self.slots[at..=at]);
    }

    /// Returns the row of the piece that equals `word`; `hash` comes from
    /// [`prefetch_whole`](Self::prefetch_whole), and is not used if the word is one byte.
    #[inline]
    pub(super) fn whole(&self, word: ShortStr, hash: u64) -> Option<u32> {
        if word.len() == 1 {
            let row = self.bytes[usize::from(word.to_bytes()[0])];
            return Some(row).filter(|row| *row != u32::MAX);
        }
        self.find(word, hash)
    }

    /// Returns the row of the piece that equals `word`, which is not empty, with the hash of `word`.
    pub(super) fn whole_of(&self, word: &[u8]) -> WholeWord {
        let hash = hash_of(word);
        let row = match word.len() {
            ..=MAX_SHORT => self.find(ShortStr::of(word), hash),
            _ => self.find_long(word, hash),
        };
        WholeWord { row, hash }
    }

    #[inline]
    fn find(&self, piece: ShortStr, hash: u64) -> Option<u32> {
        if piece.len() > INLINE {
            return self.find_long(&piece.to_bytes()[..piece.len()], hash);
        }
        self.find_slot(hash, |slot| slot.bytes() == piece.bytes())
    }

    #[expect(clippy::cast_possible_truncation, reason = "each part is 32 bits")]
    fn find_long(&self, piece: &[u8], hash: u64) -> Option<u32> {
        self.find_slot(hash, |slot| {
            let bytes = slot.bytes();
            let start = bytes as u32 as usize;
            let len = (bytes >> 32) as u32 as usize;
            let marker = (bytes >> 64) as u32;
            // A free slot also has the marker, but no piece has its length.
            marker == OUTLINE && len == piece.len() && self.long[start..start + len] == *piece
        })
    }

    #[inline]
    fn find_slot(&self, hash: u64, is_piece: impl Fn(TableSlot) -> bool) -> Option<u32> {
        let mut at = self.slot(hash);
        loop {
            let slot = self.slots[at];
            if is_piece(slot) {
                return Some(slot.row());
            }
            if slot == FREE {
                return None;
            }
            at = self.after(at);
        }
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
}

/// Hashes a string of any length.
fn hash_of(piece: &[u8]) -> u64 {
    if piece.len() <= MAX_SHORT { short_hash(ShortStr::of(piece)) } else { long_hash(piece) }
}

#[inline]
fn short_hash(piece: ShortStr) -> u64 {
    mixed(0x2d35_8dcc_aa6c_78a5, piece)
}

fn long_hash(piece: &[u8]) -> u64 {
    let (first, rest) = piece.split_at(MAX_SHORT);
    let first = short_hash(ShortStr::of(first));
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
