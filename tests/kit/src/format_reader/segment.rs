//! A segment: articles, passages, vectors and their codes.

use std::{collections::BTreeMap, ops::Range};

use passim::{Date, Language, Markup, Metadata, Timestamp, Value};

use super::{
    bytes::{File, Record, checksum32},
    graph::{Graph, GraphRecord},
    lexical::Lexical,
};

#[derive(Debug)]
pub struct Segment {
    pub number: u64,
    pub dim: usize,
    pub articles: Vec<StoredArticle>,
    pub passages: Vec<StoredPassage>,
    /// One per passage.
    pub vectors: Vec<Vec<f32>>,
    /// One per point.
    pub codes: Vec<PointCode>,
    pub graph: Option<Graph>,
    /// The lexical index, if it has the present version.
    pub lexical: Option<Lexical>,
    /// The distinct pieces of each passage, if they are stored.
    pub pieces: Option<Vec<Vec<u16>>>,
}

#[derive(Debug)]
pub struct StoredArticle {
    pub key: String,
    pub head: StoredHead,
    pub text: String,
    /// As its first passage stores it.
    pub markup: Markup,
    pub content_hash: [u8; 16],
    pub rows: Range<usize>,
    pub removed: bool,
}

#[derive(Debug)]
pub struct StoredHead {
    pub title: Option<String>,
    pub language: Option<StoredLanguage>,
    pub metadata: Metadata,
}

/// The language of an article, declared by its author or detected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoredLanguage {
    pub language: Language,
    pub is_declared: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct StoredPassage {
    pub range: Range<usize>,
    pub heading: Option<Range<usize>>,
    pub table_header: Option<Range<usize>>,
    pub markup: Markup,
    pub tokens: usize,
    pub titled: bool,
}

/// The codes of a point.
#[derive(Debug)]
pub struct PointCode {
    /// `dim` codes and their filling.
    pub bytes: Vec<u8>,
    pub inverse_norm: f32,
    pub quantization_error: f32,
}

struct SegmentRecord {
    articles: usize,
    passages: usize,
    dim: usize,
    graph: Option<GraphRecord>,
}

impl SegmentRecord {
    fn read(record: &mut Record) -> Self {
        Self {
            articles: record.size(),
            passages: record.size(),
            dim: record.size(),
            graph: match record.u32() {
                0 => None,
                1 => Some(GraphRecord::read(record)),
                other => panic!("index {other}"),
            },
        }
    }
}

impl Segment {
    pub(super) fn read(file: &File) -> Self {
        let SegmentRecord { articles, passages, dim, graph } = file.record(SegmentRecord::read);
        let mut tags =
            vec![1, 10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 33, 40, 41, 50, 51, 60, 61, 62];
        if graph.is_some() {
            tags.extend([70, 71, 72, 80, 81, 82, 83, 84, 85, 86]);
        }
        let mut found = file.tags();
        let has_pieces = found.ends_with(&[120, 121, 122, 123]);
        found.retain(|tag| !(120..=123).contains(tag));
        let pieces = has_pieces.then(|| pieces_of(file, passages));
        let has_lexical = found.pop_if(|tag| *tag == 110).is_some();
        // Only segments of Markdown have table headers, or lists of articles without passages.
        found.retain(|tag| *tag != 42 && *tag != 43);
        // Files of earlier versions lack them.
        found.retain(|tag| ![63, 64, 73].contains(tag));
        let has_totals = found.contains(&52);
        found.retain(|tag| *tag != 52);
        let lexical = has_lexical.then(|| Lexical::read(file.section(110), passages)).flatten();
        assert_eq!(found, tags);
        let graph = graph.map(|record| Graph::read(file, &record, passages));
        let points = graph.as_ref().map_or(passages, |graph| graph.first_rows.len());
        let articles = articles_of(file, articles, passages);
        let segment = Self {
            number: file.id.number,
            dim,
            passages: passages_of(file, &articles, passages),
            vectors: vectors_of(file, passages, dim),
            codes: codes_of(file, points, dim),
            articles,
            graph,
            lexical,
            pieces,
        };
        segment.check_order(&file.u32s(13));
        if let Some(graph) = &segment.graph {
            graph.check_distinct(&segment.vectors);
        }
        if has_totals {
            segment.check_totals(file.section(52));
        }
        segment
    }

    /// Checks that `order` sorts the articles by their keys.
    fn check_order(&self, order: &[u32]) {
        assert_eq!(order.len(), self.articles.len());
        let key = |at: u32| self.articles[at as usize].key.as_bytes();
        assert!(order.is_sorted_by(|a, b| key(*a) < key(*b)));
    }

