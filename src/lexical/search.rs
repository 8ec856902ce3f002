//! The passages of a segment that a question's words are in, with their scores.
//!
//! All ways to a score add up the shares of the groups in one order, that of what they add at
//! most: the same passage has the same bits in each of them.

use std::collections::BTreeSet;

use super::{
    LexicalIndex, Statistics, TermShare, Terms,
    extent::Extent,
    inverted::{Cursor, END},
    walk::Walk,
};
use crate::{LexicalPlan, Result, RowSet};

/// Where no more than one of so many rows is allowed, each is looked up in the postings; where
/// more are, the postings are read. Few in tests, so that both happen.
const SPARSE: usize = if cfg!(test) { 2 } else { 64 };

/// The best rows by their words.
#[derive(Debug)]
pub(crate) struct Best {
    /// With their scores, best first.
    pub(crate) rows: Vec<(u32, f32)>,
    /// How they were found.
    pub(crate) plan: LexicalPlan,
}

impl LexicalIndex {
    /// In how many of all rows but `removed`, which are in ascending order, `term` is.
    pub(super) fn rows_with(&self, term: &str, removed: &[u32]) -> Result<u32> {
        self.guarded(|| {
            let rows = self.inverted.rows_with(term).map_err(|_| self.unreadable())?;
            if rows == 0 || removed.is_empty() {
                return Ok(rows);
            }
            let cursor = self.inverted.cursor(term).map_err(|_| self.unreadable())?;
            let gone = cursor.map_or(0, |mut cursor| cursor.rows_among(removed));
            Ok(rows.saturating_sub(gone))
        })
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
    ) -> Result<Best> {
        self.guarded(|| {
            let streams = self.streams(terms, statistics)?;
            let words = streams.len();
            let mut walk = Walk::new(self.extents(), streams, statistics.weigher(), n);
            let passages = self.rows as usize;
            let few = allowed.filter(|allowed| allowed.len() * SPARSE <= passages);
            let mut few = few.map(RowSet::iter);
            let mut goes_on = || match &mut few {
                Some(rows) => walk.look_up(rows),
                None => walk.step(allowed),
            };
            let mut stopped = false;
            while !stopped && goes_on() {
                stopped = stop();
            }
            let scored = walk.scored();
            let plan = LexicalPlan { passages, words, scored, complete: !stopped };
            Ok(Best { rows: walk.into_best(), plan })
        })
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
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let (weigher, extents) = (statistics.weigher(), self.extents());
        self.guarded(|| {
            let mut scores = vec![0.0; rows.len()];
            for mut stream in self.streams(terms, statistics)? {
                for (&row, score) in rows.iter().zip(&mut scores) {
                    if stream.seek(row) == row {
                        let length = Extent::of(extents, row).terms();
                        *score += weigher.share(stream.top, stream.times(), length);
                    }
                }
            }
            Ok(scores)
        })
    }

    /// What each group of `terms` adds to the score of `row`: first what adds most at best, in
    /// whose order the shares add up to the score.
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
        let (weigher, length) = (statistics.weigher(), self.extent(row).terms());
        let share = |at: usize| {
            let group = &terms.groups[at];
            let mut stream = self.stream(&group.terms, statistics.top(at))?;
            let times = if stream.seek(row) == row { stream.times() } else { 0 };
            Ok(TermShare {
                place: group.place.clone(),
                terms: group.terms.clone(),
                weight: group.weight,
                passages: statistics.rows_with(at),
                idf: statistics.idf(at),
                times,
                share: if times == 0 { 0.0 } else { weigher.share(stream.top, times, length) },
            })
        };
        self.guarded(|| statistics.order().map(share).collect())
    }

    /// The postings of all groups that are in a row, what adds most first.
    fn streams(&self, terms: &Terms, statistics: &Statistics) -> Result<Vec<Stream>> {
        let stream = |at: usize| self.stream(&terms.groups[at].terms, statistics.top(at));
        let some = |stream: &Result<Stream>| !stream.as_ref().is_ok_and(|s| s.row == END);
        statistics.order().map(stream).filter(some).collect()
    }

    fn stream(&self, terms: &BTreeSet<String>, top: f32) -> Result<Stream> {
        let cursors = terms.iter().map(|term| self.inverted.cursor(term));
        let cursors: Result<Vec<_>, _> = cursors.filter_map(Result::transpose).collect();
        let cursors = cursors.map_err(|_| self.unreadable())?;
        let mut stream = Stream { top, cursors, row: END };
        stream.settle();
        Ok(stream)
    }
}

impl Cursor {
    /// How many of `rows`, which are in ascending order, are among those that follow.
    fn rows_among(&mut self, rows: &[u32]) -> u32 {
        let (mut found, mut rows) = (0, rows);
        while let [first, ..] = rows {
            if self.row() < *first {
                self.seek(*first);
            }
            match self.row() {
                END => break,
                row if row == *first => {
                    found += 1;
                    rows = &rows[1..];
                }
                row => rows = &rows[rows.partition_point(|one| *one < row)..],
            }
        }
        found
    }
}

/// The rows of a group of terms, one after the other.
pub(super) struct Stream {
    /// The most that it adds to a score.
    pub(super) top: f32,
    /// Where it is, or [`END`].
    pub(super) row: u32,
    cursors: Vec<Cursor>,
}

impl Stream {
    fn settle(&mut self) -> u32 {
        self.row = self.cursors.iter().map(Cursor::row).min().unwrap_or(END);
        self.row
    }

    /// Goes on to the first row from `row` on, unless it is there or behind.
    #[inline]
    pub(super) fn seek(&mut self, row: u32) -> u32 {
        if self.row < row {
            self.cursors.iter_mut().for_each(|cursor| cursor.seek(row));
            self.settle();
        }
        self.row
    }

    /// How often its terms are in the row that it is at.
    #[inline]
    pub(super) fn times(&self) -> u32 {
        let here = self.cursors.iter().filter(|cursor| cursor.row() == self.row);
        here.fold(0, |times, cursor| times.saturating_add(cursor.times()))
    }

    /// Gives `take` the rows below `end` that follow, each with how often the terms are there.
    #[inline]
    pub(super) fn read_to(&mut self, end: u32, mut take: impl FnMut(u32, u32)) {
        if let [cursor] = &mut self.cursors[..] {
            cursor.read_to(end, take);
            self.row = cursor.row();
            return;
        }
        while self.row < end {
            take(self.row, self.times());
            let row = self.row;
            let here = self.cursors.iter_mut().filter(|cursor| cursor.row() == row);
            here.for_each(Cursor::advance);
            self.settle();
        }
    }
}
