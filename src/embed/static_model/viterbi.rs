//! Splits a word into the pieces of the lowest total cost, by dynamic programming.

use std::ops::Range;

use super::{piece_table::PiecePlace, prefix_index::PrefixIndex};

/// Maximum length of a part that is split at once, in characters. Longer words are split part by
/// part.
const MAX_PART: usize = 100;
/// Cost of a character without a piece: more than four pieces of the highest cost.
const SKIP_COST: u32 = 1024;
/// Marks a step that skips a character.
const NO_ROW: u32 = u32::MAX;

/// Finds the cheapest split of a word. The table of steps is reused by the next word.
///
/// # Source
///
/// The Viterbi algorithm over a unigram model of pieces, as in Kudo (2018), *Subword
/// Regularization*, section 3.1.
#[derive(Default)]
pub(super) struct Viterbi {
    /// The last step of the cheapest path to each byte offset.
    steps: Vec<PathStep>,
}

/// The last step of a path through a word.
#[derive(Clone, Copy)]
struct PathStep {
    /// Cost of the whole path; `u32::MAX` if no path ends here.
    cost: u32,
    /// Byte offset where the step starts.
    from: usize,
    /// Row of the step's piece, or [`NO_ROW`].
    row: u32,
}

impl Viterbi {
    /// Appends the rows of the cheapest pieces of `word` to `rows`; returns the number of characters
    /// that no piece covers.
    ///
    /// `costs` holds the cost of each row. Among paths of equal cost, the one with the longest last
    /// piece wins, then the one with the longest piece before it, and so on.
    pub(super) fn cheapest(
        &mut self,
        index: &PrefixIndex,
        costs: &[u8],
        word: &[u8],
        rows: &mut Vec<u32>,
    ) -> usize {
        let mut rest = word;
        let mut place = PiecePlace::Start;
        let mut skipped = 0;
        while !rest.is_empty() {
            let starts = rest.iter().enumerate().filter(|(_, byte)| !is_continuation(**byte));
            let len = starts.map(|(at, _)| at).nth(MAX_PART).unwrap_or(rest.len());
            let (part, after) = rest.split_at(len);
            self.find(index, costs, part, place);
            skipped += self.walk_back(rows);
            rest = after;
            place = PiecePlace::Inside;
        }
        skipped
    }

    /// Writes the byte ranges of the cheapest pieces of `word` to `places`. Characters that no piece
    /// covers are in no range.
    pub(super) fn places(
        &mut self,
        index: &PrefixIndex,
        costs: &[u8],
        word: &[u8],
        places: &mut Vec<Range<usize>>,
    ) {
        places.clear();
        self.find(index, costs, word, PiecePlace::Start);
        let mut to = word.len();
        while to > 0 {
            let PathStep { from, row, .. } = self.steps[to];
            if row != NO_ROW {
                places.push(from..to);
            }
            to = from;
        }
        places.reverse();
    }

    /// Returns the cost of the cheapest split of `word`, of which at most [`MAX_PART`] characters
    /// count.
    pub(super) fn cost(&mut self, index: &PrefixIndex, costs: &[u8], word: &[u8]) -> u32 {
        let starts = word.iter().enumerate().filter(|(_, byte)| !is_continuation(**byte));
        let len = starts.map(|(at, _)| at).nth(MAX_PART).unwrap_or(word.len());
        self.find(index, costs, &word[..len], PiecePlace::Start);
        self.steps[len].cost
    }

    /// Fills `steps` with the cheapest paths through `part`, whose first piece is in `place`.
    fn find(&mut self, index: &PrefixIndex, costs: &[u8], part: &[u8], place: PiecePlace) {
        self.steps.clear();
        self.steps.resize(part.len() + 1, PathStep { cost: u32::MAX, from: 0, row: NO_ROW });
        self.steps[0].cost = 0;
        for from in 0..part.len() {
            let cost = self.steps[from].cost;
            // No path ends within a character.
            if cost == u32::MAX {
                continue;
            }
            let rest = &part[from..];
            let place = if from == 0 { place } else { PiecePlace::Inside };
            for piece in index.prefixes_of(rest, place) {
                let cost = cost + u32::from(costs[piece.row as usize]);
                self.offer(from + piece.len, PathStep { cost, from, row: piece.row });
            }
            let character = 1 + rest[1..].iter().take_while(|byte| is_continuation(**byte)).count();
            self.offer(from + character, PathStep { cost: cost + SKIP_COST, from, row: NO_ROW });
        }
    }

    /// Replaces the step to offset `to` if `step` is cheaper.
    fn offer(&mut self, to: usize, step: PathStep) {
        if step.cost < self.steps[to].cost {
            self.steps[to] = step;
        }
    }

    /// Appends the rows of the cheapest path to `rows`; returns the number of skipped characters.
    fn walk_back(&self, rows: &mut Vec<u32>) -> usize {
        let before = rows.len();
        let mut skipped = 0;
        let mut to = self.steps.len() - 1;
        while to > 0 {
            let PathStep { from, row, .. } = self.steps[to];
            if row == NO_ROW {
                skipped += 1;
            } else {
                rows.push(row);
            }
            to = from;
        }
        rows[before..].reverse();
        skipped
    }
}

/// Returns whether `byte` is a continuation byte of UTF-8.
pub(super) fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}
