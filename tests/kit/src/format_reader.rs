//! A reader of index folders, written from `docs/FORMAT.md`; it uses no code of the library.
//!
//! It panics where a file differs from the specification.

mod bytes;
pub mod cache;
pub mod graph;
pub mod lexical;
pub mod segment;
pub mod vector_index;
pub mod vector_store;

use std::{
    fs,
    path::{Path, PathBuf},
};

use passim::{Chunker, HnswParams, IndexChoice, ModelIdentity};

use bytes::{File, FileId, Record};
use segment::Segment;

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
    removals: Vec<FileId>,
}

#[derive(Debug)]
pub struct StoredCalibration {
    pub target_recall: f32,
    pub questions: Vec<Vec<f32>>,
    pub graphs: Vec<GraphMeasurement>,
    /// Per graph; none in files of earlier versions.
    pub filtered: Vec<Vec<FilteredRecall>>,
}

/// The recall of one graph.
#[derive(Debug)]
pub struct GraphMeasurement {
    pub segment: u64,
    pub max_neighbors: usize,
    pub questions: usize,
    pub steps: Vec<MeasuredStep>,
}

/// The recall of searches with a filter.
#[derive(Debug)]
pub struct FilteredRecall {
    pub percent: u32,
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
        assert_eq!(file.kind, MANIFEST);
        let mut manifest = file.record(Manifest::read);
        let removals = manifest.segments.iter_mut().map(|files| &mut files.removals);
        add_further_removals(&file, removals);
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
            for removals in &files.removals {
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
            model: ModelIdentity { name: record.text(), hash: record.u128() },
            dim: record.size(),
            chunker: chunker(record),
            index: index_choice(record),
            probes: record
                .list(|record| Probe { text: record.text(), vector: record.list(Record::f32) }),
            segments: record.list(|record| SegmentFiles {
                segment: FileId::read(record),
                removals: record.optional(FileId::read).into_iter().collect(),
            }),
            calibration: record.optional(FileId::read),
        }
    }
}

/// Adds the files of section 91 of a manifest to the `removals` of its segments.
fn add_further_removals<'r>(file: &File, removals: impl Iterator<Item = &'r mut Vec<FileId>>) {
    if file.tags() == [1] {
        return;
    }
    assert_eq!(file.tags(), [1, 91]);
    let lists = |record: &mut Record| record.list(|record| record.list(FileId::read));
    let further = Record::whole(file.section(91), lists);
    assert!(further.iter().any(|files| !files.is_empty()));
    let removals: Vec<&mut Vec<FileId>> = removals.collect();
    assert_eq!(removals.len(), further.len());
    for (removals, further) in removals.into_iter().zip(further) {
        removals.extend(further);
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

impl StoredCalibration {
    fn read(file: &File, dim: usize) -> Self {
        let has_filtered = file.tags() == [1, 100, 101];
        assert!(has_filtered || file.tags() == [1, 100]);
        let (target_recall, stated, graphs) = file
            .record(|record| (record.f32(), record.size(), record.list(GraphMeasurement::read)));
        assert_eq!(stated, dim);
        let questions = file.f32s(100).chunks(dim).map(<[f32]>::to_vec).collect();
        let read_filtered =
            |record: &mut Record| record.list(|record| record.list(FilteredRecall::read));
        let filtered = has_filtered.then(|| Record::whole(file.section(101), read_filtered));
        Self { target_recall, questions, graphs, filtered: filtered.unwrap_or_default() }
    }
}

impl GraphMeasurement {
    fn read(record: &mut Record) -> Self {
        Self {
            segment: record.u64(),
            max_neighbors: record.size(),
            questions: record.size(),
            steps: record.list(MeasuredStep::read),
        }
    }
}

impl FilteredRecall {
    fn read(record: &mut Record) -> Self {
        Self { percent: record.u32(), steps: record.list(MeasuredStep::read) }
    }
}

impl MeasuredStep {
    fn read(record: &mut Record) -> Self {
        Self { ef_search: record.size(), recalls: record.list(Record::f64) }
    }
}