    /// Checks that the groups of `totals` add up to all vectors.
    #[expect(clippy::cast_possible_truncation, reason = "at most 2^24")]
    fn check_totals(&self, totals: &[u8]) {
        Record::whole(totals, |totals| {
            let counts = [(); 3].map(|()| totals.u64());
            assert_eq!(counts.iter().sum::<u64>(), self.vectors.len() as u64);
            let mut sums = vec![0; self.dim];
            for _ in counts.iter().filter(|count| **count > 0) {
                for sum in &mut sums {
                    *sum += i64::from_le_bytes(totals.array());
                }
            }
            for vector in &self.vectors {
                for (sum, value) in sums.iter_mut().zip(vector) {
                    *sum -= (f64::from(*value) * 16_777_216.0).round() as i64;
                }
            }
            assert!(sums.iter().all(|rest| *rest == 0));
        });
    }

    pub(super) fn remove(&mut self, removals: &File) {
        assert_eq!(removals.tags(), [90]);
        let removed = removals.u32s(90);
        assert!(removed.is_sorted_by(|a, b| a < b));
        for at in removed {
            self.articles[at as usize].removed = true;
        }
    }
}

fn articles_of(file: &File, count: usize, passages: usize) -> Vec<StoredArticle> {
    let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let keys = file.strings(10, count);
    let heads = file.strings(20, count);
    let texts = file.strings(30, count);
    let contents = file.arrays(33);
    let rows = file.arrays::<32>(41);
    let mut starts: Vec<usize> = file.u32s(40).into_iter().map(|row| row as usize).collect();
    assert_eq!((contents.len(), starts.len()), (count, count));
    assert!(starts.is_sorted() && starts.first().is_none_or(|first| *first == 0));
    starts.push(passages);
    let markdown: Vec<u32> = if file.tags().contains(&43) { file.u32s(43) } else { Vec::new() };
    let is_without_passages =
        |number: &u32| starts[*number as usize] == starts[*number as usize + 1];
    assert!(markdown.is_sorted_by(|a, b| a < b) && markdown.iter().all(is_without_passages));
    let markup = |at: usize| match rows.get(starts[at]..starts[at + 1]) {
        Some([row, ..]) if row[20] & 2 == 2 => Markup::Markdown,
        Some([]) if markdown.iter().any(|number| *number as usize == at) => Markup::Markdown,
        _ => Markup::Plain,
    };
    let article = |at: usize| StoredArticle {
        key: utf8(keys[at]),
        head: Record::whole(heads[at], StoredHead::read),
        text: utf8(texts[at]),
        markup: markup(at),
        content_hash: contents[at],
        rows: starts[at]..starts[at + 1],
        removed: false,
    };
    (0..count).map(article).collect()
}

impl StoredHead {
    fn read(record: &mut Record) -> Self {
        let title = record.optional(Record::text);
        let language = stored_language(record);
        let mut entries = record.list(|record| (record.text(), entry(record))).into_iter();
        let mut metadata = Metadata::new();
        while let Some((name, entry)) = entries.next() {
            let value = match entry {
                Entry::Single(value) => value,
                Entry::ListOf(len) => Value::List((0..len).map(|_| item(entries.next())).collect()),
            };
            metadata.insert(name, value);
        }
        Self { title, language, metadata }
    }
}

fn stored_language(record: &mut Record) -> Option<StoredLanguage> {
    let number = record.u32();
    let language = match number {
        0 => return None,
        1 | 3 => Language::German,
        2 | 4 => Language::English,
        5 => {
            let code = String::from_utf8(record.array::<3>().to_vec()).unwrap();
            code.trim_end_matches('\0').parse().unwrap()
        }
        other => panic!("{other} is no language"),
    };
    Some(StoredLanguage { language, is_declared: ![3, 4].contains(&number) })
}

/// An entry of the metadata.
enum Entry {
    Single(Value),
    /// The next entries are its items.
    ListOf(u32),
}

fn entry(record: &mut Record) -> Entry {
    Entry::Single(match record.u32() {
        0 => Value::Bool(record.bool()),
        1 => Value::Integer(i64::from_le_bytes(record.array())),
        2 => Value::Float(record.f64()),
        3 => {
            let year = i16::from_le_bytes(record.array());
            let [month, day] = [(); 2].map(|()| i8::from_le_bytes(record.array()));
            Value::Date(Date::new(year, month, day).unwrap())
        }
        4 => Value::String(record.text()),
        5 => Value::Unsigned(record.u64()),
        6 => {
            let seconds = i64::from_le_bytes(record.array());
            Value::Timestamp(Timestamp::from_unix(seconds, record.u32()).unwrap())
        }
        7 => return Entry::ListOf(record.u32()),
        other => panic!("value {other}"),
    })
}

fn item(entry: Option<(String, Entry)>) -> Value {
    match entry {
        Some((name, Entry::Single(value))) if name.is_empty() => value,
        _ => panic!("a list is followed by its items"),
    }
}

