//! The folder of a vector store.

use std::{collections::BTreeMap, path::Path};

use passim::IndexChoice;

use super::{
    StoredCalibration, add_further_removals,
    bytes::{File, FileId, Record},
    graph::{Graph, GraphRecord},
    index_choice,
    segment::{codes_of, vectors_of},
};

const REMOVALS: u32 = 3;
const CALIBRATION: u32 = 4;
const VECTOR_MANIFEST: u32 = 6;
const VECTOR_SEGMENT: u32 = 7;

#[derive(Debug)]
pub struct VectorFolder {
    pub generation: u64,
    pub dim: usize,
    pub index: IndexChoice,
    pub segments: Vec<StoredVectors>,
    pub calibration: Option<StoredCalibration>,
    /// The names of all its files, ascending.
    pub names: Vec<String>,
}

/// A segment of a vector store.
#[derive(Debug)]
pub struct StoredVectors {
    /// The live vectors by id.
    pub live: BTreeMap<u64, Vec<f32>>,
    pub removed: Vec<u64>,
    pub graph: Option<Graph>,
}

struct VectorManifest {
    generation: u64,
    next_number: u64,
    dim: usize,
    index: IndexChoice,
    segments: Vec<VectorSegmentFiles>,
    calibration: Option<FileId>,
}

struct VectorSegmentFiles {
    vectors: FileId,
    removals: Vec<FileId>,
}

impl VectorManifest {
    fn read(record: &mut Record) -> Self {
        Self {
            generation: record.u64(),
            next_number: record.u64(),
            dim: record.size(),
            index: index_choice(record),
            segments: record.list(|record| VectorSegmentFiles {
                vectors: FileId::read(record),
                removals: record.optional(FileId::read).into_iter().collect(),
            }),
            calibration: record.optional(FileId::read),
        }
    }
}

impl VectorFolder {
    pub fn read(path: &Path) -> Self {
        let file = File::read(&path.join("manifest.passim"));
        assert_eq!(file.kind, VECTOR_MANIFEST);
        let mut manifest = file.record(VectorManifest::read);
        let removals = manifest.segments.iter_mut().map(|files| &mut files.removals);
        add_further_removals(&file, removals);
        assert_eq!(manifest.generation, file.id.number);
        let mut names = vec!["manifest.passim".to_owned()];
        let mut open = |name: &str, kind: u32, id: FileId| {
            let name = format!("{name}-{}.passim", id.number);
            let file = File::read(&path.join(&name));
            assert_eq!((file.kind, file.id), (kind, id), "{name}");
            assert!(id.number < manifest.next_number, "{name}");
            names.push(name);
            file
        };
        let mut segments = Vec::new();
        for files in manifest.segments {
            let vectors = open("vectors", VECTOR_SEGMENT, files.vectors);
            let removals = files.removals.into_iter().map(|id| open("removals", REMOVALS, id));
            let removals: Vec<File> = removals.collect();
            segments.push(StoredVectors::read(&vectors, &removals, manifest.dim));
        }
        let calibration = manifest.calibration.map(|id| open("calibration", CALIBRATION, id));
        let calibration = calibration.map(|file| StoredCalibration::read(&file, manifest.dim));
        names.sort();
        let VectorManifest { generation, dim, index, .. } = manifest;
        Self { generation, dim, index, segments, calibration, names }
    }
}

impl StoredVectors {
    fn read(file: &File, removals: &[File], dim: usize) -> Self {
        let record = file.record(|record| {
            assert_eq!(record.size(), dim);
            match record.u32() {
                0 => None,
                1 => Some(GraphRecord::read(record)),
                other => panic!("index {other}"),
            }
        });
        let mut tags = vec![1, 50, 51, 60, 61, 62];
        if record.is_some() {
            tags.extend([63, 64, 70, 71, 72, 73, 80, 81, 82, 83, 84, 85, 86]);
        }
        tags.push(130);
        assert_eq!(file.tags(), tags);
        let ids: Vec<u64> = file.u64s(130);
        assert!(ids.is_sorted_by(|a, b| a < b));
        let graph = record.map(|record| Graph::read(file, &record, ids.len()));
        let points = graph.as_ref().map_or(ids.len(), |graph| graph.first_rows.len());
        codes_of(file, points, dim);
        let removed = removals.iter().flat_map(|removals| {
            assert_eq!(removals.tags(), [90]);
            removals.u32s(90)
        });
        let removed: Vec<u64> = removed.map(|row| ids[row as usize]).collect();
        let vectors = vectors_of(file, ids.len(), dim);
        let all = ids.into_iter().zip(vectors);
        let live = all.filter(|(id, _)| !removed.contains(id)).collect();
        Self { live, removed, graph }
    }
}
