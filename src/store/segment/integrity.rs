//! Whether the file of a segment is whole: each part of it is looked at once, when it is needed.

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

/// Sections that are read whole before the first article is: all but those whose pieces have
/// checksums of their own.
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

/// The file of a segment, and which parts of it were found to be whole.
pub(super) struct SegmentFile {
    pub(super) sections: Sections,
    first_rows: OnceLock<Result<(), DecodeError>>,
    directory: OnceLock<Result<(), DecodeError>>,
    index: OnceLock<Result<(), DecodeError>>,
}

impl SegmentFile {
    pub(super) fn new(sections: Sections) -> Self {
        let [first_rows, directory, index] = std::array::from_fn(|_| OnceLock::new());
        Self { sections, first_rows, directory, index }
    }

    /// What `check` says, which is asked once.
    fn passed(
        &self,
        gate: &OnceLock<Result<(), DecodeError>>,
        check: impl FnOnce() -> Result<(), DecodeError>,
    ) -> Result<()> {
        gate.get_or_init(check).map_err(|refusal| refusal.about(self.path()))
    }

    /// Its path, to be shown.
    pub(super) fn path(&self) -> path::Display<'_> {
        self.sections.map().path().display()
    }
}

impl Segment {
    /// Makes sure, once, that what is read of a file before its articles is whole.
    pub(super) fn directory(&self) -> Result<&Self> {
        let Some(file) = &self.file else { return Ok(self) };
        let check = || {
            file.sections.check(&DIRECTORY)?;
            self.check_directory()
        };
        file.passed(&file.directory, check)?;
        self.first_rows().map(|_| self)
    }

    /// The row of the first passage of every article, once it is sure that they are whole. They
    /// are all that removing an article needs.
    pub(super) fn first_rows(&self) -> Result<&[u32]> {
        let Some(file) = &self.file else { return Ok(&self.first_rows) };
        let check = || {
            file.sections.check(&[Tag::FirstRows])?;
            self.check_first_rows()
        };
        file.passed(&file.first_rows, check).map(|()| &*self.first_rows)
    }

    fn check_first_rows(&self) -> Result<(), DecodeError> {
        let begins = self.first_rows.first().map_or(self.passages.is_empty(), |first| *first == 0);
        let ends = self.first_rows.last().is_none_or(|last| *last <= self.len());
        let places = begins && ends && self.first_rows.is_sorted();
        require(places, "its passages do not belong to its articles")
    }

    fn check_directory(&self) -> Result<(), DecodeError> {
        let articles = self.articles();
        self.keys.check(articles)?;
        self.heads.check(articles)?;
        self.texts.check(articles)?;
        let numbers = self.key_order.iter().all(|at| (*at as usize) < articles);
        require(numbers, "its order of keys names articles that it does not have")
    }

    /// Makes sure, once, that what is searched is whole.
    pub(super) fn searchable(&self) -> Result<&Self> {
        let Some(file) = &self.file else { return Ok(self) };
        file.passed(&file.index, || self.index.check(&file.sections))?;
        self.directory()
    }

    /// Reads everything, and searches a graph for all its vectors.
    pub(crate) fn verify(&self) -> Result<Option<GraphReport>> {
        if let Some(file) = &self.file {
            let whole = file.sections.check_all();
            whole.map_err(|refusal| refusal.about(file.path()))?;
        }
        self.searchable()?;
        let mut last: Option<&str> = None;
        for at in self.key_order.iter() {
            let key = self.key(*at)?;
            if last.is_some_and(|last| last >= key) {
                return Err(self.damaged(*at));
            }
            last = Some(key);
        }
        for at in 0..to_row(self.articles()) {
            let article = self.article(at)?;
            self.passages_of(at, &article)?;
            for row in self.rows_of(at)? {
                self.excerpt(row, at)?;
                self.verify_vector(row)?;
            }
        }
        self.verify_words()?;
        Ok(self.index.graph().map(HnswIndex::verify))
    }

    fn verify_vector(&self, row: u32) -> Result<()> {
        let unit = is_unit(self.vectors.checked_row(row as usize)?);
        require(unit, "it has a vector that is not of length 1")
            .map_err(|refusal| refusal.about(self.origin()))
    }

    /// What errors name.
    pub(super) fn origin(&self) -> String {
        self.file.as_ref().map_or_else(|| "the corpus".to_owned(), |file| file.path().to_string())
    }
}
