//! A reader of index folders, written from `docs/FORMAT.md`; it uses no code of the library.
//!
//! It panics where a file differs from the specification.

mod bytes;
pub mod cache;
pub mod graph;
pub mod lexical;

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use passim::{Chunker, Date, HnswParams, IndexChoice, Language, Metadata, ModelIdentity, Value};

use bytes::{File, FileId, Record, checksum32};
use graph::{Graph, GraphRecord};
use lexical::Lexical;

const MANIFEST: u32 = 1;
const SEGMENT: u32 = 2;
const REMOVALS: u32 = 3;
const CALIBRATION: u32 = 4;

#[derive(Debug)]
pub struct Folder {
    pub manifest: Manifest,
    pub segments: Vec<Segment>,
    pub calibration: Option<StoredCalibration>,
    /// The names of all its files, ascending.
    pub names: Vec<String>,
}

#[derive(Debug)]
pub struct Manifest {
    pub generation: u64,
    pub next_number: u64,
    pub model: ModelIdentity,
    pub dim: usize,
    pub chunker: Chunker,
    pub index: IndexChoice,
    pub probes: Vec<Probe>,
    segments: Vec<SegmentFiles>,
    calibration: Option<FileId>,
}

/// A text and its vector by the model that created the index.
#[derive(Debug)]
pub struct Probe {
    pub text: String,
    pub vector: Vec<f32>,
}

#[derive(Debug)]
struct SegmentFiles {
    segment: FileId,
    removals: Option<FileId>,
}

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
}

#[derive(Debug)]
pub struct StoredArticle {
    pub key: String,
    pub head: StoredHead,
    pub text: String,
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

#[derive(Debug)]
pub struct StoredCalibration {
    pub target_recall: f32,
    pub questions: Vec<Vec<f32>>,
    pub graphs: Vec<GraphMeasurement>,
}

/// The recall of one graph.
#[derive(Debug)]
pub struct GraphMeasurement {
    pub segment: u64,
    pub max_neighbors: usize,
    pub questions: usize,
    pub steps: Vec<MeasuredStep>,
}

#[derive(Debug)]
pub struct MeasuredStep {
    pub ef_search: usize,
    /// The mean recall@1, recall@2 and so on.
    pub recalls: Vec<f64>,
}

impl Folder {
    pub fn read(path: &Path) -> Self {
        let file = File::read(&path.join("manifest.passim"));
        assert_eq!((file.kind, file.tags()), (MANIFEST, vec![1]));
        let manifest = file.record(Manifest::read);
        assert_eq!(manifest.generation, file.id.number);
        let names = vec!["manifest.passim".to_owned()];
        let mut files = Files { path, names, manifest: &manifest };
        let segments = files.segments();
        let calibration = manifest.calibration.map(|id| {
            let file = files.open("calibration", CALIBRATION, id);
            StoredCalibration::read(&file, manifest.dim)
        });
        let Files { mut names, .. } = files;
        names.sort();
        Self { manifest, segments, calibration, names }
    }

    /// The names of the files in the folder, ascending.
    pub fn listed(path: &Path) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let names = fs::read_dir(path).unwrap().map(name);
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// The files that a manifest names, and the names of those that were opened.
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
        let segment = |files: &SegmentFiles| {
            let mut segment = Segment::read(&self.open("segment", SEGMENT, files.segment));
            assert_eq!(segment.dim, manifest.dim);
            if let Some(removals) = files.removals {
                segment.remove(&self.open("removals", REMOVALS, removals));
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
            model: ModelIdentity { name: record.text(), hash: record.u128() },
            dim: record.size(),
            chunker: chunker(record),
            index: index_choice(record),
            probes: record
                .list(|record| Probe { text: record.text(), vector: record.list(Record::f32) }),
            segments: record.list(|record| SegmentFiles {
                segment: FileId::read(record),
                removals: record.optional(FileId::read),
            }),
            calibration: record.optional(FileId::read),
        }
    }
}

fn chunker(record: &mut Record) -> Chunker {
    let chunker = Chunker::default().max_tokens(record.size());
    chunker.overlap_sentences(record.size()).context(record.bool())
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
    fn read(file: &File) -> Self {
        let SegmentRecord { articles, passages, dim, graph } = file.record(SegmentRecord::read);
        let mut tags =
            vec![1, 10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 33, 40, 41, 50, 51, 60, 61, 62];
        if graph.is_some() {
            tags.extend([70, 71, 72, 80, 81, 82, 83, 84, 85, 86]);
        }
        let mut found = file.tags();
        let has_lexical = found.pop_if(|tag| *tag == 110).is_some();
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
        };
        segment.check_order(&file.u32s(13));
        segment
    }

