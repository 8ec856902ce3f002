//! An index folder, read from docs/FORMAT.md alone: nothing of the library's own reading.

use std::{
    fs,
    path::{Path, PathBuf},
};

use passim::{Date, HnswParams, IndexChoice, Language, Metadata, Value};

use crate::{
    bytes::{File, FileId, Record, checksum32},
    graph::Graph,
    lexical::Lexical,
};

const MANIFEST: u32 = 1;
const SEGMENT: u32 = 2;
const REMOVALS: u32 = 3;
const CALIBRATION: u32 = 4;

pub struct Folder {
    pub manifest: Manifest,
    pub segments: Vec<Segment>,
    pub calibration: Option<Calibration>,
    /// The names of all files that it consists of, ascending.
    pub names: Vec<String>,
}

pub struct Manifest {
    pub generation: u64,
    pub next_number: u64,
    pub model: (String, u128),
    pub dim: usize,
    /// `max_tokens`, `overlap_sentences` and `context`.
    pub chunker: (usize, usize, bool),
    pub index: IndexChoice,
    pub probes: Vec<(String, Vec<f32>)>,
    segments: Vec<(FileId, Option<FileId>)>,
    calibration: Option<FileId>,
}

pub struct Segment {
    pub number: u64,
    pub dim: usize,
    pub articles: Vec<Stored>,
    pub passages: Vec<StoredPassage>,
    /// One per passage.
    pub vectors: Vec<Vec<f32>>,
    /// One per point.
    pub codes: Vec<Code>,
    pub graph: Option<Graph>,
    /// If there is one of the present version.
    pub lexical: Option<Lexical>,
}

pub struct Stored {
    pub key: String,
    pub title: Option<String>,
    pub language: Option<Spoken>,
    pub metadata: Metadata,
    pub text: String,
    /// Hash of what it was made from.
    pub content: [u8; 16],
    pub rows: std::ops::Range<usize>,
    pub removed: bool,
}

/// The language of an article, and whether it says so itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spoken {
    pub language: Language,
    pub said: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct StoredPassage {
    pub range: std::ops::Range<usize>,
    pub heading: Option<std::ops::Range<usize>>,
    pub tokens: usize,
    pub titled: bool,
}

pub struct Code {
    /// `dim` codes and what they are filled up with.
    pub bytes: Vec<u8>,
    pub inverse_norm: f32,
    pub chord: f32,
}

pub struct Calibration {
    pub target_recall: f32,
    pub questions: Vec<Vec<f32>>,
    pub graphs: Vec<Measured>,
}

/// What was measured of one graph.
pub struct Measured {
    pub segment: u64,
    pub most_neighbors: usize,
    pub questions: usize,
    /// `ef_search`, and the mean recall@1, recall@2 and so on.
    pub steps: Vec<(usize, Vec<f64>)>,
}

impl Folder {
    pub fn read(path: &Path) -> Self {
        let manifest = File::read(&path.join("manifest.passim"));
        let tags = manifest.tags();
        let generation = manifest.id.number;
        assert_eq!((manifest.kind, tags), (MANIFEST, vec![1]));
        let manifest = manifest.record(Manifest::read);
        assert_eq!(manifest.generation, generation);
        let mut files =
            Files { path, names: vec!["manifest.passim".to_owned()], manifest: &manifest };
        let segments = files.segments();
        let calibration = manifest.calibration.map(|id| {
            let file = files.open("calibration", CALIBRATION, id);
            Calibration::read(&file, manifest.dim)
        });
        let Files { mut names, .. } = files;
        names.sort();
        Self { manifest, segments, calibration, names }
    }

    /// The names of the files that are there, ascending.
    pub fn listed(path: &Path) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let names = fs::read_dir(path).unwrap().map(name);
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// The files that a manifest names.
struct Files<'m> {
    path: &'m Path,
    names: Vec<String>,
    manifest: &'m Manifest,
}

