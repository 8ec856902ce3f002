//! A cursor over the rows of a group of terms, which count as one.

use super::postings::{END, Posting, PostingCursor};

/// The rows that have one of a group's terms, in ascending order.
pub(super) struct TermGroupCursor<'a> {
    /// The highest contribution to a score.
    pub(super) upper_bound: f32,
    /// The current row, or [`END`].
    pub(super) row: u32,
    cursors: Vec<PostingCursor<'a>>,
}

impl<'a> TermGroupCursor<'a> {
    /// A cursor over the lists of a group, at its first row.
    pub(super) fn new(upper_bound: f32, cursors: Vec<PostingCursor<'a>>) -> Self {
        let mut cursor = Self { upper_bound, row: END, cursors };
        cursor.update_row();
        cursor
    }

    fn update_row(&mut self) {
        self.row = self.cursors.iter().map(PostingCursor::row).min().unwrap_or(END);
    }

    /// Moves to the first row that is not below `row`, never back; returns it.
    #[inline]
    pub(super) fn seek(&mut self, row: u32) -> u32 {
        if self.row < row {
            self.cursors.iter_mut().for_each(|cursor| cursor.seek(row));
            self.update_row();
        }
        self.row
    }

    /// How often the terms are in the current row.
    #[inline]
    pub(super) fn tf(&mut self) -> u32 {
        let row = self.row;
        let here = self.cursors.iter_mut().filter(|cursor| cursor.row() == row);
        // A file may claim any frequencies.
        here.fold(0, |sum: u32, cursor| sum.saturating_add(cursor.tf()))
    }

    /// Passes the rows below `end` to `take`, from the current one on, each with the frequency of
    /// all terms.
    #[inline]
    pub(super) fn read_to(&mut self, end: u32, mut take: impl FnMut(Posting)) {
        if let [cursor] = &mut self.cursors[..] {
            cursor.read_to(end, take);
            self.row = cursor.row();
            return;
        }
        while self.row < end {
            let row = self.row;
            take(Posting { row, tf: self.tf() });
            let here = self.cursors.iter_mut().filter(|cursor| cursor.row() == row);
            here.for_each(PostingCursor::advance);
            self.update_row();
        }
    }
}
