//! The stored form of a passage: one row of fixed size, as it lies in the file.

use bytemuck::{Pod, Zeroable};

use crate::{Article, Error, Passage, Result, format::sections::short_sum};

/// Version of [`Passage::text_in_context`], the text that is embedded.
///
/// It is raised whenever that text changes, so that no vector of the older text is reused.
const CONTEXT_VERSION: u32 = 1;

/// Start and end of a heading that does not exist.
const NO_HEADING: u32 = u32::MAX;

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
    /// 1 if the title is embedded with the passage, else 0.
    titled: u32,
    /// Checksum of the passage's text followed by its heading.
    pub(super) checksum: u32,
    context_version: u32,
}

impl PassageRow {
    /// The row of `passage`, which lies within `article`.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] if an offset or the number of tokens does not fit 32 bits.
    pub(super) fn new(article: &Article, passage: &Passage) -> Result<Self> {
        let bytes = article.text.as_bytes();
        let text = &bytes[passage.range.clone()];
        let mut row = Self {
            start: fits_u32(passage.range.start)?,
            end: fits_u32(passage.range.end)?,
            heading_start: NO_HEADING,
            heading_end: NO_HEADING,
            tokens: fits_u32(passage.tokens)?,
            titled: u32::from(passage.titled),
            checksum: short_sum(&[text]),
            context_version: CONTEXT_VERSION,
        };
        if let Some(heading) = &passage.heading {
            row.heading_start = fits_u32(heading.start)?;
            row.heading_end = fits_u32(heading.end)?;
            row.checksum = short_sum(&[text, &bytes[heading.clone()]]);
        }
        Ok(row)
    }

    /// The passage; its ranges may lie outside the article if the file is damaged.
    pub(super) fn passage(&self) -> Passage {
        let heading = self.heading_start as usize..self.heading_end as usize;
        Passage {
            range: self.start as usize..self.end as usize,
            heading: (self.heading_start != NO_HEADING).then_some(heading),
            titled: self.titled != 0,
            tokens: self.tokens as usize,
        }
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
