//! Integrity of segment files: every section is checked once, before its first use.

use std::{path, sync::OnceLock};

use super::Segment;
use crate::{
    GraphReport, HnswIndex, Result,
    format::{
        decode_error::{DecodeError, require},
        sections::{Sections, Tag},
    },
    vector::{to_row, vectors::is_unit},
};

/// Sections that are checked as a whole before the first article is read. The others store a
/// checksum for each element.
const DIRECTORY: [Tag; 9] = [
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

/// The file of a segment with the outcomes of its checks.
pub(super) struct SegmentFile {
    pub(super) sections: Sections,
    first_rows: OnceLock<Result<(), DecodeError>>,
    directory: OnceLock<Result<(), DecodeError>>,
    index: OnceLock<Result<(), DecodeError>>,
}

impl SegmentFile {
    pub(super) fn new(sections: Sections) -> Self {
        Self {
            sections,
            first_rows: OnceLock::new(),
            directory: OnceLock::new(),
            index: OnceLock::new(),
        }
    }

    /// The outcome of `check`, which runs once and is kept in `outcome`.
    fn check_once(
        &self,
        outcome: &OnceLock<Result<(), DecodeError>>,
        check: impl FnOnce() -> Result<(), DecodeError>,
    ) -> Result<()> {
        outcome.get_or_init(check).map_err(|error| error.in_file(self.path()))
    }

    /// Its path, for error messages.
    pub(super) fn path(&self) -> path::Display<'_> {
        self.sections.file().path().display()
    }
}

impl Segment {
    /// Checks, once, the sections that reading an article relies on.
    pub(super) fn directory(&self) -> Result<&Self> {
        let Some(file) = &self.file else { return Ok(self) };
        let check = || {
            file.sections.check(&DIRECTORY)?;
            self.check_directory()
        };
        file.check_once(&file.directory, check)?;
        self.first_rows().map(|_| self)
    }

    /// The row of the first passage of each article, checked once. Removing an article reads
    /// nothing else.
    pub(super) fn first_rows(&self) -> Result<&[u32]> {
        let Some(file) = &self.file else { return Ok(&self.first_rows) };
        let check = || {
            file.sections.check(&[Tag::FirstRows])?;
            self.check_first_rows()
        };
        file.check_once(&file.first_rows, check).map(|()| &*self.first_rows)
    }

    fn check_first_rows(&self) -> Result<(), DecodeError> {
        let starts_at_zero =
            self.first_rows.first().map_or(self.passages.is_empty(), |first| *first == 0);
        let ends_inside = self.first_rows.last().is_none_or(|last| *last <= self.len());
        let is_partition = starts_at_zero && ends_inside && self.first_rows.is_sorted();
        require(is_partition, "the first rows of the articles do not divide the passages")
    }

    fn check_directory(&self) -> Result<(), DecodeError> {
        let articles = self.articles();
        self.keys.check(articles)?;
        self.heads.check(articles)?;
        self.texts.check(articles)?;
        let exist = self.key_order.iter().all(|number| (*number as usize) < articles);
        require(exist, "the key order names an article that does not exist")
    }

    /// Checks, once, the vector index and the directory.
    pub(super) fn searchable(&self) -> Result<&Self> {
        let Some(file) = &self.file else { return Ok(self) };
        file.check_once(&file.index, || self.index.check(&file.sections))?;
        self.directory()
    }

    /// Checks every byte, and searches the graph, if there is one, for each of its vectors.
    pub(crate) fn verify(&self) -> Result<Option<GraphReport>> {
        if let Some(file) = &self.file {
            let checked = file.sections.check_all();
            checked.map_err(|error| error.in_file(file.path()))?;
        }
        self.searchable()?;
        let mut last: Option<&str> = None;
        for number in self.key_order.iter() {
            let key = self.key(*number)?;
            if last.is_some_and(|last| last >= key) {
                return Err(self.damaged(*number));
            }
            last = Some(key);
        }
        for number in 0..to_row(self.articles()) {
            let article = self.article(number)?;
            self.passages_of(number, &article)?;
            for row in self.rows_of(number)? {
                self.passage_text(row, number)?;
                self.verify_vector(row)?;
            }
        }
        self.verify_words()?;
        Ok(self.index.graph().map(HnswIndex::verify))
    }

    fn verify_vector(&self, row: u32) -> Result<()> {
        let is_normalized = is_unit(self.vectors.checked_row(row as usize)?);
        require(is_normalized, "a vector does not have length 1")
            .map_err(|error| error.in_file(self.origin()))
    }

    /// The origin that error messages name.
    pub(super) fn origin(&self) -> String {
        self.file.as_ref().map_or_else(|| "the corpus".to_owned(), |file| file.path().to_string())
    }
}
