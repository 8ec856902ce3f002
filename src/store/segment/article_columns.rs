//! The columns of a segment's articles and passages.

use std::{iter, ops::Range};

use super::{
    bytes_column::{BytesColumn, BytesColumnTags},
    passage_row::{PassageRow, TableHeaderRow},
};
use crate::{
    Markup, Passage,
    format::{
        column::Column,
        decode_error::{DecodeError, require},
        head_record::{HeadRecord, StoredHead},
        lazy_checked::Check,
        sections::{Section, Sections, short_sum},
        tag::Tag,
    },
    text::ContentHash,
};

const KEYS: BytesColumnTags =
    BytesColumnTags { bytes: Tag::Keys, ends: Tag::KeyEnds, checksums: Tag::KeySums };
const HEADS: BytesColumnTags =
    BytesColumnTags { bytes: Tag::Heads, ends: Tag::HeadEnds, checksums: Tag::HeadSums };
const TEXTS: BytesColumnTags =
    BytesColumnTags { bytes: Tag::Texts, ends: Tag::TextEnds, checksums: Tag::TextSums };

/// The sections that are checked as a whole. The bytes of keys, heads and texts have a checksum
/// for each string instead, so that reading one article does not read all of them.
const CHECKED_AS_A_WHOLE: [Tag; 11] = [
    Tag::KeyEnds,
    Tag::KeySums,
    Tag::KeyOrder,
    Tag::HeadEnds,
    Tag::HeadSums,
    Tag::TextEnds,
    Tag::TextSums,
    Tag::ContentHashes,
    Tag::Passages,
    Tag::TableHeaders,
    Tag::MarkdownWithoutPassages,
];

/// Articles by number, and passages by row.
#[derive(Debug)]
pub(super) struct ArticleColumns {
    pub(super) keys: BytesColumn,
    /// Article numbers, sorted by key.
    pub(super) key_order: Column<u32>,
    pub(super) heads: BytesColumn,
    pub(super) texts: BytesColumn,
    pub(super) content_hashes: Column<ContentHash>,
    pub(super) passages: Column<PassageRow>,
    /// In ascending order of their rows; empty in a file without tables.
    pub(super) table_headers: Column<TableHeaderRow>,
    /// Markdown articles without passages, in ascending order; mostly none.
    pub(super) markdown_without_passages: Column<u32>,
}

/// Text, heading and table header of a passage.
pub(super) struct PassageText {
    pub(super) text: String,
    pub(super) heading: Option<String>,
    pub(super) table_header: Option<String>,
}

impl ArticleColumns {
    /// Opens the columns without reading their content.
    pub(super) fn open(sections: &Sections) -> Result<Self, DecodeError> {
        Ok(Self {
            keys: BytesColumn::open(sections, KEYS)?,
            key_order: sections.column(Tag::KeyOrder)?,
            heads: BytesColumn::open(sections, HEADS)?,
            texts: BytesColumn::open(sections, TEXTS)?,
            content_hashes: sections.column(Tag::ContentHashes)?,
            passages: sections.column(Tag::Passages)?,
            table_headers: sections.optional_column(Tag::TableHeaders)?,
            markdown_without_passages: sections.optional_column(Tag::MarkdownWithoutPassages)?,
        })
    }

    /// Whether the columns hold this number of articles and of passages.
    pub(super) fn have_lengths(&self, articles: usize, passages: usize) -> bool {
        self.key_order.len() == articles
            && self.content_hashes.len() == articles
            && self.passages.len() == passages
    }

