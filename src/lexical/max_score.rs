//! `MaxScore`: finds the best rows of a segment without scoring most of the others.

use super::{
    bm25::Bm25,
    norm::PassageNorm,
    postings::{END, Posting},
    term_group::TermGroupCursor,
};
use crate::{
    RowSet,
    vector::{RankedRow, TopK},
};

/// Factor that exceeds the rounding error of a sum in another order, for up to a few thousand
/// contributions.
pub(super) const SLACK: f32 = 1.000_1;

/// Sizes of the steps between which a search can be interrupted. Tests of small corpora use small
/// steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steps {
    /// Rows that are scored together, a multiple of 64.
    pub(super) window: u32,
    /// Rows that are looked up per step.
    pub(super) lookups: usize,
    /// Allowed rows are looked up one by one if at most one in this many rows is allowed.
    pub(super) min_sparsity: usize,
}

impl Default for Steps {
    fn default() -> Self {
        Self { window: 1 << 12, lookups: 256, min_sparsity: 64 }
    }
}

/// A search that scores one window of rows at a time.
///
/// The last groups are not essential if the sum of their upper bounds is below the `n`-th best
/// score: a row with these groups alone cannot be among the best. They are looked up only for rows
/// of essential groups. The contributions of essential groups are summed in an array by row, which
/// takes no merge of posting lists.
///
/// # Source
///
/// `MaxScore`: Turtle & Flood (1995), *Query Evaluation: Strategies and Optimizations*.
pub(super) struct MaxScore<'a> {
    norms: &'a [[u8; 4]],
    bm25: Bm25,
    /// By descending upper bound.
    cursors: Vec<TermGroupCursor<'a>>,
    /// Sum of the upper bounds from each cursor on.
    suffix_bounds: Vec<f32>,
    /// Number of essential cursors, which are the first ones.
    essential: usize,
    steps: Steps,
    window: Window,
    best: TopK,
    scored: usize,
}

/// Sums of contributions to the rows of the window.
struct Window {
    sums: Vec<f32>,
    /// One bit per row: whether it has a contribution.
    found: Vec<u64>,
}

impl<'a> MaxScore<'a> {
    /// Prepares a search for the `n` best rows of `cursors`, which descend by upper bound.
    pub(super) fn new(
        norms: &'a [[u8; 4]],
        cursors: Vec<TermGroupCursor<'a>>,
        bm25: Bm25,
        n: usize,
        steps: Steps,
    ) -> Self {
        let mut suffix_bounds = vec![0.0; cursors.len()];
        let mut sum = 0.0;
        for (bound, cursor) in suffix_bounds.iter_mut().zip(&cursors).rev() {
            sum += cursor.upper_bound;
            *bound = sum * SLACK;
        }
        // `n == 0`: nothing can enter the heap.
        let essential = if n == 0 { 0 } else { cursors.len() };
        let window = Window {
            sums: vec![0.0; steps.window as usize],
            found: vec![0; steps.window as usize / 64],
        };
        Self {
            norms,
            bm25,
            cursors,
            suffix_bounds,
            essential,
            steps,
            window,
            best: TopK::new(n),
            scored: 0,
        }
    }

    /// Scores the `allowed` rows of the next window; false at the end.
    pub(super) fn score_window(&mut self, allowed: Option<&RowSet>) -> bool {
        let rows = self.cursors[..self.essential].iter().map(|cursor| cursor.row);
        let Some(start) = rows.min().filter(|row| *row != END) else { return false };
        let end = start + self.steps.window.min(END - start);
        self.score_essential(start, end);
        for word in 0..self.steps.window / 64 {
            let mut bits = std::mem::take(&mut self.window.found[word as usize]);
            while bits != 0 {
                let at = word * 64 + bits.trailing_zeros();
                bits &= bits - 1;
                let sum = std::mem::take(&mut self.window.sums[at as usize]);
                let row = start + at;
                if allowed.is_none_or(|allowed| allowed.contains(row)) {
                    self.consider(row, sum);
                }
            }
        }
        let least = self.best.floor();
        while self.essential > 0 && self.suffix_bounds[self.essential - 1] < least {
            self.essential -= 1;
        }
        true
    }

    /// Looks up the next of `rows`, which ascend, in all cursors; false at the end.
    pub(super) fn look_up(&mut self, rows: &mut impl Iterator<Item = u32>) -> bool {
        // No cursor is essential: `consider` then looks the row up in all of them.
        self.essential = 0;
        let mut looked_up = 0;
        for row in rows.take(self.steps.lookups) {
            looked_up += 1;
            match self.cursors.iter().map(|cursor| cursor.row).min() {
                None | Some(END) => return false,
                // No cursor has this row.
                Some(next) if row < next => {}
                Some(_) => self.consider(row, 0.0),
            }
        }
        looked_up == self.steps.lookups
    }

    /// Sums the contributions of the essential cursors to the rows `start..end`.
    fn score_essential(&mut self, start: u32, end: u32) {
        let Self { norms, bm25, cursors, essential, window, .. } = self;
        for cursor in &mut cursors[..*essential] {
            let upper_bound = cursor.upper_bound;
            cursor.read_to(end, |Posting { row, tf }| {
                let at = (row - start) as usize;
                let length = PassageNorm::of(norms, row).length();
                window.sums[at] += bm25.contribution(upper_bound, tf, length);
                window.found[at / 64] |= 1 << (at % 64);
            });
        }
    }

    /// Offers `row` if it can be among the best; the essential cursors contribute `sum`.
    #[inline]
    fn consider(&mut self, row: u32, mut sum: f32) {
        self.scored += 1;
        let least = self.best.floor();
        let others = self.cursors[self.essential..].iter_mut();
        for (cursor, suffix_bound) in others.zip(&self.suffix_bounds[self.essential..]) {
            if (sum + suffix_bound) * SLACK < least {
                return;
            }
            if cursor.seek(row) == row {
                let length = PassageNorm::of(self.norms, row).length();
                sum += self.bm25.contribution(cursor.upper_bound, cursor.tf(), length);
            }
        }
        // A row that was looked up may have none of the terms.
        if sum >= least && sum > 0.0 {
            self.best.offer(RankedRow { score: sum, row });
        }
    }

    /// Number of rows that were scored, at least in part.
    pub(super) fn scored(&self) -> usize {
        self.scored
    }

    /// Returns the best rows: higher scores first, ties by row.
    pub(super) fn into_best(self) -> Vec<RankedRow> {
        self.best.into_sorted()
    }
}