impl Files<'_> {
    fn open(&mut self, name: &str, kind: u32, id: FileId) -> File {
        let name = format!("{name}-{}.passim", id.number);
        let file = File::read(&PathBuf::from(self.path).join(&name));
        assert_eq!((file.kind, file.id), (kind, id), "{name}");
        assert!(id.number < self.manifest.next_number, "{name}");
        self.names.push(name);
        file
    }

    fn segments(&mut self) -> Vec<Segment> {
        let manifest = self.manifest;
        let segment = |(id, removals): &(FileId, Option<FileId>)| {
            let file = self.open("segment", SEGMENT, *id);
            let mut segment = Segment::read(&file);
            assert_eq!(segment.dim, manifest.dim);
            if let Some(removals) = removals {
                segment.remove(&self.open("removals", REMOVALS, *removals));
            }
            segment
        };
        manifest.segments.iter().map(segment).collect()
    }
}

impl Manifest {
    fn read(record: &mut Record) -> Self {
        Self {
            generation: record.u64(),
            next_number: record.u64(),
            model: (record.text(), record.u128()),
            dim: record.size(),
            chunker: (record.size(), record.size(), record.bool()),
            index: index_choice(record),
            probes: record.list(|record| (record.text(), record.list(Record::f32))),
            segments: record.list(|record| (FileId::read(record), record.optional(FileId::read))),
            calibration: record.optional(FileId::read),
        }
    }
}

fn index_choice(record: &mut Record) -> IndexChoice {
    let case = record.u32();
    let mut params = || HnswParams { m: record.size(), ef_construction: record.size() };
    match case {
        0 => IndexChoice::Exact,
        1 => IndexChoice::Hnsw(params()),
        2 => IndexChoice::Auto(params()),
        other => panic!("index {other}"),
    }
}

impl Segment {
    fn read(file: &File) -> Self {
        let (articles, passages, dim, graph) = file.record(|record| {
            let sizes = (record.size(), record.size(), record.size());
            let graph = match record.u32() {
                0 => None,
                1 => Some(crate::graph::Shape::read(record)),
                other => panic!("index {other}"),
            };
            (sizes.0, sizes.1, sizes.2, graph)
        });
        let mut tags =
            vec![1, 10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 33, 40, 41, 50, 51, 60, 61, 62];
        if graph.is_some() {
            tags.extend([70, 71, 72, 80, 81, 82, 83, 84, 85, 86]);
        }
        let mut found = file.tags();
        let has_lexical = found.pop_if(|tag| *tag == 110).is_some();
        let lexical = has_lexical.then(|| Lexical::read(file.section(110), passages)).flatten();
        assert_eq!(found, tags);
        let graph = graph.map(|shape| Graph::read(file, &shape, passages));
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
        };
        segment.check_order(&file.u32s(13));
        segment
    }

    /// `order` are the numbers of the articles by their keys.
    fn check_order(&self, order: &[u32]) {
        assert_eq!(order.len(), self.articles.len());
        let key = |at: u32| self.articles[at as usize].key.as_bytes();
        assert!(order.is_sorted_by(|a, b| key(*a) < key(*b)));
    }

    fn remove(&mut self, removals: &File) {
        assert_eq!(removals.tags(), [90]);
        let removed = removals.u32s(90);
        assert!(removed.is_sorted_by(|a, b| a < b));
        for at in removed {
            self.articles[at as usize].removed = true;
        }
    }
}

fn articles_of(file: &File, count: usize, passages: usize) -> Vec<Stored> {
    let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (keys, heads) = (file.strings(10, count), file.strings(20, count));
    let (texts, contents) = (file.strings(30, count), file.arrays(33));
    let mut starts: Vec<usize> = file.u32s(40).into_iter().map(|row| row as usize).collect();
    assert_eq!((contents.len(), starts.len()), (count, count));
    assert!(starts.is_sorted() && starts.first().is_none_or(|first| *first == 0));
    starts.push(passages);
    let article = |at: usize| {
        let (title, language, metadata) = Record::whole(heads[at], head);
        let rows = starts[at]..starts[at + 1];
        let (key, text) = (utf8(keys[at]), utf8(texts[at]));
        let (content, removed) = (contents[at], false);
        Stored { key, title, language, metadata, text, content, rows, removed }
    };
    (0..count).map(article).collect()
}

