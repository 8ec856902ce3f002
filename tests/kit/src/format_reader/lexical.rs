//! The lexical index of a segment.

use std::{collections::BTreeMap, ops::Range};

/// Postings of a block.
const POSTINGS: usize = 128;
/// Terms of a block of the dictionary.
const TERMS: usize = 16;

/// The terms of a segment's passages.
#[derive(Debug, Default, PartialEq)]
pub struct Lexical {
    /// One per passage.
    pub norms: Vec<Norm>,
    /// The postings of each term.
    pub terms: BTreeMap<String, Vec<Posting>>,
}

#[derive(Debug, PartialEq)]
pub struct Norm {
    /// Number of terms.
    pub length: u32,
    /// Number of the language; 0 is unknown.
    pub language: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Posting {
    pub row: u32,
    /// Frequency of the term in the passage.
    pub tf: u32,
}

/// A position in bytes.
struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    fn take(&mut self, len: usize) -> &'b [u8] {
        let taken = &self.bytes[self.at..self.at + len];
        self.at += len;
        taken
    }

    fn byte(&mut self) -> usize {
        self.take(1)[0].into()
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().unwrap())
    }

    fn size(&mut self) -> usize {
        self.u64().try_into().unwrap()
    }

    fn varint(&mut self) -> usize {
        let mut number = 0;
        for shift in (0..).step_by(7) {
            let byte = self.byte();
            number |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        number
    }

    fn rest(&self) -> usize {
        self.bytes.len() - self.at
    }
}

/// The number in these bits of `bytes`; bit 0 is the lowest bit of the first byte.
fn number(bytes: &[u8], bits: Range<usize>) -> u32 {
    let bit = |at: usize| u32::from(bytes[at / 8]) >> (at % 8) & 1;
    bits.clone().map(|at| bit(at) << (at - bits.start)).sum()
}

/// The numbers of a block, of `bits` bits each: four interleaved columns of 32-bit words.
fn unpack_block(bytes: &[u8], bits: usize) -> Vec<u32> {
    let columns: Vec<Vec<u8>> = (0..4)
        .map(|column| {
            bytes.chunks(16).flat_map(|words| &words[4 * column..][..4]).copied().collect()
        })
        .collect();
    let number_at = |at: usize| number(&columns[at % 4], at / 4 * bits..(at / 4 + 1) * bits);
    (0..POSTINGS).map(number_at).collect()
}

fn unpack_tail(bytes: &[u8], bits: usize, len: usize) -> Vec<u32> {
    (0..len).map(|at| number(bytes, at * bits..(at + 1) * bits)).collect()
}

/// The entry of a posting list for one of its blocks.
struct SkipEntry {
    last_row: u32,
    row_bits: usize,
    tf_bits: usize,
}

/// The postings of a list of `doc_freq` postings.
fn postings(bytes: &[u8], doc_freq: usize) -> Vec<Posting> {
    let mut reader = Reader { bytes, at: 0 };
    let skip_entry =
        |_| SkipEntry { last_row: reader.u32(), row_bits: reader.byte(), tf_bits: reader.byte() };
    let skips: Vec<SkipEntry> = (0..doc_freq / POSTINGS).map(skip_entry).collect();
    let mut gaps = Vec::new();
    let mut tfs = Vec::new();
    for block in &skips {
        gaps.extend(unpack_block(reader.take(16 * block.row_bits), block.row_bits));
        tfs.extend(unpack_block(reader.take(16 * block.tf_bits), block.tf_bits));
    }
    let len = doc_freq % POSTINGS;
    if len > 0 {
        let first = reader.byte();
        let row_bits = first & 0x3f;
        let tf_bits = if first & 0x40 == 0 { 0 } else { reader.byte() };
        assert!(first < 0x80);
        gaps.extend(unpack_tail(reader.take((len * row_bits).div_ceil(8)), row_bits, len));
        tfs.extend(unpack_tail(reader.take((len * tf_bits).div_ceil(8)), tf_bits, len));
    }
    assert_eq!(reader.rest(), 0);
    let mut next = 0;
    let mut found = Vec::with_capacity(doc_freq);
    for (gap, tf) in gaps.into_iter().zip(tfs) {
        found.push(Posting { row: next + gap, tf: tf + 1 });
        next += gap + 1;
    }
    for (block, skip) in skips.iter().enumerate() {
        assert_eq!(found[(block + 1) * POSTINGS - 1].row, skip.last_row);
    }
    found
}

