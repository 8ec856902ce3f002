//! The lexical index of a segment, read from docs/FORMAT.md alone.

use std::{collections::BTreeMap, ops::Range};

/// Number of postings in a block, and of terms in a block.
const POSTINGS: usize = 128;
const TERMS: usize = 16;

/// The terms of a segment's passages.
#[derive(Debug, Default, PartialEq)]
pub struct Lexical {
    /// By passage: number of terms, and the number of the language.
    pub norms: Vec<(u32, u32)>,
    /// By term its postings: row and frequency.
    pub terms: BTreeMap<String, Vec<(u32, u32)>>,
}

/// A place in bytes.
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

/// The number in these bits of `bytes`, of which bit 0 is the lowest of the first byte.
fn number(bytes: &[u8], bits: Range<usize>) -> u32 {
    let bit = |at: usize| u32::from(bytes[at / 8]) >> (at % 8) & 1;
    bits.clone().map(|at| bit(at) << (at - bits.start)).sum()
}

/// The numbers of a block, of so many bits: four columns of 32-bit words beside each other.
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

/// The postings of a list of `doc_freq` in `bytes`.
fn postings(bytes: &[u8], doc_freq: usize) -> Vec<(u32, u32)> {
    let mut reader = Reader { bytes, at: 0 };
    let skips: Vec<(u32, usize, usize)> =
        (0..doc_freq / POSTINGS).map(|_| (reader.u32(), reader.byte(), reader.byte())).collect();
    let (mut gaps, mut tfs) = (Vec::new(), Vec::new());
    for (_, row_bits, tf_bits) in &skips {
        gaps.extend(unpack_block(reader.take(16 * row_bits), *row_bits));
        tfs.extend(unpack_block(reader.take(16 * tf_bits), *tf_bits));
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
    let rows = gaps.into_iter().map(|gap| {
        let row = next + gap;
        next = row + 1;
        row
    });
    let found: Vec<(u32, u32)> = rows.zip(tfs.into_iter().map(|less| less + 1)).collect();
    for (block, (last_row, ..)) in skips.iter().enumerate() {
        assert_eq!(found[(block + 1) * POSTINGS - 1].0, *last_row);
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
        assert_eq!((version, reader.u32() as usize), (3, passages));
        let _analysis = reader.u64();
        let lengths = reader.u64();
        let [terms, dictionary, lists] = [(); 3].map(|()| reader.size());
        let norms = (0..passages).map(|_| reader.u32());
        let norms: Vec<_> = norms.map(|norm| (norm & ((1 << 30) - 1), norm >> 30)).collect();
        assert!(norms.iter().all(|(_, language)| *language < 3), "there are two languages");
        assert_eq!(norms.iter().map(|(length, _)| u64::from(*length)).sum::<u64>(), lengths);
        let index: Vec<_> =
            (0..terms.div_ceil(TERMS)).map(|_| (reader.size(), reader.size())).collect();
        let dictionary = reader.take(dictionary);
        let lists = reader.take(lists);
        assert_eq!(reader.rest(), 0);
        let read = Self { norms, terms: read_terms(dictionary, lists, &index, terms) };
        read.check_lengths();
        Some(read)
    }

    /// The frequencies of a passage's terms add up to its length.
    fn check_lengths(&self) {
        let mut lengths = vec![0; self.norms.len()];
        for (row, tf) in self.terms.values().flatten() {
            lengths[*row as usize] += tf;
        }
        assert!(lengths.into_iter().eq(self.norms.iter().map(|(length, _)| *length)));
    }
}

fn read_terms(
    dictionary: &[u8],
    lists: &[u8],
    index: &[(usize, usize)],
    count: usize,
) -> BTreeMap<String, Vec<(u32, u32)>> {
    let mut entries = Reader { bytes: dictionary, at: 0 };
    let mut lists = Reader { bytes: lists, at: 0 };
    let mut terms = BTreeMap::new();
    let mut term: Vec<u8> = Vec::new();
    for at in 0..count {
        if at % TERMS == 0 {
            assert_eq!(index[at / TERMS], (entries.at, lists.at));
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
