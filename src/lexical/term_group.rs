//! Cursor over the rows of a group of terms, which count as one term.

use super::postings::{END, Posting, PostingCursor};

/// Cursor over the rows with a term of a group, in ascending order.
pub(super) struct TermGroupCursor<'a> {
    /// Maximum contribution to a score.
    pub(super) upper_bound: f32,
    /// The current row, or [`END`].
    pub(super) row: u32,
    cursors: Vec<PostingCursor<'a>>,
}

impl<'a> TermGroupCursor<'a> {
    /// Returns a cursor over the lists of a group, at its first row.
    pub(super) fn new(upper_bound: f32, cursors: Vec<PostingCursor<'a>>) -> Self {
        let mut cursor = Self { upper_bound, row: END, cursors };
        cursor.update_row();
        cursor
    }

    fn update_row(&mut self) {
        self.row = self.cursors.iter().map(PostingCursor::row).min().unwrap_or(END);
    }

    /// Moves forward to the first row from `row` on, and returns it.
    #[inline]
    pub(super) fn seek(&mut self, row: u32) -> u32 {
        if self.row < row {
            self.cursors.iter_mut().for_each(|cursor| cursor.seek(row));
            self.update_row();
        }
        self.row
    }

    /// Returns the frequency of the terms in the current row.
    #[inline]
    pub(super) fn tf(&mut self) -> u32 {
        let row = self.row;
        let here = self.cursors.iter_mut().filter(|cursor| cursor.row() == row);
        // Frequencies come from a file, so their sum may overflow.
        here.fold(0, |sum: u32, cursor| sum.saturating_add(cursor.tf()))
    }

    /// Passes the rows below `end` to `take`, from the current one on, each with the frequency of the
    /// terms.
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
