//! Building a lexical index from passages.

use rustc_hash::FxHashMap;

use super::{
    Analyzer, LexicalIndex,
    layout::InvertedBuilder,
    merge::MergedRow,
    noise::is_noise,
    norm::PassageNorm,
    postings::{MAX_TF, Posting},
};
use crate::{Result, language::AnalyzedLanguage, vector::to_u32, work::parallel::parallel_map};

/// Number of postings in memory that ends a run. Each run becomes an index; the last step merges
/// them.
const RUN_POSTINGS: usize = 1 << 22;
/// Minimum number of passages per thread, since each thread fills its own cache of terms.
const MIN_SHARE: usize = 1 << 11;

/// Builds the index of passages that are pushed in the order of their rows.
pub(super) struct LexicalBuilder {
    analyzer: Analyzer,
    /// Indexes of earlier runs, in the order of their rows.
    written: Vec<LexicalIndex>,
    run: Run,
}

impl LexicalIndex {
    /// Builds the index of `passages`, each with the language of its article, in order.
    ///
    /// It uses as many threads as the current `rayon` pool has. Their number does not change the
    /// bytes.
    ///
    /// # Errors
    ///
    /// As [`Analyzer::new`].
    pub(crate) fn build(passages: &[(&str, Option<AnalyzedLanguage>)]) -> Result<Self> {
        let share = passages.len().div_ceil(rayon::current_num_threads()).max(MIN_SHARE);
        if passages.len() <= share {
            return Self::build_share(passages);
        }
        let shares: Vec<_> = passages.chunks(share).collect();
        let parts = parallel_map(shares.len(), shares.len(), |at| Self::build_share(shares[at]))?;
        Ok(join(&parts))
    }

    /// Builds the index of `passages` on this thread.
    fn build_share(passages: &[(&str, Option<AnalyzedLanguage>)]) -> Result<Self> {
        let mut builder = LexicalBuilder::new()?;
        for (text, language) in passages {
            builder.push(text, *language);
        }
        Ok(builder.seal())
    }
}

/// Merges all rows of `parts`, part by part.
fn join(parts: &[LexicalIndex]) -> LexicalIndex {
    let all_rows = (0..)
        .zip(parts)
        .flat_map(|(part, index)| (0..index.len()).map(move |row| MergedRow { part, row }));
    let rows: Vec<MergedRow> = all_rows.collect();
    LexicalIndex::merge(&parts.iter().collect::<Vec<_>>(), &rows)
}

impl LexicalBuilder {
    /// Creates a builder without passages.
    ///
    /// # Errors
    ///
    /// As [`Analyzer::new`].
    pub(super) fn new() -> Result<Self> {
        Ok(Self { analyzer: Analyzer::new()?, written: Vec::new(), run: Run::default() })
    }

    /// Adds the passage of the next row.
    pub(super) fn push(&mut self, text: &str, language: Option<AnalyzedLanguage>) {
        let start = self.run.postings.len();
        let mut length: u32 = 0;
        self.analyzer.terms(text, language, |term, _, _| {
            // A norm holds lengths up to 2^29 only.
            length = length.saturating_add(1);
            self.run.count(term);
        });
        self.run.end_row(start, PassageNorm::new(length, is_noise(text), language));
        if self.run.postings.len() >= RUN_POSTINGS {
            self.written.push(std::mem::take(&mut self.run).write());
        }
    }

    /// Returns the index of all passages.
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
    /// Number of each term.
    numbers: FxHashMap<Box<str>, u32>,
    /// Number of rows with a term, by the number of the term.
    doc_freqs: Vec<u32>,
    /// Frequency of a term in the current row, by the number of the term.
    tfs: Vec<u32>,
    /// Postings, row by row.
    postings: Vec<TermCount>,
    /// End of the postings of each row.
    ends: Vec<usize>,
    norms: Vec<PassageNorm>,
}

/// Frequency of a term in a row.
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
            let number =
                to_u32(self.tfs.len(), "a run has at most 2^22 terms and those of one passage");
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

    /// Builds the index of the rows.
    fn write(self) -> LexicalIndex {
        let mut terms: Vec<(&str, u32)> =
            self.numbers.iter().map(|(term, number)| (&**term, *number)).collect();
        terms.sort_unstable();
        // Position of the next posting of each term.
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
