//! The rows that the passages of each article take.

use std::ops::Range;

use crate::{
    format::{
        column::Column,
        decode_error::{DecodeError, require},
        lazy_checked::Check,
        sections::{Section, Sections},
        tag::Tag,
    },
    vector::to_row,
};

/// Row of the first passage of each article.
///
/// Invariant after its check: the rows start at 0, ascend, and end at or before the last passage.
#[derive(Debug)]
pub(super) struct FirstRows {
    first_rows: Column<u32>,
    /// Number of passages in the segment.
    passages: u32,
}

impl FirstRows {
    pub(super) fn new(first_rows: Column<u32>, passages: u32) -> Self {
        Self { first_rows, passages }
    }

    pub(super) fn section(&self) -> Section<'_> {
        Section::new(Tag::FirstRows, self.first_rows.as_bytes())
    }

    /// Returns the first row of article `number`; for one past the last article, the number of
    /// passages.
    pub(super) fn first_row(&self, number: u32) -> u32 {
        self.first_rows.get(number as usize).copied().unwrap_or(self.passages)
    }

    /// Returns the rows of article `number`.
    pub(super) fn rows_of(&self, number: u32) -> Range<u32> {
        self.first_row(number)..self.first_row(number + 1)
    }

    /// Returns the number of the article of `row`, which is a row of the segment.
    pub(super) fn article_of(&self, row: u32) -> u32 {
        // Articles without passages share their first row with the next: the last wins.
        to_row(self.first_rows.partition_point(|first| *first <= row) - 1)
    }
}

impl Check for FirstRows {
    fn check(&self, sections: &Sections) -> Result<(), DecodeError> {
        sections.check(&[Tag::FirstRows])?;
        let starts_at_zero =
            self.first_rows.first().map_or(self.passages == 0, |first| *first == 0);
        let ends_inside = self.first_rows.last().is_none_or(|last| *last <= self.passages);
        let is_partition = starts_at_zero && ends_inside && self.first_rows.is_sorted();
        require(is_partition, "the first rows of the articles do not divide the passages")
    }
}
