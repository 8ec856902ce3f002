//! Merging lexical indexes.

use super::{
    LexicalIndex,
    dictionary::TermStream,
    layout::InvertedBuilder,
    norm::PassageNorm,
    postings::{END, Posting, PostingCursor},
};

impl LexicalIndex {
    /// Merges the given rows of each part, which ascend. The result equals the index that a build
    /// from their passages gives; rows are renumbered part by part.
    pub(crate) fn merge(parts: &[(&Self, &[u32])]) -> Self {
        let norms: Vec<PassageNorm> =
            parts.iter().flat_map(|(part, rows)| rows.iter().map(|row| part.norm(*row))).collect();
        let mut next = 0..;
        let mut parts: Vec<MergePart> =
            parts.iter().map(|(index, rows)| MergePart::new(index, rows, &mut next)).collect();
        let mut inverted = InvertedBuilder::default();
        let mut term = Vec::new();
        let mut postings = Vec::new();
        while let Some(smallest) = parts.iter().filter_map(MergePart::term).min() {
            term.clear();
            term.extend_from_slice(smallest);
            postings.clear();
            for part in &mut parts {
                part.take(&term, &mut postings);
            }
            // A term that only removed passages have is dropped.
            if !postings.is_empty() {
                inverted.push(&term, &postings);
            }
        }
        Self::of(&norms, inverted)
    }
}

/// Input of a merge, read term by term.
struct MergePart<'a> {
    index: &'a LexicalIndex,
    terms: TermStream<'a>,
    /// New number of each row; [`END`] for rows that are dropped.
    numbers: Vec<u32>,
}

impl<'a> MergePart<'a> {
    /// Reads the `rows` of `index`, which get the `next` numbers.
    fn new(index: &'a LexicalIndex, rows: &[u32], next: &mut impl Iterator<Item = u32>) -> Self {
        let mut numbers = vec![END; index.len() as usize];
        for (row, number) in rows.iter().zip(next) {
            numbers[*row as usize] = number;
        }
        let mut terms = index.dictionary().stream();
        terms.advance();
        Self { index, terms, numbers }
    }

    /// The current term; `None` at the end.
    fn term(&self) -> Option<&[u8]> {
        self.terms.current().map(|(term, _)| term)
    }

    /// Adds the postings of `term` to `postings` and advances, if `term` is the current term.
    fn take(&mut self, term: &[u8], postings: &mut Vec<Posting>) {
        let entry = self.terms.current().filter(|(current, _)| *current == term);
        let Some((_, entry)) = entry else { return };
        let list = &self.index.postings()[entry.list.clone()];
        PostingCursor::new(entry.doc_freq, list).read_to(END, |posting| {
            let row = self.numbers[posting.row as usize];
            if row != END {
                postings.push(Posting { row, ..posting });
            }
        });
        self.terms.advance();
    }
}
