//! The term dictionary: sorted terms in front-coded blocks, with an index of the blocks.
//!
//! An entry stores the number of bytes that its term shares with the previous term, and the rest of
//! the term. The first entry of a block shares none. A lookup is a binary search over the first
//! terms and a scan of one block.

use std::ops::Range;

use super::varint;

/// Terms in a block; the last block may have fewer.
pub(super) const BLOCK_TERMS: usize = 16;
/// Length of an index entry in bytes: the offset of a block and the offset of its first posting
/// list.
pub(super) const INDEX_ENTRY: usize = 2 * size_of::<u64>();
/// Maximum of a length in four bits; the rest of the length follows as a varint.
const LONG: u8 = 15;

/// Document frequency of a term, and the place of its posting list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TermEntry {
    /// Number of rows with the term.
    pub(super) doc_freq: u32,
    /// Byte range in the posting lists.
    pub(super) list: Range<usize>,
}

/// The terms of an index. All methods but [`check`](Self::check) rely on checked bytes.
#[derive(Clone, Copy)]
pub(super) struct Dictionary<'a> {
    /// Number of terms.
    pub(super) len: u64,
    /// Offsets of each block in `blocks` and of its first posting list.
    pub(super) index: &'a [[u8; INDEX_ENTRY]],
    pub(super) blocks: &'a [u8],
}

impl<'a> Dictionary<'a> {
    /// Returns the entry of `term`, if any.
    pub(super) fn find(&self, term: &[u8]) -> Option<TermEntry> {
        let after = self.index.partition_point(|entry| self.first_term(entry) <= term);
        self.find_in_block(after.checked_sub(1)?, term)
    }

    /// Returns the entry of `term` in `block`, whose first term is not greater.
    fn find_in_block(&self, block: usize, term: &[u8]) -> Option<TermEntry> {
        // The previous entry is less than `term` and shares exactly `matched` bytes with it.
        let mut matched = 0;
        for entry in self.entries(block).take(BLOCK_TERMS) {
            if entry.shared < matched {
                // At byte `shared` the previous entry equals `term` and this entry is greater. All
                // later entries are greater still.
                return None;
            }
            if entry.shared > matched {
                // This entry repeats the byte at which the previous one is less than `term`.
                continue;
            }
            let rest = &term[matched..];
            let common = entry.suffix.iter().zip(rest).take_while(|(a, b)| a == b).count();
            matched += common;
            match (entry.suffix.get(common), rest.get(common)) {
                (None, None) => return Some(entry.into_term_entry()),
                (Some(stored), wanted) if wanted.is_none_or(|wanted| wanted < stored) => {
                    return None;
                }
                _ => {}
            }
        }
        None
    }

    /// Returns all terms in order, each with its entry.
    pub(super) fn stream(&self) -> TermStream<'a> {
        let entries = Entries { rest: self.blocks, list: 0 };
        TermStream { entries, term: Vec::new(), entry: None }
    }

    /// Checks every byte: whether the dictionary has exactly `len` ascending terms, the index has the
    /// offsets of their blocks and posting lists, and `check_list` accepts each entry.
    pub(super) fn check(&self, mut check_list: impl FnMut(TermEntry) -> bool) -> bool {
        let mut stream = self.stream();
        for number in 0..self.len {
            let at = usize::try_from(number).ok().filter(|at| at % BLOCK_TERMS == 0);
            let starts_block = at.is_some();
            if let Some(at) = at {
                let place = self.blocks.len() - stream.entries.rest.len();
                let placed = [place as u64, stream.entries.list as u64];
                if self.index.get(at / BLOCK_TERMS).copied().map(places) != Some(placed) {
                    return false;
                }
            }
            let checked = stream.checked_next(starts_block, number == 0);
            if !checked.is_some_and(&mut check_list) {
                return false;
            }
        }
        stream.entries.rest.is_empty()
    }

    /// Returns the first term of the block of this index entry.
    fn first_term(&self, entry: &[u8; INDEX_ENTRY]) -> &'a [u8] {
        let [place, list] = places(*entry).map(to_place);
        let mut entries = Entries { rest: &self.blocks[place..], list };
        entries.next().expect("blocks were checked when the index was opened").suffix
    }

    /// Returns the entries from `block` on.
    fn entries(&self, block: usize) -> Entries<'a> {
        let [place, list] = places(self.index[block]).map(to_place);
        Entries { rest: &self.blocks[place..], list }
    }
}

