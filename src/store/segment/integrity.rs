//! Integrity of a segment: a check of every byte and of every relation between the columns.

use super::Segment;
use crate::{
    GraphReport, HnswIndex, Result, format::decode_error::require, vector::to_row,
    vector::vectors::is_unit,
};

impl Segment {
    /// Checks every byte, and searches the graph, if there is one, for each of its vectors.
    pub(crate) fn verify(&self) -> Result<Option<GraphReport>> {
        if let Some(file) = &self.file {
            file.check_all().map_err(|error| error.in_file(file.path()))?;
        }
        let index = self.index.get()?;
        self.verify_keys()?;
        for number in 0..to_row(self.articles()) {
            let article = self.article(number)?;
            self.passages_of(number, &article)?;
            for row in self.rows_of(number)? {
                self.passage_text(row, number)?;
                self.verify_vector(row)?;
            }
        }
        self.verify_words()?;
        self.verify_totals()?;
        self.verify_pieces()?;
        Ok(index.graph().map(HnswIndex::verify))
    }

    /// Checks that the key order sorts the keys, and that no two are equal.
    fn verify_keys(&self) -> Result<()> {
        let mut last: Option<&str> = None;
        for number in self.key_order()? {
            let key = self.key(*number)?;
            if last.is_some_and(|last| last >= key) {
                return Err(self.damaged(*number));
            }
            last = Some(key);
        }
        Ok(())
    }

    fn verify_vector(&self, row: u32) -> Result<()> {
        let is_normalized = is_unit(self.checked_vector(row)?);
        require(is_normalized, "a vector does not have length 1")
            .map_err(|error| error.in_file(self.origin()))
    }

    /// Returns the origin that error messages name.
    pub(super) fn origin(&self) -> String {
        self.file.as_ref().map_or_else(|| "the corpus".to_owned(), |file| file.path().to_string())
    }
}
