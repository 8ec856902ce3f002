//! What the terms of a question are worth in a corpus.

use super::{
    LexicalIndex, Terms,
    score::{K1, Weigher},
};
use crate::Result;

/// The index of a segment with what is alive of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live<'a> {
    pub(crate) index: &'a LexicalIndex,
    /// The rows that were removed, in ascending order.
    pub(crate) removed: &'a [u32],
    /// Number of words in the live passages.
    pub(crate) terms: u64,
}

/// Passages, words and the passages with each group of terms, over all segments of a corpus.
#[derive(Debug)]
pub(crate) struct Statistics {
    passages: u64,
    words: u64,
    /// By group: how many passages have one of its terms.
    rows_with: Vec<u64>,
    /// By group: its weight times its inverse document frequency.
    worth: Vec<f32>,
    /// The groups: what adds most to a score first, of equal ones what comes first.
    order: Vec<usize>,
}

impl Statistics {
    /// The statistics of the groups of `terms` over what is alive of each of `indexes`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](crate::Error::Corrupt) if an index cannot be read.
    pub(crate) fn gather<'a>(
        terms: &Terms,
        indexes: impl IntoIterator<Item = Live<'a>>,
    ) -> Result<Self> {
        let groups = &terms.groups;
        let (mut passages, mut words, mut rows_with) = (0, 0, vec![0; groups.len()]);
        for Live { index, removed, terms } in indexes {
            passages += u64::from(index.len()) - removed.len() as u64;
            words += terms;
            for (group, rows_with) in groups.iter().zip(&mut rows_with) {
                for term in &group.terms {
                    *rows_with += u64::from(index.rows_with(term, removed)?);
                }
            }
        }
        // A passage has terms of one language, so hardly any is counted twice.
        for rows in &mut rows_with {
            *rows = passages.min(*rows);
        }
        let worth = groups.iter().zip(&rows_with);
        let worth = worth.map(|(group, rows)| group.weight * idf(*rows, passages));
        let worth: Vec<f32> = worth.collect();
        let mut order: Vec<usize> = (0..worth.len()).collect();
        order.sort_by(|a, b| worth[*b].total_cmp(&worth[*a]));
        Ok(Self { passages, words, rows_with, worth, order })
    }

    /// The highest score that is possible: that of a passage which says nothing but the
    /// question, without end. Terms that no passage has count as the rarest ones do.
    pub(crate) fn most(&self) -> f32 {
        (K1 + 1.0) * self.worth.iter().sum::<f32>()
    }

    /// The groups: what adds most to a score first, of equal ones what comes first.
    pub(super) fn order(&self) -> impl Iterator<Item = usize> {
        self.order.iter().copied()
    }

    /// In how many passages one of the terms of `group` is.
    pub(super) fn rows_with(&self, group: usize) -> u64 {
        self.rows_with[group]
    }

    /// The inverse document frequency of `group`.
    pub(super) fn idf(&self, group: usize) -> f32 {
        idf(self.rows_with[group], self.passages)
    }

    /// The most that `group` adds to a score.
    pub(super) fn top(&self, group: usize) -> f32 {
        (K1 + 1.0) * self.worth[group]
    }

    /// How lengths of passages count.
    #[expect(clippy::cast_precision_loss, reason = "a mean has no more digits")]
    pub(super) fn weigher(&self) -> Weigher {
        Weigher::new(self.words as f32 / self.passages.max(1) as f32)
    }
}

/// The inverse document frequency of what is in `rows` of `passages`; never negative.
///
/// # Source
///
/// Robertson & Zaragoza (2009), *The Probabilistic Relevance Framework*, with the 1 inside of
/// the logarithm that Lucene adds.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a weight")]
fn idf(rows: u64, passages: u64) -> f32 {
    let (rows, passages) = (rows as f64, passages as f64);
    ((passages - rows + 0.5) / (rows + 0.5)).ln_1p() as f32
}
