//! The best rows of a segment, without a look at most of the others.

use std::{cmp::Ordering, collections::BinaryHeap};

use super::{extent::Extent, inverted::END, score::Weigher, search::Stream};
use crate::RowSet;

/// Rows that are scored together; few in tests, whose corpora are small.
const WINDOW: u32 = if cfg!(test) { 1 << 6 } else { 1 << 12 };
/// Rows that are looked up before the search may be stopped; few in tests.
const LOOKED_UP: usize = if cfg!(test) { 16 } else { 256 };
/// More than the rounding of sums of shares in another order: as there are at most some
/// thousand.
const SLACK: f32 = 1.000_1;

/// A walk along the postings, some thousands of rows at a time.
///
/// Streams that together could make no row one of the best are passive: they are only asked about
/// rows which others have. Those lead, and add up their shares in an array: which row is where is
/// never compared. Where few rows are allowed, all streams are passive.
///
/// # Source
///
/// `MaxScore`: Turtle & Flood (1995), *Query Evaluation: Strategies and Optimizations*.
pub(super) struct Walk<'a> {
    extents: &'a [[u8; 4]],
    weigher: Weigher,
    /// What adds most first.
    streams: Vec<Stream>,
    /// The most that a stream and all after it add.
    reach: Vec<f32>,
    /// Number of streams that lead.
    leading: usize,
    window: Window,
    best: Best,
    /// Rows whose shares were added up.
    scored: usize,
}

/// Sums of shares, by row from the first one of the window.
struct Window {
    sums: Vec<f32>,
    /// A bit for each row that has a share.
    found: Vec<u64>,
}

impl<'a> Walk<'a> {
    /// Of `streams`, of which those that add most come first, for the `n` best rows.
    pub(super) fn new(
        extents: &'a [[u8; 4]],
        streams: Vec<Stream>,
        weigher: Weigher,
        n: usize,
    ) -> Self {
        let mut reach = vec![0.0; streams.len()];
        let mut sum = 0.0;
        for (reach, stream) in reach.iter_mut().zip(&streams).rev() {
            sum += stream.top;
            *reach = sum * SLACK;
        }
        // None are the best none.
        let leading = if n == 0 { 0 } else { streams.len() };
        let window =
            Window { sums: vec![0.0; WINDOW as usize], found: vec![0; WINDOW as usize / 64] };
        let best = Best { n, rows: BinaryHeap::new() };
        Self { extents, weigher, streams, reach, leading, window, best, scored: 0 }
    }

    /// Goes on by one window, of which only rows in `allowed` count; false at the end.
    pub(super) fn step(&mut self, allowed: Option<&RowSet>) -> bool {
        let rows = self.streams[..self.leading].iter().map(|stream| stream.row);
        let Some(start) = rows.min().filter(|row| *row != END) else { return false };
        let end = start.saturating_add(WINDOW).min(END);
        self.lead(start, end);
        for word in 0..WINDOW / 64 {
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
        let least = self.best.least();
        while self.leading > 0 && self.reach[self.leading - 1] < least {
            self.leading -= 1;
        }
        true
    }

    /// Looks up some of `rows`, which are in ascending order, in all streams; false at the end.
    pub(super) fn look_up(&mut self, rows: &mut impl Iterator<Item = u32>) -> bool {
        self.leading = 0;
        let mut looked_up = 0;
        for row in rows.take(LOOKED_UP) {
            looked_up += 1;
            match self.streams.iter().map(|stream| stream.row).min() {
                None | Some(END) => return false,
                // No stream has a row before that one.
                Some(next) if row < next => {}
                Some(_) => self.consider(row, 0.0),
            }
        }
        looked_up == LOOKED_UP
    }

    /// Adds up the shares of the leading streams in the rows from `start` to `end`.
    fn lead(&mut self, start: u32, end: u32) {
        let Self { extents, weigher, streams, leading, window, .. } = self;
        for stream in &mut streams[..*leading] {
            let top = stream.top;
            stream.read_to(end, |row, times| {
                let at = (row - start) as usize;
                window.sums[at] += weigher.share(top, times, Extent::of(extents, row).terms());
                window.found[at / 64] |= 1 << (at % 64);
            });
        }
    }

    /// Takes `row` among the best if it is one; the leading streams add `sum`.
    #[inline]
    fn consider(&mut self, row: u32, mut sum: f32) {
        self.scored += 1;
        let least = self.best.least();
        for (stream, reach) in self.streams.iter_mut().zip(&self.reach).skip(self.leading) {
            if (sum + reach) * SLACK < least {
                return;
            }
            if stream.seek(row) == row {
                let length = Extent::of(self.extents, row).terms();
                sum += self.weigher.share(stream.top, stream.times(), length);
            }
        }
        // A row that was looked up may have none of the terms.
        if sum >= least && sum > 0.0 {
            self.best.offer(Ranked { score: sum, row });
        }
    }

    /// Number of rows whose shares were added up.
    pub(super) fn scored(&self) -> usize {
        self.scored
    }

    /// The best rows: the best first, of equal ones the lower row.
    pub(super) fn into_best(self) -> Vec<(u32, f32)> {
        let rows = self.best.rows.into_sorted_vec().into_iter();
        rows.map(|Ranked { score, row }| (row, score)).collect()
    }
}

/// A row with its score; what is better is less.
struct Ranked {
    score: f32,
    row: u32,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.row.cmp(&other.row))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

/// The `n` best rows so far.
struct Best {
    n: usize,
    rows: BinaryHeap<Ranked>,
}

impl Best {
    /// What a row must have at least to be one of them.
    #[inline]
    fn least(&self) -> f32 {
        if self.rows.len() < self.n {
            return f32::NEG_INFINITY;
        }
        self.rows.peek().map_or(f32::INFINITY, |worst| worst.score)
    }

    fn offer(&mut self, row: Ranked) {
        if self.rows.len() < self.n {
            self.rows.push(row);
        } else if let Some(mut worst) = self.rows.peek_mut().filter(|worst| row < **worst) {
            *worst = row;
        }
    }
}
