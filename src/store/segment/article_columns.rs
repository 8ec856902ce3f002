//! The columns of a segment's articles and passages.

use super::{
    ContentHash,
    bytes_column::{BytesColumn, BytesColumnTags},
    passage_row::PassageRow,
    segment_record::{HeadRecord, StoredHead},
};
use crate::{
    Passage,
    format::{
        column::Column,
        decode_error::{DecodeError, require},
        lazy_checked::Check,
        sections::{Section, Sections, Tag, short_sum},
    },
};

const KEYS: BytesColumnTags =
    BytesColumnTags { bytes: Tag::Keys, ends: Tag::KeyEnds, checksums: Tag::KeySums };
const HEADS: BytesColumnTags =
    BytesColumnTags { bytes: Tag::Heads, ends: Tag::HeadEnds, checksums: Tag::HeadSums };
const TEXTS: BytesColumnTags =
    BytesColumnTags { bytes: Tag::Texts, ends: Tag::TextEnds, checksums: Tag::TextSums };

/// The sections that are checked as a whole. The bytes of keys, heads and texts have a checksum
/// for each string instead, so that reading one article does not read all of them.
const CHECKED_AS_A_WHOLE: [Tag; 9] = [
    Tag::KeyEnds,
    Tag::KeySums,
    Tag::KeyOrder,
    Tag::HeadEnds,
    Tag::HeadSums,
    Tag::TextEnds,
    Tag::TextSums,
    Tag::ContentHashes,
    Tag::Passages,
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
}

/// Text and heading of a passage.
pub(super) struct PassageText {
    pub(super) text: String,
    pub(super) heading: Option<String>,
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

    /// The passages are a section after the first rows.
    pub(super) fn passage_section(&self) -> Section<'_> {
        Section::new(Tag::Passages, self.passages.as_bytes())
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
        self.passages[row as usize].passage()
    }

    /// Returns text and heading of the passage in `row`, of article `number`; `None` if the
    /// passage lies outside the article or does not match its checksum.
    pub(super) fn passage_text(&self, row: u32, number: u32) -> Option<PassageText> {
        let owned = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
        let stored = &self.passages[row as usize];
        let passage = stored.passage();
        // The passage has its own checksum, so a hit does not read its whole article.
        let article = self.texts.get_unverified(number as usize)?;
        let text = article.get(passage.range)?;
        let Some(heading) = passage.heading else {
            let is_intact = short_sum(&[text]) == stored.checksum;
            return Some(PassageText { text: owned(text)?, heading: None }).filter(|_| is_intact);
        };
        let heading = article.get(heading)?;
        let is_intact = short_sum(&[text, heading]) == stored.checksum;
        let passage = PassageText { text: owned(text)?, heading: Some(owned(heading)?) };
        is_intact.then_some(passage)
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
        require(exist, "the key order names an article that does not exist")
    }
}
