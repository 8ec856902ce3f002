//! The best rows of a segment, without scoring most of the others.

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

/// Exceeds the rounding error of a sum in another order: contributions are a few thousand at
/// most.
const SLACK: f32 = 1.000_1;

/// Sizes of the steps between which a search can be stopped; tests with small corpora use small
/// ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steps {
    /// Rows that are scored together, a multiple of 64.
    pub(super) window: u32,
    /// Rows that are looked up before the search may be stopped.
    pub(super) lookups: usize,
    /// Allowed rows are looked up one by one where at most one of so many rows is allowed.
    pub(super) min_sparsity: usize,
}

impl Default for Steps {
    fn default() -> Self {
        Self { window: 1 << 12, lookups: 256, min_sparsity: 64 }
    }
}

/// A search that scores a window of rows at a time.
///
/// Groups whose upper bounds together are below the score of the `n`th best row are not
/// essential: no row enters the best by them alone, so they are only asked about rows that an
/// essential group has. The essential groups add their contributions up in an array, so that rows
/// are never compared.
///
/// # Source
///
/// `MaxScore`: Turtle & Flood (1995), *Query Evaluation: Strategies and Optimizations*.
pub(super) struct MaxScore<'a> {
    norms: &'a [[u8; 4]],
    bm25: Bm25,
    /// The highest upper bound first.
    cursors: Vec<TermGroupCursor<'a>>,
    /// By cursor the sum of its upper bound and of those after it.
    suffix_bounds: Vec<f32>,
    /// Number of cursors, from the first, that are essential.
    essential: usize,
    steps: Steps,
    window: Window,
    best: TopK,
    scored: usize,
}

/// Sums of contributions, by row from the first of the window.
struct Window {
    sums: Vec<f32>,
    /// A bit for each row that has a contribution.
    found: Vec<u64>,
}

impl<'a> MaxScore<'a> {
    /// A search for the `n` best rows of `cursors`, the highest upper bound first.
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

    /// Scores the next window, of which only the `allowed` rows count; false at the end.
    pub(super) fn score_window(&mut self, allowed: Option<&RowSet>) -> bool {
        let rows = self.cursors[..self.essential].iter().map(|cursor| cursor.row);
        let Some(start) = rows.min().filter(|row| *row != END) else { return false };
        // Rows are below END, which is the highest number.
        let end = start.saturating_add(self.steps.window);
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

    /// Looks some of `rows`, which are in ascending order, up in all cursors; false at the end.
    pub(super) fn look_up(&mut self, rows: &mut impl Iterator<Item = u32>) -> bool {
        self.essential = 0;
        let mut looked_up = 0;
        for row in rows.take(self.steps.lookups) {
            looked_up += 1;
            match self.cursors.iter().map(|cursor| cursor.row).min() {
                None | Some(END) => return false,
                // No cursor has a row before that one.
                Some(next) if row < next => {}
                Some(_) => self.consider(row, 0.0),
            }
        }
        looked_up == self.steps.lookups
    }

    /// Adds up the contributions of the essential cursors to the rows from `start` to `end`.
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

    /// Offers `row` to the best, if it can be one of them; the essential cursors contribute `sum`.
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

    /// Number of rows whose contributions were added up.
    pub(super) fn scored(&self) -> usize {
        self.scored
    }

    /// The best rows: the highest score first, ties by row.
    pub(super) fn into_best(self) -> Vec<RankedRow> {
        self.best.into_sorted()
    }
}
