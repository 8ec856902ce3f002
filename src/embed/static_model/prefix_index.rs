//! Finds the pieces that a string starts with, by binary search among all pieces in byte order.

use super::piece_table::PiecePlace;

/// Number of leading bytes of a piece that one integer holds.
const HEAD: usize = size_of::<u64>();
/// Number of buckets: one for each value of the first two bytes.
const BUCKETS: usize = 1 << 16;
/// Marks a piece that starts with no other piece.
const NO_PIECE: u32 = u32::MAX;

/// A piece that a string starts with.
#[derive(Clone, Copy)]
pub(super) struct PrefixPiece {
    pub(super) row: u32,
    /// Length in bytes.
    pub(super) len: usize,
}

/// The pieces of both places.
pub(super) struct PrefixIndex {
    starts: SortedPieces,
    inside: SortedPieces,
}

impl PrefixIndex {
    /// Creates an index for `len` pieces. Rows below `starts` start a word.
    pub(super) fn with_capacity(len: usize, starts: u32) -> Self {
        let inside = len.saturating_sub(starts as usize);
        Self {
            starts: SortedPieces::with_capacity(0, starts as usize),
            inside: SortedPieces::with_capacity(starts, inside),
        }
    }

    /// Adds the piece of the next row of `place`. It follows all others of the place in byte order.
    pub(super) fn push(&mut self, piece: &[u8], place: PiecePlace) {
        match place {
            PiecePlace::Start => self.starts.push(piece),
            PiecePlace::Inside => self.inside.push(piece),
        }
    }

    /// Returns the pieces that `rest`, which is not empty, starts with, longest first.
    #[inline]
    pub(super) fn prefixes_of(
        &self,
        rest: &[u8],
        place: PiecePlace,
    ) -> impl Iterator<Item = PrefixPiece> {
        let list = match place {
            PiecePlace::Start => &self.starts,
            PiecePlace::Inside => &self.inside,
        };
        list.prefixes_of(rest)
    }
}

/// Pieces of one place in ascending byte order, which is the order of their rows.
///
/// The last piece that does not follow a string in byte order starts with every piece that the string
/// starts with. Each piece knows the longest other piece that it starts with, so one binary search
/// finds all of them.
struct SortedPieces {
    /// Row of the first piece.
    first_row: u32,
    /// The first bytes of each piece as a big-endian integer. Missing bytes are zero, which no piece
    /// contains.
    heads: Vec<u64>,
    shapes: Vec<PieceShape>,
    /// The bytes after the head of all pieces that are longer.
    tails: Vec<u8>,
    /// Number of pieces before those of each bucket. Buckets after that of the last piece have no
    /// entry.
    buckets: Vec<u32>,
    /// Whether a piece starts with a byte; none does in scripts that the model does not know.
    first_bytes: [bool; 256],
}

/// What a head does not show of its piece.
#[derive(Clone, Copy)]
struct PieceShape {
    /// Position of the longest other piece that it starts with, or [`NO_PIECE`].
    parent: u32,
    /// Start of its tail in `tails`.
    tail: u32,
    /// Length in bytes.
    len: u8,
}

impl SortedPieces {
    fn with_capacity(first_row: u32, len: usize) -> Self {
        Self {
            first_row,
            heads: Vec::with_capacity(len),
            shapes: Vec::with_capacity(len),
            tails: Vec::new(),
            buckets: Vec::with_capacity(BUCKETS),
            first_bytes: [false; 256],
        }
    }