    pub(super) fn sections(&self) -> Vec<Section<'_>> {
        let mut sections = self.keys.sections(KEYS).to_vec();
        sections.push(Section::new(Tag::KeyOrder, self.key_order.as_bytes()));
        sections.extend(self.heads.sections(HEADS));
        sections.extend(self.texts.sections(TEXTS));
        sections.push(Section::new(Tag::ContentHashes, self.content_hashes.as_bytes()));
        sections
    }

    /// The passages are a section after the first rows; what only Markdown has follows.
    pub(super) fn passage_sections(&self) -> Vec<Section<'_>> {
        let mut sections = vec![Section::new(Tag::Passages, self.passages.as_bytes())];
        if !self.table_headers.is_empty() {
            sections.push(Section::new(Tag::TableHeaders, self.table_headers.as_bytes()));
        }
        let without_passages = &self.markdown_without_passages;
        if !without_passages.is_empty() {
            sections.push(Section::new(Tag::MarkdownWithoutPassages, without_passages.as_bytes()));
        }
        sections
    }

    /// Returns the key of article `number`; `None` if it is damaged.
    pub(super) fn key(&self, number: u32) -> Option<&str> {
        self.keys.text(number as usize)
    }

    /// Returns the head of article `number`; `None` if it is damaged.
    pub(super) fn head(&self, number: u32) -> Option<StoredHead> {
        HeadRecord::decode(self.heads.get(number as usize)?)
    }

    /// Returns the text of article `number`; `None` if it is damaged.
    pub(super) fn text(&self, number: u32) -> Option<&str> {
        self.texts.text(number as usize)
    }

    /// Returns the passage in `row`. Its ranges are those of the file: they may lie outside the
    /// article.
    pub(super) fn passage(&self, row: u32) -> Passage {
        let header = self.table_headers_of(row..row + 1).first().map(TableHeaderRow::range);
        self.passages[row as usize].passage(header)
    }

    /// Returns the table headers of the passages in `rows`.
    pub(super) fn table_headers_of(&self, rows: Range<u32>) -> &[TableHeaderRow] {
        let start = self.table_headers.partition_point(|header| header.row() < rows.start);
        let len = self.table_headers[start..].partition_point(|header| header.row() < rows.end);
        &self.table_headers[start..start + len]
    }

    /// Returns the markup of article `number`, whose passages are in `rows`.
    pub(super) fn markup_of(&self, number: u32, rows: Range<u32>) -> Markup {
        // Every passage stores the markup of its article.
        if !rows.is_empty() {
            return self.passages[rows.start as usize].markup();
        }
        let is_markdown = self.markdown_without_passages.binary_search(&number).is_ok();
        if is_markdown { Markup::Markdown } else { Markup::Plain }
    }

    /// Returns the texts of the passage in `row`, of article `number`; `None` if the passage lies
    /// outside the article or does not match its checksum.
    pub(super) fn passage_text(&self, row: u32, number: u32) -> Option<PassageText> {
        let Passage { range, heading, table_header, .. } = self.passage(row);
        // The passage has its own checksum, so a hit does not read its whole article.
        let article = self.texts.get_unverified(number as usize)?;
        let text = article.get(range)?;
        let heading = heading.map(|range| article.get(range).ok_or(())).transpose().ok()?;
        let header = table_header.map(|range| article.get(range).ok_or(())).transpose().ok()?;
        let pieces: Vec<&[u8]> = iter::once(text).chain(heading).chain(header).collect();
        if short_sum(&pieces) != self.passages[row as usize].checksum {
            return None;
        }
        let owned = |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_owned);
        Some(PassageText {
            text: owned(text).ok()?,
            heading: heading.map(owned).transpose().ok()?,
            table_header: header.map(owned).transpose().ok()?,
        })
    }
}

impl Check for ArticleColumns {
    fn check(&self, sections: &Sections) -> Result<(), DecodeError> {
        sections.check(&CHECKED_AS_A_WHOLE)?;
        let articles = self.content_hashes.len();
        self.keys.check(articles)?;
        self.heads.check(articles)?;
        self.texts.check(articles)?;
        let exist = self.key_order.iter().all(|number| (*number as usize) < articles);
        require(exist, "the key order names an article that does not exist")?;
        let is_sorted = self.table_headers.is_sorted_by(|a, b| a.row() < b.row());
        let last = self.table_headers.last();
        let exist = last.is_none_or(|last| (last.row() as usize) < self.passages.len());
        require(is_sorted && exist, "the table headers do not match the passages")?;
        let markdown = &self.markdown_without_passages;
        let is_sorted = markdown.is_sorted_by(|a, b| a < b);
        let exist = markdown.last().is_none_or(|last| (*last as usize) < articles);
        require(is_sorted && exist, "the list of Markdown articles does not match the articles")
    }
}
