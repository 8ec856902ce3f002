//! A lexical index that is being built.

use std::io;

use rustc_hash::FxHashMap;

use super::{
    Analyzer, LexicalIndex,
    extent::Extent,
    inverted::{self, Posting},
};
use crate::{Cause, Error, Language, Result, vector::as_rows, work::parallel::share_out};

/// Postings that are gathered before they are written: more are written in several indexes, which
/// are merged.
const GATHERED: usize = 1 << 22;

/// Takes the passages of a segment one after the other.
pub(crate) struct LexicalDraft {
    analyzer: Analyzer,
    /// What was written already, in order of the rows.
    written: Vec<LexicalIndex>,
    run: Run,
}

/// Rows whose postings are in memory.
#[derive(Default)]
struct Run {
    /// The numbers of the terms.
    numbers: FxHashMap<Box<str>, u32>,
    /// By number of the term: in how many rows it is.
    rows_with: Vec<u32>,
    /// By number of the term: how often it is in the row that is being counted.
    times: Vec<u32>,
    /// Number of the term and how often it is there, row after row.
    postings: Vec<(u32, u32)>,
    /// Where the postings of each row end.
    ends: Vec<usize>,
    /// The extent of each row.
    extents: Vec<Extent>,
}

/// Passages that are taken in by one thread at a time, at least: an analyzer is worth keeping.
const AT_ONCE: usize = 1 << 11;

impl LexicalIndex {
    /// The index of `passages` in their order, each with the language of its article, built on
    /// as many threads as the current `rayon` pool has; the same bytes for any number of them.
    ///
    /// # Errors
    ///
    /// [`Error::Lexical`] if it would be larger than an index can be.
    pub(crate) fn build(passages: &[(&str, Option<Language>)]) -> Result<Self> {
        let built = |passages: &[(&str, Option<Language>)]| {
            let mut draft = LexicalDraft::new()?;
            passages.iter().try_for_each(|(text, language)| draft.push(text, *language))?;
            draft.seal()
        };
        let share = passages.len().div_ceil(rayon::current_num_threads()).max(AT_ONCE);
        if passages.len() <= share {
            return built(passages);
        }
        let shares: Vec<_> = passages.chunks(share).collect();
        joined(&share_out(shares.len(), shares.len(), |at| built(shares[at]))?)
    }
}

/// All rows of `parts`, one part after the other.
fn joined(parts: &[LexicalIndex]) -> Result<LexicalIndex> {
    let rows: Vec<Vec<u32>> = parts.iter().map(|part| (0..part.len()).collect()).collect();
    let rows = rows.iter().map(Vec::as_slice);
    LexicalIndex::merge(&parts.iter().zip(rows).collect::<Vec<_>>())
}

impl LexicalDraft {
    /// An index without passages.
    ///
    /// # Errors
    ///
    /// Those of [`Analyzer::new`].
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { analyzer: Analyzer::new()?, written: Vec::new(), run: Run::default() })
    }

    /// Adds the passage of the next row.
    ///
    /// # Errors
    ///
    /// Those of [`seal`](Self::seal).
    pub(crate) fn push(&mut self, text: &str, language: Option<Language>) -> Result<()> {
        let start = self.run.postings.len();
        let mut terms: u32 = 0;
        self.analyzer.terms(text, language, |term, _, _| {
            terms = terms.saturating_add(1);
            self.run.count(term);
        });
        self.run.end_row(start, Extent::new(terms, language));
        if self.run.postings.len() >= GATHERED {
            self.written.push(std::mem::take(&mut self.run).write()?);
        }
        Ok(())
    }

    /// The index of all passages that were added.
    ///
    /// # Errors
    ///
    /// [`Error::Lexical`] if it would be larger than an index can be.
    pub(crate) fn seal(mut self) -> Result<LexicalIndex> {
        let last = self.run.write()?;
        if self.written.is_empty() {
            return Ok(last);
        }
        self.written.push(last);
        joined(&self.written)
    }
}

impl Run {
    /// Counts a term of the row that is being counted.
    fn count(&mut self, term: &str) {
        let number = if let Some(number) = self.numbers.get(term) {
            *number
        } else {
            let number = as_rows(self.times.len());
            self.numbers.insert(term.into(), number);
            self.times.push(0);
            self.rows_with.push(0);
            number
        };
        let times = &mut self.times[number as usize];
        if *times == 0 {
            self.postings.push((number, 0));
        }
        *times = times.saturating_add(1);
    }

    /// Ends the row whose postings begin at `start`.
    fn end_row(&mut self, start: usize, extent: Extent) {
        for (number, times) in &mut self.postings[start..] {
            *times = std::mem::take(&mut self.times[*number as usize]);
            self.rows_with[*number as usize] += 1;
        }
        self.ends.push(self.postings.len());
        self.extents.push(extent);
    }

    /// The index of the rows.
    fn write(self) -> Result<LexicalIndex> {
        let mut terms: Vec<(&str, u32)> =
            self.numbers.iter().map(|(term, number)| (&**term, *number)).collect();
        terms.sort_unstable();
        // Where the postings of each term begin, then where its next one goes.
        let (mut places, mut place) = (vec![0; terms.len()], 0);
        for &(_, number) in &terms {
            places[number as usize] = place;
            place += self.rows_with[number as usize] as usize;
        }
        let mut by_term: Vec<Posting> = vec![(0, 0); self.postings.len()];
        let mut start = 0;
        for (row, &end) in (0..).zip(&self.ends) {
            for &(number, times) in &self.postings[start..end] {
                let place = &mut places[number as usize];
                by_term[*place] = (row, times);
                *place += 1;
            }
            start = end;
        }
        let files = inverted::write(|sink| {
            terms.iter().try_for_each(|&(term, number)| {
                let end = places[number as usize];
                let start = end - self.rows_with[number as usize] as usize;
                sink.term(term.as_bytes(), &by_term[start..end])
            })
        });
        LexicalIndex::of(&self.extents, &files.map_err(too_large)?)
    }
}

/// Writing into memory fails only where a number is too large.
pub(super) fn too_large(error: io::Error) -> Error {
    Error::Lexical(Cause::from(error))
}