    /// Adds a piece of 1 to 64 bytes, which follows all others.
    fn push(&mut self, piece: &[u8]) {
        self.first_bytes[usize::from(piece[0])] = true;
        let position = u32::try_from(self.heads.len()).expect("a row is 32 bits");
        let head = head_of(piece);
        let bucket = bucket_of(head);
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, position);
        }
        let mut parent = position.checked_sub(1);
        while let Some(shorter) = parent
            && !self.is_prefix(shorter as usize, head, piece)
        {
            parent = self.parent(shorter as usize);
        }
        let tail = u32::try_from(self.tails.len()).expect("the vocabulary has 32-bit offsets");
        self.tails.extend_from_slice(tail_of(piece));
        self.heads.push(head);
        let len = u8::try_from(piece.len()).expect("a piece has at most 64 bytes");
        self.shapes.push(PieceShape { parent: parent.unwrap_or(NO_PIECE), tail, len });
    }

    /// Returns the pieces that `rest` starts with, longest first.
    #[inline]
    fn prefixes_of(&self, rest: &[u8]) -> impl Iterator<Item = PrefixPiece> {
        let mut next = self.longest_prefix(rest);
        std::iter::from_fn(move || {
            let position = next?;
            next = self.parent(position as usize);
            let len = usize::from(self.shapes[position as usize].len);
            Some(PrefixPiece { row: self.first_row + position, len })
        })
    }

    /// Returns the position of the longest piece that `rest` starts with.
    #[inline]
    fn longest_prefix(&self, rest: &[u8]) -> Option<u32> {
        if !self.first_bytes[usize::from(rest[0])] {
            return None;
        }
        let head = head_of(rest);
        let mut last = self.last_up_to(head, rest)?;
        while !self.is_prefix(last as usize, head, rest) {
            last = self.parent(last as usize)?;
        }
        Some(last)
    }

    /// Returns the position of the last piece that does not follow `rest`, whose head is `head`.
    #[inline]
    fn last_up_to(&self, head: u64, rest: &[u8]) -> Option<u32> {
        let start_of = |bucket: usize| match self.buckets.get(bucket) {
            Some(start) => *start as usize,
            None => self.heads.len(),
        };
        let bucket = bucket_of(head);
        let places = start_of(bucket)..start_of(bucket + 1);
        let len = self.heads[places.clone()].partition_point(|other| *other <= head);
        let mut end = places.start + len;
        // Pieces of the same head are compared by the bytes after it.
        while let Some(last) = end.checked_sub(1)
            && self.heads[last] == head
            && self.tail(last) > tail_of(rest)
        {
            end = last;
        }
        #[expect(clippy::cast_possible_truncation, reason = "positions are 32 bits")]
        end.checked_sub(1).map(|last| last as u32)
    }

    /// Whether `text`, whose head is `head`, starts with the piece at `position`.
    #[inline]
    fn is_prefix(&self, position: usize, head: u64, text: &[u8]) -> bool {
        let differing = self.heads[position] ^ head;
        let len = usize::from(self.shapes[position].len);
        if len <= HEAD {
            return differing.leading_zeros() as usize >= len * u8::BITS as usize;
        }
        differing == 0 && tail_of(text).starts_with(self.tail(position))
    }

    #[inline]
    fn parent(&self, position: usize) -> Option<u32> {
        Some(self.shapes[position].parent).filter(|parent| *parent != NO_PIECE)
    }

    /// Returns the bytes after the head of the piece at `position`.
    #[inline]
    fn tail(&self, position: usize) -> &[u8] {
        let PieceShape { tail, len, .. } = self.shapes[position];
        let start = tail as usize;
        &self.tails[start..start + usize::from(len).saturating_sub(HEAD)]
    }
}

/// Returns the first bytes of `text` as a big-endian integer; missing bytes are zero.
#[inline]
fn head_of(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(head) => u64::from_be_bytes(*head),
        None => text.iter().rev().fold(0, |head, &byte| head >> 8 | u64::from(byte) << 56),
    }
}

/// Returns the bytes of `text` after its head.
#[inline]
fn tail_of(text: &[u8]) -> &[u8] {
    text.get(HEAD..).unwrap_or_default()
}

/// Returns the bucket of a head: its first two bytes.
#[inline]
fn bucket_of(head: u64) -> usize {
    let [first, second, ..] = head.to_be_bytes();
    usize::from(u16::from_be_bytes([first, second]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn prefixes_match_the_definition(
            pieces in prop::collection::btree_set("[abß]{1,3}|[ab]{7,11}|a{1,24}|[\u{1}b\u{10FFFF}]{1,3}", 0..80),
            starts in 0_usize..80,
            texts in prop::collection::vec("[abß]{1,6}|[ab]{7,30}|a{1,30}|[\u{1}ab\u{10FFFF}]{1,9}", 1..20),
        ) {
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let (starts, inside) = pieces.split_at(starts.min(pieces.len()));
            let first_inside = u32::try_from(starts.len()).unwrap();
            let mut index = PrefixIndex::with_capacity(pieces.len(), first_inside);
            for (place, list) in [(PiecePlace::Start, starts), (PiecePlace::Inside, inside)] {
                for piece in list {
                    index.push(piece.as_bytes(), place);
                }
            }
            for text in &texts {
                for (place, list, first) in
                    [(PiecePlace::Start, starts, 0), (PiecePlace::Inside, inside, first_inside)]
                {
                    let found = index.prefixes_of(text.as_bytes(), place);
                    let found: Vec<(u32, usize)> = found.map(|piece| (piece.row, piece.len)).collect();
                    let known = (first..).zip(list).filter(|(_, piece)| text.starts_with(**piece));
                    let mut known: Vec<(u32, usize)> = known.map(|(row, piece)| (row, piece.len())).collect();
                    known.reverse();
                    prop_assert_eq!(found, known, "{}", text);
                }
            }
        }
    }
}
