//! A hash table that finds the row of a piece: its bytes are in the slot itself, so that a search
//! waits for memory once.

use super::short_str::{SHORT, ShortStr};
use crate::vector::kernel::prefetch;

/// A piece has at most this many bytes, so that no word is searched through more than once
/// for each of them.
pub(super) const MAX_PIECE: usize = 64;
/// Bytes of a piece that fit into its slot.
const FITTING: usize = 12;
/// In place of the last four bytes of a piece that does not fit; no UTF-8 has such bytes.
const ELSEWHERE: u32 = u32::MAX;
/// The row of a free slot is the highest number.
const FREE: TableSlot = TableSlot(u128::MAX);
/// Pieces that wait together to be entered.
const WAITING: usize = 32;
/// Slots for each word of the filter: eight bits a slot.
const SLOTS_A_WORD: usize = 8;
/// Slots for each entry in `lengths`.
const SLOTS_AN_ENTRY: usize = 4;
/// Bytes that choose an entry of `lengths`.
const COMMON: usize = 4;
/// All lengths below [`COMMON`].
const BELOW: u16 = (1 << (COMMON - 1)) - 1;

/// Where in a word a piece may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PiecePlace {
    Start,
    Inside,
}

/// The rows of pieces, by their bytes and place: open addressing, equal hashes one after the other.
pub(super) struct Table {
    slots: Vec<TableSlot>,
    /// The bit of each hash that was entered is set, one in sixteen or fewer: most strings that
    /// are no piece are told by it, without a look at a slot.
    filter: Vec<u64>,
    /// By hash of their first four bytes and place: bit `len - 1` is set if there are pieces of
    /// `len` bytes, up to 16.
    lengths: Vec<u16>,
    /// What waits, with its hash, until its slot has come from memory.
    waiting: Vec<(u64, TableSlot)>,
    /// The pieces that do not fit into their slots.
    long: Vec<u8>,
    /// Bytes of the longest piece.
    longest: usize,
    /// Number of pieces that start a word.
    starts: u32,
}

/// The bytes of a piece of up to 12 from the lowest on, or start and length of a longer one in
/// `long`, and its row in the highest four bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct TableSlot(u128);

impl TableSlot {
    fn new(bytes: u128, row: u32) -> Self {
        Self(bytes | u128::from(row) << (8 * FITTING))
    }

    /// Of the piece that has `len` bytes from `start` on.
    fn elsewhere(start: usize, len: usize, row: u32) -> Self {
        let place = start as u128 | (len as u128) << 32 | u128::from(ELSEWHERE) << 64;
        Self::new(place, row)
    }

    fn row(self) -> u32 {
        (self.0 >> (8 * FITTING)) as u32
    }

    fn bytes(self) -> u128 {
        self.0 & ((1 << (8 * FITTING)) - 1)
    }
}

impl Table {
    /// An empty table for up to `len` pieces, of which the first `starts` start a word.
    pub(super) fn with_room(len: usize, starts: u32) -> Self {
        // At most half full, and never without a free slot.
        let slots = (2 * len + 1).next_power_of_two().max(SLOTS_A_WORD);
        Self {
            slots: vec![FREE; slots],
            filter: vec![0; slots / SLOTS_A_WORD],
            lengths: vec![0; slots / SLOTS_AN_ENTRY],
            waiting: Vec::with_capacity(WAITING),
            long: Vec::new(),
            longest: 0,
            starts,
        }
    }

    /// Enters a piece of 1 to [`MAX_PIECE`] bytes; no more often than there is room for. It is
    /// found after [`settle`](Self::settle).
    pub(super) fn insert(&mut self, piece: &[u8], row: u32) {
        let (place, len, short) = (self.place(row), piece.len(), ShortStr::of(piece));
        let hash = hash_of(piece, place);
        let slot = if len <= FITTING {
            TableSlot::new(short.bytes(), row)
        } else {
            self.long.extend_from_slice(piece);
            TableSlot::elsewhere(self.long.len() - len, len, row)
        };
        let (word, bit) = self.bit(hash);
        self.filter[word] |= bit;
        if len <= SHORT {
            let entry = self.entry(short, place);
            self.lengths[entry] |= 1 << (len - 1);
        }
        self.longest = len.max(self.longest);
        self.fetch_slot(hash);
        self.waiting.push((hash, slot));
        if self.waiting.len() == WAITING {
            self.settle();
        }
    }

    /// Gives what waits its slots.
    pub(super) fn settle(&mut self) {
        while let Some((hash, slot)) = self.waiting.pop() {
            let mut at = self.slot(hash);
            while self.slots[at] != FREE {
                at = self.after(at);
            }
            self.slots[at] = slot;
        }
    }

    /// Fetches what [`whole`](Self::whole) will need of `word`; returns its hash.
    #[inline]
    pub(super) fn fetch(&self, word: ShortStr) -> u64 {
        let hash = short_hash(word, PiecePlace::Start);
        self.fetch_slot(hash);
        hash
    }

    #[inline]
    fn fetch_slot(&self, hash: u64) {
        let at = self.slot(hash);
        prefetch(&self.slots[at..=at]);
    }