impl Lexical {
    /// The index in `bytes`; `None` if it is of an earlier version.
    pub fn read(bytes: &[u8], passages: usize) -> Option<Self> {
        let mut reader = Reader { bytes, at: 0 };
        let version = reader.u32();
        if version < 3 {
            return None;
        }
        assert_eq!((version, reader.u32() as usize), (4, passages));
        let _analysis = reader.u64();
        let lengths = reader.u64();
        let [terms, dictionary, lists] = [(); 3].map(|()| reader.size());
        let norms = (0..passages).map(|_| reader.u32());
        let norm = |bits: u32| Norm { length: bits & ((1 << 29) - 1), language: bits >> 30 };
        let norms: Vec<Norm> = norms.map(norm).collect();
        assert!(norms.iter().all(|norm| norm.language < 3), "there are two languages");
        assert_eq!(norms.iter().map(|norm| u64::from(norm.length)).sum::<u64>(), lengths);
        let block = |_| BlockStart { dictionary: reader.size(), lists: reader.size() };
        let index: Vec<BlockStart> = (0..terms.div_ceil(TERMS)).map(block).collect();
        let dictionary = reader.take(dictionary);
        let lists = reader.take(lists);
        assert_eq!(reader.rest(), 0);
        let read = Self { norms, terms: read_terms(dictionary, lists, &index, terms) };
        read.check_lengths();
        Some(read)
    }

    /// Checks that the frequencies of a passage's terms add up to its length.
    fn check_lengths(&self) {
        let mut lengths = vec![0; self.norms.len()];
        for posting in self.terms.values().flatten() {
            lengths[posting.row as usize] += posting.tf;
        }
        assert!(lengths.into_iter().eq(self.norms.iter().map(|norm| norm.length)));
    }
}

/// Offsets of a block of terms.
#[derive(Debug, PartialEq)]
struct BlockStart {
    /// Of its first entry in the dictionary.
    dictionary: usize,
    /// Of its first posting list.
    lists: usize,
}

fn read_terms(
    dictionary: &[u8],
    lists: &[u8],
    index: &[BlockStart],
    count: usize,
) -> BTreeMap<String, Vec<Posting>> {
    let mut entries = Reader { bytes: dictionary, at: 0 };
    let mut lists = Reader { bytes: lists, at: 0 };
    let mut terms = BTreeMap::new();
    let mut term: Vec<u8> = Vec::new();
    for at in 0..count {
        if at % TERMS == 0 {
            let start = BlockStart { dictionary: entries.at, lists: lists.at };
            assert_eq!(index[at / TERMS], start);
        }
        let lengths = entries.byte();
        let mut length = |bits| if bits < 15 { bits } else { 15 + entries.varint() };
        let shared = length(lengths & 15);
        let rest = length(lengths >> 4);
        assert!(shared == 0 || at % TERMS != 0);
        let before = term.clone();
        term.truncate(shared);
        term.extend(entries.take(rest));
        assert!(at == 0 || before < term);
        let doc_freq = entries.varint();
        let len = entries.varint();
        let found = postings(lists.take(len), doc_freq);
        assert!(!found.is_empty());
        terms.insert(String::from_utf8(term.clone()).unwrap(), found);
    }
    assert_eq!((entries.rest(), lists.rest()), (0, 0));
    terms
}