/// Title, language and metadata.
fn head(record: &mut Record) -> (Option<String>, Option<Spoken>, Metadata) {
    let title = record.optional(Record::text);
    let language = match record.u32() {
        0 => None,
        1 => Some(Spoken { language: Language::German, said: true }),
        2 => Some(Spoken { language: Language::English, said: true }),
        3 => Some(Spoken { language: Language::German, said: false }),
        4 => Some(Spoken { language: Language::English, said: false }),
        other => panic!("{other} is no language"),
    };
    let metadata = record.list(|record| (record.text(), value(record)));
    (title, language, metadata.into_iter().collect())
}

fn value(record: &mut Record) -> Value {
    match record.u32() {
        0 => Value::Bool(record.bool()),
        1 => Value::Integer(i64::from_le_bytes(record.array())),
        2 => Value::Float(record.f64()),
        3 => {
            let year = i16::from_le_bytes(record.array());
            let [month, day] = [(); 2].map(|()| i8::from_le_bytes(record.array()));
            Value::Date(Date::new(year, month, day).unwrap())
        }
        4 => Value::String(record.text()),
        other => panic!("value {other}"),
    }
}

fn passages_of(file: &File, articles: &[Stored], count: usize) -> Vec<StoredPassage> {
    let rows = file.arrays::<32>(41);
    assert_eq!(rows.len(), count);
    let texts = articles.iter().flat_map(|one| one.rows.clone().map(|_| one.text.as_str()));
    let passage = |(row, text): (&[u8; 32], &str)| Record::whole(row, |row| passage(row, text));
    rows.iter().zip(texts).map(passage).collect()
}

/// A passage of an article with this text.
fn passage(row: &mut Record, text: &str) -> StoredPassage {
    let [start, end, from, to, tokens] = [(); 5].map(|()| row.u32() as usize);
    let (titled, checksum, told) = (row.u32(), row.u32(), row.u32());
    assert_eq!(told, 1);
    assert!(titled < 2);
    let none = u32::MAX as usize;
    let heading = ((from, to) != (none, none)).then_some(from..to);
    let range = start..end;
    let shown = heading.clone().map_or("", |heading| &text[heading]);
    assert_eq!(checksum32([&text[range.clone()], shown].concat().as_bytes()), checksum);
    StoredPassage { range, heading, tokens, titled: titled == 1 }
}

fn vectors_of(file: &File, count: usize, dim: usize) -> Vec<Vec<f32>> {
    let checksums = file.u32s(51);
    let vectors: Vec<Vec<f32>> = file.f32s(50).chunks(dim).map(<[f32]>::to_vec).collect();
    assert_eq!((vectors.len(), checksums.len()), (count, count));
    for (row, checksum) in file.section(50).chunks(dim * 4).zip(checksums) {
        assert_eq!(checksum32(row), checksum);
    }
    vectors
}

fn codes_of(file: &File, points: usize, dim: usize) -> Vec<Code> {
    let codes = file.section(60).chunks(dim.next_multiple_of(64));
    let (norms, chords) = (file.f32s(61), file.f32s(62));
    assert_eq!((codes.len(), norms.len(), chords.len()), (points, points, points));
    let numbers = norms.into_iter().zip(chords);
    let code = |(bytes, (inverse_norm, chord)): (&[u8], _)| Code {
        bytes: bytes.to_vec(),
        inverse_norm,
        chord,
    };
    codes.zip(numbers).map(code).collect()
}

impl Calibration {
    fn read(file: &File, dim: usize) -> Self {
        assert_eq!(file.tags(), [1, 100]);
        let (target_recall, stated, graphs) =
            file.record(|record| (record.f32(), record.size(), record.list(Measured::read)));
        assert_eq!(stated, dim);
        let questions = file.f32s(100).chunks(dim).map(<[f32]>::to_vec).collect();
        Self { target_recall, questions, graphs }
    }
}

impl Measured {
    fn read(record: &mut Record) -> Self {
        Self {
            segment: record.u64(),
            most_neighbors: record.size(),
            questions: record.size(),
            steps: record.list(|record| (record.size(), record.list(Record::f64))),
        }
    }
}
