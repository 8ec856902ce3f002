//! Layout of the bytes of a lexical index, as `docs/FORMAT.md` specifies it.

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

/// Version of the layout.
const VERSION: u32 = 4;

// Each offset is the end of the field before it.
const ROWS_AT: usize = size_of::<u32>();
const FINGERPRINT_AT: usize = ROWS_AT + size_of::<u32>();
const LENGTHS_AT: usize = FINGERPRINT_AT + size_of::<u64>();
const TERMS_AT: usize = LENGTHS_AT + size_of::<u64>();
const DICTIONARY_AT: usize = TERMS_AT + size_of::<u64>();
const POSTINGS_AT: usize = DICTIONARY_AT + size_of::<u64>();
const HEADER: usize = POSTINGS_AT + size_of::<u64>();

/// Numbers of the header, without version and fingerprint.
#[derive(Clone, Copy, Debug)]
struct IndexHeader {
    rows: u32,
    /// Sum of the lengths of all passages, in terms.
    lengths: u64,
    /// Number of distinct terms.
    terms: u64,
    /// Length of the dictionary blocks in bytes.
    dictionary: u64,
    /// Length of the posting lists in bytes.
    postings: u64,
}

impl IndexHeader {
    /// Reads the header of `bytes`.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if `bytes` have no header of this version and analysis.
    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        require(bytes.len() >= HEADER, "the lexical index is shorter than its header")?;
        require_version(u32_at(bytes, 0), VERSION..=VERSION)?;
        let is_comparable = u64_at(bytes, FINGERPRINT_AT) == fingerprint::current();
        require(is_comparable, "the terms of the lexical index come from another analysis")?;
        let rows = u32_at(bytes, ROWS_AT);
        require(rows < END, "the lexical index counts too many passages")?;
        Ok(Self {
            rows,
            lengths: u64_at(bytes, LENGTHS_AT),
            terms: u64_at(bytes, TERMS_AT),
            dictionary: u64_at(bytes, DICTIONARY_AT),
            postings: u64_at(bytes, POSTINGS_AT),
        })
    }

    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(self.rows.to_le_bytes());
        bytes.extend(fingerprint::current().to_le_bytes());
        for number in [self.lengths, self.terms, self.dictionary, self.postings] {
            bytes.extend(number.to_le_bytes());
        }
    }
}

/// Numbers of the header, and the byte range of each part.
#[derive(Clone, Debug)]
pub(super) struct IndexLayout {
    pub(super) rows: u32,
    /// Sum of the lengths of all passages, in terms.
    pub(super) lengths: u64,
    /// Number of distinct terms.
    terms: u64,
    norms: Range<usize>,
    blocks_index: Range<usize>,
    blocks: Range<usize>,
    postings: Range<usize>,
}

/// Whether `bytes` have this version of the layout and terms of this analysis.
pub(super) fn is_current(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER
        && u32_at(bytes, 0) == VERSION
        && u64_at(bytes, FINGERPRINT_AT) == fingerprint::current()
}

impl IndexLayout {
    /// Returns the layout that the header of `bytes` describes, after checking their length.
    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let layout = Self::of(&IndexHeader::read(bytes)?);
        let fitting = layout.filter(|layout| layout.postings.end == bytes.len());
        let fault = "the length of the lexical index does not match its header";
        fitting.ok_or(DecodeError::Corrupt(fault))
    }

    /// Returns the layout of an index with this header; `None` if its length overflows.
    fn of(header: &IndexHeader) -> Option<Self> {
        let IndexHeader { rows, lengths, terms, dictionary, postings } = *header;
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

    /// Returns the layout of `bytes` after checking every part, so that later reads cannot fail.
    pub(super) fn checked(bytes: &[u8]) -> Result<Self, DecodeError> {
        let layout = Self::read(bytes)?;
        let lengths = PassageNorm::checked_sum(layout.norms(bytes));
        let is_sum = lengths == Some(layout.lengths);
        require(is_sum, "the passage lengths of the lexical index do not match its header")?;
        let postings = layout.postings(bytes);
        let mut end = 0;
        let is_intact = layout.dictionary(bytes).check(|entry| {
            end = entry.list.end;
            let list = postings.get(entry.list);
            list.is_some_and(|list| check_list(entry.doc_freq, list, layout.rows))
        });
        require(is_intact && end == postings.len(), "the terms of the lexical index are damaged")?;
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

/// Encoder of terms and posting lists.
#[derive(Debug, Default)]
pub(super) struct InvertedBuilder {
    dictionary: DictionaryBuilder,
    postings: Vec<u8>,
}

impl InvertedBuilder {
    /// Adds `term`, greater than all before, with its `postings`, at least one.
    pub(super) fn push(&mut self, term: &[u8], postings: &[Posting]) {
        let start = self.postings.len();
        write_list(postings, &mut self.postings);
        self.dictionary.push(term, to_row(postings.len()), &(start..self.postings.len()));
    }

    /// Returns the bytes of an index of passages with these `norms`, and their layout.
    pub(super) fn seal(self, norms: &[PassageNorm]) -> (Vec<u8>, IndexLayout) {
        let Self { dictionary, postings } = self;
        let rows = to_row(norms.len());
        let header = IndexHeader {
            rows,
            lengths: norms.iter().map(|norm| u64::from(norm.length())).sum(),
            terms: dictionary.len,
            dictionary: dictionary.blocks.len() as u64,
            postings: postings.len() as u64,
        };
        let layout = IndexLayout::of(&header).expect("the parts are in memory");
        let mut bytes = Vec::with_capacity(layout.postings.end);
        header.encode(&mut bytes);
        bytes.extend(norms.iter().flat_map(|norm| norm.to_le_bytes()));
        bytes.extend(dictionary.index);
        bytes.extend(dictionary.blocks);
        bytes.extend(postings);
        (bytes, layout)
    }
}