    /// Checks that `order` sorts the articles by their keys.
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

fn articles_of(file: &File, count: usize, passages: usize) -> Vec<StoredArticle> {
    let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let keys = file.strings(10, count);
    let heads = file.strings(20, count);
    let texts = file.strings(30, count);
    let contents = file.arrays(33);
    let mut starts: Vec<usize> = file.u32s(40).into_iter().map(|row| row as usize).collect();
    assert_eq!((contents.len(), starts.len()), (count, count));
    assert!(starts.is_sorted() && starts.first().is_none_or(|first| *first == 0));
    starts.push(passages);
    let article = |at: usize| StoredArticle {
        key: utf8(keys[at]),
        head: Record::whole(heads[at], StoredHead::read),
        text: utf8(texts[at]),
        content_hash: contents[at],
        rows: starts[at]..starts[at + 1],
        removed: false,
    };
    (0..count).map(article).collect()
}

impl StoredHead {
    fn read(record: &mut Record) -> Self {
        let title = record.optional(Record::text);
        let language = stored_language(record.u32());
        let metadata = record.list(|record| (record.text(), value(record)));
        Self { title, language, metadata: metadata.into_iter().collect() }
    }
}

fn stored_language(number: u32) -> Option<StoredLanguage> {
    let language = match number {
        0 => return None,
        1 | 3 => Language::German,
        2 | 4 => Language::English,
        other => panic!("{other} is no language"),
    };
    Some(StoredLanguage { language, is_declared: number < 3 })
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

fn passages_of(file: &File, articles: &[StoredArticle], count: usize) -> Vec<StoredPassage> {
    let rows = file.arrays::<32>(41);
    assert_eq!(rows.len(), count);
    let texts = articles.iter().flat_map(|one| one.rows.clone().map(|_| one.text.as_str()));
    let passage = |(row, text): (&[u8; 32], &str)| Record::whole(row, |row| passage(row, text));
    rows.iter().zip(texts).map(passage).collect()
}

/// A passage of an article with the text `text`.
fn passage(row: &mut Record, text: &str) -> StoredPassage {
    let [start, end, from, to, tokens] = [(); 5].map(|()| row.u32() as usize);
    let titled = row.u32();
    assert!(titled < 2);
    let checksum = row.u32();
    assert_eq!(row.u32(), 1, "the version of the rule that composes the embedded text");
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

fn codes_of(file: &File, points: usize, dim: usize) -> Vec<PointCode> {
    let norms = file.f32s(61);
    let errors = file.f32s(62);
    let codes: Vec<&[u8]> = file.section(60).chunks(dim.next_multiple_of(64)).collect();
    assert_eq!([codes.len(), norms.len(), errors.len()], [points; 3]);
    let code = |at: usize| PointCode {
        bytes: codes[at].to_vec(),
        inverse_norm: norms[at],
        quantization_error: errors[at],
    };
    (0..points).map(code).collect()
}

impl StoredCalibration {
    fn read(file: &File, dim: usize) -> Self {
        assert_eq!(file.tags(), [1, 100]);
        let (target_recall, stated, graphs) = file
            .record(|record| (record.f32(), record.size(), record.list(GraphMeasurement::read)));
        assert_eq!(stated, dim);
        let questions = file.f32s(100).chunks(dim).map(<[f32]>::to_vec).collect();
        Self { target_recall, questions, graphs }
    }
}

impl GraphMeasurement {
    fn read(record: &mut Record) -> Self {
        Self {
            segment: record.u64(),
            max_neighbors: record.size(),
            questions: record.size(),
            steps: record.list(|record| MeasuredStep {
                ef_search: record.size(),
                recalls: record.list(Record::f64),
            }),
        }
    }
}
