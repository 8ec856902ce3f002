//! The passages of a segment that a question's words are in, with their scores.
//!
//! All ways to a score add up the shares of the groups in the order of the question: the same
//! passage has the same bits in each of them.

use std::{cmp::Ordering, collections::BinaryHeap};

use super::{
    LexicalIndex, Statistics, TermShare, Terms,
    inverted::{Cursor, END},
    score::Weigher,
    terms::Group,
};
use crate::{Result, RowSet};

/// Passages that are scored between two looks at whether to stop.
const AT_ONCE: u32 = 1 << 12;
/// More than the rounding of sums of shares in another order.
const SLACK: f32 = 1.000_1;

impl LexicalIndex {
    /// In how many of the `live` rows, or of all, `term` is.
    pub(super) fn rows_with(&self, term: &str, live: Option<&RowSet>) -> Result<u32> {
        let Some(live) = live else {
            return self.inverted.rows_with(term).map_err(|_| self.unreadable());
        };
        let cursor = self.inverted.cursor(term).map_err(|_| self.unreadable())?;
        let Some(mut cursor) = cursor else { return Ok(0) };
        let mut rows = 0;
        while cursor.row() != END {
            rows += u32::from(live.contains(cursor.row()));
            cursor.advance();
        }
        Ok(rows)
    }

    /// The `n` rows with the highest scores of those in `allowed`, or of all: the best first, of
    /// equal ones the lower row. Rows without any of the terms are not among them. If `stop` says
    /// so, those of the rows that were looked at until then.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](crate::Error::Corrupt) if the index cannot be read.
    pub(crate) fn best(
        &self,
        terms: &Terms,
        statistics: &Statistics,
        n: usize,
        allowed: Option<&RowSet>,
        stop: impl Fn() -> bool,
    ) -> Result<Vec<(u32, f32)>> {
        let streams = self.streams(terms, statistics)?;
        let mut walk = Walk::new(self, streams, statistics.weigher(), terms.groups.len(), n);
        let mut left = AT_ONCE;
        while let Some(row) = walk.next_row() {
            left -= 1;
            if left == 0 {
                left = AT_ONCE;
                if stop() {
                    break;
                }
            }
            if allowed.is_none_or(|allowed| allowed.contains(row)) {
                walk.consider(row);
            }
            walk.leave(row);
        }
        Ok(walk.best.into_sorted())
    }

    /// The scores of `rows`, which are in ascending order; 0 where no term is.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](crate::Error::Corrupt) if the index cannot be read.
    pub(crate) fn scores(
        &self,
        terms: &Terms,
        statistics: &Statistics,
        rows: &[u32],
    ) -> Result<Vec<f32>> {
        let weigher = statistics.weigher();
        let mut scores = vec![0.0; rows.len()];
        for mut stream in self.streams(terms, statistics)? {
            for (&row, score) in rows.iter().zip(&mut scores) {
                if stream.seek(row) == row {
                    *score += weigher.share(stream.top, stream.times(), self.length(row));
                }
            }
        }
        Ok(scores)
    }

    /// What each group of `terms` adds to the score of `row`, in order.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](crate::Error::Corrupt) if the index cannot be read.
    pub(crate) fn explain(
        &self,
        terms: &Terms,
        statistics: &Statistics,
        row: u32,
    ) -> Result<Vec<TermShare>> {
        let share = |(at, group): (usize, &Group)| {
            let mut stream = self.stream(at, group, statistics)?;
            let times = if stream.seek(row) == row { stream.times() } else { 0 };
            let share = statistics.weigher().share(stream.top, times, self.length(row));
            Ok(TermShare {
                place: group.place.clone(),
                terms: group.terms.clone(),
                weight: group.weight,
                passages: statistics.rows_with(at),
                idf: statistics.idf(at),
                times,
                share: if times == 0 { 0.0 } else { share },
            })
        };
        terms.groups.iter().enumerate().map(share).collect()
    }

    /// The postings of all groups that are in a row.
    fn streams(&self, terms: &Terms, statistics: &Statistics) -> Result<Vec<Stream>> {
        let streams = terms.groups.iter().enumerate();
        let streams = streams.map(|(at, group)| self.stream(at, group, statistics));
        let some = |stream: &Result<Stream>| !stream.as_ref().is_ok_and(|s| s.row == END);
        streams.filter(some).collect()
    }

