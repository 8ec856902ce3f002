//! The parts of a lexical index within its bytes, as docs/FORMAT.md describes them.

use std::ops::Range;

use super::{
    dictionary::{BLOCK_TERMS, Dictionary, DictionaryBuilder, INDEX_ENTRY},
    fingerprint,
    norm::PassageNorm,
    postings::{END, Posting, check_list, write_list},
};
use crate::{
    format::decode_error::{DecodeError, require, require_version, u32_at, u64_at},
    vector::to_row,
};

/// The version of the layout.
const VERSION: u32 = 3;

// Each offset is the end of the field before it.
const ROWS_AT: usize = size_of::<u32>();
const FINGERPRINT_AT: usize = ROWS_AT + size_of::<u32>();
const LENGTHS_AT: usize = FINGERPRINT_AT + size_of::<u64>();
const TERMS_AT: usize = LENGTHS_AT + size_of::<u64>();
const DICTIONARY_AT: usize = TERMS_AT + size_of::<u64>();
const POSTINGS_AT: usize = DICTIONARY_AT + size_of::<u64>();
const HEADER: usize = POSTINGS_AT + size_of::<u64>();

/// The numbers in the header, and where each part is.
#[derive(Clone, Debug)]
pub(super) struct IndexLayout {
    pub(super) rows: u32,
    /// Sum of the lengths of all passages, in terms.
    pub(super) lengths: u64,
    /// Number of different terms.
    terms: u64,
    norms: Range<usize>,
    blocks_index: Range<usize>,
    blocks: Range<usize>,
    postings: Range<usize>,
}

/// Whether `bytes` have this version of the layout and terms of the present analysis.
pub(super) fn is_current(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER
        && u32_at(bytes, 0) == VERSION
        && u64_at(bytes, FINGERPRINT_AT) == fingerprint::current()
}

impl IndexLayout {
    /// The layout that the header of `bytes` describes; of the parts only their lengths are
    /// checked.
    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        require(bytes.len() >= HEADER, "its lexical index has no header")?;
        require_version(u32_at(bytes, 0), VERSION..=VERSION)?;
        let analysis = u64_at(bytes, FINGERPRINT_AT);
        require(analysis == fingerprint::current(), "its words were analyzed in another way")?;
        let rows = u32_at(bytes, ROWS_AT);
        require(rows < END, "its lexical index has more passages than there can be")?;
        let numbers =
            [LENGTHS_AT, TERMS_AT, DICTIONARY_AT, POSTINGS_AT].map(|at| u64_at(bytes, at));
        let layout = Self::of(rows, numbers).filter(|layout| layout.postings.end == bytes.len());
        layout.ok_or(DecodeError::Corrupt("its lexical index has another length than it says"))
    }

    /// The layout of an index of so many `rows`; `None` if it does not fit into memory.
    fn of(rows: u32, [lengths, terms, dictionary, postings]: [u64; 4]) -> Option<Self> {
        let mut end = HEADER;
        let mut part = |count: u64, size: usize| {
            let start = end;
            end = start.checked_add(usize::try_from(count).ok()?.checked_mul(size)?)?;
            Some(start..end)
        };
        Some(Self {
            rows,
            lengths,
            terms,
            norms: part(rows.into(), size_of::<PassageNorm>())?,
            blocks_index: part(terms.div_ceil(BLOCK_TERMS as u64), INDEX_ENTRY)?,
            blocks: part(dictionary, 1)?,
            postings: part(postings, 1)?,
        })
    }

    /// The layout of `bytes`, of which every part is checked: whatever reads them by it finds a
    /// number in its range at every place.
    pub(super) fn checked(bytes: &[u8]) -> Result<Self, DecodeError> {
        let layout = Self::read(bytes)?;
        let lengths = PassageNorm::checked_sum(layout.norms(bytes));
        let lengths = lengths.is_some_and(|lengths| lengths == layout.lengths);
        require(lengths, "its lexical index has other lengths of passages than it says")?;
        let postings = layout.postings(bytes);
        let mut end = 0;
        let whole = layout.dictionary(bytes).check(|entry| {
            end = entry.list.end;
            let list = postings.get(entry.list);
            list.is_some_and(|list| check_list(entry.doc_freq, list, layout.rows))
        });
        require(whole && end == postings.len(), "the terms of its lexical index are not readable")?;
        Ok(layout)
    }

    pub(super) fn norms<'b>(&self, bytes: &'b [u8]) -> &'b [[u8; 4]] {
        bytes[self.norms.clone()].as_chunks().0
    }

    pub(super) fn dictionary<'b>(&self, bytes: &'b [u8]) -> Dictionary<'b> {
        let index = bytes[self.blocks_index.clone()].as_chunks().0;
        Dictionary { len: self.terms, index, blocks: &bytes[self.blocks.clone()] }
    }

    pub(super) fn postings<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.postings.clone()]
    }
}

/// Terms and posting lists that are being written.
#[derive(Debug, Default)]
pub(super) struct InvertedBuilder {
    dictionary: DictionaryBuilder,
    postings: Vec<u8>,
}

impl InvertedBuilder {
    /// Adds `term`, which is greater than all before, with its `postings`, of which there is one
    /// at least.
    pub(super) fn push(&mut self, term: &[u8], postings: &[Posting]) {
        let start = self.postings.len();
        write_list(postings, &mut self.postings);
        self.dictionary.push(term, to_row(postings.len()), &(start..self.postings.len()));
    }

    /// The bytes of an index of passages with these `norms`, and their layout.
    pub(super) fn seal(self, norms: &[PassageNorm]) -> (Vec<u8>, IndexLayout) {
        let Self { dictionary, postings } = self;
        let rows = to_row(norms.len());
        let lengths = norms.iter().map(|norm| u64::from(norm.length())).sum();
        let parts = [dictionary.blocks.len() as u64, postings.len() as u64];
        let numbers = [lengths, dictionary.len, parts[0], parts[1]];
        let layout = IndexLayout::of(rows, numbers).expect("the parts are in memory");
        let mut bytes = Vec::with_capacity(layout.postings.end);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(rows.to_le_bytes());
        bytes.extend(fingerprint::current().to_le_bytes());
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        bytes.extend(norms.iter().flat_map(|norm| norm.to_le_bytes()));
        bytes.extend(dictionary.index);
        bytes.extend(dictionary.blocks);
        bytes.extend(postings);
        (bytes, layout)
    }
}
