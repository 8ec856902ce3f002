//! Merging lexical indexes.

use super::{
    LexicalIndex,
    dictionary::TermStream,
    layout::InvertedBuilder,
    norm::PassageNorm,
    postings::{END, Posting, PostingCursor},
};

impl LexicalIndex {
    /// Merges `rows` of several indexes; row `i` of the result is the passage of `rows[i]`.
    ///
    /// Each row occurs once at most. The result is the index built from the passages of `rows`.
    pub(crate) fn merge(indexes: &[&Self], rows: &[MergedRow]) -> Self {
        let norms: Vec<PassageNorm> =
            rows.iter().map(|from| indexes[from.part as usize].norm(from.row)).collect();
        let mut parts: Vec<MergePart> = indexes.iter().map(|index| MergePart::new(index)).collect();
        for (number, from) in (0..).zip(rows) {
            parts[from.part as usize].numbers[from.row as usize] = number;
        }
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
            // Most parts keep their order, so the stable sort merges a few ascending runs.
            postings.sort_by_key(|posting| posting.row);
            // A term that only removed passages have is dropped.
            if !postings.is_empty() {
                inverted.push(&term, &postings);
            }
        }
        Self::of(&norms, inverted)
    }
}

/// A row of one of the indexes to merge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MergedRow {
    /// Position of the index.
    pub(crate) part: u32,
    pub(crate) row: u32,
}

/// Input of a merge, read term by term.
struct MergePart<'a> {
    index: &'a LexicalIndex,
    terms: TermStream<'a>,
    /// New number of each row; [`END`] for rows that are dropped.
    numbers: Vec<u32>,
}

impl<'a> MergePart<'a> {
    /// Reads `index`; all of its rows are dropped until they get numbers.
    fn new(index: &'a LexicalIndex) -> Self {
        let numbers = vec![END; index.len() as usize];
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