    fn stream(&self, at: usize, group: &Group, statistics: &Statistics) -> Result<Stream> {
        let cursors = group.terms.iter().map(|term| self.inverted.cursor(term));
        let cursors: Result<Vec<_>, _> = cursors.filter_map(Result::transpose).collect();
        let cursors = cursors.map_err(|_| self.unreadable())?;
        let mut stream = Stream { group: at, top: statistics.top(at), cursors, row: END };
        stream.settle();
        Ok(stream)
    }
}

/// The rows of a group of terms, one after the other.
struct Stream {
    group: usize,
    /// The most that it adds to a score.
    top: f32,
    cursors: Vec<Cursor>,
    /// Where it is, or [`END`].
    row: u32,
}

impl Stream {
    fn settle(&mut self) -> u32 {
        self.row = self.cursors.iter().map(Cursor::row).min().unwrap_or(END);
        self.row
    }

    /// Goes on to the first row after where it is.
    #[inline]
    fn advance(&mut self) {
        let row = self.row;
        for cursor in &mut self.cursors {
            if cursor.row() == row {
                cursor.advance();
            }
        }
        self.settle();
    }

    /// Goes on to the first row from `row` on, unless it is there or behind.
    #[inline]
    fn seek(&mut self, row: u32) -> u32 {
        if self.row < row {
            for cursor in &mut self.cursors {
                cursor.seek(row);
            }
            self.settle();
        }
        self.row
    }

    /// How often its terms are in the row that it is at.
    #[inline]
    fn times(&self) -> u32 {
        let here = self.cursors.iter().filter(|cursor| cursor.row() == self.row);
        here.fold(0, |times, cursor| times.saturating_add(cursor.times()))
    }
}

/// A walk along all postings, row by row, which leaves out what cannot be among the best.
///
/// # Source
///
/// `MaxScore`: Turtle & Flood (1995), *Query Evaluation: Strategies and Optimizations*.
struct Walk<'a> {
    index: &'a LexicalIndex,
    weigher: Weigher,
    /// What adds least first.
    streams: Vec<Stream>,
    /// The most that a stream and all before it add.
    reach: Vec<f32>,
    /// Number of streams that together make no row one of the best: they are only asked about
    /// rows of the others.
    passive: usize,
    /// By group: what it adds to the score of a row.
    shares: Vec<f32>,
    best: Best,
}

impl<'a> Walk<'a> {
    fn new(
        index: &'a LexicalIndex,
        mut streams: Vec<Stream>,
        weigher: Weigher,
        groups: usize,
        n: usize,
    ) -> Self {
        streams.sort_by(|a, b| a.top.total_cmp(&b.top));
        let mut sum = 0.0;
        let reach = streams.iter().map(|stream| {
            sum += stream.top;
            sum * SLACK
        });
        let reach = reach.collect();
        // Nothing is one of the best none.
        let passive = if n == 0 { streams.len() } else { 0 };
        let (shares, best) = (vec![0.0; groups], Best { n, rows: BinaryHeap::new() });
        Self { index, weigher, streams, reach, passive, shares, best }
    }

    /// The next row that may be one of the best.
    #[inline]
    fn next_row(&self) -> Option<u32> {
        let rows = self.streams[self.passive..].iter().map(|stream| stream.row);
        rows.min().filter(|row| *row != END)
    }

    /// Takes `row` among the best if it is one.
    fn consider(&mut self, row: u32) {
        let Self { index, weigher, streams, reach, passive, shares, best } = self;
        let length = index.length(row);
        let least = best.least();
        shares.fill(0.0);
        let (asked, leading) = streams.split_at_mut(*passive);
        let mut sum = 0.0;
        for stream in leading.iter().filter(|stream| stream.row == row) {
            let share = weigher.share(stream.top, stream.times(), length);
            shares[stream.group] = share;
            sum += share;
        }
        for (stream, reach) in asked.iter_mut().zip(reach).rev() {
            if (sum + *reach) * SLACK < least {
                return;
            }
            if stream.seek(row) == row {
                let share = weigher.share(stream.top, stream.times(), length);
                shares[stream.group] = share;
                sum += share;
            }
        }
        // What is not there adds 0, which changes no bit.
        best.offer(Ranked { score: shares.iter().sum(), row });
        let least = best.least();
        while *passive < streams.len() && self.reach[*passive] < least {
            *passive += 1;
        }
    }

    /// Goes on behind `row`.
    #[inline]
    fn leave(&mut self, row: u32) {
        for stream in &mut self.streams[self.passive..] {
            if stream.row == row {
                stream.advance();
            }
        }
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

    fn into_sorted(self) -> Vec<(u32, f32)> {
        self.rows.into_sorted_vec().into_iter().map(|Ranked { score, row }| (row, score)).collect()
    }
}
