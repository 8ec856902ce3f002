//! The stored form of a passage: one row of fixed size as it lies in the file, and a row of its own
//! for the header of a table.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use crate::{Article, Error, Markup, Passage, Result, format::sections::short_sum};

/// Version of [`Passage::text_in_context`], the text that is embedded.
///
/// It is raised whenever that text changes, so that no vector of the older text is reused.
const CONTEXT_VERSION: u32 = 1;

/// Start and end of a heading that does not exist.
const NO_HEADING: u32 = u32::MAX;

/// Flag of a passage that is embedded with the title of its article.
const TITLED: u32 = 1;

/// Flag of a passage of a Markdown article.
const MARKDOWN: u32 = 2;

/// Flag of a passage that begins inside the code of a Markdown article.
const INSIDE_CODE: u32 = 4;

/// A passage; offsets are bytes of the article's text.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(super) struct PassageRow {
    start: u32,
    end: u32,
    /// [`NO_HEADING`] without a heading.
    heading_start: u32,
    /// [`NO_HEADING`] without a heading.
    heading_end: u32,
    tokens: u32,
    /// [`TITLED`], [`MARKDOWN`] and [`INSIDE_CODE`].
    flags: u32,
    /// Checksum of the passage's text followed by its heading and the header row of its table.
    pub(super) checksum: u32,
    context_version: u32,
}

/// The header row of the table that a passage continues; offsets are bytes of the article's text.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(super) struct TableHeaderRow {
    /// Row of the passage.
    row: u32,
    start: u32,
    end: u32,
}

impl TableHeaderRow {
    /// The header row of `passage`, which has the row `row`; `None` if it has none.
    pub(super) fn new(row: u32, passage: &Passage) -> Result<Option<Self>> {
        let Some(header) = &passage.table_header else { return Ok(None) };
        Ok(Some(Self { row, start: fits_u32(header.start)?, end: fits_u32(header.end)? }))
    }

    /// Row of the passage.
    pub(super) fn row(&self) -> u32 {
        self.row
    }

    /// The header row of the same table for the passage in row `row` of another segment.
    pub(super) fn at(self, row: u32) -> Self {
        Self { row, ..self }
    }

    pub(super) fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl PassageRow {
    /// The row of `passage`, which lies within `article`.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] if an offset or the number of tokens does not fit 32 bits.
    pub(super) fn new(article: &Article, passage: &Passage) -> Result<Self> {
        let bytes = |range: &Range<usize>| &article.text.as_bytes()[range.clone()];
        let context = passage.heading.iter().chain(&passage.table_header).map(bytes);
        let pieces: Vec<&[u8]> = std::iter::once(bytes(&passage.range)).chain(context).collect();
        let flag = |is_set: bool, flag: u32| if is_set { flag } else { 0 };
        let mut row = Self {
            start: fits_u32(passage.range.start)?,
            end: fits_u32(passage.range.end)?,
            heading_start: NO_HEADING,
            heading_end: NO_HEADING,
            tokens: fits_u32(passage.tokens)?,
            flags: flag(passage.titled, TITLED)
                | flag(article.markup == Markup::Markdown, MARKDOWN)
                | flag(article.markup != passage.markup, INSIDE_CODE),
            checksum: short_sum(&pieces),
            context_version: CONTEXT_VERSION,
        };
        if let Some(heading) = &passage.heading {
            row.heading_start = fits_u32(heading.start)?;
            row.heading_end = fits_u32(heading.end)?;
        }
        Ok(row)
    }

    /// The passage, which continues a table below `table_header`.
    ///
    /// Its ranges may lie outside the article if the file is damaged.
    pub(super) fn passage(&self, table_header: Option<Range<usize>>) -> Passage {
        let heading = self.heading_start as usize..self.heading_end as usize;
        Passage {
            range: self.start as usize..self.end as usize,
            heading: (self.heading_start != NO_HEADING).then_some(heading),
            table_header,
            markup: if self.flags & INSIDE_CODE == 0 { self.markup() } else { Markup::Plain },
            titled: self.flags & TITLED != 0,
            tokens: self.tokens as usize,
        }
    }

    /// Markup of the passage's article.
    pub(super) fn markup(&self) -> Markup {
        if self.flags & MARKDOWN == 0 { Markup::Plain } else { Markup::Markdown }
    }

    /// Whether the embedded text was put together by the present [`CONTEXT_VERSION`].
    pub(super) fn has_current_context(&self) -> bool {
        self.context_version == CONTEXT_VERSION
    }
}

fn fits_u32(got: usize) -> Result<u32> {
    let what = "bytes or tokens in one article";
    u32::try_from(got).map_err(|_| Error::TooLarge { what, got, limit: u32::MAX as usize })
}