    /// The piece that is `word`, whose hash is what [`fetch`](Self::fetch) returned.
    #[inline]
    pub(super) fn whole(&self, word: ShortStr, hash: u64) -> Option<u32> {
        self.find(word, hash, PiecePlace::Start)
    }

    /// The piece that is `word`, which is not empty, of any length; and its hash.
    pub(super) fn whole_of(&self, word: &[u8]) -> (Option<u32>, u64) {
        let hash = hash_of(word, PiecePlace::Start);
        let row = match word.len() {
            ..=SHORT => self.find(ShortStr::of(word), hash, PiecePlace::Start),
            _ => self.find_long(word, hash, PiecePlace::Start),
        };
        (row, hash)
    }

    /// Row and length of each piece that `rest`, which is not empty, starts with, the longest first.
    #[inline]
    pub(super) fn starts(
        &self,
        rest: ShortStr,
        place: PiecePlace,
    ) -> impl Iterator<Item = (u32, usize)> {
        let mut lengths = self.lengths[self.entry(rest, place)] | BELOW;
        lengths &= u16::MAX >> (SHORT - rest.len());
        let next_length = move || {
            let len = (u16::BITS - lengths.leading_zeros()) as usize;
            lengths &= !(1_u16 << len.checked_sub(1)?);
            Some(len)
        };
        std::iter::from_fn(next_length).filter_map(move |len| {
            let piece = rest.first(len);
            let hash = short_hash(piece, place);
            let row = self.may_have(hash).then(|| self.find(piece, hash, place)).flatten()?;
            Some((row, len))
        })
    }

    /// [`starts`](Self::starts) of any string.
    pub(super) fn starts_of(
        &self,
        rest: &[u8],
        place: PiecePlace,
    ) -> impl Iterator<Item = (u32, usize)> {
        let most = self.longest.min(rest.len());
        let long = (SHORT + 1..=most).rev().filter_map(move |len| {
            let hash = long_hash(&rest[..len], place);
            let row = self.may_have(hash).then(|| self.find_long(&rest[..len], hash, place));
            Some((row.flatten()?, len))
        });
        long.chain(self.starts(ShortStr::of(rest), place))
    }

    #[inline]
    fn find(&self, piece: ShortStr, hash: u64, place: PiecePlace) -> Option<u32> {
        if piece.len() > FITTING {
            return self.find_long(&piece.to_bytes()[..piece.len()], hash, place);
        }
        self.find_slot(hash, place, |slot| slot.bytes() == piece.bytes())
    }

    #[expect(clippy::cast_possible_truncation, reason = "it is cut into parts")]
    fn find_long(&self, piece: &[u8], hash: u64, place: PiecePlace) -> Option<u32> {
        self.find_slot(hash, place, |slot| {
            let bytes = slot.bytes();
            let [start, len, last] = [bytes, bytes >> 32, bytes >> 64].map(|part| part as u32);
            let (start, len) = (start as usize, len as usize);
            // A free slot has a length that no piece has.
            last == ELSEWHERE && len == piece.len() && self.long[start..start + len] == *piece
        })
    }

    #[inline]
    fn find_slot(
        &self,
        hash: u64,
        place: PiecePlace,
        is: impl Fn(TableSlot) -> bool,
    ) -> Option<u32> {
        let mut at = self.slot(hash);
        loop {
            let slot = self.slots[at];
            if is(slot) && self.place(slot.row()) == place {
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
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
    fn slot(&self, hash: u64) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    #[inline]
    fn after(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }

    /// Where in `lengths` the pieces are that start as `word` does.
    #[inline]
    fn entry(&self, word: ShortStr, place: PiecePlace) -> usize {
        let start = word.first(COMMON.min(word.len()));
        (short_hash(start, place) >> 32) as usize & (self.lengths.len() - 1)
    }

    #[inline]
    fn may_have(&self, hash: u64) -> bool {
        let (word, bit) = self.bit(hash);
        self.filter[word] & bit != 0
    }

    /// The word of the filter and the bit in it; the highest bits of the hash choose the bit.
    #[inline]
    fn bit(&self, hash: u64) -> (usize, u64) {
        ((hash >> 24) as usize & (self.filter.len() - 1), 1 << (hash >> 58))
    }
}

/// The hash of a string of any length.
fn hash_of(piece: &[u8], place: PiecePlace) -> u64 {
    if piece.len() <= SHORT {
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
    let (first, rest) = piece.split_at(SHORT);
    let first = short_hash(ShortStr::of(first), place);
    rest.chunks(SHORT).fold(first, |hash, chunk| mixed(hash, ShortStr::of(chunk)))
}

/// The halves of the product of the halves of `piece`, in which every bit takes part.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "it is cut into halves")]
fn mixed(hash: u64, piece: ShortStr) -> u64 {
    let bytes = piece.bytes();
    let (low, high) = (bytes as u64 ^ hash, (bytes >> 64) as u64 ^ 0x9e37_79b9_7f4a_7c15);
    let product = u128::from(low) * u128::from(high);
    product as u64 ^ (product >> 64) as u64
}