/// Returns the two offsets in an index entry.
fn places(entry: [u8; INDEX_ENTRY]) -> [u64; 2] {
    let (halves, _) = entry.as_chunks();
    [halves[0], halves[1]].map(u64::from_le_bytes)
}

fn to_place(place: u64) -> usize {
    usize::try_from(place).expect("a place within a section was checked when it was opened")
}

/// Iterator over consecutive entries.
#[derive(Clone)]
struct Entries<'a> {
    /// The bytes of the entries that follow.
    rest: &'a [u8],
    /// Offset of the next posting list.
    list: usize,
}

/// A stored entry.
struct StoredEntry<'a> {
    /// Number of bytes that the term shares with the previous term.
    shared: usize,
    suffix: &'a [u8],
    doc_freq: u32,
    list: Range<usize>,
}

impl StoredEntry<'_> {
    fn into_term_entry(self) -> TermEntry {
        TermEntry { doc_freq: self.doc_freq, list: self.list }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = StoredEntry<'a>;

    /// `None` at the end, or if no entry can be read.
    #[inline]
    fn next(&mut self) -> Option<StoredEntry<'a>> {
        let (&lengths, mut rest) = self.rest.split_first()?;
        let shared = take_length(lengths & LONG, &mut rest)?;
        let suffix_len = take_length(lengths >> 4, &mut rest)?;
        let (suffix, mut rest) = rest.split_at_checked(suffix_len)?;
        let doc_freq = u32::try_from(varint::take(&mut rest)?).ok()?;
        let list_len = usize::try_from(varint::take(&mut rest)?).ok()?;
        let list = self.list..self.list.checked_add(list_len)?;
        self.rest = rest;
        self.list = list.end;
        Some(StoredEntry { shared, suffix, doc_freq, list })
    }
}

/// Reads a length whose four-bit part is `bits`.
#[inline]
fn take_length(bits: u8, rest: &mut &[u8]) -> Option<usize> {
    if bits < LONG {
        return Some(bits.into());
    }
    usize::try_from(varint::take(rest)?).ok()?.checked_add(LONG.into())
}

/// Stream of the terms of a dictionary, in order.
pub(super) struct TermStream<'a> {
    entries: Entries<'a>,
    term: Vec<u8>,
    /// `None` before the first term and at the end.
    entry: Option<TermEntry>,
}

impl TermStream<'_> {
    /// Moves to the next term; false at the end.
    pub(super) fn advance(&mut self) -> bool {
        let entry = self.entries.next();
        if let Some(entry) = &entry {
            self.term.truncate(entry.shared);
            self.term.extend_from_slice(entry.suffix);
        }
        self.entry = entry.map(StoredEntry::into_term_entry);
        self.entry.is_some()
    }

    /// Returns the current term; `None` before the first one and at the end.
    pub(super) fn current(&self) -> Option<(&[u8], &TermEntry)> {
        Some((&self.term, self.entry.as_ref()?))
    }

    /// Moves to the next term and returns its entry; `None` if it is unreadable or miscoded.
    ///
    /// Terms ascend, and each shares as many bytes as possible with the previous one.
    ///
    /// `starts_block` states whether the term is the first of a block, `starts_list` whether it is
    /// the first of all.
    fn checked_next(&mut self, starts_block: bool, starts_list: bool) -> Option<TermEntry> {
        let StoredEntry { shared, suffix, doc_freq, list } = self.entries.next()?;
        let ascends = if starts_block {
            shared == 0 && (starts_list || suffix > self.term.as_slice())
        } else {
            // Lookups rely on this: the byte after the shared ones differs.
            let differing = self.term.get(shared);
            shared <= self.term.len() && suffix.first() > differing
        };
        self.term.truncate(shared);
        self.term.extend_from_slice(suffix);
        ascends.then_some(TermEntry { doc_freq, list })
    }
}

/// Encoder of a dictionary, which takes terms in ascending order.
#[derive(Debug, Default)]
pub(super) struct DictionaryBuilder {
    pub(super) len: u64,
    pub(super) index: Vec<u8>,
    pub(super) blocks: Vec<u8>,
    last: Vec<u8>,
}

