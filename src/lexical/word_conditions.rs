//! Conditions on the words of passages, looked up in posting lists.

use std::collections::BTreeSet;

use super::{
    Analyzer, LexicalIndex, QueryTerms, dictionary::TermEntry, postings::END,
    query_terms::terms_of_words, term_group::TermGroupCursor,
};
use crate::RowSet;

/// Words that a passage must have, and words that it must not have.
///
/// A passage has a word if it has one of the terms of the word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WordConditions {
    /// The terms of each word that a passage must have.
    pub(crate) required: BTreeSet<BTreeSet<String>>,
    /// The terms of all words that a passage must not have.
    pub(crate) excluded: BTreeSet<String>,
}

impl WordConditions {
    /// Requires every word of `text`.
    pub(crate) fn require(&mut self, text: &str, analyzer: &mut Analyzer) {
        self.required.extend(terms_of_words(text, analyzer));
    }

    /// Excludes every word of `text`.
    pub(crate) fn exclude(&mut self, text: &str, analyzer: &mut Analyzer) {
        self.excluded.extend(terms_of_words(text, analyzer).into_iter().flatten());
    }

    /// Returns whether every passage meets the conditions.
    pub(crate) fn is_empty(&self) -> bool {
        self.required.is_empty() && self.excluded.is_empty()
    }
}

impl LexicalIndex {
    /// Returns the rows that meet `conditions`.
    pub(crate) fn rows_meeting(&self, conditions: &WordConditions) -> RowSet {
        let mut rows = self.rows_with_all(&conditions.required);
        for entry in self.entries(&conditions.excluded) {
            self.cursor(&entry).read_to(END, |posting| _ = rows.remove(posting.row));
        }
        rows
    }

    /// Returns the rows with a term of `question`.
    pub(crate) fn rows_with_any(&self, question: &QueryTerms) -> RowSet {
        let mut rows = RowSet::none(self.len());
        let terms = question.groups().iter().flat_map(|group| self.entries(&group.terms));
        for entry in terms {
            self.cursor(&entry).read_to(END, |posting| _ = rows.insert(posting.row));
        }
        rows
    }

    /// Returns the rows with a term of each group.
    fn rows_with_all(&self, groups: &BTreeSet<BTreeSet<String>>) -> RowSet {
        let mut groups: Vec<_> = groups.iter().map(|terms| self.entries(terms)).collect();
        // The rarest group is read whole, and its rows are looked up in the others.
        groups.sort_by_key(|entries| {
            entries.iter().map(|entry| u64::from(entry.doc_freq)).sum::<u64>()
        });
        let Some((rarest, others)) = groups.split_first() else { return RowSet::all(self.len()) };
        let mut rows = RowSet::none(self.len());
        self.group_of(rarest).read_to(END, |posting| _ = rows.insert(posting.row));
        for entries in others {
            let mut cursor = self.group_of(entries);
            let without = rows.iter().filter(|row| cursor.seek(*row) != *row);
            for row in without.collect::<Vec<_>>() {
                rows.remove(row);
            }
        }
        rows
    }

    /// Returns the dictionary entries of those of `terms` that a row has.
    fn entries(&self, terms: &BTreeSet<String>) -> Vec<TermEntry> {
        let dictionary = self.dictionary();
        terms.iter().filter_map(|term| dictionary.find(term.as_bytes())).collect()
    }

    /// Returns a cursor over the rows with a term of `entries`, without a bound of scores.
    fn group_of(&self, entries: &[TermEntry]) -> TermGroupCursor<'_> {
        TermGroupCursor::new(0.0, entries.iter().map(|entry| self.cursor(entry)).collect())
    }
}