fn passages_of(file: &File, articles: &[StoredArticle], count: usize) -> Vec<StoredPassage> {
    let rows = file.arrays::<32>(41);
    assert_eq!(rows.len(), count);
    let texts = articles.iter().flat_map(|one| one.rows.clone().map(|_| one.text.as_str()));
    let headers = table_headers_of(file);
    assert!(headers.keys().all(|row| *row < count));
    let mut passages = Vec::new();
    for (at, (row, text)) in rows.iter().zip(texts).enumerate() {
        let header = headers.get(&at).cloned();
        passages.push(Record::whole(row, |row| passage(row, text, header)));
    }
    passages
}

/// The table header of each passage that has one, by row.
fn table_headers_of(file: &File) -> BTreeMap<usize, Range<usize>> {
    if !file.tags().contains(&42) {
        return BTreeMap::new();
    }
    let mut headers = BTreeMap::new();
    for entry in file.arrays::<12>(42) {
        let [row, start, end] =
            Record::whole(&entry, |entry| [(); 3].map(|()| entry.u32() as usize));
        assert!(headers.last_key_value().is_none_or(|(last, _)| *last < row));
        headers.insert(row, start..end);
    }
    assert!(!headers.is_empty());
    headers
}

/// A passage of an article with the text `text`.
fn passage(row: &mut Record, text: &str, table_header: Option<Range<usize>>) -> StoredPassage {
    let [start, end, from, to, tokens] = [(); 5].map(|()| row.u32() as usize);
    let flags = row.u32();
    assert!(flags < 8);
    assert!(flags & 4 == 0 || flags & 2 == 2, "only Markdown has code");
    let checksum = row.u32();
    assert_eq!(row.u32(), 1, "the version of the rule that composes the embedded text");
    let none = u32::MAX as usize;
    let heading = ((from, to) != (none, none)).then_some(from..to);
    let range = start..end;
    let context = heading.iter().chain(&table_header).map(|range| &text[range.clone()]);
    let pieces: String = std::iter::once(&text[range.clone()]).chain(context).collect();
    assert_eq!(checksum32(pieces.as_bytes()), checksum);
    let markup = if flags & 6 == 2 { Markup::Markdown } else { Markup::Plain };
    StoredPassage { range, heading, table_header, markup, tokens, titled: flags & 1 == 1 }
}

pub(super) fn vectors_of(file: &File, count: usize, dim: usize) -> Vec<Vec<f32>> {
    let checksums = file.u32s(51);
    let vectors: Vec<Vec<f32>> = file.f32s(50).chunks(dim).map(<[f32]>::to_vec).collect();
    assert_eq!((vectors.len(), checksums.len()), (count, count));
    for (row, checksum) in file.section(50).chunks(dim * 4).zip(checksums) {
        assert_eq!(checksum32(row), checksum);
    }
    vectors
}

fn pieces_of(file: &File, count: usize) -> Vec<Vec<u16>> {
    assert_eq!(file.section(123).len(), 8);
    let lists = file.strings(120, count).into_iter();
    let pieces = lists.map(|list| {
        let (pairs, rest) = list.as_chunks();
        let pieces: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
        assert!(rest.is_empty() && pieces.is_sorted_by(|a, b| a < b));
        pieces
    });
    pieces.collect()
}

pub(super) fn codes_of(file: &File, points: usize, dim: usize) -> Vec<PointCode> {
    let norms = file.f32s(61);
    let errors = file.f32s(62);
    let codes: Vec<&[u8]> = file.section(60).chunks(dim.next_multiple_of(64)).collect();
    assert_eq!([codes.len(), norms.len(), errors.len()], [points; 3]);
    if file.tags().contains(&63) && !file.section(63).is_empty() {
        check_coarse_codes(file, &codes);
    }
    let code = |at: usize| PointCode {
        bytes: codes[at].to_vec(),
        inverse_norm: norms[at],
        quantization_error: errors[at],
    };
    (0..points).map(code).collect()
}

/// Checks that the coarse codes are the upper four bits of `codes`, rounded.
fn check_coarse_codes(file: &File, codes: &[&[u8]]) {
    let norms = file.f32s(64);
    let width = codes[0].len().next_multiple_of(128) / 2;
    let coarse: Vec<&[u8]> = file.section(63).chunks(width).collect();
    assert_eq!([coarse.len(), norms.len()], [codes.len(); 2]);
    for ((coarse, norm), codes) in coarse.iter().zip(norms).zip(codes) {
        let pairs = coarse.chunks(64).flat_map(|block| {
            let upper = block.iter().map(|byte| byte >> 4);
            block.iter().map(|byte| byte & 15).chain(upper)
        });
        let read: Vec<i32> = pairs.map(|code| i32::from(code) - 8).collect();
        let rounded = codes.iter().map(|code| ((i32::from(*code) + 8) / 16 - 8).min(7));
        let filling = std::iter::repeat_n(0, read.len() - codes.len());
        assert!(read.iter().copied().eq(rounded.chain(filling)));
        let squares: i32 = read.iter().map(|code| code * code).sum();
        assert!((f64::from(norm) * f64::from(squares).sqrt() - 1.0).abs() < 1e-6);
    }
}
