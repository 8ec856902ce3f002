//! The pieces of a segment's passages, for late interaction.

use std::sync::Arc;

use rayon::prelude::*;

use super::{
    LiveSegment, Segment,
    article_columns::PassageText,
    bytes_column::{BytesColumn, BytesColumnBuilder, BytesColumnTags},
};
use crate::{
    Error, Result,
    article::{ShownContext, shown_title},
    embed::PieceRows,
    format::{
        decode_error::{DecodeError, require},
        lazy_checked::{Check, LazyChecked},
        sections::{Section, Sections},
        tag::Tag,
    },
    lexical::MergedRow,
    search::late::{self, PieceList},
    work::WorkMonitor,
};

const PIECES: BytesColumnTags =
    BytesColumnTags { bytes: Tag::Pieces, ends: Tag::PieceEnds, checksums: Tag::PieceSums };

/// Number of passages that are cut into pieces at once.
const CUT_AT_ONCE: usize = 1 << 12;

/// The pieces of each passage, by row. Each list has a checksum, so that a search reads only those
/// of its candidates.
#[derive(Debug)]
pub(crate) struct SegmentPieces(LazyChecked<PieceColumn>);

#[derive(Debug)]
struct PieceColumn {
    lists: BytesColumn,
    passages: usize,
    /// The bytes of the current fingerprint.
    fingerprint: [u8; 8],
}

impl SegmentPieces {
    /// Cuts the embedded texts of passages into pieces.
    pub(crate) fn of(texts: &[&str]) -> Result<Self> {
        let rows = PieceRows::bundled()?;
        let mut lists = BytesColumnBuilder::default();
        for texts in texts.chunks(CUT_AT_ONCE) {
            let cut = texts.par_iter().map(|text| PieceList::of(text, &rows).to_bytes());
            cut.collect::<Vec<_>>().iter().for_each(|list| lists.push(list));
        }
        Self::in_memory(lists, texts.len())
    }

    /// Copies `rows` of `segments`. Lists that are missing or damaged are cut from the texts.
    pub(crate) fn merge(
        segments: &[LiveSegment],
        rows: &[MergedRow],
        monitor: WorkMonitor,
    ) -> Result<Self> {
        let piece_rows = PieceRows::bundled()?;
        let mut lists = BytesColumnBuilder::default();
        for from in rows {
            monitor.check()?;
            let segment = segments[from.part as usize].sealed();
            let list = match segment.stored_pieces(from.row, piece_rows.len()) {
                Ok(Some(list)) => list,
                Ok(None) => segment.cut_pieces(from.row, &piece_rows)?,
                Err(Error::Corrupt { origin, fault }) => {
                    tracing::warn!(%origin, fault, "damaged pieces are cut anew from the text");
                    segment.cut_pieces(from.row, &piece_rows)?
                }
                Err(error) => return Err(error),
            };
            lists.push(&list.to_bytes());
        }
        Self::in_memory(lists, rows.len())
    }

    fn in_memory(lists: BytesColumnBuilder, passages: usize) -> Result<Self> {
        let fingerprint = late::fingerprint()?.to_le_bytes();
        let column = PieceColumn { lists: lists.seal(), passages, fingerprint };
        Ok(Self(LazyChecked::in_memory(column)))
    }

    /// Opens the pieces in `sections`; `None` if it has none of the current fingerprint.
    pub(super) fn open(
        sections: &Arc<Sections>,
        passages: usize,
    ) -> Result<Option<Self>, DecodeError> {
        let stored = sections.optional_column::<u8>(Tag::PieceFingerprint)?;
        // A program without a readable model cannot compare pieces.
        let current = late::fingerprint().map(u64::to_le_bytes).ok();
        let Some(fingerprint) = current.filter(|current| stored[..] == *current) else {
            return Ok(None);
        };
        let lists = BytesColumn::open(sections, PIECES)?;
        let column = PieceColumn { lists, passages, fingerprint };
        Ok(Some(Self(LazyChecked::in_file(column, sections))))
    }

    /// The sections of the lists and their fingerprint.
    pub(super) fn sections(&self) -> Result<Vec<Section<'_>>> {
        let column = self.0.get()?;
        let mut sections = column.lists.sections(PIECES).to_vec();
        sections.push(Section::new(Tag::PieceFingerprint, &column.fingerprint));
        Ok(sections)
    }
}

impl Check for PieceColumn {
    fn check(&self, sections: &Sections) -> Result<(), DecodeError> {
        sections.check(&[Tag::PieceEnds, Tag::PieceSums])?;
        self.lists.check(self.passages)
    }
}

impl Segment {
    /// Whether its file has all that searches derive from texts, words and pieces, of the current
    /// version, damaged or not.
    pub(crate) fn is_current(&self) -> bool {
        self.has_current_words() && self.pieces.is_some()
    }

    /// The pieces of the passage in `row`, cut from its text if they are not stored.
    pub(crate) fn pieces(&self, row: u32, rows: &PieceRows) -> Result<PieceList> {
        match self.stored_pieces(row, rows.len())? {
            Some(list) => Ok(list),
            None => self.cut_pieces(row, rows),
        }
    }

    /// The stored pieces of the passage in `row`, of a model with `rows` rows; `None` if there are
    /// none of the current fingerprint.
    fn stored_pieces(&self, row: u32, rows: usize) -> Result<Option<PieceList>> {
        let Some(SegmentPieces(column)) = &self.pieces else { return Ok(None) };
        let list = column.get()?.lists.get(row as usize);
        let list = list.and_then(|bytes| PieceList::from_bytes(bytes, rows));
        match list {
            Some(list) => Ok(Some(list)),
            None => Err(self.damaged(self.article_of(row)?)),
        }
    }

    fn cut_pieces(&self, row: u32, rows: &PieceRows) -> Result<PieceList> {
        Ok(PieceList::of(&self.embedded_text(row)?, rows))
    }

    /// Reads the text that is embedded for the passage in `row`, and no more of its article.
    fn embedded_text(&self, row: u32) -> Result<String> {
        let number = self.article_of(row)?;
        let head = self.head(number)?;
        let passage = self.columns.get()?.passage(row);
        let PassageText { text, heading, table_header } = self.passage_text(row, number)?;
        let context = ShownContext {
            title: shown_title(head.title.as_deref()).filter(|_| passage.titled),
            heading: heading.as_deref(),
            table_header: table_header.as_deref(),
            markup: passage.markup,
        };
        Ok(context.embedded_text(&text))
    }

    /// Compares the stored pieces with those cut from the texts.
    pub(super) fn verify_pieces(&self) -> Result<()> {
        let rows = PieceRows::bundled()?;
        for row in 0..self.len() {
            let Some(stored) = self.stored_pieces(row, rows.len())? else { return Ok(()) };
            let is_same = stored == self.cut_pieces(row, &rows)?;
            let checked = require(is_same, "the pieces of a passage differ from its text");
            checked.map_err(|error| error.in_file(self.origin()))?;
        }
        Ok(())
    }
}