impl DictionaryBuilder {
    /// Adds `term` with its document frequency and the range of its posting list.
    pub(super) fn push(&mut self, term: &[u8], doc_freq: u32, list: &Range<usize>) {
        let begins_block = self.len.is_multiple_of(BLOCK_TERMS as u64);
        let shared = if begins_block {
            self.index.extend((self.blocks.len() as u64).to_le_bytes());
            self.index.extend((list.start as u64).to_le_bytes());
            0
        } else {
            self.last.iter().zip(term).take_while(|(a, b)| a == b).count()
        };
        let suffix = &term[shared..];
        self.blocks.push(four_bits(shared) | four_bits(suffix.len()) << 4);
        for length in [shared, suffix.len()] {
            if let Some(rest) = length.checked_sub(LONG.into()) {
                varint::push(rest as u64, &mut self.blocks);
            }
        }
        self.blocks.extend_from_slice(suffix);
        varint::push(doc_freq.into(), &mut self.blocks);
        varint::push(list.len() as u64, &mut self.blocks);
        self.last.clear();
        self.last.extend_from_slice(term);
        self.len += 1;
    }
}

/// Returns `length`, at most [`LONG`].
fn four_bits(length: usize) -> u8 {
    u8::try_from(length).map_or(LONG, |length| length.min(LONG))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Terms with common prefixes, long and short, each with its document frequency and the length of
    /// its list.
    fn terms() -> impl Strategy<Value = BTreeMap<Vec<u8>, (u32, usize)>> {
        let prefix = prop_oneof![Just(String::new()), Just("ä".repeat(20)), Just("bau".to_owned())];
        let term = (prefix, "[abc]{0,9}").prop_map(|(prefix, rest)| (prefix + &rest).into_bytes());
        prop::collection::btree_map(term, (1_u32..1_000, 0_usize..300), 0..100)
    }

    struct Written {
        builder: DictionaryBuilder,
        entries: BTreeMap<Vec<u8>, TermEntry>,
    }

    impl Written {
        fn of(terms: &BTreeMap<Vec<u8>, (u32, usize)>) -> Self {
            let mut written =
                Self { builder: DictionaryBuilder::default(), entries: BTreeMap::new() };
            let mut start = 0;
            for (term, &(doc_freq, len)) in terms {
                let list = start..start + len;
                start = list.end;
                written.builder.push(term, doc_freq, &list);
                written.entries.insert(term.clone(), TermEntry { doc_freq, list });
            }
            written
        }

        fn dictionary(&self) -> Dictionary<'_> {
            let DictionaryBuilder { len, index, blocks, .. } = &self.builder;
            Dictionary { len: *len, index: index.as_chunks().0, blocks }
        }
    }

    proptest! {
        #[test]
        fn terms_are_found(terms in terms(), others in prop::collection::vec("[abcä]{0,9}", 20)) {
            let written = Written::of(&terms);
            let dictionary = written.dictionary();
            let mut entries = written.entries.values().cloned();
            prop_assert!(dictionary.check(|entry| Some(entry) == entries.next()));
            prop_assert!(entries.next().is_none());
            for (term, entry) in &written.entries {
                prop_assert_eq!(dictionary.find(term), Some(entry.clone()));
            }
            for other in others {
                let other = other.into_bytes();
                prop_assert_eq!(dictionary.find(&other), written.entries.get(&other).cloned());
            }
            let mut stream = dictionary.stream();
            for (term, entry) in &written.entries {
                prop_assert!(stream.advance());
                prop_assert_eq!(stream.current(), Some((term.as_slice(), entry)));
            }
            prop_assert!(!stream.advance() && stream.current().is_none());
        }

        #[test]
        fn accepted_bytes_are_a_dictionary(
            terms in terms(), len in prop::option::of(0_u64..100), cut in 0_usize..3,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
            in_index in any::<bool>(),
        ) {
            let mut written = Written::of(&terms);
            let DictionaryBuilder { index, blocks, .. } = &mut written.builder;
            blocks.truncate(blocks.len().saturating_sub(cut));
            let bytes = if in_index { index } else { blocks };
            for (at, byte) in changes {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
            }
            let dictionary = written.dictionary();
            let dictionary = Dictionary { len: len.unwrap_or(dictionary.len), ..dictionary };
            if dictionary.check(|_| true) {
                let mut found = Vec::new();
                let mut stream = dictionary.stream();
                while stream.advance() {
                    let (term, entry) = stream.current().unwrap();
                    prop_assert_eq!(dictionary.find(term), Some(entry.clone()));
                    found.push(term.to_vec());
                }
                prop_assert!(found.is_sorted_by(|a, b| a < b));
                prop_assert_eq!(found.len() as u64, dictionary.len);
            }
        }
    }
}
