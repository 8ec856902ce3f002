//! Search by words: the passages of a segment as an inverted index, ranked by BM25.
//!
//! A segment's index is one array of bytes: a header, the length of every passage in words with
//! its language, and the files of [`inverted`]. What a term is worth depends on all segments of a
//! corpus, so it is told by [`Statistics`] over all of them: the same passages have the same scores
//! in whatever segments they are.

mod analyzer;
mod detect_language;
mod draft;
mod extent;
mod inverted;
mod merge;
mod score;
mod search;
mod stable;
mod statistics;
mod stop;
mod terms;
#[cfg(test)]
mod tests;
mod walk;
mod words;

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{
    Error, Language, Result,
    format::{
        column::Array,
        decode_error::{Refusal, require, require_version, u32_at, u64_at},
    },
};

use extent::Extent;
use inverted::{Inverted, Stored};

pub(crate) use analyzer::{ANALYSIS, Analyzer, Part, shown};
pub(crate) use detect_language::detect;
pub(crate) use score::TermShare;
pub(crate) use statistics::{Live, Statistics};
pub(crate) use terms::Terms;

/// The version of the array's layout.
const VERSION: u32 = 2;

// Each offset is the end of the field before it.
const ANALYSIS_AT: usize = size_of::<u32>();
const ROWS_AT: usize = ANALYSIS_AT + size_of::<u32>();
// Four bytes of zeros.
const WORDS_AT: usize = ROWS_AT + 2 * size_of::<u32>();
/// Lengths of the three files.
const FILES_AT: usize = WORDS_AT + size_of::<u64>();
const HEADER: usize = FILES_AT + 3 * size_of::<u64>();

/// The inverted index of a segment's passages; row `i` is passage `i`.
#[derive(Debug)]
pub(crate) struct LexicalIndex {
    bytes: Array<u8>,
    rows: u32,
    words: u64,
    inverted: Inverted,
}

impl LexicalIndex {
    /// The index, to be stored.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The index in `bytes`, which stay where they are; the caller has compared their checksum.
    ///
    /// # Errors
    ///
    /// [`Refusal::Version`] if it has another layout, or terms by other rules;
    /// [`Refusal::Corrupt`] if its header does not go with its length.
    pub(crate) fn open(bytes: Array<u8>) -> Result<Self, Refusal> {
        require(bytes.len() >= HEADER, "its lexical index has no header")?;
        require_version(u32_at(&bytes, 0), VERSION..=VERSION)?;
        require_version(u32_at(&bytes, ANALYSIS_AT), ANALYSIS..=ANALYSIS)?;
        let (rows, words) = (u32_at(&bytes, ROWS_AT), u64_at(&bytes, WORDS_AT));
        require(rows < inverted::END, "its lexical index has more passages than there can be")?;
        let parts = parts(&bytes, rows)
            .ok_or(Refusal::Corrupt("its lexical index has another length than it says"))?;
        let inverted = unharmed(|| Inverted::open(bytes.clone(), parts, rows).ok()).flatten();
        let inverted = inverted.ok_or(Refusal::Corrupt("its lexical index is not readable"))?;
        Ok(Self { bytes, rows, words, inverted })
    }

    /// Whether `bytes` are an index by the present rules, if they are one at all.
    pub(crate) fn is_current(bytes: &[u8]) -> bool {
        let versions = bytes.first_chunk::<ROWS_AT>();
        versions.is_some_and(|versions| {
            (u32_at(versions, 0), u32_at(versions, ANALYSIS_AT)) == (VERSION, ANALYSIS)
        })
    }

    /// What `read` returns, or that the index cannot be read, if tantivy panics: it trusts its
    /// files, and bytes with the right checksum may still be none of its own.
    fn guarded<T>(&self, read: impl FnOnce() -> Result<T>) -> Result<T> {
        unharmed(read).unwrap_or_else(|| Err(self.unreadable()))
    }

    /// Puts an index together from the `extents` of all passages and the files.
    fn of(extents: &[Extent], files: &Stored<Vec<u8>>) -> Result<Self> {
        let words: u64 = extents.iter().map(|extent| u64::from(extent.terms())).sum();
        let rows = crate::vector::as_rows(extents.len());
        let files = [&files.terms, &files.postings, &files.positions].map(Vec::as_slice);
        let mut bytes = Vec::with_capacity(
            HEADER + size_of_val(extents) + files.iter().map(|file| file.len()).sum::<usize>(),
        );
        for number in [VERSION, ANALYSIS, rows, 0] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(words.to_le_bytes());
        bytes.extend(files.iter().flat_map(|file| (file.len() as u64).to_le_bytes()));
        bytes.extend(extents.iter().flat_map(|extent| extent.to_le_bytes()));
        bytes.extend_from_slice(&files.concat());
        Self::open(bytes.into()).map_err(|refusal| refusal.about("a lexical index just built"))
    }

    /// Number of passages.
    pub(crate) fn len(&self) -> u32 {
        self.rows
    }

    /// Number of words in all passages but those of `removed`.
    pub(crate) fn terms_without(&self, removed: &[u32]) -> u64 {
        let gone = removed.iter().map(|row| u64::from(self.extent(*row).terms()));
        self.words.saturating_sub(gone.sum())
    }

    /// The language by whose rules the words of passage `row` were taken, if it is a known one.
    pub(crate) fn language(&self, row: u32) -> Option<Language> {
        self.extent(row).language()
    }

    /// The extent of every passage, as it is stored.
    fn extents(&self) -> &[[u8; 4]] {
        self.bytes[HEADER..].as_chunks().0.get(..self.rows as usize).unwrap_or_default()
    }

    /// The extent of passage `row`.
    #[inline]
    fn extent(&self, row: u32) -> Extent {
        Extent::of(self.extents(), row)
    }

    /// What it is an error to come upon once an index is open.
    fn unreadable(&self) -> Error {
        let refusal = Refusal::Corrupt("its lexical index is not readable");
        match self.bytes.path() {
            Some(path) => refusal.about(path.display()),
            None => refusal.about("an index in memory"),
        }
    }
}

/// What `read` returns; `None` if it panics.
fn unharmed<T>(read: impl FnOnce() -> T) -> Option<T> {
    // Nothing that is read is changed, and what is made of it is dropped.
    catch_unwind(AssertUnwindSafe(read)).ok()
}

/// Where the files are in `bytes`; `None` if they are not all that follows the lengths.
fn parts(bytes: &[u8], rows: u32) -> Option<Stored<Range<usize>>> {
    let mut end = HEADER.checked_add((rows as usize).checked_mul(size_of::<u32>())?)?;
    let mut next = |at: usize| {
        let length = u64_at(bytes, FILES_AT + at * size_of::<u64>());
        let start = end;
        end = start.checked_add(usize::try_from(length).ok()?)?;
        Some(start..end)
    };
    let stored = Stored { terms: next(0)?, postings: next(1)?, positions: next(2)? };
    (end == bytes.len()).then_some(stored)
}
