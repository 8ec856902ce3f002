//! Building a lexical index from passages.

use rustc_hash::FxHashMap;

use super::{
    Analyzer, LexicalIndex,
    layout::InvertedBuilder,
    merge::MergedRow,
    norm::PassageNorm,
    postings::{MAX_TF, Posting},
};
use crate::{Language, Result, vector::to_row, work::parallel::parallel_map};

/// Postings that are gathered in memory before they are written into an index of their own; these
/// are merged at the end.
const RUN_POSTINGS: usize = 1 << 22;
/// Fewest passages of a thread: an analyzer caches the terms of words, so more use it better.
const MIN_SHARE: usize = 1 << 11;

/// Takes the passages of a segment one after the other.
pub(super) struct LexicalBuilder {
    analyzer: Analyzer,
    /// Indexes of earlier runs, in order of their rows.
    written: Vec<LexicalIndex>,
    run: Run,
}

impl LexicalIndex {
    /// The index of `passages` in their order, each with the language of its article, built on
    /// as many threads as the current `rayon` pool has. The bytes do not depend on their number.
    ///
    /// # Errors
    ///
    /// Those of [`Analyzer::new`].
    pub(crate) fn build(passages: &[(&str, Option<Language>)]) -> Result<Self> {
        let share = passages.len().div_ceil(rayon::current_num_threads()).max(MIN_SHARE);
        if passages.len() <= share {
            return Self::build_share(passages);
        }
        let shares: Vec<_> = passages.chunks(share).collect();
        let parts = parallel_map(shares.len(), shares.len(), |at| Self::build_share(shares[at]))?;
        Ok(join(&parts))
    }

    /// The index of `passages`, built on this thread.
    fn build_share(passages: &[(&str, Option<Language>)]) -> Result<Self> {
        let mut builder = LexicalBuilder::new()?;
        for (text, language) in passages {
            builder.push(text, *language);
        }
        Ok(builder.seal())
    }
}

/// All rows of `parts`, one part after the other.
fn join(parts: &[LexicalIndex]) -> LexicalIndex {
    let all_rows = (0..)
        .zip(parts)
        .flat_map(|(part, index)| (0..index.len()).map(move |row| MergedRow { part, row }));
    let rows: Vec<MergedRow> = all_rows.collect();
    LexicalIndex::merge(&parts.iter().collect::<Vec<_>>(), &rows)
}

impl LexicalBuilder {
    /// A builder without passages.
    ///
    /// # Errors
    ///
    /// Those of [`Analyzer::new`].
    pub(super) fn new() -> Result<Self> {
        Ok(Self { analyzer: Analyzer::new()?, written: Vec::new(), run: Run::default() })
    }

    /// Adds the passage of the next row.
    pub(super) fn push(&mut self, text: &str, language: Option<Language>) {
        let start = self.run.postings.len();
        let mut length: u32 = 0;
        self.analyzer.terms(text, language, |term, _, _| {
            // A text of 4 billion terms is as long as one of a billion.
            length = length.saturating_add(1);
            self.run.count(term);
        });
        self.run.end_row(start, PassageNorm::new(length, language));
        if self.run.postings.len() >= RUN_POSTINGS {
            self.written.push(std::mem::take(&mut self.run).write());
        }
    }

    /// The index of all passages that were added.
    pub(super) fn seal(mut self) -> LexicalIndex {
        let last = self.run.write();
        if self.written.is_empty() {
            return last;
        }
        self.written.push(last);
        join(&self.written)
    }
}

/// Rows whose postings are in memory.
#[derive(Default)]
struct Run {
    /// The number of each term.
    numbers: FxHashMap<Box<str>, u32>,
    /// By number of the term: in how many rows it is.
    doc_freqs: Vec<u32>,
    /// By number of the term: how often it is in the current row.
    tfs: Vec<u32>,
    /// The postings, row after row.
    postings: Vec<TermCount>,
    /// Where the postings of each row end.
    ends: Vec<usize>,
    norms: Vec<PassageNorm>,
}

/// How often a term is in a row.
#[derive(Clone, Copy)]
struct TermCount {
    number: u32,
    tf: u32,
}

impl Run {
    /// Counts a term of the current row.
    fn count(&mut self, term: &str) {
        let number = if let Some(number) = self.numbers.get(term) {
            *number
        } else {
            let number = to_row(self.tfs.len());
            self.numbers.insert(term.into(), number);
            self.tfs.push(0);
            self.doc_freqs.push(0);
            number
        };
        let tf = &mut self.tfs[number as usize];
        if *tf == 0 {
            self.postings.push(TermCount { number, tf: 0 });
        }
        *tf = (*tf + 1).min(MAX_TF);
    }

    /// Ends the current row, whose postings begin at `start`.
    fn end_row(&mut self, start: usize, norm: PassageNorm) {
        for TermCount { number, tf } in &mut self.postings[start..] {
            *tf = std::mem::take(&mut self.tfs[*number as usize]);
            self.doc_freqs[*number as usize] += 1;
        }
        self.ends.push(self.postings.len());
        self.norms.push(norm);
    }

    /// The index of the rows.
    fn write(self) -> LexicalIndex {
        let mut terms: Vec<(&str, u32)> =
            self.numbers.iter().map(|(term, number)| (&**term, *number)).collect();
        terms.sort_unstable();
        // Where the next posting of each term goes.
        let mut places = vec![0; terms.len()];
        let mut place = 0;
        for &(_, number) in &terms {
            places[number as usize] = place;
            place += self.doc_freqs[number as usize] as usize;
        }
        let mut by_term = vec![Posting::default(); self.postings.len()];
        let mut start = 0;
        for (row, &end) in (0..).zip(&self.ends) {
            for &TermCount { number, tf } in &self.postings[start..end] {
                let place = &mut places[number as usize];
                by_term[*place] = Posting { row, tf };
                *place += 1;
            }
            start = end;
        }
        let mut inverted = InvertedBuilder::default();
        for &(term, number) in &terms {
            let end = places[number as usize];
            let start = end - self.doc_freqs[number as usize] as usize;
            inverted.push(term.as_bytes(), &by_term[start..end]);
        }
        LexicalIndex::of(&self.norms, inverted)
    }
}
