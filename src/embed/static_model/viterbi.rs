//! Cutting a word into the pieces of the least cost, by dynamic programming.

use std::ops::Range;

use super::piece_table::{PiecePlace, Table};

/// Longest part of a word that is cut at once, in characters.
const MAX_PART: usize = 100;
/// What skipping a character costs: more than any four pieces.
const SKIPPED: u32 = 1024;
/// In place of a row: the character is skipped.
const NO_ROW: u32 = u32::MAX;

/// The cheapest ways to all places in a part of a word: a buffer.
///
/// # Source
///
/// The Viterbi algorithm over a unigram model of pieces, as in Kudo (2018), *Subword
/// Regularization*, section 3.1.
#[derive(Default)]
pub(super) struct Viterbi {
    steps: Vec<BestCut>,
}

/// The last step of the cheapest way to a place.
#[derive(Clone, Copy)]
struct BestCut {
    /// Of the whole way; the highest number if there is none.
    cost: u32,
    from: usize,
    row: u32,
}

impl Viterbi {
    /// Adds the rows of the cheapest pieces of `word` to `rows`, and returns how many characters
    /// no piece covers.
    ///
    /// `costs` are those of the rows. Of ways that cost the same, the one whose last piece is
    /// longest is taken, and so on to the left.
    pub(super) fn cheapest(
        &mut self,
        table: &Table,
        costs: &[u8],
        word: &[u8],
        rows: &mut Vec<u32>,
    ) -> usize {
        let (mut rest, mut place, mut skipped) = (word, PiecePlace::Start, 0);
        while !rest.is_empty() {
            let starts = rest.iter().enumerate().filter(|(_, byte)| !is_inside(**byte));
            let len = starts.map(|(at, _)| at).nth(MAX_PART).unwrap_or(rest.len());
            let (part, after) = rest.split_at(len);
            self.find(table, costs, part, place);
            skipped += self.walk_back(rows);
            (rest, place) = (after, PiecePlace::Inside);
        }
        skipped
    }

    /// Sets `places` to those of the cheapest pieces of `word`, of which there are none where no
    /// piece covers a character.
    pub(super) fn places(
        &mut self,
        table: &Table,
        costs: &[u8],
        word: &[u8],
        places: &mut Vec<Range<usize>>,
    ) {
        places.clear();
        self.find(table, costs, word, PiecePlace::Start);
        let mut to = word.len();
        while to > 0 {
            let BestCut { from, row, .. } = self.steps[to];
            if row != NO_ROW {
                places.push(from..to);
            }
            to = from;
        }
        places.reverse();
    }

    /// Finds the cheapest ways through `part`, whose first piece is in `place`.
    fn find(&mut self, table: &Table, costs: &[u8], part: &[u8], place: PiecePlace) {
        self.steps.clear();
        self.steps.resize(part.len() + 1, BestCut { cost: u32::MAX, from: 0, row: NO_ROW });
        self.steps[0].cost = 0;
        for from in 0..part.len() {
            let cost = self.steps[from].cost;
            // No way leads into a character.
            if cost == u32::MAX {
                continue;
            }
            let (rest, place) = (&part[from..], if from == 0 { place } else { PiecePlace::Inside });
            for (row, len) in table.starts_of(rest, place) {
                self.offer(
                    from + len,
                    BestCut { cost: cost + u32::from(costs[row as usize]), from, row },
                );
            }
            let character = 1 + rest[1..].iter().take_while(|byte| is_inside(**byte)).count();
            self.offer(from + character, BestCut { cost: cost + SKIPPED, from, row: NO_ROW });
        }
    }

    fn offer(&mut self, to: usize, step: BestCut) {
        if step.cost < self.steps[to].cost {
            self.steps[to] = step;
        }
    }

    /// Adds the rows of the cheapest way to `rows`, and returns how many characters it skips.
    fn walk_back(&self, rows: &mut Vec<u32>) -> usize {
        let (before, mut skipped, mut to) = (rows.len(), 0, self.steps.len() - 1);
        while to > 0 {
            let BestCut { from, row, .. } = self.steps[to];
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

/// Whether `byte` goes on with a character of UTF-8 that began before it.
pub(super) fn is_inside(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}
