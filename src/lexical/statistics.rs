//! Statistics of a corpus: its size, and how frequent the terms of a question are.

use super::{LexicalIndex, QueryTerms};

/// The index of a segment with its removed rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiveIndex<'a> {
    pub(crate) index: &'a LexicalIndex,
    /// Ascending.
    pub(crate) removed: &'a [u32],
    /// Sum of the lengths of the live passages, in terms.
    pub(crate) terms: u64,
}

/// Counts of all live passages of a corpus for the groups of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CorpusStats {
    pub(crate) passages: u64,
    /// Sum of the lengths of all passages, in terms.
    pub(crate) terms: u64,
    /// By group: sum over its terms of the number of passages with the term.
    pub(crate) doc_freqs: Vec<u64>,
}

impl CorpusStats {
    /// Counts the live passages of `indexes` for the groups of `terms`.
    pub(crate) fn gather<'a>(
        terms: &QueryTerms,
        indexes: impl IntoIterator<Item = LiveIndex<'a>>,
    ) -> Self {
        let groups = terms.groups();
        let mut stats = Self { passages: 0, terms: 0, doc_freqs: vec![0; groups.len()] };
        for LiveIndex { index, removed, terms } in indexes {
            stats.passages += u64::from(index.len()) - removed.len() as u64;
            stats.terms += terms;
            for (group, doc_freq) in groups.iter().zip(&mut stats.doc_freqs) {
                let all = group.terms.iter().map(|term| index.doc_freq(term, removed));
                *doc_freq += all.map(u64::from).sum::<u64>();
            }
        }
        stats
    }
}
